//! How the schemas of a document are used, and what they let through.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::spec::Document;
use crate::spec::model::schema_name;
use crate::spec::tree::{Content, Entry, Node};

/// Keys of a schema that say nothing about its values.
pub(super) const TEXTS: [&str; 6] = ["title", "description", "example", "externalDocs", "xml", "deprecated"];

/// Which way values of a schema travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    pub(super) request: bool,
    pub(super) response: bool,
}

pub(super) const REQUEST: Uses = Uses {
    request: true,
    response: false,
};
pub(super) const RESPONSE: Uses = Uses {
    request: false,
    response: true,
};

/// What the operations of a document use.
pub(super) struct Usage {
    schemas: BTreeMap<String, Uses>,
    /// How many operations refer to a component that is no schema.
    pub(super) components: BTreeMap<String, usize>,
}

impl Usage {
    pub(super) fn of(document: &Document) -> Self {
        let mut usage = Self {
            schemas: BTreeMap::new(),
            components: BTreeMap::new(),
        };
        for operation in document.operations() {
            let node = operation.node;
            let mut components = BTreeSet::new();
            for parameter in document.parameters(&operation.path.value, node) {
                usage.reach(document, parameter, REQUEST, &mut components);
            }
            if let Some(body) = node.get("requestBody") {
                usage.reach(document, body, REQUEST, &mut components);
            }
            if let Some(responses) = node.get("responses") {
                usage.reach(document, responses, RESPONSE, &mut components);
            }
            for component in components {
                *usage.components.entry(component).or_default() += 1;
            }
        }
        usage
    }

    pub(super) fn schema(&self, name: &str) -> Uses {
        self.schemas.get(name).copied().unwrap_or_default()
    }

    /// Follows all references. An example may hold something that looks like one; it then leads nowhere.
    fn reach(&mut self, document: &Document, node: &Node, way: Uses, components: &mut BTreeSet<String>) {
        if let Some(reference) = node.text("$ref") {
            let is_new = match schema_name(reference) {
                Some(name) => {
                    let uses = self.schemas.entry(name.to_owned()).or_default();
                    let before = *uses;
                    uses.request |= way.request;
                    uses.response |= way.response;
                    *uses != before
                }
                None => components.insert(reference.to_owned()),
            };
            if let Some(target) = document.target(reference).filter(|_| is_new) {
                self.reach(document, target, way, components);
            }
        }
        for entry in node.entries() {
            self.reach(document, &entry.value, way, components);
        }
        for item in node.items() {
            self.reach(document, item, way, components);
        }
    }
}

/// What a schema lets through, whatever it is called and however it is described: two schemas of the same shape have
/// the same values. Schemas that refer to themselves are cut off.
pub(super) fn shape(document: &Document, schema: &Node) -> Json {
    shape_within(document, schema, &mut Vec::new())
}

fn shape_within(document: &Document, schema: &Node, above: &mut Vec<String>) -> Json {
    if let Some(reference) = schema.text("$ref") {
        let Some(target) = document.target(reference) else {
            return reference.into();
        };
        if let Some(depth) = above.iter().position(|other| other == reference) {
            return depth.into();
        }
        above.push(reference.to_owned());
        let shape = shape_within(document, target, above);
        above.pop();
        return shape;
    }
    let Content::Map(entries) = &schema.content else {
        return schema.to_json();
    };
    if let Some(only) = only_part(schema) {
        let shape = shape_within(document, only, above);
        return if schema.says("nullable") {
            json!({ "nullable": shape })
        } else {
            shape
        };
    }
    let mut members = Map::new();
    for Entry { key, value, .. } in entries {
        let shape = match key.as_str() {
            // Known values are not the only ones, and the other one changes nothing here.
            "x-known-values" | "x-nullable" => continue,
            key if TEXTS.contains(&key) => continue,
            "properties" => {
                let properties = value.entries().iter();
                properties
                    .map(|entry| (entry.key.clone(), shape_within(document, &entry.value, above)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "items" | "additionalProperties" | "not" => shape_within(document, value, above),
            "allOf" | "oneOf" | "anyOf" => {
                let parts = value.items().iter();
                parts.map(|part| shape_within(document, part, above)).collect()
            }
            "required" | "enum" => {
                let mut values: Vec<_> = value.items().iter().map(|item| item.to_json().to_string()).collect();
                values.sort();
                values.into()
            }
            _ => value.to_json(),
        };
        members.insert(key.clone(), shape);
    }
    Json::Object(members)
}

/// The schema that this one only gives a text or null to: OpenAPI 3.0 allows nothing beside `$ref`.
pub(super) fn only_part(schema: &Node) -> Option<&Node> {
    let others = |entry: &Entry| {
        !["allOf", "nullable", "x-nullable"].contains(&entry.key.as_str()) && !TEXTS.contains(&entry.key.as_str())
    };
    match schema.get("allOf")?.items() {
        [only] if !schema.entries().iter().any(others) => Some(only),
        _ => None,
    }
}
