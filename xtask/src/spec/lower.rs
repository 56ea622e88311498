//! Turns the document as people write it into the one that the generator can read.
//!
//! All actions share one path, so their keys differ in a fragment (`/jobs#action=retryTask`), which no URL library puts
//! on the wire; on the wire the parameter `action` tells them apart. The generator knows neither trick: its fragment
//! would end up in the URL, and the caller would have to pass `action`. So the fragment goes, and every required query
//! parameter that can have one value only becomes part of the key (`/jobs?action=retryTask`).

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::model::is_replaced;
use super::tree::Node;
use super::{Document, PlacedOperation};

/// The methods that a path item may have.
pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The lowered document.
#[must_use]
pub fn lower(document: &Document) -> Json {
    let mut json = document.root.to_json();
    let mut paths = Map::new();
    for PlacedOperation { path, method, node } in document.operations() {
        let parameters = document.parameters(&path.value, node).into_iter();
        let (fixed, free): (Vec<_>, Vec<_>) =
            parameters.partition(|parameter| document.fixed_value(parameter).is_some());
        let Json::Object(mut operation) = node.to_json() else {
            continue;
        };
        let free = free.into_iter().map(Node::to_json).collect();
        operation.insert("parameters".into(), free);
        let fixed = fixed.iter().filter_map(|parameter| document.fixed_value(parameter));
        let key = lowered_key(&path.key, fixed);
        let item = paths.entry(key).or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(item) = item {
            item.insert(method.key.clone(), Json::Object(operation));
        }
    }
    if let Json::Object(members) = &mut json {
        members.insert("paths".into(), Json::Object(paths));
    }
    admit_null(&mut json, &nullable_replaced(document));
    tell_limits(&mut json);
    json
}

/// References to the components that may be null and whose type the client generator does not make: it takes that type
/// as it is, and would forget the null.
fn nullable_replaced(document: &Document) -> BTreeSet<String> {
    let schemas = document.schemas();
    schemas
        .iter()
        .filter(|schema| is_replaced(&schema.value) && schema.value.says("nullable"))
        .map(|schema| format!("#/components/schemas/{}", schema.key))
        .collect()
}

/// Moves the null from the components to the places that refer to them.
fn admit_null(json: &mut Json, references: &BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            let reference = members.get("$ref").and_then(Json::as_str);
            if reference.is_some_and(|reference| references.contains(reference)) {
                let reference = Json::Object(std::mem::take(members));
                members.insert("nullable".into(), true.into());
                members.insert("allOf".into(), Json::Array(vec![reference]));
            } else {
                members.values_mut().for_each(|member| admit_null(member, references));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| admit_null(item, references)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Moves the limits of integers to their descriptions. The client generator would make a `NonZeroU64` of "at least 1",
/// pass over any other limit, and refuse an answer in which the platform does not keep to its own.
fn tell_limits(json: &mut Json) {
    if let Some(members) = json.as_object_mut() {
        // The description of a parameter is the one that people get to see.
        let schema = members.get("schema").filter(|_| members.contains_key("in"));
        if let Some(limits) = limits(schema.and_then(Json::as_object).unwrap_or(members)) {
            let description = members.get("description").and_then(Json::as_str);
            members.insert("description".into(), with_limits(description, &limits).into());
            members.retain(|key, _| !LIMITS.contains(&key.as_str()));
        }
    }
    match json {
        Json::Object(members) => members.values_mut().for_each(tell_limits),
        Json::Array(items) => items.iter_mut().for_each(tell_limits),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

const LIMITS: [&str; 4] = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];

/// A description with a sentence about limits.
pub(super) fn with_limits(description: Option<&str>, limits: &str) -> String {
    let description = description.unwrap_or_default().trim_end();
    format!("{description}\n\n{limits}").trim_start().to_owned()
}

/// A sentence about the limits of an integer, if it has any.
pub(super) fn limits(members: &Map<String, Json>) -> Option<String> {
    if members.get("type").is_none_or(|kind| kind != "integer") {
        return None;
    }
    let bound = |key, exclusive, than, at| {
        let number = members.get(key)?;
        let is_exclusive = members.get(exclusive).is_some_and(|value| *value == true);
        Some(format!("{} {number}", if is_exclusive { than } else { at }))
    };
    let low = bound("minimum", "exclusiveMinimum", "more than", "at least");
    let high = bound("maximum", "exclusiveMaximum", "less than", "at most");
    let both: Vec<_> = low.into_iter().chain(high).collect();
    (!both.is_empty()).then(|| format!("Must be {}.", both.join(" and ")))
}

/// The path key without its fragment, with these parameters in its query.
pub fn lowered_key<'a>(key: &str, fixed: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut lowered = key.split('#').next().unwrap_or_default().to_owned();
    let mut separator = '?';
    for (name, value) in fixed {
        lowered.push(separator);
        lowered.push_str(name);
        lowered.push('=');
        lowered.push_str(value);
        separator = '&';
    }
    lowered
}
