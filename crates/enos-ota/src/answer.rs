//! Reading what the platform, its gateway, or something in between sends back.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::time::SystemTime;

use enos_ota_client::{Envelope, ErrorCode, GatewayErrorCode};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind, Reach};
use crate::refusal::Refusal;
use crate::route::Route;
use crate::status::{clock_note, retry_after, snippet, status_error};
use crate::text::shown;
use crate::transport::{too_large, transport_error};

/// The members of an answer that tell success from failure, whichever part of the platform wrote it.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Of the services.
    pub(crate) code: Option<i64>,
    /// Of the token service, and perhaps of the gateway.
    pub(crate) status: Option<i64>,
    /// Of the gateway, as the vendor's Python client reads it. Not documented.
    pub(crate) apim_status: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

#[derive(Deserialize)]
struct Loose {
    #[serde(default, deserialize_with = "lenient_integer")]
    code: Option<i64>,
    #[serde(default, deserialize_with = "lenient_integer")]
    status: Option<i64>,
    // The samples of many versions of the page spell it so.
    #[serde(default, deserialize_with = "lenient_integer")]
    stauts: Option<i64>,
    #[serde(default, deserialize_with = "lenient_integer")]
    apim_status: Option<i64>,
    #[serde(default, deserialize_with = "lenient_text")]
    msg: Option<String>,
    #[serde(default, rename = "requestId", deserialize_with = "lenient_text")]
    request_id: Option<String>,
}

/// Accepts a number or a number in quotes; anything else counts as absent.
fn lenient_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_i64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

impl Verdict {
    /// Reads the members that are there. `None` if the body is not a JSON object or has none of the three numbers.
    pub(crate) fn of_body(body: &[u8]) -> Option<Self> {
        // Without this, an array would be read as the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let loose: Loose = serde_json::from_slice(body).ok()?;
        let verdict = Self {
            code: loose.code,
            status: loose.status.or(loose.stauts),
            apim_status: loose.apim_status,
            message: loose.msg,
            request_id: loose.request_id,
        };
        (verdict.code.is_some() || verdict.status.is_some() || verdict.apim_status.is_some()).then_some(verdict)
    }

    /// `None` of a success: those are many, and none of its texts is needed.
    pub(crate) fn of_failure(envelope: &impl Envelope) -> Option<Self> {
        if envelope.code() == 0 && envelope.gateway_status().is_none_or(|status| status == 0) {
            return None;
        }
        Some(Self {
            code: Some(envelope.code()),
            status: None,
            apim_status: envelope.gateway_status(),
            message: envelope.message().map(str::to_owned),
            request_id: envelope.request_id().map(str::to_owned),
        })
    }

    /// The failure that the verdict reports, or `None` if it reports success.
    ///
    /// The number is looked up in the operation's list first and in the gateway's then: 1203 is in the first of none.
    pub(crate) fn failure<C: ErrorCode>(self, secrets: &[&str]) -> Option<Error> {
        // A success needs no text, and successes are many.
        let message = || {
            let message = self.message.as_deref().map(|message| tidy(message, secrets));
            message.filter(|message| !message.is_empty())
        };
        let error = match (self.apim_status, self.code.or(self.status)) {
            (Some(apim_status @ (4011 | 4012)), _) => Error::new(
                ErrorKind::Unauthenticated,
                format!("the gateway no longer accepts the access token (apim_status {apim_status})"),
            )
            .with_code(apim_status)
            .with_reach(Reach::Refused)
            .with_dead_token(),
            (Some(apim_status), _) if apim_status != 0 => Error::of_code(apim_status, None, message()),
            (_, Some(0) | None) => return None,
            (_, Some(code)) => {
                let info = C::from_code(code)
                    .info()
                    .or_else(|| GatewayErrorCode::from_code(code).info());
                Error::of_code(code, info, message())
            }
        };
        Some(error.with_request_id(self.request_id.map(|id| tidy(&id, secrets))))
    }
}

/// Makes a text of the platform fit to be shown: no secrets, one line, and not endless.
pub(crate) fn tidy(text: &str, secrets: &[&str]) -> String {
    // A message may have megabytes, of which nobody will see more than the start.
    let start: String = text.trim().chars().take(4096).collect();
    shown(&start, secrets).chars().take(300).collect()
}

/// An answer with an HTTP status other than 200, or with a body that is not the operation's.
pub(crate) struct OddAnswer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// When it came, by the clock of this machine.
    pub(crate) now: SystemTime,
    /// Whether the answer may hold an access token that nobody here knows yet.
    pub(crate) grants_tokens: bool,
}

impl OddAnswer<'_> {
    /// The error that the answer stands for. It is never a success, whatever it says.
    pub(crate) fn into_error<C: ErrorCode>(self, secrets: &[&str]) -> Error {
        let verdict = Verdict::of_body(self.body);
        if verdict.is_none()
            && self.status != StatusCode::OK
            && let Some(refusal) = Refusal::of_body(self.body)
        {
            return self.refused(&refusal, secrets);
        }
        match verdict.and_then(|verdict| verdict.failure::<C>(secrets)) {
            // The status is the clearer word here. A proxy's JSON, say, may have a `status` that only repeats it.
            Some(error)
                if self.status == StatusCode::TOO_MANY_REQUESTS
                    || (error.kind() == ErrorKind::UnknownCode && !self.status.is_success()) =>
            {
                let by_status = self
                    .unreported(secrets)
                    .with_request_id(error.request_id().map(str::to_owned));
                match error.code().filter(|code| *code != i64::from(self.status.as_u16())) {
                    Some(code) => by_status.with_code(code),
                    None => by_status,
                }
            }
            Some(error) => finish(error, self.status, self.headers, self.now),
            None => self.unreported(secrets),
        }
    }

    /// What the gateway itself has refused. The text is no token, whatever the answer may grant.
    fn refused(&self, refusal: &Refusal, secrets: &[&str]) -> Error {
        let request_id = refusal.request_id.as_deref().map(|id| tidy(id, secrets));
        let message = tidy(&refusal.message, secrets);
        let repeats_status = self
            .status
            .canonical_reason()
            .is_some_and(|reason| reason.eq_ignore_ascii_case(&message));
        let said = if repeats_status || message.is_empty() {
            String::new()
        } else {
            format!(": {message}")
        };
        let error = status_error(self.status, self.headers, &said, secrets)
            .with_gateway_message(message)
            .with_request_id(request_id);
        finish(error, self.status, self.headers, self.now)
    }

    fn unreported(&self, secrets: &[&str]) -> Error {
        let start = self.quotation(secrets);
        let beginning = if start.is_empty() {
            String::new()
        } else {
            format!(", beginning with: {start}")
        };
        if self.status != StatusCode::OK {
            let error = status_error(self.status, self.headers, &beginning, secrets);
            return finish(error, self.status, self.headers, self.now);
        }
        let (kind, message) = if self.body.trim_ascii().is_empty() {
            (ErrorKind::EmptyAnswer, "the answer has no body".to_owned())
        } else if looks_like_html(self.body) {
            (ErrorKind::HtmlAnswer, format!("the answer is a web page{beginning}"))
        } else if serde_json::from_slice::<serde::de::IgnoredAny>(self.body).is_err_and(|error| error.is_eof()) {
            (ErrorKind::TruncatedAnswer, format!("the answer breaks off{beginning}"))
        } else {
            (
                ErrorKind::MalformedAnswer,
                format!("the answer is not what the platform sends{beginning}"),
            )
        };
        Error::new(kind, message)
            .with_status(self.status)
            .with_reach(Reach::Unknown)
    }

    /// The start of the body, if it can be shown.
    fn quotation(&self, secrets: &[&str]) -> String {
        // A new token could stand in any JSON, also in a broken one, but not in a page or a line of text.
        let may_grant =
            self.grants_tokens && !looks_like_html(self.body) && self.body.iter().any(|b| b"{[".contains(b));
        if may_grant {
            return String::new();
        }
        snippet(self.body, secrets)
    }
}

/// Adds to a reported failure what the HTTP answer around it says.
pub(crate) fn finish(error: Error, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Error {
    let note = if error.kind() == ErrorKind::Unauthenticated {
        clock_note(headers, now)
    } else {
        None
    };
    let wait = retry_after(headers, now);
    let error = error.with_status(status).with_retry_after(wait);
    if note.is_some() { error.with_note(note) } else { error }
}

fn looks_like_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    start.first() == Some(&b'<')
}

/// How much is read of a body that should be small, or that will only be quoted or searched for a code.
const SMALL: usize = 64 << 10;

/// The start of a body, and whether that is all of it.
pub(crate) struct Start {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: Result<(), Error>,
}

/// Reads at most the first 64 KiB of a body.
pub(crate) async fn read_start(mut response: reqwest::Response, route: &Route) -> Start {
    let mut bytes = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = SMALL.saturating_sub(bytes.len());
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break Err(too_large(SMALL));
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(transport_error(error, route)),
        }
    };
    Start { bytes, end }
}

#[cfg(test)]
mod tests {
    use enos_ota_client::RetryTaskErrorCode;

    use super::*;

    fn odd(status: u16, body: &str) -> Error {
        OddAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
            now: SystemTime::now(),
            grants_tokens: false,
        }
        .into_error::<RetryTaskErrorCode>(&["hidden"])
    }

    #[test]
    fn codes_are_found_under_every_name_that_the_platform_uses() {
        for (body, code, kind) in [
            (
                r#"{"code":24404,"msg":"Job not found"}"#,
                24404,
                ErrorKind::Precondition,
            ),
            (r#"{"code":"24621"}"#, 24621, ErrorKind::Refused),
            (r#"{"status":1203,"msg":"expired"}"#, 1203, ErrorKind::Unauthenticated),
            (r#"{"stauts":1003}"#, 1003, ErrorKind::Unauthenticated),
            (r#"{"code":1203}"#, 1203, ErrorKind::Unauthenticated),
            (r#"{"status":99500}"#, 99500, ErrorKind::Service),
            (r#"{"apim_status":4011}"#, 4011, ErrorKind::Unauthenticated),
            (r#"{"code":0,"apim_status":4012}"#, 4012, ErrorKind::Unauthenticated),
            (r#"{"code":0,"apim_status":7}"#, 7, ErrorKind::UnknownCode),
            (r#"{"code":31337,"msg":null}"#, 31337, ErrorKind::UnknownCode),
        ] {
            let error = odd(200, body);
            assert_eq!((error.code(), error.kind()), (Some(code), kind), "{body}");
        }
    }

    #[test]
    fn an_odd_answer_is_never_a_success() {
        for (status, body, kind) in [
            (200, r#"{"status":0}"#, ErrorKind::MalformedAnswer),
            (200, "{}", ErrorKind::MalformedAnswer),
            (200, "[1]", ErrorKind::MalformedAnswer),
            (200, "null", ErrorKind::MalformedAnswer),
            (200, "", ErrorKind::EmptyAnswer),
            (200, " \r\n", ErrorKind::EmptyAnswer),
            (200, r#"{"code":0,"msg":"O"#, ErrorKind::TruncatedAnswer),
            (200, "<html>", ErrorKind::HtmlAnswer),
            (202, r#"{"code":0}"#, ErrorKind::MalformedAnswer),
            (200, r#"{"message":"no"}"#, ErrorKind::MalformedAnswer),
            (301, "", ErrorKind::Redirect),
            (400, "", ErrorKind::HttpStatus),
            (
                400,
                r#"{"message":"Cannot process request body"}"#,
                ErrorKind::InvalidArgument,
            ),
            (401, "", ErrorKind::Unauthenticated),
            (403, "no", ErrorKind::PermissionDenied),
            (404, "<html>", ErrorKind::NoSuchApi),
            (413, "<html>", ErrorKind::RequestTooLarge),
            (418, "", ErrorKind::HttpStatus),
            (429, "", ErrorKind::Throttled),
            (500, r#"{"code":0}"#, ErrorKind::Service),
            (502, "<html>", ErrorKind::Service),
        ] {
            assert_eq!(odd(status, body).kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn texts_of_others_are_cleaned_and_redacted() {
        let error = odd(200, r#"{"code":99400,"msg":" bad\u001b[31m hidden\n"}"#);
        assert_eq!(error.platform_message(), Some("bad[31m ***"));
        let error = odd(200, "{\"code\":99400,\"msg\":\"bad\\u001b[31m \u{202e}key\"}");
        assert_eq!(error.platform_message(), Some(r"bad\u{1b}[31m \u{202e}key"));
        let error = odd(502, "<html>\n\n  hidden   token");
        assert_eq!(
            error.to_string(),
            "the gateway answered HTTP 502 Bad Gateway, beginning with: <html> *** token"
        );
        for blank in ["", "\n", &" ".repeat(1000)] {
            let error = odd(503, blank);
            assert_eq!(error.to_string(), "the gateway answered HTTP 503 Service Unavailable");
        }
    }

    #[test]
    fn nothing_is_quoted_of_a_body_that_is_empty() {
        for body in ["", "\r\n", "  \n\t "] {
            let text = odd(503, body).to_string();
            assert_eq!(text, "the gateway answered HTTP 503 Service Unavailable");
            assert_eq!(odd(200, body).to_string(), "the answer has no body");
        }
    }

    #[test]
    fn a_text_that_begins_with_the_documented_one_is_not_said_twice() {
        for (code, text, shown) in [
            (
                99400,
                "Invalid Argument orgId:  orgId does not exist",
                "99400 Invalid Argument orgId: orgId does not exist",
            ),
            (99400, "invalid argument", "99400 invalid argument"),
            (99400, "Invalid Argument.", "99400 Invalid Argument."),
            (99400, "Invalid Arguments", "99400 Invalid Arguments"),
            (99400, "jobId is empty", "99400 Invalid Argument: jobId is empty"),
            (
                1003,
                "The encryption is not valid: the timestamp is more than 15 minutes off",
                "1003 The encryption is not valid: the timestamp is more than 15 minutes off",
            ),
            (31337, "Odd: thing", "31337, a code that is not documented: Odd: thing"),
        ] {
            let error = odd(200, &serde_json::json!({ "code": code, "msg": text }).to_string());
            assert_eq!(error.to_string(), shown);
            assert_eq!(error.platform_message(), Some(text));
        }
    }

    #[test]
    fn a_throttled_answer_keeps_its_code() {
        let error = odd(429, r#"{"code":99500}"#);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Throttled, Some(99500)));
    }

    #[test]
    fn a_number_that_only_repeats_the_http_status_is_no_code() {
        let error = odd(503, r#"{"timestamp":1,"status":503,"error":"Service Unavailable"}"#);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Service, None));
        let error = odd(500, r#"{"code":31337}"#);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Service, Some(31337)));
    }
}
