//! What the document says beyond what the client generator reads: error codes, the failure envelope, limits of lists.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::lower::{limits as limits_of, with_limits};
use super::tree::{Entry, Node};
use super::{Document, PlacedOperation};
use crate::diagnostic::{Diagnostic, Mark};

/// Everything that the project's own generators need.
#[derive(Clone, Debug)]
pub struct Model {
    /// In the order of the document.
    pub operations: Vec<Operation>,
    /// Codes that every operation may answer, ascending.
    pub common_codes: Vec<Code>,
    /// Codes of the gateway, ascending.
    pub gateway_codes: Vec<Code>,
    /// Refusals of the gateway, ascending by status.
    pub refusals: Vec<Refusal>,
    /// Array components with limits that the client generator ignores, by name.
    pub lists: Vec<List>,
    /// Text components with known values, by name.
    pub enums: Vec<OpenEnum>,
    /// Integer components that are also taken in quotes, by name.
    pub integers: Vec<LenientInteger>,
}

impl Model {
    /// The names of the components for which the client generator is to make no type, because this program does.
    pub fn replaced(&self) -> impl Iterator<Item = &str> {
        let lists = self.lists.iter().map(|list| list.name.as_str());
        let enums = self.enums.iter().map(|open| open.name.as_str());
        let integers = self.integers.iter().map(|integer| integer.name.as_str());
        lists.chain(enums).chain(integers)
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: String,
    /// Where the `operationId` is.
    pub at: Mark,
    /// The value of the parameter `action`.
    pub action: String,
    /// The parameters that a caller passes, in the order of the document.
    pub parameters: Vec<Parameter>,
    /// What the document says about the body.
    pub body: Option<String>,
    /// What a call does; the word of [`EFFECTS`].
    pub effect: String,
    /// The operation's own codes, ascending.
    pub codes: Vec<Code>,
    /// The permissions that a call needs, in the order of the document.
    pub permissions: Vec<Permission>,
    /// How an answer reports failure.
    pub envelope: Envelope,
}

/// A parameter that a caller passes.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// What the document says about it.
    pub description: Option<String>,
}

/// An entry of `x-permissions`.
#[derive(Clone, Debug, Deserialize)]
pub struct Permission {
    /// The versions of the platform that have it.
    pub versions: String,
    /// What it is called there.
    pub permission: String,
}

/// One entry of a list of error codes.
#[derive(Clone, Debug, Deserialize)]
pub struct Code {
    /// The number.
    pub code: i64,
    /// The name of the Rust variant.
    pub name: String,
    /// The documented message.
    pub message: String,
    /// One of [`CATEGORIES`].
    pub category: String,
    /// What has happened.
    pub description: String,
    /// What to do about it.
    pub remedy: String,
}

/// An entry of `x-gateway-refusals`: what the gateway answers in the place of the platform.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The text in `message`.
    pub message: String,
    /// What has happened.
    pub description: String,
    /// What to do about it.
    pub remedy: String,
}

/// An extension on a response: which members of the answer say whether the call has succeeded.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The member with the code.
    pub code: Member,
    /// The member with the text.
    pub message: Option<Member>,
    /// The member with the id of the call.
    pub request_id: Option<Member>,
    /// The member with which the gateway reports a dead token.
    pub gateway_status: Option<Member>,
    /// The code of a success.
    pub success: i64,
}

/// A member that an envelope names.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name in JSON.
    pub name: String,
    /// Where the envelope names it.
    pub at: Mark,
}

/// An array component that becomes a checked list type.
#[derive(Clone, Debug)]
pub struct List {
    /// The component's name.
    pub name: String,
    /// The name of the component of its items.
    pub item: String,
    /// What the component's description says.
    pub description: String,
    /// `minItems`.
    pub min: u64,
    /// `maxItems`.
    pub max: Option<u64>,
    /// `uniqueItems`.
    pub unique: bool,
}

/// A text component of which the document lists some values; there may be others.
#[derive(Clone, Debug)]
pub struct OpenEnum {
    /// The component's name.
    pub name: String,
    /// What the component's description says.
    pub description: String,
    /// In the order of the document.
    pub values: Vec<KnownValue>,
}

/// An entry of `x-known-values`.
#[derive(Clone, Debug, Deserialize)]
pub struct KnownValue {
    /// The text on the wire.
    pub value: String,
    /// What it means.
    pub description: String,
}

/// An integer component that is read from a number in quotes too.
#[derive(Clone, Debug)]
pub struct LenientInteger {
    /// The component's name.
    pub name: String,
    /// What the component's description says.
    pub description: String,
}

/// What a call does to the platform: the word in the document, the Rust variant, the meaning.
pub const EFFECTS: [(&str, &str, &str); 3] = [
    ("none", "None", "Nothing: the operation reads."),
    (
        "compare-and-set",
        "CompareAndSet",
        "A change that happens once: if the answer to a call is lost and the call is repeated, the repetition changes \
         nothing more. It may be answered with a failure, because what it asks for has been done already.",
    ),
    (
        "each-time",
        "EachTime",
        "A change with every call: if the answer to a call is lost, a repetition may do the same thing again, and must \
         be left to someone who has looked what the first call came to.",
    ),
];

/// What kinds of failure there are: the word in the document, the Rust variant, the meaning.
pub const CATEGORIES: [(&str, &str, &str); 8] = [
    ("argument", "Argument", "An argument is missing or not valid."),
    ("permission", "Permission", "The application may not do this."),
    (
        "precondition",
        "Precondition",
        "Something that the call needs does not exist or is not in the right state.",
    ),
    (
        "refusal",
        "Refusal",
        "The platform refused the call because of what it asked for.",
    ),
    ("internal", "Internal", "The platform failed."),
    (
        "credentials",
        "Credentials",
        "The app key or the app secret is not right.",
    ),
    ("replay", "Replay", "The same signed request was sent twice."),
    (
        "token_expired",
        "TokenExpired",
        "The access token is no longer accepted.",
    ),
];

/// Reads the model from a document that has passed the checks.
///
/// # Errors
///
/// Something is missing that the checks should have missed too.
pub fn extract(document: &Document) -> Result<Model, Diagnostic> {
    let root = &document.root;
    let operations = document.operations().map(|found| operation(document, found));
    let operations = operations.collect::<Result<_, _>>()?;
    let mut lists = Vec::new();
    let mut enums = Vec::new();
    let mut integers = Vec::new();
    for component in root
        .find(&["components", "schemas"])
        .map(Node::entries)
        .unwrap_or_default()
    {
        if is_checked_list(&component.value) {
            lists.push(list(component)?);
        } else if is_open_enum(&component.value) {
            enums.push(OpenEnum {
                name: component.key.clone(),
                description: description(component),
                // In the order of the document.
                values: sorted(&component.value, "x-known-values", |_: &KnownValue| ())?,
            });
        } else if is_lenient_integer(&component.value) {
            integers.push(LenientInteger {
                name: component.key.clone(),
                description: description(component),
            });
        }
    }
    lists.sort_by(|a, b| a.name.cmp(&b.name));
    enums.sort_by(|a, b| a.name.cmp(&b.name));
    integers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Model {
        operations,
        common_codes: sorted(root, "x-common-error-codes", |code: &Code| code.code)?,
        gateway_codes: sorted(root, "x-gateway-error-codes", |code: &Code| code.code)?,
        refusals: sorted(root, "x-gateway-refusals", |refusal: &Refusal| refusal.status)?,
        lists,
        enums,
        integers,
    })
}

/// Whether an array component has a limit, so that a type of its own is generated for it.
#[must_use]
pub fn is_checked_list(schema: &Node) -> bool {
    schema.text("type") == Some("array")
        && (schema.get("minItems").is_some() || schema.get("maxItems").is_some() || schema.says("uniqueItems"))
}

/// Whether a text component lists known values, so that an enum is generated for it.
#[must_use]
pub fn is_open_enum(schema: &Node) -> bool {
    schema.get("x-known-values").is_some()
}

/// Whether an integer component is taken in quotes too, so that a type of its own is generated for it.
#[must_use]
pub fn is_lenient_integer(schema: &Node) -> bool {
    schema.says("x-lenient")
}

/// Whether a type is generated for a component by this program instead of by the client generator.
#[must_use]
pub fn is_replaced(schema: &Node) -> bool {
    is_checked_list(schema) || is_open_enum(schema) || is_lenient_integer(schema)
}

/// The name of the schema component that a reference points to.
#[must_use]
pub fn schema_name(reference: &str) -> Option<&str> {
    reference
        .strip_prefix("#/components/schemas/")
        .filter(|name| !name.contains('/'))
}

fn operation(document: &Document, found: PlacedOperation<'_>) -> Result<Operation, Diagnostic> {
    let PlacedOperation { path, method, node } = found;
    let id = node
        .get("operationId")
        .ok_or_else(|| missing(method.at, "operationId"))?;
    let parameters = document.parameters(&path.value, node);
    let action = parameters
        .iter()
        .filter_map(|parameter| document.fixed_value(parameter))
        .find(|(name, _)| *name == "action")
        .ok_or_else(|| missing(method.at, "action"))?
        .1;
    let free = parameters
        .iter()
        .filter(|parameter| document.fixed_value(parameter).is_none());
    let free = free.filter_map(|parameter| {
        let parameter = document.resolve(parameter)?;
        let description = parameter.text("description");
        let limits = parameter.get("schema").map(Node::to_json);
        let limits = limits.as_ref().and_then(Json::as_object).and_then(limits_of);
        Some(Parameter {
            name: parameter.text("name")?.to_owned(),
            description: match limits {
                Some(limits) => Some(with_limits(description, &limits)),
                None => description.map(str::to_owned),
            },
        })
    });
    let body = node
        .get("requestBody")
        .and_then(|body| document.resolve(body)?.text("description"));
    let response = node
        .find(&["responses", "200"])
        .and_then(|response| document.resolve(response))
        .ok_or_else(|| missing(method.at, "responses.200"))?;
    let envelope = response
        .get("x-failure-envelope")
        .ok_or_else(|| missing(response.at, "x-failure-envelope"))?;
    Ok(Operation {
        id: id.as_str().unwrap_or_default().to_owned(),
        at: id.at,
        action: action.to_owned(),
        parameters: free.collect(),
        body: body.map(str::to_owned),
        effect: node
            .text("x-effect")
            .ok_or_else(|| missing(method.at, "x-effect"))?
            .to_owned(),
        codes: sorted(node, "x-error-codes", |code: &Code| code.code)?,
        permissions: listed(node, "x-permissions")?,
        envelope: Envelope {
            code: member(envelope, "code").ok_or_else(|| missing(envelope.at, "code"))?,
            message: member(envelope, "message"),
            request_id: member(envelope, "requestId"),
            gateway_status: member(envelope, "gatewayStatus"),
            success: envelope
                .get("success")
                .and_then(Node::as_i64)
                .ok_or_else(|| missing(envelope.at, "success"))?,
        },
    })
}

fn member(envelope: &Node, key: &str) -> Option<Member> {
    let node = envelope.get(key)?;
    Some(Member {
        name: node.as_str()?.to_owned(),
        at: node.at,
    })
}

/// What is listed under a key.
fn listed<T: DeserializeOwned>(node: &Node, key: &str) -> Result<Vec<T>, Diagnostic> {
    let read = |item: &Node| {
        serde_json::from_value(item.to_json()).map_err(|error| Diagnostic::new(item.at, format!("`{key}`: {error}")))
    };
    node.items_of(key).iter().map(read).collect()
}

/// What is listed under a key, ascending.
fn sorted<T: DeserializeOwned, K: Ord>(node: &Node, key: &str, by: impl FnMut(&T) -> K) -> Result<Vec<T>, Diagnostic> {
    let mut list = listed(node, key)?;
    list.sort_by_key(by);
    Ok(list)
}

fn list(component: &Entry) -> Result<List, Diagnostic> {
    let schema = &component.value;
    let item = schema
        .find(&["items", "$ref"])
        .and_then(Node::as_str)
        .and_then(schema_name)
        .ok_or_else(|| missing(component.at, "items"))?;
    let count = |key| {
        schema
            .get(key)
            .and_then(Node::as_i64)
            .and_then(|n| u64::try_from(n).ok())
    };
    Ok(List {
        name: component.key.clone(),
        item: item.to_owned(),
        description: description(component),
        min: count("minItems").unwrap_or(0),
        max: count("maxItems"),
        unique: schema.says("uniqueItems"),
    })
}

fn description(component: &Entry) -> String {
    component.value.text("description").unwrap_or_default().to_owned()
}

fn missing(at: Mark, key: &str) -> Diagnostic {
    Diagnostic::new(at, format!("`{key}` is missing here or not of the right kind"))
}
