//! `cargo xtask diff`: what changed between two versions of the document, and what that means for programs.
//!
//! The two documents are compared as they are written, key by key, so that every difference has a place in a file, and
//! a key that nobody has taught this module about is reported too, as breaking. What a difference means for the Rust
//! crates follows from how [`crate::generate`] maps the document; the tests hold that against the code that it makes.
//!
//! No library does this. `drift` 0.2.0, by the authors of progenitor, knows which way a schema is used, which is the
//! hard part. But it reports an added, a removed and a newly required member alike as "object properties changed" or
//! "object required properties changed", unhandled, likewise every limit and every `enum`; a `nullable` not at all;
//! texts, examples and all extensions together as "schema metadata changed". It panics where a media type changes,
//! skips components that no operation reaches, and tells JSON pointers instead of lines. Nothing but the lists of
//! operations and parameters would have been left to it.

mod change;
mod codes;
mod command;
mod compare;
mod document;
mod operations;
mod release;
mod render;
mod schemas;
mod source;
mod uses;

use std::path::PathBuf;

pub use change::{Change, Diff, Impact, Level, Marker, Subject};
pub use command::{Arguments, command};
pub use compare::compare;
pub use release::{Release, Version, owed};
pub use source::DiffError;

use crate::workspace;

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

/// Compares.
///
/// # Errors
///
/// One of the documents cannot be had, or is none that a client can be generated from; or `check` is asked for and base
/// is a file.
pub fn run(options: &Options) -> Result<Outcome, DiffError> {
    let base = source::Base::find(options.base.as_deref(), &options.root)?;
    let release = options.check.then(|| base.release(&options.root)).transpose()?;
    let document = base.document()?;
    let head = match &options.head {
        Some(path) => source::head(path)?,
        None => source::head(&options.root.join(workspace::SPEC))?,
    };
    let diff = compare(&document, &head);
    let owed = release.map(|release| owed(&diff, &release)).unwrap_or_default();
    Ok(Outcome { diff, owed })
}
