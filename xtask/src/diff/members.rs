//! The members of an object.

use serde_json::Value as Json;

use super::api::Touch;
use super::change::{Change, breaking, minor};
use super::compare::{Motion, Pair};
use super::schemas::{Spot, plain, schema};
use crate::generate::names::{snake, upper_camel_text};
use crate::spec::tree::{Entry, Node};

pub(super) fn properties(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let key = "properties";
    let mut changes = Vec::new();
    let (base, head) = (pair.base.entries_of(key), pair.head.entries_of(key));
    if base.is_empty() != head.is_empty() && pair.get(key).is_none() {
        let text = format!("the list of the members of {} {}", spot.name, pair.state(key, ""));
        changes.push(spot.moved(pair, key, text, Motion::Shifted));
        changes.extend(additional_properties(spot, pair));
        return changes;
    }
    let owner = spot.name.trim_matches('`').to_owned();
    for member in head {
        let spot = of_member(spot, &member.key);
        let name = format!("`{owner}.{}`", member.key);
        match base.iter().find(|other| other.key == member.key) {
            None => changes.push(new_member(&spot, pair, &owner, member)),
            Some(before) => {
                changes.extend(need(&spot, pair, member, &name));
                changes.extend(schema(&spot.within(&name), Pair::new(&before.value, member)));
            }
        }
    }
    let is_gone = |member: &&Entry| !head.iter().any(|other| other.key == member.key);
    changes.extend(base.iter().filter(is_gone).map(|member| {
        let answer = if requires(pair.base, &member.key) {
            breaking("clients fail at an answer without it")
        } else {
            minor("clients get less; it could be absent before")
        };
        let request = breaking("a request with it may be refused, or mean something else");
        let text = format!("`{owner}` has no member `{}` any longer", member.key);
        of_member(spot, &member.key)
            .scope
            .removed(member.at, text, spot.wire(request, answer))
    }));
    changes.extend(undeclared(spot, pair));
    changes.extend(additional_properties(spot, pair));
    changes
}

/// The schema, with differences that bear on a member of its type, and on the types within the member.
fn of_member<'a>(spot: &Spot<'a>, member: &str) -> Spot<'a> {
    let touches = spot.component.iter().flat_map(|name| {
        let owner = format!("types::{name}");
        let inside = format!("{owner}{}*", upper_camel_text(member));
        [Touch::member(owner, snake(member)), Touch::all_of(inside)]
    });
    let touches: Vec<_> = touches.collect();
    let mut spot = spot.clone();
    if !touches.is_empty() {
        spot.scope = spot.scope.touching(touches);
    }
    spot
}

fn requires(schema: &Node, member: &str) -> bool {
    schema
        .items_of("required")
        .iter()
        .any(|name| name.as_str() == Some(member))
}

fn new_member(spot: &Spot<'_>, pair: Pair<'_>, owner: &str, member: &Entry) -> Change {
    let is_required = requires(pair.head, &member.key);
    let need = if is_required { "required" } else { "optional" };
    let request = if is_required {
        breaking("a request without it is refused")
    } else {
        minor("requests without it go on")
    };
    let is_closed = pair.base.get("additionalProperties").map(Node::to_json) == Some(Json::Bool(false));
    let answer = if is_closed {
        breaking("clients were told that no other member comes")
    } else {
        minor("clients pass over members that they do not know")
    };
    let text = format!("`{owner}` has the new {need} member `{}`", member.key);
    spot.scope.added(member.at, text, spot.wire(request, answer))
}

/// Whether a member that both versions have must be there.
fn need(spot: &Spot<'_>, pair: Pair<'_>, member: &Entry, name: &str) -> Option<Change> {
    let demand @ (was, is) = (requires(pair.base, &member.key), requires(pair.head, &member.key));
    let text = format!("{name} is now {}", if is { "required" } else { "optional" });
    let wire = Motion::of_demand(demand).wire(spot.uses);
    (was != is).then(|| spot.scope.changed(member.at, text, wire))
}

/// Members that must be there but are not described.
fn undeclared(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    let names = |node: &Node| {
        let names = node.items_of("required").iter().filter_map(Node::as_str);
        let is_declared = |name: &&str| {
            let mut sides = [pair.base, pair.head].into_iter();
            sides.any(|side| side.find(&["properties", name]).is_some())
        };
        let mut names: Vec<_> = names.filter(|name| !is_declared(name)).map(str::to_owned).collect();
        names.sort();
        names
    };
    let text = format!(
        "the members that {} must have, though they are not described, are others",
        spot.name
    );
    (names(pair.base) != names(pair.head)).then(|| spot.moved(pair, "required", text, Motion::Shifted))
}

fn additional_properties(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let key = "additionalProperties";
    if let Some(values) = pair.get(key)
        && !values.base.entries().is_empty()
        && !values.head.entries().is_empty()
    {
        return schema(&spot.within(&format!("the values of {}", spot.name)), values);
    }
    if !pair.differ(key) {
        return Vec::new();
    }
    let is = |node: &Node, wanted: bool| {
        let json = node.get(key).map(Node::to_json);
        // A schema that demands nothing says the same as `true`.
        json == Some(Json::Bool(wanted)) || (wanted && json == Some(Json::Object(serde_json::Map::new())))
    };
    let is_closed = is(pair.head, false);
    let is_opened = is(pair.base, false) || pair.head.get(key).is_none() || is(pair.head, true);
    let motion = if is_opened && !is_closed {
        Motion::Loosened
    } else {
        Motion::Tightened
    };
    let (was, is) = (plain(pair.base, key, "not given"), plain(pair.head, key, "not given"));
    let text = format!("what other members {} may have was {was} and is {is}", spot.name);
    vec![spot.moved(pair, key, text, motion)]
}
