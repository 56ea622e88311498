//! Access tokens: obtained when first needed, shared by all callers, renewed ahead of expiry.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use enos_ota_client::{Category, GatewayErrorCode};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answer::{OddAnswer, Verdict, read_start};
use crate::clock::{Clock, advance, system_time};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Reach};
use crate::retry::{Decision, Failure, RetryPolicy};
use crate::route::Route;
use crate::secret::{AccessToken, Credentials};
use crate::sign;
use crate::transport::{AttemptLimit, transport_error};

/// Gets access tokens and keeps them fresh.
///
/// - However many callers ask at once, one request is under way.
/// - A token is renewed in the background when nine tenths of its life (at most all but five minutes of it) have
///   passed, a little earlier or later by chance. If that fails, the old token stays in use while it lives.
/// - A token request is never sent twice: each attempt has a timestamp of its own, so that the token service cannot
///   take it for a repetition (code 1001).
///
/// Clones share one token. The source needs a tokio runtime. Build one with
/// [`ClientBuilder::build_token_source`](crate::ClientBuilder::build_token_source), or take that of a
/// [`Client`](crate::Client).
#[derive(Clone)]
pub struct TokenSource(Arc<Shared>);

pub(crate) struct TokenSettings {
    pub(crate) base_url: Arc<str>,
    pub(crate) http: reqwest::Client,
    pub(crate) route: Route,
    pub(crate) credentials: Credentials,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retry: RetryPolicy,
    pub(crate) attempt_timeout: Duration,
    /// How long a caller waits for a token who has no limit of its own.
    pub(crate) timeout: Option<Duration>,
}

struct Shared {
    settings: TokenSettings,
    /// The timestamp of the last request.
    last_timestamp: AtomicI64,
    state: Mutex<State>,
    /// Whether the token at hand was called dead and is kept: only then a success says something about it.
    doubted: AtomicBool,
    /// Whether there are [`Refusals`].
    refused: AtomicBool,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The last token that the gateway called dead.
    dead: Option<AccessToken>,
    /// The request under way.
    flight: Option<Landing>,
    refusals: Option<Refusals>,
}

/// The gateway calls tokens dead, and has accepted none since.
#[derive(Clone, Copy)]
struct Refusals {
    /// How many times in a row. Calls that were under way at the same time count once.
    times: u32,
    since: Instant,
    last: Instant,
    /// No call begins before.
    held_until: Instant,
}

/// What is known of a token that the gateway has called dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    /// Whether the next token is another one.
    pub(crate) replaced: bool,
    /// How many times in a row the gateway has called a token dead, whatever call it was and whatever token.
    pub(crate) times: u32,
    /// For how long it has.
    pub(crate) lasted: Duration,
}

#[derive(Clone)]
struct Held {
    token: AccessToken,
    renew_at: Instant,
    usable_until: Instant,
    /// Whether it took the place of another, so that a node of the gateway may not know it yet.
    is_successor: bool,
    doubt: Option<Doubt>,
}

/// Of a token that the gateway called dead, and that may be alive.
#[derive(Clone, Copy)]
struct Doubt {
    since: Instant,
    keep_until: Instant,
}

type Landing = watch::Receiver<Option<Result<AccessToken, Error>>>;

/// Seconds, of a token that was just made.
const DOCUMENTED_LIFE: u64 = 7200;
/// Tokens are given up this long before they expire, for the way to the gateway.
const MARGIN: Duration = Duration::from_secs(1);
const LONGEST_LEAD: Duration = Duration::from_mins(5);
/// How long a token that has taken the place of another is kept after the gateway called it dead.
const GRACE: Duration = Duration::from_millis(400);
/// How long it is kept if the gateway has accepted it since: its nodes disagree.
const DISAGREEMENT: Duration = Duration::from_secs(5);
/// After a failed renewal, the next one is not tried before this.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

impl TokenSource {
    pub(crate) fn new(settings: TokenSettings) -> Self {
        Self(Arc::new(Shared {
            settings,
            last_timestamp: AtomicI64::new(i64::MIN),
            state: Mutex::default(),
            doubted: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }))
    }

    /// Returns a token that is accepted for at least another second, as far as is known here.
    ///
    /// Asks the token service only if there is none at hand.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthenticated`] if the platform does not accept the credentials, and any transport error. All
    /// callers that waited for the same request get the same error. [`ErrorKind::Timeout`] if the wait takes longer than
    /// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout) allows; the request goes on for the next caller.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        self.token_before(Deadline::after(self.0.settings.timeout)).await
    }

    /// As [`token`](Self::token), but for the limit of time.
    pub(crate) async fn token_before(&self, deadline: Deadline) -> Result<AccessToken, Error> {
        let mut landing = match self.usable() {
            Ok(token) => return Ok(token),
            Err(landing) => landing,
        };
        match deadline.hold(landing.wait_for(Option::is_some)).await {
            // `wait_for` has just seen that there is a value.
            Some(Ok(landed)) => landed.as_ref().map_or_else(|| Err(interrupted()), Clone::clone),
            Some(Err(_)) => Err(interrupted()),
            None => Err(Error::new(
                ErrorKind::Timeout,
                "the time of the call ran out while it waited for an access token",
            )
            .in_operation(Action::Get.operation(), 0, Reach::NeverSent)),
        }
    }

    /// The token at hand, or the request that will bring one.
    fn usable(&self) -> Result<AccessToken, Landing> {
        let mut state = self.0.lock();
        let now = Instant::now();
        let usable = state
            .held
            .as_ref()
            .filter(|held| now < held.usable_until)
            .map(|held| (held.token.clone(), now >= held.renew_at));
        match usable {
            Some((token, renew)) => {
                if renew && !state.is_flying() {
                    state.flight = Some(self.depart(Some(token.clone())));
                }
                Ok(token)
            }
            None => Err(match &state.flight {
                Some(flight) if state.is_flying() => flight.clone(),
                _ => state.flight.insert(self.depart(None)).clone(),
            }),
        }
    }

    /// The way to the gateway.
    pub(crate) fn route(&self) -> &Route {
        &self.0.settings.route
    }

    /// Says that the gateway no longer accepts a token. The next [`token`](Self::token) is another one.
    ///
    /// Does nothing if the token has been replaced already, so many callers may report the same one.
    pub fn discard(&self, token: &AccessToken) {
        let mut state = self.0.lock();
        if state.held.as_ref().is_some_and(|held| held.token == *token) {
            state.held = None;
            state.dead = Some(token.clone());
        }
    }

    /// The gateway has called a token dead in a request that was begun at the given time.
    ///
    /// A token that has taken the place of another is kept for a while, since a node of the gateway may not know it yet,
    /// and would know a third even less.
    pub(crate) fn called_dead(&self, token: &AccessToken, begun: Instant) -> Death {
        let replaced = self.replaces(token);
        let now = Instant::now();
        let mut state = self.0.lock();
        let refusals = state.refusals.get_or_insert(Refusals {
            times: 0,
            since: now,
            last: begun,
            held_until: now,
        });
        if refusals.times == 0 || begun > refusals.last {
            refusals.times = refusals.times.saturating_add(1);
            refusals.last = now;
        }
        self.0.refused.store(true, Ordering::Relaxed);
        Death {
            replaced,
            times: refusals.times,
            lasted: now.saturating_duration_since(refusals.since),
        }
    }

    /// Lets no call begin for a while, unless a token is accepted first.
    pub(crate) fn hold_back(&self, wait: Duration) {
        if let Some(refusals) = &mut self.0.lock().refusals {
            let until = Instant::now() + wait;
            refusals.held_until = refusals.held_until.max(until);
        }
    }

    /// Waits until a call may begin.
    pub(crate) async fn let_begin(&self) {
        if self.0.refused.load(Ordering::Relaxed) {
            let until = self.0.lock().refusals.map(|refusals| refusals.held_until);
            if let Some(until) = until {
                tokio::time::sleep_until(until).await;
            }
        }
    }

    /// The gateway has let a request pass that was begun at the given time.
    pub(crate) fn let_pass(&self, begun: Instant) {
        // Hardly ever, so that successes need no lock.
        if self.0.refused.load(Ordering::Relaxed) {
            let mut state = self.0.lock();
            if state.refusals.take_if(|refusals| begun > refusals.last).is_some() {
                self.0.refused.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Whether the next token is another one than this, which the gateway has called dead.
    fn replaces(&self, token: &AccessToken) -> bool {
        {
            let mut state = self.0.lock();
            let Some(held) = state.held.as_mut().filter(|held| held.token == *token) else {
                // Replaced, or about to be.
                return true;
            };
            let now = Instant::now();
            let doubt = *held.doubt.get_or_insert(Doubt {
                since: now,
                keep_until: now + GRACE,
            });
            if held.is_successor && now < doubt.keep_until {
                self.0.doubted.store(true, Ordering::Relaxed);
                return false;
            }
        }
        self.discard(token);
        true
    }

    /// The gateway has accepted a token in a request that was begun at the given time.
    pub(crate) fn accepted(&self, token: &AccessToken, begun: Instant) {
        // Hardly ever, so that successes need no lock.
        if !self.0.doubted.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.0.lock();
        let doubt = state.held.as_mut().filter(|held| held.token == *token);
        if let Some(doubt) = doubt.and_then(|held| held.doubt.as_mut())
            && begun > doubt.since
        {
            doubt.keep_until = Instant::now() + DISAGREEMENT;
        }
    }

    /// How long the token at hand will be used; `None` if there is none.
    #[must_use]
    pub fn remaining_life(&self) -> Option<Duration> {
        let held = self.0.lock().held.clone()?;
        held.usable_until
            .checked_duration_since(Instant::now())
            .filter(|life| !life.is_zero())
    }

    /// Starts the one request. It runs on its own, so that no caller who gives up takes it from the others.
    fn depart(&self, renewed: Option<AccessToken>) -> Landing {
        let (sender, landing) = watch::channel(None);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let result = shared.obtain(renewed).await;
            let landed = shared.land(result);
            // Nobody may be waiting for a renewal.
            let _ = sender.send(Some(landed));
        });
        landing
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("base_url", &self.0.settings.base_url)
            .field("app_key", &self.0.settings.credentials.app_key())
            .finish_non_exhaustive()
    }
}

fn interrupted() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the request for an access token was interrupted, because its runtime has been shut down",
    )
}

impl State {
    fn is_flying(&self) -> bool {
        // A sender that is gone without a value has been dropped together with its runtime.
        self.flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok())
    }
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Refresh,
}

impl Action {
    fn path(self) -> &'static str {
        match self {
            Self::Get => "/apim-token-service/v2.0/token/get",
            Self::Refresh => "/apim-token-service/v2.0/token/refresh",
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Get => "token/get",
            Self::Refresh => "token/refresh",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    app_key: &'a str,
    encryption: &'a str,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    data: Option<TokenData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenData {
    access_token: String,
    // Optional, so that an answer without it is read.
    #[serde(default, deserialize_with = "lenient_seconds")]
    expire: Option<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, and the state is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn land(&self, result: Result<Held, Error>) -> Result<AccessToken, Error> {
        let mut state = self.lock();
        state.flight = None;
        match result {
            Ok(mut held) => {
                let token = held.token.clone();
                held.is_successor = state.held.is_some() || state.dead.is_some();
                self.doubted.store(false, Ordering::Relaxed);
                state.held = Some(held);
                Ok(token)
            }
            Err(error) => {
                if let Some(held) = &mut state.held {
                    held.renew_at = Instant::now() + RENEWAL_PAUSE;
                    tracing::warn!(
                        kind = ?error.kind(),
                        status = error.status().map(|status| status.as_u16()),
                        code = error.code(),
                        "the access token could not be renewed; the old one stays in use"
                    );
                }
                Err(error)
            }
        }
    }

    /// Gets a token that is neither dead nor about to expire.
    async fn obtain(&self, renewed: Option<AccessToken>) -> Result<Held, Error> {
        if let Some(old) = renewed {
            // Asking again would only return the same token, so renewal means refresh.
            match self.request(Action::Refresh, Some(&old)).await {
                // The service has answered, and it will not refresh: get is what remains.
                Err(error) if error.code().is_some() => {}
                result => return result,
            }
        }
        let held = self.request(Action::Get, None).await?;
        if !self.is_useless(&held) {
            return Ok(held);
        }
        // The service returns the same token until it expires, also one that the gateway no longer takes.
        match self.request(Action::Refresh, Some(&held.token)).await {
            // It may have expired in between, and then get makes a new one.
            Err(error) if error.token_died() => match self.request(Action::Get, None).await {
                Ok(held) if self.is_useless(&held) => Err(error),
                result => result,
            },
            result => result,
        }
    }

    fn is_useless(&self, held: &Held) -> bool {
        held.usable_until <= Instant::now() || self.lock().dead.as_ref() == Some(&held.token)
    }

    async fn request(&self, action: Action, old: Option<&AccessToken>) -> Result<Held, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.attempt(action, old).await {
                Ok(held) => {
                    tracing::debug!(operation = action.operation(), attempts, "access token obtained");
                    return Ok(held);
                }
                // The call that needs the token has not been sent, whatever became of this request.
                Err(error) => error.in_operation(action.operation(), attempts, Reach::NeverSent),
            };
            tracing::debug!(
                operation = action.operation(),
                attempts,
                kind = ?error.kind(),
                status = error.status().map(|status| status.as_u16()),
                code = error.code(),
                "no access token"
            );
            let decision = self
                .settings
                .retry
                .decide(&Failure::of(&error, attempts, None), fastrand::f64());
            match decision {
                Decision::Permanent | Decision::Exhausted => return Err(error),
                // Another timestamp is all that a repeated one needs.
                Decision::Continue(_) if is_repetition(&error) => {}
                Decision::Continue(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    async fn attempt(&self, action: Action, old: Option<&AccessToken>) -> Result<Held, Error> {
        let settings = &self.settings;
        // A request that is never sent twice is too important to be left to whoever made the clock.
        let timestamp = advance(&self.last_timestamp, settings.clock.unique_ms());
        let encryption = sign::token_encryption(
            settings.credentials.app_key(),
            timestamp,
            settings.credentials.app_secret(),
        );
        let secrets = [
            encryption.as_str(),
            old.map(AccessToken::expose).unwrap_or_default(),
            settings.credentials.app_secret().expose(),
        ];
        let body = serde_json::to_vec(&TokenRequest {
            app_key: settings.credentials.app_key(),
            encryption: encryption.as_str(),
            timestamp,
            access_token: old.map(AccessToken::expose),
        })
        .map_err(|error| {
            Error::new(ErrorKind::Internal, "the token request could not be written").with_source(error)
        })?;

        let asked_at = Instant::now();
        let exchange = async {
            let request = settings
                .http
                .post(format!("{}{}", settings.base_url, action.path()))
                .header(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json;charset=UTF-8"),
                )
                .body(Bytes::from(body));
            let response = request.send().await;
            let response = response.map_err(|error| transport_error(error, &settings.route))?;
            let status = response.status();
            let headers = response.headers().clone();
            Ok::<_, Error>((status, headers, read_start(response, &settings.route).await))
        };
        let limit = AttemptLimit::new(settings.attempt_timeout, None);
        let (status, headers, start) = tokio::time::timeout(limit.time, exchange)
            .await
            .unwrap_or_else(|_| Err(limit.passed()))?;

        if status == StatusCode::OK {
            start.end.map_err(|error| error.with_status(status))?;
            if let Some(held) = read_token(&start.bytes, asked_at).map_err(|error| error.with_status(status))? {
                return Ok(held);
            }
        }
        let answer = OddAnswer {
            status,
            headers: &headers,
            body: &start.bytes,
            now: system_time(&*settings.clock),
            grants_tokens: true,
        };
        Err(answer.into_error::<GatewayErrorCode>(&secrets))
    }
}

fn is_repetition(error: &Error) -> bool {
    error.code_info().is_some_and(|info| info.category == Category::Replay)
}

/// Reads a token from an answer; `None` if the answer does not report success or has no token in it.
fn read_token(body: &[u8], asked_at: Instant) -> Result<Option<Held>, Error> {
    let succeeded = Verdict::of_body(body).is_some_and(|verdict| verdict.status.or(verdict.code) == Some(0));
    if !succeeded {
        return Ok(None);
    }
    let Some(data) = serde_json::from_slice::<TokenAnswer>(body)
        .ok()
        .and_then(|answer| answer.data)
    else {
        return Ok(None);
    };
    let token = AccessToken::new(data.access_token).map_err(|_| {
        Error::new(
            ErrorKind::MalformedAnswer,
            "the token service answered a token that an HTTP header cannot carry",
        )
    })?;
    // A life that is not told is the documented one; one that is over is over.
    let life = Duration::from_secs(data.expire.unwrap_or(DOCUMENTED_LIFE));
    Ok(Some(Held::new(token, asked_at, life, fastrand::f64())))
}

/// A number of seconds, also one in quotes or with a fraction. What is negative is over, and what is too large is cut.
fn lenient_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the conversion saturates at both ends"
    )]
    Ok(seconds
        .filter(|seconds: &f64| !seconds.is_nan())
        .map(|seconds| seconds as u64))
}

impl Held {
    /// `jitter` is a random number from 0 to 1.
    fn new(token: AccessToken, asked_at: Instant, life: Duration, jitter: f64) -> Self {
        // A life beyond a year is no less than one; the bound keeps the addition from overflowing.
        let life = life.min(Duration::from_hours(365 * 24));
        let lead = (life / 10).min(LONGEST_LEAD);
        Self {
            token,
            renew_at: asked_at + life - lead.mul_f64(1.0 + jitter / 2.0),
            usable_until: asked_at + life.saturating_sub(MARGIN),
            is_successor: false,
            doubt: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_leads_expiry_by_a_tenth_of_the_life_and_five_minutes_at_most() {
        let now = Instant::now();
        let held = |seconds, jitter| {
            let token = AccessToken::new("t").unwrap();
            let held = Held::new(token, now, Duration::from_secs(seconds), jitter);
            (held.renew_at - now, held.usable_until - now)
        };
        let seconds = Duration::from_secs_f64;
        assert_eq!(held(7200, 0.0), (seconds(6900.0), seconds(7199.0)));
        assert_eq!(held(7200, 1.0), (seconds(6750.0), seconds(7199.0)));
        assert_eq!(held(20, 0.0), (seconds(18.0), seconds(19.0)));
        assert_eq!(held(0, 1.0), (seconds(0.0), seconds(0.0)));
    }

    #[test]
    fn a_life_that_is_not_told_is_the_documented_one() {
        let now = Instant::now();
        for (expire, life) in [
            ("", 7200),
            (r#","expire":null"#, 7200),
            (r#","expire":"soon""#, 7200),
            (r#","expire":"NaN""#, 7200),
            (r#","expire":[1]"#, 7200),
            (r#","expire":600"#, 600),
            (r#","expire":"600""#, 600),
            (r#","expire":600.9"#, 600),
            (r#","expire":0"#, 0),
            (r#","expire":-5"#, 0),
            (r#","expire":-1e300"#, 0),
            (r#","expire":9223372036854775807"#, 31_536_000),
            (r#","expire":18446744073709551616"#, 31_536_000),
            (r#","expire":1e300"#, 31_536_000),
        ] {
            let body = format!(r#"{{"status":0,"data":{{"accessToken":"t"{expire}}}}}"#);
            let held = read_token(body.as_bytes(), now).unwrap().unwrap();
            let life = Duration::from_secs(life).saturating_sub(MARGIN);
            assert_eq!(held.usable_until - now, life, "{expire}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_no_success() {
        let now = Instant::now();
        for body in [
            r#"{"status":0,"msg":"SUCCESS"}"#,
            r#"{"status":0,"data":null}"#,
            r#"{"status":0,"data":{"expire":7200}}"#,
            r#"{"status":1003,"data":{"accessToken":"t","expire":1}}"#,
            r#"{"data":{"accessToken":"t","expire":1}}"#,
        ] {
            assert!(read_token(body.as_bytes(), now).unwrap().is_none(), "{body}");
        }
        for body in [
            r#"{"status":0,"data":{"accessToken":"t","expire":7200}}"#,
            r#"{"stauts":0,"data":{"accessToken":"t","expire":"7200"}}"#,
            r#"{"code":0,"data":{"accessToken":"t","expire":7200,"more":1}}"#,
        ] {
            assert!(read_token(body.as_bytes(), now).unwrap().is_some(), "{body}");
        }
    }
}
