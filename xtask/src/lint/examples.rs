//! Examples are what their schema says, known members and known values included.

use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde_json::Value as Json;

use super::Findings;
use super::schema::Components;
use crate::check::shape::Visit;
use crate::diagnostic::{Diagnostic, Mark, did_you_mean};
use crate::spec::Document;
use crate::spec::tree::{Content, Entry, Node};

const RULE: &str = "example-schema";

pub(super) fn lint(document: &Document, visits: &[Visit<'_>], findings: &mut Findings) {
    let components = Components::new(document);
    for visit in visits.iter().filter(|visit| visit.node.get("$ref").is_none()) {
        let (schema, examples) = match visit.kind {
            "Schema" => (Some(visit.node), own(visit.node)),
            "MediaType" | "Parameter" | "Header" => (visit.node.get("schema"), several(document, visit.node)),
            _ => continue,
        };
        let Some(schema) = schema.filter(|_| !examples.is_empty()) else {
            continue;
        };
        let validator = match components.validator(schema) {
            Ok(validator) => validator,
            Err(why) => {
                // If the form of the document is wrong, that has been said, and this follows from it.
                if findings.is_empty() {
                    let message = format!("no example can be compared with this schema: {why}");
                    findings.error(RULE, Diagnostic::new(visit.owner, message));
                }
                continue;
            }
        };
        for example in examples {
            let json = example.value.to_json();
            for error in validator.iter_errors(&json) {
                findings.error(RULE, diagnostic(&error, example));
            }
        }
    }
}

/// What a schema gives as an example or default.
fn own(schema: &Node) -> Vec<&Entry> {
    ["default", "example"]
        .into_iter()
        .filter_map(|key| schema.entry(key))
        .collect()
}

fn several<'a>(document: &'a Document, node: &'a Node) -> Vec<&'a Entry> {
    let named = node.entries_of("examples");
    let values = named
        .iter()
        .filter_map(|example| document.resolve(&example.value)?.entry("value"));
    node.entry("example").into_iter().chain(values).collect()
}

fn diagnostic(error: &ValidationError<'_>, example: &Entry) -> Diagnostic {
    let pointer = error.instance_path().as_str();
    let (place, node) = find(example, pointer);
    let name = match pointer.rsplit('/').next() {
        Some(last) if !last.is_empty() && last.parse::<usize>().is_err() => format!("`{last}`"),
        _ => "the value".to_owned(),
    };
    if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind()
        && let Some(first) = unexpected.first()
    {
        let at = node.entry(first).map_or(place, |entry| entry.at);
        return Diagnostic::new(
            at,
            format!("the example has a member `{first}` that its schema does not describe"),
        )
        .hint("describe it in the schema, or correct the name");
    }
    let what = error.masked_with(name).to_string();
    let diagnostic = Diagnostic::new(place, format!("the example is not what its schema says: {what}"));
    match error.kind() {
        ValidationErrorKind::Enum { options } => {
            let known: Vec<_> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            let word = node.as_str().unwrap_or_default();
            diagnostic.maybe_hint(did_you_mean(word, known))
        }
        _ => diagnostic,
    }
}

/// The value at a JSON pointer within an example, and the place to show.
fn find<'a>(example: &'a Entry, pointer: &str) -> (Mark, &'a Node) {
    let mut at = example.at;
    let mut node = &example.value;
    if !matches!(node.content, Content::Map(_)) {
        at = node.at;
    }
    for key in pointer.split('/').skip(1) {
        let key = key.replace("~1", "/").replace("~0", "~");
        if let Some(entry) = node.entry(&key) {
            (at, node) = (entry.at, &entry.value);
        } else if let Some(item) = key.parse().ok().and_then(|index: usize| node.items().get(index)) {
            (at, node) = (item.at, item);
        } else {
            break;
        }
    }
    (at, node)
}
