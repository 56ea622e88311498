//! What the platform, its gateway, or something in between answers to a call, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::time::{Duration, SystemTime};

use common::server::{Reply, Script, Server};
use common::{Facts, builder, client, quick, retry};
use enos_ota::{Error, ErrorCode as _, ErrorKind, GatewayErrorCode, RetryTaskErrorCode};

/// The error of a call that gets this answer whenever it is sent.
async fn error_of(reply: impl Fn() -> Reply) -> Error {
    let server = Server::start(Script::default().calls((0..9).map(|_| reply()))).await;
    let error = retry(&client(&server.url())).await.unwrap_err();
    assert_eq!(server.calls().len(), error.attempts() as usize);
    error
}

/// The error of a call whose first token request is answered so, and every later one.
async fn token_error_of(reply: impl Fn() -> Reply) -> Error {
    let server = Server::start(Script::default().gets((0..9).map(|_| reply()))).await;
    let error = retry(&client(&server.url())).await.unwrap_err();
    assert_eq!(server.gets().len(), error.attempts() as usize);
    assert!(server.calls().is_empty());
    error
}

#[tokio::test]
async fn code_0_is_the_only_success() {
    let server = Server::start(Script::default()).await;
    let accepted = retry(&client(&server.url())).await.unwrap();
    assert_eq!(accepted.request_id.as_deref(), Some("request-1"));
    assert_eq!(accepted.attempts, 1);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code_and_request_id_and_is_not_repeated() {
    use RetryTaskErrorCode as Code;
    for (code, kind, name) in [
        (24404, ErrorKind::Precondition, Code::JobNotFound),
        (24617, ErrorKind::Precondition, Code::JobNotRunning),
        (24621, ErrorKind::Refused, Code::TaskNotFailed),
        (99400, ErrorKind::InvalidArgument, Code::InvalidArgument),
        (99403, ErrorKind::PermissionDenied, Code::DeniedResource),
        (99404, ErrorKind::Precondition, Code::ObjectNotFound),
        (31337, ErrorKind::UnknownCode, Code::Unknown(31337)),
        (-1, ErrorKind::UnknownCode, Code::Unknown(-1)),
    ] {
        let error = error_of(|| Reply::code(code)).await;
        assert_eq!(error.code_of::<Code>(), Some(name));
        assert_eq!(error.platform_message(), Some("as it says"));
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        Facts::refused(kind).code(code).request_id("request-1").assert(&error);
    }
}

#[tokio::test]
async fn a_failure_of_the_platform_is_tried_again_and_leaves_the_outcome_open() {
    for code in [24500, 99500] {
        let error = error_of(|| Reply::code(code)).await;
        Facts::refused(ErrorKind::Service)
            .code(code)
            .request_id("request-1")
            .retryable(5)
            .outcome_unknown()
            .assert(&error);
    }
}

#[tokio::test]
async fn a_code_of_the_platform_counts_whatever_the_http_status() {
    for status in [200, 400, 404, 500] {
        let body = r#"{"code":24404,"msg":"Job not found","requestId":"request-1"}"#;
        let error = error_of(|| Reply::http(status, &[], body)).await;
        Facts::refused(ErrorKind::Precondition)
            .code(24404)
            .request_id("request-1")
            .status(status)
            .assert(&error);
    }
}

#[tokio::test]
async fn an_odd_request_id_or_message_does_not_hide_the_code() {
    for body in [
        r#"{"code":24404,"msg":null,"requestId":null}"#,
        r#"{"code":24404,"requestId":7,"msg":["no","text"],"data":[{}]}"#,
        r#"{"code":"24404"}"#,
    ] {
        let error = error_of(|| Reply::json(body)).await;
        assert_eq!(error.kind(), ErrorKind::Precondition, "{body}: {error:?}");
        assert_eq!(error.code(), Some(24404), "{body}");
    }
}

#[tokio::test]
async fn the_token_service_refuses_for_good() {
    use GatewayErrorCode as Code;
    for (code, kind, name) in [
        (1002, ErrorKind::Unauthenticated, Code::UnknownAppKey),
        (1003, ErrorKind::Unauthenticated, Code::InvalidEncryption),
        (1004, ErrorKind::InvalidArgument, Code::InvalidParameter),
        (1202, ErrorKind::InvalidArgument, Code::EmptyParameter),
        (1203, ErrorKind::Unauthenticated, Code::AccessTokenExpired),
        (1204, ErrorKind::Unauthenticated, Code::RefreshFailed),
        (1999, ErrorKind::UnknownCode, Code::Unknown(1999)),
    ] {
        let error = token_error_of(|| Reply::status(code)).await;
        assert_eq!(error.code_of::<Code>(), Some(name));
        assert_eq!(error.code_of::<RetryTaskErrorCode>(), None);
        assert!(name.info().is_none_or(|info| error.remedy() == info.remedy));
        assert!(!error.is_token_expired(), "{error:?}");
        Facts::no_token("token/get", kind).code(code).assert(&error);
    }
}

#[tokio::test]
async fn a_repeated_encryption_is_replaced_by_one_with_a_new_timestamp() {
    let server = Server::start(Script::default().gets([Reply::status(1001), Reply::status(1001)])).await;
    let accepted = retry(&client(&server.url())).await.unwrap();
    assert_eq!(accepted.attempts, 1);
    let timestamps: Vec<_> = server
        .gets()
        .iter()
        .map(|get| get.json()["timestamp"].as_i64().unwrap())
        .collect();
    assert_eq!(timestamps.len(), 3);
    assert!(timestamps.is_sorted_by(|one, next| one < next), "{timestamps:?}");
}

#[tokio::test]
async fn a_failure_of_the_token_service_is_tried_again() {
    let server = Server::start(Script::default().gets([Reply::status(1005), Reply::status(1005)])).await;
    let accepted = retry(&client(&server.url())).await.unwrap();
    assert_eq!((accepted.attempts, server.gets().len()), (1, 3));

    for code in [1001, 1005] {
        let error = token_error_of(|| Reply::status(code)).await;
        Facts::no_token("token/get", ErrorKind::Service)
            .code(code)
            .retryable(5)
            .assert(&error);
    }
}

#[tokio::test]
async fn a_token_answer_that_cannot_be_read_is_told_as_such() {
    let malformed = Facts::no_token("token/get", ErrorKind::MalformedAnswer);
    malformed.assert(&token_error_of(|| Reply::json(r#"{"status":0,"data":null}"#)).await);
    let html = Facts::no_token("token/get", ErrorKind::HtmlAnswer);
    html.assert(&token_error_of(|| Reply::html(200, "<html>Please log in</html>")).await);
    let empty = Facts::no_token("token/get", ErrorKind::EmptyAnswer).retryable(5);
    empty.assert(&token_error_of(|| Reply::json("")).await);
    let cut = Facts::no_token("token/get", ErrorKind::TruncatedAnswer).retryable(5);
    cut.assert(&token_error_of(|| Reply::json(r#"{"status":0,"data":{"acc"#)).await);
    let down = Facts::no_token("token/get", ErrorKind::Service)
        .status(503)
        .retryable(5);
    down.assert(&token_error_of(|| Reply::html(503, "<html>down</html>")).await);
    let absent = Facts::no_token("token/get", ErrorKind::NoSuchApi).status(404);
    absent.assert(&token_error_of(|| Reply::http(404, &[], "no such page")).await);
    let header = token_error_of(|| Reply::granted("un\\nsendable", 7200)).await;
    Facts::no_token("token/get", ErrorKind::MalformedAnswer).assert(&header);
}

#[tokio::test]
async fn a_token_that_the_gateway_calls_dead_is_replaced_and_the_call_sent_again() {
    type Make = fn() -> Reply;
    let forms: [(Make, i64, u16); 4] = [
        (|| Reply::json(r#"{"apim_status":4011}"#), 4011, 200),
        (|| Reply::json(r#"{"apim_status":4012,"code":0}"#), 4012, 200),
        (|| Reply::status(1203), 1203, 200),
        (|| Reply::http(401, &[], r#"{"code":1203}"#), 1203, 401),
    ];
    for (dead, code, status) in forms {
        let server = Server::start(Script::default().calls([dead()])).await;
        let accepted = retry(&client(&server.url())).await.unwrap();
        assert_eq!(accepted.attempts, 2);
        assert_eq!(server.token_requests().len(), 2);
        let used: Vec<_> = server.calls().iter().map(|call| call.token().to_owned()).collect();
        assert_eq!(used, ["token-1", "token-2"]);

        // Not an endless loop: if the second token stays dead too, that is the answer.
        let server = Server::start(Script::default().calls((0..9).map(|_| dead()))).await;
        let error = retry(&client(&server.url())).await.unwrap_err();
        assert_eq!((server.calls().len(), server.token_requests().len()), (7, 2));
        assert!(error.is_token_expired());
        Facts::refused(ErrorKind::Unauthenticated)
            .code(code)
            .status(status)
            .attempts(7)
            .assert(&error);
    }
}

#[tokio::test]
async fn replacing_a_dead_token_does_not_count_as_a_repetition() {
    for (max_attempts, rest) in [(1, vec![]), (2, vec![Reply::http(503, &[], "")])] {
        let replies = [Reply::status(1203)].into_iter().chain(rest);
        let server = Server::start(Script::default().calls(replies)).await;
        let policy = quick().with_max_attempts(max_attempts.try_into().unwrap());
        let client = builder(&server.url()).retry_policy(policy).build().unwrap();
        assert_eq!(retry(&client).await.unwrap().attempts, max_attempts + 1);
    }
}

#[tokio::test]
async fn a_bad_signature_is_no_reason_for_another_token() {
    let error = error_of(|| Reply::status(1003)).await;
    assert!(!error.is_token_expired());
    Facts::refused(ErrorKind::Unauthenticated).code(1003).assert(&error);
}

#[tokio::test]
async fn an_http_status_without_an_answer_of_the_platform_is_told_as_such() {
    let plain = |status| error_of(move || Reply::http(status, &[], "some text"));
    let refused = |kind, status| Facts::refused(kind).status(status);
    // In what form a dead token is reported is not documented.
    refused(ErrorKind::Unauthenticated, 401)
        .attempts(7)
        .assert(&plain(401).await);
    refused(ErrorKind::PermissionDenied, 403).assert(&plain(403).await);
    refused(ErrorKind::NoSuchApi, 404).assert(&plain(404).await);
    refused(ErrorKind::RequestTooLarge, 413).assert(&plain(413).await);
    refused(ErrorKind::HttpStatus, 400).assert(&plain(400).await);
    refused(ErrorKind::Throttled, 429)
        .retryable(5)
        .assert(&plain(429).await);
    for status in [500, 502, 503, 504] {
        let error = plain(status).await;
        refused(ErrorKind::Service, status)
            .retryable(5)
            .outcome_unknown()
            .assert(&error);
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    refused(ErrorKind::MalformedAnswer, 202)
        .outcome_unknown()
        .assert(&plain(202).await);
}

#[tokio::test]
async fn a_failure_that_passes_costs_only_attempts() {
    let replies = [Reply::http(503, &[], ""), Reply::http(429, &[], ""), Reply::code(99500)];
    let server = Server::start(Script::default().calls(replies)).await;
    assert_eq!(retry(&client(&server.url())).await.unwrap().attempts, 4);
}

#[tokio::test]
async fn a_web_page_is_quoted_and_never_a_success() {
    let page = "<!DOCTYPE html>\r\n<html><body>\r\n<h1>Proxy</h1> says no</body></html>";
    let error = error_of(|| Reply::html(200, page)).await;
    Facts::refused(ErrorKind::HtmlAnswer).outcome_unknown().assert(&error);
    assert!(error.to_string().contains("<h1>Proxy</h1> says no"), "{error}");

    let error = error_of(|| Reply::html(502, page)).await;
    Facts::refused(ErrorKind::Service)
        .status(502)
        .retryable(5)
        .outcome_unknown()
        .assert(&error);
    assert!(error.to_string().contains("<h1>Proxy</h1> says no"), "{error}");
}

#[tokio::test]
async fn an_empty_answer_leaves_the_outcome_open() {
    for body in ["", "  \r\n"] {
        let error = error_of(|| Reply::json(body)).await;
        Facts::refused(ErrorKind::EmptyAnswer)
            .retryable(5)
            .outcome_unknown()
            .assert(&error);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_the_outcome_open() {
    let error = error_of(|| Reply::json(r#"{"code":0,"msg":"O"#)).await;
    Facts::refused(ErrorKind::TruncatedAnswer)
        .retryable(5)
        .outcome_unknown()
        .assert(&error);

    let error = error_of(|| Reply::cut_off(200, r#"{"code":0,"msg":"OK"}"#)).await;
    Facts::refused(ErrorKind::TruncatedAnswer)
        .retryable(5)
        .outcome_unknown()
        .assert(&error);
}

#[tokio::test]
async fn an_answer_of_another_sort_is_malformed() {
    for body in [
        "[]",
        "{}",
        "null",
        "42",
        r#""OK""#,
        r#"{"code":{}}"#,
        "OK",
        r#"{"code":0,"msg":{"no":"text"}}"#,
    ] {
        let error = error_of(|| Reply::json(body)).await;
        assert_eq!(error.kind(), ErrorKind::MalformedAnswer, "{body}");
        Facts::refused(ErrorKind::MalformedAnswer)
            .outcome_unknown()
            .assert(&error);
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    const HUGE: usize = 50_000_000;
    for (status, kind) in [(200, ErrorKind::AnswerTooLarge), (403, ErrorKind::PermissionDenied)] {
        for flood in [Reply::flood, Reply::unannounced_flood] {
            let server = Server::start(Script::default().calls([flood(status, r#"{"code":0,"msg":""#, HUGE)])).await;
            let error = retry(&client(&server.url())).await.unwrap_err();
            let facts = Facts::refused(kind).status(status);
            let facts = if status == 200 { facts.outcome_unknown() } else { facts };
            facts.assert(&error);
            assert!(server.flooded() < HUGE / 2, "{} bytes were taken", server.flooded());
        }
    }
}

#[tokio::test]
async fn a_huge_token_answer_is_not_read_to_its_end() {
    const HUGE: usize = 50_000_000;
    let script = Script::default().gets([Reply::flood(200, r#"{"status":0,"msg":""#, HUGE)]);
    let server = Server::start(script).await;
    let error = retry(&client(&server.url())).await.unwrap_err();
    Facts::no_token("token/get", ErrorKind::AnswerTooLarge).assert(&error);
    assert!(server.flooded() < HUGE / 2, "{} bytes were taken", server.flooded());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::start(Script::default()).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/elsewhere", target.url());
        let error = error_of(|| Reply::http(status, &[("location", &location)], "")).await;
        Facts::refused(ErrorKind::Redirect).status(status).assert(&error);
        assert!(error.to_string().contains(&location), "{error}");
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_of_the_token_service_is_not_followed() {
    let target = Server::start(Script::default()).await;
    let location = target.url();
    let error = token_error_of(|| Reply::http(302, &[("location", &location)], "")).await;
    Facts::no_token("token/get", ErrorKind::Redirect)
        .status(302)
        .assert(&error);
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn retry_after_is_told_in_seconds_and_as_a_date() {
    let patient = quick().with_longest_retry_after(Duration::from_secs(5));
    let in_a_minute = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(1));
    for (status, value) in [(429, "60"), (429, in_a_minute.as_str()), (503, "60")] {
        let script = Script::default().calls([Reply::http(status, &[("retry-after", value)], "")]);
        let server = Server::start(script).await;
        let client = builder(&server.url()).retry_policy(patient.clone()).build().unwrap();
        let error = retry(&client).await.unwrap_err();
        // Beyond the cap: the call fails at once instead of coming back too early.
        assert_eq!((error.attempts(), error.is_retryable()), (1, true), "{value}");
        let asked = error.retry_after().unwrap();
        assert!(asked <= Duration::from_mins(1) && asked > Duration::ZERO, "{asked:?}");
        if value == "60" {
            assert_eq!(asked, Duration::from_mins(1));
        }
    }
}

#[tokio::test]
async fn a_retry_after_that_has_passed_or_cannot_be_read_delays_nothing() {
    for value in ["0", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "-5", ""] {
        let script = Script::default().calls([Reply::http(429, &[("retry-after", value)], "")]);
        let server = Server::start(script).await;
        assert_eq!(retry(&client(&server.url())).await.unwrap().attempts, 2, "{value}");
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_in_the_remedy() {
    let refused = |date: SystemTime| {
        let date = httpdate::fmt_http_date(date);
        error_of(move || Reply::http(200, &[("date", &date)], r#"{"status":1003,"msg":"no"}"#))
    };
    let ahead = refused(SystemTime::now() - Duration::from_mins(30)).await;
    assert!(ahead.remedy().contains("ahead of the gateway's"), "{}", ahead.remedy());
    let right = refused(SystemTime::now()).await;
    assert!(
        !right.remedy().contains("clock of this machine is 1"),
        "{}",
        right.remedy()
    );
    assert_eq!(Some(right.remedy()), GatewayErrorCode::InvalidEncryption.remedy());
}
