//! The kinds of object that OpenAPI 3.0 has: which keys each may have, which it must have, and what their values are.
//!
//! The extensions (`x-...`) of this project are among them.

use crate::spec::model::{CATEGORIES, EFFECTS, EVIDENCE};

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Any,
    Text,
    Bool,
    Integer,
    /// An integer, at least 0.
    Count,
    Number,
    /// One of these texts.
    Word(&'static [&'static str]),
    List(&'static Shape),
    /// A mapping with keys that are for the author to choose.
    Map(&'static Shape),
    Object(Kind),
    /// An object, or a reference to a component of that kind.
    OrReference(Kind),
    BoolOrSchema,
    /// The responses of an operation.
    Responses,
}

/// A kind of object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Components,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Encoding,
    Response,
    Example,
    Link,
    Header,
    Tag,
    Schema,
    Discriminator,
    Xml,
    SecurityScheme,
    OAuthFlows,
    OAuthFlow,
    Permission,
    ErrorCode,
    FailureEnvelope,
    GatewayRefusal,
    KnownValue,
}

impl Kind {
    pub(super) fn table(self) -> &'static Object {
        match self {
            Self::Document => &OPENAPI,
            Self::Info => &INFO,
            Self::Contact => &CONTACT,
            Self::License => &LICENSE,
            Self::Server => &SERVER,
            Self::ServerVariable => &SERVER_VARIABLE,
            Self::Components => &COMPONENTS,
            Self::PathItem => &PATH_ITEM,
            Self::Operation => &OPERATION,
            Self::ExternalDocs => &EXTERNAL_DOCUMENTATION,
            Self::Parameter => &PARAMETER,
            Self::RequestBody => &REQUEST_BODY,
            Self::MediaType => &MEDIA_TYPE,
            Self::Encoding => &ENCODING,
            Self::Response => &RESPONSE,
            Self::Example => &EXAMPLE,
            Self::Link => &LINK,
            Self::Header => &HEADER,
            Self::Tag => &TAG,
            Self::Schema => &SCHEMA,
            Self::Discriminator => &DISCRIMINATOR,
            Self::Xml => &XML,
            Self::SecurityScheme => &SECURITY_SCHEME,
            Self::OAuthFlows => &OAUTH_FLOWS,
            Self::OAuthFlow => &OAUTH_FLOW,
            Self::Permission => &PERMISSION,
            Self::ErrorCode => &ERROR_CODE,
            Self::FailureEnvelope => &FAILURE_ENVELOPE,
            Self::GatewayRefusal => &GATEWAY_REFUSAL,
            Self::KnownValue => &KNOWN_VALUE,
        }
    }

    /// With its article, as in "unknown key in an operation".
    pub(super) fn name(self) -> &'static str {
        self.table().name
    }

    /// Where the components of this kind are.
    pub(super) fn section(self) -> Option<&'static str> {
        self.table().section
    }
}

pub(super) struct Object {
    name: &'static str,
    section: Option<&'static str>,
    pub(super) fields: &'static [Field],
}

pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

const fn may(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: false,
    }
}

const fn must(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: true,
    }
}

const fn object(name: &'static str, fields: &'static [Field]) -> Object {
    Object {
        name,
        section: None,
        fields,
    }
}

const fn component(name: &'static str, section: &'static str, fields: &'static [Field]) -> Object {
    Object {
        name,
        section: Some(section),
        fields,
    }
}

pub(super) const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];

const TEXTS: Shape = Shape::List(&Shape::Text);
const EXTERNAL_DOCS: Shape = Shape::Object(Kind::ExternalDocs);
const SERVERS: Shape = Shape::List(&Shape::Object(Kind::Server));
const SECURITY: Shape = Shape::List(&Shape::Map(&TEXTS));
const EXAMPLES: Shape = Shape::Map(&Shape::OrReference(Kind::Example));
const CONTENT: Shape = Shape::Map(&Shape::Object(Kind::MediaType));
const HEADERS: Shape = Shape::Map(&Shape::OrReference(Kind::Header));
pub(super) const SCHEMA_OR_REFERENCE: Shape = Shape::OrReference(Kind::Schema);
const ERROR_CODES: Shape = Shape::List(&Shape::Object(Kind::ErrorCode));
const CATEGORY: Shape = Shape::Word(&words(&CATEGORIES));
const EFFECT: Shape = Shape::Word(&words(&EFFECTS));

/// The words of the document in a table of words, variants and meanings.
const fn words<const N: usize>(table: &[(&'static str, &str, &str); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut i = 0;
    while i < N {
        words[i] = table[i].0;
        i += 1;
    }
    words
}

static OPENAPI: Object = object(
    "the document",
    &[
        must("openapi", Shape::Text),
        must("info", Shape::Object(Kind::Info)),
        may("servers", SERVERS),
        must("paths", Shape::Map(&Shape::Object(Kind::PathItem))),
        may("components", Shape::Object(Kind::Components)),
        may("security", SECURITY),
        may("tags", Shape::List(&Shape::Object(Kind::Tag))),
        may("externalDocs", EXTERNAL_DOCS),
        may("x-common-error-codes", ERROR_CODES),
        may("x-gateway-error-codes", ERROR_CODES),
        may("x-gateway-refusals", Shape::List(&Shape::Object(Kind::GatewayRefusal))),
    ],
);

static INFO: Object = object(
    "`info`",
    &[
        must("title", Shape::Text),
        may("description", Shape::Text),
        may("termsOfService", Shape::Text),
        may("contact", Shape::Object(Kind::Contact)),
        may("license", Shape::Object(Kind::License)),
        must("version", Shape::Text),
    ],
);

static CONTACT: Object = object(
    "a contact",
    &[
        may("name", Shape::Text),
        may("url", Shape::Text),
        may("email", Shape::Text),
    ],
);

static LICENSE: Object = object("a license", &[must("name", Shape::Text), may("url", Shape::Text)]);

static SERVER: Object = object(
    "a server",
    &[
        must("url", Shape::Text),
        may("description", Shape::Text),
        may("variables", Shape::Map(&Shape::Object(Kind::ServerVariable))),
    ],
);

static SERVER_VARIABLE: Object = object(
    "a server variable",
    &[
        may("enum", TEXTS),
        must("default", Shape::Text),
        may("description", Shape::Text),
    ],
);

static COMPONENTS: Object = object(
    "`components`",
    &[
        may("schemas", Shape::Map(&SCHEMA_OR_REFERENCE)),
        may("responses", Shape::Map(&Shape::OrReference(Kind::Response))),
        may("parameters", Shape::Map(&Shape::OrReference(Kind::Parameter))),
        may("examples", EXAMPLES),
        may("requestBodies", Shape::Map(&Shape::OrReference(Kind::RequestBody))),
        may("headers", HEADERS),
        may("securitySchemes", Shape::Map(&Shape::OrReference(Kind::SecurityScheme))),
        may("links", Shape::Map(&Shape::OrReference(Kind::Link))),
        may("callbacks", Shape::Map(&Shape::Map(&Shape::Object(Kind::PathItem)))),
    ],
);

static PATH_ITEM: Object = object(
    "a path item",
    &[
        may("summary", Shape::Text),
        may("description", Shape::Text),
        may("get", Shape::Object(Kind::Operation)),
        may("put", Shape::Object(Kind::Operation)),
        may("post", Shape::Object(Kind::Operation)),
        may("delete", Shape::Object(Kind::Operation)),
        may("options", Shape::Object(Kind::Operation)),
        may("head", Shape::Object(Kind::Operation)),
        may("patch", Shape::Object(Kind::Operation)),
        may("trace", Shape::Object(Kind::Operation)),
        may("servers", SERVERS),
        may("parameters", Shape::List(&Shape::OrReference(Kind::Parameter))),
    ],
);

static OPERATION: Object = object(
    "an operation",
    &[
        may("tags", TEXTS),
        may("summary", Shape::Text),
        may("description", Shape::Text),
        may("externalDocs", EXTERNAL_DOCS),
        must("operationId", Shape::Text),
        may("parameters", Shape::List(&Shape::OrReference(Kind::Parameter))),
        may("requestBody", Shape::OrReference(Kind::RequestBody)),
        must("responses", Shape::Responses),
        may("callbacks", Shape::Map(&Shape::Map(&Shape::Object(Kind::PathItem)))),
        may("deprecated", Shape::Bool),
        may("security", SECURITY),
        may("servers", SERVERS),
        may("x-available-since", Shape::Text),
        must("x-effect", EFFECT),
        may("x-permissions", Shape::List(&Shape::Object(Kind::Permission))),
        must("x-error-codes", ERROR_CODES),
    ],
);

static EXTERNAL_DOCUMENTATION: Object = object(
    "`externalDocs`",
    &[may("description", Shape::Text), must("url", Shape::Text)],
);

static PARAMETER: Object = component(
    "a parameter",
    "parameters",
    &[
        must("name", Shape::Text),
        must("in", Shape::Word(&["query", "header", "path", "cookie"])),
        may("description", Shape::Text),
        may("required", Shape::Bool),
        may("deprecated", Shape::Bool),
        may("allowEmptyValue", Shape::Bool),
        may("style", Shape::Text),
        may("explode", Shape::Bool),
        may("allowReserved", Shape::Bool),
        must("schema", SCHEMA_OR_REFERENCE),
        may("example", Shape::Any),
        may("examples", EXAMPLES),
        may("content", CONTENT),
    ],
);

static REQUEST_BODY: Object = component(
    "a request body",
    "requestBodies",
    &[
        may("description", Shape::Text),
        must("content", CONTENT),
        may("required", Shape::Bool),
    ],
);

static MEDIA_TYPE: Object = object(
    "a media type",
    &[
        must("schema", SCHEMA_OR_REFERENCE),
        may("example", Shape::Any),
        may("examples", EXAMPLES),
        may("encoding", Shape::Map(&Shape::Object(Kind::Encoding))),
    ],
);

static ENCODING: Object = object(
    "an encoding",
    &[
        may("contentType", Shape::Text),
        may("headers", HEADERS),
        may("style", Shape::Text),
        may("explode", Shape::Bool),
        may("allowReserved", Shape::Bool),
    ],
);

static RESPONSE: Object = component(
    "a response",
    "responses",
    &[
        must("description", Shape::Text),
        may("headers", HEADERS),
        must("content", CONTENT),
        may("links", Shape::Map(&Shape::OrReference(Kind::Link))),
        must("x-failure-envelope", Shape::Object(Kind::FailureEnvelope)),
    ],
);

static EXAMPLE: Object = component(
    "an example",
    "examples",
    &[
        may("summary", Shape::Text),
        may("description", Shape::Text),
        may("value", Shape::Any),
        may("externalValue", Shape::Text),
    ],
);

static LINK: Object = component(
    "a link",
    "links",
    &[
        may("operationRef", Shape::Text),
        may("operationId", Shape::Text),
        may("parameters", Shape::Any),
        may("requestBody", Shape::Any),
        may("description", Shape::Text),
        may("server", Shape::Object(Kind::Server)),
    ],
);

static HEADER: Object = component(
    "a header",
    "headers",
    &[
        may("description", Shape::Text),
        may("required", Shape::Bool),
        may("deprecated", Shape::Bool),
        may("style", Shape::Text),
        may("explode", Shape::Bool),
        may("schema", SCHEMA_OR_REFERENCE),
        may("example", Shape::Any),
        may("examples", EXAMPLES),
        may("content", CONTENT),
    ],
);

static TAG: Object = object(
    "a tag",
    &[
        must("name", Shape::Text),
        may("description", Shape::Text),
        may("externalDocs", EXTERNAL_DOCS),
    ],
);

static SCHEMA: Object = component(
    "a schema",
    "schemas",
    &[
        may("title", Shape::Text),
        may("multipleOf", Shape::Number),
        may("maximum", Shape::Number),
        may("exclusiveMaximum", Shape::Bool),
        may("minimum", Shape::Number),
        may("exclusiveMinimum", Shape::Bool),
        may("maxLength", Shape::Count),
        may("minLength", Shape::Count),
        may("pattern", Shape::Text),
        may("maxItems", Shape::Count),
        may("minItems", Shape::Count),
        may("uniqueItems", Shape::Bool),
        may("maxProperties", Shape::Count),
        may("minProperties", Shape::Count),
        may("required", TEXTS),
        may("enum", Shape::List(&Shape::Any)),
        may("type", Shape::Word(&TYPES)),
        may("allOf", Shape::List(&SCHEMA_OR_REFERENCE)),
        may("oneOf", Shape::List(&SCHEMA_OR_REFERENCE)),
        may("anyOf", Shape::List(&SCHEMA_OR_REFERENCE)),
        may("not", SCHEMA_OR_REFERENCE),
        may("items", SCHEMA_OR_REFERENCE),
        may("properties", Shape::Map(&SCHEMA_OR_REFERENCE)),
        may("additionalProperties", Shape::BoolOrSchema),
        may("description", Shape::Text),
        may("format", Shape::Text),
        may("default", Shape::Any),
        may("nullable", Shape::Bool),
        may("discriminator", Shape::Object(Kind::Discriminator)),
        may("readOnly", Shape::Bool),
        may("writeOnly", Shape::Bool),
        may("xml", Shape::Object(Kind::Xml)),
        may("externalDocs", EXTERNAL_DOCS),
        may("example", Shape::Any),
        may("deprecated", Shape::Bool),
        may("x-known-values", Shape::List(&Shape::Object(Kind::KnownValue))),
        may("x-lenient", Shape::Bool),
        may("x-nullable", Shape::Bool),
    ],
);

static DISCRIMINATOR: Object = object(
    "a discriminator",
    &[
        must("propertyName", Shape::Text),
        may("mapping", Shape::Map(&Shape::Text)),
    ],
);

static XML: Object = object(
    "`xml`",
    &[
        may("name", Shape::Text),
        may("namespace", Shape::Text),
        may("prefix", Shape::Text),
        may("attribute", Shape::Bool),
        may("wrapped", Shape::Bool),
    ],
);

static SECURITY_SCHEME: Object = component(
    "a security scheme",
    "securitySchemes",
    &[
        must("type", Shape::Word(&["apiKey", "http", "oauth2", "openIdConnect"])),
        may("description", Shape::Text),
        may("name", Shape::Text),
        may("in", Shape::Word(&["query", "header", "cookie"])),
        may("scheme", Shape::Text),
        may("bearerFormat", Shape::Text),
        may("flows", Shape::Object(Kind::OAuthFlows)),
        may("openIdConnectUrl", Shape::Text),
    ],
);

static OAUTH_FLOWS: Object = object(
    "`flows`",
    &[
        may("implicit", Shape::Object(Kind::OAuthFlow)),
        may("password", Shape::Object(Kind::OAuthFlow)),
        may("clientCredentials", Shape::Object(Kind::OAuthFlow)),
        may("authorizationCode", Shape::Object(Kind::OAuthFlow)),
    ],
);

static OAUTH_FLOW: Object = object(
    "an OAuth flow",
    &[
        may("authorizationUrl", Shape::Text),
        may("tokenUrl", Shape::Text),
        may("refreshUrl", Shape::Text),
        must("scopes", Shape::Map(&Shape::Text)),
    ],
);

static PERMISSION: Object = object(
    "an entry of `x-permissions`",
    &[
        must("versions", Shape::Text),
        must("permission", Shape::Text),
        must("source", Shape::Text),
    ],
);

static ERROR_CODE: Object = object(
    "an error code",
    &[
        must("code", Shape::Integer),
        must("name", Shape::Text),
        must("message", Shape::Text),
        must("category", CATEGORY),
        must("description", Shape::Text),
        must("remedy", Shape::Text),
    ],
);

static FAILURE_ENVELOPE: Object = object(
    "`x-failure-envelope`",
    &[
        must("code", Shape::Text),
        may("message", Shape::Text),
        may("requestId", Shape::Text),
        may("gatewayStatus", Shape::Text),
        must("success", Shape::Integer),
    ],
);

static GATEWAY_REFUSAL: Object = object(
    "an entry of `x-gateway-refusals`",
    &[
        must("status", Shape::Integer),
        must("message", Shape::Text),
        must("text", Shape::Word(&EVIDENCE)),
        must("body", Shape::Word(&EVIDENCE)),
        must("description", Shape::Text),
        must("remedy", Shape::Text),
    ],
);

static KNOWN_VALUE: Object = object(
    "an entry of `x-known-values`",
    &[must("value", Shape::Text), must("description", Shape::Text)],
);
