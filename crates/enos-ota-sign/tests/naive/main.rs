//! Signatures are those of a second implementation, which builds the string to sign as the platform's page describes it.
#![allow(clippy::unwrap_used, missing_docs)]

mod second;

use std::fmt::Write as _;

use enos_ota_sign::{AccessToken, AppSecret, MASK, SignError, Unsigned, explain, sign, token_encryption};
use proptest::prelude::*;
use second::{hex_sha256, string_to_sign};

/// Pieces that queries are made of, and what is hard to read in them.
fn queries() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-cA-C]{0,3}",
        2 => Just("&".to_owned()),
        2 => Just("=".to_owned()),
        1 => "%[0-9a-fA-F]{2}",
        1 => "[%+;#?]",
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Queries that can be signed.
fn named_values() -> impl Strategy<Value = Vec<(String, String)>> {
    let text = "[a-zA-Z0-9 %+&='é升]{0,6}";
    prop::collection::btree_map(text, text, 0..8)
        .prop_map(|pairs| pairs.into_iter().collect())
        .prop_shuffle()
}

/// Encodes every byte that it can.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "%{byte:02X}").unwrap();
        out
    })
}

const TOKEN: &str = "APP_PORTAL_S_a48_c5b8";

fn unsigned<'a>(token: &'a AccessToken, query: &'a str, body: &'a [u8], timestamp_ms: i64) -> Unsigned<'a> {
    Unsigned {
        access_token: token,
        query,
        body,
        timestamp_ms,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_query_and_any_bytes_are_signed_as_the_second_implementation_does(
        token in "[!-~]{1,40}",
        query in queries(),
        body in prop::collection::vec(any::<u8>(), 0..300),
        timestamp_ms in any::<i64>(),
        secret in any::<String>(),
    ) {
        let access_token = AccessToken::new(&*token).unwrap();
        let request = unsigned(&access_token, &query, &body, timestamp_ms);
        let signed = sign(&request, &AppSecret::new(secret.clone())).map(|digest| digest.to_string());
        let expected = string_to_sign(&token, &query, &body, timestamp_ms, &secret);
        prop_assert_eq!(signed.clone().ok(), expected.as_deref().map(hex_sha256));

        // What is explained is what is signed, without the secrets.
        let shown = string_to_sign(MASK, &query, String::from_utf8_lossy(&body).as_bytes(), timestamp_ms, MASK);
        prop_assert_eq!(explain(&request).ok().map(String::into_bytes), shown);
        match signed {
            Err(SignError::NoValue { .. }) => prop_assert!(query.split('&').any(|pair| !pair.is_empty() && !pair.contains('='))),
            Err(error) => prop_assert!(matches!(error, SignError::Repeated { .. }), "{}", error),
            Ok(_) => {}
        }
    }

    #[test]
    fn neither_the_order_nor_the_encoding_of_parameters_changes_a_signature(
        pairs in named_values(),
        rotation in any::<prop::sample::Index>(),
    ) {
        let token = AccessToken::new(TOKEN).unwrap();
        let query = |pairs: &[(String, String)]| {
            let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
            pairs.collect::<Vec<_>>().join("&")
        };
        let mut rotated = pairs.clone();
        rotated.rotate_left(if pairs.is_empty() { 0 } else { rotation.index(pairs.len()) });
        let secret = AppSecret::new("secret".into());
        let signature = |query: &str| sign(&unsigned(&token, query, b"{}", 1), &secret).unwrap().to_string();
        let expected = signature(&query(&pairs));
        prop_assert_eq!(&signature(&query(&rotated)), &expected);
        // As an HTTP library writes it: with a plus for a blank.
        let written: Vec<_> = pairs.iter().map(|(name, value)| {
            let form = |text: &str| text.chars().map(|c| match c {
                ' ' => "+".to_owned(),
                c if c.is_ascii_alphanumeric() => c.to_string(),
                c => encoded(&c.to_string()),
            }).collect::<String>();
            format!("{}={}", form(name), form(value))
        }).collect();
        prop_assert_eq!(signature(&written.join("&")), expected);
    }

    #[test]
    fn a_token_request_carries_the_hash_of_key_time_and_secret(
        app_key in any::<String>(),
        timestamp_ms in any::<i64>(),
        secret in any::<String>(),
    ) {
        let encryption = token_encryption(&app_key, timestamp_ms, &AppSecret::new(secret.clone()));
        prop_assert_eq!(encryption.as_str(), hex_sha256(format!("{app_key}{timestamp_ms}{secret}").as_bytes()));
    }
}
