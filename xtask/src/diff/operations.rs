//! Operations: how they are called, with what, and what is answered.

use super::api::Touch;
use super::change::{Change, Subject, breaking, minor, none};
use super::compare::{Context, Motion, Pair, Scope};
use super::components::{body, parameter, response};
use super::uses::RESPONSE;
use super::{codes, document};
use crate::generate::names::{snake, upper_camel_text};
use crate::spec::lower::{METHODS, lowered_key};
use crate::spec::model::EFFECTS;
use crate::spec::tree::Node;
use crate::spec::{Document, PlacedOperation};

/// All operations: those of head in its order, then those that are gone.
pub(super) fn compare(context: &Context<'_>) -> Vec<Change> {
    let (base, head) = (context.base, context.head);
    let mut met = Vec::new();
    let mut changes = Vec::new();
    for operation in head.operations() {
        if let Some(before) = counterpart(base, head, operation) {
            met.push(before.method.at);
            changes.extend(one(context, before, operation));
        } else {
            let id = operation.id();
            let text = format!("the operation `{id}` is new: {}", route(head, operation));
            let wire = minor("one more operation to call");
            changes.push(scope(context, id, &[id]).added(operation.path.at, text, wire));
        }
    }
    let gone = base
        .operations()
        .filter(|operation| !met.contains(&operation.method.at));
    changes.extend(gone.map(|operation| {
        let id = operation.id();
        let text = format!("the operation `{id}` is gone: {}", route(base, operation));
        scope(context, id, &[id]).removed(operation.path.at, text, breaking("calls of it are refused"))
    }));
    changes
}

/// Differences of an operation that bear on all that is generated for these ids.
fn scope<'a>(context: &'a Context<'a>, id: &str, ids: &[&str]) -> Scope<'a> {
    let touches = ids.iter().flat_map(|id| {
        let name = upper_camel_text(id);
        [
            Touch::all_of(format!("operations::{name}")),
            Touch::all_of(format!("{name}ErrorCode")),
            Touch::member("Client", snake(id)),
        ]
    });
    Scope::new(context, Subject::Operation(id.to_owned())).touching(touches.collect())
}

/// How a request finds the operation.
fn route(document: &Document, operation: PlacedOperation<'_>) -> String {
    let PlacedOperation { path, method, node } = operation;
    let parameters = document.parameters(&path.value, node);
    let fixed = parameters
        .iter()
        .filter_map(|parameter| document.fixed_value(parameter));
    format!("{} {}", method.key.to_uppercase(), lowered_key(&path.key, fixed))
}

/// The operation of base with the same id; or the one with the same route, if its id is gone.
fn counterpart<'a>(base: &'a Document, head: &Document, operation: PlacedOperation<'_>) -> Option<PlacedOperation<'a>> {
    let same_id = base.operations().find(|other| other.id() == operation.id());
    same_id.or_else(|| {
        let route_in_head = route(head, operation);
        let is_same = |other: &PlacedOperation<'_>| {
            route(base, *other) == route_in_head && !head.operations().any(|kept| kept.id() == other.id())
        };
        base.operations().find(is_same)
    })
}

fn one(context: &Context<'_>, before: PlacedOperation<'_>, after: PlacedOperation<'_>) -> Vec<Change> {
    let id = after.id();
    let name = upper_camel_text(id);
    let scope = &Scope::new(context, Subject::Operation(id.to_owned()));
    let pair = Pair::new(before.node, after.method);
    let of = format!("`{id}`");
    let mut changes = identity(context, before, after);
    changes.extend(scope.texts(pair, &["summary", "description", "externalDocs", "tags"], &of));
    changes.extend(deprecated(scope, pair, &of));
    changes.extend(available_since(scope, pair));
    changes.extend(effect(scope, pair));
    changes.extend(permissions(scope, pair));
    changes.extend(document::security(scope, pair, &of));
    changes.extend(document::servers(scope, pair, &of));
    changes.extend(parameters(scope, before, after));
    let operation = format!("operations::{name}");
    let in_body = scope.touching(vec![
        Touch::member(&operation, "body"),
        Touch::all_of(format!("types::{name}Body*")),
    ]);
    changes.extend(request_body(&in_body, pair, id));
    // The type of the answer is that of a trait of the operation.
    let in_answer = scope.touching(vec![
        Touch::member(operation, ""),
        Touch::all_of(format!("types::{name}Response*")),
    ]);
    changes.extend(responses(&in_answer, pair, &of));
    changes.extend(codes::own(context, id, pair));
    let known = [
        "operationId",
        "summary",
        "description",
        "externalDocs",
        "tags",
        "deprecated",
        "x-available-since",
        "x-effect",
        "x-permissions",
        "x-error-codes",
        "security",
        "servers",
        "parameters",
        "requestBody",
        "responses",
    ];
    changes.extend(scope.others(pair, &known, &of));
    let path = Pair::new(&before.path.value, after.path);
    let of = format!("the path of `{id}`");
    changes.extend(scope.texts(path, &["summary", "description"], &of));
    changes.extend(document::servers(scope, path, &of));
    let known = [&METHODS[..], &["parameters", "servers", "summary", "description"]].concat();
    changes.extend(scope.others(path, &known, &of));
    changes
}

fn identity(context: &Context<'_>, before: PlacedOperation<'_>, after: PlacedOperation<'_>) -> Vec<Change> {
    let scope = scope(context, after.id(), &[before.id(), after.id()]);
    let mut changes = Vec::new();
    let pair = Pair::new(before.node, after.method);
    if pair.differ("operationId") {
        let text = format!("the operation `{}` is called `{}`", before.id(), after.id());
        changes.push(scope.key(pair, "operationId", text, none("no request tells it")));
    }
    let (was, is) = (route(context.base, before), route(context.head, after));
    if was != is {
        let text = format!("`{}` was {was} and is {is}", after.id());
        let wire = breaking("calls of it go elsewhere than they should");
        changes.push(scope.changed(after.path.at, text, wire));
    } else if before.path.key != after.path.key {
        let text = format!("the path key of `{}` is written otherwise", after.id());
        let wire = none("the request is the same");
        changes.push(scope.changed(after.path.at, text, wire));
    }
    changes
}

pub(super) fn deprecated(scope: &Scope<'_>, pair: Pair<'_>, of: &str) -> Option<Change> {
    match pair.says("deprecated") {
        (false, true) => {
            let wire = minor("it works, but announces its end");
            Some(scope.key(pair, "deprecated", format!("{of} is deprecated"), wire))
        }
        _ if pair.differ("deprecated") => Some(scope.text(pair, "deprecated", format!("{of} is no longer deprecated"))),
        _ => None,
    }
}

fn available_since(scope: &Scope<'_>, pair: Pair<'_>) -> Option<Change> {
    let key = "x-available-since";
    let (was, is) = pair.texts(key, "any version");
    let numbers = |text: &str| -> Option<Vec<u64>> { text.split('.').map(|part| part.parse().ok()).collect() };
    let is_earlier = match (numbers(was), numbers(is)) {
        (Some(was), Some(is)) => is <= was,
        _ => pair.head.get(key).is_none(),
    };
    let wire = if is_earlier {
        minor("older platforms have it too")
    } else {
        breaking("older platforms refuse it")
    };
    let text = format!("it was there since {was} of the platform and is since {is}");
    pair.differ(key).then(|| scope.key(pair, key, text, wire))
}

fn effect(scope: &Scope<'_>, pair: Pair<'_>) -> Option<Change> {
    let key = "x-effect";
    let (was, is) = pair.texts(key, "not given");
    // They are listed from the harmless to the one that must not be repeated; what is not said may be the worst.
    let rank = |word| {
        EFFECTS
            .iter()
            .position(|(known, ..)| *known == word)
            .unwrap_or(EFFECTS.len())
    };
    let wire = if rank(is) > rank(was) {
        breaking("a client that repeats a call whose answer was lost does more than it should")
    } else {
        minor("a client may repeat a call whose answer was lost, and some do not")
    };
    let rust = minor("the SDK decides otherwise whether to repeat a call whose answer was lost");
    let text = format!("the effect of a call was `{was}` and is `{is}`");
    pair.differ(key).then(|| scope.key(pair, key, text, wire).rust(rust))
}

/// Permissions, told apart by the versions of the platform that they are for.
fn permissions(scope: &Scope<'_>, pair: Pair<'_>) -> Vec<Change> {
    let (base, head) = (pair.base.items_of("x-permissions"), pair.head.items_of("x-permissions"));
    let versions = |entry: &Node| entry.text("versions").unwrap_or_default().to_owned();
    let permission = |entry: &Node| entry.text("permission").unwrap_or_default().to_owned();
    let mut changes = Vec::new();
    for entry in head {
        let name = format!("the permission for {}", versions(entry));
        let Some(before) = base.iter().find(|other| versions(other) == versions(entry)) else {
            let wire = minor("more is said, of versions of which nothing was");
            changes.push(scope.added(entry.at, format!("{name} is new: {}", permission(entry)), wire));
            continue;
        };
        let pair = Pair::item(before, entry);
        if pair.differ("permission") {
            let text = format!("{name} was \"{}\" and is \"{}\"", permission(before), permission(entry));
            let wire = breaking("an application with the former permission is refused");
            changes.push(scope.key(pair, "permission", text, wire));
        }
        changes.extend(scope.texts(pair, &["source"], &name));
        changes.extend(scope.others(pair, &["versions", "permission", "source"], &name));
    }
    let is_gone = |entry: &&Node| !head.iter().any(|other| versions(other) == versions(entry));
    changes.extend(base.iter().filter(is_gone).map(|entry| {
        let text = format!("the permission for {} is gone: {}", versions(entry), permission(entry));
        scope.removed(entry.at, text, minor("nothing is said any longer of these versions"))
    }));
    changes
}

/// A parameter as written, and with references followed.
type Item<'a> = (&'a Node, &'a Node);

/// The parameters that a caller passes, and those with one value, which are part of the route.
fn all_parameters<'a>(document: &'a Document, operation: PlacedOperation<'a>) -> (Vec<Item<'a>>, Vec<Item<'a>>) {
    let all = document.parameters(&operation.path.value, operation.node).into_iter();
    let resolved = all.filter_map(|item| Some((item, document.resolve(item)?)));
    resolved.partition(|(item, _)| document.fixed_value(item).is_none())
}

fn parameters(scope: &Scope<'_>, before: PlacedOperation<'_>, after: PlacedOperation<'_>) -> Vec<Change> {
    let (base, base_fixed) = all_parameters(scope.context.base, before);
    let (head, head_fixed) = all_parameters(scope.context.head, after);
    let id = after.id();
    let of = format!("of `{id}`");
    let owner = format!("operations::{}", upper_camel_text(id));
    let mut changes = Vec::new();
    for (item, resolved) in head_fixed {
        let value = scope.context.head.fixed_value(resolved);
        let same = base_fixed
            .iter()
            .find(|(_, other)| scope.context.base.fixed_value(other) == value);
        if let Some((_, base)) = same {
            let at = item.at;
            let head = resolved;
            changes.extend(parameter(scope, Pair { base, head, at }, &of, &owner));
        }
    }
    let identity = |parameter: &Node| ["in", "name"].map(|key| parameter.text(key).map(str::to_owned));
    let is_same = |(one, resolved): &Item<'_>, (other, other_resolved): &Item<'_>| {
        let reference = one.text("$ref");
        identity(resolved) == identity(other_resolved) || (reference.is_some() && reference == other.text("$ref"))
    };
    let touching = |parameter: &Node| {
        let name = snake(parameter.text("name").unwrap_or_default());
        scope.touching(vec![Touch::member(&owner, name)])
    };
    for after in &head {
        let (item, resolved) = *after;
        let Some((other, before)) = base.iter().find(|other| is_same(other, after)) else {
            let wire = if resolved.says("required") {
                breaking("a call without it is refused")
            } else {
                minor("calls without it go on")
            };
            changes.push(touching(resolved).added(item.at, format!("{} is new", describe(resolved)), wire));
            continue;
        };
        if other.text("$ref").is_none() || other.text("$ref") != item.text("$ref") {
            let pair = Pair {
                base: before,
                head: resolved,
                at: item.at,
            };
            changes.extend(parameter(scope, pair, &of, &owner));
        }
    }
    let is_gone = |before: &&Item<'_>| !head.iter().any(|after| is_same(before, after));
    changes.extend(base.iter().filter(is_gone).map(|(item, resolved)| {
        let wire = breaking("a call that passes it may be refused, or mean something else");
        touching(resolved).removed(item.at, format!("{} is gone", describe(resolved)), wire)
    }));
    changes
}

/// "the optional query parameter `dryRun`".
pub(super) fn describe(parameter: &Node) -> String {
    let need = if parameter.says("required") {
        "required"
    } else {
        "optional"
    };
    let place = parameter.text("in").unwrap_or("misplaced");
    let name = parameter.text("name").unwrap_or_default();
    format!("the {need} {place} parameter `{name}`")
}

fn request_body(scope: &Scope<'_>, pair: Pair<'_>, id: &str) -> Vec<Change> {
    let key = "requestBody";
    match (pair.base.get(key), pair.head.get(key)) {
        (None, Some(body)) => {
            let body = scope.context.head.resolve(body).unwrap_or(body);
            let (need, wire) = if body.says("required") {
                ("required", breaking("a call without it is refused"))
            } else {
                ("optional", minor("calls without it go on"))
            };
            vec![scope.key(pair, key, format!("`{id}` has a body, which is {need}"), wire)]
        }
        (Some(_), None) => {
            let wire = breaking("a call with a body may be refused");
            vec![scope.key(pair, key, format!("`{id}` has no body any longer"), wire)]
        }
        _ => match inline(scope.context, pair, key) {
            Some(pair) => body(scope, pair, &format!("the body of `{id}`")),
            None => Vec::new(),
        },
    }
}

/// What both have under a key, with references followed; nothing if both refer to the same component, which is compared
/// where it is.
fn inline<'a>(context: &Context<'a>, pair: Pair<'a>, key: &str) -> Option<Pair<'a>> {
    let pair = pair.get(key)?;
    let reference = pair.base.text("$ref");
    if reference.is_some() && reference == pair.head.text("$ref") {
        return None;
    }
    Some(Pair {
        base: context.base.resolve(pair.base)?,
        head: context.head.resolve(pair.head)?,
        at: pair.at,
    })
}

fn responses(scope: &Scope<'_>, pair: Pair<'_>, of: &str) -> Vec<Change> {
    let wire = |motion: Motion| motion.wire(RESPONSE);
    let Some(responses) = pair.get("responses") else {
        let text = format!("what {of} is answered with {}", pair.state("responses", ""));
        let differ = pair.differ("responses");
        let change = differ.then(|| scope.key(pair, "responses", text, wire(Motion::Shifted)));
        return change.into_iter().collect();
    };
    let mut changes = Vec::new();
    for key in responses.keys() {
        if responses.get(key).is_none() {
            let is_new = responses.head.get(key).is_some();
            let motion = if is_new { Motion::Loosened } else { Motion::Tightened };
            let text = format!("the answer {key} of {of} {}", responses.state(key, ""));
            changes.push(scope.key(responses, key, text, wire(motion)));
        } else if let Some(pair) = inline(scope.context, responses, key) {
            changes.extend(response(scope, pair, &format!("the answer of {of}")));
        }
    }
    changes
}
