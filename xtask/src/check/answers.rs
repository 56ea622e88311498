//! Answers that have something new, or lack something, can still be read: what a call came to must not be lost because
//! of a member that no one asked for.

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::spec::Document;
use crate::spec::tree::{Content, Entry, Node};

pub(super) fn check(document: &Document, errors: &mut Vec<Diagnostic>) {
    let mut walk = Walk {
        document,
        errors,
        seen: Vec::new(),
    };
    for operation in document.operations() {
        let response = operation
            .node
            .find(&["responses", "200"])
            .and_then(|response| document.resolve(response));
        let Some(response) = response else { continue };
        // An envelope without a code is reported elsewhere.
        let Some(code) = response.find(&["x-failure-envelope", "code"]).and_then(Node::as_str) else {
            continue;
        };
        let content = response.entries_of("content");
        for schema in content.iter().filter_map(|media_type| media_type.value.get("schema")) {
            walk.schema(schema, Some(code));
        }
    }
}

struct Walk<'a, 'e> {
    document: &'a Document,
    errors: &'e mut Vec<Diagnostic>,
    seen: Vec<&'a Node>,
}

impl<'a> Walk<'a, '_> {
    /// A schema, in which this member may be required.
    fn schema(&mut self, schema: &'a Node, code: Option<&str>) {
        let Some(schema) = self.document.resolve(schema) else {
            return;
        };
        if self.seen.iter().any(|seen| std::ptr::eq(*seen, schema)) {
            return;
        }
        self.seen.push(schema);
        for required in schema.items_of("required") {
            let name = required.as_str().unwrap_or_default();
            if Some(name) != code {
                let message = format!("`{name}` is required, so an answer that lacks it could not be read");
                let expected = code.map_or("no `required`".to_owned(), |code| format!("`{code}` alone"));
                self.errors
                    .push(Diagnostic::new(required.at, message).expected(expected));
            }
        }
        // Of the files of single operations: a schema for null and nothing else.
        let is_null = |value: &Node| matches!(value.content, Content::Scalar(Json::Null));
        if let Some(list) = schema.entry("enum")
            && !list.value.items().iter().all(is_null)
        {
            let message = "an answer with a value that is not in `enum` could not be read";
            self.errors
                .push(Diagnostic::new(list.at, message).expected("`x-known-values`, in a component"));
        }
        for property in schema.entries_of("properties") {
            self.null(property);
            self.schema(&property.value, None);
        }
        let parts = ["allOf", "oneOf", "anyOf"]
            .into_iter()
            .filter_map(|key| schema.get(key));
        for part in parts.flat_map(Node::items) {
            self.schema(part, code);
        }
        let inside = ["items", "additionalProperties"]
            .into_iter()
            .filter_map(|key| schema.get(key));
        for inside in inside.filter(|inside| matches!(inside.content, Content::Map(_))) {
            self.schema(inside, None);
        }
    }

    /// The client generator makes an `Option` of any optional member but these: an absent one is empty, and null none.
    fn null(&mut self, property: &'a Entry) {
        let Some(schema) = self.document.resolve(&property.value) else {
            return;
        };
        let is_nullable = schema.says("nullable");
        let is_map = schema.text("type") == Some("object") && schema.get("properties").is_none();
        if !is_nullable && (schema.text("type") == Some("array") || is_map) {
            let message = format!("an answer in which `{}` is null could not be read", property.key);
            self.errors
                .push(Diagnostic::new(property.at, message).expected("`nullable: true` beside its type"));
        }
    }
}
