//! Every key of the document is one that OpenAPI or this project knows, and every value is of the right type.
//!
//! The library that reads OpenAPI drops every key that it does not know, and with it what the key was to say. So the
//! whole document is compared with the tables of [`super::kinds`] first. An extension (`x-...`) that is not there is a
//! mistake like any other.

use serde_json::Value as Json;

use super::kinds::{Kind, SCHEMA_OR_REFERENCE, Shape};
use crate::diagnostic::{Diagnostic, Mark, did_you_mean, nearest};
use crate::spec::tree::{Content, Entry, Node};

/// An object of the document with its kind.
pub(crate) struct Visit<'a> {
    pub(crate) kind: Kind,
    pub(crate) node: &'a Node,
    /// Where to say that something is missing: the key of the object, or its beginning if it has none.
    pub(crate) owner: Mark,
}

/// Compares a whole document with the tables. Returns every object in it.
pub(crate) fn walk<'a>(root: &'a Node, errors: &mut Vec<Diagnostic>) -> Vec<Visit<'a>> {
    duplicate_keys(root, errors);
    let mut walk = Walk {
        errors,
        visits: Vec::new(),
    };
    walk.value(Shape::Object(Kind::Document), root, Mark::START, "the document");
    walk.visits
}

/// In all values, examples included.
fn duplicate_keys(node: &Node, errors: &mut Vec<Diagnostic>) {
    let entries = node.entries();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = entries[..index].iter().find(|earlier| earlier.key == entry.key) {
            errors.push(
                Diagnostic::new(entry.at, format!("the key `{}` is there twice", entry.key))
                    .hint(format!("it is first on line {}", first.at.line)),
            );
        }
        duplicate_keys(&entry.value, errors);
    }
    for item in node.items() {
        duplicate_keys(item, errors);
    }
}

struct Walk<'a, 'e> {
    errors: &'e mut Vec<Diagnostic>,
    visits: Vec<Visit<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, shape: Shape, node: &'a Node, owner: Mark, name: &str) {
        match (shape, &node.content) {
            (Shape::Any, _)
            | (Shape::Text, Content::Scalar(Json::String(_)))
            | (Shape::Bool | Shape::BoolOrSchema, Content::Scalar(Json::Bool(_)))
            | (Shape::Number, Content::Scalar(Json::Number(_))) => {}
            (Shape::Integer, Content::Scalar(Json::Number(number))) if number.is_i64() => {}
            (Shape::Count, Content::Scalar(Json::Number(number))) if number.is_u64() => {}
            (Shape::Word(words), Content::Scalar(Json::String(text))) => {
                if !words.contains(&text.as_str()) {
                    self.errors.push(
                        Diagnostic::new(node.at, format!("{name} cannot be `{text}`"))
                            .expected(one_of(words))
                            .maybe_hint(did_you_mean(text, words.iter().copied())),
                    );
                }
            }
            (Shape::List(shape), Content::List(items)) => {
                for item in items {
                    self.value(*shape, item, item.at, &format!("an item of {name}"));
                }
            }
            (Shape::Map(shape), Content::Map(entries)) => {
                for entry in entries {
                    self.value(*shape, &entry.value, entry.at, &format!("`{}`", entry.key));
                }
            }
            (Shape::Responses, Content::Map(entries)) => {
                // Any other response is one too many, whatever is in it.
                for entry in entries.iter().filter(|entry| entry.key == "200") {
                    self.value(Shape::OrReference(Kind::Response), &entry.value, entry.at, "`200`");
                }
            }
            (Shape::Object(kind), Content::Map(_)) => self.object(kind, node, owner),
            (Shape::BoolOrSchema, Content::Map(_)) => self.value(SCHEMA_OR_REFERENCE, node, owner, name),
            (Shape::OrReference(kind), Content::Map(entries)) => match node.entry("$ref") {
                None => self.object(kind, node, owner),
                Some(reference) => {
                    self.value(Shape::Text, &reference.value, reference.at, "`$ref`");
                    for other in entries.iter().filter(|entry| entry.key != "$ref") {
                        self.errors.push(
                            Diagnostic::new(other.at, format!("`{}` beside `$ref` is ignored", other.key))
                                .expected("nothing beside `$ref`"),
                        );
                    }
                    self.visits.push(Visit { kind, node, owner });
                }
            },
            _ => {
                let found = describe(node);
                let at = if matches!(node.content, Content::Scalar(Json::Null)) {
                    owner
                } else {
                    node.at
                };
                self.errors.push(
                    Diagnostic::new(at, format!("{name} is {found}"))
                        .expected(expectation(shape))
                        .maybe_hint(quoting_hint(shape, node)),
                );
            }
        }
    }

    fn object(&mut self, kind: Kind, node: &'a Node, owner: Mark) {
        self.visits.push(Visit { kind, node, owner });
        let fields = kind.table().fields;
        let absent = || fields.iter().filter(|field| node.entry(field.key).is_none());
        let mut misspelt = Vec::new();
        for entry in node.entries() {
            if let Some(field) = fields.iter().find(|field| field.key == entry.key) {
                self.value(field.shape, &entry.value, entry.at, &format!("`{}`", entry.key));
            } else {
                let meant = nearest(&entry.key, absent().map(|field| field.key));
                misspelt.extend(meant);
                self.errors.push(unknown_key(kind, entry, meant));
            }
        }
        for field in absent().filter(|field| field.required && !misspelt.contains(&field.key)) {
            self.errors.push(
                Diagnostic::new(owner, format!("{} lacks `{}`", kind.name(), field.key)).expected(format!(
                    "`{}:` and {}",
                    field.key,
                    expectation(field.shape)
                )),
            );
        }
    }
}

fn unknown_key(kind: Kind, entry: &Entry, meant: Option<&str>) -> Diagnostic {
    let key = &entry.key;
    let diagnostic = Diagnostic::new(entry.at, format!("unknown key `{key}` in {}", kind.name()));
    if let Some(meant) = meant {
        return diagnostic
            .expected(format!("`{meant}`"))
            .hint(format!("did you mean `{meant}`?"));
    }
    let keys: Vec<_> = kind.table().fields.iter().map(|field| field.key).collect();
    let diagnostic = diagnostic.expected(one_of(&keys));
    if key.starts_with("x-") {
        diagnostic.hint("extensions are listed in xtask/src/check/kinds.rs; add a new one there")
    } else {
        diagnostic
    }
}

/// "one of a, b, c".
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => (*word).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// What a value is, for people.
pub(super) fn describe(node: &Node) -> String {
    match &node.content {
        Content::Map(_) => "a mapping".to_owned(),
        Content::List(_) => "a list".to_owned(),
        Content::Scalar(Json::Null) => "empty".to_owned(),
        Content::Scalar(Json::String(text)) => format!("the text {text:?}"),
        Content::Scalar(Json::Number(number)) => format!("the number {number}"),
        Content::Scalar(other) => format!("`{other}`"),
    }
}

fn expectation(shape: Shape) -> String {
    match shape {
        Shape::Any => "any value".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer => "an integer".to_owned(),
        Shape::Count => "an integer, at least 0".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Word(words) => one_of(words),
        Shape::List(_) => "a list".to_owned(),
        Shape::Map(_) | Shape::Responses => "a mapping".to_owned(),
        Shape::Object(kind) => format!("a mapping, {}", kind.name()),
        Shape::OrReference(kind) => format!("a mapping, {} or a `$ref` to one", kind.name()),
        Shape::BoolOrSchema => "true, false or a schema".to_owned(),
    }
}

fn quoting_hint(shape: Shape, node: &Node) -> Option<String> {
    let Content::Scalar(scalar) = &node.content else {
        return None;
    };
    match (shape, scalar) {
        (Shape::Text | Shape::Word(_), Json::Number(_) | Json::Bool(_)) => Some("put it in quotes".to_owned()),
        (Shape::Integer | Shape::Count | Shape::Number, Json::String(text)) if text.parse::<f64>().is_ok() => {
            Some("take the quotes off".to_owned())
        }
        (Shape::Bool | Shape::BoolOrSchema, Json::String(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "true" => Some("write `true`, without quotes".to_owned()),
            "no" | "off" | "false" => Some("write `false`, without quotes".to_owned()),
            _ => None,
        },
        _ => None,
    }
}
