//! The signing and token vectors: the string to sign first, then the signature, so that a failure names the step.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use enos_ota::sign::{self, MASK, Unsigned};
use enos_ota::{AccessToken, AppSecret};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    signing: Vec<Signing>,
    token_encryption: Vec<Encryption>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names in the file")]
struct Signing {
    name: String,
    method: String,
    url: String,
    body: Option<String>,
    access_token: String,
    timestamp: i64,
    app_secret: String,
    signing_string: String,
    signature: String,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names in the file")]
struct Encryption {
    name: String,
    app_key: String,
    timestamp: i64,
    app_secret: String,
    encryption: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(enos_ota_sign::VECTORS).unwrap()
}

/// The string to sign as `explain` shows it: with token and secret masked.
fn masked(vector: &Signing) -> String {
    let middle = vector
        .signing_string
        .strip_prefix(&vector.access_token)
        .and_then(|rest| rest.strip_suffix(&vector.app_secret))
        .unwrap();
    format!("{MASK}{middle}{MASK}")
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let vectors = vectors().signing;
    assert_eq!(vectors.len(), 14);
    for vector in &vectors {
        let token = AccessToken::new(&*vector.access_token).unwrap();
        let secret = AppSecret::new(vector.app_secret.clone());
        let url = reqwest::Url::parse(&vector.url).unwrap();
        let unsigned = Unsigned {
            access_token: &token,
            query: url.query().unwrap_or_default(),
            body: vector.body.as_deref().unwrap_or_default().as_bytes(),
            timestamp_ms: vector.timestamp,
        };
        assert_eq!(
            sign::explain(&unsigned).unwrap(),
            masked(vector),
            "string to sign of {}",
            vector.name
        );
        assert_eq!(
            sign::sign(&unsigned, &secret).unwrap().as_str(),
            vector.signature,
            "signature of {}",
            vector.name
        );
    }
}

#[test]
fn a_request_signed_in_place_carries_the_signature_of_the_vector() {
    for vector in &vectors().signing {
        let client = reqwest::Client::new();
        let mut request = client.request(vector.method.parse().unwrap(), &vector.url);
        if let Some(body) = &vector.body {
            request = request.body(body.clone());
        }
        let mut request = request.build().unwrap();
        sign::sign_request(
            &mut request,
            &AccessToken::new(&*vector.access_token).unwrap(),
            vector.timestamp,
            &AppSecret::new(vector.app_secret.clone()),
        )
        .unwrap();
        let header = |name| request.headers()[&name].to_str().unwrap();
        assert_eq!(header(sign::SIGNATURE_HEADER), vector.signature, "{}", vector.name);
        assert_eq!(header(sign::ACCESS_TOKEN_HEADER), vector.access_token);
        assert_eq!(header(sign::TIMESTAMP_HEADER), vector.timestamp.to_string());
    }
}

#[test]
fn token_encryptions_are_those_of_the_vectors() {
    let vectors = vectors().token_encryption;
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let secret = AppSecret::new(vector.app_secret);
        let encryption = sign::token_encryption(&vector.app_key, vector.timestamp, &secret);
        assert_eq!(encryption.as_str(), vector.encryption, "{}", vector.name);
    }
}
