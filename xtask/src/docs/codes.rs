//! The page of error codes: what each means in which operation, and what to do about it.

use std::collections::BTreeMap;

use super::book::Page;
use super::html::add;
use super::spec;
use crate::spec::Document;
use crate::spec::tree::Node;

/// Codes that belong together.
struct Group<'a> {
    /// Part of the addresses of its codes.
    id: &'a str,
    title: &'a str,
    note: String,
    codes: &'a [Node],
}

fn groups(document: &Document) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    for operation in spec::operations(document) {
        groups.push(Group {
            id: operation.id,
            title: operation.summary,
            note: format!(
                "Codes of [`{id}`]({id}.html). Any common code may come too.",
                id = operation.id
            ),
            codes: listed(operation.node, "x-error-codes"),
        });
    }
    groups.push(Group {
        id: "common",
        title: "Common to all operations",
        note: "Any operation may return these.".into(),
        codes: listed(&document.root, "x-common-error-codes"),
    });
    groups.push(Group {
        id: "gateway",
        title: "Token service and gateway",
        note: "These come before the OTA service has seen the call.".into(),
        codes: listed(&document.root, "x-gateway-error-codes"),
    });
    groups
}

pub(super) fn listed<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

pub(super) fn page(document: &Document) -> Page {
    let mut overview: BTreeMap<i64, (&str, Vec<String>)> = BTreeMap::new();
    let mut sections = String::new();
    for group in groups(document) {
        add(
            &mut sections,
            format_args!("\n## {} {{#{}}}\n\n{}\n", group.title, group.id, group.note),
        );
        if group.codes.is_empty() {
            sections.push_str("\nThe platform’s pages list no codes for this operation.\n");
        }
        for node in group.codes {
            let Some(code) = node.get("code").and_then(Node::as_i64) else {
                continue;
            };
            let field = |key| node.text(key).unwrap_or_default();
            add(
                &mut sections,
                format_args!(
                    "\n### `{code}` {message} {{#{id}-{code}}}\n\n{description}\n\n**What to do:** {remedy}\n\n*{category}*, \
                     `{name}` in the SDK\n",
                    message = field("message"),
                    id = group.id,
                    description = field("description"),
                    remedy = field("remedy"),
                    category = field("category").replace('_', " "),
                    name = field("name"),
                ),
            );
            let row = overview.entry(code).or_insert_with(|| (field("message"), Vec::new()));
            row.1.push(format!("[{}](#{}-{code})", group.title, group.id));
        }
    }
    let mut text = "\nThe platform reports failure in the body of the response: a call has succeeded only if `code` is 0, \
        whatever the HTTP status. The gateway in front of it may [refuse a call](#refusals) with another HTTP status and no \
        code.\n\nThe same number can mean different things in different operations. Look it up under the one that you \
        called.\n\n| Code | Message | Where |\n|---|---|---|\n"
        .to_owned();
    for (code, (message, links)) in &overview {
        add(
            &mut text,
            format_args!("| `{code}` | {message} | {} |\n", links.join(", ")),
        );
    }
    text.push_str(&sections);
    text.push_str(&refusals(&document.root));
    Page::generated("codes", "Error codes, and what to do", text)
}

/// What the gateway refuses calls with, in the place of the platform.
fn refusals(root: &Node) -> String {
    let mut text =
        "\n## Refusals by the gateway {#refusals}\n\nThese have an HTTP status other than 200. Their body is \
        `{\"message\": \"...\"}`: inferred from the Kong gateway, whose texts these are.\n"
            .to_owned();
    for refusal in listed(root, "x-gateway-refusals") {
        let Some(status) = refusal.get("status").and_then(Node::as_i64) else {
            continue;
        };
        let field = |key| refusal.text(key).unwrap_or_default();
        add(
            &mut text,
            format_args!(
                "\n### HTTP `{status}` {} {{#refusal-{status}}}\n\n{}\n\n**What to do:** {}\n\nThe text is {}, the form of the \
                 body {}.\n",
                field("message"),
                field("description"),
                field("remedy"),
                field("text"),
                field("body"),
            ),
        );
    }
    text
}
