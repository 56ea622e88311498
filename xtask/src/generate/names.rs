//! Names in the generated code.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use proc_macro2::Ident;
use quote::format_ident;

/// Names at the root of the client crate, which no generated type may take.
pub(crate) const ROOT: [&str; 21] = [
    "Authorize",
    "Authorizer",
    "ByteStream",
    "Category",
    "Client",
    "ClientInfo",
    "CodeInfo",
    "Effect",
    "Envelope",
    "Error",
    "ErrorCode",
    "GatewayErrorCode",
    "GatewayRefusal",
    "MAX_ANSWER_BYTES",
    "Operation",
    "OperationDoc",
    "Permission",
    "ResponseValue",
    "Self",
    "operations",
    "types",
];

/// `RetryTask` for `retryTask`.
pub(crate) fn upper_camel(name: &str) -> Ident {
    format_ident!("{}", upper_camel_text(name))
}

/// `RetryTask` for `retryTask`, which need not be a word that Rust allows as a name.
pub(crate) fn upper_camel_text(name: &str) -> String {
    name.to_upper_camel_case()
}

/// `retry_task` for `retryTask`, as the client generator makes it.
pub(crate) fn snake(name: &str) -> String {
    name.to_snake_case()
}
