//! The kinds of faults, and which requests they strike.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::readings::MixedList;

/// The requests that a [`Fault`](crate::Fault) strikes. Those to `/_emulator` are never struck.
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
    pub(super) fn covers(self, endpoint: Endpoint) -> bool {
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
    Http(ForeignAnswer),
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
    /// The request is applied. In its answer, if that is a list, one row or all are odd. Rows of another kind than tasks
    /// are so in other members. A fault for a device that is not on the page has no effect, but counts as one that struck.
    OddRow {
        /// What is odd.
        oddity: Oddity,
        /// Which rows are.
        #[serde(default)]
        rows: OddRows,
    },
    /// A `search` or `searchTask` is answered with the first page, whatever page it asks for; `pageNo` says what was asked
    /// for. It strikes other requests too if its scope has them, without any effect.
    RepeatFirstPage {
        /// What the answer says there is in all.
        total_size: u64,
    },
    /// The request is applied, and its answer has neither `data` nor `pagination`.
    NoData,
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
            Self::Http(_) => "http",
            Self::BigBody { .. } => "bigBody",
            Self::TruncatedBody => "truncatedBody",
            Self::SlowBody { .. } => "slowBody",
            Self::CutBeforeApplying => "cutBeforeApplying",
            Self::CutAfterApplying => "cutAfterApplying",
            Self::Code { .. } => "code",
            Self::TokenStatus { .. } => "tokenStatus",
            Self::ApimStatus { .. } => "apimStatus",
            Self::OddRow { .. } => "oddRow",
            Self::RepeatFirstPage { .. } => "repeatFirstPage",
            Self::NoData => "noData",
        }
    }
}

impl FaultKind {
    /// Whether the fault decides the answer, so that there can be only one of the kind.
    pub(super) fn is_decisive(&self) -> bool {
        !matches!(
            self,
            Self::Latency { .. }
                | Self::DelayAnswer { .. }
                | Self::KillToken
                | Self::MixedList { .. }
                | Self::StaleReads { .. }
                | Self::RepeatFirstPage { .. }
        )
    }
}

/// An HTTP answer that is not the platform's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ForeignAnswer {
    /// The HTTP status: 200 to 599.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: FaultBody,
    /// The header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// The header `Location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether the request is applied first, as when a gateway gives up waiting for a service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_applying: bool,
}

impl ForeignAnswer {
    pub(crate) fn new(status: u16, body: FaultBody) -> Self {
        Self {
            status,
            body,
            retry_after: None,
            location: None,
            after_applying: false,
        }
    }
}

/// What is odd in a row of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Oddity {
    /// `desc` is half of a surrogate pair, `"\ud800"`: JSON, but no text that UTF-8 can hold.
    LoneSurrogate,
    /// `desc` has the byte 0xFF, which occurs in no UTF-8.
    InvalidUtf8,
    /// `progress` is -1.5.
    FractionalProgress,
    /// `desc` is an object.
    ObjectDesc,
    /// `desc` has 9,000,000 characters.
    HugeDesc,
    /// The row is a task of another job (`ffffffffffffffffffffffff`) of the same device, which has succeeded.
    OtherJob,
    /// The row is a task of another organization (`o00000000000000`), which has succeeded.
    OtherOrg,
}

/// Which rows of a page are odd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OddRows {
    /// The first.
    #[default]
    First,
    /// All.
    All,
    /// That of a device.
    Device(String),
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
