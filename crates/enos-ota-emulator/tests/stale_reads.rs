//! Reads that are behind.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, token};
use enos_ota_emulator::{
    Action, DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Emulator, Fault, ManualClock, Pace, Scope, TaskStatus,
};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;
const LAG: Duration = Duration::from_secs(2);

async fn start(lag: Duration) -> (Emulator, String, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = Emulator::builder().clock(clock.clone()).pace(Pace::frozen());
    let emulator = builder.stale_reads(lag).start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, token, clock)
}

async fn send(emulator: &Emulator, token: &str, action: &str, job_id: &str, body: &Value) -> Value {
    let call = Job::action(emulator, token, action).with("jobId", job_id);
    call.body(body.to_string()).send(emulator).await.json()
}

async fn statuses(emulator: &Emulator, token: &str, device_key: &str) -> String {
    let body = json!({ "expression": format!("jobId='{DEMO_JOB_ID}' and deviceKey='{device_key}'") });
    let found = send(emulator, token, "searchTask", DEMO_JOB_ID, &body).await;
    found["data"][0]["status"].as_str().unwrap().to_owned()
}

async fn job_status(emulator: &Emulator, token: &str, job_id: &str) -> Value {
    let got = send(emulator, token, "get", job_id, &json!({})).await;
    if got["code"] == 0 {
        got["data"]["status"].clone()
    } else {
        got["code"].clone()
    }
}

#[tokio::test]
async fn a_retry_is_seen_only_after_the_lag() {
    let (emulator, token, clock) = start(LAG).await;
    clock.advance(Duration::from_secs(10));
    let keys = json!({ "deviceKeys": ["pump-01"] });
    assert_eq!(
        send(&emulator, &token, "retryTask", DEMO_JOB_ID, &keys).await["code"],
        0
    );
    assert_eq!(common::task(&emulator, DEMO_JOB_ID, "pump-01").status, TaskStatus::Init);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "failed");
    // A second retry acts on the present: the task is no longer failed.
    assert_eq!(
        send(&emulator, &token, "retryTask", DEMO_JOB_ID, &keys).await["code"],
        24621
    );
    clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "init");
}

#[tokio::test]
async fn of_two_changes_each_is_seen_in_its_time() {
    let (emulator, token, clock) = start(LAG).await;
    clock.set_ms(NOW + 10_000);
    let keys = json!({ "deviceKeys": ["pump-01", "pump-02"] });
    send(&emulator, &token, "retryTask", DEMO_JOB_ID, &keys).await;
    clock.set_ms(NOW + 11_000);
    let keys = json!({ "deviceKeys": ["pump-01"] });
    send(&emulator, &token, "cancelTask", DEMO_JOB_ID, &keys).await;
    for (ms, expected) in [
        (11_000, ["failed", "failed"]),
        (11_999, ["failed", "failed"]),
        (12_000, ["init", "init"]),
        (12_999, ["init", "init"]),
        (13_000, ["failed", "init"]),
    ] {
        clock.set_ms(NOW + ms);
        let seen = [
            statuses(&emulator, &token, "pump-01").await,
            statuses(&emulator, &token, "pump-02").await,
        ];
        assert_eq!(seen, expected, "after {ms} ms");
    }
}

#[tokio::test]
async fn a_search_by_status_sees_the_past_too() {
    let (emulator, token, clock) = start(LAG).await;
    clock.advance(LAG);
    let keys = json!({ "deviceKeys": ["pump-01", "pump-02", "pump-03"] });
    send(&emulator, &token, "retryTask", DEMO_JOB_ID, &keys).await;
    let failed = json!({ "expression": format!("jobId='{DEMO_JOB_ID}' and status='failed'") });
    let total = async || send(&emulator, &token, "searchTask", "", &failed).await["pagination"]["totalSize"].clone();
    assert_eq!(total().await, 10);
    clock.advance(LAG);
    assert_eq!(total().await, 7);
}

#[tokio::test]
async fn starting_and_stopping_is_seen_only_after_the_lag() {
    let (emulator, token, clock) = start(LAG).await;
    // What the emulator starts with has always been so.
    assert_eq!(job_status(&emulator, &token, DEMO_JOB_ID).await, "started");
    clock.set_ms(NOW + 500);
    send(&emulator, &token, "stop", DEMO_JOB_ID, &json!({})).await;
    send(&emulator, &token, "start", DEMO_STOPPED_JOB_ID, &json!({})).await;
    for (ms, expected) in [(2499, ["started", "stopped"]), (2500, ["stopped", "started"])] {
        clock.set_ms(NOW + ms);
        let seen = [
            job_status(&emulator, &token, DEMO_JOB_ID).await,
            job_status(&emulator, &token, DEMO_STOPPED_JOB_ID).await,
        ];
        assert_eq!(seen, expected, "after {ms} ms");
        let found = send(
            &emulator,
            &token,
            "search",
            "",
            &json!({ "expression": "status='stopped'" }),
        )
        .await;
        let stopped = if ms == 2500 { DEMO_JOB_ID } else { DEMO_STOPPED_JOB_ID };
        assert_eq!(
            (&found["data"][0]["jobId"], found["data"].as_array().unwrap().len()),
            (&json!(stopped), 1)
        );
    }
}

#[tokio::test]
async fn a_created_job_appears_and_a_deleted_one_goes_only_after_the_lag() {
    let (emulator, token, clock) = start(LAG).await;
    let body = json!({ "type": "verify", "upgradeScope": { "type": "partial", "deviceKeys": ["pump-01"] } });
    let create = Job::action(&emulator, &token, "create").with("firmwareId", "f");
    let created = create.body(body.to_string()).send(&emulator).await.json();
    let job_id = created["data"]["jobId"].as_str().unwrap();
    let tasks = async || {
        let body = json!({ "expression": format!("jobId='{job_id}'") });
        send(&emulator, &token, "searchTask", "", &body).await["pagination"]["totalSize"].clone()
    };
    assert_eq!(
        (job_status(&emulator, &token, job_id).await, tasks().await),
        (json!(24404), json!(0))
    );
    // It is there all the same.
    assert_eq!(send(&emulator, &token, "stop", job_id, &json!({})).await["code"], 24616);
    clock.advance(LAG);
    assert_eq!(
        (job_status(&emulator, &token, job_id).await, tasks().await),
        (json!("stopped"), json!(1))
    );
    assert_eq!(send(&emulator, &token, "delete", job_id, &json!({})).await["code"], 0);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(
        (job_status(&emulator, &token, job_id).await, tasks().await),
        (json!("stopped"), json!(1))
    );
    assert_eq!(
        send(&emulator, &token, "delete", job_id, &json!({})).await["code"],
        24404
    );
    clock.advance(Duration::from_millis(1));
    assert_eq!(
        (job_status(&emulator, &token, job_id).await, tasks().await),
        (json!(24404), json!(0))
    );
}

#[tokio::test]
async fn a_job_that_came_and_went_within_the_lag_is_never_seen() {
    let (emulator, token, clock) = start(LAG).await;
    let body = json!({ "type": "verify", "upgradeScope": { "type": "partial" } });
    let create = Job::action(&emulator, &token, "create").with("firmwareId", "f");
    let created = create.body(body.to_string()).send(&emulator).await.json();
    let job_id = created["data"]["jobId"].as_str().unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(send(&emulator, &token, "delete", job_id, &json!({})).await["code"], 0);
    clock.advance(Duration::from_millis(1998));
    assert_eq!(job_status(&emulator, &token, job_id).await, 24404);
}

#[tokio::test]
async fn a_fault_makes_single_reads_stale() {
    let (emulator, token, clock) = start(Duration::ZERO).await;
    clock.advance(LAG);
    send(
        &emulator,
        &token,
        "retryTask",
        DEMO_JOB_ID,
        &json!({ "deviceKeys": ["pump-01"] }),
    )
    .await;
    emulator
        .faults()
        .push(Fault::stale_reads(LAG).on(Scope::Action(Action::SearchTask)));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "failed");
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "init");
}

#[tokio::test]
async fn a_fault_can_make_single_reads_fresh() {
    let (emulator, token, _) = start(LAG).await;
    send(
        &emulator,
        &token,
        "retryTask",
        DEMO_JOB_ID,
        &json!({ "deviceKeys": ["pump-01"] }),
    )
    .await;
    emulator.faults().push(Fault::stale_reads(Duration::ZERO));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "init");
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "failed");
}

#[tokio::test]
async fn reads_are_at_most_ten_seconds_behind() {
    let (emulator, token, clock) = start(Duration::from_hours(1)).await;
    send(
        &emulator,
        &token,
        "retryTask",
        DEMO_JOB_ID,
        &json!({ "deviceKeys": ["pump-01"] }),
    )
    .await;
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "failed");
    clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&emulator, &token, "pump-01").await, "init");
}
