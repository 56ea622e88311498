//! `cargo xtask diff`: what changed between two versions of the document, and what that means for programs.
//!
//! The two documents are compared as they are written, key by key, so that every difference has a place in a file, and
//! a key that nobody has taught this module about is reported too, as breaking. For what a difference means for the Rust
//! crates, both clients are generated and compared (`api`), and every difference between them is put down to a
//! difference between the documents (`rust`). What no compiler sees, such as another number for an error code, is said
//! where the documents are compared.
//!
//! No library does this. `drift` 0.2.0, by the authors of progenitor, knows which way a schema is used, which is the
//! hard part. But it reports an added, a removed and a newly required member alike as "object properties changed" or
//! "object required properties changed", unhandled, likewise every limit and every `enum`; a `nullable` not at all;
//! texts, examples and all extensions together as "schema metadata changed". It panics where a media type changes,
//! skips components that no operation reaches, and tells JSON pointers instead of lines. Nothing but the lists of
//! operations and parameters would have been left to it.

mod api;
mod change;
mod codes;
mod command;
mod compare;
mod components;
mod document;
mod members;
mod operations;
mod release;
mod render;
mod rust;
mod schemas;
mod source;
mod uses;
mod values;

use std::path::PathBuf;

pub use change::{Change, Diff, Impact, Level, Marker, Subject};
pub use command::{Arguments, command};
pub use release::{Release, Version, owed};
pub use source::Client;

use crate::failure::Failure;
use crate::spec::Document;
use crate::workspace;
use compare::Context;
use uses::Usage;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// The workspace; `git` runs here.
    pub root: PathBuf,
    /// A file or a revision, if not the last state that others have seen.
    pub base: Option<String>,
    /// The later document, if not the one of the workspace.
    pub head: Option<PathBuf>,
    /// Whether to look for what a breaking change owes.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: workspace::root(),
            base: None,
            head: None,
            check: false,
        }
    }
}

/// What there is to say.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The differences.
    pub diff: Diff,
    /// With [`Options::check`]: what is missing, if anything is, for people.
    pub owed: Vec<String>,
}

/// Everything that differs between two documents. What it does to Rust programs is not looked at.
#[must_use]
pub fn changes(base: &Document, head: &Document) -> Vec<Change> {
    let context = &Context {
        base,
        head,
        usage: Usage::of(base),
        renamed: schemas::renamed(base, head),
    };
    let mut changes = document::compare(context);
    changes.extend(operations::compare(context));
    changes.extend(components::compare(context));
    changes.extend(schemas::compare(context));
    changes.extend(codes::shared(context));
    changes
}

/// Everything that differs between two documents, and what it does to those who rely on them.
#[must_use]
pub fn compare(base: &Client, head: &Client) -> Diff {
    let mut changes = changes(&base.document, &head.document);
    rust::judge(&mut changes, base, head);
    Diff {
        base: base.document.source.name.clone(),
        head: head.document.source.name.clone(),
        changes: change::by_subject(changes),
    }
}

/// Compares.
///
/// # Errors
///
/// One of the documents cannot be had, or is none that a client can be generated from; or `check` is asked for and base
/// is a file.
pub fn run(options: &Options) -> Result<Outcome, Failure> {
    let base = source::Base::find(options.base.as_deref(), &options.root)?;
    let release = options.check.then(|| base.release(&options.root)).transpose()?;
    let earlier = base.client()?;
    let head = match &options.head {
        Some(path) => source::head(path)?,
        None => source::head(&options.root.join(workspace::SPEC))?,
    };
    let diff = compare(&earlier, &head);
    let owed = release.map(|release| owed(&diff, &release)).unwrap_or_default();
    Ok(Outcome { diff, owed })
}
