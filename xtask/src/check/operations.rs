//! Operations can be told apart on the wire and in Rust, and their answers read.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Mark, did_you_mean};
use crate::generate::names;
use crate::spec::lower::lowered_key;
use crate::spec::tree::{Content, Entry};
use crate::spec::{Document, PlacedOperation};

/// Methods of the generated client that are no operations, or that its own code calls.
const METHOD_NAMES: [&str; 10] = [
    "api_version",
    "baseurl",
    "client",
    "exec",
    "inner",
    "new",
    "new_with_client",
    "post",
    "pre",
    "with_authorizer",
];
/// Names beside the operations in their module, and `GatewayErrorCode`.
const TYPE_NAMES: [&str; 8] = [
    "Client",
    "Effect",
    "Envelope",
    "Error",
    "ErrorCode",
    "Gateway",
    "Operation",
    "ResponseValue",
];

pub(super) fn check(document: &Document, errors: &mut Vec<Diagnostic>) {
    let mut ids = HashMap::new();
    let mut keys = HashMap::new();
    for path in document.root.entries_of("paths") {
        errors.extend(path_error(path));
    }
    for operation in document.operations() {
        operation_id(&operation, &mut ids, errors);
        responses(&operation, errors);
        effect(&operation, errors);
        parameters(document, &operation, errors);
        if operation.path.key.starts_with('/') && !operation.path.key.contains('?') {
            let before = errors.len();
            fixed_values(document, &operation, errors);
            if errors.len() == before {
                action(document, &operation, errors);
            }
            let fixed = document.parameters(&operation.path.value, operation.node);
            let fixed = fixed.iter().filter_map(|parameter| document.fixed_value(parameter));
            let lowered = (lowered_key(&operation.path.key, fixed), operation.method.key.clone());
            if let Some(first) = keys.insert(lowered, operation.path.at.line) {
                let message = "two operations would have the same method, path and query".to_owned();
                errors.push(Diagnostic::new(operation.path.at, message).hint(format!("the other is on line {first}")));
            }
        }
    }
}

fn path_error(path: &Entry) -> Option<Diagnostic> {
    let key = &path.key;
    if !key.starts_with('/') {
        let diagnostic = Diagnostic::new(path.at, format!("the path `{key}` does not begin with a slash"));
        return Some(diagnostic.hint(format!("write `/{key}`")));
    }
    if let Some((before, query)) = key.split_once('?') {
        let wanted = format!("`{before}#{query}`");
        let diagnostic = Diagnostic::new(path.at, "a path key cannot have a query");
        return Some(
            diagnostic
                .expected(wanted)
                .hint("a fragment tells paths apart; the query is generated from `action`"),
        );
    }
    if key.contains(char::is_whitespace) {
        return Some(Diagnostic::new(path.at, "a path key cannot have blanks"));
    }
    None
}

fn operation_id<'a>(
    operation: &PlacedOperation<'a>,
    ids: &mut HashMap<String, (&'a str, usize)>,
    errors: &mut Vec<Diagnostic>,
) {
    let Some(node) = operation.node.get("operationId") else {
        return;
    };
    let Some(id) = node.as_str() else { return };
    let is_camel_case =
        id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_camel_case {
        errors.push(
            Diagnostic::new(node.at, format!("`{id}` cannot be the id of an operation"))
                .expected("a small letter, then letters and digits, as in `retryTask`"),
        );
        return;
    }
    let method = names::snake(id);
    let type_name = names::upper_camel(id).to_string();
    if METHOD_NAMES.contains(&method.as_str()) || TYPE_NAMES.contains(&type_name.as_str()) {
        let message = format!("the operation `{id}` has the name of something else in the client");
        errors.push(Diagnostic::new(node.at, message).hint("add a noun, as in `retryTask`"));
    } else if syn::parse_str::<proc_macro2::Ident>(&method).is_err() {
        errors
            .push(Diagnostic::new(node.at, format!("`{id}` is a word of Rust")).hint("add a noun, as in `retryTask`"));
    }
    if let Some((first, line)) = ids.insert(method, (id, node.at.line)) {
        let message = if first == id {
            format!("the operationId `{id}` is there twice")
        } else {
            format!("`{id}` and `{first}` would be the same method")
        };
        errors.push(Diagnostic::new(node.at, message).hint(format!("the first is on line {line}")));
    }
}

fn responses(operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    let Some(responses) = operation.node.entry("responses") else {
        return;
    };
    for response in responses.value.entries() {
        let message = match response.key.as_str() {
            "200" => continue,
            "default" => {
                "a `default` response makes the client lose the status of an answer such as an HTML page with 502"
            }
            _ => "a second type of response would make the generator panic, and the platform answers failures with 200",
        };
        errors.push(
            Diagnostic::new(response.at, message)
                .expected("\"200\" alone")
                .hint("describe failures in `x-error-codes`; the client reports any other status as unexpected"),
        );
    }
    if responses.value.get("200").is_none() && matches!(responses.value.content, Content::Map(_)) {
        errors.push(Diagnostic::new(responses.at, "there is no response \"200\""));
    }
}

/// Whatever stands between asks for a `get` as often as it likes.
fn effect(operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    let Some(effect) = operation.node.get("x-effect") else {
        return;
    };
    let changes = effect
        .as_str()
        .is_some_and(|effect| ["compare-and-set", "each-time"].contains(&effect));
    if changes && ["get", "head", "options"].contains(&operation.method.key.as_str()) {
        let message = format!(
            "an operation with the method {} may not change anything",
            operation.method.key
        );
        errors.push(
            Diagnostic::new(effect.at, message)
                .expected("`none`")
                .hint("if it does change something, its method is another one"),
        );
    }
}

fn parameters(document: &Document, operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    for list in [&operation.path.value, operation.node] {
        let items = list.items_of("parameters");
        let mut seen: HashMap<String, &str> = HashMap::new();
        for item in items {
            let Some(name) = document.resolve(item).and_then(|parameter| parameter.text("name")) else {
                continue;
            };
            match seen.insert(names::snake(name), name) {
                None => {}
                Some(first) if first == name => {
                    errors.push(Diagnostic::new(
                        item.at,
                        format!("the parameter `{name}` is there twice"),
                    ));
                }
                Some(first) => {
                    let message = format!("the parameters `{name}` and `{first}` would be the same argument");
                    errors.push(Diagnostic::new(item.at, message));
                }
            }
            if names::snake(name) == "body" {
                errors.push(Diagnostic::new(
                    item.at,
                    "the argument `body` is the body of the request",
                ));
            }
        }
    }
    path_parameters(document, operation, errors);
}

fn path_parameters(document: &Document, operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    let Some(in_path) = template(&operation.path.key) else {
        let diagnostic = Diagnostic::new(operation.path.at, "the braces of this path do not match");
        errors.push(diagnostic.expected("`{name}`"));
        return;
    };
    let declared: Vec<_> = document
        .parameters(&operation.path.value, operation.node)
        .into_iter()
        .filter_map(|item| Some((item, document.resolve(item)?)))
        .filter(|(_, parameter)| parameter.text("in") == Some("path"))
        .filter_map(|(item, parameter)| Some((item, parameter.text("name")?)))
        .collect();
    for name in &in_path {
        if !declared.iter().any(|(_, declared)| declared == name) {
            let known = declared.iter().map(|(_, declared)| *declared);
            errors.push(
                Diagnostic::new(operation.path.at, format!("no parameter says what `{{{name}}}` is"))
                    .expected(format!("a parameter `{name}` with `in: path`"))
                    .maybe_hint(did_you_mean(name, known)),
            );
        }
    }
    for (item, name) in declared {
        if !in_path.contains(&name) {
            errors.push(
                Diagnostic::new(item.at, format!("the path has no `{{{name}}}`"))
                    .expected(format!("`{{{name}}}` in the path, or another place for the parameter"))
                    .maybe_hint(did_you_mean(name, in_path.iter().copied())),
            );
        }
    }
}

/// The names in braces; `None` if the braces do not match.
fn template(key: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = key.split('#').next().unwrap_or_default();
    while let Some(start) = rest.find(['{', '}']) {
        let end = rest[start..].find('}')?;
        let name = rest[start..start + end].strip_prefix('{')?;
        if name.is_empty() || name.contains(['{', '/']) {
            return None;
        }
        names.push(name);
        rest = &rest[start + end + 1..];
    }
    Some(names)
}

/// Values that become part of the URL as they are.
fn fixed_values(document: &Document, operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    for parameter in document.parameters(&operation.path.value, operation.node) {
        let Some((name, value)) = document.fixed_value(parameter) else {
            continue;
        };
        for text in [name, value] {
            if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)) {
                let message =
                    format!("`{text}` cannot stand in a URL as it is, where `{name}` becomes part of the path");
                errors.push(Diagnostic::new(parameter.at, message).expected("letters, digits, `-`, `.`, `_` or `~`"));
            }
        }
    }
}

/// The parameter `action`, and the fragment that repeats it.
fn action(document: &Document, operation: &PlacedOperation<'_>, errors: &mut Vec<Diagnostic>) {
    let path = operation.path;
    let id = operation.node.text("operationId").unwrap_or("...");
    let found = document
        .parameters(&path.value, operation.node)
        .into_iter()
        .find(|item| {
            let parameter = document.resolve(item);
            parameter.is_some_and(|parameter| parameter.text("name") == Some("action"))
        });
    let Some((item, parameter)) = found.and_then(|item| Some((item, document.resolve(item)?))) else {
        errors.push(
            Diagnostic::new(
                operation.method.at,
                format!("the operation `{id}` has no parameter `action`"),
            )
            .expected("a required query parameter `action` with one value")
            .hint("all operations share one path; `action` tells them apart"),
        );
        return;
    };
    let before = errors.len();
    let place = |key| parameter.entry(key).map_or(item.at, |entry: &Entry| entry.at);
    if parameter.text("in").is_some_and(|place| place != "query") {
        errors.push(Diagnostic::new(place("in"), "`action` is not in the query").expected("`in: query`"));
    }
    if !parameter.says("required") {
        errors.push(Diagnostic::new(place("required"), "`action` is not required").expected("`required: true`"));
    }
    let schema = parameter.get("schema").and_then(|schema| document.resolve(schema));
    let Some(schema) = schema else { return };
    let values = schema.items_of("enum");
    if values.len() != 1 {
        let at = schema.entry("enum").map_or(place("schema"), |entry| entry.at);
        let message = format!("`action` has {} values", values.len());
        errors.push(Diagnostic::new(at, message).expected(format!("exactly one, as in `enum: [{id}]`")));
    }
    if errors.len() > before {
        return;
    }
    let Some(value) = values.first().and_then(|value| Some((value.at, value.as_str()?))) else {
        return;
    };
    fragment(path, value, errors);
}

fn fragment(path: &Entry, (value_at, value): (Mark, &str), errors: &mut Vec<Diagnostic>) {
    let wanted = format!("action={value}");
    let (before, fragment) = path.key.split_once('#').unwrap_or((&path.key, ""));
    if fragment == wanted {
        return;
    }
    let diagnostic = if fragment.is_empty() {
        Diagnostic::new(
            path.at,
            "the path key lacks the fragment that tells this operation from the others",
        )
    } else {
        let message = format!("the fragment `#{fragment}` does not fit to the value `{value}` of `action`");
        Diagnostic::new(path.at, message).hint(format!("the value is on line {}", value_at.line))
    };
    errors.push(diagnostic.expected(format!("`{before}#{wanted}`")));
}
