//! The reference of the API: a page for each operation, with its samples, members, codes and the response of each failure.

use serde_json::json;

use super::book::Page;
use super::codes::listed;
use super::html::add;
use super::ordered;
use super::samples::samples;
use super::spec::{self, Operation};
use crate::spec::Document;
use crate::spec::tree::Node;

/// The page of all operations, and one for each.
pub(super) fn pages(document: &Document) -> Vec<Page> {
    let operations = spec::operations(document);
    let mut pages = vec![overview(document, &operations)];
    pages.extend(operations.iter().map(|operation| page(document, operation)));
    pages
}

fn overview(document: &Document, operations: &[Operation<'_>]) -> Page {
    let description = document.root.find(&["info", "description"]).and_then(Node::as_str);
    let mut text = "\n| Operation | Request | OpenAPI |\n|---|---|---|\n".to_owned();
    for operation in operations {
        let id = operation.id;
        add(
            &mut text,
            format_args!(
                "| [{}]({id}.html) | `{} {}` | [YAML](downloads/{id}.yaml), [JSON](downloads/{id}.json) |\n",
                operation.summary,
                operation.method.to_uppercase(),
                operation.url
            ),
        );
    }
    add(
        &mut text,
        format_args!(
            "\n## What all operations share\n\n{}\n",
            description.unwrap_or_default()
        ),
    );
    text.push_str("\n## Headers\n\nEvery call carries these three. [Signing](sign.html) shows each step.\n\n");
    let schemes = document.root.find(&["components", "securitySchemes"]);
    for scheme in schemes.map(Node::entries).unwrap_or_default() {
        let field = |key| scheme.value.text(key).unwrap_or_default();
        add(
            &mut text,
            format_args!("### `{0}` {{#{0}}}\n\n{1}\n\n", field("name"), field("description")),
        );
    }
    text.push_str(DOWNLOADS);
    Page::generated("reference", "API reference", text)
}

const DOWNLOADS: &str = "## Downloads

- [ota-jobs.yaml](downloads/ota-jobs.yaml) is the OpenAPI 3.0.3 document as it is maintained, and
  [ota-jobs.json](downloads/ota-jobs.json) the same as JSON. All operations share one path. So their keys differ in a fragment,
  such as `#action=retryTask`, which stays off the wire.
- [ota-jobs.lowered.json](downloads/ota-jobs.lowered.json) has the URLs as they are on the wire (`?action=retryTask`), and code
  samples in `x-codeSamples`. It is for tools that show a document. OpenAPI allows no query in a path, so a validator may refuse it.
- The files of single operations, in the table above, are for generators that take neither. Their schemas allow every null that a
  response may hold, so a generated client can read a failed call.
- [retry-failed.arazzo.yaml](downloads/retry-failed.arazzo.yaml) is a workflow in Arazzo 1.0: find the failed tasks, retry them,
  confirm. [Testing without an account](testing.html#as-an-arazzo-workflow) says how to run it.
";

fn page(document: &Document, operation: &Operation<'_>) -> Page {
    let node = operation.node;
    let mut text = format!("\n{}\n\n", node.text("description").unwrap_or_default().trim_end());
    text.push_str("## Availability and permission\n\n");
    about(&mut text, node);
    add(
        &mut text,
        format_args!(
            "\n## Request\n\n```text\n{} {}\n```\n\nMembers in **bold** are required. The [headers](reference.html#headers) come \
             with every request.\n\n",
            operation.method.to_uppercase(),
            operation.url
        ),
    );
    for parameter in operation.parameters(document) {
        let Some(resolved) = document.resolve(parameter) else {
            continue;
        };
        if document.fixed_value(parameter).is_none() {
            let name = resolved.text("name").unwrap_or_default();
            let field = Field {
                name,
                place: ", in the query",
                required: resolved.get("required").is_some_and(Node::is_true),
                description: resolved.text("description"),
            };
            member(&mut text, document, &field, resolved.get("schema"), 0);
        }
    }
    if let Some(schema) = schema_of(node.find(&["requestBody", "content"])) {
        text.push_str("\n### Body\n\n");
        members(&mut text, document, schema, 0);
    }
    text.push_str("\n### Samples\n\n");
    for sample in samples(document, operation) {
        add(
            &mut text,
            format_args!(
                "<details name=\"samples\"><summary>{}</summary>\n\n```{}\n{}```\n\n</details>\n\n",
                sample.label, sample.language, sample.code
            ),
        );
    }
    text.push_str("\n## Response\n\n");
    if let Some(example) = operation.example_response() {
        add(&mut text, format_args!("```json\n{}```\n\n", ordered::json(example)));
    }
    if let Some(schema) = schema_of(node.find(&["responses", "200", "content"])) {
        members(&mut text, document, schema, 0);
    }
    failures(&mut text, operation);
    let mut page = Page::generated(operation.id, operation.summary, text);
    page.found_as = format!("{} ({})", operation.summary, operation.id);
    page
}

/// Age, permissions and effect, and the page that this was written from.
fn about(text: &mut String, node: &Node) {
    if let Some(version) = node.text("x-available-since") {
        add(text, format_args!("- **Available since** EnOS {version}.\n"));
    }
    let again = match node.text("x-effect") {
        Some("none") => "The call only reads, and may be repeated.",
        Some("compare-and-set") => "Nothing more happens. The platform refuses what is no longer in the state for it.",
        Some("each-time") => "The same thing happens again, so find out first whether it has happened.",
        _ => "",
    };
    if !again.is_empty() {
        add(
            text,
            format_args!("- **If it is sent again** after a lost response (inferred): {again}\n"),
        );
    }
    if let Some(page) = node.get("externalDocs") {
        let field = |key| page.text(key).unwrap_or_default();
        add(
            text,
            format_args!("- **Written from** [{}]({}).\n", field("description"), field("url")),
        );
    }
    let permissions = listed(node, "x-permissions");
    if !permissions.is_empty() {
        text.push_str("\n| EnOS | Permission |\n|---|---|\n");
        for permission in permissions {
            let field = |key| permission.text(key).unwrap_or_default().replace('|', "\\|");
            add(
                text,
                format_args!(
                    "| {} | {} ([page]({})) |\n",
                    field("versions"),
                    field("permission"),
                    field("source")
                ),
            );
        }
    }
}

/// Every code of the operation, with the response that carries it.
fn failures(text: &mut String, operation: &Operation<'_>) {
    text.push_str("\n## Failures\n\nA failure has HTTP status 200 and a `code` other than 0. ");
    text.push_str(
        "[Common codes](codes.html#common) and [refusals by the gateway](codes.html#refusals) may come too.\n",
    );
    for node in listed(operation.node, "x-error-codes") {
        let Some(code) = node.get("code").and_then(Node::as_i64) else {
            continue;
        };
        let field = |key| node.text(key).unwrap_or_default();
        let body = json!({
            "code": code,
            "data": null,
            "msg": field("message"),
            "requestId": "8e5d4643-1d13-4dd1-8896-e407f16381df",
        });
        add(
            text,
            format_args!(
                "\n### `{code}` {}\n\n{} **What to do:** {}\n\n```json\n{body}\n```\n",
                field("message"),
                field("description"),
                field("remedy"),
            ),
        );
    }
}

fn schema_of(content: Option<&Node>) -> Option<&Node> {
    content?.entries().first()?.value.get("schema")
}

/// What a parameter or a member of an object says of itself.
struct Field<'a> {
    name: &'a str,
    place: &'a str,
    required: bool,
    description: Option<&'a str>,
}

/// The members of an object, or of what a list holds, as a list of lists.
fn members(text: &mut String, document: &Document, schema: &Node, depth: usize) {
    let Some(schema) = object(document, schema) else {
        return;
    };
    // A schema that holds itself would never end.
    if depth > 6 {
        return;
    }
    let required = listed(schema, "required");
    for property in schema.get("properties").map(Node::entries).unwrap_or_default() {
        let field = Field {
            name: &property.key,
            place: "",
            required: required.iter().any(|name| name.as_str() == Some(&property.key)),
            description: property.value.text("description"),
        };
        member(text, document, &field, Some(&property.value), depth);
    }
}

fn member(text: &mut String, document: &Document, field: &Field<'_>, schema: Option<&Node>, depth: usize) {
    let indent = "  ".repeat(depth);
    let target = schema.map(|schema| target(document, schema));
    let own = target.and_then(|schema| schema.text("description"));
    let bold = if field.required { "**" } else { "" };
    let kind = target.map_or_else(String::new, |schema| kind(document, schema));
    let nullable = schema.into_iter().chain(target);
    let nullable = nullable.flat_map(|schema| [schema.get("nullable"), schema.get("x-nullable")]);
    let null = if nullable.flatten().any(Node::is_true) {
        ", or null"
    } else {
        ""
    };
    add(
        text,
        format_args!("{indent}- {bold}`{}`{bold} {kind}{null}{}. ", field.name, field.place),
    );
    let description = field.description.or(own).unwrap_or_default();
    let description: Vec<_> = description.trim_end().lines().collect();
    text.push_str(&description.join(&format!("\n{indent}  ")));
    text.push('\n');
    for value in target
        .map(|schema| listed(schema, "x-known-values"))
        .unwrap_or_default()
    {
        let field = |key| value.text(key).unwrap_or_default();
        add(
            text,
            format_args!("{indent}  - `{}`: {}\n", field("value"), field("description")),
        );
    }
    if let Some(schema) = target {
        members(text, document, schema, depth + 1);
    }
}

/// What a schema refers to, also by way of the one part of `allOf`.
fn target<'a>(document: &'a Document, schema: &'a Node) -> &'a Node {
    let schema = document.resolve(schema).unwrap_or(schema);
    match listed(schema, "allOf") {
        [only] => target(document, only),
        _ => schema,
    }
}

/// The object that a schema is, or that the items of its list are.
fn object<'a>(document: &'a Document, schema: &'a Node) -> Option<&'a Node> {
    let schema = target(document, schema);
    if schema.get("properties").is_some() {
        return Some(schema);
    }
    object(document, schema.get("items")?)
}

/// A type in words, with its limits.
fn kind(document: &Document, schema: &Node) -> String {
    let mut out = match schema.text("type") {
        Some("array") => {
            let items = schema.get("items").map(|items| kind(document, target(document, items)));
            format!("list of {}", items.unwrap_or_else(|| "anything".into()))
        }
        Some(name) => name.to_owned(),
        None => "any type".into(),
    };
    for (key, words) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minItems", "length at least"),
        ("maxItems", "length at most"),
        ("default", "by default"),
    ] {
        if let Some(limit) = schema.get(key) {
            add(&mut out, format_args!(", {words} {}", limit.to_json()));
        }
    }
    let values: Vec<_> = listed(schema, "enum")
        .iter()
        .map(|value| format!("`{}`", value.to_json()))
        .collect();
    if !values.is_empty() {
        add(&mut out, format_args!(", one of {}", values.join(", ")));
    }
    out
}
