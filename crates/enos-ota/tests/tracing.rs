//! What a call says through `tracing`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::server::{Reply, Script, Server};
use common::{client, retry, succeed, trace};

#[tokio::test]
async fn a_call_opens_a_span_and_reports_each_attempt() {
    let trace = trace::collect();
    let replies = [Reply::http(503, &[], ""), Reply::cut(), Reply::code(99500)];
    let server = Server::start(Script::default().calls(replies)).await;
    succeed(&client(&server.url())).await;

    let [span, attempts @ ..] = &trace.spans()[..] else {
        panic!("no span")
    };
    assert_eq!(span.name, "enos_ota");
    assert_eq!(span.field("operation"), Some("retryTask"));

    // In the names of OpenTelemetry.
    let port = server.address().port().to_string();
    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            assert_eq!(attempt.name, "attempt");
            for (name, value) in [
                ("otel.kind", "client"),
                ("http.request.method", "POST"),
                ("server.address", "127.0.0.1"),
                ("server.port", &port),
            ] {
                assert_eq!(attempt.field(name), Some(value), "{name}");
            }
            ["http.request.resend_count", "http.response.status_code", "error.type"]
                .map(|name| attempt.field(name).unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ["-", "503", "service"],
            ["1", "-", "connection_lost"],
            ["2", "200", "service"],
            ["3", "200", "-"],
        ]
    );

    let attempts: Vec<_> = trace
        .events()
        .into_iter()
        .filter(|event| event.field("attempt").is_some())
        .collect();
    for event in &attempts {
        assert_eq!(event.spans, ["enos_ota"]);
        assert!(event.field("elapsed_ms").unwrap().parse::<u64>().is_ok());
    }
    let told: Vec<_> = attempts
        .iter()
        .map(|event| ["attempt", "status", "code", "request_id"].map(|name| event.field(name).unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            ["1", "503", "-", "-"],
            ["2", "-", "-", "-"],
            ["3", "200", "99500", "request-1"],
            ["4", "200", "0", "request-1"],
        ]
    );
    assert_eq!(attempts[3].message(), "attempt succeeded");
}

#[tokio::test]
async fn a_failed_call_is_told_in_its_span() {
    let trace = trace::collect();
    let server = Server::start(Script::default().calls([Reply::cut(), Reply::code(24621)])).await;
    retry(&client(&server.url())).await.unwrap_err();
    let spans = trace.spans();
    let told = ["operation", "attempts", "code", "request_id"].map(|name| spans[0].field(name).unwrap_or("-"));
    assert_eq!(told, ["retryTask", "2", "24621", "request-1"]);
    assert!(
        trace
            .events()
            .iter()
            .any(|event| event.field("outcome_unknown") == Some("true"))
    );
}

#[tokio::test]
async fn no_body_is_traced() {
    let trace = trace::collect();
    let marked = || {
        [
            Reply::html(502, "<html>marked</html>"),
            Reply::json(r#"{"status":1005,"msg":"marked","data":"marked"}"#),
            Reply::json(r#"{"msg":"marked"#),
        ]
    };
    let script = Script::default()
        .gets(marked())
        .calls(marked().into_iter().chain([Reply::html(200, "<html>marked</html>")]));
    let server = Server::start(script).await;
    let error = retry(&client(&server.url())).await.unwrap_err();
    assert_eq!((error.attempts(), server.gets().len()), (4, 4), "{error:?}");
    assert!(trace.events().len() > 8);
    assert!(!trace.text().contains("marked"), "{}", trace.text());
    assert!(!trace.text().contains("pump-01"), "{}", trace.text());
}
