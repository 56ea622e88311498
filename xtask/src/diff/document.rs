//! What concerns the document as a whole: its head, servers and security.

use std::collections::BTreeSet;

use super::change::{Change, Subject, breaking, minor, none};
use super::compare::{Context, Pair, Scope};
use crate::diagnostic::Mark;
use crate::spec::tree::Node;

pub(super) fn compare(context: &Context<'_>) -> Vec<Change> {
    let scope = &Scope::new(context, Subject::Document);
    let root = Pair {
        base: &context.base.root,
        head: &context.head.root,
        at: Mark::START,
    };
    let mut changes = Vec::new();
    if root.differ("openapi") {
        let (was, is) = root.texts("openapi", "nothing");
        let text = format!("the version of OpenAPI was {was} and is {is}");
        changes.push(scope.key(root, "openapi", text, none("how it is written down")));
    }
    if let Some(info) = root.get("info") {
        changes.extend(self::info(scope, info));
    } else if root.differ("info") {
        let text = format!("what the document is called {}", root.state("info", ""));
        changes.push(scope.text(root, "info", text));
    }
    changes.extend(scope.texts(root, &["externalDocs", "tags"], "the document"));
    changes.extend(servers(scope, root, "the document"));
    changes.extend(security(scope, root, "all operations"));
    let elsewhere = [
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
    changes.extend(scope.others(root, &elsewhere, "the document"));
    changes
}

fn info(scope: &Scope<'_>, info: Pair<'_>) -> Vec<Change> {
    let texts = ["title", "description", "termsOfService", "contact", "license"];
    let mut changes = scope.texts(info, &texts, "the document");
    if info.differ("version") {
        let (was, is) = info.texts("version", "nothing");
        let text = format!("the version of the document was {was} and is {is}");
        changes.push(scope.key(info, "version", text, none("no request tells it")));
    }
    changes.extend(scope.others(info, &[&texts[..], &["version"]].concat(), "the document"));
    changes
}

/// The servers of a thing that both versions have, told apart by their addresses.
pub(super) fn servers(scope: &Scope<'_>, pair: Pair<'_>, of: &str) -> Vec<Change> {
    let (base, head) = (pair.base.items_of("servers"), pair.head.items_of("servers"));
    let url = |server: &Node| server.text("url").unwrap_or_default().to_owned();
    let mut changes = Vec::new();
    for server in head {
        let name = format!("the server `{}`", url(server));
        let Some(before) = base.iter().find(|other| url(other) == url(server)) else {
            let wire = minor("one more address to choose from");
            changes.push(scope.added(server.at, format!("{name} of {of} is new"), wire));
            continue;
        };
        let pair = Pair::item(before, server);
        changes.extend(scope.texts(pair, &["description"], &name));
        changes.extend(variables(scope, pair, &name));
        changes.extend(scope.others(pair, &["url", "description", "variables"], &name));
    }
    let is_gone = |other: &&Node| !head.iter().any(|server| url(server) == url(other));
    changes.extend(base.iter().filter(is_gone).map(|server| {
        let text = format!("the server `{}` of {of} is gone", url(server));
        let wire = breaking("a client that took its address from the document calls where no one answers");
        scope.removed(server.at, text, wire)
    }));
    changes
}

fn variables(scope: &Scope<'_>, server: Pair<'_>, of: &str) -> Vec<Change> {
    let other = |pair, key: &str, text| {
        let wire = breaking("a client that took its address from the document calls elsewhere");
        scope.key(pair, key, text, wire)
    };
    let Some(variables) = server.get("variables") else {
        let text = format!("the variables of {of} are others");
        let differ = server.differ("variables");
        return differ.then(|| other(server, "variables", text)).into_iter().collect();
    };
    let mut changes = Vec::new();
    for key in variables.keys() {
        let name = format!("the variable `{key}` of {of}");
        let Some(variable) = variables.get(key) else {
            changes.push(other(variables, key, format!("{name} {}", variables.state(key, ""))));
            continue;
        };
        changes.extend(scope.texts(variable, &["description"], &name));
        let values = ["default", "enum"].into_iter().filter(|key| variable.differ(key));
        changes.extend(values.map(|key| other(variable, key, format!("the `{key}` of {name} is another"))));
        changes.extend(scope.others(variable, &["description", "default", "enum"], &name));
    }
    changes
}

/// What a call must show, of which a client may choose one alternative.
pub(super) fn security(scope: &Scope<'_>, pair: Pair<'_>, of: &str) -> Option<Change> {
    // Nothing said and nothing demanded are the same to a whole document; an operation without it takes the document's.
    let alternatives = |node: &Node| -> Option<Vec<BTreeSet<String>>> {
        let alternatives = node.get("security")?.items().iter();
        let schemes = |alternative: &Node| alternative.entries().iter().map(|scheme| scheme.key.clone()).collect();
        Some(alternatives.map(schemes).collect())
    };
    let wire = match (alternatives(pair.base), alternatives(pair.head)) {
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
    pair.differ("security").then(|| scope.key(pair, "security", text, wire))
}

/// A security scheme that both versions have.
pub(super) fn scheme(scope: &Scope<'_>, pair: Pair<'_>, of: &str) -> Vec<Change> {
    let keys = pair.keys().into_iter();
    let differing = keys.filter(|key| *key != "description" && pair.differ(key));
    let changes = differing.map(|key| {
        let value = |node: &Node| {
            node.get(key)
                .map_or("absent".to_owned(), |value| value.to_json().to_string())
        };
        let (was, is) = (value(pair.base), value(pair.head));
        let wire = breaking("what clients show is not found where it is looked for");
        scope.key(pair, key, format!("the `{key}` of {of} was {was} and is {is}"), wire)
    });
    let texts = scope.texts(pair, &["description"], of);
    texts.into_iter().chain(changes).collect()
}
