//! What operations are made of, be it written out there or a component: parameters, bodies and answers.

use super::api::Touch;
use super::change::{Change, Subject, breaking, minor, none};
use super::compare::{Context, Motion, Pair, Scope};
use super::document;
use super::operations::{deprecated, describe};
use super::schemas::{self, Spot, plain};
use super::uses::{REQUEST, RESPONSE, Uses};
use crate::diagnostic::Mark;
use crate::generate::names::snake;
use crate::spec::tree::{Content, Node};

/// The components that are no schemas, each once, however many operations refer to it.
pub(super) fn compare(context: &Context<'_>) -> Vec<Change> {
    let empty = &Node {
        at: Mark::START,
        content: Content::Map(Vec::new()),
    };
    let (base, head) = (&context.base.root, &context.head.root);
    let sections = Pair {
        base: base.get("components").unwrap_or(empty),
        head: head.get("components").unwrap_or(empty),
        at: head.entry("components").map_or(Mark::START, |entry| entry.at),
    };
    let others = sections.keys().into_iter().filter(|section| *section != "schemas");
    let changes = others.flat_map(|section| {
        let entries = Pair {
            base: sections.base.get(section).unwrap_or(empty),
            head: sections.head.get(section).unwrap_or(empty),
            at: sections.at,
        };
        let changes = entries
            .keys()
            .into_iter()
            .flat_map(move |key| component(context, entries, section, key));
        changes.collect::<Vec<_>>()
    });
    changes.collect()
}

fn component(context: &Context<'_>, entries: Pair<'_>, section: &str, key: &str) -> Vec<Change> {
    let kind = match section {
        "parameters" => "parameter",
        "requestBodies" => "request body",
        "responses" => "response",
        "securitySchemes" => "security scheme",
        other => other,
    };
    let reference = format!("#/components/{section}/{key}");
    let users = context.usage.components.get(&reference).copied().unwrap_or_default();
    let subject = match users {
        0 => format!("{kind} {key}"),
        1 => format!("{kind} {key} (of 1 operation)"),
        more => format!("{kind} {key} (of {more} operations)"),
    };
    let scope = &Scope::new(context, Subject::Component(subject));
    let what = format!("the {kind} `{key}`");
    let Some(pair) = entries.get(key) else {
        let wire = none("what refers to it is told of where it does");
        let text = format!("{what} {}", entries.state(key, ""));
        return vec![scope.key(entries, key, text, wire)];
    };
    let is_reference = pair.base.get("$ref").is_some() || pair.head.get("$ref").is_some();
    match section {
        "securitySchemes" => document::scheme(scope, pair, &what),
        "examples" => scope.texts(pair, &pair.keys(), &what),
        "parameters" if users > 0 && !is_reference => {
            parameter(scope, pair, &format!("of {users} operations"), "operations::*")
        }
        "requestBodies" if users > 0 && !is_reference => {
            let touches = vec![Touch::member("operations::*", "body")];
            body(&scope.touching(touches), pair, &what)
        }
        "responses" if users > 0 && !is_reference => {
            let touches = vec![Touch::member("operations::*", "")];
            response(&scope.touching(touches), pair, &what)
        }
        _ if users > 0 && !is_reference => scope.others(pair, &[], &what),
        _ if pair.base.to_json() == pair.head.to_json() => Vec::new(),
        _ => {
            let (wire, rust) = if users == 0 {
                (none("no operation of base uses it"), None)
            } else {
                let why = "what it refers to may be another";
                (breaking(why), Some(breaking(why)))
            };
            let change = scope.changed(pair.at, format!("{what} is another"), wire);
            vec![match rust {
                Some(rust) => change.rust(rust),
                None => change,
            }]
        }
    }
}

/// A parameter of these operations of the generated client.
pub(super) fn parameter(scope: &Scope<'_>, pair: Pair<'_>, of: &str, owner: &str) -> Vec<Change> {
    let (was, is) = pair.texts("name", "");
    let touches = [was, is].map(|name| Touch::member(owner, snake(name)));
    let scope = &scope.touching(touches.to_vec());
    let what = format!("the parameter `{is}` {of}");
    let mut changes = Vec::new();
    if let Some(key) = ["name", "in"].into_iter().find(|key| pair.differ(key)) {
        let text = format!("{} is now {}", describe(pair.base), describe(pair.head));
        let wire = breaking("what a call passes under the former name, or there, is not looked at");
        changes.push(scope.key(pair, key, text, wire));
    }
    let (was, is) = pair.says("required");
    if was != is {
        let text = format!("{what} is now {}", if is { "required" } else { "optional" });
        changes.push(scope.key(pair, "required", text, Motion::of_demand((was, is)).wire(REQUEST)));
    }
    changes.extend(scope.texts(pair, &["description", "example", "examples"], &what));
    changes.extend(deprecated(scope, pair, &what));
    changes.extend(schema(scope, pair, &what, REQUEST));
    let known = [
        "name",
        "in",
        "required",
        "description",
        "example",
        "examples",
        "deprecated",
        "schema",
    ];
    changes.extend(scope.others(pair, &known, &what));
    changes
}

/// The schema that a thing has.
fn schema(scope: &Scope<'_>, pair: Pair<'_>, of: &str, uses: Uses) -> Vec<Change> {
    if let Some(schema) = pair.get("schema") {
        return schemas::schema(&Spot::new(scope.clone(), of, uses), schema);
    }
    let text = format!("{of} has another schema");
    let differ = pair.differ("schema");
    let change = differ.then(|| scope.key(pair, "schema", text, Motion::Shifted.wire(uses)));
    change.into_iter().collect()
}

pub(super) fn body(scope: &Scope<'_>, pair: Pair<'_>, what: &str) -> Vec<Change> {
    let mut changes = scope.texts(pair, &["description"], what);
    let (was, is) = pair.says("required");
    if was != is {
        let text = format!("{what} is now {}", if is { "required" } else { "optional" });
        changes.push(scope.key(pair, "required", text, Motion::of_demand((was, is)).wire(REQUEST)));
    }
    changes.extend(content(scope, pair, what, REQUEST));
    changes.extend(scope.others(pair, &["description", "required", "content"], what));
    changes
}

/// The media types of a body or an answer.
fn content(scope: &Scope<'_>, pair: Pair<'_>, what: &str, uses: Uses) -> Vec<Change> {
    let Some(content) = pair.get("content") else {
        let text = format!("what {what} consists of is another");
        let differ = pair.differ("content");
        let change = differ.then(|| scope.key(pair, "content", text, Motion::Shifted.wire(uses)));
        return change.into_iter().collect();
    };
    let mut changes = Vec::new();
    for key in content.keys() {
        let Some(media) = content.get(key) else {
            let is_new = content.head.get(key).is_some();
            let text = format!("{what} can {} be `{key}`", if is_new { "now" } else { "no longer" });
            // More that is accepted does no harm; more that is sent does.
            let motion = if is_new { Motion::Loosened } else { Motion::Tightened };
            changes.push(scope.key(content, key, text, motion.wire(uses)));
            continue;
        };
        changes.extend(scope.texts(media, &["example", "examples"], what));
        changes.extend(schema(scope, media, what, uses));
        changes.extend(scope.others(media, &["example", "examples", "schema"], what));
    }
    changes
}

pub(super) fn response(scope: &Scope<'_>, pair: Pair<'_>, what: &str) -> Vec<Change> {
    let key = "x-failure-envelope";
    let mut changes = scope.texts(pair, &["description"], what);
    if let Some(envelope) = pair.get(key) {
        let differing = envelope.keys().into_iter().filter(|key| envelope.differ(key));
        changes.extend(differing.map(|key| self::envelope(scope, envelope, key, what)));
    } else if pair.differ(key) {
        let text = format!("how {what} reports failure is another matter");
        let wire = breaking("clients take a failure for a success, or the other way round");
        changes.push(scope.key(pair, key, text, wire));
    }
    changes.extend(content(scope, pair, what, RESPONSE));
    changes.extend(scope.others(pair, &["description", key, "content"], what));
    changes
}

fn envelope(scope: &Scope<'_>, envelope: Pair<'_>, key: &str, what: &str) -> Change {
    let (was, is) = (
        plain(envelope.base, key, "nothing"),
        plain(envelope.head, key, "nothing"),
    );
    let text = format!("`{key}` of the failure envelope of {what} was {was} and is {is}");
    let wire = match key {
        "code" | "success" => breaking("clients take a failure for a success, or the other way round"),
        "gatewayStatus" if envelope.base.get(key).is_none() => breaking("clients take a dead token for a success"),
        _ => minor("clients miss what goes with the code"),
    };
    scope.key(envelope, key, text, wire)
}
