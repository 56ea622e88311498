//! What must hold before anything is generated.

use crate::diagnostic::Diagnostic;
use crate::spec::Document;

/// Everything that is wrong with a document.
#[must_use]
pub fn check(_document: &Document) -> Vec<Diagnostic> {
    Vec::new()
}
