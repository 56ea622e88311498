//! What the page asks for, in terms of the signer.

use enos_ota_sign::{AccessToken, AppSecret, MASK, Unsigned, explain, sign};
use zeroize::Zeroizing;

const INPUTS: usize = 5;

/// The inputs and outputs of one signature. All of them are wiped when it is dropped.
#[derive(Default)]
pub(crate) struct Signer {
    inputs: [Zeroizing<Vec<u8>>; INPUTS],
    parameters: Zeroizing<String>,
    signature: Zeroizing<String>,
    complaint: String,
    complains_about: &'static str,
}

impl Signer {
    pub(crate) fn put(&mut self, input: u32, byte: u8) {
        let input = usize::try_from(input).ok().and_then(|input| self.inputs.get_mut(input));
        if let Some(input) = input {
            input.push(byte);
        }
    }

    pub(crate) fn output(&self, output: u32) -> &str {
        match output {
            0 => &self.parameters,
            1 => &self.signature,
            2 => &self.complaint,
            3 => self.complains_about,
            _ => "",
        }
    }

    /// Signs the inputs, and says whether that went well.
    pub(crate) fn sign(&mut self) -> bool {
        match self.signed() {
            Ok((parameters, signature)) => {
                self.parameters = parameters.into();
                self.signature = signature.into();
                true
            }
            Err((about, complaint)) => {
                self.complains_about = about;
                self.complaint = complaint;
                false
            }
        }
    }

    fn signed(&self) -> Result<(String, String), (&'static str, String)> {
        let [token, query, body, timestamp, secret] = &self.inputs;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let token = AccessToken::new(text(token)).map_err(|error| ("token", error.to_string()))?;
        let timestamp_ms = text(timestamp).trim().parse().map_err(|_| {
            let complaint = "the timestamp is not a whole number of milliseconds, like 1572574909697";
            ("timestamp", complaint.to_owned())
        })?;
        if secret.is_empty() {
            return Err(("secret", "the app secret is empty".to_owned()));
        }
        let secret = AppSecret::new(text(secret));
        let query = text(query);
        let mut unsigned = Unsigned {
            access_token: &token,
            query: query_of(query.trim()),
            body,
            timestamp_ms,
        };
        let refuse = |error: enos_ota_sign::SignError| ("query", error.to_string());
        let signature = sign(&unsigned, &secret).map_err(refuse)?;
        unsigned.body = b"";
        let explained = explain(&unsigned).map_err(refuse)?;
        let parameters = explained
            .strip_prefix(MASK)
            .and_then(|rest| rest.strip_suffix(MASK))
            .and_then(|rest| rest.strip_suffix(&timestamp_ms.to_string()))
            .unwrap_or_default();
        Ok((parameters.to_owned(), signature.as_str().to_owned()))
    }
}

/// The query of a URL, or the whole text if it is a query by itself.
fn query_of(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default();
    match text.split_once('?') {
        Some((_, query)) => query,
        None if text.contains("://") || text.starts_with('/') => "",
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn signed(inputs: [&str; INPUTS]) -> Signer {
        let mut signer = Signer::default();
        for (input, text) in (0..).zip(inputs) {
            text.bytes().for_each(|byte| signer.put(input, byte));
        }
        let well = signer.sign();
        assert_eq!(well, signer.output(2).is_empty());
        signer
    }

    const BODY: &str = "{\n  \"count\": 20,\n  \"page\": 1,\n  \"desc\": \"描述\"\n}";

    #[test]
    fn the_published_example_has_the_published_signature() {
        for query in [
            "k3=v3&k1=v1&k2=v2",
            "?k3=v3&k1=v1&k2=v2",
            " https://apim-gateway.example.com/m/v1/b?k3=v3&k1=v1&k2=v2#part",
        ] {
            let signer = signed(["xxxxaaaxxxx", query, BODY, "1572574909697", "xxxappSecretxxx"]);
            assert_eq!(signer.output(0), "k1v1k2v2k3v3");
            assert_eq!(
                signer.output(1),
                "59828328f6c1f9771015dc74e4929ae30f518a35a3d2353972c2ea46556fc981"
            );
        }
    }

    #[test]
    fn a_complaint_names_the_input() {
        for (inputs, about) in [
            (["", "", "", "1", "s"], "token"),
            (["t", "a", "", "1", "s"], "query"),
            (["t", "a=1&a=2", "", "1", "s"], "query"),
            (["t", "", "", "now", "s"], "timestamp"),
            (["t", "", "", "1", ""], "secret"),
        ] {
            let signer = signed(inputs);
            assert_eq!(signer.output(3), about);
            assert_eq!(signer.output(1), "");
        }
    }

    #[test]
    fn a_url_without_a_query_has_none() {
        assert_eq!(query_of("https://apim-gateway.example.com/m/v1/b"), "");
        assert_eq!(query_of("/m/v1/b#a=1"), "");
        assert_eq!(query_of("a=%26"), "a=%26");
    }

    #[test]
    fn a_number_that_means_nothing_does_nothing() {
        let mut signer = Signer::default();
        signer.put(99, 1);
        assert_eq!(signer.output(99), "");
    }
}
