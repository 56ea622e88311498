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
