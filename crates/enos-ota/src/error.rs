//! What can go wrong, in one type.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use enos_ota_client::{Category, CodeInfo, ErrorCode, GatewayErrorCode};
use enos_ota_sign::TokenError;
use http::StatusCode;

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

/// A rough classification of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing or not valid. Nothing was sent.
    Config,
    /// The host name of the base URL did not resolve. Nothing was sent.
    Resolve,
    /// The TLS handshake failed, mostly because the certificate does not verify. Nothing was sent.
    Tls,
    /// Could not connect. Nothing was sent.
    Connect,
    /// There was no answer in time.
    Timeout,
    /// The connection broke before an answer had come.
    ConnectionLost,
    /// The gateway answered with a redirect, which a signed request does not follow.
    Redirect,
    /// The gateway asks for fewer calls: HTTP 429.
    Throttled,
    /// The gateway or the token service does not accept the credentials, the token or the signature.
    Unauthenticated,
    /// The application may not do this: 99403 or HTTP 403.
    PermissionDenied,
    /// What the call presumes does not hold: no such job, or the job is not running.
    Precondition,
    /// The platform refused the call because of the state of a task: 24621.
    Refused,
    /// The platform finds a parameter missing or not valid: 99400, and 1004 and 1202 of the token service. Or the gateway
    /// could not read the request: HTTP 400 in its own words.
    InvalidArgument,
    /// The platform failed: 24500, 99500, 1005, or an HTTP status of 500 and above.
    Service,
    /// There is no such API at this address: HTTP 404 without an answer of the platform in it. The base URL is wrong, or
    /// the API is not published on this gateway.
    NoSuchApi,
    /// The request is larger than the gateway takes: HTTP 413. It was not passed on.
    RequestTooLarge,
    /// Any other HTTP status without an answer of the platform in it.
    HttpStatus,
    /// The answer has no body.
    EmptyAnswer,
    /// The answer is a web page, mostly one of a proxy or of a login.
    HtmlAnswer,
    /// The body of the answer ends before its time.
    TruncatedAnswer,
    /// The body of the answer exceeds the limit that is read.
    AnswerTooLarge,
    /// The answer is not what the platform sends: not JSON, or without a code.
    MalformedAnswer,
    /// The platform answered a code that the OpenAPI document does not list; [`Error::code`] has it.
    UnknownCode,
    /// A defect of this library.
    Internal,
}

impl ErrorKind {
    pub(crate) fn of_category(category: Category) -> Self {
        match category {
            Category::Argument => Self::InvalidArgument,
            Category::Permission => Self::PermissionDenied,
            Category::Precondition => Self::Precondition,
            Category::Refusal => Self::Refused,
            Category::Internal | Category::Replay => Self::Service,
            Category::Credentials | Category::TokenExpired => Self::Unauthenticated,
            // `Category` grows with the spec; what this version does not know, it does not classify.
            _ => Self::UnknownCode,
        }
    }

    /// Whether the request has left, and nothing that can be read came back.
    fn loses_answer(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::ConnectionLost | Self::TruncatedAnswer | Self::EmptyAnswer
        )
    }

    fn is_retryable(self) -> bool {
        match self {
            Self::Resolve
            | Self::Connect
            | Self::Timeout
            | Self::ConnectionLost
            | Self::Throttled
            | Self::Service
            | Self::EmptyAnswer
            | Self::TruncatedAnswer => true,
            Self::Config
            | Self::Tls
            | Self::Redirect
            | Self::Unauthenticated
            | Self::PermissionDenied
            | Self::Precondition
            | Self::Refused
            | Self::InvalidArgument
            | Self::NoSuchApi
            | Self::RequestTooLarge
            | Self::HttpStatus
            | Self::HtmlAnswer
            | Self::AnswerTooLarge
            | Self::MalformedAnswer
            | Self::UnknownCode
            | Self::Internal => false,
        }
    }

    /// What to do about errors of this kind, where nothing more is known. [`Error::remedy`] may know more.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Config => "Correct the setting that the message names.",
            Self::Resolve => "Check the host name in the base URL, and the name service of this machine.",
            Self::Tls => {
                "Check that the base URL names the right host. If the gateway has a certificate of a private \
                 authority, give that authority's root certificate."
            }
            Self::Connect => "Check the address and port of the base URL, the network, and the proxy settings.",
            Self::Timeout | Self::ConnectionLost | Self::TruncatedAnswer | Self::EmptyAnswer => {
                "The call may have been carried out. Search the jobs or tasks before you send it again."
            }
            Self::Redirect => "Give the address that the gateway redirects to as base URL, if you trust it.",
            Self::Throttled => "Send fewer calls at a time, or have the quota of the API raised.",
            Self::Unauthenticated => {
                "Check app key and app secret, that they belong to this gateway, and the clock of this machine: a \
                 request must arrive within 15 minutes of its timestamp."
            }
            Self::PermissionDenied => "Have the permission granted to the application in the EnOS Management Console.",
            Self::Precondition => "Check the job, then try again.",
            Self::Refused => "Search the failed tasks of the job and retry only those.",
            Self::InvalidArgument => "Correct the parameter that the message names.",
            Self::Service => "Try again later; if it stays, give the request id to the platform's support.",
            Self::NoSuchApi => "Check the base URL: it is the address of the API gateway, without the path of an API.",
            Self::RequestTooLarge => "Send fewer devices in a call: the gateway limits the size of a request.",
            Self::HttpStatus | Self::HtmlAnswer | Self::AnswerTooLarge | Self::MalformedAnswer => {
                "Check that the base URL leads to the API gateway, and whether a proxy stands in between."
            }
            Self::UnknownCode => "Look the code up in the platform's documentation, or ask the platform's support.",
            Self::Internal => "Please report this as a defect.",
        }
    }
}

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
            source: None,
        }))
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
