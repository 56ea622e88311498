//! What is hashed, and in which order.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::secret::{AccessToken, AppSecret};

/// Name of the header that carries the access token.
pub const ACCESS_TOKEN_HEADER: HeaderName = HeaderName::from_static("apim-accesstoken");
/// Name of the header that carries the time of the request, in milliseconds.
pub const TIMESTAMP_HEADER: HeaderName = HeaderName::from_static("apim-timestamp");
/// Name of the header that carries the signature.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("apim-signature");

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// The token under which the request is sent.
    pub access_token: &'a AccessToken,
    /// The query as it stands in the URL: still encoded, without `?`. Empty if there is none.
    pub query: &'a str,
    /// The body, byte for byte as it is sent. Empty if there is none.
    pub body: &'a [u8],
    /// Milliseconds since 1970-01-01 UTC, as in the header `apim-timestamp`.
    pub timestamp_ms: i64,
}

/// A query that cannot be signed, because no page says how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// A parameter without `=`.
    NoValue {
        /// Name of the parameter.
        name: String,
    },
    /// A parameter that occurs twice.
    Repeated {
        /// Name of the parameter.
        name: String,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue { name } => write!(
                f,
                "the query parameter `{name}` has no `=`; how the platform signs such a parameter is not documented, \
                 write `{name}=` for an empty value"
            ),
            Self::Repeated { name } => write!(
                f,
                "the query parameter `{name}` occurs more than once; how the platform signs that is not documented"
            ),
        }
    }
}

impl std::error::Error for SignError {}

/// A SHA-256 digest as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HexDigest([u8; 64]);

impl HexDigest {
    fn of(hash: Sha256) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (byte, pair) in hash.finalize().iter().zip(hex.chunks_exact_mut(2)) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(hex)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are hexadecimal digits by construction, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn to_header(self) -> HeaderValue {
        // Hexadecimal digits are always a valid header value, so the fallback is never taken.
        let mut value = HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Display for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A digest proves knowledge of the secret for a while, so it is not printed by accident either.
impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexDigest(***)")
    }
}

/// Computes the signature of a request.
///
/// # Errors
///
/// [`SignError`] if the query has a parameter without `=` or a parameter twice.
pub fn sign(request: &Unsigned<'_>, secret: &AppSecret) -> Result<HexDigest, SignError> {
    let parameters = sorted_parameters(request.query)?;
    let mut hash = Sha256::new();
    hash.update(request.access_token.expose());
    for (name, value) in &parameters {
        hash.update(name.as_bytes());
        hash.update(value.as_bytes());
    }
    hash.update(request.body);
    hash.update(itoa::Buffer::new().format(request.timestamp_ms));
    hash.update(secret.expose());
    Ok(HexDigest::of(hash))
}

/// Computes the three headers of a signed request.
///
/// # Errors
///
/// As [`sign`].
pub fn headers(request: &Unsigned<'_>, secret: &AppSecret) -> Result<[(HeaderName, HeaderValue); 3], SignError> {
    let signature = sign(request, secret)?;
    Ok([
        (ACCESS_TOKEN_HEADER, request.access_token.header()),
        (TIMESTAMP_HEADER, HeaderValue::from(request.timestamp_ms)),
        (SIGNATURE_HEADER, signature.to_header()),
    ])
}

/// Computes the `encryption` member of a token request: the lowercase hex SHA-256 of app key, timestamp and secret.
///
/// The platform takes each `encryption` once, so every request needs a timestamp of its own.
///
/// Source: [Get access token, 3.0.0](https://support.enos-iot.com/docs/api/zh_CN/3.0.0/token/get_access_token).
#[must_use]
pub fn token_encryption(app_key: &str, timestamp_ms: i64, secret: &AppSecret) -> HexDigest {
    let mut hash = Sha256::new();
    hash.update(app_key);
    hash.update(itoa::Buffer::new().format(timestamp_ms));
    hash.update(secret.expose());
    HexDigest::of(hash)
}

/// Stands for the access token and the app secret in an [`explain`]ed string to sign.
pub const MASK: &str = "***";

/// The string to sign, for people who compare it with their own: access token and app secret are masked.
///
/// [`sign`] never builds this string. A body that is not UTF-8 is shown with replacement characters.
///
/// # Errors
///
/// As [`sign`].
pub fn explain(request: &Unsigned<'_>) -> Result<String, SignError> {
    let mut text = String::from(MASK);
    for (name, value) in &sorted_parameters(request.query)? {
        text.push_str(name);
        text.push_str(value);
    }
    text.push_str(&String::from_utf8_lossy(request.body));
    text.push_str(itoa::Buffer::new().format(request.timestamp_ms));
    text.push_str(MASK);
    Ok(text)
}

type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

fn sorted_parameters(query: &str) -> Result<Vec<Parameter<'_>>, SignError> {
    let mut parameters = Vec::with_capacity(4);
    let encoded = query.contains('%') || query.contains('+');
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            // Most queries are as they stand, and the decoder is slow to find that out.
            Some((name, value)) if !encoded => parameters.push((name.into(), value.into())),
            Some(_) => parameters.extend(form_urlencoded::parse(pair.as_bytes())),
            None => {
                return Err(SignError::NoValue {
                    name: form_urlencoded::parse(pair.as_bytes())
                        .map(|(name, _)| name.into_owned())
                        .collect(),
                });
            }
        }
    }
    parameters.sort_unstable_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    if let Some(pair) = parameters.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(SignError::Repeated {
            name: pair[0].0.to_string(),
        });
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_queries_are_refused_by_name() {
        assert_eq!(
            sorted_parameters("a=1&b&c=2"),
            Err(SignError::NoValue { name: "b".into() })
        );
        assert_eq!(
            sorted_parameters("a=1&%61=2"),
            Err(SignError::Repeated { name: "a".into() })
        );
    }

    #[test]
    fn names_are_sorted_by_byte_after_decoding() {
        let names: Vec<_> = sorted_parameters("orgId=1&Zed=2&action=3&%C3%A9=4&%41=5&")
            .unwrap()
            .into_iter()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["A", "Zed", "action", "orgId", "é"]);
    }

    #[test]
    fn headers_that_carry_secrets_are_marked_sensitive() {
        let token = AccessToken::new("t").unwrap();
        let request = Unsigned {
            access_token: &token,
            query: "",
            body: b"",
            timestamp_ms: 1,
        };
        let [token, timestamp, signature] = headers(&request, &AppSecret::new("s".into())).unwrap();
        assert!(token.1.is_sensitive() && signature.1.is_sensitive());
        assert_eq!(timestamp.1, "1");
    }
}
