//! Schemas with `x-known-values` or `x-lenient`: this program makes their types, and nothing else that they say may be
//! lost.

use std::collections::HashMap;

use super::shape::describe;
use crate::diagnostic::Diagnostic;
use crate::generate::names;
use crate::spec::model::{is_lenient_integer, is_open_enum};
use crate::spec::tree::{Content, Entry, Node};

/// Keys of a schema that say nothing about its values.
const ANNOTATIONS: [&str; 9] = [
    "deprecated",
    "description",
    "example",
    "externalDocs",
    "nullable",
    "readOnly",
    "title",
    "type",
    "writeOnly",
];

pub(super) fn check(schema: &Node, component: Option<&Entry>, errors: &mut Vec<Diagnostic>) {
    if is_open_enum(schema) {
        only(schema, component, "x-known-values", "string", &[], errors);
        known_values(schema, errors);
    }
    if is_lenient_integer(schema) {
        only(schema, component, "x-lenient", "integer", &["format"], errors);
        if let Some(format) = schema.get("format")
            && format.as_str().is_some_and(|format| format != "int64")
        {
            errors.push(
                Diagnostic::new(format.at, "an integer with `x-lenient` has 64 bits").expected("`int64`, or nothing"),
            );
        }
    }
}

/// A component of this type, which has no other key that limits its values.
fn only(
    schema: &Node,
    component: Option<&Entry>,
    extension: &str,
    wanted: &str,
    others: &[&str],
    errors: &mut Vec<Diagnostic>,
) {
    let Some(entry) = schema.entry(extension) else { return };
    if component.is_none() {
        errors.push(
            Diagnostic::new(
                entry.at,
                format!("`{extension}` in a schema that is no component would be ignored"),
            )
            .hint("move the schema to `components/schemas` and refer to it"),
        );
    }
    if schema.text("type") != Some(wanted) {
        let at = schema.entry("type").map_or(entry.at, |declared| declared.at);
        errors.push(
            Diagnostic::new(at, format!("`{extension}` has no meaning for this type"))
                .expected(format!("`type: {wanted}`")),
        );
        return;
    }
    let is_allowed = |key: &str| key == extension || ANNOTATIONS.contains(&key) || others.contains(&key);
    for other in schema.entries().iter().filter(|entry| !is_allowed(&entry.key)) {
        let message = format!("`{}` beside `{extension}` would be ignored", other.key);
        errors.push(Diagnostic::new(other.at, message).hint("say it in the description"));
    }
}

/// The values are different, and so are the variants that they become.
fn known_values(schema: &Node, errors: &mut Vec<Diagnostic>) {
    let Some(list) = schema.entry("x-known-values") else {
        return;
    };
    if matches!(&list.value.content, Content::List(items) if items.is_empty()) {
        errors.push(Diagnostic::new(list.at, "no value is known").expected("at least one value"));
    }
    let mut variants: HashMap<String, &Node> = HashMap::new();
    for value in list.value.items().iter().filter_map(|item| item.get("value")) {
        let Some(text) = value.as_str() else { continue };
        let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_ .".contains(c));
        if !is_name {
            errors.push(
                Diagnostic::new(value.at, format!("{} cannot be the name of a variant", describe(value)))
                    .expected("a letter, then letters, digits, `-`, `_`, `.` or blanks"),
            );
            continue;
        }
        let variant = names::upper_camel_text(text);
        if ["Self", "Unknown"].contains(&variant.as_str()) {
            let message = format!("`{variant}` cannot be a variant for a known value");
            errors.push(Diagnostic::new(value.at, message).hint("`Unknown` is for values that are not listed"));
        } else if let Some(first) = variants.insert(variant.clone(), value) {
            let message = if first.as_str() == Some(text) {
                format!("the value `{text}` is listed twice")
            } else {
                let first = first.as_str().unwrap_or_default();
                format!("the values `{first}` and `{text}` would be the same variant, `{variant}`")
            };
            errors.push(Diagnostic::new(value.at, message).hint(format!("the first is on line {}", first.at.line)));
        }
    }
}
