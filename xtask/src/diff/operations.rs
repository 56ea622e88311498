//! Operations, and the components that they are made of.

use super::change::{Impact, Subject, breaking, minor, none, patch};
use super::compare::{Comparison, Motion, ONLY_TEXT, Pair, state};
use super::schemas::{self, Holder, Spot};
use super::uses::{Operation, REQUEST, RESPONSE, Uses, is_true, operations};
use super::{codes, document};
use crate::diagnostic::Mark;
use crate::generate::names::{snake, upper_camel_text};
use crate::spec::Document;
use crate::spec::lower::{METHODS, lowered_key};
use crate::spec::model::EFFECTS;
use crate::spec::tree::{Content, Node};

/// All operations: those of head in its order, then those that are gone.
pub(super) fn compare(comparison: &mut Comparison<'_>) {
    let (base, head) = (comparison.base, comparison.head);
    let mut met = Vec::new();
    for operation in operations(head) {
        let Some(before) = counterpart(base, head, operation) else {
            let id = id(operation);
            let subject = Subject::Operation(id.to_owned());
            let text = format!("the operation `{id}` is new: {}", route(head, operation));
            let rust = minor(format!("the client gains `operations::{}`", upper_camel_text(id)));
            let wire = minor("one more operation to call");
            comparison.added(&subject, operation.path.at, text, rust, wire);
            continue;
        };
        met.push(before.method.at);
        one(comparison, before, operation);
    }
    for operation in operations(base).filter(|operation| !met.contains(&operation.method.at)) {
        let id = id(operation);
        let subject = Subject::Operation(id.to_owned());
        let text = format!("the operation `{id}` is gone: {}", route(base, operation));
        let name = upper_camel_text(id);
        let rust = breaking(format!("the client loses `operations::{name}` and `{name}ErrorCode`"));
        let wire = breaking("calls of it are refused");
        comparison.removed(&subject, operation.path.at, text, rust, wire);
    }
}

fn id(operation: Operation<'_>) -> &str {
    operation.method.value.text("operationId").unwrap_or_default()
}

/// How a request finds the operation.
fn route(document: &Document, operation: Operation<'_>) -> String {
    let Operation { path, method } = operation;
    let parameters = document.parameters(&path.value, &method.value);
    let fixed = parameters
        .iter()
        .filter_map(|parameter| document.fixed_value(parameter));
    format!("{} {}", method.key.to_uppercase(), lowered_key(&path.key, fixed))
}

/// The operation of base with the same id; or the one with the same route, if its id is gone.
fn counterpart<'a>(base: &'a Document, head: &Document, operation: Operation<'_>) -> Option<Operation<'a>> {
    let same_id = operations(base).find(|other| id(*other) == id(operation));
    same_id.or_else(|| {
        let route_in_head = route(head, operation);
        let mut others = operations(base);
        others
            .find(|other| route(base, *other) == route_in_head && !operations(head).any(|kept| id(kept) == id(*other)))
    })
}

fn one(comparison: &mut Comparison<'_>, before: Operation<'_>, after: Operation<'_>) {
    let id = id(after);
    let subject = &Subject::Operation(id.to_owned());
    let pair = Pair::new(&before.method.value, after.method);
    let of = format!("`{id}`");
    identity(comparison, subject, before, after);
    comparison.texts(subject, pair, &["summary", "description", "externalDocs", "tags"], &of);
    deprecated(comparison, subject, pair, &of);
    available_since(comparison, subject, pair);
    effect(comparison, subject, pair);
    permissions(comparison, subject, pair);
    document::security(comparison, subject, pair, &of);
    document::servers(comparison, subject, pair, &of);
    parameters(comparison, subject, before, after);
    request_body(comparison, subject, pair, id);
    responses(comparison, subject, pair, &of);
    codes::own(comparison, id, pair);
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
    comparison.others(subject, pair, &known, &of);
    let path = Pair::new(&before.path.value, after.path);
    let of = format!("the path of `{id}`");
    comparison.texts(subject, path, &["summary", "description"], &of);
    document::servers(comparison, subject, path, &of);
    let known = [&METHODS[..], &["parameters", "servers", "summary", "description"]].concat();
    comparison.others(subject, path, &known, &of);
}

fn identity(comparison: &mut Comparison<'_>, subject: &Subject, before: Operation<'_>, after: Operation<'_>) {
    let pair = Pair::new(&before.method.value, after.method);
    if pair.differ("operationId") {
        let (was, is) = (id(before), id(after));
        let text = format!("the operation `{was}` is called `{is}`");
        let name = upper_camel_text(was);
        let rust = breaking(format!(
            "the client loses `operations::{name}`, `Client::{}` and `{name}ErrorCode`",
            snake(was)
        ));
        comparison.key(subject, pair, "operationId", text, rust, none("no request tells it"));
    }
    let (was, is) = (route(comparison.base, before), route(comparison.head, after));
    if was != is {
        let text = format!("`{}` was {was} and is {is}", id(after));
        let rust = patch("the client sends what the document says");
        let wire = breaking("calls of it go elsewhere than they should");
        comparison.changed(subject, after.path.at, text, rust, wire);
    } else if before.path.key != after.path.key {
        let text = format!("the path key of `{}` is written otherwise", id(after));
        comparison.changed(
            subject,
            after.path.at,
            text,
            patch(ONLY_TEXT),
            none("the request is the same"),
        );
    }
}

fn deprecated(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    if !is_true(pair.base, "deprecated") && is_true(pair.head, "deprecated") {
        let wire = minor("it works, but announces its end");
        let rust = patch("the generator says nothing of it");
        comparison.key(subject, pair, "deprecated", format!("{of} is deprecated"), rust, wire);
    } else if is_true(pair.base, "deprecated") != is_true(pair.head, "deprecated") {
        let text = format!("{of} is no longer deprecated");
        comparison.key(subject, pair, "deprecated", text, patch(ONLY_TEXT), none(ONLY_TEXT));
    }
}

fn available_since(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>) {
    let key = "x-available-since";
    if !pair.differ(key) {
        return;
    }
    let numbers = |node: &Node| -> Option<Vec<u64>> {
        let parts = node.text(key)?.split('.');
        parts.map(|part| part.parse().ok()).collect()
    };
    let version = |node: &Node| node.text(key).unwrap_or("any version").to_owned();
    let text = format!(
        "it was there since {} of the platform and is since {}",
        version(pair.base),
        version(pair.head)
    );
    let is_earlier = match (numbers(pair.base), numbers(pair.head)) {
        (Some(base), Some(head)) => head <= base,
        _ => pair.head.get(key).is_none(),
    };
    let wire = if is_earlier {
        minor("older platforms have it too")
    } else {
        breaking("older platforms refuse it")
    };
    comparison.key(subject, pair, key, text, patch(ONLY_TEXT), wire);
}

fn effect(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>) {
    if !pair.differ("x-effect") {
        return;
    }
    let effect = |node: &Node| node.text("x-effect").unwrap_or("not given").to_owned();
    let (was, is) = (effect(pair.base), effect(pair.head));
    let text = format!("the effect of a call was `{was}` and is `{is}`");
    // They are listed from the harmless to the one that must not be repeated; what is not said may be the worst.
    let rank = |word: &str| {
        EFFECTS
            .iter()
            .position(|(known, ..)| *known == word)
            .unwrap_or(EFFECTS.len())
    };
    let wire = if rank(&is) > rank(&was) {
        breaking("a client that repeats a call whose answer was lost does more than it should")
    } else {
        minor("a client may repeat a call whose answer was lost, and some do not")
    };
    let rust = minor("the SDK decides otherwise whether to repeat a call whose answer was lost");
    comparison.key(subject, pair, "x-effect", text, rust, wire);
}

/// Permissions, told apart by the versions of the platform that they are for.
fn permissions(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>) {
    let list = |node: &Node| node.get("x-permissions").map(Node::items).unwrap_or_default().to_vec();
    let (base, head) = (list(pair.base), list(pair.head));
    let versions = |entry: &Node| entry.text("versions").unwrap_or_default().to_owned();
    let permission = |entry: &Node| entry.text("permission").unwrap_or_default().to_owned();
    let rust = || patch("the client carries no permissions");
    for entry in &head {
        let name = format!("the permission for {}", versions(entry));
        let Some(before) = base.iter().find(|other| versions(other) == versions(entry)) else {
            let text = format!("{name} is new: {}", permission(entry));
            let wire = minor("more is said, of versions of which nothing was");
            comparison.added(subject, entry.at, text, rust(), wire);
            continue;
        };
        let pair = Pair {
            base: before,
            head: entry,
            at: entry.at,
        };
        if pair.differ("permission") {
            let text = format!("{name} was \"{}\" and is \"{}\"", permission(before), permission(entry));
            let wire = breaking("an application with the former permission is refused");
            comparison.key(subject, pair, "permission", text, rust(), wire);
        }
        comparison.texts(subject, pair, &["source"], &name);
        comparison.others(subject, pair, &["versions", "permission", "source"], &name);
    }
    for entry in &base {
        if !head.iter().any(|other| versions(other) == versions(entry)) {
            let text = format!("the permission for {} is gone: {}", versions(entry), permission(entry));
            let wire = minor("nothing is said any longer of these versions");
            comparison.removed(subject, entry.at, text, rust(), wire);
        }
    }
}

/// A parameter as written, and with references followed.
type Item<'a> = (&'a Node, &'a Node);

/// The parameters that a caller passes, and those with one value, which are part of the route.
fn all_parameters<'a>(document: &'a Document, operation: Operation<'a>) -> (Vec<Item<'a>>, Vec<Item<'a>>) {
    let all = document
        .parameters(&operation.path.value, &operation.method.value)
        .into_iter();
    let resolved = all.filter_map(|item| Some((item, document.resolve(item)?)));
    resolved.partition(|(item, _)| document.fixed_value(item).is_none())
}

fn parameters(comparison: &mut Comparison<'_>, subject: &Subject, before: Operation<'_>, after: Operation<'_>) {
    let (base, base_fixed) = all_parameters(comparison.base, before);
    let (head, head_fixed) = all_parameters(comparison.head, after);
    let id = id(after);
    for (item, resolved) in head_fixed {
        let value = comparison.head.fixed_value(resolved);
        let same = base_fixed
            .iter()
            .find(|(_, other)| comparison.base.fixed_value(other) == value);
        if let Some((_, base)) = same {
            let pair = Pair {
                base,
                head: resolved,
                at: item.at,
            };
            parameter(comparison, subject, pair, &format!("of `{id}`"));
        }
    }
    let name = upper_camel_text(id);
    let identity = |parameter: &Node| {
        (
            parameter.text("in").map(str::to_owned),
            parameter.text("name").map(str::to_owned),
        )
    };
    let is_same = |(one, resolved): &Item<'_>, (other, other_resolved): &Item<'_>| {
        let reference = one.text("$ref");
        identity(resolved) == identity(other_resolved) || (reference.is_some() && reference == other.text("$ref"))
    };
    for parameter in &head {
        let (item, resolved) = *parameter;
        let what = describe(resolved);
        let Some((other, before)) = base.iter().find(|other| is_same(other, parameter)) else {
            let (rust, wire) = if is_true(resolved, "required") {
                let rust = breaking(format!("`operations::{name}::new` gains an argument"));
                (rust, breaking("a call without it is refused"))
            } else {
                let rust = minor(format!(
                    "`operations::{name}::new` stays as it is; `Client::{}`, of which nothing is promised, gains an \
                     argument",
                    snake(id)
                ));
                (rust, minor("calls without it go on"))
            };
            comparison.added(subject, item.at, format!("{what} is new"), rust, wire);
            continue;
        };
        if other.text("$ref").is_none() || other.text("$ref") != item.text("$ref") {
            let pair = Pair {
                base: before,
                head: resolved,
                at: item.at,
            };
            self::parameter(comparison, subject, pair, &format!("of `{id}`"));
        }
    }
    for parameter in base
        .iter()
        .filter(|parameter| !head.iter().any(|other| is_same(parameter, other)))
    {
        let (item, resolved) = *parameter;
        let text = format!("{} is gone", describe(resolved));
        let rust = breaking(format!("`operations::{name}` loses a member"));
        let wire = breaking("a call that passes it may be refused, or mean something else");
        comparison.removed(subject, item.at, text, rust, wire);
    }
    order(comparison, subject, (&base, &head), is_same, after);
}

/// The constructor takes the required parameters in the order of the document.
fn order<'a>(
    comparison: &mut Comparison<'_>,
    subject: &Subject,
    (base, head): (&[Item<'a>], &[Item<'a>]),
    is_same: impl Fn(&Item<'a>, &Item<'a>) -> bool,
    after: Operation<'_>,
) {
    let is_required = |parameter: &&Item<'_>| is_true(parameter.1, "required");
    let place = |parameter| {
        let mut required = base.iter().filter(is_required);
        required.position(|other| is_same(other, parameter))
    };
    let places: Vec<_> = head.iter().filter(is_required).filter_map(place).collect();
    if !places.is_sorted() {
        let id = id(after);
        let at = after
            .method
            .value
            .entry("parameters")
            .map_or(after.method.at, |entry| entry.at);
        let text = format!("the required parameters of `{id}` are in another order");
        let rust = breaking(format!(
            "`operations::{}::new` takes them in that order",
            upper_camel_text(id)
        ));
        comparison.changed(subject, at, text, rust, none("a query has no order"));
    }
}

/// "the optional query parameter `dryRun`".
fn describe(parameter: &Node) -> String {
    let need = if is_true(parameter, "required") {
        "required"
    } else {
        "optional"
    };
    let place = parameter.text("in").unwrap_or("misplaced");
    format!(
        "the {need} {place} parameter `{}`",
        parameter.text("name").unwrap_or_default()
    )
}

fn parameter(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    let name = pair.head.text("name").unwrap_or_default();
    let what = format!("the parameter `{name}` {of}");
    if pair.differ("name") || pair.differ("in") {
        let key = if pair.differ("name") { "name" } else { "in" };
        let text = format!("{} is now {}", describe(pair.base), describe(pair.head));
        let rust = breaking("the operations lose a member");
        let wire = breaking("what a call passes under the former name, or there, is not looked at");
        comparison.key(subject, pair, key, text, rust, wire);
    }
    let (was, is) = (is_true(pair.base, "required"), is_true(pair.head, "required"));
    if was != is {
        let (text, rust) = if is {
            let rust = "the constructor takes one more argument, and the setter is gone";
            (format!("{what} is now required"), rust)
        } else {
            let rust = "the constructor takes one argument less, and the member is an `Option`";
            (format!("{what} is now optional"), rust)
        };
        let wire = Motion::of_demand(was, is).wire(REQUEST);
        comparison.key(subject, pair, "required", text, breaking(rust), wire);
    }
    comparison.texts(subject, pair, &["description", "example", "examples"], &what);
    deprecated(comparison, subject, pair, &what);
    schema(
        comparison,
        subject,
        pair,
        &what,
        REQUEST,
        if is { Holder::Required } else { Holder::Optional },
    );
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
    comparison.others(subject, pair, &known, &what);
}

/// The schema that a thing has.
fn schema(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str, uses: Uses, holder: Holder) {
    let Some(schema) = pair.get("schema") else {
        if pair.differ("schema") {
            let why = "the type is another";
            let text = format!("{of} has another schema");
            comparison.key(subject, pair, "schema", text, breaking(why), Motion::Shifted.wire(uses));
        }
        return;
    };
    let spot = Spot {
        subject,
        name: of.to_owned(),
        uses,
        holder,
        component: None,
    };
    schemas::schema(comparison, &spot, schema);
}

fn request_body(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, id: &str) {
    let name = upper_camel_text(id);
    let key = "requestBody";
    match (pair.base.get(key), pair.head.get(key)) {
        (None, Some(body)) => {
            let body = comparison.head.resolve(body).unwrap_or(body);
            let (need, wire) = if is_true(body, "required") {
                ("required", breaking("a call without it is refused"))
            } else {
                ("optional", minor("calls without it go on"))
            };
            let rust = breaking(format!("`operations::{name}::new` gains an argument"));
            let text = format!("`{id}` has a body, which is {need}");
            comparison.key(subject, pair, key, text, rust, wire);
        }
        (Some(_), None) => {
            let rust = breaking(format!("`operations::{name}::new` loses an argument"));
            let wire = breaking("a call with a body may be refused");
            comparison.key(subject, pair, key, format!("`{id}` has no body any longer"), rust, wire);
        }
        (Some(_), Some(_)) => {
            if let Some(pair) = inline(comparison, pair, key) {
                body(comparison, subject, pair, &format!("the body of `{id}`"));
            }
        }
        (None, None) => {}
    }
}

/// What both have under a key, with references followed; nothing if both refer to the same component, which is compared
/// where it is.
fn inline<'a>(comparison: &Comparison<'a>, pair: Pair<'a>, key: &str) -> Option<Pair<'a>> {
    let pair = pair.get(key)?;
    let reference = pair.base.text("$ref");
    if reference.is_some() && reference == pair.head.text("$ref") {
        return None;
    }
    Some(Pair {
        base: comparison.base.resolve(pair.base)?,
        head: comparison.head.resolve(pair.head)?,
        at: pair.at,
    })
}

fn body(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, what: &str) {
    comparison.texts(subject, pair, &["description"], what);
    let (was, is) = (is_true(pair.base, "required"), is_true(pair.head, "required"));
    if was != is {
        let text = format!("{what} is now {}", if is { "required" } else { "optional" });
        let rust = patch("the client always sends one");
        comparison.key(
            subject,
            pair,
            "required",
            text,
            rust,
            Motion::of_demand(was, is).wire(REQUEST),
        );
    }
    content(comparison, subject, pair, what, REQUEST);
    comparison.others(subject, pair, &["description", "required", "content"], what);
}

/// The media types of a body or an answer.
fn content(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, what: &str, uses: Uses) {
    let Some(content) = pair.get("content") else {
        if pair.differ("content") {
            let why = "the client reads and writes JSON only";
            let text = format!("what {what} consists of is another");
            comparison.key(
                subject,
                pair,
                "content",
                text,
                breaking(why),
                Motion::Shifted.wire(uses),
            );
        }
        return;
    };
    for key in content.keys() {
        let Some(media) = content.get(key) else {
            let is_new = content.head.get(key).is_some();
            let text = format!("{what} can {} be `{key}`", if is_new { "now" } else { "no longer" });
            // More that is accepted does no harm; more that is sent does.
            let motion = Motion::of_demand(!is_new, is_new);
            let motion = if motion == Motion::Tightened {
                Motion::Loosened
            } else {
                Motion::Tightened
            };
            let rust = if is_new {
                patch("the client knows one media type only")
            } else {
                breaking("the type is gone")
            };
            comparison.key(subject, content, key, text, rust, motion.wire(uses));
            continue;
        };
        comparison.texts(subject, media, &["example", "examples"], what);
        schema(comparison, subject, media, what, uses, Holder::Required);
        comparison.others(subject, media, &["example", "examples", "schema"], what);
    }
}

fn responses(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, of: &str) {
    let Some(responses) = pair.get("responses") else {
        if pair.differ("responses") {
            let text = format!("what {of} is answered with {}", state(pair, "responses", ""));
            let rust = breaking("the method returns another type");
            comparison.key(subject, pair, "responses", text, rust, Motion::Shifted.wire(RESPONSE));
        }
        return;
    };
    for key in responses.keys() {
        if responses.get(key).is_none() {
            let is_new = responses.head.get(key).is_some();
            let text = format!("the answer {key} of {of} is {}", if is_new { "new" } else { "gone" });
            let motion = if is_new { Motion::Loosened } else { Motion::Tightened };
            let rust = breaking("the method returns another type");
            comparison.key(subject, responses, key, text, rust, motion.wire(RESPONSE));
        } else if let Some(pair) = inline(comparison, responses, key) {
            response(comparison, subject, pair, &format!("the answer of {of}"));
        }
    }
}

fn response(comparison: &mut Comparison<'_>, subject: &Subject, pair: Pair<'_>, what: &str) {
    comparison.texts(subject, pair, &["description"], what);
    if let Some(envelope) = pair.get("x-failure-envelope") {
        for key in envelope.keys().into_iter().filter(|key| envelope.differ(key)) {
            self::envelope(comparison, subject, envelope, key, what);
        }
    } else if pair.differ("x-failure-envelope") {
        let text = format!("how {what} reports failure is another matter");
        let rust = breaking("the answer is an `Envelope` no longer, or only now");
        let wire = breaking("clients take a failure for a success, or the other way round");
        comparison.key(subject, pair, "x-failure-envelope", text, rust, wire);
    }
    content(comparison, subject, pair, what, RESPONSE);
    comparison.others(subject, pair, &["description", "x-failure-envelope", "content"], what);
}

fn envelope(comparison: &mut Comparison<'_>, subject: &Subject, envelope: Pair<'_>, key: &str, what: &str) {
    let value = |node: &Node| {
        node.get(key)
            .map_or("nothing".to_owned(), |value| format!("`{}`", plain(value)))
    };
    let text = format!(
        "`{key}` of the failure envelope of {what} was {} and is {}",
        value(envelope.base),
        value(envelope.head)
    );
    let wire: Impact = match key {
        "code" | "success" => breaking("clients take a failure for a success, or the other way round"),
        "gatewayStatus" if envelope.base.get(key).is_none() => breaking("clients take a dead token for a success"),
        _ => minor("clients miss what goes with the code"),
    };
    comparison.key(
        subject,
        envelope,
        key,
        text,
        patch("the methods of `Envelope` stay"),
        wire,
    );
}

fn plain(node: &Node) -> String {
    node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned)
}

/// The components that are no schemas, each once, however many operations refer to it.
pub(super) fn components(comparison: &mut Comparison<'_>) {
    let empty = &Node {
        at: Mark::START,
        content: Content::Map(Vec::new()),
    };
    let (base, head) = (&comparison.base.root, &comparison.head.root);
    let sections = Pair {
        base: base.get("components").unwrap_or(empty),
        head: head.get("components").unwrap_or(empty),
        at: head.entry("components").map_or(Mark::START, |entry| entry.at),
    };
    for section in sections.keys().into_iter().filter(|section| *section != "schemas") {
        let entries = Pair {
            base: sections.base.get(section).unwrap_or(empty),
            head: sections.head.get(section).unwrap_or(empty),
            at: sections.at,
        };
        for key in entries.keys() {
            component(comparison, entries, section, key);
        }
    }
}

fn component(comparison: &mut Comparison<'_>, entries: Pair<'_>, section: &str, key: &str) {
    let kind = match section {
        "parameters" => "parameter",
        "requestBodies" => "request body",
        "responses" => "response",
        "securitySchemes" => "security scheme",
        other => other,
    };
    let reference = format!("#/components/{section}/{key}");
    let users = comparison.usage.components.get(&reference).copied().unwrap_or_default();
    let subject = Subject::Component(match users {
        0 => format!("{kind} {key}"),
        1 => format!("{kind} {key} (of 1 operation)"),
        more => format!("{kind} {key} (of {more} operations)"),
    });
    let what = format!("the {kind} `{key}`");
    let why = "what refers to it is told of where it does";
    match (entries.get(key), entries.head.entry(key), entries.base.entry(key)) {
        (None, Some(entry), _) if section == "securitySchemes" => {
            document::lone_scheme(comparison, &subject, entry, &what, true);
        }
        (None, _, Some(entry)) if section == "securitySchemes" => {
            document::lone_scheme(comparison, &subject, entry, &what, false);
        }
        (None, Some(entry), _) => comparison.added(&subject, entry.at, format!("{what} is new"), patch(why), none(why)),
        (None, _, Some(entry)) => {
            comparison.removed(&subject, entry.at, format!("{what} is gone"), patch(why), none(why));
        }
        (Some(pair), ..) if section == "securitySchemes" => document::scheme(comparison, &subject, pair, &what),
        (Some(pair), ..)
            if users > 0
                && section != "examples"
                && pair.base.get("$ref").is_none()
                && pair.head.get("$ref").is_none() =>
        {
            match section {
                "parameters" => parameter(comparison, &subject, pair, &format!("of {users} operations")),
                "requestBodies" => body(comparison, &subject, pair, &what),
                "responses" => response(comparison, &subject, pair, &what),
                _ => comparison.others(&subject, pair, &[], &what),
            }
        }
        (Some(pair), ..) if section == "examples" => comparison.texts(&subject, pair, &pair.keys(), &what),
        (Some(pair), ..) if pair.base.to_json() != pair.head.to_json() => {
            let wire = if users == 0 {
                none("no operation of base uses it")
            } else {
                breaking("what it refers to may be another")
            };
            let rust = if users == 0 {
                patch(ONLY_TEXT)
            } else {
                breaking("what it refers to may be another")
            };
            comparison.changed(&subject, pair.at, format!("{what} is another"), rust, wire);
        }
        _ => {}
    }
}
