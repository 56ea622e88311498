//! What the end of a call means: the one table.

use std::sync::Arc;

use enos_ota::text::with_causes;
use enos_ota::{Accepted, Error, ErrorKind};

use super::{Reply, SendEnd};
use crate::journal::CallEnd;
use crate::rate::CallResult;

/// Whether a campaign can go on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Nothing is wrong, or only with this call.
    None,
    /// Every further call may end in the same way. Something on the way may also be in trouble that passes: it counts
    /// only if it goes on.
    Lasting,
    /// Every further call would end in the same way.
    Fatal,
}

/// What the end of a retry means, for whoever has to know.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) end: SendEnd,
    pub(super) rate: CallResult,
    pub(super) severity: Severity,
    pub(super) error: Option<Error>,
}

pub(super) fn classify_send(result: Result<Accepted, Error>, devices: usize) -> Verdict {
    let error = match result {
        Ok(accepted) => {
            return Verdict {
                end: SendEnd {
                    end: CallEnd::Accepted,
                    reply: Arc::new(Reply {
                        code: Some(0),
                        message: None,
                        request_id: accepted.request_id.map(Into::into),
                    }),
                    about_size: false,
                },
                rate: CallResult::Answered,
                severity: Severity::None,
                error: None,
            };
        }
        Err(error) => error,
    };
    let (end, severity) = ends(&error, devices);
    let rate = match end {
        _ if error.is_throttled() => throttled(&error),
        _ if severity == Severity::Lasting => CallResult::Failed,
        CallEnd::Accepted | CallEnd::NotFailed | CallEnd::TooMany | CallEnd::Refused => CallResult::Answered,
        CallEnd::Throttled => throttled(&error),
        CallEnd::Lost | CallEnd::NotSent => CallResult::Failed,
    };
    Verdict {
        end: SendEnd {
            end,
            reply: Arc::new(reply_of(&error)),
            about_size: end == CallEnd::TooMany && (is_too_large(&error) || speaks_of_size(&error)),
        },
        rate,
        severity,
        error: Some(error),
    }
}

fn throttled(error: &Error) -> CallResult {
    CallResult::Throttled {
        retry_after: error.retry_after(),
    }
}

fn ends(error: &Error, devices: usize) -> (CallEnd, Severity) {
    let passing = error.is_retryable() || error.is_throttled();
    let severity = if passing { Severity::None } else { Severity::Lasting };
    if error.never_sent() {
        let end = if error.is_throttled() {
            CallEnd::Throttled
        } else {
            CallEnd::NotSent
        };
        return (end, severity);
    }
    if error.outcome_unknown() {
        return (CallEnd::Lost, severity);
    }
    match error.kind() {
        ErrorKind::Throttled => (CallEnd::Throttled, Severity::None),
        ErrorKind::Refused => (CallEnd::NotFailed, Severity::None),
        ErrorKind::Precondition => (CallEnd::Refused, Severity::Fatal),
        // What the platform finds wrong with a list may be its length. If it is a device, halving finds that too.
        ErrorKind::InvalidArgument if devices > 1 => (CallEnd::TooMany, Severity::None),
        _ if is_too_large(error) && devices > 1 => (CallEnd::TooMany, Severity::None),
        ErrorKind::InvalidArgument | ErrorKind::UnknownCode => (CallEnd::Refused, Severity::None),
        // A gateway of several nodes may not know a fresh token everywhere yet. The call was surely not carried out.
        ErrorKind::Unauthenticated => (CallEnd::NotSent, Severity::Lasting),
        // Surely not carried out, and it may be tomorrow.
        _ if passing => (CallEnd::NotSent, Severity::None),
        _ => (CallEnd::Refused, Severity::Lasting),
    }
}

/// What the end of a search means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchEnd {
    /// Nothing came back; the same may be asked again.
    Again,
    /// The platform refuses it as invalid: it names too many devices, or none may be named.
    Invalid,
    /// Something came back that cannot be read. If that goes on, searches tell nothing.
    Unreadable,
    /// The application may not search.
    Never,
}

pub(super) fn classify_search(error: &Error) -> (SearchEnd, CallResult, Severity) {
    if error.is_throttled() {
        return (SearchEnd::Again, throttled(error), Severity::None);
    }
    // What the token service says is not about the search.
    let end = match error.kind() {
        _ if error.never_sent() => SearchEnd::Again,
        _ if is_too_large(error) => SearchEnd::Invalid,
        ErrorKind::InvalidArgument => SearchEnd::Invalid,
        ErrorKind::MalformedAnswer => SearchEnd::Unreadable,
        ErrorKind::PermissionDenied | ErrorKind::Precondition | ErrorKind::Refused | ErrorKind::UnknownCode
            if error.code().is_some() =>
        {
            SearchEnd::Never
        }
        _ => SearchEnd::Again,
    };
    let passing = match error.kind() {
        // No answer of the platform, but of something on the way, or cut off.
        ErrorKind::HtmlAnswer | ErrorKind::MalformedAnswer | ErrorKind::HttpStatus => true,
        _ => error.is_retryable(),
    };
    match end {
        SearchEnd::Again if passing => (end, CallResult::Failed, Severity::None),
        SearchEnd::Again => (end, CallResult::Failed, Severity::Lasting),
        SearchEnd::Unreadable => (end, CallResult::Failed, Severity::None),
        SearchEnd::Invalid | SearchEnd::Never => (end, CallResult::Answered, Severity::None),
    }
}

/// Whether the platform's text complains about the length of the list. How it would say so is not documented.
fn speaks_of_size(error: &Error) -> bool {
    const WORDS: [&str; 9] = [
        "size",
        "length",
        "limit",
        "exceed",
        "too many",
        "too long",
        "too large",
        "maximum",
        "at most",
    ];
    let text = error.platform_message().unwrap_or_default().to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

fn is_too_large(error: &Error) -> bool {
    matches!(error.status().map(|status| status.as_u16()), Some(413 | 414 | 431))
}

/// What there is to say of a failed call, for its devices.
fn reply_of(error: &Error) -> Reply {
    // Of a call that was never sent, the code would be another's: the token service's.
    let code = error.code().filter(|_| !error.never_sent());
    let text = code.and_then(|_| error.platform_message().or(error.code_info().map(|info| info.message)));
    Reply {
        code,
        message: Some(match text {
            Some(text) => text.into(),
            None => with_causes(error).into(),
        }),
        request_id: error.request_id().map(Into::into),
    }
}
