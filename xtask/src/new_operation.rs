//! `cargo xtask new-operation`: adds the skeleton of an operation to the document.
//!
//! What cannot be known is written as TODO, which `cargo xtask lint` refuses until it is filled in.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::check::operations::operations;
use crate::generate::names;
use crate::spec::tree::{Entry, Node};
use crate::spec::{Document, LoadError};
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

/// Why nothing was added.
#[derive(Debug)]
pub enum NewOperationError {
    /// The document cannot be read.
    Spec(LoadError),
    /// The document cannot be written.
    Unwritable(PathBuf, std::io::Error),
    /// A name that no operation can have.
    Name(String),
    /// The document has it already, on this line.
    Taken(String, usize),
    /// The document has no place for it: this is missing.
    NoPlace(&'static str),
}

impl fmt::Display for NewOperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(f),
            Self::Unwritable(path, _) => write!(f, "{}: error: the file cannot be written", workspace::display(path)),
            Self::Name(name) => write!(
                f,
                "error: `{name}` cannot be the name of an operation\n\
                 hint: a small letter, then letters and digits, as in `retryTask`"
            ),
            Self::Taken(what, line) => write!(f, "error: {what} is there already, on line {line}"),
            Self::NoPlace(what) => write!(f, "error: the document has no `{what}` to which to add"),
        }
    }
}

impl std::error::Error for NewOperationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spec(error) => error.source(),
            Self::Unwritable(_, error) => Some(error),
            Self::Name(_) | Self::Taken(..) | Self::NoPlace(_) => None,
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// The name cannot be used, or the file cannot be read or written.
pub fn command(arguments: &Arguments) -> Result<ExitCode, NewOperationError> {
    let path = arguments
        .spec
        .clone()
        .unwrap_or_else(|| workspace::root().join(workspace::SPEC));
    let document = Document::load(&path).map_err(NewOperationError::Spec)?;
    let text = add(&document, arguments)?;
    std::fs::write(&path, text).map_err(|error| NewOperationError::Unwritable(path.clone(), error))?;
    eprintln!("added `{}` to {}", arguments.name, workspace::display(&path));
    eprintln!("hint: fill in what `cargo xtask lint` says, then run `cargo xtask codegen`");
    Ok(ExitCode::SUCCESS)
}

/// The text of the document with the operation in it.
fn add(document: &Document, arguments: &Arguments) -> Result<String, NewOperationError> {
    let name = &arguments.name;
    let action = arguments.action.as_ref().unwrap_or(name);
    for word in [name, action] {
        if !word.starts_with(|c: char| c.is_ascii_lowercase()) || !word.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(NewOperationError::Name(word.clone()));
        }
    }
    let has_body = arguments.method == Method::Post && !arguments.no_body;
    let body = format!("{}Request", names::upper_camel(name));
    let fragment = format!("#action={action}");
    let schemas = document
        .root
        .find(&["components", "schemas"])
        .ok_or(NewOperationError::NoPlace("components.schemas"))?;
    for operation in operations(document) {
        if operation.node.text("operationId") == Some(name) {
            return Err(NewOperationError::Taken(format!("`{name}`"), operation.method.at.line));
        }
        if operation.path.key.ends_with(&fragment) {
            let what = format!("an operation with the action `{action}`");
            return Err(NewOperationError::Taken(what, operation.path.at.line));
        }
    }
    if let Some(schema) = schemas.entry(&body).filter(|_| has_body) {
        return Err(NewOperationError::Taken(format!("the schema `{body}`"), schema.at.line));
    }
    let paths = document
        .root
        .entry("paths")
        .ok_or(NewOperationError::NoPlace("paths"))?;
    let first = paths
        .value
        .entries()
        .first()
        .ok_or(NewOperationError::NoPlace("paths"))?;
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

fn skeleton(key: &str, arguments: &Arguments, action: &str, body: Option<&String>) -> String {
    let name = &arguments.name;
    // JSON is YAML: whatever is in the summary stays text.
    let summary = serde_json::Value::from(arguments.summary.as_str());
    let (method, effect) = match arguments.method {
        Method::Get => ("get", "none"),
        Method::Post => ("post", "TODO"),
    };
    let body = body.map_or_else(String::new, |body| {
        format!(
            r##"      requestBody:
        required: true
        description: "TODO: what the body is for."
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/{body}"
            examples:
              published:
                summary: The published sample
                value:
                  todo: TODO
"##
        )
    });
    format!(
        r##"  {key}:
    {method}:
      operationId: {name}
      tags: [TODO]
      summary: {summary}
      description: |-
        TODO: what it does, what must hold before, and what the answer carries.

        - TODO: begin with "Not documented" what no page says, and with "Inferred" what follows from samples.
      externalDocs:
        description: "TODO: version and title of the page"
        url: https://support.enos-iot.com/TODO
      parameters:
        - name: action
          in: query
          required: true
          description: Selects this operation.
          schema:
            type: string
            enum: [{action}]
        - $ref: "#/components/parameters/OrgId"
        - $ref: "#/components/parameters/JobId"
{body}      responses:
        "200":
          description: >-
            The answer of the platform. `code` 0 means that the request was accepted; any other `code` is a failure,
            listed under `x-error-codes`.
          x-failure-envelope:
            code: code
            message: msg
            requestId: requestId
            gatewayStatus: apim_status
            success: 0
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Acknowledgement"
              examples:
                published:
                  summary: "TODO: the published sample"
                  value:
                    code: 0
                    msg: OK
                    requestId: 8e5d4643-1d13-4dd1-8896-e407f16381df
                    data: null
      x-available-since: TODO
      x-effect: {effect}
      x-permissions:
        - versions: TODO
          permission: TODO
          source: https://support.enos-iot.com/TODO
      x-error-codes: []
"##
    )
}

fn schema(name: &str) -> String {
    format!(
        r#"    {name}:
      type: object
      description: "TODO: what the body says."
      required: [todo]
      properties:
        todo:
          type: string
          description: "TODO: a member, and what it means."
          example: TODO
"#
    )
}
