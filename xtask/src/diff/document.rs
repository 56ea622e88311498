//! What concerns the document as a whole: its head, servers and security.

use std::collections::BTreeSet;

use super::change::{Impact, Subject, breaking, minor, none, patch};
use super::compare::{Comparison, ONLY_TEXT, Pair, state};
use crate::diagnostic::Mark;
use crate::spec::tree::{Entry, Node};

/// What the client is given by hand, whatever the document says.
const BY_HAND: &str = "the client is told the address and brings its own authorizer";

pub(super) fn compare(comparison: &mut Comparison<'_>) {
    let subject = &Subject::Document;
    let root = Pair {
        base: &comparison.base.root,
        head: &comparison.head.root,
        at: Mark::START,
    };
    if root.differ("openapi") {
        let version = |node: &Node| node.text("openapi").unwrap_or("nothing").to_owned();
        let text = format!(
            "the version of OpenAPI was {} and is {}",
            version(root.base),
            version(root.head)
        );
        let rust = patch("the generator has to read it");
        comparison.key(subject, root, "openapi", text, rust, none("how it is written down"));
    }
    if let Some(info) = root.get("info") {
        self::info(comparison, info);
    } else if root.differ("info") {
        let text = format!("what the document is called {}", state(root, "info", ""));
        comparison.key(subject, root, "info", text, patch(ONLY_TEXT), none(ONLY_TEXT));
    }
    comparison.texts(subject, root, &["externalDocs", "tags"], "the document");
    servers(comparison, subject, root, "the document");
    security(comparison, subject, root, "all operations");
    let known = [
        "openapi",
        "info",
        "externalDocs",
        "tags",
        "servers",
        "security",
        "paths",
        "components",
        "x-common-error-codes",
        "x-gateway-error-codes",
        "x-gateway-refusals",
    ];
    comparison.others(subject, root, &known, "the document");
}

fn info(comparison: &mut Comparison<'_>, info: Pair<'_>) {
    let subject = &Subject::Document;
    let texts = ["title", "description", "termsOfService", "contact", "license"];
    comparison.texts(subject, info, &texts, "the document");
    if info.differ("version") {
        let version = |node: &Node| node.text("version").unwrap_or("nothing").to_owned();
        let text = format!(
            "the version of the document was {} and is {}",
            version(info.base),
            version(info.head)
        );
        let rust = patch("the client names the version");
        comparison.key(subject, info, "version", text, rust, none("no request tells it"));
    }
    let known = [&texts[..], &["version"]].concat();
    comparison.others(subject, info, &known, "the document");
}

/// The servers of a thing that both versions have, told apart by their addresses.
pub(super) fn servers(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    let list = |node: &Node| node.get("servers").map(Node::items).unwrap_or_default().to_vec();
    let (base, head) = (list(pair.base), list(pair.head));
    let url = |server: &Node| server.text("url").unwrap_or_default().to_owned();
    for server in &head {
        let Some(before) = base.iter().find(|other| url(other) == url(server)) else {
            let text = format!("the server `{}` of {of} is new", url(server));
            let wire = minor("one more address to choose from");
            comparison.added(subject, server.at, text, patch(BY_HAND), wire);
            continue;
        };
        let name = format!("the server `{}`", url(server));
        let pair = Pair {
            base: before,
            head: server,
            at: server.at,
        };
        comparison.texts(subject, pair, &["description"], &name);
        variables(comparison, subject, pair, &name);
        comparison.others(subject, pair, &["url", "description", "variables"], &name);
    }
    for server in base
        .iter()
        .filter(|other| !head.iter().any(|server| url(server) == url(other)))
    {
        let text = format!("the server `{}` of {of} is gone", url(server));
        let wire = breaking("a client that took its address from the document calls where no one answers");
        comparison.removed(subject, server.at, text, patch(BY_HAND), wire);
    }
}

fn variables(comparison: &mut Comparison<'_>, subject: &Subject, server: Pair<'_>, of: &str) {
    let changed = || breaking("a client that took its address from the document calls elsewhere");
    let Some(variables) = server.get("variables") else {
        if server.differ("variables") {
            let text = format!("the variables of {of} are others");
            comparison.key(subject, server, "variables", text, patch(BY_HAND), changed());
        }
        return;
    };
    for key in variables.keys() {
        let name = format!("the variable `{key}` of {of}");
        let Some(variable) = variables.get(key) else {
            let text = format!(
                "{name} is {}",
                if variables.head.get(key).is_some() {
                    "new"
                } else {
                    "gone"
                }
            );
            comparison.key(subject, variables, key, text, patch(BY_HAND), changed());
            continue;
        };
        comparison.texts(subject, variable, &["description"], &name);
        for key in ["default", "enum"] {
            if variable.differ(key) {
                let text = format!("the `{key}` of {name} is another");
                comparison.key(subject, variable, key, text, patch(BY_HAND), changed());
            }
        }
        comparison.others(subject, variable, &["description", "default", "enum"], &name);
    }
}

/// What a call must show, of which a client may choose one alternative.
pub(super) fn security(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    if !pair.differ("security") {
        return;
    }
    // Nothing said and nothing demanded are the same to a whole document; an operation without it takes the document's.
    let alternatives = |node: &Node| -> Option<Vec<BTreeSet<String>>> {
        let alternatives = node.get("security")?.items().iter();
        let schemes = |alternative: &Node| alternative.entries().iter().map(|scheme| scheme.key.clone()).collect();
        Some(alternatives.map(schemes).collect())
    };
    let wire: Impact = match (alternatives(pair.base), alternatives(pair.head)) {
        (Some(base), Some(head)) => {
            let is_served =
                |shown: &BTreeSet<String>| head.is_empty() || head.iter().any(|asked| asked.is_subset(shown));
            if !base.is_empty() && base.iter().all(is_served) {
                minor("what clients show is still enough")
            } else {
                breaking("what clients show is no longer enough")
            }
        }
        _ => breaking("what clients show may no longer be enough"),
    };
    let text = format!("what {of} must be signed with is another");
    comparison.key(subject, pair, "security", text, patch(BY_HAND), wire);
}

/// A security scheme that both versions have.
pub(super) fn scheme(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    comparison.texts(subject, pair, &["description"], of);
    for key in pair.keys().into_iter().filter(|key| *key != "description") {
        if pair.differ(key) {
            let value = |node: &Node| {
                node.get(key)
                    .map_or("absent".to_owned(), |value| value.to_json().to_string())
            };
            let text = format!(
                "the `{key}` of {of} was {} and is {}",
                value(pair.base),
                value(pair.head)
            );
            let wire = breaking("what clients show is not found where it is looked for");
            comparison.key(subject, pair, key, text, patch(BY_HAND), wire);
        }
    }
}

/// A security scheme that one version has. The operations that ask for it are told of where they do.
pub(super) fn lone_scheme(comparison: &mut Comparison<'_>, subject: &Subject, entry: &Entry, of: &str, is_new: bool) {
    let why = "a scheme does nothing until an operation asks for it";
    if is_new {
        comparison.added(subject, entry.at, format!("{of} is new"), patch(BY_HAND), none(why));
    } else {
        comparison.removed(subject, entry.at, format!("{of} is gone"), patch(BY_HAND), none(why));
    }
}
