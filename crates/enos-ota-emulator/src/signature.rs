//! The two hashes of the platform, written from its pages alone.
//!
//! This is on purpose not the code of the `enos-ota` crate: a mistake in that signer must not be able to agree with
//! itself here.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The query of a request: names and values decoded, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes the query as it stands in the request line.
    ///
    /// `+` is read as a blank, as the vendor's Java sample does; what the gateway does is not documented.
    pub(crate) fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// The value of a parameter. Of a repeated one the first, as in the vendor's sample (not documented).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, where an empty one counts as missing.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// The value that `apim-signature` must have: access token, then name and value of each parameter in ascending byte
/// order of the names, then the body as sent, the timestamp, and the app secret.
pub(crate) fn request_signature(token: &str, query: &Query, body: &[u8], timestamp: &str, app_secret: &str) -> String {
    let mut parameters: Vec<&(String, String)> = query.0.iter().collect();
    // Stable, so that of a repeated name the first value is the one that stays.
    parameters.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    parameters.dedup_by(|later, earlier| later.0 == earlier.0);

    let mut hash = Sha256::new();
    hash.update(token);
    for (name, value) in parameters {
        hash.update(name);
        hash.update(value);
    }
    hash.update(body);
    hash.update(timestamp);
    hash.update(app_secret);
    lowercase_hex(&hash.finalize())
}

/// The value that `encryption` must have in a request for a token.
pub(crate) fn token_encryption(app_key: &str, timestamp: &str, app_secret: &str) -> String {
    lowercase_hex(
        &Sha256::new()
            .chain_update(app_key)
            .chain_update(timestamp)
            .chain_update(app_secret)
            .finalize(),
    )
}

fn lowercase_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;

    /// Vectors computed from the documented rule; the first is the platform's own example.
    const VECTORS: &str = enos_ota_sign::VECTORS;

    struct Vector {
        name: String,
        token: String,
        query: String,
        body: String,
        timestamp: String,
        secret: String,
        signature: String,
    }

    impl Vector {
        fn accepts(&self, token: &str, query: &str, body: &str, timestamp: &str, secret: &str) -> bool {
            request_signature(token, &Query::parse(query), body.as_bytes(), timestamp, secret) == self.signature
        }
    }

    fn vectors() -> Vec<Vector> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let file: Value = serde_json::from_str(VECTORS).unwrap();
        file["signing"]
            .as_array()
            .unwrap()
            .iter()
            .map(|vector| Vector {
                name: text(&vector["name"]),
                token: text(&vector["access_token"]),
                query: text(&vector["url"])
                    .split_once('?')
                    .map_or_else(String::new, |(_, query)| query.to_owned()),
                body: vector["body"].as_str().unwrap_or_default().to_owned(),
                timestamp: vector["timestamp"].to_string(),
                secret: text(&vector["app_secret"]),
                signature: text(&vector["signature"]),
            })
            .collect()
    }

    /// The text with each of its characters changed in turn.
    fn one_character_off(text: &str) -> impl Iterator<Item = String> {
        text.char_indices().map(|(at, old)| {
            let new = if old == '7' { '8' } else { '7' };
            format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..])
        })
    }

    #[test]
    fn the_published_signatures_are_accepted() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 14);
        for v in vectors {
            assert!(
                v.accepts(&v.token, &v.query, &v.body, &v.timestamp, &v.secret),
                "{}",
                v.name
            );
        }
    }

    #[test]
    fn a_signature_is_refused_if_one_character_of_anything_signed_differs() {
        for v in vectors() {
            for token in one_character_off(&v.token) {
                assert!(
                    !v.accepts(&token, &v.query, &v.body, &v.timestamp, &v.secret),
                    "{}: {token}",
                    v.name
                );
            }
            for body in one_character_off(&v.body) {
                assert!(
                    !v.accepts(&v.token, &v.query, &body, &v.timestamp, &v.secret),
                    "{}: {body}",
                    v.name
                );
            }
            for timestamp in one_character_off(&v.timestamp) {
                assert!(
                    !v.accepts(&v.token, &v.query, &v.body, &timestamp, &v.secret),
                    "{}: {timestamp}",
                    v.name
                );
            }
            for secret in one_character_off(&v.secret) {
                assert!(
                    !v.accepts(&v.token, &v.query, &v.body, &v.timestamp, &secret),
                    "{}",
                    v.name
                );
            }
            // A separator of the query is not signed itself, but without it the parameters are others.
            for query in one_character_off(&v.query) {
                assert!(
                    !v.accepts(&v.token, &query, &v.body, &v.timestamp, &v.secret),
                    "{}: {query}",
                    v.name
                );
            }
        }
    }

    #[test]
    fn the_rule_for_encryption_gives_the_published_values() {
        let file: Value = serde_json::from_str(VECTORS).unwrap();
        let vectors = file["token_encryption"].as_array().unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let encryption = token_encryption(text("app_key"), &vector["timestamp"].to_string(), text("app_secret"));
            assert_eq!(encryption, text("encryption"), "{}", text("name"));
        }
    }

    #[test]
    fn of_a_repeated_parameter_only_the_first_value_is_signed() {
        let sign = |query| request_signature("t", &Query::parse(query), b"", "1", "s");
        assert_eq!(sign("a=1&a=2"), sign("a=1"));
        assert_eq!(sign("a=2&a=1"), sign("a=2"));
    }
}
