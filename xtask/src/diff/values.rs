//! What values a schema lets through, by the keys that say so.

use super::api::Touch;
use super::change::{Change, Impact, breaking, minor, none};
use super::compare::{Motion, Pair};
use super::schemas::Spot;
use crate::generate::names::upper_camel_text;
use crate::spec::model::is_open_enum;
use crate::spec::tree::Node;

pub(super) fn compare(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(format(spot, pair));
    changes.extend(default(spot, pair));
    changes.extend(closed_values(spot, pair));
    changes.extend(known_values(spot, pair));
    changes.extend(lenient(spot, pair));
    changes.extend(limits(spot, pair));
    changes
}

fn format(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    let motion = match (pair.base.text("format"), pair.head.text("format")) {
        (None, _) | (Some("int64"), Some("int32")) | (Some("double"), Some("float")) => Motion::Tightened,
        (_, None) | (Some("int32"), Some("int64")) | (Some("float"), Some("double")) => Motion::Loosened,
        _ => Motion::Shifted,
    };
    let differ = pair.differ("format");
    differ.then(|| spot.moved(pair, "format", spot.was_and_is(pair, "format"), motion))
}

fn default(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    if !pair.differ("default") {
        return None;
    }
    let (request, rust) = match (pair.base.get("default"), pair.head.get("default")) {
        (None, _) => (minor("what was left to the platform is now said"), None),
        (_, None) => (breaking("a client that leaves it out cannot know what it gets"), None),
        _ => (
            breaking("a client that leaves it out gets something else"),
            Some(minor("a member that is left out has another value")),
        ),
    };
    let wire = spot.wire(request, minor("a member that is absent means something else"));
    let change = spot.scope.key(pair, "default", spot.was_and_is(pair, "default"), wire);
    Some(match rust {
        Some(rust) => change.rust(rust),
        None => change,
    })
}

/// `enum`: no other values than these.
fn closed_values(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let (was, is) = (pair.base.get("enum").is_some(), pair.head.get("enum").is_some());
    if was != is {
        let text = format!("the list of values of {} {}", spot.name, pair.state("enum", ""));
        return vec![spot.moved(pair, "enum", text, Motion::of_demand((was, is)))];
    }
    let (base, head) = (pair.base.items_of("enum"), pair.head.items_of("enum"));
    let is_among = |value: &Node, list: &[Node]| list.iter().any(|other| other.to_json() == value.to_json());
    let scalar = |node: &Node| node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned);
    let new = head.iter().filter(|value| !is_among(value, base)).map(|value| {
        let text = format!("{} can now be `{}`", spot.name, scalar(value));
        spot.scope.added(value.at, text, Motion::Loosened.wire(spot.uses))
    });
    let gone = base.iter().filter(|value| !is_among(value, head)).map(|value| {
        let text = format!("{} can no longer be `{}`", spot.name, scalar(value));
        spot.scope.removed(value.at, text, Motion::Tightened.wire(spot.uses))
    });
    new.chain(gone).collect()
}

/// `x-known-values`: there may be others.
fn known_values(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let key = "x-known-values";
    if is_open_enum(pair.base) != is_open_enum(pair.head) {
        let text = format!("the list of known values of {} {}", spot.name, pair.state(key, ""));
        return vec![
            spot.scope
                .key(pair, key, text, none("other values were and are possible")),
        ];
    }
    let (base, head) = (pair.base.items_of(key), pair.head.items_of(key));
    let text_of = |value: &Node| value.text("value").unwrap_or_default().to_owned();
    let place = |value: &Node, list: &[Node]| list.iter().position(|other| text_of(other) == text_of(value));
    let scope = |value: &Node| {
        let variant = upper_camel_text(&text_of(value));
        let touches = spot.component.iter().map(|name| Touch::member(name, &variant));
        spot.scope.touching(touches.collect())
    };
    let mut changes = Vec::new();
    for value in head {
        let what = format!("the known value `{}` of {}", text_of(value), spot.name);
        if let Some(place) = place(value, base) {
            let pair = Pair::item(&base[place], value);
            changes.extend(spot.scope.texts(pair, &["description"], &what));
            changes.extend(spot.scope.others(pair, &["value", "description"], &what));
        } else {
            let answer = minor("a client has to take values that it does not know");
            let wire = spot.wire(minor("one more value to send"), answer);
            changes.push(scope(value).added(value.at, format!("{what} is new"), wire));
        }
    }
    let gone = base.iter().filter(|value| place(value, head).is_none());
    changes.extend(gone.map(|value| {
        let request = breaking("a request with it may be refused");
        let wire = spot.wire(request, minor("a value that clients know comes no longer"));
        let text = format!("the known value `{}` of {} is gone", text_of(value), spot.name);
        scope(value).removed(value.at, text, wire)
    }));
    if !head.iter().filter_map(|value| place(value, base)).is_sorted() {
        let at = pair.head.entry(key).map_or(pair.at, |entry| entry.at);
        let text = format!("the known values of {} are in another order", spot.name);
        let change = spot.scope.changed(at, text, none("the values are the same"));
        changes.push(change.rust(minor("the variants compare in that order")));
    }
    changes
}

fn lenient(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    let key = "x-lenient";
    let (was, is) = pair.says(key);
    if was == is {
        let differ = pair.differ(key);
        return differ.then(|| spot.scope.text(pair, key, spot.was_and_is(pair, key)));
    }
    let (word, answer) = if is {
        (
            "now",
            breaking("clients that read numbers only fail at a number in quotes"),
        )
    } else {
        ("no longer", minor("clients that read quotes need not any longer"))
    };
    let wire = spot.wire(none("requests carry numbers"), answer);
    Some(
        spot.scope
            .key(pair, key, format!("{} may {word} come in quotes", spot.name), wire),
    )
}

/// Keys of which a greater number lets more through, or less.
const BOUNDS: [(&str, bool); 6] = [
    ("minimum", false),
    ("maximum", true),
    ("minLength", false),
    ("maxLength", true),
    ("minItems", false),
    ("maxItems", true),
];

fn limits(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let limit = |key: &str, motion: Motion| {
        let change = spot.moved(pair, key, spot.was_and_is(pair, key), motion);
        match checked(pair.head, motion) {
            Some(rust) => change.rust(rust),
            None => change,
        }
    };
    let number = |node: &Node, key: &str| node.get(key).and_then(|value| value.to_json().as_f64());
    let bounds = BOUNDS.into_iter().filter(|(key, _)| pair.differ(key));
    let bounds = bounds.map(|(key, is_upper)| {
        let motion = match (number(pair.base, key), number(pair.head, key)) {
            (None, _) => Motion::Tightened,
            (Some(was), Some(is)) if (is < was) == is_upper => Motion::Tightened,
            _ => Motion::Loosened,
        };
        limit(key, motion)
    });
    let switches = ["exclusiveMinimum", "exclusiveMaximum", "uniqueItems"].into_iter();
    let switches = switches.filter(|key| pair.differ(key)).map(|key| match pair.says(key) {
        (was, is) if was == is => spot.scope.text(pair, key, spot.was_and_is(pair, key)),
        demand => limit(key, Motion::of_demand(demand)),
    });
    let others = ["multipleOf", "pattern"].into_iter().filter(|key| pair.differ(key));
    let others = others.map(|key| {
        let demand = (pair.base.get(key).is_some(), pair.head.get(key).is_some());
        limit(key, Motion::of_demand(demand))
    });
    bounds.chain(switches).chain(others).collect()
}

/// A text or a list with limits has a type of its own, which checks them, whatever its name and signatures are.
fn checked(schema: &Node, motion: Motion) -> Option<Impact> {
    let is_checked = matches!(schema.text("type"), Some("string" | "array"));
    is_checked.then(|| match motion {
        Motion::Loosened => minor("the type takes more than before"),
        Motion::Tightened | Motion::Shifted => breaking("the type refuses what it has taken"),
    })
}
