//! What must hold before anything is generated.
//!
//! Some of it is OpenAPI; some is what the generator of the client would get wrong without a word, or panic at; the
//! rest is what this project's own extensions need.

mod answers;
mod codes;
mod extensions;
mod kinds;
mod operations;
mod parameters;
mod references;
mod schemas;
mod shape;

use crate::diagnostic::Diagnostic;
use crate::spec::Document;

/// Everything that is wrong with a document.
#[must_use]
pub fn check(document: &Document) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let visits = shape::walk(&document.root, &mut errors);
    version(document, &mut errors);
    references::check(document, &visits, &mut errors);
    schemas::check(document, &visits, &mut errors);
    parameters::check(&visits, &mut errors);
    operations::check(document, &mut errors);
    codes::check(document, &mut errors);
    answers::check(document, &mut errors);
    errors
}

fn version(document: &Document, errors: &mut Vec<Diagnostic>) {
    let Some(node) = document.root.get("openapi") else {
        return;
    };
    let Some(version) = node.as_str() else { return };
    if !version.starts_with("3.0.") {
        let message = format!("OpenAPI {version} cannot be generated from");
        errors.push(Diagnostic::new(node.at, message).expected("3.0.0 to 3.0.4"));
    }
}
