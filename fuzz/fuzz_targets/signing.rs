//! Any query and any body are signed as a second implementation does, or refused by both.
#![no_main]

#[path = "../../crates/enos-ota-sign/tests/naive/second.rs"]
mod second;

use enos_ota_sign::{AccessToken, AppSecret, Unsigned, explain, sign};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], i64, &str)| {
    let (query, body, timestamp_ms, secret) = input;
    let token = "APP_PORTAL_S_a48_c5b8";
    let access_token = AccessToken::new(token).expect("a header can carry the token");
    let request = Unsigned {
        access_token: &access_token,
        query,
        body,
        timestamp_ms,
    };
    let signed = sign(&request, &AppSecret::new(secret.to_owned()));
    let expected = second::string_to_sign(token, query, body, timestamp_ms, secret);
    assert_eq!(
        signed.as_ref().ok().map(|digest| digest.as_str()),
        expected.as_deref().map(second::hex_sha256).as_deref()
    );
    assert_eq!(explain(&request).is_ok(), signed.is_ok());
});
