//! A typed client for the OTA-job API of the [EnOS IoT platform](https://support.enos-iot.com): one method an operation,
//! with types for its arguments, its answer and its error codes.
//!
//! Everything but this page is generated from an OpenAPI document. The crate knows what the API looks like and nothing
//! else: how a request is signed, where an access token comes from and when a call is worth repeating is for the caller
//! to say. For most programs that caller is the crate [`enos-ota`], which does all of it; use this crate alone to bring
//! your own.
//!
//! # Bring your own authorizer
//!
//! The API gateway wants three headers on every request. A [`Client`] cannot be made without something that adds them:
//! an [`Authorizer`] around your implementation of [`Authorize`], which sees each request as it is about to be sent.
//!
//! ```no_run
//! use std::error::Error;
//!
//! use enos_ota_client::operations::{Operation as _, RetryTask};
//! use enos_ota_client::types::RetryTaskRequest;
//! use enos_ota_client::{Authorize, Authorizer, Client, DeviceKeys, Envelope as _, ErrorCode as _, JobId, OrgId};
//! use enos_ota_client::{RetryTaskErrorCode, reqwest};
//!
//! struct Signer {
//!     access_token: String,
//! }
//!
//! impl Authorize for Signer {
//!     fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn Error + Send + Sync>> {
//!         let mut token = reqwest::header::HeaderValue::from_str(&self.access_token)?;
//!         token.set_sensitive(true);
//!         request.headers_mut().insert("apim-accesstoken", token);
//!         // `apim-timestamp`, and `apim-signature` over the query, the body and the timestamp, go here.
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn Error>> {
//! let signer = Signer { access_token: std::fs::read_to_string("token")? };
//! let client = Client::new("https://apim-gateway.example.com", Authorizer::new(signer));
//!
//! let job: JobId = "5ed758ca49f032b4663063aa".parse()?;
//! let organization: OrgId = "yourOrgId".parse()?;
//! let body = RetryTaskRequest::new(DeviceKeys::parse(["deviceKey1", "deviceKey2"])?);
//!
//! let answer = RetryTask::new(&organization, &job, &body).send(&client).await?;
//! if answer.code() != 0 {
//!     let code = RetryTaskErrorCode::from_code(answer.code());
//!     eprintln!("{code}: {}", code.remedy().unwrap_or("see the platform's documentation"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What to know
//!
//! - An `Ok` means that the platform has answered, not that it has done what you asked: it reports most failures with
//!   HTTP status 200 and a code in the body. [`Envelope`] reads that code whatever the operation.
//! - Prefer [`operations::RetryTask`] and its like to the methods of [`Client`]. When the API gains an optional
//!   parameter, a method gains an argument; the constructor stays as it is, as does that of a request body.
//! - An answer is read whatever it lacks, and whatever it has beside what is documented. So nearly every member of one
//!   is an `Option`, a text such as [`TaskStatus`] keeps a value that is not listed, and an [`Integer`] may have come in
//!   quotes.
//! - Limits of numbers in requests are documented, and left to the platform to check.
//! - Nothing is ever sent twice; [`Operation::EFFECT`] says what would come of it. Redirects are the business of the
//!   [`reqwest::Client`] that you pass to [`Client::new_with_client`]. Turn them off: a redirect to another host would
//!   carry your headers there.
//! - No TLS is built in. For `https`, depend on `reqwest` too and switch on `rustls` or `native-tls`.
//! - An answer of more than [`MAX_ANSWER_BYTES`] is not read to its end, so that a broken server cannot use up the
//!   memory.
//! - What the platform's documentation leaves open is marked "Not documented" or "Inferred" in these pages.
//!
//! # What does not compile
//!
//! A client that would send its requests unsigned:
//!
//! ```compile_fail,E0061
//! enos_ota_client::Client::new("https://apim-gateway.example.com");
//! ```
//!
//! Ids in the wrong order:
//!
//! ```compile_fail,E0308
//! # fn retry(
//! #     job: &enos_ota_client::JobId,
//! #     organization: &enos_ota_client::OrgId,
//! #     body: &enos_ota_client::types::RetryTaskRequest,
//! # ) {
//! enos_ota_client::operations::RetryTask::new(job, organization, body);
//! # }
//! ```
//!
//! # Licences
//!
//! This crate is MIT or Apache-2.0, at your choice. It depends on `progenitor-client`, which is MPL-2.0: that asks you
//! to publish changes to that crate's own files if you make any, and nothing of your code.
//!
//! [`enos-ota`]: https://docs.rs/enos-ota

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http_body_util::Limited;
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::ResponseBuilderExt as _;

// The generators decide what this code looks like. Its documentation is checked like any other.
#[allow(clippy::all, clippy::pedantic, clippy::restriction, missing_docs, unreachable_pub, dead_code, unused_imports)]
#[rustfmt::skip]
mod generated;

pub use generated::*;
/// The HTTP library that the client is made of: its requests are what an [`Authorize`] gets to see.
pub use reqwest;

/// The most bytes of an answer that are read. Reading fails with [`Error::ResponseBodyError`] after that, and an
/// [`http_body_util::LengthLimitError`] is among the sources of the error.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Adds to a request what authorises it.
pub trait Authorize: Send + Sync + 'static {
    /// Called once for each request, when nothing but what this adds is missing: method, URL and body are as they will
    /// be sent.
    ///
    /// # Errors
    ///
    /// The request is not sent, and the call fails with [`Error::Custom`], which carries the text of the error and of
    /// its sources.
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>>;

    /// Called with the status and the headers of the answer, before its body is read. Does nothing unless implemented.
    ///
    /// For whoever needs them of an answer whose body is not the operation's or breaks off: neither
    /// [`Error::InvalidResponsePayload`] nor [`Error::ResponseBodyError`] has them.
    fn answered(&self, _status: reqwest::StatusCode, _headers: &reqwest::header::HeaderMap) {}
}

/// A shared [`Authorize`], the one that a [`Client`] asks. A clone is cheap.
#[derive(Clone)]
pub struct Authorizer(Arc<dyn Authorize>);

impl Authorizer {
    /// Wraps an implementation.
    #[must_use]
    pub fn new(authorize: impl Authorize) -> Self {
        Self(Arc::new(authorize))
    }
}

impl<T: Authorize> From<Arc<T>> for Authorizer {
    fn from(authorize: Arc<T>) -> Self {
        Self(authorize)
    }
}

/// Shows nothing of what is inside, because that has secrets.
impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorizer(..)")
    }
}

impl Client {
    /// The same client with another authorizer. Both share their connections.
    #[must_use]
    pub fn with_authorizer(&self, authorizer: Authorizer) -> Self {
        Self::new_with_client(&self.baseurl, self.client.clone(), authorizer)
    }
}

impl ClientHooks<Authorizer> for Client {
    async fn pre<E>(&self, request: &mut reqwest::Request, _info: &OperationInfo) -> Result<(), Error<E>> {
        const API_VERSION: reqwest::header::HeaderName = reqwest::header::HeaderName::from_static("api-version");
        // The generator adds the version of the document, which means nothing to the platform.
        request.headers_mut().remove(API_VERSION);
        encode_spaces(request);
        self.inner
            .0
            .authorize(request)
            .map_err(|error| Error::Custom(with_sources(&*error)))
    }

    async fn exec(&self, request: reqwest::Request, _info: &OperationInfo) -> reqwest::Result<reqwest::Response> {
        let response = self.client.execute(request).await?;
        self.inner.0.answered(response.status(), response.headers());
        Ok(limit_body(response))
    }
}

/// Writes a space in the query as `%20`. The form encoding writes `+`, and whether the gateway takes that for a space or
/// for a plus is not documented; a plus of the caller is `%2B` at this point.
fn encode_spaces(request: &mut reqwest::Request) {
    let url = request.url_mut();
    if let Some(query) = url.query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        url.set_query(Some(&query));
    }
}

fn limit_body(response: reqwest::Response) -> reqwest::Response {
    // A length that is known is that of the decoded body, and the HTTP library lets no body be longer. Most answers go
    // this way, which spares them the wrapping.
    let known = response.content_length();
    if known.is_some_and(|length| length <= MAX_ANSWER_BYTES as u64) {
        return response;
    }
    let url = response.url().clone();
    let (mut parts, body) = http::Response::from(response).into_parts();
    // The conversion loses the URL, which errors about the body report; it travels as an extension of the parts.
    if let Ok(marked) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(marked.into_parts().0.extensions);
    }
    let body = reqwest::Body::wrap(Limited::new(body, MAX_ANSWER_BYTES));
    http::Response::from_parts(parts, body).into()
}

fn with_sources(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
