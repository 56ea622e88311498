//! The page that teaches signing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::page::{Meta, page};
use super::search::Entry;
use super::{DocsError, Files, Inputs, asset};

/// A secret is typed into this page, so that it may load nothing but its own scripts, and send nothing at all.
const POLICY: &str = "default-src 'none'; script-src 'self' file: 'wasm-unsafe-eval'; style-src 'self' file:; img-src data:; \
    connect-src 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn pages(inputs: &Inputs, files: &mut Files, index: &mut Vec<Entry>) -> Result<(), DocsError> {
    // Within the page, since one that was opened as a file may not fetch another file.
    let body = asset(inputs, "sign.html")?.replace("{{signer}}", &STANDARD.encode(&inputs.outside.signer));
    let meta = Meta {
        file: "sign.html",
        title: "Signing a request",
        description: "How a request to the EnOS API gateway is signed, with a form that signs in the browser.",
        policy: POLICY,
        scripts: &["sign.js"],
    };
    files.insert("sign.html".into(), page(&meta, &body).into());
    files.insert("sign.js".into(), asset(inputs, "sign.js")?.into());
    index.push(Entry::new(
        "Signing",
        "Signing a request",
        "sign.html",
        "signature string to sign SHA-256 apim-accesstoken apim-timestamp apim-signature access token app secret \
         encryption token service query body timestamp",
    ));
    index.push(Entry::new(
        "Signing",
        "Try it: sign in the browser",
        "sign.html#try",
        "form signature",
    ));
    Ok(())
}
