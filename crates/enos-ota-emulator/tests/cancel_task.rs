//! `action=cancelTask` over real HTTP.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, Reply, token};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, Fault, ManualClock, MixedList, TaskStatus};
use serde_json::json;

const NOW: i64 = 1_700_000_000_000;

async fn emulator() -> (Emulator, String, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, token, clock)
}

async fn cancel(emulator: &Emulator, token: &str, device_keys: &[&str]) -> Reply {
    Job::action(emulator, token, "cancelTask")
        .with("jobId", DEMO_JOB_ID)
        .body(json!({ "deviceKeys": device_keys }).to_string())
        .send(emulator)
        .await
}

fn status(emulator: &Emulator, device_key: &str) -> TaskStatus {
    common::task(emulator, DEMO_JOB_ID, device_key).status
}

#[tokio::test]
async fn a_cancelled_task_has_failed_and_stays_so() {
    let (emulator, token, clock) = emulator().await;
    clock.advance(Duration::from_millis(1));
    let before = [status(&emulator, "pump-21"), status(&emulator, "pump-23")];
    assert_eq!(before, [TaskStatus::Published, TaskStatus::Init]);
    let reply = cancel(&emulator, &token, &["pump-21", "pump-23", "pump-23"]).await;
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.text,
        format!(r#"{{"code":0,"msg":"OK","requestId":"{id}","data":null}}"#)
    );
    clock.advance(Duration::from_mins(10));
    for key in ["pump-21", "pump-23"] {
        let task = common::task(&emulator, DEMO_JOB_ID, key);
        assert_eq!(
            (task.status, task.progress, task.desc.as_str(), task.update_time),
            (TaskStatus::Failed, -1, "Cancelled by user", NOW + 1)
        );
        assert_eq!(emulator.retry_count(DEMO_JOB_ID, key).unwrap().named, 0);
    }
    let record = emulator.requests().pop().unwrap();
    assert_eq!((record.device_keys, record.applied), (Some(3), 2));
}

#[tokio::test]
async fn a_cancelled_task_can_be_retried_but_not_cancelled_again() {
    let (emulator, token, clock) = emulator().await;
    assert_eq!(cancel(&emulator, &token, &["pump-23"]).await.code(), 0);
    assert_eq!(cancel(&emulator, &token, &["pump-23"]).await.code(), 24620);
    let retry = Job::retry(&emulator, &token, &["pump-23"]);
    assert_eq!(retry.send(&emulator).await.code(), 0);
    assert_eq!(status(&emulator, "pump-23"), TaskStatus::Init);
    clock.advance(Duration::from_mins(1));
    assert!(matches!(
        status(&emulator, "pump-23"),
        TaskStatus::Succeeded | TaskStatus::Failed
    ));
}

#[tokio::test]
async fn a_task_in_any_other_state_than_init_or_published_is_24620() {
    let (emulator, token, _) = emulator().await;
    for key in ["pump-01", "pump-11", "pump-19", "no-such-device"] {
        let reply = cancel(&emulator, &token, &[key]).await;
        assert_eq!(reply.code(), 24620, "{key}");
        assert_eq!(reply.json()["msg"], "Only init or published tasks can be canceled");
    }
}

#[tokio::test]
async fn a_mixed_list_changes_nothing_unless_it_is_told_to() {
    let (emulator, token, _) = emulator().await;
    for other in ["pump-01", "no-such-device"] {
        assert_eq!(cancel(&emulator, &token, &["pump-23", other]).await.code(), 24620);
        assert_eq!(status(&emulator, "pump-23"), TaskStatus::Init);
    }
    emulator.faults().push(Fault::mixed_list(MixedList::Partial).times(2));
    assert_eq!(cancel(&emulator, &token, &["pump-23", "pump-19", "x"]).await.code(), 0);
    assert_eq!(
        [status(&emulator, "pump-23"), status(&emulator, "pump-19")],
        [TaskStatus::Failed, TaskStatus::Upgrading]
    );
    assert_eq!(cancel(&emulator, &token, &["pump-19", "x"]).await.code(), 24620);
}

#[tokio::test]
async fn a_body_without_device_keys_is_99400() {
    let (emulator, token, _) = emulator().await;
    let call = Job::action(&emulator, &token, "cancelTask").with("jobId", DEMO_JOB_ID);
    for body in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"deviceKeys":[]}"#,
        r#"{"deviceKeys":[7]}"#,
    ] {
        assert_eq!(call.clone().body(body).send(&emulator).await.code(), 99400, "{body}");
    }
}
