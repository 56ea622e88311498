#![doc = include_str!("../README.md")]

mod secret;
mod sign;

pub use secret::{AccessToken, AppSecret, TokenError};
pub use sign::{
    ACCESS_TOKEN_HEADER, HexDigest, MASK, SIGNATURE_HEADER, SignError, TIMESTAMP_HEADER, Unsigned, explain, headers,
    sign, token_encryption,
};

/// The signing vectors, as JSON: requests with their canonical strings and signatures, for tests of implementations of the
/// scheme in whatever language.
///
/// The one called `official_doc_vector` is of the vendor's page. None was tried on a live gateway.
#[cfg(feature = "vectors")]
pub const VECTORS: &str = include_str!("../vectors/signing-vectors.json");
