//! Calls: signed, repeated where that is safe, and judged by what the platform says of them.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use enos_ota_client as generated;
use enos_ota_client::{Authorizer, Effect, Envelope as _, Operation, OrgId, ResponseValue};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::answer::{self, OddAnswer, Verdict, read_start};
use crate::authorize::Signer;
use crate::builder::ClientBuilder;
use crate::clock::{Clock, system_time};
use crate::dead_token::{self, Deaths};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Reach};
use crate::limits::{Announcements, RateLimits};
use crate::retry::{Decision, Failure, RetryPolicy};
use crate::route::Route;
use crate::secret::{AccessToken, AppSecret};
use crate::sign;
use crate::text::shown;
use crate::token::{Death, TokenSettings, TokenSource};
use crate::transport::{AttemptLimit, transport_error};

/// A client of the OTA-job API in one organization.
///
/// Clones are cheap and share connections and the access token. Every call
///
/// - gets an access token if none is at hand, and another if the gateway says that it is dead; it is sent again a few
///   times within some seconds if the gateway does not know that one either, as a node of it may not for a while;
/// - is signed anew for every attempt;
/// - is repeated as the [`RetryPolicy`] says, while its time lasts;
/// - succeeds only if the platform answers code 0;
/// - opens a `tracing` span `enos_ota` with the operation, and reports for each attempt its number, HTTP status, EnOS code,
///   request id and elapsed time: never a secret, never a body. At level `debug`, each attempt has a span `attempt` with
///   the attributes that OpenTelemetry's conventions for HTTP clients name.
///
/// A call that is dropped may have been carried out, as one whose answer is lost.
#[derive(Clone)]
pub struct Client {
    tokens: TokenSource,
    api: generated::Client,
    app_secret: AppSecret,
    clock: Arc<dyn Clock>,
    org_id: Arc<OrgId>,
    retry: Arc<RetryPolicy>,
    limits: Arc<Announcements>,
    attempt_timeout: Duration,
    timeout: Option<Duration>,
}

/// The platform has accepted a request.
///
/// That says nothing of single devices: the platform answers no result for them. Search the tasks of the job to learn
/// what became of each, not sooner than two seconds later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The id under which the platform keeps the call in its own records.
    pub request_id: Option<String>,
    /// How many times the request was sent.
    pub attempts: u32,
}

/// What a successful call gives back besides its data.
pub(crate) struct Success<T> {
    pub(crate) response: T,
    pub(crate) attempts: u32,
}

impl<T: generated::Envelope> Success<T> {
    pub(crate) fn accepted(self) -> Accepted {
        Accepted {
            request_id: self.response.request_id().map(str::to_owned),
            attempts: self.attempts,
        }
    }
}

impl Client {
    /// Starts to build a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(settings: TokenSettings, org_id: OrgId) -> Self {
        Self {
            api: generated::Client::new_with_client(
                &settings.base_url,
                settings.http.clone(),
                Authorizer::new(Unsigned),
            ),
            app_secret: settings.credentials.app_secret().clone(),
            clock: Arc::clone(&settings.clock),
            org_id: Arc::new(org_id),
            retry: Arc::new(settings.retry.clone()),
            limits: Arc::default(),
            attempt_timeout: settings.attempt_timeout,
            timeout: settings.timeout,
            tokens: TokenSource::new(settings),
        }
    }

    /// The organization in which this client's calls are made.
    #[must_use]
    pub fn org_id(&self) -> &OrgId {
        &self.org_id
    }

    /// A client for another organization that shares connections and the access token with this one.
    #[must_use]
    pub fn in_org(&self, org_id: OrgId) -> Self {
        Self {
            org_id: Arc::new(org_id),
            ..self.clone()
        }
    }

    /// A client with another retry policy that shares connections and the access token with this one.
    ///
    /// For a caller that decides itself what to do after a failed attempt. Requests for access tokens keep the policy
    /// that the client was built with.
    #[must_use]
    pub fn with_retry_policy(&self, policy: RetryPolicy) -> Self {
        Self {
            retry: Arc::new(policy),
            ..self.clone()
        }
    }

    /// The retry policy of this client's calls.
    #[must_use]
    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.retry
    }

    /// The source of the access tokens that sign this client's calls.
    #[must_use]
    pub fn token_source(&self) -> &TokenSource {
        &self.tokens
    }

    /// The rate limits that the latest answer with such headers announced, to a call of this client, of a clone of it,
    /// or of a client made from it; `None` if none has.
    ///
    /// Successes, refusals and failures may announce them alike; the token service's answers do not count. Nothing here
    /// acts on it: see [`RateLimits`] for what is known of the headers.
    #[must_use]
    pub fn rate_limits(&self) -> Option<RateLimits> {
        self.limits.latest()
    }

    /// Makes a call, with all that the type's documentation promises.
    ///
    /// Whether it is sent again after its answer was lost depends on its effect. *Retry OTA Task* is, because the
    /// platform compares before it sets: only a failed task can be retried, and a retried one is no longer failed.
    pub(crate) async fn call<O: Operation>(&self, operation: &O) -> Result<Success<O::Response>, Error> {
        let span = tracing::info_span!(
            "enos_ota",
            operation = O::OPERATION_ID,
            attempts = Empty,
            code = Empty,
            request_id = Empty
        );
        // Pinned where it is: a future of this size is not moved for nothing.
        let call = pin!(async {
            self.tokens.let_begin().await;
            let call = Call {
                client: self,
                operation,
                deadline: Deadline::after(self.timeout),
            };
            let result = call.run().await;
            let span = tracing::Span::current();
            if let Err(error) = &result {
                // Of a token error, these would be the token requests.
                if error.operation() == Some(O::OPERATION_ID) {
                    span.record("attempts", error.attempts());
                }
                span.record("code", error.code());
                span.record("request_id", error.request_id());
                tracing::debug!(kind = ?error.kind(), outcome_unknown = error.outcome_unknown(), "call failed");
            }
            result
        });
        call.instrument(span).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the HTTP client: an own one may have secrets among its default headers.
        f.debug_struct("Client")
            .field("tokens", &self.tokens)
            .field("org_id", &self.org_id)
            .field("retry", &self.retry)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The HTTP status of an attempt, if there was an answer.
fn status_of<T>(result: &Result<T, Error>) -> Option<StatusCode> {
    match result {
        Ok(_) => Some(StatusCode::OK),
        Err(error) => error.status(),
    }
}

/// Stands in the generated client until a call brings its own signer.
struct Unsigned;

impl generated::Authorize for Unsigned {
    fn authorize(&self, _: &mut reqwest::Request) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("the request has no signer".into())
    }
}

struct Call<'c, O> {
    client: &'c Client,
    operation: &'c O,
    deadline: Deadline,
}

impl<O: Operation> Call<'_, O> {
    async fn run(&self) -> Result<Success<O::Response>, Error> {
        let mut attempts = 0;
        // Once an attempt may have been carried out, no later refusal proves that the call was not.
        let mut reach = Reach::NeverSent;
        let mut deaths = Deaths::default();
        loop {
            let token = match self.token(attempts).await {
                Ok(token) => token,
                // The token service may have nodes that disagree, too.
                Err(error) if error.is_token_expired() => {
                    let death = Death {
                        replaced: false,
                        times: deaths.resent() + 1,
                        lasted: Duration::ZERO,
                    };
                    match self.wait_after(death, &mut deaths) {
                        Some(wait) => {
                            tokio::time::sleep(wait).await;
                            continue;
                        }
                        None => return Err(error.with_reach(reach)),
                    }
                }
                // The error may be of the token service; the call itself has come as far as it had before.
                Err(error) => return Err(error.with_reach(reach)),
            };
            attempts += 1;
            let begun = Instant::now();
            let error = match self.attempt(&token, attempts).await {
                Ok(response) => return Ok(Success { response, attempts }),
                Err(error) => error,
            };
            reach = worse(reach, Self::reach_of(&error));
            if error.token_died() {
                let death = self.client.tokens.called_dead(&token, begun);
                if let Some(wait) = self.wait_after(death, &mut deaths) {
                    tracing::debug!(
                        attempts,
                        ?wait,
                        replaced = death.replaced,
                        "the gateway does not accept the access token"
                    );
                    tokio::time::sleep(wait).await;
                    continue;
                }
            }
            // What was sent again because of a dead token is not one of the policy's repetitions.
            let counted = attempts.saturating_sub(deaths.resent()).max(1);
            let mut failure = Failure::of(&error, counted, self.deadline.left());
            // What has an effect each time is sent again only if it surely had none.
            failure.retryable &= O::EFFECT != Effect::EachTime || reach != Reach::Unknown;
            match self.client.retry.decide(&failure, fastrand::f64()) {
                Decision::Permanent | Decision::Exhausted => {
                    return Err(error.in_operation(O::OPERATION_ID, attempts, reach));
                }
                Decision::Continue(wait) => {
                    tracing::debug!(attempts, ?wait, kind = ?error.kind(), "waiting for the next attempt");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// How far a failed attempt came. What changes nothing cannot have changed something.
    fn reach_of(error: &Error) -> Reach {
        match (O::EFFECT, error.reach()) {
            (Effect::None, Reach::Unknown) => Reach::Refused,
            (_, reach) => reach,
        }
    }

    /// The wait before the call is sent again because of a dead token, or `None` if it is not.
    fn wait_after(&self, death: Death, deaths: &mut Deaths) -> Option<Duration> {
        let wait = dead_token::wait_after(death, &self.client.retry, fastrand::f64());
        // Another call would meet the same.
        self.client.tokens.hold_back(wait);
        deaths.allow(death, wait, self.deadline.left()).then_some(wait)
    }

    async fn token(&self, attempts: u32) -> Result<AccessToken, Error> {
        let token = self.client.tokens.token_before(self.deadline).await;
        token.map_err(|error| match error.kind() {
            // The time of the call is over, not that of the token request.
            ErrorKind::Timeout if error.attempts() == 0 => {
                error.in_operation(O::OPERATION_ID, attempts, Reach::NeverSent)
            }
            _ => error,
        })
    }

    async fn attempt(&self, token: &AccessToken, attempt: u32) -> Result<O::Response, Error> {
        let client = self.client;
        let started = Instant::now();
        let limit = AttemptLimit::new(client.attempt_timeout, self.deadline.left());
        let span = self.attempt_span(attempt);
        let exchange = pin!(self.exchange(token));
        let exchange = exchange.instrument(span.clone());
        let result = match tokio::time::timeout(limit.time, exchange).await {
            Ok(result) => result,
            Err(_) => Err(limit.passed()),
        };
        if let Err(error) = &result {
            span.record("error.type", error.kind().as_str());
        }
        if let Some(status) = status_of(&result) {
            span.record("http.response.status_code", status.as_u16());
        }
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(response) => {
                client.tokens.accepted(token, started);
                client.tokens.let_pass(started);
                tracing::debug!(
                    attempt,
                    status = 200,
                    code = 0,
                    request_id = response
                        .request_id()
                        .map(|id| answer::tidy(id, &[token.expose(), client.app_secret.expose()])),
                    elapsed_ms,
                    "attempt succeeded"
                );
            }
            Err(error) => {
                if error.has_passed() {
                    client.tokens.let_pass(started);
                }
                tracing::debug!(
                    attempt,
                    status = error.status().map(|status| status.as_u16()),
                    code = error.code(),
                    request_id = error.request_id(),
                    elapsed_ms,
                    "attempt failed"
                );
            }
        }
        result
    }

    /// A span as OpenTelemetry's conventions for HTTP clients have it. Those who do not ask for it pay nothing.
    fn attempt_span(&self, attempt: u32) -> tracing::Span {
        let route = self.client.tokens.route();
        tracing::debug_span!(
            "attempt",
            otel.kind = "client",
            http.request.method = Empty,
            http.request.resend_count = (attempt > 1).then(|| attempt - 1),
            http.response.status_code = Empty,
            server.address = route.address_and_port().0,
            server.port = route.address_and_port().1,
            "error.type" = Empty,
        )
    }

    /// Sends the request once and judges the answer.
    async fn exchange(&self, token: &AccessToken) -> Result<O::Response, Error> {
        let client = self.client;
        let signer = Signer::new(token.clone(), client.app_secret.clone(), Arc::clone(&client.clock));
        let exchange = Arc::new(Exchange {
            signer,
            limits: Arc::clone(&client.limits),
            signature: OnceLock::new(),
            head: OnceLock::new(),
        });
        let api = client.api.with_authorizer(Arc::clone(&exchange).into());
        let result = self.operation.send(&api).await;
        // What the server knows, or might, and must not be shown if it repeats it.
        let secrets = [token.expose(), client.app_secret.expose(), exchange.signature()];
        match result {
            Ok(response) => judge::<O>(response, &client.clock, &secrets),
            Err(error) => Err(failed::<O>(error, &exchange, client.tokens.route(), &secrets).await),
        }
    }
}

/// Signs one request and notes of its answer what matters if it is a failure. The generated client drops that together
/// with a body that is not the operation's: that of a rejection by the gateway, for one.
struct Exchange {
    signer: Signer,
    limits: Arc<Announcements>,
    signature: OnceLock<HeaderValue>,
    head: OnceLock<(StatusCode, [Option<HeaderValue>; 2])>,
}

impl Exchange {
    const NOTED: [HeaderName; 2] = [header::DATE, header::RETRY_AFTER];

    fn now(&self) -> SystemTime {
        self.signer.now()
    }

    fn status(&self) -> Option<StatusCode> {
        self.head.get().map(|(status, _)| *status)
    }

    fn signature(&self) -> &str {
        let signature = self.signature.get().and_then(|value| value.to_str().ok());
        signature.unwrap_or_default()
    }

    fn headers(&self) -> HeaderMap {
        let values = self.head.get().into_iter().flat_map(|(_, values)| values);
        Self::NOTED
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

impl generated::Authorize for Exchange {
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.signer.authorize(request)?;
        let method = request.method().as_str();
        tracing::Span::current().record("http.request.method", method);
        // Ids and pages are all that queries of this API hold: what authorises a request is in its headers.
        tracing::debug!(method, url = %request.url(), "sending");
        if let Some(signature) = request.headers().get(sign::SIGNATURE_HEADER) {
            // A request is signed once.
            let _ = self.signature.set(signature.clone());
        }
        Ok(())
    }

    fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        self.limits.note(headers);
        // There is one answer to one request.
        let _ = self
            .head
            .set((status, Self::NOTED.map(|name| headers.get(name).cloned())));
    }
}

fn judge<O: Operation>(
    response: ResponseValue<O::Response>,
    clock: &Arc<dyn Clock>,
    secrets: &[&str],
) -> Result<O::Response, Error> {
    match Verdict::of_failure(&*response).and_then(|verdict| verdict.failure::<O::ErrorCode>(secrets)) {
        None => Ok(response.into_inner()),
        Some(error) => Err(answer::finish(
            error,
            response.status(),
            response.headers(),
            system_time(&**clock),
        )),
    }
}

/// The generated client's error, told in this crate's terms. Its own text would print response headers.
async fn failed<O: Operation>(
    error: generated::Error<()>,
    exchange: &Exchange,
    route: &Route,
    secrets: &[&str],
) -> Error {
    match error {
        generated::Error::CommunicationError(error) | generated::Error::ResponseBodyError(error) => {
            let error = transport_error(error, route);
            match exchange.status() {
                Some(status) => error.with_status(status),
                None => error,
            }
        }
        // Only an answer with status 200 is decoded.
        generated::Error::InvalidResponsePayload(body, source) => {
            let answer = OddAnswer {
                status: StatusCode::OK,
                headers: &exchange.headers(),
                body: &body,
                now: exchange.now(),
                grants_tokens: false,
            };
            let error = answer.into_error::<O::ErrorCode>(secrets);
            // What the decoder found wrong helps only where nothing else is known.
            if error.kind() == ErrorKind::MalformedAnswer {
                // It names the value that it did not expect, which may be a secret that the server repeats.
                error.with_source(shown(&source.to_string(), secrets))
            } else {
                error
            }
        }
        generated::Error::UnexpectedResponse(response) => {
            let status = response.status();
            let headers = response.headers().clone();
            // What has come of the body is worth quoting, whatever became of the rest.
            let body = read_start(response, route).await.bytes;
            let answer = OddAnswer {
                status,
                headers: &headers,
                body: &body,
                now: exchange.now(),
                grants_tokens: false,
            };
            answer.into_error::<O::ErrorCode>(secrets)
        }
        generated::Error::InvalidRequest(message) | generated::Error::Custom(message) => {
            Error::new(ErrorKind::Internal, format!("the request could not be made: {message}"))
        }
        // Neither is declared in the document.
        generated::Error::InvalidUpgrade(_) | generated::Error::ErrorResponse(_) => Error::new(
            ErrorKind::Internal,
            "the generated client answered what the document does not declare",
        )
        .with_reach(Reach::Unknown),
    }
}

/// What is known of a call of which one attempt came this far and another that far.
fn worse(one: Reach, other: Reach) -> Reach {
    match (one, other) {
        (Reach::Unknown, _) | (_, Reach::Unknown) => Reach::Unknown,
        (Reach::Refused, _) | (_, Reach::Refused) => Reach::Refused,
        (Reach::NeverSent, Reach::NeverSent) => Reach::NeverSent,
    }
}
