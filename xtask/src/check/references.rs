//! References lead to a component of the right kind, and not in a circle.

use super::shape::{Visit, one_of};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};

pub(super) fn check(document: &Document, visits: &[Visit<'_>], errors: &mut Vec<Diagnostic>) {
    for visit in visits {
        if let (Some(reference), Some(section)) = (visit.node.get("$ref"), visit.section()) {
            errors.extend(reference_error(document, visit.name(), section, reference));
        }
    }
    for section in document.root.entries_of("components") {
        for component in section.value.entries() {
            if is_circular(document, &component.value, &mut Vec::new()) {
                let message = format!("`{}` is nothing but references that lead back to it", component.key);
                errors.push(Diagnostic::new(component.at, message));
            }
        }
    }
    security(document, errors);
}

fn reference_error(document: &Document, kind: &str, section: &str, node: &Node) -> Option<Diagnostic> {
    let reference = node.as_str()?;
    let expected = format!("#/components/{section}/NAME");
    let Some(pointer) = reference.strip_prefix("#/") else {
        let diagnostic = Diagnostic::new(node.at, format!("`{reference}` is outside of this document"));
        return Some(
            diagnostic
                .expected(expected)
                .hint("copy the component into this document"),
        );
    };
    let Some(name) = pointer
        .strip_prefix("components/")
        .and_then(|rest| rest.strip_prefix(section)?.strip_prefix('/'))
        .filter(|name| !name.contains('/'))
    else {
        let diagnostic = Diagnostic::new(node.at, format!("`{reference}` is no place for {kind}"));
        return Some(diagnostic.expected(expected));
    };
    let components = document
        .root
        .find(&["components", section])
        .map(Node::entries)
        .unwrap_or_default();
    if components.iter().any(|component| component.key == name) {
        return None;
    }
    let known: Vec<_> = components.iter().map(|component| component.key.as_str()).collect();
    let diagnostic = Diagnostic::new(node.at, format!("`{reference}` leads nowhere"));
    if known.is_empty() {
        return Some(diagnostic.hint(format!("there is nothing in `components/{section}`")));
    }
    Some(
        diagnostic
            .expected(one_of(&known))
            .maybe_hint(did_you_mean(name, known.iter().copied())),
    )
}

/// Whether a component comes back to itself without anything in between that could hold it, such as a property.
fn is_circular<'a>(document: &'a Document, node: &'a Node, above: &mut Vec<&'a Node>) -> bool {
    if let Some(at) = above.iter().position(|other| std::ptr::eq(*other, node)) {
        // A circle further down belongs to the components in it, which are looked at too.
        return at == 0;
    }
    above.push(node);
    let target = node.text("$ref").and_then(|reference| document.target(reference));
    let parts = ["allOf", "oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| node.get(key))
        .flat_map(Node::items);
    let found = target
        .into_iter()
        .chain(parts)
        .chain(node.get("not"))
        .any(|next| is_circular(document, next, above));
    above.pop();
    found
}

/// Security requirements name security schemes.
fn security(document: &Document, errors: &mut Vec<Diagnostic>) {
    let schemes = document
        .root
        .find(&["components", "securitySchemes"])
        .map(Node::entries)
        .unwrap_or_default();
    let known: Vec<_> = schemes.iter().map(|scheme| scheme.key.as_str()).collect();
    let paths = document.root.entries_of("paths");
    let operations = paths
        .iter()
        .flat_map(|path| path.value.entries())
        .map(|method| &method.value);
    let requirements = std::iter::once(&document.root)
        .chain(operations)
        .filter_map(|node| node.get("security"));
    let names = requirements.flat_map(Node::items).flat_map(Node::entries);
    for Entry { key, at, .. } in names.filter(|entry| !known.contains(&entry.key.as_str())) {
        errors.push(
            Diagnostic::new(*at, format!("there is no security scheme `{key}`"))
                .expected(one_of(&known))
                .maybe_hint(did_you_mean(key, known.iter().copied())),
        );
    }
}
