//! Clients that send nothing, too slowly or too much, and web pages that want to control the emulator.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, get, retry, token};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, Fault, TaskStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for what is not to be cut, on any machine.
const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(20);

async fn open(emulator: &Emulator, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(emulator.addr()).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    socket
}

/// All that comes back until the other end closes the connection.
async fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is closed with bytes unread is reset, which is an error here.
    let _ = socket.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test]
async fn a_client_that_never_ends_the_head_of_its_request_is_cut() {
    let emulator = Emulator::builder().request_timeout(SHORT).start().await.unwrap();
    for sent in ["", "G", "GET /_emulator/state HTTP/1.1\r\nhost: 127"] {
        let socket = open(&emulator, sent.as_bytes()).await;
        assert_eq!(rest(socket).await, b"", "{sent}");
    }
    assert_eq!(emulator.requests(), []);
}

#[tokio::test]
async fn a_client_that_never_ends_the_body_of_its_request_is_cut() {
    let emulator = Emulator::builder().request_timeout(SHORT).start().await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-length: 9\r\n\r\n{{",
        common::TOKEN_GET,
        emulator.addr()
    );
    assert_eq!(rest(open(&emulator, head.as_bytes()).await).await, b"");
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn the_second_head_of_a_connection_has_a_limit_too_and_the_pause_before_it_has_none() {
    let emulator = Emulator::builder().request_timeout(SHORT).start().await.unwrap();
    let request = format!("GET /_emulator/faults HTTP/1.1\r\nhost: {}\r\n\r\n", emulator.addr());
    let mut socket = open(&emulator, request.as_bytes()).await;
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    // Others that are cut show that the time is up.
    for _ in 0..3 {
        rest(open(&emulator, b"").await).await;
    }
    socket.write_all(request.as_bytes()).await.unwrap();
    let length = socket.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    socket.write_all(b"GET").await.unwrap();
    assert_eq!(rest(socket).await, b"");
}

#[tokio::test]
async fn connections_without_a_request_do_not_lock_others_out() {
    const MOST: usize = 20;
    let builder = Emulator::builder().request_timeout(LONG).max_connections(MOST);
    let emulator = builder.start().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..5 * MOST {
        held.push(open(&emulator, b"POST / HTTP/1.1\r\n").await);
    }
    assert_eq!(retry(&emulator, &["pump-01"]).await.code(), 0);
    // The oldest had to make room.
    assert_eq!(rest(held.remove(0)).await, b"");
}

#[tokio::test]
async fn a_connection_with_a_request_is_not_closed_for_another_which_waits_instead() {
    let builder = Emulator::builder().request_timeout(LONG).max_connections(1);
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    emulator.faults().push(Fault::delay_answer(Duration::from_millis(100)));
    let call = Job::retry(&emulator, &token, &["pump-01"]).request(&emulator);
    let first = tokio::spawn(async move { call.send().await.unwrap().status() });
    while common::task(&emulator, DEMO_JOB_ID, "pump-01").status == TaskStatus::Failed {
        tokio::task::yield_now().await;
    }
    // It comes to its turn once the first has its answer and its connection is idle.
    assert_eq!(get(&emulator, "/_emulator/faults").await.status, 200);
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test]
async fn a_head_that_is_too_big_is_431() {
    let emulator = Emulator::builder().start().await.unwrap();
    let many = "x: y\r\n".repeat(101);
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    for headers in [many, long] {
        let head = format!(
            "GET /_emulator/state HTTP/1.1\r\nhost: {}\r\n{headers}\r\n",
            emulator.addr()
        );
        let mut socket = TcpStream::connect(emulator.addr()).await.unwrap();
        // The answer may come before all is sent.
        let _ = socket.write_all(head.as_bytes()).await;
        let answer = rest(socket).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 431 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[tokio::test]
async fn a_web_page_cannot_control_the_emulator() {
    let emulator = Emulator::builder().start().await.unwrap();
    let port = emulator.addr().port();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/_emulator/tokens/kill", emulator.base_url());
    let status = async |headers: &[(&str, String)]| {
        let mut request = http.post(&url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        common::send(request).await.unwrap()
    };
    assert_eq!(status(&[]).await.status, 200);
    assert_eq!(status(&[("host", format!("localhost:{port}"))]).await.status, 200);
    assert_eq!(
        status(&[("origin", format!("http://127.0.0.1:{port}"))]).await.status,
        200
    );
    for (name, value) in [
        ("host", format!("attacker.example:{port}")),
        ("host", "127.0.0.1".to_owned()),
        ("origin", "https://attacker.example".to_owned()),
        ("origin", "null".to_owned()),
    ] {
        let refused = status(&[(name, value.clone())]).await;
        assert_eq!(refused.status, 403, "{name}: {value}");
        assert!(refused.json()["error"].as_str().unwrap().contains('`'), "{refused:?}");
    }
    // The platform's paths are as the platform's: their callers sign.
    let platform = http.post(format!("{}{}", emulator.base_url(), common::TOKEN_GET));
    let platform = platform.header("origin", "https://attacker.example").body("{}");
    assert_eq!(common::send(platform).await.unwrap().token_status(), 1202);
}
