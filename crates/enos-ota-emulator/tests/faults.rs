//! Faults, on the real socket.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Job, TOKEN_GET, token, token_body, token_reply};
use enos_ota_emulator::{
    Action, AnswerRecord, DEMO_JOB_ID, Emulator, Fault, FaultBody, ManualClock, MixedList, RetryAfter, Scope,
    TaskStatus,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NOW: i64 = 1_700_000_000_000;

async fn emulator() -> (Emulator, String) {
    let emulator = Emulator::builder()
        .clock(ManualClock::at_ms(NOW))
        .start()
        .await
        .unwrap();
    let token = token(&emulator).await;
    (emulator, token)
}

fn call(emulator: &Emulator, token: &str) -> Job {
    Job::retry(emulator, token, &["pump-01"])
}

fn status(emulator: &Emulator) -> TaskStatus {
    common::task(emulator, DEMO_JOB_ID, "pump-01").status
}

/// Writes a signed retry to a socket.
async fn write_raw(emulator: &Emulator, token: &str) -> TcpStream {
    let request = call(emulator, token).request(emulator).build().unwrap();
    let body = request.body().unwrap().as_bytes().unwrap();
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let head = format!(
        "POST {}?{} HTTP/1.1\r\nhost: {}\r\napim-accesstoken: {}\r\napim-timestamp: {}\r\napim-signature: {}\r\n\
         content-length: {}\r\n\r\n",
        request.url().path(),
        request.url().query().unwrap(),
        emulator.addr(),
        header("apim-accesstoken"),
        header("apim-timestamp"),
        header("apim-signature"),
        body.len(),
    );
    let mut socket = TcpStream::connect(emulator.addr()).await.unwrap();
    socket.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    socket
}

/// Every byte that comes back on a signed retry until the server closes the connection.
async fn raw(emulator: &Emulator, token: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    write_raw(emulator, token).await.read_to_end(&mut answer).await.unwrap();
    answer
}

/// Waits without a clock: the emulator runs on this thread too.
async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// The head and the body of a raw answer.
fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let at = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a complete head");
    (
        String::from_utf8(answer[..at].to_vec()).unwrap(),
        answer[at + 4..].to_vec(),
    )
}

#[tokio::test]
async fn a_connection_is_cut_before_the_request_is_applied() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::cut_before_applying());
    assert_eq!(raw(&emulator, &token).await, b"");
    assert_eq!(status(&emulator), TaskStatus::Failed);
    assert_eq!(emulator.requests().pop().unwrap().answer, AnswerRecord::Cut);
    assert_eq!(call(&emulator, &token).send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn a_connection_is_cut_after_the_request_is_applied() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::cut_after_applying());
    assert_eq!(raw(&emulator, &token).await, b"");
    assert_eq!(status(&emulator), TaskStatus::Init);
    let record = emulator.requests().pop().unwrap();
    assert_eq!(
        (record.answer, record.applied, record.faults),
        (AnswerRecord::Cut, 1, vec!["cutAfterApplying"])
    );
    assert_eq!(call(&emulator, &token).send(&emulator).await.code(), 24621);
}

#[tokio::test]
async fn a_token_answer_that_is_lost_has_used_up_its_encryption() {
    let emulator = Emulator::builder()
        .clock(ManualClock::at_ms(NOW))
        .start()
        .await
        .unwrap();
    emulator.faults().push(Fault::cut_after_applying().on(Scope::TokenGet));
    let lost = common::try_post(&emulator, TOKEN_GET, token_body(&emulator, NOW).to_string()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(token_reply(&emulator, NOW).await.token_status(), 1001);
    emulator.faults().push(Fault::cut_before_applying().on(Scope::TokenGet));
    let lost = common::try_post(&emulator, TOKEN_GET, token_body(&emulator, NOW + 1).to_string()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(token_reply(&emulator, NOW + 1).await.token_status(), 0);
}

#[tokio::test]
async fn a_truncated_body_promises_more_than_it_sends() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::truncated_body());
    let (head, body) = split(&raw(&emulator, &token).await);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let promised: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(body.len(), promised / 2);
    assert!(body.starts_with(br#"{"code":0,"msg":"OK""#));
    assert_eq!(status(&emulator), TaskStatus::Init);
}

#[tokio::test]
async fn a_client_takes_a_truncated_body_for_an_error() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::truncated_body());
    let error = call(&emulator, &token).try_send(&emulator).await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn a_slow_body_arrives_whole_and_not_too_soon() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::slow_body(20, Duration::from_millis(2)));
    let start = Instant::now();
    let reply = call(&emulator, &token).send(&emulator).await;
    assert_eq!(reply.code(), 0);
    let pieces = u32::try_from(reply.text.len().div_ceil(20)).unwrap();
    assert!(start.elapsed() >= pieces * Duration::from_millis(2));
}

#[tokio::test]
async fn latency_holds_back_the_request_and_delay_only_the_answer() {
    let (emulator, token) = emulator().await;
    for fault in [
        Fault::latency(Duration::from_millis(5)),
        Fault::delay_answer(Duration::from_millis(5)),
    ] {
        emulator.faults().push(fault);
        let start = Instant::now();
        call(&emulator, &token).send(&emulator).await;
        assert!(start.elapsed() >= Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_delayed_answer_is_one_of_a_request_that_is_applied_already() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::delay_answer(Duration::from_hours(1)));
    let socket = write_raw(&emulator, &token).await;
    until(|| status(&emulator) == TaskStatus::Init).await;
    let nothing_yet = socket.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing_yet.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_request_that_waits_is_applied_even_if_the_client_gives_up() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::latency(Duration::from_millis(50)));
    let socket = write_raw(&emulator, &token).await;
    until(|| emulator.counters().faulted == 1).await;
    assert_eq!(status(&emulator), TaskStatus::Failed);
    drop(socket);
    until(|| status(&emulator) == TaskStatus::Init).await;
}

#[tokio::test]
async fn any_http_status_can_be_answered_without_applying() {
    let (emulator, token) = emulator().await;
    for (http_status, phrase) in [
        (401, "Unauthorized\n"),
        (403, "Forbidden\n"),
        (404, "Not Found\n"),
        (500, "Internal Server Error\n"),
        (502, "Bad Gateway\n"),
        (503, "Service Unavailable\n"),
        (504, "Gateway Timeout\n"),
    ] {
        emulator.faults().push(Fault::http(http_status));
        let reply = call(&emulator, &token).send(&emulator).await;
        assert_eq!((reply.status, reply.text.as_str()), (http_status, phrase));
        assert_eq!(emulator.requests().pop().unwrap().http_status(), Some(http_status));
    }
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn the_gateway_refuses_in_its_own_words_and_without_a_code() {
    let (emulator, token) = emulator().await;
    for (http_status, text) in [
        (400, "Cannot process request body"),
        (401, "Invalid authentication credentials"),
        (403, "Your IP address is not allowed"),
        (404, "no Route matched with those values"),
        (413, "Request size limit exceeded"),
        (429, "API rate limit exceeded"),
        (500, "An unexpected error occurred"),
        (503, "Service unavailable"),
    ] {
        emulator.faults().push(Fault::refused_by_gateway(http_status));
        let reply = call(&emulator, &token).send(&emulator).await;
        assert_eq!((reply.status, reply.json()), (http_status, json!({ "message": text })));
    }
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn a_call_whose_backend_is_too_slow_for_the_gateway_is_carried_out_all_the_same() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::backend_timeout());
    let reply = call(&emulator, &token).send(&emulator).await;
    let message = json!({ "message": "The upstream server is timing out" });
    assert_eq!((reply.status, reply.json()), (504, message));
    assert_eq!(status(&emulator), TaskStatus::Init);
}

#[tokio::test]
async fn an_http_status_can_be_answered_after_applying() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::http_after_applying(504));
    assert_eq!(call(&emulator, &token).send(&emulator).await.status, 504);
    assert_eq!(status(&emulator), TaskStatus::Init);
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    let (emulator, token) = emulator().await;
    for (retry_after, header) in [
        (None, None),
        (Some(RetryAfter::Seconds(7)), Some("7")),
        // The emulator's clock stands at Tue, 14 Nov 2023 22:13:20 GMT.
        (
            Some(RetryAfter::DateInSeconds(30)),
            Some("Tue, 14 Nov 2023 22:13:50 GMT"),
        ),
    ] {
        emulator.faults().push(Fault::throttled(retry_after));
        let reply = call(&emulator, &token).send(&emulator).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, header));
    }
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn a_body_can_be_html_json_or_nothing() {
    let (emulator, token) = emulator().await;
    for http_status in [200, 502] {
        emulator.faults().push(Fault::html_page(http_status));
        let page = call(&emulator, &token).send(&emulator).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (http_status, Some("text/html;charset=UTF-8"))
        );
        assert!(page.text.starts_with("<html>"), "{page:?}");
    }
    emulator.faults().push(Fault::http_body(503, FaultBody::Json));
    let foreign = call(&emulator, &token).send(&emulator).await;
    assert_eq!(
        foreign.json(),
        json!({ "error": "Service Unavailable", "status": "503" })
    );
    emulator.faults().push(Fault::empty_body(200));
    let empty = call(&emulator, &token).send(&emulator).await;
    assert_eq!(
        (empty.status, empty.text.as_str(), empty.header("content-length")),
        (200, "", Some("0"))
    );
}

#[tokio::test]
async fn a_redirect_names_the_other_place() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::redirect("http://127.0.0.1:9/elsewhere"));
    let reply = call(&emulator, &token).send(&emulator).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some("http://127.0.0.1:9/elsewhere"))
    );
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn a_big_body_is_as_big_as_it_was_told() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::big_body(3));
    let reply = call(&emulator, &token).send(&emulator).await;
    assert_eq!(reply.json()["msg"].as_str().unwrap().len(), 3_000_000);
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn any_code_can_be_answered_with_its_documented_text_or_another() {
    let (emulator, token) = emulator().await;
    for (code, text, msg) in [
        (24500, "", "OTA service internal error"),
        (24404, "gone", "gone"),
        (0, "", "OK"),
        (77777, "", ""),
    ] {
        emulator.faults().push(Fault::code(code, text));
        let reply = call(&emulator, &token).send(&emulator).await;
        assert_eq!(
            (reply.status, reply.code(), reply.json()["msg"].as_str()),
            (200, code, Some(msg))
        );
    }
    assert_eq!(status(&emulator), TaskStatus::Failed);
}

#[tokio::test]
async fn any_token_status_can_be_answered_by_token_service_and_gateway() {
    let (emulator, token) = emulator().await;
    emulator
        .faults()
        .push(Fault::token_status(1005, "").on(Scope::TokenGet));
    let reply = token_reply(&emulator, NOW + 1).await.json();
    assert_eq!(
        (&reply["status"], &reply["msg"]),
        (&json!(1005), &json!("Internal service error"))
    );
    assert_eq!(reply["business"], "apim-token-service");
    emulator.faults().push(Fault::token_status(1203, "").on(Scope::Jobs));
    let reply = call(&emulator, &token).send(&emulator).await.json();
    assert_eq!((&reply["status"], &reply["business"]), (&json!(1203), &json!("apim")));
}

#[tokio::test]
async fn an_apim_status_can_be_answered() {
    let (emulator, token) = emulator().await;
    for apim_status in [4011, 4012] {
        emulator.faults().push(Fault::apim_status(apim_status));
        let reply = call(&emulator, &token).send(&emulator).await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({ "apim_status": apim_status }))
        );
    }
}

#[tokio::test]
async fn a_token_can_die_just_before_the_next_call() {
    let (emulator, token) = emulator().await;
    emulator
        .faults()
        .push(Fault::kill_token().on(Scope::Action(Action::RetryTask)));
    assert_eq!(call(&emulator, &token).send(&emulator).await.token_status(), 1203);
    let new = common::token_at(&emulator, NOW + 1).await;
    assert_ne!(new, token);
    assert_eq!(call(&emulator, &new).send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn the_rule_for_mixed_lists_can_be_changed_for_one_call() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::mixed_list(MixedList::Partial));
    let mixed = |keys: &[&str]| Job::retry(&emulator, &token, keys);
    assert_eq!(mixed(&["pump-01", "pump-11"]).send(&emulator).await.code(), 0);
    assert_eq!(mixed(&["pump-02", "pump-11"]).send(&emulator).await.code(), 24621);
}

#[tokio::test]
async fn a_fault_that_strikes_before_the_gateway_does_not_need_a_good_signature() {
    let (emulator, _) = emulator().await;
    emulator.faults().push(Fault::http(503));
    assert_eq!(call(&emulator, "unknown").send(&emulator).await.status, 503);
}

#[tokio::test]
async fn a_fault_for_one_action_leaves_the_rest_alone() {
    let (emulator, token) = emulator().await;
    emulator
        .faults()
        .push(Fault::http(503).on(Scope::Action(Action::RetryTask)));
    assert_eq!(token_reply(&emulator, NOW + 1).await.token_status(), 0);
    assert_eq!(
        call(&emulator, &token)
            .with("action", "get")
            .send(&emulator)
            .await
            .status,
        200
    );
    assert_eq!(call(&emulator, &token).send(&emulator).await.status, 503);
    assert_eq!(emulator.counters().faulted, 1);
}

#[tokio::test]
async fn faults_can_be_given_before_the_start() {
    let emulator = Emulator::builder().fault(Fault::http(500)).start().await.unwrap();
    assert_eq!(token_reply(&emulator, emulator.now_ms()).await.status, 500);
    assert_eq!(token_reply(&emulator, emulator.now_ms()).await.status, 200);
}

#[tokio::test]
async fn a_cut_closes_its_own_connection_only() {
    let (emulator, token) = emulator().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = || client.execute(call(&emulator, &token).request(&emulator).build().unwrap());
    let before = emulator.counters().connections;
    for _ in 0..2 {
        send().await.unwrap().bytes().await.unwrap();
    }
    assert_eq!(emulator.counters().connections, before + 1);
    emulator.faults().push(Fault::cut_before_applying());
    send().await.unwrap_err();
    send().await.unwrap().bytes().await.unwrap();
    assert_eq!(emulator.counters().connections, before + 2);
}
