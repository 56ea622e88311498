//! The reference of the API, rendered in the browser by Redoc from the lowered document.

use super::html::{add, escape, script_json};
use super::ordered::{self, set, text};
use super::page::{Meta, page};
use super::search::Entry;
use super::{DocsError, Files, Inputs, asset, codes, spec};
use crate::spec::tree::{Content, Node};

/// Redoc writes its styles into the page.
const POLICY: &str = "default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; \
    img-src 'self' file: data:; base-uri 'none'; form-action 'none'";

/// The one thing that Redoc loads from elsewhere: a logo beside its name at the end of the menu.
const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_LOGO: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

pub(super) fn pages(inputs: &Inputs, files: &mut Files, index: &mut Vec<Entry>) -> Result<(), DocsError> {
    let redoc = &inputs.outside.redoc;
    if !redoc.contains(LOGO) {
        return Err(DocsError::Source(format!(
            "Redoc has no `{LOGO}` in it; look for what this version loads from other hosts"
        )));
    }
    files.insert("redoc.js".into(), redoc.replace(LOGO, NO_LOGO).into());
    files.insert(
        "redoc.js.LICENSE.txt".into(),
        inputs.outside.redoc_licences.clone().into(),
    );
    files.insert("reference.js".into(), asset(inputs, "reference.js")?.into());

    let mut rows = String::new();
    for operation in spec::operations(&inputs.document) {
        let address = format!("reference.html#operation/{}", operation.id);
        add(
            &mut rows,
            format_args!(
                "<tr><td><a href=\"#operation/{id}\">{summary}</a></td><td><code>{method} {url}</code></td></tr>\n",
                id = escape(operation.id),
                summary = escape(operation.summary),
                method = operation.method.to_uppercase(),
                url = escape(&operation.url)
            ),
        );
        index.push(Entry::new(
            "Operation",
            &format!("{} ({})", operation.summary, operation.action()),
            &address,
            &format!(
                "{} {} {} {}",
                operation.id,
                operation.url,
                codes_of(operation.node)
                    .map(|(code, _)| code.to_string())
                    .collect::<Vec<_>>()
                    .join(" "),
                operation.node.text("description").unwrap_or_default()
            ),
        ));
    }
    let body = format!(
        "<h1>API reference</h1>\n<details class=\"wide\"><summary>All operations and their URLs</summary>\n<div class=\"table\" \
         tabindex=\"0\" role=\"group\" aria-label=\"All operations\"><table>\n<thead><tr><th>Operation</th><th>Request</th></tr>\
         </thead>\n<tbody>\n{rows}</tbody></table></div></details>\n<noscript><p>The reference is drawn by a script. Without \
         one, read <a href=\"downloads/ota-jobs.yaml\">the document itself</a>.</p></noscript>\n<div id=\"redoc\"></div>\n\
         <script type=\"application/json\" id=\"document\">{json}</script>",
        json = script_json(&ordered::json(&told(inputs))),
    );
    let meta = Meta {
        file: "reference.html",
        title: "API reference",
        description: "The nine operations of the OTA-job API: parameters, bodies, answers, permissions and error codes.",
        policy: POLICY,
        scripts: &["redoc.js", "reference.js"],
    };
    index.push(Entry::new(
        "Reference",
        "API reference",
        "reference.html",
        "operations parameters schemas authentication",
    ));
    files.insert("reference.html".into(), page(&meta, &body).into());
    Ok(())
}

fn codes_of(operation: &Node) -> impl Iterator<Item = (i64, &Node)> {
    let codes = operation.get("x-error-codes").map(Node::items).unwrap_or_default();
    codes
        .iter()
        .filter_map(|node| Some((node.get("code")?.as_i64()?, node)))
}

/// The lowered document with what its extensions say in the descriptions, where Redoc shows it.
fn told(inputs: &Inputs) -> Node {
    let mut root = spec::lowered(&inputs.document);
    if let Content::Map(members) = &mut root.content {
        for member in members.iter_mut().filter(|member| member.key == "paths") {
            for operation in operations_mut(&mut member.value) {
                let said = operation.text("description").unwrap_or_default().trim_end();
                let said = format!("{said}\n\n{}", extensions(operation));
                set(operation, "description", text(said));
            }
        }
    }
    tell_values(&mut root);
    root
}

fn operations_mut(paths: &mut Node) -> impl Iterator<Item = &mut Node> {
    let items = match &mut paths.content {
        Content::Map(items) => items.as_mut_slice(),
        Content::List(_) | Content::Scalar(_) => &mut [],
    };
    items.iter_mut().flat_map(|item| match &mut item.value.content {
        Content::Map(methods) => methods.iter_mut().map(|method| &mut method.value).collect(),
        Content::List(_) | Content::Scalar(_) => Vec::new(),
    })
}

/// Permissions, age, effect and codes of an operation as Markdown.
fn extensions(operation: &Node) -> String {
    let mut out = String::new();
    if let Some(version) = operation.text("x-available-since") {
        add(&mut out, format_args!("**Available since** EnOS {version}.\n\n"));
    }
    let again = match operation.text("x-effect") {
        Some("none") => "the call only reads, and may be repeated.",
        Some("compare-and-set") => "nothing more happens; the platform refuses what is no longer in the state for it.",
        Some("each-time") => "the same thing happens again, so find out first whether it has happened.",
        _ => "",
    };
    if !again.is_empty() {
        add(
            &mut out,
            format_args!("**If it is sent again** after a lost answer (inferred; no page says so): {again}\n\n"),
        );
    }
    let permissions = operation.get("x-permissions").map(Node::items).unwrap_or_default();
    if !permissions.is_empty() {
        out.push_str("| EnOS | Permission |\n|---|---|\n");
        for permission in permissions {
            let field = |key| permission.text(key).unwrap_or_default().replace('|', "\\|");
            add(
                &mut out,
                format_args!(
                    "| {} | {} ([page]({})) |\n",
                    field("versions"),
                    field("permission"),
                    field("source")
                ),
            );
        }
        out.push('\n');
    }
    let id = operation.text("operationId").unwrap_or_default();
    let mut codes = codes_of(operation).peekable();
    if codes.peek().is_some() {
        out.push_str("| Code | Message | What to do |\n|---|---|---|\n");
        for (code, node) in codes {
            let field = |key| node.text(key).unwrap_or_default().replace('|', "\\|");
            add(
                &mut out,
                format_args!(
                    "| [{code}]({}) | {} | {} |\n",
                    codes::anchor(id, code),
                    field("message"),
                    field("remedy")
                ),
            );
        }
        out.push('\n');
    }
    out.push_str("Common codes are on the page of [error codes](codes.html#common).\n");
    out
}

/// Says in the description of a schema which values it knows.
fn tell_values(node: &mut Node) {
    if let Some(values) = node.get("x-known-values") {
        let known: Vec<_> = values
            .items()
            .iter()
            .filter_map(|value| {
                let name = value.text("value")?;
                Some(format!("- `{name}`: {}", value.text("description").unwrap_or_default()))
            })
            .collect();
        let said = node.text("description").unwrap_or_default().trim_end();
        let said = format!("{said}\n\nKnown values; others may come:\n\n{}", known.join("\n"));
        set(node, "description", text(said));
    }
    match &mut node.content {
        Content::Map(entries) => entries.iter_mut().for_each(|entry| tell_values(&mut entry.value)),
        Content::List(items) => items.iter_mut().for_each(tell_values),
        Content::Scalar(_) => {}
    }
}
