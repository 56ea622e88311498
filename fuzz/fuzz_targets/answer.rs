//! Whatever a gateway answers becomes a value or an error that can be shown.
//!
//! Input: which operation, which status, how long a header value is, that value, and the body.
#![no_main]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use enos_ota::search::{Expression, jobs, tasks};
use enos_ota::{Client, Credentials, DeviceKeys, Error, JobId, PageSize, RetryPolicy};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

const STATUSES: [u16; 12] = [200, 200, 200, 200, 400, 401, 403, 404, 413, 429, 500, 504];

/// What the gateway answers next.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static SIDES: LazyLock<(Runtime, Client)> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let base_url = format!("http://{}", listener.local_addr().expect("it has an address"));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&connection));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let never = RetryPolicy::default()
        .with_max_attempts(NonZeroU32::MIN)
        .with_waits(Duration::ZERO, Duration::ZERO);
    let client = Client::builder()
        .base_url(base_url)
        .credentials(Credentials::new("key", "secret").expect("they are not empty"))
        .org_id("o1")
        .retry_policy(never)
        .build()
        .expect("the settings are valid");
    (runtime, client)
});

/// Answers requests until the client has gone.
fn serve(mut connection: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let answer = if head.contains("/apim-token-service/") {
            answer(200, "", br#"{"status":0,"data":{"accessToken":"token","expire":7200}}"#)
        } else {
            ANSWER.lock().ok()?.clone()
        };
        connection.write_all(&answer).ok()?;
    }
}

fn answer(status: u16, value: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status} Reason\r\ncontent-length: {}\r\n", body.len());
    if !value.is_empty() {
        for name in [
            "retry-after",
            "date",
            "x-ratelimit-limit-minute",
            "x-ratelimit-remaining-day",
            "ratelimit-reset",
        ] {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let mut answer = (answer + "\r\n").into_bytes();
    answer.extend(body);
    answer
}

fn check(error: &Error) {
    let text = format!("{error} {}", error.remedy());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fuzz_target!(|data: &[u8]| {
    let [operation, status, length, rest @ ..] = data else {
        return;
    };
    let (value, body) = rest.split_at(usize::from(length % 32).min(rest.len()));
    // What else could stand there would end the header.
    let value: String = value.iter().map(|byte| char::from(byte % 95 + 32)).collect();
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    *ANSWER.lock().expect("nothing panics while it is held") = answer(status, value.trim(), body);

    let (runtime, client) = &*SIDES;
    let job: JobId = "5ed758ca49f032b4663063aa".parse().expect("it is not empty");
    let devices = DeviceKeys::parse(["pump-1"]).expect("it is not empty");
    let failed = Expression::all(tasks::STATUS.equals("failed"));
    let started = Expression::all(jobs::STATUS.equals("started"));
    runtime.block_on(async {
        match operation % 4 {
            0 => match client.retry_task(&job, &devices).await {
                Ok(_) => {
                    let told: serde_json::Value = serde_json::from_slice(body).expect("a success is JSON");
                    let code = &told["code"];
                    assert!(code.as_f64() == Some(0.0) || code.as_str().is_some(), "{told}");
                    assert_eq!(status, 200);
                }
                Err(error) => check(&error),
            },
            1 => drop(client.get_job(&job).await.map_err(|error| check(&error))),
            2 => drop(
                client
                    .search_tasks(&failed, 1, PageSize::default())
                    .await
                    .map_err(|error| check(&error)),
            ),
            _ => drop(
                client
                    .search_jobs(&started, 1, PageSize::default())
                    .await
                    .map_err(|error| check(&error)),
            ),
        }
    });
    let _ = client.rate_limits();
});
