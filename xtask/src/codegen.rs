//! `cargo xtask codegen`: generates the files of the client crate, or says what would change.

use std::path::PathBuf;

use crate::check::check;
use crate::diagnostic::Report;
use crate::generate::{GeneratedFile, generate};
use crate::output::{Change, OutputError, changes};
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

/// Why nothing was generated.
#[derive(Debug)]
pub enum CodegenError {
    /// The document cannot be read or is wrong.
    Spec(LoadError),
    /// The folder cannot be read or written.
    Output(OutputError),
}

impl std::fmt::Display for CodegenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CodegenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spec(error) => error.source(),
            Self::Output(error) => error.source(),
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
pub fn plan(options: &Options) -> Result<Vec<Change>, CodegenError> {
    let document = Document::load(&options.spec).map_err(CodegenError::Spec)?;
    let files = files(&document).map_err(|report| CodegenError::Spec(LoadError::Wrong(report)))?;
    changes(&options.out, &files).map_err(CodegenError::Output)
}

/// Brings the folder up to date and returns what has changed.
///
/// # Errors
///
/// The document is wrong, or the folder cannot be read or written.
pub fn run(options: &Options) -> Result<Vec<Change>, CodegenError> {
    let changes = plan(options)?;
    for change in &changes {
        change.apply().map_err(CodegenError::Output)?;
    }
    Ok(changes)
}
