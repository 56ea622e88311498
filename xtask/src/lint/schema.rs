//! Schemas of OpenAPI 3.0 as JSON Schema, so that a validator of JSON Schema can judge examples.
//!
//! The result is stricter than the schemas are for callers: an example shows members and values that the document knows.

use serde_json::{Map, Value as Json, json};

use crate::spec::Document;
use crate::spec::tree::{Content, Node};

/// All schema components, translated. Schemas that are translated refer to them.
pub(super) struct Components {
    schemas: Json,
}

impl Components {
    pub(super) fn new(document: &Document) -> Self {
        let entries = document.schemas();
        // A part of a composed schema does not know the members of the other parts.
        let mut parts = Vec::new();
        collect_parts(&document.root, &mut parts);
        let schemas = entries.iter().map(|entry| {
            let reference = format!("#/components/schemas/{}", entry.key);
            let is_part = parts.contains(&reference.as_str());
            (entry.key.clone(), translate(&entry.value, is_part))
        });
        Self {
            schemas: Json::Object(schemas.collect()),
        }
    }

    /// A validator for a schema.
    ///
    /// # Errors
    ///
    /// Why it is no schema.
    pub(super) fn validator(&self, schema: &Node) -> Result<jsonschema::Validator, String> {
        let schema = json!({
            "allOf": [translate(schema, false)],
            "components": { "schemas": self.schemas },
        });
        jsonschema::draft4::new(&schema).map_err(|error| error.masked().to_string())
    }
}

/// References that are one of several parts of a schema.
fn collect_parts<'a>(node: &'a Node, parts: &mut Vec<&'a str>) {
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(list) = node.get(key)
            && (list.items().len() > 1 || node.get("properties").is_some())
        {
            parts.extend(list.items().iter().filter_map(|part| part.text("$ref")));
        }
    }
    for entry in node.entries() {
        collect_parts(&entry.value, parts);
    }
    for item in node.items() {
        collect_parts(item, parts);
    }
}

fn translate(schema: &Node, is_part: bool) -> Json {
    if let Some(reference) = schema.text("$ref") {
        return json!({ "$ref": reference });
    }
    let is_nullable = schema.says("nullable");
    let mut result = Map::new();
    for entry in schema.entries() {
        let value = &entry.value;
        let translated = match entry.key.as_str() {
            "type" => match value.as_str() {
                Some(name) if is_nullable => json!([name, "null"]),
                _ => value.to_json(),
            },
            "allOf" | "anyOf" | "oneOf" => {
                let is_part = is_part || value.items().len() > 1 || schema.get("properties").is_some();
                value.items().iter().map(|part| translate(part, is_part)).collect()
            }
            "properties" => {
                let properties = value.entries().iter();
                Json::Object(
                    properties
                        .map(|property| (property.key.clone(), translate(&property.value, false)))
                        .collect(),
                )
            }
            "items" | "not" => translate(value, false),
            "additionalProperties" => match value.content {
                Content::Map(_) => translate(value, false),
                Content::List(_) | Content::Scalar(_) => value.to_json(),
            },
            "enum" | "exclusiveMaximum" | "exclusiveMinimum" | "maxItems" | "maxLength" | "maxProperties"
            | "maximum" | "minItems" | "minLength" | "minProperties" | "minimum" | "multipleOf" | "pattern"
            | "required" | "uniqueItems" => value.to_json(),
            _ => continue,
        };
        result.insert(entry.key.clone(), translated);
    }
    if let Some(known) = schema.get("x-known-values") {
        let values = known.items().iter().filter_map(|item| item.get("value"));
        let mut values: Vec<_> = values.map(Node::to_json).collect();
        if is_nullable {
            values.push(Json::Null);
        }
        if !values.is_empty() {
            result.insert("enum".to_owned(), values.into());
        }
    }
    let is_composed = ["allOf", "anyOf", "oneOf"].iter().any(|key| schema.get(key).is_some());
    if schema.get("properties").is_some() && !is_composed && !is_part {
        // An example with a member that is nowhere described is a slip of the pen.
        result.entry("additionalProperties").or_insert(Json::Bool(false));
    }
    Json::Object(result)
}
