//! What the emulator can be told to do wrong.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::random::Random;
use crate::readings::MixedList;
use crate::state::LONGEST_LAG_MS;

/// An order to misbehave: what, on which requests, how often.
///
/// Faults wait in a queue, [`FaultQueue`]. A request goes through the queue from the front and takes from it
///
/// - every fault that matches and leaves the answer as it is (`latency`, `delayAnswer`, `killToken`, `mixedList`,
///   `staleReads`), and
/// - the first one that matches and decides the answer: all others.
///
/// A new fault strikes once; [`times`](Fault::times) and [`forever`](Fault::forever) change that.
///
/// ```
/// use enos_ota_emulator::{Action, Fault, Scope};
///
/// // The first two retryTask calls are answered 503, every tenth later one loses its answer.
/// let faults = [
///     Fault::http(503).on(Scope::Action(Action::RetryTask)).times(2),
///     Fault::cut_after_applying().on(Scope::Action(Action::RetryTask)).probability(0.1).forever(),
/// ];
/// assert_eq!(
///     serde_json::to_string(&faults[0])?,
///     r#"{"scope":{"action":"retryTask"},"times":2,"fault":{"kind":"http","status":503,"body":"plain"}}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Over HTTP, `POST /_emulator/faults` takes this JSON, or an array of it. `scope` is `any` (the default), `token`,
/// `tokenGet`, `tokenRefresh`, `jobs` or `{"action": NAME}`; `times` is 1 by default, and null for ever; `probability`
/// is 1 by default. `kind` and its fields are those of [`FaultKind`] in camel case:
/// `{"kind": "http", "status": 429, "retryAfter": {"seconds": 5}}` or
/// `{"kind": "slowBody", "chunkBytes": 16, "intervalMs": 50}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    scope: Scope,
    #[serde(default = "once")]
    times: Option<u32>,
    #[serde(default = "always", skip_serializing_if = "is_always")]
    probability: f64,
    #[serde(rename = "fault")]
    kind: FaultKind,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the type of the field")]
fn once() -> Option<u32> {
    Some(1)
}

fn always() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_always(probability: &f64) -> bool {
    *probability >= 1.0
}

/// The requests that a [`Fault`] strikes. Those to `/_emulator` are never struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Every request.
    #[default]
    Any,
    /// Every request to the token service.
    Token,
    /// `token/get`.
    TokenGet,
    /// `token/refresh`.
    TokenRefresh,
    /// Every request to `/connect-service/v2.1/ota-jobs`.
    Jobs,
    /// Those with this `action`.
    Action(Action),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    TokenGet,
    TokenRefresh,
    Jobs(Option<Action>),
}

impl Scope {
    fn covers(self, endpoint: Endpoint) -> bool {
        match self {
            Self::Any => true,
            Self::Token => matches!(endpoint, Endpoint::TokenGet | Endpoint::TokenRefresh),
            Self::TokenGet => endpoint == Endpoint::TokenGet,
            Self::TokenRefresh => endpoint == Endpoint::TokenRefresh,
            Self::Jobs => matches!(endpoint, Endpoint::Jobs(_)),
            Self::Action(action) => endpoint == Endpoint::Jobs(Some(action)),
        }
    }
}

/// What goes wrong.
///
/// "Applied" means that the request has had its whole effect: tasks retried, token issued, `encryption` used up. Where
/// nothing else is said a fault strikes before that, so that the request has had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[non_exhaustive]
pub enum FaultKind {
    /// The request waits before it is looked at. It is applied afterwards, even if the client has gone by then.
    Latency {
        /// For how long, in milliseconds, of real time unless [`Waits`](crate::Waits) says otherwise.
        ms: u64,
    },
    /// The request is applied at once, and its answer waits.
    DelayAnswer {
        /// For how long, in milliseconds, of real time unless [`Waits`](crate::Waits) says otherwise.
        ms: u64,
    },
    /// All tokens die before the request is looked at.
    KillToken,
    /// The request is applied with this rule for lists in which only some tasks can be retried or cancelled.
    MixedList {
        /// The rule.
        mode: MixedList,
    },
    /// A `get`, `search` or `searchTask` is shown the past, as with
    /// [`EmulatorBuilder::stale_reads`](crate::EmulatorBuilder::stale_reads). It strikes other requests too if its
    /// scope has them, without any effect.
    StaleReads {
        /// How far back, in milliseconds by the emulator's clock: at most 10,000.
        ms: u64,
    },
    /// An HTTP answer that is not the platform's: of a proxy, or of an overloaded gateway.
    Http {
        /// The HTTP status: 200 to 599.
        status: u16,
        /// The body.
        #[serde(default)]
        body: FaultBody,
        /// The header `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The header `Location`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Whether the request is applied first, as when a gateway gives up waiting for a service.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        after_applying: bool,
    },
    /// HTTP 200 with a JSON body that is so big that a client should not read it to its end.
    BigBody {
        /// How many megabytes (1,000,000 bytes).
        megabytes: u32,
    },
    /// The request is applied. Of its answer only the first half of the body is sent, then the connection is closed.
    TruncatedBody,
    /// The request is applied, and its answer sent piece by piece.
    SlowBody {
        /// How many bytes in a piece.
        chunk_bytes: usize,
        /// How long to wait before each piece, in milliseconds, of real time unless [`Waits`](crate::Waits) says otherwise.
        interval_ms: u64,
    },
    /// The connection is closed without an answer.
    CutBeforeApplying,
    /// The request is applied, then the connection is closed without an answer.
    CutAfterApplying,
    /// An answer of the OTA service with this code.
    Code {
        /// The code.
        code: i64,
        /// The text; if it is empty, the documented text of the code.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        msg: String,
    },
    /// An answer of the token service, or a rejection by the gateway, with this `status`.
    TokenStatus {
        /// The code.
        status: i64,
        /// The text; if it is empty, the documented text of the code.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        msg: String,
    },
    /// HTTP 200 and `{"apim_status": N}`.
    ApimStatus {
        /// 4011 or 4012, as far as is known.
        apim_status: i64,
    },
}

impl FaultKind {
    /// The name of the kind, as in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::DelayAnswer { .. } => "delayAnswer",
            Self::KillToken => "killToken",
            Self::MixedList { .. } => "mixedList",
            Self::StaleReads { .. } => "staleReads",
            Self::Http { .. } => "http",
            Self::BigBody { .. } => "bigBody",
            Self::TruncatedBody => "truncatedBody",
            Self::SlowBody { .. } => "slowBody",
            Self::CutBeforeApplying => "cutBeforeApplying",
            Self::CutAfterApplying => "cutAfterApplying",
            Self::Code { .. } => "code",
            Self::TokenStatus { .. } => "tokenStatus",
            Self::ApimStatus { .. } => "apimStatus",
        }
    }
}

impl FaultKind {
    /// Whether the fault decides the answer, so that there can be only one of the kind.
    fn is_decisive(&self) -> bool {
        !matches!(
            self,
            Self::Latency { .. }
                | Self::DelayAnswer { .. }
                | Self::KillToken
                | Self::MixedList { .. }
                | Self::StaleReads { .. }
        )
    }
}

/// The body of an [`Http`](FaultKind::Http) fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultBody {
    /// The reason phrase of the status as plain text.
    #[default]
    Plain,
    /// JSON that is in none of the platform's envelopes.
    Json,
    /// An HTML page, as a proxy shows it.
    Html,
    /// `{"message":"..."}` with the text of the status, as the platform's gateway refuses a request. The texts of 400,
    /// 401, 403, 413, 429, 500 and 503 are documented; those of 404, 502 and 504 are the Kong gateway's, and so is the
    /// form (inferred).
    Gateway,
    /// Nothing.
    Empty,
}

/// The header `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryAfter {
    /// As a number of seconds.
    Seconds(u32),
    /// As a date, so many seconds after the emulator's present time.
    DateInSeconds(u32),
}

impl Fault {
    /// A fault of the given kind that strikes the next request, whatever it is.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            scope: Scope::Any,
            times: once(),
            probability: always(),
            kind,
        }
    }

    /// Makes a request wait before it is looked at.
    #[must_use]
    pub fn latency(time: Duration) -> Self {
        Self::new(FaultKind::Latency { ms: whole_ms(time) })
    }

    /// Applies a request at once and makes its answer wait.
    #[must_use]
    pub fn delay_answer(time: Duration) -> Self {
        Self::new(FaultKind::DelayAnswer { ms: whole_ms(time) })
    }

    /// Kills all tokens before the request is looked at.
    #[must_use]
    pub fn kill_token() -> Self {
        Self::new(FaultKind::KillToken)
    }

    /// Applies a request with another rule for mixed lists.
    #[must_use]
    pub fn mixed_list(mode: MixedList) -> Self {
        Self::new(FaultKind::MixedList { mode })
    }

    /// Shows a reader the past: at most ten seconds back.
    #[must_use]
    pub fn stale_reads(lag: Duration) -> Self {
        Self::new(FaultKind::StaleReads { ms: whole_ms(lag) })
    }

    /// Answers with an HTTP status and a line of plain text, without applying the request.
    #[must_use]
    pub fn http(status: u16) -> Self {
        Self::http_body(status, FaultBody::Plain)
    }

    /// Answers with an HTTP status and the given body, without applying the request.
    #[must_use]
    pub fn http_body(status: u16, body: FaultBody) -> Self {
        Self::new(FaultKind::Http {
            status,
            body,
            retry_after: None,
            location: None,
            after_applying: false,
        })
    }

    /// Answers 429, without applying the request.
    #[must_use]
    pub fn throttled(retry_after: Option<RetryAfter>) -> Self {
        let (status, body) = (429, FaultBody::Plain);
        Self::new(FaultKind::Http {
            status,
            body,
            retry_after,
            location: None,
            after_applying: false,
        })
    }

    /// Refuses a request as the platform's gateway does, with `{"message":"..."}`, without applying it. The status is 400,
    /// 401, 403, 404, 413, 429, 500 or 503; see [`FaultBody::Gateway`].
    #[must_use]
    pub fn refused_by_gateway(status: u16) -> Self {
        Self::http_body(status, FaultBody::Gateway)
    }

    /// Applies the request, while the gateway gives up waiting for the service and answers 504 with its message. That the
    /// owner of an API may set such a timeout is documented; its status is not, and 504 is Kong's (inferred).
    #[must_use]
    pub fn backend_timeout() -> Self {
        Self::new(FaultKind::Http {
            status: 504,
            body: FaultBody::Gateway,
            retry_after: None,
            location: None,
            after_applying: true,
        })
    }

    /// Answers with an HTML page, without applying the request.
    #[must_use]
    pub fn html_page(status: u16) -> Self {
        Self::http_body(status, FaultBody::Html)
    }

    /// Answers with a status and no body, without applying the request.
    #[must_use]
    pub fn empty_body(status: u16) -> Self {
        Self::http_body(status, FaultBody::Empty)
    }

    /// Sends the client elsewhere (307), without applying the request.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        let (status, body) = (307, FaultBody::Empty);
        let location = Some(location.into());
        Self::new(FaultKind::Http {
            status,
            body,
            retry_after: None,
            location,
            after_applying: false,
        })
    }

    /// Applies the request, then answers with an HTTP status and a line of plain text.
    #[must_use]
    pub fn http_after_applying(status: u16) -> Self {
        let body = FaultBody::Plain;
        Self::new(FaultKind::Http {
            status,
            body,
            retry_after: None,
            location: None,
            after_applying: true,
        })
    }

    /// Answers with so many megabytes, without applying the request.
    #[must_use]
    pub fn big_body(megabytes: u32) -> Self {
        Self::new(FaultKind::BigBody { megabytes })
    }

    /// Applies the request and sends only half of the answer's body.
    #[must_use]
    pub fn truncated_body() -> Self {
        Self::new(FaultKind::TruncatedBody)
    }

    /// Applies the request and sends the answer's body piece by piece.
    #[must_use]
    pub fn slow_body(chunk_bytes: usize, interval: Duration) -> Self {
        Self::new(FaultKind::SlowBody {
            chunk_bytes,
            interval_ms: whole_ms(interval),
        })
    }

    /// Closes the connection without an answer; the request is not applied.
    #[must_use]
    pub fn cut_before_applying() -> Self {
        Self::new(FaultKind::CutBeforeApplying)
    }

    /// Applies the request, then closes the connection without an answer.
    #[must_use]
    pub fn cut_after_applying() -> Self {
        Self::new(FaultKind::CutAfterApplying)
    }

    /// Answers with a code of the OTA service, without applying the request.
    #[must_use]
    pub fn code(code: i64, msg: impl Into<String>) -> Self {
        Self::new(FaultKind::Code { code, msg: msg.into() })
    }

    /// Answers with a `status`, without applying the request.
    #[must_use]
    pub fn token_status(status: i64, msg: impl Into<String>) -> Self {
        Self::new(FaultKind::TokenStatus {
            status,
            msg: msg.into(),
        })
    }

    /// Answers with an `apim_status`, without applying the request.
    #[must_use]
    pub fn apim_status(apim_status: i64) -> Self {
        Self::new(FaultKind::ApimStatus { apim_status })
    }

    /// Limits the fault to some requests.
    #[must_use]
    pub fn on(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Makes the fault strike so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Makes the fault strike until it is cleared.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Makes the fault strike only with this probability, 0 to 1, each time it could. The dice are those of
    /// [`EmulatorBuilder::seed`](crate::EmulatorBuilder::seed), so a test sees the same throws in every run.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// What goes wrong.
    #[must_use]
    pub fn kind(&self) -> &FaultKind {
        &self.kind
    }

    /// How often the fault will still strike; `None` for ever.
    #[must_use]
    pub fn remaining(&self) -> Option<u32> {
        self.times
    }

    /// Whether the numbers of a fault that came over HTTP make sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("`probability` is {}, expected 0 to 1", self.probability));
        }
        match &self.kind {
            FaultKind::Http { status, .. }
                if !(200..=599).contains(status) || StatusCode::from_u16(*status).is_err() =>
            {
                Err(format!("`status` is {status}, expected an HTTP status from 200 to 599"))
            }
            FaultKind::SlowBody { chunk_bytes: 0, .. } => Err("`chunkBytes` is 0".to_owned()),
            FaultKind::StaleReads { ms } if *ms > LONGEST_LAG_MS.unsigned_abs() => {
                Err(format!("`ms` is {ms}, expected at most {LONGEST_LAG_MS}"))
            }
            FaultKind::StaleReads { .. }
            | FaultKind::Latency { .. }
            | FaultKind::DelayAnswer { .. }
            | FaultKind::KillToken
            | FaultKind::MixedList { .. }
            | FaultKind::Http { .. }
            | FaultKind::BigBody { .. }
            | FaultKind::TruncatedBody
            | FaultKind::SlowBody { .. }
            | FaultKind::CutBeforeApplying
            | FaultKind::CutAfterApplying
            | FaultKind::Code { .. }
            | FaultKind::TokenStatus { .. }
            | FaultKind::ApimStatus { .. } => Ok(()),
        }
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The faults that are yet to strike, in order.
#[derive(Debug)]
pub struct FaultQueue(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    faults: Vec<Fault>,
    random: Random,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) latency: Duration,
    pub(crate) delay_answer: Duration,
    pub(crate) kill_token: bool,
    pub(crate) mixed_list: Option<MixedList>,
    pub(crate) stale_reads_ms: Option<i64>,
    /// The fault that decides the answer.
    pub(crate) decisive: Option<FaultKind>,
    /// The names of all, for the journal.
    pub(crate) names: Vec<&'static str>,
}

impl Plan {
    fn take(&mut self, fault: &FaultKind) {
        self.names.push(fault.name());
        match fault {
            FaultKind::Latency { ms } => self.latency += Duration::from_millis(*ms),
            FaultKind::DelayAnswer { ms } => self.delay_answer += Duration::from_millis(*ms),
            FaultKind::KillToken => self.kill_token = true,
            FaultKind::MixedList { mode } => self.mixed_list = Some(*mode),
            FaultKind::StaleReads { ms } => {
                self.stale_reads_ms = Some(i64::try_from(*ms).unwrap_or(LONGEST_LAG_MS).min(LONGEST_LAG_MS));
            }
            FaultKind::Http { .. }
            | FaultKind::BigBody { .. }
            | FaultKind::TruncatedBody
            | FaultKind::SlowBody { .. }
            | FaultKind::CutBeforeApplying
            | FaultKind::CutAfterApplying
            | FaultKind::Code { .. }
            | FaultKind::TokenStatus { .. }
            | FaultKind::ApimStatus { .. } => self.decisive = Some(fault.clone()),
        }
    }
}

impl FaultQueue {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self(Mutex::new(Queue {
            faults,
            random: Random::seeded(seed),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: nothing below stops halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault at the end of the queue.
    pub fn push(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// The faults that are yet to strike.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    pub(crate) fn extend(&self, faults: Vec<Fault>) {
        self.lock().faults.extend(faults);
    }

    /// Takes from the queue what strikes a request.
    pub(crate) fn draw(&self, endpoint: Endpoint) -> Plan {
        let mut queue = self.lock();
        let Queue { faults, random } = &mut *queue;
        let mut plan = Plan::default();
        for fault in faults.iter_mut() {
            if !fault.scope.covers(endpoint) || fault.times == Some(0) {
                continue;
            }
            if fault.kind.is_decisive() && plan.decisive.is_some() {
                continue;
            }
            if !is_always(&fault.probability) && !random.chance(fault.probability) {
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            plan.take(&fault.kind);
        }
        faults.retain(|fault| fault.times != Some(0));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Endpoint = Endpoint::Jobs(Some(Action::RetryTask));

    fn queue(faults: impl IntoIterator<Item = Fault>) -> FaultQueue {
        FaultQueue::new(faults.into_iter().collect(), 0)
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told() {
        let queue = queue([Fault::http(503).times(2)]);
        let strikes: Vec<bool> = (0..4).map(|_| queue.draw(RETRY).decisive.is_some()).collect();
        assert_eq!(strikes, [true, true, false, false]);
        assert_eq!(queue.pending(), []);
    }

    #[test]
    fn a_fault_without_end_stays_until_it_is_cleared() {
        let queue = queue([Fault::http(503).forever()]);
        assert!((0..100).all(|_| queue.draw(RETRY).decisive.is_some()));
        queue.clear();
        assert!(queue.draw(RETRY).decisive.is_none());
    }

    #[test]
    fn the_first_decisive_fault_decides_and_the_second_waits_for_the_next_request() {
        let queue = queue([Fault::http(503), Fault::code(24500, "")]);
        assert!(matches!(
            queue.draw(RETRY).decisive,
            Some(FaultKind::Http { status: 503, .. })
        ));
        assert!(matches!(
            queue.draw(RETRY).decisive,
            Some(FaultKind::Code { code: 24500, .. })
        ));
    }

    #[test]
    fn faults_that_leave_the_answer_alone_strike_together() {
        let queue = queue([
            Fault::http(503),
            Fault::latency(Duration::from_millis(3)),
            Fault::latency(Duration::from_millis(4)),
            Fault::kill_token(),
        ]);
        let plan = queue.draw(RETRY);
        assert_eq!(plan.latency, Duration::from_millis(7));
        assert!(plan.kill_token);
        assert_eq!(plan.names, ["http", "latency", "latency", "killToken"]);
    }

    #[test]
    fn a_fault_strikes_only_in_its_scope() {
        let all = [Endpoint::TokenGet, Endpoint::TokenRefresh, RETRY, Endpoint::Jobs(None)];
        let struck = |scope| all.map(|endpoint| queue([Fault::http(500).on(scope)]).draw(endpoint).decisive.is_some());
        assert_eq!(struck(Scope::Any), [true, true, true, true]);
        assert_eq!(struck(Scope::Token), [true, true, false, false]);
        assert_eq!(struck(Scope::TokenGet), [true, false, false, false]);
        assert_eq!(struck(Scope::TokenRefresh), [false, true, false, false]);
        assert_eq!(struck(Scope::Jobs), [false, false, true, true]);
        assert_eq!(struck(Scope::Action(Action::RetryTask)), [false, false, true, false]);
        assert_eq!(struck(Scope::Action(Action::Get)), [false, false, false, false]);
    }

    #[test]
    fn the_dice_fall_the_same_way_for_the_same_seed() {
        let throws = |seed| -> Vec<bool> {
            let queue = FaultQueue::new(vec![Fault::http(500).probability(0.5).forever()], seed);
            (0..64).map(|_| queue.draw(RETRY).decisive.is_some()).collect()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
        assert!(throws(1).contains(&true) && throws(1).contains(&false));
    }
}
