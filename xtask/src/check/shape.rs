//! Every key of the document is one that OpenAPI or this project knows, and every value is of the right type.
//!
//! The library that reads OpenAPI drops every key that it does not know, and with it what the key was to say. So the
//! whole document is compared with the JSON Schema of OpenAPI first (`schema/`). An extension (`x-...`) that is not among
//! those of this project is a mistake like any other.

use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Wrong};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Mark, did_you_mean, nearest};
use crate::spec::tree::{Content, Node};

/// The schema of OpenAPI with that of the extensions.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    // Both are constants that a test reads.
    let read = |text| serde_json::from_str(text).unwrap_or_default();
    let mut schema = read(include_str!("schema/openapi-3.0.json"));
    forbid_extensions(&mut schema);
    merge(&mut schema, read(include_str!("schema/extensions.json")));
    schema
});

static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
    // What a URL must look like is a rule of `cargo xtask lint`.
    let options = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .should_validate_formats(false);
    options.build(&SCHEMA).map_err(|error| error.to_string())
});

/// OpenAPI allows any extension anywhere.
fn forbid_extensions(schema: &mut Json) {
    if let Some(members) = schema.as_object_mut() {
        if let Some(patterns) = members.get_mut("patternProperties").and_then(Json::as_object_mut) {
            patterns.remove("^x-");
            if patterns.is_empty() {
                members.remove("patternProperties");
            }
        }
        members.values_mut().for_each(forbid_extensions);
    }
}

/// JSON merge patch, RFC 7386.
fn merge(target: &mut Json, patch: Json) {
    let Json::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    for (key, value) in patch {
        match target.as_object_mut() {
            Some(members) if value.is_null() => drop(members.remove(&key)),
            Some(members) => merge(members.entry(key).or_insert(Json::Null), value),
            None => {}
        }
    }
}

/// The definitions of the schema: their names, as in "unknown key in an operation", and where components of the kind are.
const KINDS: [(&str, &str, &str); 36] = [
    ("APIKeySecurityScheme", "a security scheme", ""),
    ("AuthorizationCodeOAuthFlow", "an OAuth flow", ""),
    ("ClientCredentialsFlow", "an OAuth flow", ""),
    ("Components", "`components`", ""),
    ("Contact", "a contact", ""),
    ("Discriminator", "a discriminator", ""),
    ("Encoding", "an encoding", ""),
    ("ErrorCode", "an error code", ""),
    ("Example", "an example", "examples"),
    ("ExternalDocumentation", "`externalDocs`", ""),
    ("FailureEnvelope", "`x-failure-envelope`", ""),
    ("GatewayRefusal", "an entry of `x-gateway-refusals`", ""),
    ("HTTPSecurityScheme", "a security scheme", ""),
    ("Header", "a header", "headers"),
    ("ImplicitOAuthFlow", "an OAuth flow", ""),
    ("Info", "`info`", ""),
    ("KnownValue", "an entry of `x-known-values`", ""),
    ("License", "a license", ""),
    ("Link", "a link", "links"),
    ("MediaType", "a media type", ""),
    ("OAuth2SecurityScheme", "a security scheme", ""),
    ("OAuthFlows", "`flows`", ""),
    ("OpenIdConnectSecurityScheme", "a security scheme", ""),
    ("Operation", "an operation", ""),
    ("Parameter", "a parameter", "parameters"),
    ("PasswordOAuthFlow", "an OAuth flow", ""),
    ("PathItem", "a path item", ""),
    ("Permission", "an entry of `x-permissions`", ""),
    ("RequestBody", "a request body", "requestBodies"),
    ("Response", "a response", "responses"),
    ("Schema", "a schema", "schemas"),
    ("SecurityScheme", "a security scheme", "securitySchemes"),
    ("Server", "a server", ""),
    ("ServerVariable", "a server variable", ""),
    ("Tag", "a tag", ""),
    ("XML", "`xml`", ""),
];

/// An object of the document with its kind.
pub(crate) struct Visit<'a> {
    /// The definition of the schema that it has to keep to.
    pub(crate) kind: &'static str,
    pub(crate) node: &'a Node,
    /// Where to say that something is missing: the key of the object, or its beginning if it has none.
    pub(crate) owner: Mark,
}

impl Visit<'_> {
    /// The kind with its article.
    pub(crate) fn name(&self) -> &'static str {
        name_of(self.kind)
    }

    /// Where the components of the kind are.
    pub(crate) fn section(&self) -> Option<&'static str> {
        let (.., section) = KINDS.iter().find(|(kind, ..)| *kind == self.kind)?;
        (!section.is_empty()).then_some(section)
    }
}

fn name_of(kind: &str) -> &'static str {
    KINDS
        .iter()
        .find(|(other, ..)| *other == kind)
        .map_or("the document", |(_, name, _)| name)
}

/// Every object of a document, with what OpenAPI takes it for.
pub(crate) fn walk(root: &Node) -> Vec<Visit<'_>> {
    let mut visits = Vec::new();
    visit(&SCHEMA, root, Mark::START, &mut visits);
    visits
}

fn visit<'a>(schema: &'static Json, node: &'a Node, owner: Mark, visits: &mut Vec<Visit<'a>>) {
    // Most values are scalars, and a schema that demands nothing leads nowhere.
    if matches!(node.content, Content::Scalar(_)) || !schema.is_object() {
        return;
    }
    if let Some(kind) = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit('/').next())
    {
        visits.push(Visit { kind, node, owner });
        if node.get("$ref").is_some() {
            return;
        }
        return visit(&SCHEMA["definitions"][kind], node, owner, visits);
    }
    let alternatives = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(first) = alternatives
        .iter()
        .find(|other| other["$ref"] != "#/definitions/Reference")
    {
        return visit(first, node, owner, visits);
    }
    for entry in node.entries() {
        let pattern = schema["patternProperties"]
            .as_object()
            .and_then(|patterns| patterns.values().next());
        let named = schema["properties"].get(&entry.key).or(pattern);
        visit(
            named.unwrap_or(&schema["additionalProperties"]),
            &entry.value,
            entry.at,
            visits,
        );
    }
    for item in node.items() {
        visit(&schema["items"], item, item.at, visits);
    }
}

/// Compares a whole document with the schema.
pub(super) fn check(root: &Node, visits: &[Visit<'_>]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    duplicate_keys(root, &mut diagnostics);
    let references = visits.iter().filter(|visit| visit.node.get("$ref").is_some());
    let ignored = references
        .flat_map(|visit| visit.node.entries())
        .filter(|entry| entry.key != "$ref");
    diagnostics.extend(ignored.map(|entry| {
        let message = format!("`{}` beside `$ref` is ignored", entry.key);
        Diagnostic::new(entry.at, message).expected("nothing beside `$ref`")
    }));
    let json = root.to_json();
    let errors: Vec<_> = match &*VALIDATOR {
        Ok(validator) => validator.iter_errors(&json).collect(),
        Err(why) => {
            diagnostics.push(Diagnostic::new(
                Mark::START,
                format!("the schema of OpenAPI is wrong: {why}"),
            ));
            Vec::new()
        }
    };
    let leaves: Vec<_> = errors.iter().flat_map(leaves).collect();
    let mut misspelt = Vec::new();
    for error in leaves
        .iter()
        .filter(|error| matches!(error.kind(), Wrong::AdditionalProperties { .. }))
    {
        diagnostics.extend(unknown_keys(root, error, &mut misspelt));
    }
    diagnostics.extend(leaves.iter().filter_map(|error| diagnostic(root, error, &misspelt)));
    diagnostics
}

/// In all values, examples included.
fn duplicate_keys(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let entries = node.entries();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = entries[..index].iter().find(|earlier| earlier.key == entry.key) {
            let diagnostic = Diagnostic::new(entry.at, format!("the key `{}` is there twice", entry.key));
            diagnostics.push(diagnostic.hint(format!("it is first on line {}", first.at.line)));
        }
        duplicate_keys(&entry.value, diagnostics);
    }
    node.items().iter().for_each(|item| duplicate_keys(item, diagnostics));
}

/// Of alternatives, the errors of the one that was meant.
fn leaves<'e>(error: &'e ValidationError<'_>) -> Vec<&'e ValidationError<'e>> {
    let (Wrong::OneOfNotValid { context } | Wrong::AnyOf { context }) = error.kind() else {
        return vec![error];
    };
    let here = error.instance_path();
    let is_other_kind = |inner: &ValidationError<'_>| match inner.kind() {
        Wrong::Type { .. } => inner.instance_path() == here,
        Wrong::Required { property } => property == "$ref",
        Wrong::AdditionalProperties { unexpected } => unexpected.iter().any(|key| key == "$ref"),
        _ => false,
    };
    let meant = context.iter().filter(|errors| !errors.iter().any(is_other_kind));
    match meant.min_by_key(|errors| errors.len()) {
        Some(errors) => errors.iter().flat_map(leaves).collect(),
        // It is of none of these kinds.
        None => vec![error],
    }
}

/// The value that an error is about, where it is or what it belongs to, and its name in a sentence.
fn place<'a>(root: &'a Node, error: &ValidationError<'_>) -> (Mark, &'a Node, String) {
    let pointer = error.instance_path().as_str();
    let (owner, node) = find(Mark::START, root, pointer);
    let mut keys = pointer
        .rsplit('/')
        .filter(|key| key.parse::<usize>().is_err())
        .map(unescape);
    let key = keys.next().filter(|key| !key.is_empty());
    let name = match key {
        None => "the document".to_owned(),
        Some(key) if pointer.ends_with(&*escape(&key)) => format!("`{key}`"),
        Some(key) => format!("an item of `{key}`"),
    };
    (owner, node, name)
}

/// The value at a JSON pointer, and the key that it is under, or else where it begins.
pub(crate) fn find<'a>(owner: Mark, node: &'a Node, pointer: &str) -> (Mark, &'a Node) {
    pointer.split('/').skip(1).fold((owner, node), |(owner, node), key| {
        let key = unescape(key);
        if let Some(entry) = node.entry(&key) {
            return (entry.at, &entry.value);
        }
        let item = key.parse().ok().and_then(|index: usize| node.items().get(index));
        item.map_or((owner, node), |item| (item.at, item))
    })
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The part of the schema that an error comes from, and the definition that it is in.
fn definition(error: &ValidationError<'_>) -> (&'static Json, &'static str) {
    let path = error.schema_path().as_str();
    let (parent, _) = path.rsplit_once('/').unwrap_or_default();
    let kind = parent.strip_prefix("/definitions/").unwrap_or_default();
    (SCHEMA.pointer(parent).unwrap_or(&Json::Null), name_of(kind))
}

/// `misspelt` gains the keys that were meant, with the objects that they are missing in.
fn unknown_keys(root: &Node, error: &ValidationError<'_>, misspelt: &mut Vec<(String, String)>) -> Vec<Diagnostic> {
    let Wrong::AdditionalProperties { unexpected } = error.kind() else {
        return Vec::new();
    };
    let (_, node, _) = place(root, error);
    let (schema, kind) = definition(error);
    let known: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    let unknown = node.entries().iter().filter(|entry| unexpected.contains(&entry.key));
    let diagnostics = unknown.map(|entry| {
        let key = &entry.key;
        let absent = known.iter().copied().filter(|key| node.entry(key).is_none());
        let diagnostic = Diagnostic::new(entry.at, format!("unknown key `{key}` in {kind}"));
        if let Some(meant) = nearest(key, absent) {
            misspelt.push((error.instance_path().as_str().to_owned(), meant.to_owned()));
            return diagnostic
                .expected(format!("`{meant}`"))
                .hint(format!("did you mean `{meant}`?"));
        }
        let diagnostic = diagnostic.expected(one_of(&known));
        if key.starts_with("x-") {
            diagnostic.hint("extensions are listed in xtask/src/check/schema/extensions.json; add a new one there")
        } else {
            diagnostic
        }
    });
    diagnostics.collect()
}

fn diagnostic(root: &Node, error: &ValidationError<'_>, misspelt: &[(String, String)]) -> Option<Diagnostic> {
    let (owner, node, name) = place(root, error);
    let (schema, kind) = definition(error);
    let is_empty = matches!(node.content, Content::Scalar(Json::Null));
    let other = |expected: String| {
        let at = if is_empty { owner } else { node.at };
        let diagnostic = Diagnostic::new(at, format!("{name} is {}", describe(node)));
        Some(diagnostic.expected(expected).maybe_hint(quoting_hint(schema, node)))
    };
    match error.kind() {
        Wrong::AdditionalProperties { .. } => None,
        Wrong::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let path = error.instance_path().as_str();
            if misspelt.iter().any(|(object, meant)| object == path && meant == key) {
                return None;
            }
            let wanted = expectation(&schema["properties"][key]);
            let diagnostic = Diagnostic::new(owner, format!("{kind} lacks `{key}`"));
            Some(diagnostic.expected(format!("`{key}:` and {wanted}")))
        }
        Wrong::Enum { .. } => {
            // Of another type: that is said already.
            let text = node.as_str()?;
            let words: Vec<_> = schema["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            let diagnostic = Diagnostic::new(node.at, format!("{name} cannot be `{text}`"));
            Some(
                diagnostic
                    .expected(one_of(&words))
                    .maybe_hint(did_you_mean(text, words)),
            )
        }
        Wrong::Type { .. } | Wrong::OneOfNotValid { .. } | Wrong::AnyOf { .. } | Wrong::Minimum { .. } => {
            other(expectation(schema))
        }
        Wrong::Not { .. } => {
            let keys: Vec<_> = schema["not"]["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            let diagnostic = Diagnostic::new(owner, format!("{name} cannot have all of these: {}", keys.join(", ")));
            Some(diagnostic.expected(one_of(&keys)))
        }
        _ => Some(Diagnostic::new(
            owner,
            format!("{name} is not what OpenAPI allows: {}", error.masked()),
        )),
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

/// What a schema of the schema wants.
fn expectation(schema: &Json) -> String {
    if let Some(kind) = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit('/').next())
    {
        return match name_of(kind) {
            // One that has no name is a map.
            "the document" => "a mapping".to_owned(),
            name => format!("a mapping, {name}"),
        };
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let own = alternatives
            .iter()
            .filter(|other| other["$ref"] != "#/definitions/Reference");
        let mut texts: Vec<_> = own.map(expectation).collect();
        if texts.len() < alternatives.len() {
            texts.push("a `$ref` to one".to_owned());
        }
        return texts.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return one_of(&words.iter().filter_map(Json::as_str).collect::<Vec<_>>());
    }
    let text = match schema["type"].as_str() {
        Some("string") => "text",
        Some("boolean") => "true or false",
        Some("integer") if schema["minimum"] == 0 => "an integer, at least 0",
        Some("integer") => "an integer",
        Some("number") => "a number",
        Some("array") => "a list",
        Some("object") => "a mapping",
        _ => "any value",
    };
    text.to_owned()
}

fn quoting_hint(schema: &Json, node: &Node) -> Option<String> {
    let Content::Scalar(scalar) = &node.content else {
        return None;
    };
    let hint = match (schema["type"].as_str()?, scalar) {
        ("string", Json::Number(_) | Json::Bool(_)) => "put it in quotes",
        ("integer" | "number", Json::String(text)) if text.parse::<f64>().is_ok() => "take the quotes off",
        ("boolean", Json::String(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "true" => "write `true`, without quotes",
            "no" | "off" | "false" => "write `false`, without quotes",
            _ => return None,
        },
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::spec::model::{CATEGORIES, EFFECTS};

    #[test]
    fn the_schema_is_one_and_all_kinds_are_in_it() {
        assert_eq!(VALIDATOR.as_ref().err(), None);
        for (kind, ..) in KINDS {
            assert!(SCHEMA["definitions"][kind].is_object(), "{kind}");
        }
    }

    #[test]
    fn the_schema_has_the_words_that_the_generator_knows() {
        let words = |pointer: &str| SCHEMA.pointer(pointer).unwrap().as_array().unwrap().clone();
        assert_eq!(
            words("/definitions/Operation/properties/x-effect/enum"),
            EFFECTS.map(|(word, ..)| word)
        );
        assert_eq!(
            words("/definitions/ErrorCode/properties/category/enum"),
            CATEGORIES.map(|(word, ..)| word)
        );
    }
}
