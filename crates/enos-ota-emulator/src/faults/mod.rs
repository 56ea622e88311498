//! What the emulator can be told to do wrong.

mod kind;
mod queue;
pub(crate) mod rows;

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

pub(crate) use self::kind::Endpoint;
pub use self::kind::{FaultBody, FaultKind, ForeignAnswer, OddRows, Oddity, RetryAfter, Scope};
pub use self::queue::FaultQueue;
pub(crate) use self::queue::Plan;
use crate::readings::MixedList;
use crate::setters::setters;
use crate::state::LONGEST_LAG_MS;

/// An order to misbehave: what, on which requests, how often.
///
/// Faults wait in a queue, [`FaultQueue`]. A request goes through the queue from the front and takes from it
///
/// - every fault that matches and leaves the form of the answer as it is (`latency`, `delayAnswer`, `killToken`,
///   `mixedList`, `staleReads`, `repeatFirstPage`), and
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

    fn foreign(answer: ForeignAnswer) -> Self {
        Self::new(FaultKind::Http(answer))
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
        Self::foreign(ForeignAnswer::new(status, body))
    }

    /// Answers 429, without applying the request.
    #[must_use]
    pub fn throttled(retry_after: Option<RetryAfter>) -> Self {
        Self::foreign(ForeignAnswer {
            retry_after,
            ..ForeignAnswer::new(429, FaultBody::Plain)
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
        Self::foreign(ForeignAnswer {
            after_applying: true,
            ..ForeignAnswer::new(504, FaultBody::Gateway)
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
        Self::foreign(ForeignAnswer {
            location: Some(location.into()),
            ..ForeignAnswer::new(307, FaultBody::Empty)
        })
    }

    /// Applies the request, then answers with an HTTP status and a line of plain text.
    #[must_use]
    pub fn http_after_applying(status: u16) -> Self {
        Self::foreign(ForeignAnswer {
            after_applying: true,
            ..ForeignAnswer::new(status, FaultBody::Plain)
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

    /// Applies a search and shows the first row of its page in a way that cannot be read, or of another job.
    #[must_use]
    pub fn odd_row(oddity: Oddity) -> Self {
        let rows = OddRows::First;
        Self::new(FaultKind::OddRow { oddity, rows })
    }

    /// The same for the row of one device, on whatever page it is.
    #[must_use]
    pub fn odd_device(oddity: Oddity, device_key: impl Into<String>) -> Self {
        let rows = OddRows::Device(device_key.into());
        Self::new(FaultKind::OddRow { oddity, rows })
    }

    /// The same for all rows of the page.
    #[must_use]
    pub fn odd_page(oddity: Oddity) -> Self {
        let rows = OddRows::All;
        Self::new(FaultKind::OddRow { oddity, rows })
    }

    /// Answers a search with its first page, whatever page it asks for, and says that there are so many in all.
    #[must_use]
    pub fn repeat_first_page(total_size: u64) -> Self {
        Self::new(FaultKind::RepeatFirstPage { total_size })
    }

    /// Applies the request and answers it with code 0, but without `data` and `pagination`.
    #[must_use]
    pub fn no_data() -> Self {
        Self::new(FaultKind::NoData)
    }

    setters! {
        /// Limits the fault to some requests.
        on(self, scope: Scope) { self.scope = scope; }

        /// Makes the fault strike so many times.
        times(self, times: u32) { self.times = Some(times); }

        /// Makes the fault strike until it is cleared.
        forever(self) { self.times = None; }

        /// Makes the fault strike only with this probability, 0 to 1, each time it could. The dice are those of
        /// [`EmulatorBuilder::seed`](crate::EmulatorBuilder::seed), so a test sees the same throws in every run.
        probability(self, probability: f64) { self.probability = probability; }
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
        if let FaultKind::Http(ForeignAnswer { status, .. }) = self.kind
            && (!(200..=599).contains(&status) || StatusCode::from_u16(status).is_err())
        {
            return Err(format!("`status` is {status}, expected an HTTP status from 200 to 599"));
        }
        if let FaultKind::SlowBody { chunk_bytes: 0, .. } = self.kind {
            return Err("`chunkBytes` is 0".to_owned());
        }
        if let FaultKind::StaleReads { ms } = self.kind
            && ms > LONGEST_LAG_MS.unsigned_abs()
        {
            return Err(format!("`ms` is {ms}, expected at most {LONGEST_LAG_MS}"));
        }
        Ok(())
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
