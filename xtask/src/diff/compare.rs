//! What all comparisons have in common: the two documents, and how a difference between them is put down.

use std::collections::BTreeMap;

use super::api::Touch;
use super::change::{Change, Impact, Marker, Subject, breaking, minor, none, patch};
use super::uses::{Usage, Uses};
use crate::diagnostic::{Mark, SourceFile};
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};

/// The two documents, and what is known of them.
pub(super) struct Context<'a> {
    pub(super) base: &'a Document,
    pub(super) head: &'a Document,
    /// How base uses its schemas: only those who were built from base can suffer.
    pub(super) usage: Usage,
    /// Schemas that are called otherwise in head, by their names in base.
    pub(super) renamed: BTreeMap<String, String>,
}

/// What is compared, and what its differences may bear on in the generated code.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) subject: Subject,
    pub(super) touches: Vec<Touch>,
}

/// A thing of which both versions have one.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) base: &'a Node,
    pub(super) head: &'a Node,
    /// Where the thing is in head: its key, if it has one.
    pub(super) at: Mark,
}

impl<'a> Pair<'a> {
    /// What both have under a key, if both have it.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let (base, head) = (self.base.get(key)?, self.head.entry(key)?);
        Some(Self::new(base, head))
    }

    pub(super) fn new(base: &'a Node, head: &'a Entry) -> Self {
        Self {
            base,
            head: &head.value,
            at: head.at,
        }
    }

    /// An item of a list, or what an item refers to.
    pub(super) fn item(base: &'a Node, head: &'a Node) -> Self {
        let at = head.at;
        Self { base, head, at }
    }

    /// The keys that either has, those of base first.
    pub(super) fn keys(self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = Vec::new();
        for entry in self.base.entries().iter().chain(self.head.entries()) {
            if !keys.contains(&entry.key.as_str()) {
                keys.push(&entry.key);
            }
        }
        keys
    }

    /// Whether the values under a key differ.
    pub(super) fn differ(self, key: &str) -> bool {
        let json = |node: &Node| node.get(key).map(Node::to_json);
        json(self.base) != json(self.head)
    }

    /// Whether `true` is under a key in base, and in head.
    pub(super) fn says(self, key: &str) -> (bool, bool) {
        (self.base.says(key), self.head.says(key))
    }

    /// The texts under a key in base and in head, or another text where there is none.
    pub(super) fn texts(self, key: &str, absent: &'static str) -> (&'a str, &'a str) {
        let text = |node: &'a Node| node.text(key).unwrap_or(absent);
        (text(self.base), text(self.head))
    }

    /// "is new", "is gone", or what is said of a thing that both versions have.
    pub(super) fn state<'s>(self, key: &str, changed: &'s str) -> &'s str {
        match (self.base.get(key), self.head.get(key)) {
            (None, Some(_)) => "is new",
            (Some(_), None) => "is gone",
            _ => changed,
        }
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(context: &'a Context<'a>, subject: Subject) -> Self {
        let touches = Vec::new();
        Self {
            context,
            subject,
            touches,
        }
    }

    /// The same with differences that may bear on this.
    pub(super) fn touching(&self, touches: Vec<Touch>) -> Self {
        let Self { context, subject, .. } = self;
        let subject = subject.clone();
        Self {
            context,
            subject,
            touches,
        }
    }

    pub(super) fn added(&self, at: Mark, text: impl Into<String>, wire: Impact) -> Change {
        self.change(Marker::Added, &self.context.head.source, at, text, wire)
    }

    pub(super) fn removed(&self, at: Mark, text: impl Into<String>, wire: Impact) -> Change {
        self.change(Marker::Removed, &self.context.base.source, at, text, wire)
    }

    pub(super) fn changed(&self, at: Mark, text: impl Into<String>, wire: Impact) -> Change {
        self.change(Marker::Changed, &self.context.head.source, at, text, wire)
    }

    /// What has become of the value under a key, at the place where it is or was.
    pub(super) fn key(&self, pair: Pair<'_>, key: &str, text: impl Into<String>, wire: Impact) -> Change {
        match (pair.base.entry(key), pair.head.entry(key)) {
            (Some(entry), None) => self.removed(entry.at, text, wire),
            (None, Some(entry)) => self.added(entry.at, text, wire),
            (_, entry) => self.changed(entry.map_or(pair.at, |entry| entry.at), text, wire),
        }
    }

    /// The same for what means nothing to a program.
    pub(super) fn text(&self, pair: Pair<'_>, key: &str, text: impl Into<String>) -> Change {
        let change = self.key(pair, key, text, none(ONLY_TEXT)).touching(Vec::new());
        let rust = patch(ONLY_TEXT);
        Change { rust, ..change }
    }

    /// The keys that hold nothing but text for people.
    pub(super) fn texts(&self, pair: Pair<'_>, keys: &[&str], of: &str) -> Vec<Change> {
        let differing = keys.iter().filter(|key| pair.differ(key));
        let change = differing.map(|key| {
            let what = match *key {
                "externalDocs" => "link to the vendor's page",
                "example" => "example",
                "tags" => "list of tags",
                key => key,
            };
            let state = pair.state(key, "is written otherwise");
            self.text(pair, key, format!("the {what} of {of} {state}"))
        });
        change.collect()
    }

    /// All keys that are not among these. What no one has thought of may be anything.
    pub(super) fn others(&self, pair: Pair<'_>, known: &[&str], of: &str) -> Vec<Change> {
        let keys = pair.keys().into_iter();
        let unknown = keys.filter(|key| !known.contains(key) && pair.differ(key));
        let change = unknown.map(|key| {
            let state = pair.state(key, "is another");
            let why = format!("`cargo xtask diff` does not know what `{key}` means for programs");
            let text = format!("`{key}` of {of} {state}");
            self.key(pair, key, text, breaking(why.clone())).rust(breaking(why))
        });
        change.collect()
    }

    fn change(&self, marker: Marker, file: &SourceFile, at: Mark, text: impl Into<String>, wire: Impact) -> Change {
        Change {
            subject: self.subject.clone(),
            marker,
            text: text.into(),
            file: file.name.clone(),
            line: at.line,
            rust: patch("the generated code has the same names"),
            wire,
            touches: self.touches.clone(),
        }
    }
}

pub(super) const ONLY_TEXT: &str = "only text for people differs";

/// How the values that a schema lets through have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    /// There are fewer.
    Tightened,
    /// There are more.
    Loosened,
    /// There are others.
    Shifted,
}

impl Motion {
    /// From whether something is demanded in base and in head.
    pub(super) fn of_demand((base, head): (bool, bool)) -> Self {
        match (base, head) {
            (false, true) => Self::Tightened,
            (true, false) => Self::Loosened,
            _ => Self::Shifted,
        }
    }

    /// What that means for those who were built from base.
    pub(super) fn wire(self, uses: Uses) -> Impact {
        let request = match self {
            Self::Loosened => minor("more is accepted in requests than before"),
            Self::Tightened | Self::Shifted => breaking("a request that was accepted may be refused"),
        };
        let response = match self {
            Self::Tightened => minor("answers hold less than a client is prepared for"),
            Self::Loosened | Self::Shifted => breaking("an answer may hold what a client is not prepared for"),
        };
        wire(uses, request, response)
    }
}

/// The graver of what a change means for requests and for answers, as far as there are any.
pub(super) fn wire(uses: Uses, request: Impact, response: Impact) -> Impact {
    match (uses.request, uses.response) {
        (true, true) => request.or(response),
        (true, false) => request,
        (false, true) => response,
        (false, false) => none("no operation of base uses it"),
    }
}
