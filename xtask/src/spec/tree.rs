//! A YAML document as a tree in which every key and every value knows its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_saphyr::{Location, Spanned};

use crate::diagnostic::{Diagnostic, Mark};

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value begins.
    pub at: Mark,
    /// The value.
    pub content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A mapping in document order; a key may be there twice.
    Map(Vec<Entry>),
    /// A sequence.
    List(Vec<Node>),
    /// Anything else: text, a number, true, false or null.
    Scalar(Json),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub at: Mark,
    /// The value.
    pub value: Node,
}

/// Reads YAML.
///
/// # Errors
///
/// The place and reason if the text is not YAML.
pub fn parse(text: &str) -> Result<Node, Box<Diagnostic>> {
    let options = serde_saphyr::options! {
        // Found by a check, which can then name both places and all other mistakes too.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        // `yes` and `on` are text, as in YAML 1.2; a check says so where a truth value is expected.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().map_or(Mark::START, mark);
        let message = error.without_snippet().to_string();
        // The place is shown already, and advice on the library's functions is of no use here.
        let message = message.lines().next().unwrap_or_default();
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = message.split(';').next().unwrap_or_default();
        Box::new(Diagnostic::new(at, format!("not valid YAML: {message}")))
    })
}

impl Node {
    /// The entries of a mapping; nothing for any other value.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::List(_) | Content::Scalar(_) => &[],
        }
    }

    /// The items of a sequence; nothing for any other value.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            Content::Map(_) | Content::Scalar(_) => &[],
        }
    }

    /// The entry of a mapping with this key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a mapping under this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value that a chain of keys leads to.
    #[must_use]
    pub fn find(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar that is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Json::String(text)) => Some(text),
            Content::Scalar(_) | Content::Map(_) | Content::List(_) => None,
        }
    }

    /// The number of a scalar that is an integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.content {
            Content::Scalar(scalar) => scalar.as_i64(),
            Content::Map(_) | Content::List(_) => None,
        }
    }

    /// Whether the value is `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self.content, Content::Scalar(Json::Bool(true)))
    }

    /// The items of the sequence under a key; nothing if there is none.
    #[must_use]
    pub fn items_of(&self, key: &str) -> &[Node] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// The entries of the mapping under a key; nothing if there is none.
    #[must_use]
    pub fn entries_of(&self, key: &str) -> &[Entry] {
        self.get(key).map(Self::entries).unwrap_or_default()
    }

    /// Whether `true` is under a key.
    #[must_use]
    pub fn says(&self, key: &str) -> bool {
        self.get(key).is_some_and(Self::is_true)
    }

    /// The text under a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_str)
    }

    /// The same value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.content {
            Content::Scalar(scalar) => scalar.clone(),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(entries) => {
                // Whether `serde_json` keeps the order of insertion depends on a feature that any crate of a build
                // may switch on. Sorted entries make the generated text the same in both cases.
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                Json::Object(sorted.into_iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
            }
        }
    }
}

fn mark(location: Location) -> Mark {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
    // A block reports the length of all its lines; `render` cuts at the end of the first.
    let width = number(location.span().len());
    Mark {
        line: number(location.line()),
        column: number(location.column()),
        width,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            at: mark(spanned.referenced),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry {
                at: mark(key.referenced),
                key: key.value,
                value: map.next_value()?,
            });
        }
        Ok(Content::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Scalar(text.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Json::Null))
    }
}
