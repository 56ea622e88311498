//! Schemas: the components, and those that are written out where they are used.

use std::collections::BTreeMap;

use super::api::Touch;
use super::change::{Change, Impact, Subject, breaking, minor, none};
use super::compare::{Context, Motion, Pair, Scope};
use super::members::properties;
use super::uses::{TEXTS, Uses, only_part, shape};
use super::values;
use crate::spec::Document;
use crate::spec::model::schema_name;
use crate::spec::tree::{Entry, Node};

/// A schema, where it is.
#[derive(Clone)]
pub(super) struct Spot<'a> {
    pub(super) scope: Scope<'a>,
    /// As it stands in a sentence.
    pub(super) name: String,
    /// Which way base sends its values.
    pub(super) uses: Uses,
    /// The names of the component in base and in head, if it is one: its members are members of a type.
    pub(super) component: Vec<String>,
}

impl<'a> Spot<'a> {
    pub(super) fn new(scope: Scope<'a>, name: &str, uses: Uses) -> Self {
        let (name, component) = (name.to_owned(), Vec::new());
        Self {
            scope,
            name,
            uses,
            component,
        }
    }

    /// A schema in this one.
    pub(super) fn within(&self, name: &str) -> Self {
        Self::new(self.scope.clone(), name, self.uses)
    }

    /// What has become of a key that narrows or widens what the schema lets through.
    pub(super) fn moved(&self, pair: Pair<'_>, key: &str, text: String, motion: Motion) -> Change {
        self.scope.key(pair, key, text, motion.wire(self.uses))
    }

    /// "`minimum` of X was `1` and is `2`".
    pub(super) fn was_and_is(&self, pair: Pair<'_>, key: &str) -> String {
        let (was, is) = (plain(pair.base, key, "not given"), plain(pair.head, key, "not given"));
        format!("`{key}` of {} was {was} and is {is}", self.name)
    }

    /// The graver of what a change means for requests and for answers.
    pub(super) fn wire(&self, request: Impact, response: Impact) -> Impact {
        super::compare::wire(self.uses, request, response)
    }
}

/// A value in a sentence.
pub(super) fn plain(node: &Node, key: &str, absent: &str) -> String {
    node.get(key).map_or(absent.to_owned(), |value| {
        let text = value.as_str().map(str::to_owned);
        format!("`{}`", text.unwrap_or_else(|| value.to_json().to_string()))
    })
}

/// Components that are called otherwise in head, by their names in base.
pub(super) fn renamed(base: &Document, head: &Document) -> BTreeMap<String, String> {
    let lone = |entries: &'_ [Entry], others: &[Entry]| -> Vec<String> {
        let is_lone = |entry: &&Entry| !others.iter().any(|other| other.key == entry.key);
        entries.iter().filter(is_lone).map(|entry| entry.key.clone()).collect()
    };
    let gone = lone(base.schemas(), head.schemas());
    let come = lone(head.schemas(), base.schemas());
    let shape_of = |document: &Document, name: &str| {
        let schema = document.root.find(&["components", "schemas", name]);
        schema.map(|schema| (shape(document, schema), schema.get("x-known-values").map(Node::to_json)))
    };
    let mut renamed = BTreeMap::new();
    for name in &gone {
        let is_same = |document: &Document, other: &str| shape_of(document, other) == shape_of(base, name);
        // With two candidates on either side, it is anyone's guess.
        let mut candidates = come.iter().filter(|other| is_same(head, other));
        let mut rivals = gone.iter().filter(|other| *other != name && is_same(base, other));
        if let (Some(other), None, None) = (candidates.next(), candidates.next(), rivals.next()) {
            renamed.insert(name.clone(), other.clone());
        }
    }
    renamed
}

/// All components: those of head in its order, then those that are gone.
pub(super) fn compare(context: &Context<'_>) -> Vec<Change> {
    let (base, head) = (context.base.schemas(), context.head.schemas());
    let elsewhere = || none("what refers to it is told of where it does");
    let mut changes = Vec::new();
    for entry in head {
        let same = base.iter().find(|other| other.key == entry.key);
        let former = || {
            base.iter()
                .find(|other| context.renamed.get(&other.key) == Some(&entry.key))
        };
        let Some(before) = same.or_else(former) else {
            let text = format!("the schema `{}` is new", entry.key);
            changes.push(scope(context, &entry.key, &[&entry.key]).added(entry.at, text, elsewhere()));
            continue;
        };
        let scope = scope(context, &entry.key, &[&before.key, &entry.key]);
        if before.key != entry.key {
            let text = format!("the schema `{}` is called `{}`", before.key, entry.key);
            changes.push(scope.changed(entry.at, text, none("a schema's name is not sent")));
        }
        let spot = Spot {
            scope,
            name: format!("`{}`", entry.key),
            uses: context.usage.schema(&before.key),
            component: vec![before.key.clone(), entry.key.clone()],
        };
        changes.extend(schema(&spot, Pair::new(&before.value, entry)));
    }
    for entry in base {
        let is_there = head.iter().any(|other| other.key == entry.key);
        if !is_there && !context.renamed.contains_key(&entry.key) {
            let text = format!("the schema `{}` is gone", entry.key);
            changes.push(scope(context, &entry.key, &[&entry.key]).removed(entry.at, text, elsewhere()));
        }
    }
    changes
}

/// Differences of a schema that bear on the types of these names.
fn scope<'a>(context: &'a Context<'a>, name: &str, names: &[&str]) -> Scope<'a> {
    let owners = names
        .iter()
        .flat_map(|name| [format!("types::{name}"), (*name).to_owned(), format!("{name}Error")]);
    Scope::new(context, Subject::Schema(name.to_owned())).touching(owners.map(Touch::all_of).collect())
}

/// Compares two schemas. References to the same component are equal: it is compared once, where it is.
pub(super) fn schema(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    let scope = &spot.scope;
    let mut changes = scope.texts(pair, &TEXTS[..5], &spot.name);
    changes.extend(super::operations::deprecated(scope, pair, &spot.name));
    changes.extend(nullable(spot, pair));
    if pair.differ("x-nullable") {
        // The document itself stays as it is; only the files of single operations say something else.
        let wire = minor("the files of single operations allow another null");
        let text = spot.was_and_is(pair, "x-nullable");
        let change = scope.text(pair, "x-nullable", text);
        changes.push(Change { wire, ..change });
    }
    let unwrap = |schema| only_part(schema).unwrap_or(schema);
    let inner = Pair {
        base: unwrap(pair.base),
        head: unwrap(pair.head),
        at: pair.at,
    };
    if inner.base.get("$ref").is_none() && inner.head.get("$ref").is_none() {
        changes.extend(written_out(spot, inner));
    } else {
        changes.extend(references(spot, inner));
    }
    changes
}

fn nullable(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    let is_nullable = |node: &Node| node.says("nullable") || only_part(node).is_some_and(|only| only.says("nullable"));
    let (was, is) = (is_nullable(pair.base), is_nullable(pair.head));
    // What may be anything may be null too; that it may be anything is reported with its type.
    let is_any = |node: &Node| only_part(node).is_none() && node.get("$ref").is_none() && node.get("type").is_none();
    if was == is || (pair.differ("type") && (is_any(pair.head) || is_any(pair.base))) {
        return None;
    }
    let text = format!("{} can {} be null", spot.name, if is { "now" } else { "no longer" });
    Some(spot.moved(pair, "nullable", text, Motion::of_demand((is, was))))
}

/// At least one of the two is a reference.
fn references(spot: &Spot<'_>, pair: Pair<'_>) -> Option<Change> {
    let context = spot.scope.context;
    let name = |node: &Node| {
        let reference = node.text("$ref")?;
        Some(schema_name(reference).unwrap_or(reference).to_owned())
    };
    let (was, is) = (name(pair.base), name(pair.head));
    let kept = was.as_ref().map(|was| context.renamed.get(was).unwrap_or(was));
    if kept == is.as_ref() {
        return None;
    }
    let told = |name: &Option<String>| {
        name.as_ref()
            .map_or("written out".to_owned(), |name| format!("`{name}`"))
    };
    let text = format!("the type of {} was {} and is {}", spot.name, told(&was), told(&is));
    let wire = if shape(context.base, pair.base) == shape(context.head, pair.head) {
        none("the values are the same")
    } else {
        Motion::Shifted.wire(spot.uses)
    };
    let mut change = spot.scope.changed(pair.at, text, wire);
    let types = was.into_iter().chain(is);
    change
        .touches
        .extend(types.map(|name| Touch::distantly(format!("types::{name}"))));
    Some(change)
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

fn written_out(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    if pair.differ("type") {
        // Whatever else differs follows from that.
        let motion = match (pair.base.text("type"), pair.head.text("type")) {
            (Some("integer"), Some("number")) | (_, None) => Motion::Loosened,
            (Some("number"), Some("integer")) | (None, _) => Motion::Tightened,
            _ => Motion::Shifted,
        };
        return vec![spot.moved(pair, "type", spot.was_and_is(pair, "type"), motion)];
    }
    let mut changes = values::compare(spot, pair);
    changes.extend(items(spot, pair));
    changes.extend(properties(spot, pair));
    let known = [&KNOWN[..], &TEXTS[..]].concat();
    let others = pair.keys().into_iter();
    let differing = others.filter(|key| !known.contains(key) && pair.differ(key));
    changes.extend(differing.map(|key| {
        let text = format!("`{key}` of {} {}", spot.name, pair.state(key, "is another"));
        let change = spot.moved(pair, key, text, Motion::Shifted);
        change.rust(breaking("the type in Rust may be another"))
    }));
    changes
}

fn items(spot: &Spot<'_>, pair: Pair<'_>) -> Vec<Change> {
    if let Some(items) = pair.get("items") {
        return schema(&spot.within(&format!("the items of {}", spot.name)), items);
    }
    let text = format!("what the items of {} are {}", spot.name, pair.state("items", ""));
    let motion = Motion::of_demand((pair.base.get("items").is_some(), pair.head.get("items").is_some()));
    let differ = pair.differ("items");
    differ
        .then(|| spot.moved(pair, "items", text, motion))
        .into_iter()
        .collect()
}
