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
mod tests;
