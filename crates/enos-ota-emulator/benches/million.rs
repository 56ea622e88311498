//! How the emulator bears a job of a million tasks. Prints a line for each thing measured.
//!
//! `cargo bench -p enos-ota-emulator --bench million`; without `--bench`, as under `cargo test --all-targets`, the job
//! is small and the numbers mean nothing.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{Job as Call, token};
use enos_ota_emulator::{Emulator, Fault, Fleet, Job, Outcome, Pace, Task};
use serde_json::json;

const PAGE: usize = 200;

fn fleet(tasks: usize) -> Fleet {
    Fleet::new("o1").job(
        Job::started("j1")
            .maximum_concurrency(100_000)
            .with_tasks((0..tasks).map(|n| {
                Task::failed(format!("device-{n:07}"))
                    .progress(-2)
                    .desc("Failed to download the firmware")
                    .retry_outcome(Outcome::Succeeds)
            })),
    )
}

/// Memory now and at most, in megabytes, where the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
    };
    format!(
        "{:?} MB, at most {:?} MB",
        megabytes("VmRSS:").unwrap_or(0),
        megabytes("VmHWM:").unwrap_or(0)
    )
}

fn report(what: &str, begin: Instant) {
    println!("{what:<60} {:>9.3} s   {}", begin.elapsed().as_secs_f64(), memory());
}

struct Session<'a> {
    emulator: &'a Emulator,
    token: String,
    client: reqwest::Client,
}

impl Session<'_> {
    async fn send(&self, action: &str, job_id: Option<&str>, body: &serde_json::Value) -> String {
        let mut call = Call::action(self.emulator, &self.token, action).body(body.to_string());
        if let Some(job_id) = job_id {
            call = call.with("jobId", job_id);
        }
        let request = call.request(self.emulator).build().unwrap();
        let answer = self.client.execute(request).await.unwrap().text().await.unwrap();
        assert!(
            answer.starts_with(r#"{"code":0,"#),
            "{}",
            &answer[..answer.len().min(300)]
        );
        answer
    }

    /// Reads pages until one is empty. Returns how many tasks there were on them.
    async fn read_all(&self, expression: &str, retry_each: Option<usize>, tasks: usize) -> usize {
        let mut read = 0;
        for page in 1.. {
            if let Some(every) = retry_each
                && page % every == 0
            {
                // From the end, so that what is read has not been retried yet.
                let last = tasks - page / every * PAGE;
                self.retry(last..last + PAGE).await;
            }
            let pagination = json!({ "pageNo": page, "pageSize": PAGE });
            let body = json!({ "expression": expression, "pagination": pagination });
            let found = self.send("searchTask", None, &body).await.matches("\"taskId\"").count();
            read += found;
            if found < PAGE {
                break;
            }
        }
        read
    }

    async fn retry(&self, devices: std::ops::Range<usize>) {
        let keys: Vec<String> = devices.map(|n| format!("device-{n:07}")).collect();
        self.send("retryTask", Some("j1"), &json!({ "deviceKeys": keys })).await;
    }
}

async fn start(tasks: usize, pace: Pace) -> Emulator {
    let begin = Instant::now();
    let fleet = fleet(tasks);
    report("a fleet is made", begin);
    let begin = Instant::now();
    let emulator = Emulator::builder().fleet(fleet).pace(pace).start().await.unwrap();
    report("an emulator is started with it", begin);
    emulator
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let tasks = if std::env::args().any(|arg| arg == "--bench") {
        1_000_000
    } else {
        10_000
    };
    println!("{tasks} tasks; before: {}", memory());
    let emulator = start(tasks, Pace::frozen()).await;
    let session = Session {
        emulator: &emulator,
        token: token(&emulator).await,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
    };

    let begin = Instant::now();
    assert_eq!(
        session.read_all("jobId='j1' and status='failed'", None, tasks).await,
        tasks
    );
    report("all pages of the failed tasks are read", begin);

    let begin = Instant::now();
    let keys: Vec<String> = (0..1000)
        .map(|n| format!("'device-{:07}'", n * (tasks / 1000)))
        .collect();
    let body = json!({
        "expression": format!("jobId='j1' and deviceKey in ({}) and status in ('failed','init')", keys.join(",")),
        "pagination": { "pageNo": 5, "pageSize": PAGE },
    });
    for _ in 0..100 {
        assert_eq!(
            session
                .send("searchTask", None, &body)
                .await
                .matches("\"taskId\"")
                .count(),
            PAGE
        );
    }
    report("100 searches for 1000 devices by their keys", begin);

    let begin = Instant::now();
    emulator
        .faults()
        .push(Fault::stale_reads(Duration::from_secs(2)).times(100));
    for page in 1..=100 {
        let pagination = json!({ "pageNo": page * tasks / PAGE / 100, "pageSize": PAGE });
        let body = json!({ "expression": "jobId='j1' and status='failed'", "pagination": pagination });
        session.send("searchTask", None, &body).await;
    }
    report("100 pages that are two seconds behind", begin);

    let begin = Instant::now();
    for first in (0..tasks).step_by(PAGE) {
        session.retry(first..first + PAGE).await;
    }
    report("all tasks are retried, 200 a call", begin);
    let client = session.client;
    emulator.shutdown().await;
    report("it is shut down", Instant::now());

    // The tasks that are retried move on, through all states, while the pages are read.
    let ms = Duration::from_millis;
    let emulator = start(tasks, Pace::new(ms(200), ms(300), ms(1000))).await;
    let session = Session {
        emulator: &emulator,
        token: token(&emulator).await,
        client,
    };
    let begin = Instant::now();
    let read = session.read_all("jobId='j1' and status='failed'", Some(4), tasks).await;
    report(&format!("{read} are read while others are retried and move on"), begin);
    let begin = Instant::now();
    for _ in 0..1000 {
        assert_eq!(emulator.job("j1").unwrap().tally.total(), tasks);
    }
    report("1000 tallies", begin);
}
