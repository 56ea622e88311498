//! Trees of the document, edited and written out in their own order, which a reader of the reference gets to see.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::diagnostic::Mark;
use crate::spec::tree::{Content, Entry, Node};

pub(super) fn text(text: impl Into<String>) -> Node {
    scalar(Json::String(text.into()))
}

pub(super) fn scalar(value: Json) -> Node {
    Node {
        at: Mark::START,
        content: Content::Scalar(value),
    }
}

pub(super) fn map(entries: Vec<Entry>) -> Node {
    Node {
        at: Mark::START,
        content: Content::Map(entries),
    }
}

pub(super) fn list(items: Vec<Node>) -> Node {
    Node {
        at: Mark::START,
        content: Content::List(items),
    }
}

pub(super) fn entry(key: impl Into<String>, value: Node) -> Entry {
    Entry {
        key: key.into(),
        at: Mark::START,
        value,
    }
}

/// Puts a value under a key of a mapping: in the place of the old one, or at the end.
pub(super) fn set(node: &mut Node, key: &str, value: Node) {
    if let Content::Map(entries) = &mut node.content {
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(entry(key, value)),
        }
    }
}

/// JSON, indented by two.
pub(super) fn json(node: &Node) -> String {
    let mut out = String::new();
    write(node, 0, &mut out);
    out.push('\n');
    out
}

fn write(node: &Node, depth: usize, out: &mut String) {
    match &node.content {
        Content::Scalar(scalar) => {
            // Writing into a string cannot fail.
            let _ = write!(out, "{scalar}");
        }
        Content::List(items) if items.is_empty() => out.push_str("[]"),
        Content::Map(entries) if entries.is_empty() => out.push_str("{}"),
        Content::List(items) => {
            for (number, item) in items.iter().enumerate() {
                line(if number == 0 { '[' } else { ',' }, depth + 1, out);
                write(item, depth + 1, out);
            }
            line('\n', depth, out);
            out.push(']');
        }
        Content::Map(entries) => {
            for (number, entry) in entries.iter().enumerate() {
                line(if number == 0 { '{' } else { ',' }, depth + 1, out);
                let _ = write!(out, "{}: ", Json::from(entry.key.as_str()));
                write(&entry.value, depth + 1, out);
            }
            line('\n', depth, out);
            out.push('}');
        }
    }
}

/// Ends a line with a character, and indents the next.
fn line(end: char, depth: usize, out: &mut String) {
    if end != '\n' {
        out.push(end);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A JSON document is YAML too, but not one that people like to read: this writes blocks. Keys and texts stand in
/// double quotes wherever YAML might take them for something else.
pub(super) fn yaml(node: &Node) -> String {
    let mut out = String::new();
    match &node.content {
        Content::Map(entries) if !entries.is_empty() => yaml_map(entries, 0, &mut out),
        _ => {
            write(node, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn yaml_map(entries: &[Entry], depth: usize, out: &mut String) {
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 || out.ends_with('\n') {
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push_str(&yaml_text(&entry.key));
        out.push(':');
        yaml_value(&entry.value, depth, out);
    }
}

fn yaml_value(node: &Node, depth: usize, out: &mut String) {
    match &node.content {
        Content::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            yaml_map(entries, depth + 1, out);
        }
        Content::List(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                out.extend(std::iter::repeat_n("  ", depth + 1));
                out.push('-');
                match &item.content {
                    Content::Map(entries) if !entries.is_empty() => {
                        out.push(' ');
                        yaml_map(entries, depth + 2, out);
                    }
                    _ => yaml_value(item, depth + 1, out),
                }
            }
        }
        Content::Scalar(Json::String(text)) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.lines() {
                if !line.is_empty() {
                    out.extend(std::iter::repeat_n("  ", depth + 1));
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        Content::Scalar(Json::String(text)) => {
            out.push(' ');
            out.push_str(&yaml_text(text));
            out.push('\n');
        }
        _ => {
            out.push(' ');
            write(node, depth, out);
            out.push('\n');
        }
    }
}

/// Whether a text can stand as a literal block without losing anything.
fn is_block(text: &str) -> bool {
    text.trim_end().contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && !text.contains(|character: char| character.is_control() && character != '\n')
        && text.lines().all(|line| line.trim_end() == line)
}

fn yaml_text(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '$'))
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || " /._-$,()".contains(character))
        && !text.ends_with(' ')
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        Json::from(text).to_string()
    }
}

/// What YAML, old or new, takes for a truth value or for nothing.
const RESERVED: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
