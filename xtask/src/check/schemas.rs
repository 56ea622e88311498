//! Schemas say what they mean to say, and nothing that the generator would pass over.

use serde_json::Value as Json;

use super::extensions;
use super::shape::{Visit, describe, one_of};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::generate::names;
use crate::spec::Document;
use crate::spec::model::{is_checked_list, is_open_enum, is_replaced, schema_name};
use crate::spec::tree::{Content, Entry, Node};

const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
/// Keys that have a meaning for some types only.
const NUMBERS: [&str; 2] = ["integer", "number"];
const TYPED: [(&str, &[&str]); 17] = [
    ("additionalProperties", &["object"]),
    ("exclusiveMaximum", &NUMBERS),
    ("exclusiveMinimum", &NUMBERS),
    ("items", &["array"]),
    ("maxItems", &["array"]),
    ("maxLength", &["string"]),
    ("maxProperties", &["object"]),
    ("maximum", &NUMBERS),
    ("minItems", &["array"]),
    ("minLength", &["string"]),
    ("minProperties", &["object"]),
    ("minimum", &NUMBERS),
    ("multipleOf", &NUMBERS),
    ("pattern", &["string"]),
    ("properties", &["object"]),
    ("required", &["object"]),
    ("uniqueItems", &["array"]),
];

/// Formats for which the generator uses a type of another crate.
const FOREIGN_FORMATS: [(&str, &str); 3] = [("date", "chrono"), ("date-time", "chrono"), ("uuid", "uuid")];

pub(super) fn check(document: &Document, visits: &[Visit<'_>], errors: &mut Vec<Diagnostic>) {
    let components = document.schemas();
    for visit in visits
        .iter()
        .filter(|visit| visit.kind == "Schema" && visit.node.get("$ref").is_none())
    {
        types(visit, errors);
        limits(visit.node, errors);
        required_properties(visit.node, errors);
        values(visit.node, errors);
        foreign_types(visit.node, errors);
        let component = components
            .iter()
            .find(|component| std::ptr::eq(&raw const component.value, visit.node));
        lists(document, visit, component, errors);
        extensions::check(visit.node, component, errors);
    }
    let taken = taken_names(document, components);
    for component in components {
        errors.extend(name_error(component, &taken));
    }
}

/// The names of the other types at the root of the client.
fn taken_names(document: &Document, components: &[Entry]) -> Vec<String> {
    let ids = document
        .operations()
        .filter_map(|operation| operation.node.text("operationId"));
    let codes = ids.map(|id| names::upper_camel_text(id) + "ErrorCode");
    let lists = components.iter().filter(|component| is_checked_list(&component.value));
    let list_errors = lists.map(|list| format!("{}Error", list.key));
    let fixed = names::ROOT.iter().map(|name| (*name).to_owned());
    fixed.chain(codes).chain(list_errors).collect()
}

fn name_error(component: &Entry, taken: &[String]) -> Option<Diagnostic> {
    let name = &component.key;
    let is_type_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && syn::parse_str::<proc_macro2::Ident>(name).is_ok();
    if !is_type_name {
        let diagnostic = Diagnostic::new(component.at, format!("`{name}` cannot be the name of a type"));
        return Some(diagnostic.expected("a capital letter, then letters and digits"));
    }
    if !is_replaced(&component.value) {
        return None;
    }
    if taken.contains(name) {
        let message = format!("the schema `{name}` has the name of something else in the client");
        return Some(Diagnostic::new(component.at, message).hint("give it another name"));
    }
    // The generator of the client looks for the type under the name that it would give it.
    let generated = names::upper_camel_text(name);
    (generated != *name).then(|| {
        let message = format!("the type for the schema `{name}` would not be found");
        Diagnostic::new(component.at, message).expected(format!("`{generated}`"))
    })
}

fn types(visit: &Visit<'_>, errors: &mut Vec<Diagnostic>) {
    let node = visit.node;
    // A type that does not exist is reported elsewhere, and no key can be judged by it.
    let declared = node.text("type").filter(|declared| TYPES.contains(declared));
    if let (None, Some(nullable)) = (node.get("type"), node.entry("nullable")) {
        errors.push(
            Diagnostic::new(nullable.at, "`nullable` without `type` has no meaning")
                .expected("a `type` beside it")
                .hint("leave `nullable` away if any value, null too, is allowed"),
        );
    }
    let is_composed = ["allOf", "oneOf", "anyOf"].iter().any(|key| node.get(key).is_some());
    for entry in node.entries() {
        let Some((key, allowed)) = TYPED.iter().find(|(key, _)| *key == entry.key) else {
            continue;
        };
        match declared {
            Some(declared) if !allowed.contains(&declared) => {
                let message = format!("`{key}` has no meaning for type {declared}");
                errors.push(Diagnostic::new(entry.at, message).expected(format!("type {}", allowed.join(" or "))));
            }
            None if !is_composed && node.get("type").is_none() => {
                let message = format!("`{key}` without `type` has no meaning");
                errors.push(
                    Diagnostic::new(entry.at, message).expected(format!("`type: {}`", allowed.join("` or `type: "))),
                );
            }
            Some(_) | None => {}
        }
    }
    if declared == Some("array") && node.get("items").is_none() {
        errors.push(Diagnostic::new(visit.owner, "an array lacks `items`"));
    }
}

fn limits(node: &Node, errors: &mut Vec<Diagnostic>) {
    for (low, high) in [
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ] {
        let value = |key| node.get(key).and_then(Node::as_i64);
        if let (Some(low_value), Some(high_value), Some(entry)) = (value(low), value(high), node.entry(high))
            && low_value > high_value
        {
            errors.push(Diagnostic::new(entry.at, format!("`{high}` is less than `{low}`")));
        }
    }
}

fn required_properties(node: &Node, errors: &mut Vec<Diagnostic>) {
    // The properties of a composed schema may be in its parts.
    if ["allOf", "oneOf", "anyOf"].iter().any(|key| node.get(key).is_some()) {
        return;
    }
    let properties = node.entries_of("properties");
    let known: Vec<_> = properties.iter().map(|property| property.key.as_str()).collect();
    let required = node.items_of("required");
    for (index, item) in required.iter().enumerate() {
        let Some(name) = item.as_str() else { continue };
        if required[..index].iter().any(|other| other.as_str() == Some(name)) {
            errors.push(Diagnostic::new(item.at, format!("`{name}` is required twice")));
        }
        if !known.contains(&name) {
            errors.push(
                Diagnostic::new(item.at, format!("`{name}` is required, but not among the properties"))
                    .expected(one_of(&known))
                    .maybe_hint(did_you_mean(name, known.iter().copied())),
            );
        }
    }
}

/// The values of `enum`.
fn values(node: &Node, errors: &mut Vec<Diagnostic>) {
    let Some(list) = node.entry("enum") else { return };
    let items = list.value.items();
    if items.is_empty() && matches!(list.value.content, Content::List(_)) {
        errors.push(Diagnostic::new(list.at, "`enum` allows no value").expected("at least one value"));
    }
    for (index, item) in items.iter().enumerate() {
        let json = item.to_json();
        if let Some(first) = items[..index].iter().find(|other| other.to_json() == json) {
            errors.push(
                Diagnostic::new(item.at, format!("{} is in `enum` twice", describe(item))).hint(format!(
                    "it is first on line {}, column {}",
                    first.at.line, first.at.column
                )),
            );
        }
        let fits = match node.text("type") {
            Some("string") => json.is_string(),
            Some("integer") => json.is_i64() || json.is_u64(),
            Some("number") => json.is_number(),
            Some("boolean") => json.is_boolean(),
            Some(_) | None => true,
        };
        let is_allowed_null = json == Json::Null && node.says("nullable");
        if !fits && !is_allowed_null {
            let declared = node.text("type").unwrap_or_default();
            errors.push(
                Diagnostic::new(item.at, format!("{} is not of type {declared}", describe(item)))
                    .expected(format!("a value of type {declared}")),
            );
        }
    }
}

/// What would make the generated code need a crate that the client does not depend on.
fn foreign_types(node: &Node, errors: &mut Vec<Diagnostic>) {
    let format = node.get("format").and_then(|format| Some((format, format.as_str()?)));
    if let Some((format, text)) = format
        && node.text("type") == Some("string")
        && let Some((_, name)) = FOREIGN_FORMATS.iter().find(|(format, _)| *format == text)
    {
        let message =
            format!("`format: {text}` would need the crate {name}, and refuse an answer that is written otherwise");
        errors.push(Diagnostic::new(format.at, message).hint("say in the description what the text looks like"));
    }
    if let Some(pattern) = node.entry("pattern") {
        let message = "`pattern` would need the crate regress, and refuse an answer that is written otherwise";
        errors.push(Diagnostic::new(pattern.at, message).hint("say in the description what the text looks like"));
    }
}

fn lists(document: &Document, visit: &Visit<'_>, component: Option<&Entry>, errors: &mut Vec<Diagnostic>) {
    if !is_checked_list(visit.node) {
        return;
    }
    if component.is_none() {
        let limit = visit.node.entries().iter().find(|entry| entry.key.ends_with("Items"));
        let at = limit.map_or(visit.owner, |entry| entry.at);
        errors.push(
            Diagnostic::new(at, "the limits of an array that is no component would be ignored")
                .hint("move the array to `components/schemas` and refer to it"),
        );
        return;
    }
    let Some(items) = visit.node.entry("items") else { return };
    let item = items
        .value
        .text("$ref")
        .filter(|reference| schema_name(reference).is_some());
    let Some(target) = item else {
        errors.push(
            Diagnostic::new(items.at, "the items of an array with limits must be a component")
                .expected("`$ref: \"#/components/schemas/NAME\"`"),
        );
        return;
    };
    let Some(target) = document.target(target) else { return };
    if target.text("type") != Some("string") || target.get("enum").is_some() || is_open_enum(target) {
        errors.push(
            Diagnostic::new(items.at, "the items of an array with limits must be texts")
                .expected("a component with `type: string` and neither `enum` nor `x-known-values`"),
        );
    }
}
