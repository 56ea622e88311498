//! The document in the shapes that readers and other programs want: lowered, and one file per operation.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Files;
use super::ordered::{self, entry, list, map, scalar, set, text};
use super::samples::samples;
use crate::check::nulls::only_reference;
use crate::spec::Document;
use crate::spec::lower::{METHODS, lowered_key};
use crate::spec::tree::{Content, Entry, Node};

/// An operation of the document.
pub struct Operation<'a> {
    /// Its `operationId`.
    pub id: &'a str,
    /// Its summary.
    pub summary: &'a str,
    /// The path, without fragment.
    pub path: &'a str,
    /// The path with the parameters of one value.
    pub url: String,
    /// The HTTP method, in lower case.
    pub method: &'a str,
    /// The operation itself.
    pub node: &'a Node,
    item: &'a Node,
}

impl Operation<'_> {
    /// The value of `action`, or what else of the URL tells the operation from others.
    #[must_use]
    pub fn action(&self) -> String {
        let query = self.url.split_once('?').map_or(self.url.as_str(), |(_, query)| query);
        query.strip_prefix("action=").unwrap_or(query).to_owned()
    }

    /// Its parameters, with those of its path. References stay as they are.
    #[must_use]
    pub fn parameters<'a>(&'a self, document: &'a Document) -> Vec<&'a Node> {
        document.parameters(self.item, self.node)
    }
}

/// The operations in the order of the document.
#[must_use]
pub fn operations(document: &Document) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for path in document.root.get("paths").map(Node::entries).unwrap_or_default() {
        for method in path.value.entries() {
            if !METHODS.contains(&method.key.as_str()) {
                continue;
            }
            let parameters = document.parameters(&path.value, &method.value);
            let fixed = parameters
                .iter()
                .filter_map(|parameter| document.fixed_value(parameter));
            operations.push(Operation {
                id: method.value.text("operationId").unwrap_or_default(),
                summary: method.value.text("summary").unwrap_or_default(),
                path: path.key.split('#').next().unwrap_or_default(),
                url: lowered_key(&path.key, fixed),
                method: &method.key,
                node: &method.value,
                item: &path.value,
            });
        }
    }
    operations
}

/// The document with the URLs as they are on the wire: the parameters of one value are part of the path.
#[must_use]
pub fn lowered(document: &Document) -> Node {
    let mut paths: Vec<Entry> = Vec::new();
    for operation in operations(document) {
        let mut node = operation.node.clone();
        let parameters = operation.parameters(document);
        let free = parameters
            .into_iter()
            .filter(|parameter| document.fixed_value(parameter).is_none());
        set(&mut node, "parameters", list(free.cloned().collect()));
        // Readers of documents show these beside the operation.
        let samples = samples(document, &operation).into_iter().map(|sample| {
            map(vec![
                entry("lang", text(sample.language)),
                entry("label", text(sample.label)),
                entry("source", text(sample.code)),
            ])
        });
        set(&mut node, "x-codeSamples", list(samples.collect()));
        match paths.iter_mut().find(|path| path.key == operation.url) {
            Some(path) => set(&mut path.value, operation.method, node),
            None => paths.push(entry(operation.url, map(vec![entry(operation.method, node)]))),
        }
    }
    let mut root = document.root.clone();
    set(&mut root, "paths", map(paths));
    root
}

/// The document with one operation and what that refers to. Alone, it needs neither fragment nor query in its path: the
/// parameter `action` stays, with its value for a default, which some generators then fill in. Members with
/// `x-nullable` may be null in it, so that it says of answers what they are, and any tool can read it.
#[must_use]
pub fn single(document: &Document, operation: &Operation<'_>) -> Node {
    let mut node = operation.node.clone();
    let parameters = operation.parameters(document);
    let parameters = parameters.into_iter().map(|parameter| filled_in(document, parameter));
    set(&mut node, "parameters", list(parameters.collect()));
    let mut root = document.root.clone();
    let item = map(vec![entry(operation.method, node)]);
    set(&mut root, "paths", map(vec![entry(operation.path, item)]));

    if let Some(info) = root.get("info") {
        let mut info = info.clone();
        let title = info.text("title").unwrap_or_default();
        let title = format!("{title}: {}", operation.summary);
        set(&mut info, "title", text(title));
        set(&mut root, "info", info);
    }
    if let Some(tags) = root.get("tags") {
        let own: Vec<_> = operation.node.get("tags").map(Node::items).unwrap_or_default().to_vec();
        let used = |tag: &&Node| own.iter().any(|name| name.as_str() == tag.text("name"));
        let tags = tags.items().iter().filter(used).cloned().collect();
        set(&mut root, "tags", list(tags));
    }
    prune(&mut root, document);
    admit_null(&mut root, document);
    root
}

/// The parameter with the one value that it can have as its default.
fn filled_in(document: &Document, parameter: &Node) -> Node {
    let mut parameter = parameter.clone();
    if let Some((_, value)) = document.fixed_value(&parameter)
        && let Some(mut schema) = parameter.get("schema").cloned()
        && schema.get("enum").is_some()
    {
        let value = text(value);
        set(&mut schema, "default", value);
        set(&mut parameter, "schema", schema);
    }
    parameter
}

/// Lets members with `x-nullable` be null. The document itself does not: `nullable` means nothing beside `allOf`, and at
/// the component it would make a type in Rust that nobody wants.
fn admit_null(node: &mut Node, document: &Document) {
    if node.get("x-nullable").is_some() {
        let alternatives = null_beside(node, document);
        if let Content::Map(entries) = &mut node.content {
            entries.retain(|entry| entry.key != "x-nullable" && (alternatives.is_none() || entry.key != "allOf"));
            entries.push(match alternatives {
                Some(alternatives) => entry("anyOf", alternatives),
                None => entry("nullable", scalar(Json::Bool(true))),
            });
        }
    }
    match &mut node.content {
        Content::Map(entries) => {
            for entry in entries {
                admit_null(&mut entry.value, document);
            }
        }
        Content::List(items) => items.iter_mut().for_each(|item| admit_null(item, document)),
        Content::Scalar(_) => {}
    }
}

/// What a reference refers to, or null. OpenAPI 3.0 has no type for null alone: it is one of the values of another type,
/// and all others are excluded.
fn null_beside(schema: &Node, document: &Document) -> Option<Node> {
    let reference = only_reference(schema)?;
    let kind = document.target(reference)?.text("type")?;
    let null = map(vec![
        entry("type", text(kind)),
        entry("nullable", scalar(Json::Bool(true))),
        entry("enum", list(vec![scalar(Json::Null)])),
    ]);
    Some(list(vec![map(vec![entry("$ref", text(reference))]), null]))
}

/// Removes the components that nothing refers to.
fn prune(root: &mut Node, document: &Document) {
    let mut used = BTreeSet::new();
    if let Some(paths) = root.get("paths") {
        collect(paths, document, &mut used);
    }
    let Some(components) = root.get("components") else {
        return;
    };
    let mut kept = Vec::new();
    for section in components.entries() {
        // Security schemes are referred to by name.
        let entries: Vec<_> = section
            .value
            .entries()
            .iter()
            .filter(|component| {
                section.key == "securitySchemes"
                    || used.contains(&format!("#/components/{}/{}", section.key, component.key))
            })
            .cloned()
            .collect();
        if !entries.is_empty() {
            kept.push(entry(section.key.as_str(), map(entries)));
        }
    }
    set(root, "components", map(kept));
}

fn collect(node: &Node, document: &Document, used: &mut BTreeSet<String>) {
    match &node.content {
        Content::Map(entries) => {
            if let Some(reference) = node.text("$ref")
                && used.insert(reference.to_owned())
                && let Some(target) = document.target(reference)
            {
                collect(target, document, used);
            }
            for entry in entries {
                collect(&entry.value, document, used);
            }
        }
        Content::List(items) => items.iter().for_each(|item| collect(item, document, used)),
        Content::Scalar(_) => {}
    }
}

/// The files to download, by name.
#[must_use]
pub fn downloads(document: &Document) -> Files {
    let mut files = Files::new();
    let mut add = |name: String, text: String| files.insert(name, text.into_bytes());
    add("ota-jobs.yaml".into(), document.source.text.clone());
    add("ota-jobs.json".into(), ordered::json(&document.root));
    add("ota-jobs.lowered.json".into(), ordered::json(&lowered(document)));
    for operation in operations(document) {
        let single = single(document, &operation);
        add(format!("{}.yaml", operation.id), ordered::yaml(&single));
        add(format!("{}.json", operation.id), ordered::json(&single));
        for sample in samples(document, &operation) {
            add(format!("samples/{}.{}", operation.id, sample.file), sample.code);
        }
    }
    files
}
