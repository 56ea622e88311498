//! Selections are read from a platform whose answers are odd.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::net::Ipv4Addr;
use std::sync::Arc;

use enos_ota::{Client, Credentials, JobId, RetryPolicy};
use enos_ota_campaign::{Devices, Reader, Seen, Selected, Selection, TaskFacts, TaskState};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is answered to a search, given its body.
type Answer = dyn Fn(&Value) -> String + Send + Sync;

/// A gateway that grants any token and answers every search so.
async fn gateway(answer: impl Fn(&Value) -> String + Send + Sync + 'static) -> Client {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer: Arc<Answer> = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&answer)));
        }
    });
    Client::builder()
        .base_url(format!("http://{address}"))
        .credentials(Credentials::new("key", "secret").unwrap())
        .org_id("o1")
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap()
}

async fn converse(stream: TcpStream, answer: Arc<Answer>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut is_token, mut line) = (0, false, String::new());
        while line != "\r\n" {
            line.clear();
            // A client that has gone away.
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            is_token |= line.contains("/token/");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let text = if is_token {
            r#"{"status":0,"data":{"accessToken":"token","expire":7200}}"#.to_owned()
        } else {
            answer(&serde_json::from_slice(&body).unwrap())
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

fn page(rows: &[&str], total: usize) -> String {
    format!(
        r#"{{"code":0,"data":[{}],"pagination":{{"totalSize":{total}}}}}"#,
        rows.join(",")
    )
}

fn job() -> JobId {
    "j1".parse().unwrap()
}

async fn read_failed(client: &Client) -> Selected {
    Selection::default().read(client, &job(), |_| ()).await.unwrap()
}

fn list(keys: &[&str]) -> Devices {
    let mut devices = Devices::new();
    for key in keys {
        devices.push(key, &TaskFacts::default()).unwrap();
    }
    devices
}

fn keys(devices: &Devices) -> Vec<&str> {
    devices.ids().map(|id| devices.key(id)).collect()
}

const A: &str = r#"{"deviceKey":"a","jobId":"j1","orgId":"o1","taskId":"t1","status":"failed"}"#;
const B: &str = r#"{"deviceKey":"b","jobId":"j1","orgId":"o1","taskId":"t2","status":"failed"}"#;
const ODD: &str = r#"{"deviceKey":"odd","jobId":"j1","status":"failed","desc":{"text":"no space"}}"#;
const NAMELESS: &str = r#"{"jobId":"j1","progress":-1.5}"#;
const FOREIGN: &str = r#"{"deviceKey":"c","jobId":"j2","taskId":"t3","status":"failed"}"#;

#[tokio::test]
async fn a_task_that_cannot_be_read_is_left_out_and_named() {
    let client = gateway(|_| page(&[A, ODD, B], 3)).await;
    let selected = read_failed(&client).await;
    assert_eq!(keys(&selected.devices), ["a", "b"]);
    assert_eq!((selected.readings, selected.moved, selected.read), (1, false, 3));
    assert_eq!((selected.left_out.unreadable, selected.left_out.total()), (1, 1));
    assert_eq!(selected.odd.examples[0].device_key.as_deref(), Some("odd"));
    assert_eq!(selected.odd.examples[0].raw, ODD);
}

#[tokio::test]
async fn tasks_of_another_job_are_not_selected() {
    let client = gateway(|_| page(&[A, FOREIGN], 2)).await;
    let selected = read_failed(&client).await;
    assert_eq!(keys(&selected.devices), ["a"]);
    assert_eq!(
        (selected.left_out.other, selected.odd.foreign, selected.moved),
        (1, 1, false)
    );
}

#[tokio::test]
async fn a_search_that_repeats_itself_is_read_once_and_told() {
    let client = gateway(|_| page(&[A, B], 1_000_000)).await;
    let selected = read_failed(&client).await;
    assert_eq!(keys(&selected.devices), ["a", "b"]);
    assert_eq!((selected.repeats, selected.moved, selected.readings), (true, true, 1));
    assert!(selected.calls < 20, "{}", selected.calls);
}

#[tokio::test]
async fn what_is_not_found_among_odd_rows_is_not_said_to_be_gone() {
    for (rows, state) in [
        (&[A][..], TaskState::Gone),
        (&[A, ODD], TaskState::Gone),
        (&[A, NAMELESS], TaskState::Unclear),
        (&[A, FOREIGN], TaskState::Unclear),
    ] {
        let answer = page(rows, rows.len());
        let client = gateway(move |_| answer.clone()).await;
        let devices = list(&["a", "c"]);
        let found = Reader::new(&client).look_up(&job(), &devices, |_| ()).await.unwrap();
        let c = devices.find("c").unwrap();
        assert_eq!(found.state(c), state, "{rows:?}");
        assert_eq!(found.state(devices.find("a").unwrap()), TaskState::Failed);
        let seen = (state == TaskState::Gone).then_some(Seen::NoTask);
        assert_eq!(found.devices.facts(c).seen, seen);
    }
    let client = gateway(|_| page(&[ODD], 1)).await;
    let devices = list(&["odd"]);
    let found = Reader::new(&client).look_up(&job(), &devices, |_| ()).await.unwrap();
    assert_eq!(found.state(devices.find("odd").unwrap()), TaskState::Unclear);
    assert_eq!(found.odd.unreadable, 1);
}

#[tokio::test]
async fn a_refusal_of_some_devices_does_not_lose_the_others() {
    let client = gateway(|body| {
        let expression = body["expression"].as_str().unwrap();
        if expression.contains("'bad'") {
            return r#"{"code":99400,"msg":"Invalid Argument","data":null}"#.to_owned();
        }
        page(&[A], 1)
    })
    .await;
    let others: Vec<_> = (0..200).map(|n| format!("d{n}")).collect();
    let mut devices = list(&["a"]);
    for key in others.iter().map(String::as_str).chain(["bad"]) {
        devices.push(key, &TaskFacts::default()).unwrap();
    }
    let found = Reader::new(&client).look_up(&job(), &devices, |_| ()).await.unwrap();
    assert!(found.key_search_refused.is_none());
    assert_eq!(found.count(TaskState::Failed), 1);
    assert_eq!(found.state(devices.find("bad").unwrap()), TaskState::Unclear);
    assert_eq!(found.count(TaskState::Gone), 199);
}
