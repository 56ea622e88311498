//! What an HTTP status and the headers beside it mean.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::error::{Error, ErrorKind, Reach};
use crate::text::shown;

/// The wait that an answer asks for, if it does: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are asked for all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What an HTTP status means where the body reports no code. `said` is appended to the text of the error.
pub(crate) fn status_error(status: StatusCode, headers: &HeaderMap, said: &str, secrets: &[&str]) -> Error {
    let mut message = format!("the gateway answered HTTP {}", status.as_u16());
    if let Some(reason) = status.canonical_reason() {
        message.push(' ');
        message.push_str(reason);
    }
    let (kind, reach) = match status.as_u16() {
        300..=399 => {
            if let Some(location) = headers.get(header::LOCATION).and_then(|l| l.to_str().ok()) {
                message.push_str(", a redirect to ");
                message.push_str(&snippet(location.as_bytes(), secrets));
            }
            (ErrorKind::Redirect, Reach::Refused)
        }
        401 => (ErrorKind::Unauthenticated, Reach::Refused),
        403 => (ErrorKind::PermissionDenied, Reach::Refused),
        404 => (ErrorKind::NoSuchApi, Reach::Refused),
        408 => (ErrorKind::Timeout, Reach::Unknown),
        413 => (ErrorKind::RequestTooLarge, Reach::Refused),
        429 => (ErrorKind::Throttled, Reach::Refused),
        500..=599 => (ErrorKind::Service, Reach::Unknown),
        // Another status of success would be an answer, were there anything of the platform in it.
        200..=299 => (ErrorKind::MalformedAnswer, Reach::Unknown),
        _ => (ErrorKind::HttpStatus, Reach::Refused),
    };
    if kind != ErrorKind::Redirect {
        message.push_str(said);
    }
    let mut error = Error::new(kind, message).with_status(status).with_reach(reach);
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        error = error.with_note(Some(
            "Put user name and password of the proxy into its address.".to_owned(),
        ));
    }
    if status == StatusCode::UNAUTHORIZED {
        // In which form the gateway reports a dead token is not documented; a new one is worth a try.
        error = error.with_dead_token();
    }
    error
}

/// The first bytes of a body, fit for one line of an error text and without secrets.
pub(crate) fn snippet(body: &[u8], secrets: &[&str]) -> String {
    const CHARACTERS: usize = 120;
    let start = &body[..body.len().min(4 * CHARACTERS)];
    let text = String::from_utf8_lossy(start);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Before it is cut, which would hide a secret from the search but not from a reader.
    let whole = shown(&line, secrets);
    let mut line: String = whole.chars().take(CHARACTERS).collect();
    if !line.is_empty() && (line.len() < whole.len() || start.len() < body.len()) {
        line.push('…');
    }
    line
}

/// If the clock of this machine and the gateway's differ by more than a minute: how, and what follows.
///
/// A signature with a timestamp that is 15 minutes off is refused, and the platform does not say that this is why.
pub(crate) fn clock_note(headers: &HeaderMap, now: SystemTime) -> Option<String> {
    let theirs = httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()?;
    let (seconds, word) = match now.duration_since(theirs) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    (seconds > 60).then(|| {
        format!(
            "The clock of this machine is {seconds} s {word} the gateway's. Set it right: a request must arrive \
             within 15 minutes of its timestamp."
        )
    })
}
