//! What must hold before anything is generated.
//!
//! Some of it is OpenAPI; some is what the generator of the client would get wrong without a word, or panic at; the
//! rest is what this project's own extensions need.

mod answers;
mod codes;
mod extensions;
pub(crate) mod nulls;
mod operations;
mod parameters;
mod references;
mod schemas;
pub(crate) mod shape;

use crate::diagnostic::Diagnostic;
use crate::spec::Document;

/// Everything that is wrong with a document.
#[must_use]
pub fn check(document: &Document) -> Vec<Diagnostic> {
    let errors = check_by_rule(document);
    errors.into_iter().map(|(_, error)| error).collect()
}

/// Everything that is wrong with a document, each thing with the name of the rule that it breaks.
#[must_use]
pub fn check_by_rule(document: &Document) -> Vec<(&'static str, Diagnostic)> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    let visits = shape::walk(&document.root);
    let mut settle = |rule, errors: &mut Vec<Diagnostic>| found.extend(errors.drain(..).map(|error| (rule, error)));
    errors.extend(shape::check(&document.root, &visits));
    settle("shape", &mut errors);
    version(document, &mut errors);
    settle("openapi-version", &mut errors);
    references::check(document, &visits, &mut errors);
    settle("references", &mut errors);
    schemas::check(document, &visits, &mut errors);
    nulls::check(document, &visits, &mut errors);
    settle("schemas", &mut errors);
    parameters::check(&visits, &mut errors);
    settle("parameters", &mut errors);
    operations::check(document, &mut errors);
    settle("operations", &mut errors);
    codes::check(document, &mut errors);
    settle("codes", &mut errors);
    answers::check(document, &mut errors);
    settle("answers", &mut errors);
    found
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
