//! What can go wrong, in one type.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use enos_ota_client::{Category, CodeInfo, ErrorCode, GatewayErrorCode};
use enos_ota_sign::TokenError;
use http::StatusCode;

use crate::connect::ConnectProblem;
pub use crate::error_kind::ErrorKind;
use crate::refusal;
use crate::setting::Setting;

/// What went wrong with a call or a configuration.
///
/// The error is opaque: ask it with [`kind`](Self::kind), [`code`](Self::code) and the predicates. `Display` says in
/// one line what happened; [`source`](StdError::source) gives the cause and [`remedy`](Self::remedy) what to do. None
/// of the three ever contains the app secret, an access token or the `encryption` of a token request.
///
/// ```
/// # use enos_ota::{Error, RetryTaskErrorCode};
/// fn advise(error: &Error) -> &'static str {
///     match error.code_of::<RetryTaskErrorCode>() {
///         Some(RetryTaskErrorCode::JobNotRunning) => "start the job",
///         Some(RetryTaskErrorCode::TaskNotFailed) => "search for the tasks that did fail",
///         _ if error.outcome_unknown() => "search the tasks before sending again",
///         _ if error.is_retryable() => "try again later",
///         _ => "give up",
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// How far the request of a failed attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It surely did not leave this machine.
    NeverSent,
    /// The platform or the gateway answered, and the answer says that nothing was done.
    Refused,
    /// It left, and no answer says what became of it.
    Unknown,
}

#[derive(Clone)]
pub(crate) struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    code: Option<i64>,
    info: Option<&'static CodeInfo>,
    platform_message: Option<String>,
    /// Whether that is the text of the gateway, which has no codes.
    of_gateway: bool,
    status: Option<StatusCode>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    reach: Reach,
    token_died: bool,
    setting: Option<Setting>,
    note: Option<String>,
    connect: Option<ConnectProblem>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            code: None,
            info: None,
            platform_message: None,
            of_gateway: false,
            status: None,
            request_id: None,
            retry_after: None,
            attempts: 0,
            reach: Reach::NeverSent,
            token_died: false,
            setting: None,
            note: None,
            connect: None,
            source: None,
        }))
    }

    /// A connection that could not be made.
    pub(crate) fn of_connect_problem(kind: ErrorKind, problem: ConnectProblem) -> Self {
        let mut error = Self::new(kind, problem.summary())
            .with_note(Some(problem.remedy()))
            .with_source(problem.cause.clone());
        error.inner_mut().connect = Some(problem);
        error
    }

    /// An error that the platform reported with a code.
    pub(crate) fn of_code(code: i64, info: Option<&'static CodeInfo>, platform_message: Option<String>) -> Self {
        let kind = info.map_or(ErrorKind::UnknownCode, |info| ErrorKind::of_category(info.category));
        let message = message_of(code, info, platform_message.as_deref());
        let mut error = Self::new(kind, message);
        let inner = error.inner_mut();
        inner.code = Some(code);
        inner.info = info;
        inner.platform_message = platform_message;
        inner.token_died = info.is_some_and(|info| info.category == Category::TokenExpired);
        inner.reach = if kind == ErrorKind::Service {
            Reach::Unknown
        } else {
            Reach::Refused
        };
        error
    }

    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner_mut().source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner_mut().status = Some(status);
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.inner_mut().request_id = request_id;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.inner_mut().retry_after = retry_after;
        self
    }

    pub(crate) fn with_reach(mut self, reach: Reach) -> Self {
        self.inner_mut().reach = reach;
        self
    }

    pub(crate) fn with_code(mut self, code: i64) -> Self {
        self.inner_mut().code = Some(code);
        self
    }

    /// A refusal in the gateway's own words.
    pub(crate) fn with_gateway_message(mut self, message: String) -> Self {
        let inner = self.inner_mut();
        inner.platform_message = Some(message).filter(|message| !message.is_empty());
        inner.of_gateway = true;
        if inner.kind == ErrorKind::HttpStatus && inner.status == Some(StatusCode::BAD_REQUEST) {
            inner.kind = ErrorKind::InvalidArgument;
        }
        self
    }

    pub(crate) fn with_setting(mut self, setting: Setting) -> Self {
        self.inner_mut().setting = Some(setting);
        self
    }

    pub(crate) fn with_dead_token(mut self) -> Self {
        self.inner_mut().token_died = true;
        self
    }

    pub(crate) fn with_note(mut self, note: Option<String>) -> Self {
        self.inner_mut().note = note;
        self
    }

    pub(crate) fn in_operation(mut self, operation: &'static str, attempts: u32, reach: Reach) -> Self {
        let inner = self.inner_mut();
        inner.operation = Some(operation);
        inner.attempts = attempts;
        inner.reach = reach;
        self
    }

    /// Whether the gateway said that the token is dead.
    pub(crate) fn token_died(&self) -> bool {
        self.0.token_died
    }

    /// Whether the platform behind the gateway has answered, so that the token was accepted.
    pub(crate) fn has_passed(&self) -> bool {
        self.code().is_some() && self.kind() != ErrorKind::Unauthenticated
    }

    pub(crate) fn reach(&self) -> Reach {
        self.0.reach
    }

    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Why there is no connection, if that is what went wrong: who could not be connected to, at which address, and the
    /// cause. So that a program can name the setting that the address comes from.
    ///
    /// `None` for errors of other kinds than [`Resolve`](ErrorKind::Resolve), [`Connect`](ErrorKind::Connect) and
    /// [`Tls`](ErrorKind::Tls).
    #[must_use]
    pub fn connect_problem(&self) -> Option<&ConnectProblem> {
        self.0.connect.as_ref()
    }

    /// The code that the platform, its gateway or its token service answered.
    ///
    /// The same number means different things in different operations; [`code_of`](Self::code_of) tells them apart.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// The code as a value of the operation's own enumeration, if the error is of that operation.
    ///
    /// A code that the operation does not list comes as its `Unknown` variant.
    #[must_use]
    pub fn code_of<C: ErrorCode>(&self) -> Option<C> {
        let code = self.0.code?;
        (self.0.operation == Some(C::OPERATION) || C::OPERATION == GatewayErrorCode::OPERATION)
            .then(|| C::from_code(code))
    }

    /// What the OpenAPI document says of the code.
    #[must_use]
    pub fn code_info(&self) -> Option<&'static CodeInfo> {
        self.0.info
    }

    /// The text that the platform sent with the code, or the gateway with a refusal of its own, which has no code. Safe
    /// to show; at most 300 characters are kept.
    #[must_use]
    pub fn platform_message(&self) -> Option<&str> {
        self.0.platform_message.as_deref()
    }

    /// The id under which the platform keeps the call in its own records. Its support will ask for it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status of the answer, if there was one. A failure that the platform reports has status 200.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What failed: an operation, by its id in the OpenAPI document; `token/get` or `token/refresh` if the call has failed
    /// because it got no access token; `api` for a request of a [`RawClient`](crate::RawClient). `None` for an error
    /// outside of any call.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// Whether a request to the token service failed, so that the call itself was not sent.
    #[must_use]
    pub fn is_of_token_service(&self) -> bool {
        matches!(self.0.operation, Some("token/get" | "token/refresh"))
    }

    /// The setting that is missing or not valid, if it is one alone. Only errors of [`ErrorKind::Config`] have one.
    #[must_use]
    pub fn setting(&self) -> Option<Setting> {
        self.0.setting
    }

    /// How long the gateway asks to wait before the next call, as it says: any number of seconds, perhaps more than a
    /// clock can express. Add it with `checked_add` only.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many times the request of the [`operation`](Self::operation) was sent; 0 if it failed before that. An error of
    /// the token service counts the token requests, and not what was sent of the call before.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the same call may succeed later without any change.
    ///
    /// # Troubleshooting
    ///
    /// The client has tried again already, as its [`RetryPolicy`](crate::RetryPolicy) allows; see
    /// [`attempts`](Self::attempts). Wait longer than that took before the next call. If this is `false`, the same
    /// call fails again: follow [`remedy`](Self::remedy).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable()
    }

    /// Whether the gateway asked for fewer calls.
    ///
    /// # Troubleshooting
    ///
    /// The owner of the API sets its quota; no number is documented. Wait for [`retry_after`](Self::retry_after) if
    /// there is one, and make fewer calls at a time, with more devices in each.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.0.kind == ErrorKind::Throttled
    }

    /// Whether the gateway did not accept the access token of the call: code 1203, `apim_status` 4011 or 4012, or HTTP
    /// 401 without a code. That attempt was not carried out.
    ///
    /// That HTTP 401 (*Invalid authentication credentials*) may be this is assumed: in what form the gateway reports an
    /// expired token is not documented. The same holds for `apim_status`, which the vendor's Python client reads.
    ///
    /// # Troubleshooting
    ///
    /// It passes, mostly: the call has got another token already, and was sent again for some seconds, because a node of
    /// the gateway may not know a new token yet (inferred). Make the call again after some more. If it stays so, check
    /// app key and secret, that they belong to this gateway, and the clock of this machine. Credentials that the *token
    /// service* refuses (1002, 1003) are not this: those stay wrong.
    #[must_use]
    pub fn is_token_expired(&self) -> bool {
        // A request for a first token has none that could be dead.
        self.0.token_died && self.0.operation != Some("token/get")
    }

    /// Whether no attempt of the call has left this machine.
    ///
    /// # Troubleshooting
    ///
    /// Nothing has happened on the platform, so the call can be made again safely once the cause is mended: a
    /// setting, the network, the certificate, or the credentials if the token service refused them.
    #[must_use]
    pub fn never_sent(&self) -> bool {
        self.0.reach == Reach::NeverSent
    }

    /// Whether the platform may have carried out the call although it failed here.
    ///
    /// True if an answer was lost, cut or unreadable, or if the platform reported an internal error, in any attempt
    /// that no later success settled. After a resend, 24621 is such a case too: the tasks may have left the state
    /// `failed` because the lost attempt was carried out.
    ///
    /// # Troubleshooting
    ///
    /// Wait two seconds (reads may be that much behind), search the tasks of the job, and retry those that are still
    /// `failed`.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.0.reach == Reach::Unknown
    }

    /// What to do about it, in a sentence or two.
    #[must_use]
    pub fn remedy(&self) -> &str {
        if let Some(note) = &self.0.note {
            return note;
        }
        if let Some(info) = self.0.info {
            return info.remedy;
        }
        let of_gateway = self.0.status.filter(|_| self.0.of_gateway).and_then(|status| {
            let message = self.platform_message().unwrap_or_default();
            refusal::remedy(status.as_u16(), message, self.outcome_unknown())
        });
        if let Some(remedy) = of_gateway {
            return remedy;
        }
        match (self.0.kind, self.0.reach) {
            // Past the timeout of the service behind it, the gateway answers an error, and the service goes on.
            (ErrorKind::Service, Reach::Unknown) => {
                "The call may have been carried out. Search the jobs or tasks before you send it again. If the failure \
                 stays, ask the platform's support."
            }
            // What may have been carried out there was only a token request.
            (kind, Reach::NeverSent) if kind.loses_answer() => {
                "The token service did not answer, so the call itself was not sent. Try again later."
            }
            (kind, Reach::Refused) if kind.loses_answer() => {
                "Try again: the call changes nothing. If it stays so, check the network, or allow the call more time."
            }
            (kind, _) => kind.remedy(),
        }
    }
}

/// `99400 Invalid Argument orgId: orgId does not exist`: the text of the platform, and the documented one where that one
/// does not begin with it.
fn message_of(code: i64, info: Option<&CodeInfo>, text: Option<&str>) -> String {
    let text = text.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let text = text.filter(|text| !text.is_empty());
    match (info, text) {
        (None, None) => format!("{code}, a code that is not documented"),
        (None, Some(text)) => format!("{code}, a code that is not documented: {text}"),
        (Some(info), Some(text)) if begins_with(&text, info.message) => format!("{code} {text}"),
        (Some(info), Some(text)) => format!("{code} {}: {text}", info.message),
        (Some(info), None) => format!("{code} {}", info.message),
    }
}

/// Whether a text begins with another, but for small and capital letters.
fn begins_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(beginning))
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::new(ErrorKind::Config, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        // Of what was tried again in vain, how often is part of what happened.
        if self.0.attempts > 1 && self.is_retryable() {
            write!(f, " ({} attempts)", self.0.attempts)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &inner.message);
        if let Some(operation) = inner.operation {
            out.field("operation", &operation).field("attempts", &inner.attempts);
        }
        if let Some(code) = inner.code {
            out.field("code", &code);
        }
        if let Some(status) = inner.status {
            out.field("status", &status.as_u16());
        }
        if let Some(request_id) = &inner.request_id {
            out.field("request_id", request_id);
        }
        out.field("reach", &inner.reach);
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_platform_repeats_of_the_documented_text_is_said_once() {
        let message = |code, text: &str| {
            let info = GatewayErrorCode::ALL
                .iter()
                .chain(enos_ota_client::RetryTaskErrorCode::ALL)
                .find(|info| info.code == code);
            Error::of_code(code, info, Some(text.to_owned())).to_string()
        };
        for (code, text, shown) in [
            (
                99400,
                "Invalid Argument orgId:  orgId does not exist",
                "99400 Invalid Argument orgId: orgId does not exist",
            ),
            (
                1003,
                "The encryption is not valid: too old",
                "1003 The encryption is not valid: too old",
            ),
            (1003, "the encryption is not valid", "1003 the encryption is not valid"),
            (1003, "too old", "1003 The encryption is not valid: too old"),
            (1003, "", "1003 The encryption is not valid"),
            (7, "x", "7, a code that is not documented: x"),
        ] {
            assert_eq!(message(code, text), shown);
        }
    }
}
