//! `cargo xtask codegen`: generates the files of the client crate, or says what would change.

use std::path::PathBuf;

use crate::check::check;
use crate::diagnostic::Report;
use crate::failure::Failure;
use crate::generate::{GeneratedFile, generate};
use crate::output::{Change, changes};
use crate::spec::{Document, LoadError};
use crate::workspace;

/// What to read and where to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The OpenAPI document.
    pub spec: PathBuf,
    /// The folder of the generated files.
    pub out: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        let root = workspace::root();
        Self {
            spec: root.join(workspace::SPEC),
            out: root.join(workspace::GENERATED),
        }
    }
}

/// Checks a document and generates the files from it, without writing any.
///
/// # Errors
///
/// Everything that is wrong with the document.
pub fn files(document: &Document) -> Result<Vec<GeneratedFile>, Report> {
    let diagnostics = check(document);
    let result = if diagnostics.is_empty() {
        generate(document)
    } else {
        Err(diagnostics)
    };
    result.map_err(|diagnostics| Report::new(document.source.clone(), diagnostics))
}

/// What must change in the folder so that it fits to the document.
///
/// # Errors
///
/// The document is wrong, or the folder cannot be read.
pub fn plan(options: &Options) -> Result<Vec<Change>, Failure> {
    let document = Document::load(&options.spec)?;
    let files = files(&document).map_err(LoadError::Wrong)?;
    changes(&options.out, &files)
}

/// Brings the folder up to date and returns what has changed.
///
/// # Errors
///
/// The document is wrong, or the folder cannot be read or written.
pub fn run(options: &Options) -> Result<Vec<Change>, Failure> {
    let changes = plan(options)?;
    for change in &changes {
        change.apply()?;
    }
    Ok(changes)
}
