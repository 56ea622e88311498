//! Refusals in the gateway's own words: a message, and neither a code nor a status in the body.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use common::server::{Reply, Script, Server};
use common::{builder, job, quick, retry};
use enos_ota::{Client, Clock, Error, ErrorKind, RetryPolicy};

fn refusal(status: u16, message: &str) -> Reply {
    let headers = [("content-type", "application/json; charset=utf-8")];
    Reply::http(status, &headers, &format!(r#"{{"message":"{message}"}}"#))
}

fn hasty(server: &Server) -> Client {
    let once = quick().with_max_attempts(1.try_into().unwrap());
    builder(&server.url()).retry_policy(once).build().unwrap()
}

/// The errors of a call that changes something and of one that reads.
async fn errors_of(status: u16, message: &str) -> [Error; 2] {
    let server = Server::start(Script::default().calls((0..20).map(|_| refusal(status, message)))).await;
    let write = retry(&hasty(&server)).await.unwrap_err();
    let read = hasty(&server).get_job(&job()).await.unwrap_err();
    [write, read]
}

struct Expected {
    status: u16,
    message: &'static str,
    kind: ErrorKind,
    /// Whether it is worth to be sent again.
    passes: bool,
    /// Whether a call that changes something may have been carried out.
    open: bool,
    /// What the remedy of the write speaks of.
    remedy: &'static str,
}

const REFUSALS: [Expected; 9] = [
    Expected {
        status: 400,
        message: "Cannot process request body",
        kind: ErrorKind::InvalidArgument,
        passes: false,
        open: false,
        remedy: "could not read the request",
    },
    Expected {
        status: 401,
        message: "Invalid authentication credentials",
        kind: ErrorKind::Unauthenticated,
        passes: false,
        open: false,
        remedy: "may not know a new access token yet",
    },
    Expected {
        status: 403,
        message: "Your IP address is not allowed",
        kind: ErrorKind::PermissionDenied,
        passes: false,
        open: false,
        remedy: "address of this machine",
    },
    Expected {
        status: 404,
        message: "no Route matched with those values",
        kind: ErrorKind::NoSuchApi,
        passes: false,
        open: false,
        remedy: "not published on this gateway",
    },
    Expected {
        status: 413,
        message: "Request size limit exceeded",
        kind: ErrorKind::RequestTooLarge,
        passes: false,
        open: false,
        remedy: "fewer devices in a call",
    },
    Expected {
        status: 429,
        message: "API rate limit exceeded",
        kind: ErrorKind::Throttled,
        passes: true,
        open: false,
        remedy: "fewer calls",
    },
    Expected {
        status: 500,
        message: "An unexpected error occurred",
        kind: ErrorKind::Service,
        passes: true,
        open: true,
        remedy: "may have been carried out",
    },
    Expected {
        status: 503,
        message: "Service unavailable",
        kind: ErrorKind::Service,
        passes: true,
        open: true,
        remedy: "may be switched off",
    },
    // Past the time that the owner of the API gives to the service behind it.
    Expected {
        status: 504,
        message: "The upstream server is timing out",
        kind: ErrorKind::Service,
        passes: true,
        open: true,
        remedy: "may have been carried out",
    },
];

#[tokio::test]
async fn each_refusal_of_the_gateway_has_its_own_text_kind_and_remedy() {
    for expected in REFUSALS {
        for (error, writes) in errors_of(expected.status, expected.message)
            .await
            .into_iter()
            .zip([true, false])
        {
            assert_eq!(error.kind(), expected.kind, "{error:?}");
            assert_eq!(error.status().map(|status| status.as_u16()), Some(expected.status));
            assert_eq!(error.code(), None, "{error:?}");
            assert_eq!(error.platform_message(), Some(expected.message));
            assert_eq!(error.is_retryable(), expected.passes, "{error:?}");
            assert_eq!(error.outcome_unknown(), expected.open && writes, "{error:?}");
            assert!(!error.never_sent());
            let text = error.to_string().to_lowercase();
            assert!(text.contains(&expected.status.to_string()), "{error}");
            assert!(text.contains(&expected.message.to_lowercase()), "{error}");
            assert!(!error.to_string().contains('{'), "{error}");
            if writes {
                assert!(error.remedy().contains(expected.remedy), "{}", error.remedy());
            } else {
                assert!(!error.remedy().contains("carried out"), "{}", error.remedy());
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_a_token_request_is_told_likewise() {
    let server = Server::start(Script::default().gets([refusal(403, "Your IP address is not allowed")])).await;
    let error = retry(&hasty(&server)).await.unwrap_err();
    assert_eq!(error.operation(), Some("token/get"));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        error.to_string(),
        "the gateway answered HTTP 403 Forbidden: Your IP address is not allowed"
    );
    assert!(error.never_sent());
}

#[tokio::test]
async fn a_message_beside_a_code_is_no_refusal_of_the_gateway() {
    let body = r#"{"code":24404,"msg":"Job not found","message":"something else"}"#;
    let server = Server::start(Script::default().calls([Reply::http(400, &[], body)])).await;
    let error = retry(&hasty(&server)).await.unwrap_err();
    assert_eq!(
        (error.code(), error.platform_message()),
        (Some(24404), Some("Job not found"))
    );
}

#[tokio::test]
async fn a_read_without_an_answer_was_not_carried_out() {
    for reply in [
        Reply::cut(),
        Reply::json(""),
        Reply::cut_off(200, r#"{"code":0"#),
        Reply::http(408, &[], ""),
    ] {
        let server = Server::start(Script::default().calls([reply])).await;
        let error = hasty(&server).get_job(&job()).await.unwrap_err();
        assert!(!error.outcome_unknown(), "{error:?}");
        assert!(error.remedy().contains("changes nothing"), "{}", error.remedy());
    }
}

#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }

    fn unique_ms(&self) -> i64 {
        self.0
    }
}

#[tokio::test]
async fn dates_in_answers_are_compared_with_the_clock_that_was_given() {
    let now = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let date = |ahead| httpdate::fmt_http_date(now + Duration::from_secs(ahead));
    let script = Script::default().calls([
        Reply::http(429, &[("retry-after", &date(45))], ""),
        Reply::http(200, &[("date", &date(0))], r#"{"status":1003}"#),
        Reply::http(200, &[("date", &date(120))], r#"{"status":1003}"#),
    ]);
    let server = Server::start(script).await;
    let client = builder(&server.url())
        .retry_policy(RetryPolicy::never())
        .clock(Arc::new(At(1_600_000_000_000)))
        .build()
        .unwrap();
    let throttled = retry(&client).await.unwrap_err();
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(45)));
    let right = retry(&client).await.unwrap_err();
    assert!(!right.remedy().contains("behind"), "{}", right.remedy());
    let wrong = retry(&client).await.unwrap_err();
    assert!(
        wrong.remedy().contains("120 s behind the gateway's"),
        "{}",
        wrong.remedy()
    );
}

#[tokio::test]
async fn an_outage_is_told_with_its_status_and_the_attempts() {
    let server = Server::start(Script::default().calls((0..9).map(|_| refusal(503, "Service unavailable")))).await;
    let error = retry(&common::client(&server.url())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the gateway answered HTTP 503 Service Unavailable (5 attempts)"
    );
}
