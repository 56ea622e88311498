//! A collector gets what the conventions of OpenTelemetry ask for.
#![allow(clippy::unwrap_used, missing_docs)]

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use enos_ota::{Client, Credentials, DeviceKeys};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Emulator, Fault, Scope};
use enos_ota_examples::telemetry;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A collector on this machine, and the spans that it gets.
async fn collector() -> (String, mpsc::UnboundedReceiver<Vec<Span>>) {
    let (sender, spans) = mpsc::unbounded_channel();
    let take = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        sender.send(scopes.flat_map(|scope| scope.spans).collect()).unwrap();
        StatusCode::OK
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, spans)
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_its_attempts_are_spans_of_one_trace() {
    let fault = Fault::http(503).on(Scope::Action(Action::RetryTask));
    let emulator = Emulator::builder().fault(fault).start().await.unwrap();
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
        .org_id(emulator.org_id())
        .build()
        .unwrap();
    let (url, mut sent) = collector().await;
    let traces = telemetry::install(&url).unwrap();
    let devices = DeviceKeys::parse(["pump-01"]).unwrap();
    client
        .retry_task(&DEMO_JOB_ID.parse().unwrap(), &devices)
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || traces.shutdown())
        .await
        .unwrap()
        .unwrap();

    let spans = sent.recv().await.unwrap();
    let call = spans.iter().find(|span| span.name == "enos_ota").unwrap();
    assert_eq!(attribute(call, "operation").as_deref(), Some("retryTask"));
    let mut attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt").collect();
    attempts.sort_by_key(|span| span.start_time_unix_nano);
    let told: Vec<_> = attempts
        .iter()
        .map(|span| {
            assert_eq!(span.kind(), SpanKind::Client);
            assert_eq!((&span.trace_id, &span.parent_span_id), (&call.trace_id, &call.span_id));
            assert_eq!(attribute(span, "http.request.method").as_deref(), Some("POST"));
            assert_eq!(attribute(span, "server.address").as_deref(), Some("127.0.0.1"));
            assert_eq!(attribute(span, "server.port"), Some(emulator.addr().port().to_string()));
            ["http.request.resend_count", "http.response.status_code", "error.type"].map(|name| attribute(span, name))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [[None, some("503"), some("service")], [some("1"), some("200"), None],]
    );
    let all = format!("{spans:?}");
    assert!(!all.contains(emulator.app_secret()) && !all.contains("pump-01"));
}
