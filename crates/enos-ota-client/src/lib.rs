#![doc = include_str!("../README.md")]

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
