//! Signed calls to any API of the platform, for what this crate has no method for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use enos_ota_client::SearchTasksErrorCode;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::Limited;
use tokio::time::Instant;

use crate::answer::{OddAnswer, Verdict, finish};
use crate::clock::{Clock, system_time};
use crate::dead_token::{self, Deaths};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Reach};
use crate::retry::RetryPolicy;
use crate::secret::{AccessToken, AppSecret};
use crate::sign;
use crate::token::{TokenSettings, TokenSource};
use crate::transport::{AttemptLimit, transport_error};

/// Sends signed requests to any API of the platform. Build one with
/// [`ClientBuilder::build_raw`](crate::ClientBuilder::build_raw).
///
/// A request is sent once, since nothing is known of what it does; only if the gateway says that the access token is dead
/// is it sent again, a few times within some seconds.
#[derive(Clone, Debug)]
pub struct RawClient {
    tokens: TokenSource,
    http: reqwest::Client,
    base_url: Arc<str>,
    app_secret: AppSecret,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    attempt_timeout: Duration,
    timeout: Option<Duration>,
}

/// A request to be signed and sent.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The HTTP method.
    pub method: Method,
    /// The path, with a slash at its beginning, and perhaps a query, encoded.
    pub path: String,
    /// Further query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// The body, byte for byte; it is sent as `application/json;charset=UTF-8`.
    pub body: Option<Bytes>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    /// What the answer reports as a failure, if it does: a code other than 0, or an HTTP status other than success.
    pub failure: Option<Error>,
}

impl RawClient {
    pub(crate) fn new(settings: TokenSettings) -> Self {
        Self {
            http: settings.http.clone(),
            base_url: Arc::clone(&settings.base_url),
            app_secret: settings.credentials.app_secret().clone(),
            clock: Arc::clone(&settings.clock),
            retry: settings.retry.clone(),
            attempt_timeout: settings.attempt_timeout,
            timeout: settings.timeout,
            tokens: TokenSource::new(settings),
        }
    }

    /// Signs and sends a request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the request cannot be signed or has no valid path, and any error of the token service or
    /// of the transport. A failure that the answer reports is no error here, but [`RawAnswer::failure`].
    pub async fn send(&self, request: &RawRequest) -> Result<RawAnswer, Error> {
        self.tokens.let_begin().await;
        let deadline = Deadline::after(self.timeout);
        let mut deaths = Deaths::default();
        loop {
            let token = self.tokens.token_before(deadline).await?;
            let begun = Instant::now();
            let answer = self.send_with(request, &token, deadline, deaths.resent() + 1).await?;
            match &answer.failure {
                Some(error) if error.token_died() => {}
                Some(error) if !error.has_passed() => return Ok(answer),
                Some(_) | None => {
                    self.tokens.let_pass(begun);
                    return Ok(answer);
                }
            }
            let death = self.tokens.called_dead(&token, begun);
            let wait = dead_token::wait_after(death, &self.retry, fastrand::f64());
            self.tokens.hold_back(wait);
            if !deaths.allow(death, wait, deadline.left()) {
                return Ok(answer);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_with(
        &self,
        request: &RawRequest,
        token: &AccessToken,
        deadline: Deadline,
        attempt: u32,
    ) -> Result<RawAnswer, Error> {
        let mut built = self.build(request)?;
        sign::sign_request(&mut built, token, self.clock.now_ms(), &self.app_secret)
            .map_err(|error| Error::new(ErrorKind::Config, "the request cannot be signed").with_source(error))?;
        let signature = built.headers().get(sign::SIGNATURE_HEADER).cloned();
        let failed = |error| transport_error(error, self.tokens.route());
        let exchange = async {
            let response = self.http.execute(built).await.map_err(failed)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let limited = Limited::new(reqwest::Body::from(response), enos_ota_client::MAX_ANSWER_BYTES);
            let body = reqwest::Response::from(http::Response::new(reqwest::Body::wrap(limited)));
            Ok((status, headers, body.bytes().await.map_err(failed)?))
        };
        let limit = AttemptLimit::new(self.attempt_timeout, deadline.left());
        let (status, headers, body) = tokio::time::timeout(limit.time, exchange)
            .await
            .unwrap_or_else(|_| Err(limit.passed()))
            .map_err(|error: Error| {
                let reach = reach_of(&request.method, &error);
                error.in_operation("api", attempt, reach)
            })?;

        let signature = signature.as_ref().and_then(|value| value.to_str().ok());
        let secrets = [token.expose(), self.app_secret.expose(), signature.unwrap_or_default()];
        let now = system_time(&*self.clock);
        // Of the operations that the document describes, this is one that has the common codes and no others.
        let reported = Verdict::of_body(&body).map(|verdict| verdict.failure::<SearchTasksErrorCode>(&secrets));
        let failure = match reported {
            Some(failure) if status.is_success() => failure.map(|error| finish(error, status, &headers, now)),
            // Not every API of the platform answers the envelope.
            None if status.is_success() => None,
            _ => {
                let answer = OddAnswer {
                    status,
                    headers: &headers,
                    body: &body,
                    now,
                    grants_tokens: false,
                };
                Some(answer.into_error::<SearchTasksErrorCode>(&secrets))
            }
        };
        let failure = failure.map(|error| {
            let reach = reach_of(&request.method, &error);
            in_words_of_the_platform(error).in_operation("api", attempt, reach)
        });
        Ok(RawAnswer { status, body, failure })
    }

    fn build(&self, request: &RawRequest) -> Result<reqwest::Request, Error> {
        let refuse = |why: &str| Error::new(ErrorKind::Config, format!("the path `{}` {why}", request.path));
        if !request.path.starts_with('/') {
            return Err(refuse("has no slash at its beginning"));
        }
        let mut url = url::Url::parse(&format!("{}{}", self.base_url, request.path))
            .map_err(|error| refuse("does not make a URL").with_source(error))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        // What the platform makes of a plus sign is not documented. All that are here stand for blanks.
        if let Some(query) = url.query().filter(|query| query.contains('+')) {
            let query = query.replace('+', "%20");
            url.set_query(Some(&query));
        }
        let mut built = reqwest::Request::new(request.method.clone(), url);
        if let Some(body) = &request.body {
            *built.body_mut() = Some(body.clone().into());
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            built.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Ok(built)
    }
}

/// How far a failed request came. A method that only reads cannot have changed something.
fn reach_of(method: &Method, error: &Error) -> Reach {
    match error.reach() {
        Reach::Unknown if method.is_safe() => Reach::Refused,
        reach => reach,
    }
}

/// A code that is in no list here may well be in the documentation of the API that was called.
fn in_words_of_the_platform(failure: Error) -> Error {
    let Some(code) = failure.code().filter(|_| failure.kind() == ErrorKind::UnknownCode) else {
        return failure;
    };
    let message = match failure.platform_message() {
        Some(text) => format!("{code} {text}"),
        None => format!("code {code}"),
    };
    let told = Error::new(ErrorKind::UnknownCode, message)
        .with_code(code)
        .with_reach(failure.reach())
        .with_request_id(failure.request_id().map(str::to_owned))
        .with_note(Some(
            "Look the code up on the page of the API that you have called.".to_owned(),
        ));
    match failure.status() {
        Some(status) => told.with_status(status),
        None => told,
    }
}
