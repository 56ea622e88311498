//! Schemas: the components, and those that are written out where they are used.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::change::{Impact, Subject, breaking, minor, none, patch};
use super::compare::{Comparison, Motion, ONLY_TEXT, Pair, state, wire};
use super::uses::{TEXTS, Uses, is_true, only_part, shape};
use crate::spec::Document;
use crate::spec::model::{is_checked_list, is_open_enum, is_replaced, schema_name};
use crate::spec::tree::{Entry, Node};

/// Where a schema is.
#[derive(Clone)]
pub(super) struct Spot<'s> {
    pub(super) subject: &'s Subject,
    /// As it stands in a sentence.
    pub(super) name: String,
    /// Which way base sends its values.
    pub(super) uses: Uses,
    pub(super) holder: Holder,
    /// The name of the component, if it is one.
    pub(super) component: Option<String>,
}

/// What holds the value in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nothing: it is a type of its own.
    Component,
    /// A member or an argument that is always there.
    Required,
    /// A member or an argument that may be absent.
    Optional,
    /// A list or a map.
    Item,
}

/// Components that are called otherwise in head, by their names in base.
pub(super) fn renamed(base: &Document, head: &Document) -> BTreeMap<String, String> {
    let (old, new) = (components(base), components(head));
    let lone = |entries: &'_ [Entry], others: &[Entry]| -> Vec<(String, Json)> {
        let lone = entries
            .iter()
            .filter(|entry| !others.iter().any(|other| other.key == entry.key));
        lone.map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
    };
    let (gone, come) = (lone(old, new), lone(new, old));
    let mut renamed = BTreeMap::new();
    for (name, _) in &gone {
        let shape_of = |document: &Document, name: &str| {
            let schema = document.root.find(&["components", "schemas", name]);
            schema.map(|schema| (shape(document, schema), schema.get("x-known-values").map(Node::to_json)))
        };
        let same_shape = |document: &Document, other: &str| shape_of(document, other) == shape_of(base, name);
        // With two candidates on either side, it is anyone's guess.
        let mut candidates = come.iter().filter(|(other, _)| same_shape(head, other));
        let mut rivals = gone
            .iter()
            .filter(|(other, _)| other != name && same_shape(base, other));
        if let (Some((other, _)), None, None) = (candidates.next(), candidates.next(), rivals.next()) {
            renamed.insert(name.clone(), other.clone());
        }
    }
    renamed
}

fn components(document: &Document) -> &[Entry] {
    let schemas = document.root.find(&["components", "schemas"]);
    schemas.map(Node::entries).unwrap_or_default()
}

/// All components: those of head in its order, then those that are gone.
pub(super) fn compare(comparison: &mut Comparison<'_>) {
    let (base, head) = (components(comparison.base), components(comparison.head));
    let elsewhere = "what refers to it is told of where it does";
    for entry in head {
        let subject = &Subject::Schema(entry.key.clone());
        let same = base.iter().find(|other| other.key == entry.key);
        let former = || {
            let mut pairs = comparison.renamed.iter();
            let (former, _) = pairs.find(|(_, name)| **name == entry.key)?;
            base.iter().find(|other| other.key == *former)
        };
        let Some(before) = same.or_else(former) else {
            let rust = minor(format!("the client gains `{}`", rust_path(entry)));
            let text = format!("the schema `{}` is new", entry.key);
            comparison.added(subject, entry.at, text, rust, none(elsewhere));
            continue;
        };
        if before.key != entry.key {
            let text = format!("the schema `{}` is called `{}`", before.key, entry.key);
            let rust = breaking(format!("the client loses `{}`", rust_path(before)));
            comparison.changed(subject, entry.at, text, rust, none("a schema's name is not sent"));
        }
        let spot = Spot {
            subject,
            name: format!("`{}`", entry.key),
            uses: comparison.usage.schema(&before.key),
            holder: Holder::Component,
            component: Some(before.key.clone()),
        };
        schema(comparison, &spot, Pair::new(&before.value, entry));
    }
    for entry in base {
        let is_there = head.iter().any(|other| other.key == entry.key);
        if !is_there && !comparison.renamed.contains_key(&entry.key) {
            let subject = &Subject::Schema(entry.key.clone());
            let text = format!("the schema `{}` is gone", entry.key);
            let rust = breaking(format!("the client loses `{}`", rust_path(entry)));
            comparison.removed(subject, entry.at, text, rust, none(elsewhere));
        }
    }
}

/// Where the type of a component is in the client.
fn rust_path(entry: &Entry) -> String {
    let place = if is_replaced(&entry.value) { "" } else { "types::" };
    format!("{place}{}", entry.key)
}

/// Compares two schemas. References to the same component are equal: it is compared once, where it is.
pub(super) fn schema(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    comparison.texts(spot.subject, pair, &TEXTS[..5], &spot.name);
    deprecated(comparison, spot, pair);
    nullable(comparison, spot, pair);
    tolerated_null(comparison, spot, pair);
    let unwrap = |schema| only_part(schema).unwrap_or(schema);
    let inner = Pair {
        base: unwrap(pair.base),
        head: unwrap(pair.head),
        at: pair.at,
    };
    let reference = |node: &Node| node.text("$ref").map(str::to_owned);
    match (reference(inner.base), reference(inner.head)) {
        (None, None) => written_out(comparison, spot, inner),
        (base, head) => references(comparison, spot, inner, base.as_deref(), head.as_deref()),
    }
}

fn deprecated(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if pair.differ("deprecated") {
        let is = is_true(pair.head, "deprecated");
        let (text, level) = if is {
            ("is deprecated", minor("it works, but announces its end"))
        } else {
            ("is no longer deprecated", none(ONLY_TEXT))
        };
        let rust = patch("the generator says nothing of it");
        comparison.key(
            spot.subject,
            pair,
            "deprecated",
            format!("{} {text}", spot.name),
            rust,
            level,
        );
    }
}

/// At least one of the two is a reference.
fn references(
    comparison: &mut Comparison<'_>,
    spot: &Spot<'_>,
    pair: Pair<'_>,
    base: Option<&str>,
    head: Option<&str>,
) {
    let name = |reference: &str| schema_name(reference).unwrap_or(reference).to_owned();
    let (was, is) = (base.map(name), head.map(name));
    let kept = was.as_ref().map(|was| comparison.renamed.get(was).unwrap_or(was));
    if kept == is.as_ref() {
        return;
    }
    let told = |name: Option<String>| name.map_or("written out".to_owned(), |name| format!("`{name}`"));
    let text = format!("the type of {} was {} and is {}", spot.name, told(was), told(is));
    let is_same = shape(comparison.base, pair.base) == shape(comparison.head, pair.head);
    let wire = if is_same {
        none("the values are the same")
    } else {
        Motion::Shifted.wire(spot.uses)
    };
    let rust = breaking("the type in Rust is another");
    comparison.changed(spot.subject, pair.at, text, rust, wire);
}

/// The keys that are compared one by one, texts aside.
const KNOWN: [&str; 23] = [
    "type",
    "format",
    "nullable",
    "default",
    "enum",
    "x-known-values",
    "x-lenient",
    "x-nullable",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "properties",
    "required",
    "additionalProperties",
];

fn written_out(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if pair.differ("type") {
        // Whatever else differs follows from that.
        kind(comparison, spot, pair);
        return;
    }
    format(comparison, spot, pair);
    default(comparison, spot, pair);
    closed_values(comparison, spot, pair);
    known_values(comparison, spot, pair);
    lenient(comparison, spot, pair);
    limits(comparison, spot, pair);
    items(comparison, spot, pair);
    properties(comparison, spot, pair);
    additional_properties(comparison, spot, pair);
    let known = [&KNOWN[..], &TEXTS[..]].concat();
    for key in pair.keys().into_iter().filter(|key| !known.contains(key)) {
        if pair.differ(key) {
            let text = format!("`{key}` of {} {}", spot.name, state(pair, key, "is another"));
            let rust = breaking("the type in Rust may be another");
            comparison.key(spot.subject, pair, key, text, rust, Motion::Shifted.wire(spot.uses));
        }
    }
}

fn plain(node: &Node, key: &str) -> String {
    node.get(key).map_or("not given".to_owned(), |value| {
        let text = value.as_str().map(str::to_owned);
        format!("`{}`", text.unwrap_or_else(|| value.to_json().to_string()))
    })
}

/// "`minimum` of X was `1` and is `2`".
fn was_and_is(spot: &Spot<'_>, pair: Pair<'_>, key: &str) -> String {
    let (was, is) = (plain(pair.base, key), plain(pair.head, key));
    format!("`{key}` of {} was {was} and is {is}", spot.name)
}

fn kind(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let (was, is) = (pair.base.text("type"), pair.head.text("type"));
    let motion = match (was, is) {
        (Some("integer"), Some("number")) | (_, None) => Motion::Loosened,
        (Some("number"), Some("integer")) | (None, _) => Motion::Tightened,
        _ => Motion::Shifted,
    };
    let rust = breaking("the type in Rust is another");
    let text = was_and_is(spot, pair, "type");
    comparison.key(spot.subject, pair, "type", text, rust, motion.wire(spot.uses));
}

fn format(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if !pair.differ("format") {
        return;
    }
    let motion = match (pair.base.text("format"), pair.head.text("format")) {
        (None, _) | (Some("int64"), Some("int32")) | (Some("double"), Some("float")) => Motion::Tightened,
        (_, None) | (Some("int32"), Some("int64")) | (Some("float"), Some("double")) => Motion::Loosened,
        _ => Motion::Shifted,
    };
    let rust = if scalar_type(pair.base) == scalar_type(pair.head) {
        patch("the type in Rust is the same")
    } else {
        breaking("the type in Rust is another")
    };
    let text = was_and_is(spot, pair, "format");
    comparison.key(spot.subject, pair, "format", text, rust, motion.wire(spot.uses));
}

/// What the client generator makes of a number or a text. Limits of integers never reach it.
fn scalar_type(schema: &Node) -> &str {
    let format = schema.text("format").unwrap_or_default();
    match (schema.text("type"), format) {
        (Some("number"), "float") => "f32",
        (Some("number"), _) => "f64",
        (Some("string"), "uuid" | "date" | "date-time" | "ip" | "ipv4" | "ipv6")
        | (Some("integer"), "int8" | "uint8" | "int16" | "uint16" | "uint64") => format,
        (Some("integer"), "int" | "int32") => "i32",
        (Some("integer"), "uint" | "uint32") => "u32",
        (Some("integer"), _) => "i64",
        _ => "",
    }
}

fn nullable(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let is_nullable =
        |node: &Node| is_true(node, "nullable") || only_part(node).is_some_and(|only| is_true(only, "nullable"));
    let (was, is) = (is_nullable(pair.base), is_nullable(pair.head));
    // What may be anything may be null too; that it may be anything is reported with its type.
    let is_any = |node: &Node| only_part(node).is_none() && node.get("$ref").is_none() && node.get("type").is_none();
    if was == is || (is_any(pair.head) && pair.differ("type")) || (is_any(pair.base) && pair.differ("type")) {
        return;
    }
    // A list or a map that may be absent is empty then, and becomes an `Option` only if it may be null.
    let is_collection = pair.head.text("type") == Some("array") || pair.head.get("additionalProperties").is_some();
    let is_absorbed = match (spot.holder, &spot.component) {
        (Holder::Optional, _) => !is_collection,
        (Holder::Component, Some(name)) => is_replaced(pair.head) && !is_ever_required(comparison.base, name),
        (Holder::Component | Holder::Required | Holder::Item, _) => false,
    };
    let rust = if is_absorbed {
        patch("the member is an `Option` anyway")
    } else {
        breaking("the type in Rust becomes an `Option`, or is one no longer")
    };
    let text = format!("{} can {} be null", spot.name, if is { "now" } else { "no longer" });
    let motion = Motion::of_demand(is, was);
    comparison.key(spot.subject, pair, "nullable", text, rust, motion.wire(spot.uses));
}

/// The document itself stays as it is; only the files of single operations say something else.
fn tolerated_null(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if pair.differ("x-nullable") {
        let text = was_and_is(spot, pair, "x-nullable");
        let wire = minor("the files of single operations allow another null");
        comparison.key(spot.subject, pair, "x-nullable", text, patch(ONLY_TEXT), wire);
    }
}

/// Whether a component is anywhere but in a member that may be absent.
fn is_ever_required(document: &Document, name: &str) -> bool {
    let reference = format!("#/components/schemas/{name}");
    is_required_in(&document.root, &reference)
}

fn is_required_in(node: &Node, reference: &str) -> bool {
    let refers = |node: &Node| node.text("$ref") == Some(reference);
    let required = names(node);
    let within = |entry: &Entry| match entry.key.as_str() {
        "properties" => entry.value.entries().iter().any(|property| {
            let is_required = required.contains(&property.key.as_str());
            (is_required && refers(&property.value)) || is_required_in(&property.value, reference)
        }),
        _ => refers(&entry.value) || is_required_in(&entry.value, reference),
    };
    node.entries().iter().any(within)
        || node
            .items()
            .iter()
            .any(|item| refers(item) || is_required_in(item, reference))
}

/// The members that an object must have.
fn names(schema: &Node) -> Vec<&str> {
    let required = schema.get("required").map(Node::items).unwrap_or_default();
    required.iter().filter_map(Node::as_str).collect()
}

fn default(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if !pair.differ("default") {
        return;
    }
    let (rust, wire) = match (pair.base.get("default"), pair.head.get("default")) {
        (None, _) => (
            breaking("a member with a default is no `Option`"),
            minor("what was left to the platform is now said"),
        ),
        (_, None) => (
            breaking("a member without a default is an `Option`"),
            breaking("a client that leaves it out cannot know what it gets"),
        ),
        _ => (
            minor("a member that is left out has another value"),
            breaking("a client that leaves it out gets something else"),
        ),
    };
    let wire = self::wire(spot.uses, wire, minor("a member that is absent means something else"));
    comparison.key(
        spot.subject,
        pair,
        "default",
        was_and_is(spot, pair, "default"),
        rust,
        wire,
    );
}

/// `enum`: no other values than these.
fn closed_values(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let list = |node: &Node| node.get("enum").map(Node::items).map(<[Node]>::to_vec);
    let exhaustive = || breaking("the enum that is generated for it can be matched without a wildcard");
    let (base, head) = match (list(pair.base), list(pair.head)) {
        (Some(base), Some(head)) => (base, head),
        (None, None) => return,
        (base, head) => {
            let text = format!("the list of values of {} {}", spot.name, state(pair, "enum", ""));
            let rust = breaking("the type in Rust becomes an enum, or is one no longer");
            let wire = Motion::of_demand(base.is_some(), head.is_some()).wire(spot.uses);
            comparison.key(spot.subject, pair, "enum", text, rust, wire);
            return;
        }
    };
    let is_among = |value: &Node, list: &[Node]| list.iter().any(|other| other.to_json() == value.to_json());
    for value in head.iter().filter(|value| !is_among(value, &base)) {
        let text = format!("{} can now be `{}`", spot.name, scalar(value));
        comparison.added(
            spot.subject,
            value.at,
            text,
            exhaustive(),
            Motion::Loosened.wire(spot.uses),
        );
    }
    for value in base.iter().filter(|value| !is_among(value, &head)) {
        let text = format!("{} can no longer be `{}`", spot.name, scalar(value));
        comparison.removed(
            spot.subject,
            value.at,
            text,
            exhaustive(),
            Motion::Tightened.wire(spot.uses),
        );
    }
}

fn scalar(node: &Node) -> String {
    node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned)
}

/// `x-known-values`: there may be others.
fn known_values(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let key = "x-known-values";
    if is_open_enum(pair.base) != is_open_enum(pair.head) {
        let text = format!("the list of known values of {} {}", spot.name, state(pair, key, ""));
        let rust = breaking("the type in Rust becomes an enum, or is one no longer");
        comparison.key(
            spot.subject,
            pair,
            key,
            text,
            rust,
            none("other values were and are possible"),
        );
        return;
    }
    let list = |node: &Node| node.get(key).map(Node::items).unwrap_or_default().to_vec();
    let (base, head) = (list(pair.base), list(pair.head));
    let text_of = |value: &Node| value.text("value").unwrap_or_default().to_owned();
    let mut kept = Vec::new();
    for value in &head {
        let what = format!("the known value `{}` of {}", text_of(value), spot.name);
        let Some(place) = base.iter().position(|other| text_of(other) == text_of(value)) else {
            let rust = minor("the enum gains a variant, and may: it is `#[non_exhaustive]`");
            let wire = minor("a client has to take values that it does not know");
            let wire = self::wire(spot.uses, minor("one more value to send"), wire);
            comparison.added(spot.subject, value.at, format!("{what} is new"), rust, wire);
            continue;
        };
        kept.push(place);
        let pair = Pair {
            base: &base[place],
            head: value,
            at: value.at,
        };
        comparison.texts(spot.subject, pair, &["description"], &what);
        comparison.others(spot.subject, pair, &["value", "description"], &what);
    }
    for value in base
        .iter()
        .filter(|value| !head.iter().any(|other| text_of(other) == text_of(value)))
    {
        let text = format!("the known value `{}` of {} is gone", text_of(value), spot.name);
        let wire = breaking("a request with it may be refused");
        let wire = self::wire(spot.uses, wire, minor("a value that clients know comes no longer"));
        comparison.removed(spot.subject, value.at, text, breaking("the enum loses a variant"), wire);
    }
    if !kept.is_sorted() {
        let at = pair.head.entry(key).map_or(pair.at, |entry| entry.at);
        let text = format!("the known values of {} are in another order", spot.name);
        let rust = minor("the variants compare in that order");
        comparison.changed(spot.subject, at, text, rust, none("the values are the same"));
    }
}

fn lenient(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let is_lenient = |node: &Node| is_true(node, "x-lenient");
    let (was, is) = (is_lenient(pair.base), is_lenient(pair.head));
    if was != is {
        let text = format!(
            "{} may {} come in quotes",
            spot.name,
            if is { "now" } else { "no longer" }
        );
        let rust = breaking("the type in Rust is another");
        let answer = if is {
            breaking("clients that read numbers only fail at a number in quotes")
        } else {
            minor("clients that read quotes need not any longer")
        };
        let wire = wire(spot.uses, none("requests carry numbers"), answer);
        comparison.key(spot.subject, pair, "x-lenient", text, rust, wire);
    } else if pair.differ("x-lenient") {
        let text = was_and_is(spot, pair, "x-lenient");
        comparison.key(spot.subject, pair, "x-lenient", text, patch(ONLY_TEXT), none(ONLY_TEXT));
    }
}

fn limits(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let number = |node: &Node, key: &str| node.get(key).and_then(|value| value.to_json().as_f64());
    for (key, is_upper) in [
        ("minimum", false),
        ("maximum", true),
        ("minLength", false),
        ("maxLength", true),
        ("minItems", false),
        ("maxItems", true),
    ] {
        let (was, is) = (number(pair.base, key), number(pair.head, key));
        if !pair.differ(key) {
            continue;
        }
        let motion = match (was, is) {
            (None, _) => Motion::Tightened,
            (Some(was), Some(is)) if (is < was) == is_upper => Motion::Tightened,
            _ => Motion::Loosened,
        };
        limit(comparison, spot, pair, key, motion);
    }
    for key in ["exclusiveMinimum", "exclusiveMaximum", "uniqueItems"] {
        let is_on = |node: &Node| is_true(node, key);
        let (was, is) = (is_on(pair.base), is_on(pair.head));
        if was != is {
            limit(comparison, spot, pair, key, Motion::of_demand(was, is));
        } else if pair.differ(key) {
            let text = was_and_is(spot, pair, key);
            comparison.key(spot.subject, pair, key, text, patch(ONLY_TEXT), none(ONLY_TEXT));
        }
    }
    for key in ["multipleOf", "pattern"] {
        if pair.differ(key) {
            let motion = Motion::of_demand(pair.base.get(key).is_some(), pair.head.get(key).is_some());
            limit(comparison, spot, pair, key, motion);
        }
    }
}

fn limit(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>, key: &str, motion: Motion) {
    let rust = match pair.head.text("type") {
        Some("string") => text_limit(pair, motion),
        Some("array") => list_limit(pair, key, motion),
        _ if scalar_type(pair.base) != scalar_type(pair.head) => breaking("the type in Rust is another"),
        _ => patch("the client leaves it to the platform to check"),
    };
    let text = was_and_is(spot, pair, key);
    comparison.key(spot.subject, pair, key, text, rust, motion.wire(spot.uses));
}

/// A text with limits becomes a type of its own, which checks them.
fn text_limit(pair: Pair<'_>, motion: Motion) -> Impact {
    let is_checked = |node: &Node| {
        ["minLength", "maxLength", "pattern"]
            .iter()
            .any(|key| node.get(key).is_some())
    };
    if is_checked(pair.base) != is_checked(pair.head) {
        return breaking("the type in Rust checks texts that it did not check, or the other way round");
    }
    checked(motion)
}

fn checked(motion: Motion) -> Impact {
    match motion {
        Motion::Loosened => minor("the type takes more than before"),
        Motion::Tightened | Motion::Shifted => breaking("the type refuses what it has taken"),
    }
}

/// An array component with limits becomes a list type, the error of which has a variant a limit.
fn list_limit(pair: Pair<'_>, key: &str, motion: Motion) -> Impact {
    if is_checked_list(pair.base) != is_checked_list(pair.head) {
        return breaking("the type in Rust becomes a checked list, or is one no longer");
    }
    let count = |node: &Node| node.get("minItems").and_then(Node::as_i64).unwrap_or(0).clamp(0, 2);
    let loses_variant = match key {
        "minItems" => count(pair.base) != count(pair.head) && count(pair.base) > 0,
        _ => motion == Motion::Loosened && pair.head.get(key).is_none_or(|node| node.as_i64().is_none()),
    };
    if loses_variant {
        return breaking("the error of the list type loses a variant");
    }
    checked(motion)
}

fn items(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    if let Some(items) = pair.get("items") {
        let name = format!("the items of {}", spot.name);
        schema(comparison, &within(spot, name, Holder::Item), items);
    } else if pair.differ("items") {
        let text = format!("what the items of {} are {}", spot.name, state(pair, "items", ""));
        let rust = breaking("the type in Rust is another");
        let motion = Motion::of_demand(pair.base.get("items").is_some(), pair.head.get("items").is_some());
        comparison.key(spot.subject, pair, "items", text, rust, motion.wire(spot.uses));
    }
}

fn within<'s>(spot: &Spot<'s>, name: String, holder: Holder) -> Spot<'s> {
    Spot {
        subject: spot.subject,
        name,
        uses: spot.uses,
        holder,
        component: None,
    }
}

fn additional_properties(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let key = "additionalProperties";
    if let Some(values) = pair.get(key)
        && !values.base.entries().is_empty()
        && !values.head.entries().is_empty()
    {
        let name = format!("the values of {}", spot.name);
        schema(comparison, &within(spot, name, Holder::Item), values);
        return;
    }
    if !pair.differ(key) {
        return;
    }
    let is = |node: &Node, wanted: bool| {
        let json = node.get(key).map(Node::to_json);
        // A schema that demands nothing says the same as `true`.
        json == Some(Json::Bool(wanted)) || (wanted && json == Some(Json::Object(serde_json::Map::new())))
    };
    let motion = if is(pair.head, false) {
        Motion::Tightened
    } else if is(pair.base, false) || pair.head.get(key).is_none() || is(pair.head, true) {
        Motion::Loosened
    } else {
        Motion::Tightened
    };
    let (was, is) = (plain(pair.base, key), plain(pair.head, key));
    let text = format!("what other members {} may have was {was} and is {is}", spot.name);
    let rust = breaking("the type in Rust takes other members than before");
    comparison.key(spot.subject, pair, key, text, rust, motion.wire(spot.uses));
}

fn properties(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>) {
    let members = |node: &Node| node.get("properties").map(Node::entries).unwrap_or_default().to_vec();
    let (base, head) = (members(pair.base), members(pair.head));
    if base.is_empty() != head.is_empty()
        && (pair.base.get("properties").is_none() || pair.head.get("properties").is_none())
    {
        let text = format!(
            "the list of the members of {} {}",
            spot.name,
            state(pair, "properties", "")
        );
        let rust = breaking("the type in Rust is another");
        comparison.key(
            spot.subject,
            pair,
            "properties",
            text,
            rust,
            Motion::Shifted.wire(spot.uses),
        );
        return;
    }
    let owner = spot.name.trim_matches('`').to_owned();
    for member in &head {
        let name = format!("`{owner}.{}`", member.key);
        match base.iter().find(|other| other.key == member.key) {
            None => new_member(comparison, spot, pair, member),
            Some(before) => {
                need(comparison, spot, pair, (before, member), &name);
                let holder = if is_argument(comparison.head, pair.head, member) {
                    Holder::Required
                } else {
                    Holder::Optional
                };
                schema(
                    comparison,
                    &within(spot, name, holder),
                    Pair::new(&before.value, member),
                );
            }
        }
    }
    for member in base
        .iter()
        .filter(|member| !head.iter().any(|other| other.key == member.key))
    {
        let was_required = names(pair.base).contains(&member.key.as_str());
        let text = format!("`{owner}` has no member `{}` any longer", member.key);
        let answer = if was_required {
            breaking("clients fail at an answer without it")
        } else {
            minor("clients get less; it could be absent before")
        };
        let wire = wire(
            spot.uses,
            breaking("a request with it may be refused, or mean something else"),
            answer,
        );
        comparison.removed(
            spot.subject,
            member.at,
            text,
            breaking("the struct loses a member"),
            wire,
        );
    }
    phantoms(comparison, spot, pair, (&base, &head));
    order(comparison, spot, pair, (&base, &head));
}

/// Whether the member has to be passed to a constructor: it can be neither absent nor null.
fn is_argument(document: &Document, object: &Node, member: &Entry) -> bool {
    let inner = only_part(&member.value).unwrap_or(&member.value);
    let schemas = [Some(&member.value), document.resolve(inner)];
    let mut schemas = schemas.into_iter().flatten();
    names(object).contains(&member.key.as_str())
        && !schemas.any(|schema| is_true(schema, "nullable") || schema.get("default").is_some())
}

fn new_member(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>, member: &Entry) {
    let owner = spot.name.trim_matches('`');
    let is_required = names(pair.head).contains(&member.key.as_str());
    let need = if is_required { "required" } else { "optional" };
    let text = format!("`{owner}` has the new {need} member `{}`", member.key);
    let constructor = match &spot.component {
        Some(_) => format!("`types::{owner}::new`"),
        None => "the constructor of its type".to_owned(),
    };
    let rust = if !spot.uses.request {
        minor("a struct that programs read gains a member; only a pattern or a value that lists all members breaks")
    } else if is_argument(comparison.head, pair.head, member) {
        breaking(format!("{constructor} gains an argument"))
    } else {
        minor(format!(
            "{constructor} stays as it is; only a program that lists all members breaks"
        ))
    };
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
    comparison.added(spot.subject, member.at, text, rust, wire(spot.uses, request, answer));
}

/// Whether a member that both versions have must be there.
fn need(
    comparison: &mut Comparison<'_>,
    spot: &Spot<'_>,
    pair: Pair<'_>,
    (before, member): (&Entry, &Entry),
    name: &str,
) {
    let is_required = |node: &Node| names(node).contains(&member.key.as_str());
    let (was, is) = (is_required(pair.base), is_required(pair.head));
    if was == is {
        return;
    }
    let arguments = (
        is_argument(comparison.base, pair.base, before),
        is_argument(comparison.head, pair.head, member),
    );
    let rust = match arguments {
        (false, true) => breaking("the member is no `Option` any longer"),
        (true, false) => breaking("the member becomes an `Option`"),
        _ => patch("the member is what it was"),
    };
    let text = format!("{name} is now {}", if is { "required" } else { "optional" });
    let wire = Motion::of_demand(was, is).wire(spot.uses);
    comparison.changed(spot.subject, member.at, text, rust, wire);
}

/// Members that must be there but are not described.
fn phantoms(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>, (base, head): (&[Entry], &[Entry])) {
    let phantoms = |node: &Node, members: &[Entry]| -> Vec<String> {
        let is_described = |name: &&str| {
            [base, head, members]
                .iter()
                .any(|list| list.iter().any(|member| member.key == **name))
        };
        let names = names(node);
        let mut phantoms: Vec<_> = names
            .iter()
            .filter(|name| !is_described(name))
            .map(|name| (*name).to_owned())
            .collect();
        phantoms.sort();
        phantoms
    };
    if phantoms(pair.base, base) != phantoms(pair.head, head) {
        let text = format!(
            "the members that {} must have, though they are not described, are others",
            spot.name
        );
        let rust = patch("there is nothing in Rust for what is not described");
        comparison.key(
            spot.subject,
            pair,
            "required",
            text,
            rust,
            Motion::Shifted.wire(spot.uses),
        );
    }
}

/// The constructor of an object that requests hold takes the required members in the order of the document.
fn order(comparison: &mut Comparison<'_>, spot: &Spot<'_>, pair: Pair<'_>, (base, head): (&[Entry], &[Entry])) {
    if spot.component.is_none() || !spot.uses.request {
        return;
    }
    let (base_document, head_document) = (comparison.base, comparison.head);
    let before = base
        .iter()
        .filter(|member| is_argument(base_document, pair.base, member));
    let before: Vec<_> = before.map(|member| &member.key).collect();
    let after = head
        .iter()
        .filter(|member| is_argument(head_document, pair.head, member));
    let places: Vec<_> = after
        .filter_map(|member| before.iter().position(|key| **key == member.key))
        .collect();
    if !places.is_sorted() {
        let text = format!("the required members of {} are in another order", spot.name);
        let rust = breaking("the constructor of the struct takes them in that order");
        comparison.key(
            spot.subject,
            pair,
            "properties",
            text,
            rust,
            none("the members of an object have no order"),
        );
    }
}
