//! The second implementation: slow, and as plain as the page. Fuzzing uses it too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The lowercase hexadecimal SHA-256 of some bytes.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Decodes `%XX` and `+`, byte by byte. A `%` that no two digits follow stands for itself.
fn decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The parameters in the order of their names, or `None` where it is not documented how to sign them.
fn parameters(query: &str) -> Option<BTreeMap<Vec<u8>, String>> {
    let mut sorted = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let before = sorted.insert(decoded(name).into_bytes(), decoded(value));
        if before.is_some() {
            return None;
        }
    }
    Some(sorted)
}

/// What is hashed; `None` where it is not documented.
pub(crate) fn string_to_sign(
    token: &str,
    query: &str,
    body: &[u8],
    timestamp_ms: i64,
    secret: &str,
) -> Option<Vec<u8>> {
    let mut text = token.as_bytes().to_vec();
    for (name, value) in parameters(query)? {
        text.extend(name);
        text.extend(value.as_bytes());
    }
    text.extend(body);
    text.extend(timestamp_ms.to_string().as_bytes());
    text.extend(secret.as_bytes());
    Some(text)
}
