//! A difference, and what it means for those who rely on the document.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::api::Touch;

/// How much a change asks of those who rely on the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing, and there is nothing to publish.
    None,
    /// Nothing: only text or inner working differs.
    Patch,
    /// Nothing, but there is more than before.
    Minor,
    /// What worked may work no longer.
    Breaking,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Breaking => "breaking",
        })
    }
}

/// A level and why it is that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// How much.
    pub level: Level,
    /// What follows for a program.
    pub why: Cow<'static, str>,
}

impl Impact {
    fn new(level: Level, why: impl Into<Cow<'static, str>>) -> Self {
        let why = why.into();
        Self { level, why }
    }

    /// The graver of two; the first if they are alike.
    pub(super) fn or(self, other: Self) -> Self {
        if other.level > self.level { other } else { self }
    }
}

pub(super) fn none(why: impl Into<Cow<'static, str>>) -> Impact {
    Impact::new(Level::None, why)
}

pub(super) fn patch(why: impl Into<Cow<'static, str>>) -> Impact {
    Impact::new(Level::Patch, why)
}

pub(super) fn minor(why: impl Into<Cow<'static, str>>) -> Impact {
    Impact::new(Level::Minor, why)
}

pub(super) fn breaking(why: impl Into<Cow<'static, str>>) -> Impact {
    Impact::new(Level::Breaking, why)
}

/// What a change is part of. The order is that of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Subject {
    /// The document as a whole: its description, servers and security.
    Document,
    /// An operation, by its `operationId`.
    Operation(String),
    /// A component that is no schema, such as `parameter JobId`.
    Component(String),
    /// A schema component.
    Schema(String),
    /// A list of error codes: of an operation, of all of them, or of the gateway.
    Codes(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => f.write_str("document"),
            Self::Operation(id) => write!(f, "operation {id}"),
            Self::Component(name) => f.write_str(name),
            Self::Schema(name) => write!(f, "schema {name}"),
            Self::Codes(of) => write!(f, "codes of {of}"),
        }
    }
}

/// What has happened to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Marker {
    /// It is only in head.
    Added,
    /// It is only in base.
    Removed,
    /// It is in both, but not the same.
    Changed,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "+",
            Self::Removed => "-",
            Self::Changed => "~",
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is part of.
    pub subject: Subject,
    /// What has happened.
    pub marker: Marker,
    /// What differs, in one line.
    pub text: String,
    /// The file: head's, or base's for what was removed.
    pub file: String,
    /// The line in that file, from 1.
    pub line: usize,
    /// What it means for programs that use the Rust crates.
    pub rust: Impact,
    /// What it means for clients, in whatever language, that were built from base.
    pub wire: Impact,
    /// What it may bear on in the generated code.
    #[serde(skip)]
    pub(super) touches: Vec<Touch>,
}

impl Change {
    /// Adds what a program feels although all names in the generated code stay as they are.
    pub(super) fn rust(mut self, impact: Impact) -> Self {
        self.rust = self.rust.or(impact);
        self
    }

    /// Replaces what it may bear on in the generated code.
    pub(super) fn touching(mut self, touches: Vec<Touch>) -> Self {
        self.touches = touches;
        self
    }
}

/// Everything that differs between two versions of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The name of the earlier version.
    pub base: String,
    /// The name of the later version.
    pub head: String,
    /// By subject, and there in the order in which they were found.
    pub changes: Vec<Change>,
}

impl Diff {
    /// The verdict on the Rust crates.
    #[must_use]
    pub fn rust(&self) -> Level {
        self.level(|change| &change.rust)
    }

    /// The verdict on compatibility on the wire.
    #[must_use]
    pub fn wire(&self) -> Level {
        self.level(|change| &change.wire)
    }

    fn level(&self, side: Side) -> Level {
        let levels = self.changes.iter().map(|change| side(change).level);
        levels.max().unwrap_or(Level::None)
    }

    /// The changes that decide a verdict, each with its reason.
    pub(super) fn reasons(&self, side: Side) -> impl Iterator<Item = (&Change, &Impact)> {
        let level = self.level(side);
        let all = self.changes.iter().map(move |change| (change, side(change)));
        all.filter(move |(_, impact)| level > Level::None && impact.level == level)
    }
}

/// One of the two verdicts.
pub(super) type Side = fn(&Change) -> &Impact;

/// The kinds of subject in their order, and the subjects of a kind as they were found.
pub(super) fn by_subject(mut changes: Vec<Change>) -> Vec<Change> {
    let kind = |subject: &Subject| match subject {
        Subject::Document => 0,
        Subject::Operation(_) => 1,
        Subject::Component(_) => 2,
        Subject::Schema(_) => 3,
        Subject::Codes(_) => 4,
    };
    let mut found: Vec<Subject> = Vec::new();
    for change in &changes {
        if !found.contains(&change.subject) {
            found.push(change.subject.clone());
        }
    }
    let place = |subject: &Subject| found.iter().position(|other| other == subject);
    changes.sort_by_key(|change| (kind(&change.subject), place(&change.subject)));
    changes
}
