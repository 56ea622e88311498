//! No number that a gateway sends makes a campaign panic, hang, or say of a device what is not so.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use enos_ota::{Client, Clock, Credentials, JobId, RetryPolicy};
use enos_ota_campaign::journal::{BeginDetails, Journal, Operator};
use enos_ota_campaign::{Campaign, Outcome, Plan, Reader, Selection, Settings, Time, VirtualClock};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// As JSON writes them.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "0.5",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "-1e300",
    r#""18446744073709551615""#,
    r#""many""#,
    "null",
];

const DEVICES: usize = 30;

#[derive(Debug)]
struct Moved(AtomicI64);

impl Clock for Moved {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn unique_ms(&self) -> i64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl VirtualClock for Moved {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let moved = |now: i64| Some(now.saturating_add(ms));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

/// Where the number stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In the headers of every answer.
    Headers,
    /// In every row: `progress`, `createTime`, `updateTime`, `upgradeTimeout`.
    Rows,
    /// `totalSize`, `pageNo` and `pageSize`.
    Pages,
    /// `expire` of every token.
    Life,
    /// `code` of the first retry.
    Code,
}

struct Gateway {
    place: Place,
    number: &'static str,
    /// How often each device was retried.
    retried: Mutex<HashMap<String, u32>>,
    calls: AtomicI64,
}

fn key(number: usize) -> String {
    format!("pump-{number:03}")
}

impl Gateway {
    fn at(&self, place: Place, usual: &'static str) -> &'static str {
        if self.place == place { self.number } else { usual }
    }

    fn rows(&self, expression: &str) -> Vec<String> {
        let retried = self.retried.lock().unwrap();
        (0..DEVICES)
            .map(key)
            .map(|key| (retried.contains_key(&key), key))
            .filter(|(retried, key)| {
                let status = !expression.contains("status='failed'") || !retried;
                let named = !expression.contains("deviceKey") || expression.contains(&format!("'{key}'"));
                status && named
            })
            .map(|(retried, key)| {
                let number = self.at(Place::Rows, "1767323045000");
                let status = if retried { "succeeded" } else { "failed" };
                format!(
                    r#"{{"id":"t-{key}","jobId":"j1","orgId":"o1","deviceKey":"{key}","status":"{status}",
                    "progress":{},"createTime":{number},"updateTime":{number},"upgradeTimeout":{number}}}"#,
                    self.at(Place::Rows, "-4")
                )
            })
            .collect()
    }

    fn answer(&self, target: &str, body: &Value) -> String {
        if target.contains("/token/") {
            let life = self.at(Place::Life, "7200");
            return format!(r#"{{"status":0,"data":{{"accessToken":"token","expire":{life}}}}}"#);
        }
        if target.contains("action=retryTask") {
            let first = self.calls.fetch_add(1, Ordering::SeqCst) == 0;
            let code = if first { self.at(Place::Code, "0") } else { "0" };
            if code == "0" {
                let mut retried = self.retried.lock().unwrap();
                for key in body["deviceKeys"].as_array().unwrap() {
                    *retried.entry(key.as_str().unwrap().to_owned()).or_default() += 1;
                }
            }
            return format!(r#"{{"code":{code},"msg":"","requestId":"r"}}"#);
        }
        let text = body.to_string();
        let rows = self.rows(&text);
        let pagination = &body["pagination"];
        let asked = |name: &str, usual| pagination[name].as_u64().map_or(usual, |n| usize::try_from(n).unwrap());
        let (no, size) = (asked("pageNo", 1), asked("pageSize", 10));
        let page: Vec<_> = rows.iter().skip((no - 1) * size).take(size).cloned().collect();
        let (total, no) = (rows.len().to_string(), no.to_string());
        let told = |usual: &str| {
            if self.place == Place::Pages {
                self.number.to_owned()
            } else {
                usual.to_owned()
            }
        };
        format!(
            r#"{{"code":0,"data":[{}],"pagination":{{"totalSize":{},"pageNo":{},"pageSize":{}}}}}"#,
            page.join(","),
            told(&total),
            told(&no),
            told(&size.to_string())
        )
    }

    fn headers(&self) -> String {
        let number = self.at(Place::Headers, "").trim_matches('"');
        if number.is_empty() {
            return String::new();
        }
        [
            "retry-after",
            "x-ratelimit-limit-second",
            "x-ratelimit-remaining-minute",
            "x-ratelimit-limit-minute",
            "x-ratelimit-remaining-month",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
        ]
        .map(|name| format!("{name}: {number}\r\n"))
        .concat()
    }

    /// With numbers in the headers, every third call is throttled, so that they matter.
    fn throttles(&self, target: &str) -> bool {
        self.place == Place::Headers
            && target.contains("ota-jobs")
            && self.calls.fetch_add(1, Ordering::SeqCst) % 3 == 1
    }
}

async fn converse(stream: TcpStream, gateway: Arc<Gateway>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut target, mut line) = (0, String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            // A client that has gone away.
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if target.is_empty() {
                target.clone_from(&line);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let (status, text) = if gateway.throttles(&target) {
            (429, r#"{"message":"API rate limit exceeded"}"#.to_owned())
        } else {
            (
                200,
                gateway.answer(&target, &serde_json::from_slice(&body).unwrap_or_default()),
            )
        };
        let headers = gateway.headers();
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{headers}\r\n",
            text.len()
        );
        stream.write_all(format!("{head}{text}").as_bytes()).await.unwrap();
    }
}

/// Runs a campaign over all devices, with its journal; `None` if the devices could not be read.
async fn play(place: Place, number: &'static str) -> Option<()> {
    let gateway = Arc::new(Gateway {
        place,
        number,
        retried: Mutex::default(),
        calls: AtomicI64::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&gateway)));
            }
        }
    });
    let clock = Arc::new(Moved(AtomicI64::new(1_767_323_100_000)));
    let client = Client::builder()
        .base_url(&*base_url)
        .credentials(Credentials::new("key", "secret").unwrap())
        .org_id("o1")
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .retry_policy(
            RetryPolicy::default()
                .with_waits(Duration::ZERO, Duration::ZERO)
                .with_longest_retry_after(Duration::ZERO),
        )
        .build()
        .unwrap();
    let (job, org): (JobId, _) = ("j1".parse().unwrap(), "o1".parse().unwrap());
    let selection = if place == Place::Headers {
        Selection::named((0..DEVICES).map(key)).unwrap()
    } else {
        Selection::default()
    };
    // A total that does not fit the rows is asked for again, in real time.
    let reader = Reader::new(&client)
        .patience(Duration::ZERO)
        .reread_wait(Duration::ZERO);
    let selected = reader.read(&selection, &job, |_| ()).await.ok()?;
    let chunk = NonZeroUsize::new(7).unwrap();
    let plan = Plan::of_selected(job, org, selection, chunk, 0, selected);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let details = BeginDetails {
        base_url,
        by: Operator {
            who: "ann@host".to_owned(),
            command: Vec::new(),
            program: "test".to_owned(),
        },
        at_ms: 0,
        settings: Value::Null,
    };
    let journal = Journal::create(&path, &plan, details).unwrap();
    let mut settings = Settings::default();
    settings.watch = Some(Duration::from_mins(10));
    settings.contact_patience = Duration::from_mins(5);
    let campaign = Campaign::new(&client, plan, settings)
        .time(Time::simulated(clock))
        .journal(journal);
    let finished = campaign.start().finish().await.unwrap();

    let summary = finished.table.summary();
    assert!(summary.adds_up(), "{place:?} {number}: {summary:?}");
    let retried = gateway.retried.lock().unwrap().clone();
    for standing in finished
        .table
        .devices()
        .ids()
        .map(|id| (id, finished.table.standing(id)))
    {
        let (id, standing) = standing;
        let key = finished.table.devices().key(id);
        if standing.outcome == Some(Outcome::Accepted) {
            assert!(retried.contains_key(key), "{place:?} {number}: {key} was never retried");
        }
    }
    // What was written on the way says the same.
    let told = Journal::read(&path).unwrap();
    assert_eq!(told.summary().accepted, summary.accepted, "{place:?} {number}");
    Some(())
}

#[tokio::test]
async fn any_number_in_any_place_lets_a_campaign_end() {
    let mut played = 0;
    for place in [Place::Headers, Place::Rows, Place::Pages, Place::Life, Place::Code] {
        for number in NUMBERS {
            let ended = tokio::time::timeout(Duration::from_mins(1), play(place, number)).await;
            let ended = ended.unwrap_or_else(|_| panic!("{place:?} {number}: no end"));
            played += usize::from(ended.is_some());
        }
    }
    assert!(played > 50, "{played} campaigns were played");
}
