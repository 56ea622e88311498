//! What all comparisons have in common: where the differences are collected.

use std::collections::BTreeMap;

use super::change::{Change, Diff, Impact, Marker, Subject, breaking, minor, none, patch};
use super::uses::{Usage, Uses};
use super::{codes, document, operations, schemas};
use crate::diagnostic::Mark;
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};

/// Everything that differs between two documents.
#[must_use]
pub fn compare(base: &Document, head: &Document) -> Diff {
    let mut comparison = Comparison {
        base,
        head,
        usage: Usage::of(base),
        renamed: BTreeMap::new(),
        changes: Vec::new(),
    };
    comparison.renamed = schemas::renamed(base, head);
    document::compare(&mut comparison);
    operations::compare(&mut comparison);
    operations::components(&mut comparison);
    schemas::compare(&mut comparison);
    codes::shared(&mut comparison);
    comparison.finish()
}

pub(super) struct Comparison<'a> {
    pub(super) base: &'a Document,
    pub(super) head: &'a Document,
    /// How base uses its schemas: only those who were built from base can suffer.
    pub(super) usage: Usage,
    /// Schemas that are called otherwise in head, by their names in base.
    pub(super) renamed: BTreeMap<String, String>,
    changes: Vec<Change>,
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
}

impl Comparison<'_> {
    pub(super) fn added(&mut self, subject: &Subject, at: Mark, text: impl Into<String>, rust: Impact, wire: Impact) {
        let file = self.head.source.name.clone();
        self.push(subject, Marker::Added, (file, at), text.into(), rust, wire);
    }

    pub(super) fn removed(&mut self, subject: &Subject, at: Mark, text: impl Into<String>, rust: Impact, wire: Impact) {
        let file = self.base.source.name.clone();
        self.push(subject, Marker::Removed, (file, at), text.into(), rust, wire);
    }

    pub(super) fn changed(&mut self, subject: &Subject, at: Mark, text: impl Into<String>, rust: Impact, wire: Impact) {
        let file = self.head.source.name.clone();
        self.push(subject, Marker::Changed, (file, at), text.into(), rust, wire);
    }

    /// Reports what has become of the value under a key, at the place where it is or was.
    pub(super) fn key(
        &mut self,
        subject: &Subject,
        pair: Pair<'_>,
        key: &str,
        text: impl Into<String>,
        rust: Impact,
        wire: Impact,
    ) {
        match (pair.base.entry(key), pair.head.entry(key)) {
            (Some(entry), None) => self.removed(subject, entry.at, text, rust, wire),
            (None, Some(entry)) => self.added(subject, entry.at, text, rust, wire),
            (_, entry) => self.changed(subject, entry.map_or(pair.at, |entry| entry.at), text, rust, wire),
        }
    }

    /// Reports the keys that hold nothing but text for people.
    pub(super) fn texts(&mut self, subject: &Subject, pair: Pair<'_>, keys: &[&str], of: &str) {
        for key in keys.iter().filter(|key| pair.differ(key)) {
            let what = match *key {
                "externalDocs" => "link to the vendor's page",
                "example" => "example",
                "tags" => "list of tags",
                key => key,
            };
            let state = state(pair, key, "is written otherwise");
            let text = format!("the {what} of {of} {state}");
            self.key(subject, pair, key, text, patch(ONLY_TEXT), none(ONLY_TEXT));
        }
    }

    /// Reports all keys that are not among these. What no one has thought of may be anything.
    pub(super) fn others(&mut self, subject: &Subject, pair: Pair<'_>, known: &[&str], of: &str) {
        for key in pair.keys().into_iter().filter(|key| !known.contains(key)) {
            if pair.differ(key) {
                let state = state(pair, key, "is another");
                let why = format!("`cargo xtask diff` does not know what `{key}` means for programs");
                let text = format!("`{key}` of {of} {state}");
                self.key(subject, pair, key, text, breaking(why.clone()), breaking(why));
            }
        }
    }

    fn push(
        &mut self,
        subject: &Subject,
        marker: Marker,
        (file, at): (String, Mark),
        text: String,
        rust: Impact,
        wire: Impact,
    ) {
        self.changes.push(Change {
            subject: subject.clone(),
            marker,
            text,
            file,
            line: at.line,
            rust,
            wire,
        });
    }

    fn finish(mut self) -> Diff {
        // The kinds of subject in their order, and the subjects of a kind as they were found.
        let mut order: Vec<Subject> = Vec::new();
        for change in &self.changes {
            if !order.contains(&change.subject) {
                order.push(change.subject.clone());
            }
        }
        let kind = |subject: &Subject| match subject {
            Subject::Document => 0,
            Subject::Operation(_) => 1,
            Subject::Component(_) => 2,
            Subject::Schema(_) => 3,
            Subject::Codes(_) => 4,
        };
        let place = |subject: &Subject| order.iter().position(|other| other == subject);
        self.changes
            .sort_by_key(|change| (kind(&change.subject), place(&change.subject)));
        Diff {
            base: self.base.source.name.clone(),
            head: self.head.source.name.clone(),
            changes: self.changes,
        }
    }
}

pub(super) const ONLY_TEXT: &str = "only text for people differs";

/// "is new", "is gone", or what is said of a thing that both versions have.
pub(super) fn state<'a>(pair: Pair<'_>, key: &str, changed: &'a str) -> &'a str {
    match (pair.base.get(key), pair.head.get(key)) {
        (None, Some(_)) => "is new",
        (Some(_), None) => "is gone",
        _ => changed,
    }
}

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
    pub(super) fn of_demand(base: bool, head: bool) -> Self {
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
