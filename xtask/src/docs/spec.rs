//! The document in the shapes that readers and other programs want: lowered, and one file an action.

use std::collections::BTreeSet;

use super::Files;
use super::ordered::{self, entry, list, map, set, text};
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
        let parameters = document.parameters(operation.item, operation.node);
        let free = parameters
            .into_iter()
            .filter(|parameter| document.fixed_value(parameter).is_none());
        set(&mut node, "parameters", list(free.cloned().collect()));
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
/// parameter `action` stays, and any tool can read it.
#[must_use]
pub fn single(document: &Document, operation: &Operation<'_>) -> Node {
    let mut node = operation.node.clone();
    let parameters = document.parameters(operation.item, operation.node);
    set(&mut node, "parameters", list(parameters.into_iter().cloned().collect()));
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
    root
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

/// Adds the files to download.
pub(super) fn downloads(document: &Document, files: &mut Files) {
    let mut add = |name: String, text: String| files.insert(format!("downloads/{name}"), text.into_bytes());
    add("ota-jobs.yaml".into(), document.source.text.clone());
    add("ota-jobs.json".into(), ordered::json(&document.root));
    add("ota-jobs.lowered.json".into(), ordered::json(&lowered(document)));
    for operation in operations(document) {
        let single = single(document, &operation);
        add(format!("{}.yaml", operation.id), ordered::yaml(&single));
        add(format!("{}.json", operation.id), ordered::json(&single));
    }
}
