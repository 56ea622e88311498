//! `x-nullable` marks members that may be null although their schema does not say so.

use super::shape::Visit;
use crate::diagnostic::Diagnostic;
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};

/// The extension stands where it says something: at a member that could not be null without it.
pub(super) fn check(document: &Document, visits: &[Visit<'_>], errors: &mut Vec<Diagnostic>) {
    let schemas = || visits.iter().filter(|visit| visit.kind == "Schema");
    let mut members: Vec<*const Node> = Vec::new();
    for property in schemas().flat_map(|visit| properties(visit.node)) {
        if let Some(mark) = property.value.entry("x-nullable") {
            members.push(&raw const property.value);
            errors.extend(wrong(document, property, mark));
        }
    }
    for visit in schemas().filter(|visit| !members.contains(&(&raw const *visit.node))) {
        if let Some(mark) = visit.node.entry("x-nullable") {
            errors.push(
                Diagnostic::new(mark.at, "`x-nullable` at what is no member of an object has no meaning")
                    .hint("it belongs to an entry of `properties`"),
            );
        }
    }
}

fn properties(schema: &Node) -> &[Entry] {
    schema.entries_of("properties")
}

fn wrong(document: &Document, property: &Entry, mark: &Entry) -> Option<Diagnostic> {
    let name = &property.key;
    if !mark.value.is_true() {
        let diagnostic = Diagnostic::new(mark.at, "`x-nullable: false` says nothing");
        return Some(diagnostic.expected("`x-nullable: true`, or nothing"));
    }
    if admits_null(document, &property.value, &["nullable"]) {
        let message = format!("`{name}` may be null without `x-nullable`");
        return Some(Diagnostic::new(mark.at, message).expected("nothing"));
    }
    if property.value.get("type").is_none() && only_reference(&property.value).is_none() {
        let message = format!("nothing can be made of `x-nullable` at `{name}`");
        return Some(Diagnostic::new(mark.at, message).expected("`type` beside it, or `allOf` with a single `$ref`"));
    }
    None
}

/// Whether a schema allows null, if one of these keys is enough to say so.
pub(crate) fn admits_null(document: &Document, schema: &Node, keys: &[&str]) -> bool {
    let says = |node: &Node| keys.iter().any(|key| node.says(key));
    if says(schema) {
        return true;
    }
    if let Some(only) = only_reference(schema) {
        return document.target(only).is_some_and(says);
    }
    let limits = ["type", "$ref", "allOf", "oneOf", "anyOf", "not", "enum"];
    !limits.iter().any(|key| schema.get(key).is_some())
}

/// The reference of a schema that only gives a description to another one.
pub(crate) fn only_reference(schema: &Node) -> Option<&str> {
    match schema.get("allOf")?.items() {
        [only] if schema.get("type").is_none() => only.text("$ref"),
        _ => None,
    }
}
