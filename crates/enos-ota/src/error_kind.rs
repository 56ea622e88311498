//! The sorts of errors, and what to do about each.

use enos_ota_client::Category;

/// A rough classification of an [`Error`](crate::Error).
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
    /// The platform answered a code that the OpenAPI document does not list; [`Error::code`](crate::Error::code) has it.
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
    pub(crate) fn loses_answer(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::ConnectionLost | Self::TruncatedAnswer | Self::EmptyAnswer
        )
    }

    pub(crate) fn is_retryable(self) -> bool {
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

    /// The name in lower case, such as `connection_lost`, for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Resolve => "resolve",
            Self::Tls => "tls",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Redirect => "redirect",
            Self::Throttled => "throttled",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::Precondition => "precondition",
            Self::Refused => "refused",
            Self::InvalidArgument => "invalid_argument",
            Self::Service => "service",
            Self::NoSuchApi => "no_such_api",
            Self::RequestTooLarge => "request_too_large",
            Self::HttpStatus => "http_status",
            Self::EmptyAnswer => "empty_answer",
            Self::HtmlAnswer => "html_answer",
            Self::TruncatedAnswer => "truncated_answer",
            Self::AnswerTooLarge => "answer_too_large",
            Self::MalformedAnswer => "malformed_answer",
            Self::UnknownCode => "unknown_code",
            Self::Internal => "internal",
        }
    }

    /// What to do about errors of this kind, where nothing more is known. [`Error::remedy`](crate::Error::remedy) may know more.
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
