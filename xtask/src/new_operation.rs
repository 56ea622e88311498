//! `cargo xtask new-operation`: adds the skeleton of an operation to the document.
//!
//! What cannot be known is written as TODO, which `cargo xtask lint` refuses until it is filled in.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::generate::names;
use crate::spec::Document;
use crate::spec::tree::{Entry, Node};
use crate::workspace;

/// What to add, and where.
#[derive(Args)]
pub struct Arguments {
    /// The id of the operation, as in `retryTask`: it becomes a method of the client.
    name: String,
    /// How it is called.
    #[arg(long, value_enum)]
    method: Method,
    /// What it does, in a few words.
    #[arg(long, value_name = "TEXT")]
    summary: String,
    /// The value of the query parameter `action`, if it is not the name.
    #[arg(long)]
    action: Option<String>,
    /// It has no body. One with the method get never has.
    #[arg(long)]
    no_body: bool,
    /// The OpenAPI document, if not the one of the workspace.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Reads, and changes nothing.
    Get,
    /// Everything else.
    Post,
}

/// Runs the command.
///
/// # Errors
///
/// The name cannot be used, or the file cannot be read or written.
pub fn command(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let path = arguments
        .spec
        .clone()
        .unwrap_or_else(|| workspace::root().join(workspace::SPEC));
    let document = Document::load(&path)?;
    let text = add(&document, arguments)?;
    std::fs::write(&path, text).map_err(|error| {
        let path = workspace::display(&path);
        Failure::new(format!("{path}: error: the file cannot be written")).because(error)
    })?;
    eprintln!("added `{}` to {}", arguments.name, workspace::display(&path));
    eprintln!("hint: fill in what `cargo xtask lint` says, then run `cargo xtask codegen`");
    Ok(ExitCode::SUCCESS)
}

/// The text of the document with the operation in it.
fn add(document: &Document, arguments: &Arguments) -> Result<String, Failure> {
    let name = &arguments.name;
    let action = arguments.action.as_ref().unwrap_or(name);
    for word in [name, action] {
        if !word.starts_with(|c: char| c.is_ascii_lowercase()) || !word.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Failure::new(format!(
                "error: `{word}` cannot be the name of an operation\n\
                 hint: a small letter, then letters and digits, as in `retryTask`"
            )));
        }
    }
    let has_body = arguments.method == Method::Post && !arguments.no_body;
    let body = format!("{}Request", names::upper_camel(name));
    let fragment = format!("#action={action}");
    let schemas = document
        .root
        .find(&["components", "schemas"])
        .ok_or_else(|| no_place("components.schemas"))?;
    for operation in document.operations() {
        if operation.node.text("operationId") == Some(name) {
            return Err(taken(&format!("`{name}`"), operation.method.at.line));
        }
        if operation.path.key.ends_with(&fragment) {
            let what = format!("an operation with the action `{action}`");
            return Err(taken(&what, operation.path.at.line));
        }
    }
    if let Some(schema) = schemas.entry(&body).filter(|_| has_body) {
        return Err(taken(&format!("the schema `{body}`"), schema.at.line));
    }
    let paths = document.root.entry("paths").ok_or_else(|| no_place("paths"))?;
    let first = paths.value.entries().first().ok_or_else(|| no_place("paths"))?;
    let path = first.key.split('#').next().unwrap_or_default();

    let mut lines: Vec<String> = document.source.text.lines().map(str::to_owned).collect();
    let mut insert = |at: usize, block: &str| {
        lines.splice(at..at, block.lines().map(str::to_owned));
    };
    let operation = skeleton(
        &format!("{path}{fragment}"),
        arguments,
        action,
        has_body.then_some(&body),
    );
    let places = [
        (end(document, paths), format!("\n{operation}")),
        (
            end_of_node(document, &["components"], "schemas"),
            if has_body { schema(&body) } else { String::new() },
        ),
    ];
    // From the bottom up, so that the first insertion does not move the place of the second.
    let mut places = places.to_vec();
    places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    for (at, block) in &places {
        insert(*at, block);
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// After which line the block of a key of the document ends, without the comments and empty lines that follow.
fn end(document: &Document, entry: &Entry) -> usize {
    let next = document.root.entries().iter().map(|entry| entry.at.line);
    last_line(document, next.filter(|line| *line > entry.at.line).min())
}

/// The same for a key further inside.
fn end_of_node(document: &Document, above: &[&str], key: &str) -> usize {
    let outer = document.root.entries().iter().map(|entry| entry.at.line);
    let siblings = document.root.find(above).map(Node::entries).unwrap_or_default();
    let start = siblings
        .iter()
        .find(|entry| entry.key == key)
        .map_or(1, |entry| entry.at.line);
    let next = outer.chain(siblings.iter().map(|entry| entry.at.line));
    last_line(document, next.filter(|line| *line > start).min())
}

fn last_line(document: &Document, next: Option<usize>) -> usize {
    let lines: Vec<_> = document.source.text.lines().collect();
    let mut end = next.map_or(lines.len(), |line| line - 1);
    while end > 0 && (lines[end - 1].trim().is_empty() || lines[end - 1].starts_with('#')) {
        end -= 1;
    }
    end
}

fn taken(what: &str, line: usize) -> Failure {
    Failure::new(format!("error: {what} is there already, on line {line}"))
}

fn no_place(what: &str) -> Failure {
    Failure::new(format!("error: the document has no `{what}` to which to add"))
}

fn skeleton(key: &str, arguments: &Arguments, action: &str, body: Option<&String>) -> String {
    // JSON is YAML: whatever is in the summary stays text.
    let summary = serde_json::Value::from(arguments.summary.as_str()).to_string();
    let (method, effect) = match arguments.method {
        Method::Get => ("get", "none"),
        Method::Post => ("post", "TODO"),
    };
    let body = body.map_or_else(String::new, |body| {
        include_str!("new_operation/body.yaml").replace("{body}", body)
    });
    let filled_in = [
        ("{key}", key),
        ("{method}", method),
        ("{name}", &arguments.name),
        ("{action}", action),
        ("{body}", &body),
        ("{effect}", effect),
        // Last, since the text may have anything in it.
        ("{summary}", &summary),
    ];
    let template = include_str!("new_operation/operation.yaml").to_owned();
    filled_in
        .into_iter()
        .fold(template, |text, (place, value)| text.replace(place, value))
}

fn schema(name: &str) -> String {
    include_str!("new_operation/schema.yaml").replace("{name}", name)
}
