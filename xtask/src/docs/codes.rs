//! The page of error codes: what each means in which operation, and what to do about it.

use std::collections::BTreeMap;

use super::html::{add, anchor as heading_anchor, escape};
use super::markdown;
use super::page::{self, Meta, page};
use super::search::Entry;
use super::{Files, Inputs, spec};
use crate::spec::tree::Node;

/// Codes that belong together.
struct Group<'a> {
    /// Part of the addresses of its codes.
    id: &'a str,
    title: String,
    note: String,
    codes: &'a [Node],
}

fn groups(inputs: &Inputs) -> Vec<Group<'_>> {
    let root = &inputs.document.root;
    let mut groups = Vec::new();
    for operation in spec::operations(&inputs.document) {
        groups.push(Group {
            id: operation.id,
            title: operation.summary.to_owned(),
            note: format!(
                "<p>Codes of <a href=\"reference.html#operation/{id}\"><code>{id}</code></a>; any common code may come too.</p>",
                id = escape(operation.id)
            ),
            codes: listed(operation.node, "x-error-codes"),
        });
    }
    groups.push(Group {
        id: "common",
        title: "Common to all operations".into(),
        note: "<p>Any operation may answer these.</p>".into(),
        codes: listed(root, "x-common-error-codes"),
    });
    groups.push(Group {
        id: "gateway",
        title: "Token service and gateway".into(),
        note: "<p>These come before the OTA service has seen the call.</p>".into(),
        codes: listed(root, "x-gateway-error-codes"),
    });
    groups
}

fn listed<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

/// The address of a code in the page.
pub(super) fn anchor(group: &str, code: i64) -> String {
    format!("codes.html#{group}-{code}")
}

pub(super) fn pages(inputs: &Inputs, files: &mut Files, index: &mut Vec<Entry>) {
    let mut overview: BTreeMap<i64, (String, Vec<String>)> = BTreeMap::new();
    let mut sections = String::new();
    for group in groups(inputs) {
        add(
            &mut sections,
            format_args!(
                "<h2 id=\"{}\">{}{}</h2>\n{}\n",
                escape(group.id),
                escape(&group.title),
                heading_anchor(group.id, &group.title),
                group.note
            ),
        );
        if group.codes.is_empty() {
            sections.push_str("<p>The platform’s pages list no codes for this operation.</p>\n");
        }
        for node in group.codes {
            let Some(code) = node.get("code").and_then(Node::as_i64) else {
                continue;
            };
            let field = |key| node.text(key).unwrap_or_default();
            add(
                &mut sections,
                format_args!(
                    "<div class=\"code\">\n<h3 id=\"{group}-{code}\"><code>{code}</code> {message}{link}</h3>\n\
                 {description}<p><strong>What to do:</strong> {remedy}</p>\n<p class=\"note\">{category} · \
                 <code>{name}</code> in the SDK</p>\n</div>\n",
                    group = escape(group.id),
                    message = escape(field("message")),
                    link = heading_anchor(&format!("{}-{code}", group.id), &code.to_string()),
                    description = markdown::render(field("description")).html,
                    remedy = escape(field("remedy")),
                    category = escape(&field("category").replace('_', " ")),
                    name = escape(field("name"))
                ),
            );
            index.push(Entry::new(
                &format!("Error code, {}", group.title),
                &format!("{code} {}", field("message")),
                &anchor(group.id, code),
                &format!("{} {} {}", field("name"), field("description"), field("remedy")),
            ));
            let row = overview
                .entry(code)
                .or_insert_with(|| (escape(field("message")), Vec::new()));
            row.1.push(format!(
                "<a href=\"#{id}-{code}\">{title}</a>",
                id = escape(group.id),
                title = escape(&group.title)
            ));
        }
    }
    let mut rows = String::new();
    for (code, (message, links)) in &overview {
        let links = links.join(", ");
        add(
            &mut rows,
            format_args!("<tr><td><code>{code}</code></td><td>{message}</td><td>{links}</td></tr>\n"),
        );
    }
    sections.push_str(&refusals(&inputs.document.root, index));
    let body = format!(
        "<h1>Error codes, and what to do</h1>\n<p>The platform reports failure in the body of the answer: a call has succeeded \
         only if <code>code</code> is 0, whatever the HTTP status. The gateway in front of it may <a href=\"#refusals\">refuse \
         a call</a> with another HTTP status and no code. The same number can mean different things in different \
         operations, so look it up under the one that you called.</p>\n<div class=\"table\" tabindex=\"0\" role=\"group\" \
         aria-label=\"All codes\">\n<table><thead><tr><th>Code</th><th>Message</th><th>Where</th></tr></thead>\n<tbody>\n{rows}\
         </tbody></table>\n</div>\n{sections}"
    );
    let meta = Meta {
        file: "codes.html",
        title: "Error codes",
        description: "Every error code of the OTA-job API, its gateway and its token service, and what to do about it.",
        policy: page::POLICY,
        scripts: &[],
    };
    index.push(Entry::new("Reference", "Error codes", "codes.html", "failure remedy"));
    files.insert("codes.html".into(), page(&meta, &body).into());
}

/// What the gateway refuses calls with, in the place of the platform.
fn refusals(root: &Node, index: &mut Vec<Entry>) -> String {
    let mut rows = String::new();
    for refusal in listed(root, "x-gateway-refusals") {
        let Some(status) = refusal.get("status").and_then(Node::as_i64) else {
            continue;
        };
        let field = |key| refusal.text(key).unwrap_or_default();
        add(
            &mut rows,
            format_args!(
                "<tr id=\"refusal-{status}\"><td><code>{status}</code></td><td>{message}</td><td>text {text}, body {body}</td>\
                 <td>{description}</td><td>{remedy}</td></tr>\n",
                message = escape(field("message")),
                text = escape(field("text")),
                body = escape(field("body")),
                description = markdown::render(field("description")).html,
                remedy = markdown::render(field("remedy")).html,
            ),
        );
        index.push(Entry::new(
            "Refusal by the gateway",
            &format!("HTTP {status} {}", field("message")),
            &format!("codes.html#refusal-{status}"),
            &format!("{} {}", field("description"), field("remedy")),
        ));
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<h2 id=\"refusals\">Refusals by the gateway{}</h2>\n<p>These have an HTTP status other than 200 and, as inferred from the \
         Kong gateway whose texts they are, the body <code>{{\"message\": \"...\"}}</code>.</p>\n<div class=\"table\" \
         tabindex=\"0\" role=\"group\" aria-label=\"Refusals by the gateway\">\n<table><thead><tr><th>Status</th>\
         <th>Message</th><th>Known from</th><th>What has happened</th><th>What to do</th></tr></thead>\n<tbody>\n{rows}\
         </tbody></table>\n</div>\n",
        heading_anchor("refusals", "Refusals by the gateway")
    )
}
