//! Turns the document as people write it into the one that the generator can read.
//!
//! All actions share one path, so their keys differ in a fragment (`/jobs#action=retryTask`), which no URL library puts
//! on the wire; on the wire the parameter `action` tells them apart. The generator knows neither trick: its fragment
//! would end up in the URL, and the caller would have to pass `action`. So the fragment goes, and every required query
//! parameter that can have one value only becomes part of the key (`/jobs?action=retryTask`).

use serde_json::{Map, Value as Json};

use super::Document;
use super::tree::Node;

/// The methods that a path item may have.
pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The lowered document.
#[must_use]
pub fn lower(document: &Document) -> Json {
    let mut json = document.root.to_json();
    let mut paths = Map::new();
    for path in document.root.get("paths").map(Node::entries).unwrap_or_default() {
        for method in path
            .value
            .entries()
            .iter()
            .filter(|entry| METHODS.contains(&entry.key.as_str()))
        {
            let parameters = document.parameters(&path.value, &method.value);
            let (fixed, free): (Vec<_>, Vec<_>) = parameters
                .into_iter()
                .partition(|parameter| document.fixed_value(parameter).is_some());
            let Json::Object(mut operation) = method.value.to_json() else {
                continue;
            };
            operation.insert(
                "parameters".into(),
                free.iter().map(|parameter| parameter.to_json()).collect(),
            );

            let fixed = fixed.iter().filter_map(|parameter| document.fixed_value(parameter));
            let key = lowered_key(&path.key, fixed);
            let item = paths.entry(key).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(item) = item {
                item.insert(method.key.clone(), Json::Object(operation));
            }
        }
    }
    if let Json::Object(members) = &mut json {
        members.insert("paths".into(), Json::Object(paths));
    }
    json
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
