//! Everything that a reader looks for is there.

use super::Findings;
use crate::check::shape::Visit;
use crate::diagnostic::{Diagnostic, Mark};
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};

pub(super) fn lint(document: &Document, visits: &[Visit<'_>], findings: &mut Findings) {
    for operation in document.operations() {
        let id = operation.node.text("operationId").unwrap_or(&operation.path.key);
        lint_operation(id, operation.method, findings);
    }
    for visit in visits.iter().filter(|visit| visit.node.get("$ref").is_none()) {
        match visit.kind {
            "MediaType" => examples(visit, "a body", findings),
            // One with a single value is its own example.
            "Parameter" if visit.node.find(&["schema", "enum"]).is_none() => {
                let name = visit.node.text("name").unwrap_or_default();
                examples(visit, &format!("the parameter `{name}`"), findings);
            }
            "RequestBody" if !visit.node.says("required") => {
                let at = visit.node.entry("required").map_or(visit.owner, |entry| entry.at);
                let diagnostic = Diagnostic::new(
                    at,
                    "this body may be left out, but the generated client always sends it",
                );
                findings.error("body-required", diagnostic.expected("`required: true`"));
            }
            _ => {}
        }
        descriptions(document, visit, findings);
    }
}

fn lint_operation(id: &str, method: &Entry, findings: &mut Findings) {
    let node = &method.value;
    let mut wants = |rule, key: &str, expected: &str| {
        if node.get(key).is_none_or(is_empty) {
            let at = node.entry(key).map_or(method.at, |entry| entry.at);
            let message = format!("the operation `{id}` has no `{key}`");
            findings.error(rule, Diagnostic::new(at, message).expected(expected));
        }
    };
    wants("operation-summary", "summary", "what it does, in a few words");
    wants("operation-tags", "tags", "the tag under which it is listed");
    wants(
        "operation-docs",
        "externalDocs",
        "title and URL of the page that it was written from",
    );
    wants(
        "operation-permissions",
        "x-permissions",
        "the permission that a call needs, by version of the platform",
    );
    wants(
        "operation-since",
        "x-available-since",
        "the first version of the platform that has it",
    );
    let Some(codes) = node.entry("x-error-codes") else {
        return;
    };
    let text = node.text("description").unwrap_or_default();
    if codes.value.items().is_empty() && !(text.contains("codes") && text.contains("common")) {
        let diagnostic = Diagnostic::new(codes.at, format!("the operation `{id}` has no error codes of its own"));
        findings.error(
            "operation-codes",
            diagnostic
                .expected(
                    "the codes of its page, or a sentence of its description that only the common codes are known",
                )
                .hint("a code that is not listed reaches callers as unknown"),
        );
    }
}

fn examples(visit: &Visit<'_>, what: &str, findings: &mut Findings) {
    let node = visit.node;
    if node.get("example").is_none() && node.get("examples").is_none_or(is_empty) {
        let diagnostic = Diagnostic::new(visit.owner, format!("{what} has no example"));
        findings.error("example-missing", diagnostic.expected("`example` or `examples`"));
        return;
    }
    for example in node.entries_of("examples") {
        if example.value.get("$ref").is_none() && example.value.get("value").is_none() {
            let diagnostic = Diagnostic::new(example.at, format!("the example `{}` has no value", example.key));
            findings.error("example-missing", diagnostic.expected("`value`"));
        }
    }
}

/// Descriptions of what has a name: components, members, parameters, bodies, answers, tags and the like.
fn descriptions(document: &Document, visit: &Visit<'_>, findings: &mut Findings) {
    let node = visit.node;
    let name = || node.text("name").unwrap_or_default();
    let what = match visit.kind {
        "Info" => "`info`".to_owned(),
        "Server" => "a server".to_owned(),
        "ServerVariable" => "a server variable".to_owned(),
        "Tag" => format!("the tag `{}`", name()),
        "Operation" => format!("the operation `{}`", node.text("operationId").unwrap_or_default()),
        "Parameter" => format!("the parameter `{}`", name()),
        "RequestBody" => "a request body".to_owned(),
        "Response" => "a response".to_owned(),
        "SecurityScheme" => "a security scheme".to_owned(),
        "ErrorCode" => format!("the error code `{}`", name()),
        "KnownValue" => "a known value".to_owned(),
        "ExternalDocumentation" => "`externalDocs`".to_owned(),
        "Schema" => {
            members(node, findings);
            let components = document.schemas();
            let component = components
                .iter()
                .find(|component| std::ptr::eq(&raw const component.value, node));
            let Some(component) = component else { return };
            format!("the schema `{}`", component.key)
        }
        _ => return,
    };
    describe(node, visit.owner, &what, findings);
}

fn members(schema: &Node, findings: &mut Findings) {
    let properties = schema.entries_of("properties");
    for property in properties
        .iter()
        .filter(|property| property.value.get("$ref").is_none())
    {
        describe(
            &property.value,
            property.at,
            &format!("the member `{}`", property.key),
            findings,
        );
    }
}

fn describe(node: &Node, owner: Mark, what: &str, findings: &mut Findings) {
    let Some(description) = node.entry("description") else {
        let diagnostic = Diagnostic::new(owner, format!("{what} has no description"));
        findings.error("description", diagnostic.expected("`description:` and what it means"));
        return;
    };
    if is_empty(&description.value) {
        let diagnostic = Diagnostic::new(description.at, format!("the description of {what} is empty"));
        findings.error("description", diagnostic.expected("what it means"));
    }
}

fn is_empty(node: &Node) -> bool {
    match node.as_str() {
        Some(text) => text.trim().is_empty(),
        None => node.entries().is_empty() && node.items().is_empty(),
    }
}
