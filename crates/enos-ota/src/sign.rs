//! Request signing: pure functions without I/O and without a clock.
//!
//! All but [`sign_request`] are those of the crate `enos-ota-sign`, which has no HTTP client beneath it and compiles to
//! WebAssembly.
//!
//! The signature of a request is the lowercase hex SHA-256 of these parts, with nothing between them:
//!
//! 1. the access token;
//! 2. for each query parameter, in ascending byte order of the names: name, then value;
//! 3. the body, byte for byte as it is sent (nothing if there is none);
//! 4. the timestamp in milliseconds, decimal;
//! 5. the app secret.
//!
//! Method, path and host are not part of it, so the same functions sign a call to any other EnOS API.
//!
//! Source: [Invoking APIs with an access token, 2.3.0][page]. That names and values are taken *decoded*, and `+` as a
//! space, is inferred from the vendor's sample code; no page says so.
//!
//! ```
//! use enos_ota::sign::{self, Unsigned};
//! use enos_ota::{AccessToken, AppSecret};
//!
//! // The example of the vendor's page.
//! let token = AccessToken::new("xxxxaaaxxxx")?;
//! let secret = AppSecret::new("xxxappSecretxxx".to_owned());
//! let body = "{\n  \"count\": 20,\n  \"page\": 1,\n  \"desc\": \"描述\"\n}";
//! let signature = sign::sign(
//!     &Unsigned {
//!         access_token: &token,
//!         query: "k3=v3&k1=v1&k2=v2",
//!         body: body.as_bytes(),
//!         timestamp_ms: 1_572_574_909_697,
//!     },
//!     &secret,
//! )?;
//! assert_eq!(
//!     signature.as_str(),
//!     "59828328f6c1f9771015dc74e4929ae30f518a35a3d2353972c2ea46556fc981"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [page]: https://support.enos-iot.com/docs/api/en/2.3.0/token/invoke_api_with_access_token

use http::HeaderMap;

use crate::secret::{AccessToken, AppSecret};

pub use enos_ota_sign::{
    ACCESS_TOKEN_HEADER, HexDigest, MASK, SIGNATURE_HEADER, SignError, TIMESTAMP_HEADER, Unsigned, explain, headers,
    sign, token_encryption,
};

/// Signs a finished request in place.
///
/// # Errors
///
/// As [`sign`]. A body that is a stream cannot be signed; it counts as empty here, as the platform expects it of an
/// upload in parts (its sample code signs only the parameters of a `multipart/form-data` request).
pub fn sign_request(
    request: &mut reqwest::Request,
    access_token: &AccessToken,
    timestamp_ms: i64,
    secret: &AppSecret,
) -> Result<(), SignError> {
    let signed = headers(
        &Unsigned {
            access_token,
            query: request.url().query().unwrap_or_default(),
            body: request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default(),
            timestamp_ms,
        },
        secret,
    )?;
    let target: &mut HeaderMap = request.headers_mut();
    for (name, value) in signed {
        target.insert(name, value);
    }
    Ok(())
}
