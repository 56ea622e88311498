//! `action=retryTask` over real HTTP.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, retry, token};
use enos_ota_emulator::{
    DEMO_DENIED_ORG_ID, DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Emulator, Fleet, Job as FleetJob, ManualClock, MixedList,
    Task, TaskStatus,
};
use serde_json::{Value, json};

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

fn applied(emulator: &Emulator, device_key: &str) -> u32 {
    emulator.retry_count(DEMO_JOB_ID, device_key).unwrap().applied
}

#[tokio::test]
async fn failed_tasks_go_back_to_init() {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let before = common::task(&emulator, DEMO_JOB_ID, "pump-01");
    assert_eq!((before.status, before.progress), (TaskStatus::Failed, -2));
    clock.advance(Duration::from_millis(1));
    assert_eq!(retry(&emulator, &["pump-01", "pump-02"]).await.code(), 0);
    let after = common::task(&emulator, DEMO_JOB_ID, "pump-01");
    assert_eq!(
        (after.status, after.progress, after.desc.as_str()),
        (TaskStatus::Init, 0, "")
    );
    assert_eq!((after.task_id, after.update_time), (before.task_id, NOW + 1));
    assert_eq!(
        [
            applied(&emulator, "pump-01"),
            applied(&emulator, "pump-02"),
            applied(&emulator, "pump-03")
        ],
        [1, 1, 0]
    );
}

#[tokio::test]
async fn success_comes_in_the_documented_envelope() {
    let (emulator, token) = emulator().await;
    let reply = Job::retry(&emulator, &token, &["pump-01"]).send(&emulator).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json;charset=UTF-8"))
    );
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.text,
        format!(r#"{{"code":0,"msg":"OK","requestId":"{id}","data":null}}"#)
    );
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &["pump-11"]);
    let first = call.send(&emulator).await.json()["requestId"].clone();
    assert_ne!(first, call.send(&emulator).await.json()["requestId"]);
}

#[tokio::test]
async fn refusals_have_the_documented_code_and_text() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &["pump-01"]);
    for (call, code, msg) in [
        (
            call.clone().without("action"),
            99400,
            "Invalid Argument action:action is missing",
        ),
        (
            call.clone().with("action", ""),
            99400,
            "Invalid Argument action:action is missing",
        ),
        (
            call.clone().with("action", "retryTasks"),
            99400,
            "Invalid Argument action:  action does not exist",
        ),
        (
            call.clone().without("orgId"),
            99400,
            "Invalid Argument orgId:orgId is missing",
        ),
        (
            call.clone().with("orgId", "o1"),
            99400,
            "Invalid Argument orgId:  orgId does not exist",
        ),
        (
            call.clone().with("orgId", DEMO_DENIED_ORG_ID),
            99403,
            "Denied resource:  orgId o15580000000000",
        ),
        (
            call.clone().without("jobId"),
            99400,
            "Invalid Argument jobId:jobId is missing",
        ),
        (
            call.clone().with("jobId", "5ed758ca49f032b4663063aa"),
            24404,
            "Job not found",
        ),
        (
            call.clone().with("jobId", DEMO_STOPPED_JOB_ID),
            24617,
            "Job not running",
        ),
    ] {
        let reply = call.send(&emulator).await;
        assert_eq!(reply.status, 200);
        let id = reply.json()["requestId"].clone();
        assert_eq!(
            reply.json(),
            json!({ "code": code, "msg": msg, "requestId": id, "data": Value::Null })
        );
    }
    assert_eq!(applied(&emulator, "pump-01"), 0);
}

#[tokio::test]
async fn a_body_without_device_keys_is_99400() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &[]);
    for body in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"deviceKeys":null}"#,
        r#"{"deviceKeys":[]}"#,
        r#"{"deviceKeys":"pump-01"}"#,
        r#"{"deviceKeys":["pump-01",7]}"#,
        r#"{"deviceKeys":["pump-01",""]}"#,
    ] {
        let reply = call.clone().body(body).send(&emulator).await;
        assert_eq!(reply.code(), 99400, "{body}");
        assert!(
            reply.json()["msg"].as_str().unwrap().starts_with("Invalid Argument "),
            "{reply:?}"
        );
    }
    assert_eq!(applied(&emulator, "pump-01"), 0);
}

#[tokio::test]
async fn other_members_of_the_body_do_not_matter() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &[]).body(r#"{"x":1,"deviceKeys":["pump-01"]}"#);
    assert_eq!(call.send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn the_query_is_checked_before_the_body() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &[])
        .body("no JSON")
        .with("orgId", DEMO_DENIED_ORG_ID);
    assert_eq!(call.send(&emulator).await.code(), 99403);
}

#[tokio::test]
async fn a_task_in_any_other_state_than_failed_is_24621() {
    let (emulator, token) = emulator().await;
    for key in ["pump-11", "pump-19", "pump-21", "pump-23", "no-such-device"] {
        let reply = Job::retry(&emulator, &token, &[key]).send(&emulator).await;
        assert_eq!(reply.code(), 24621, "{key}");
        assert_eq!(reply.json()["msg"], "Only failed tasks can be retried");
    }
}

#[tokio::test]
async fn a_second_retry_is_24621_because_the_task_is_no_longer_failed() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &["pump-01"]);
    assert_eq!(
        [call.send(&emulator).await.code(), call.send(&emulator).await.code()],
        [0, 24621]
    );
    let count = emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap();
    assert_eq!((count.named, count.applied), (2, 1));
}

#[tokio::test]
async fn by_default_a_mixed_list_changes_nothing() {
    let (emulator, token) = emulator().await;
    for other in ["pump-11", "no-such-device"] {
        assert_eq!(
            Job::retry(&emulator, &token, &["pump-01", other])
                .send(&emulator)
                .await
                .code(),
            24621
        );
        assert_eq!(applied(&emulator, "pump-01"), 0);
    }
}

#[tokio::test]
async fn a_mixed_list_can_be_made_to_retry_those_that_have_failed() {
    let emulator = Emulator::builder()
        .mixed_list(MixedList::Partial)
        .start()
        .await
        .unwrap();
    let token = token(&emulator).await;
    let mixed = Job::retry(&emulator, &token, &["pump-01", "pump-11", "no-such-device"]);
    assert_eq!(mixed.send(&emulator).await.code(), 0);
    assert_eq!([applied(&emulator, "pump-01"), applied(&emulator, "pump-11")], [1, 0]);
    let none_failed = Job::retry(&emulator, &token, &["pump-11", "pump-12"]);
    assert_eq!(none_failed.send(&emulator).await.code(), 24621);
}

#[tokio::test]
async fn a_device_that_is_named_twice_is_retried_once() {
    let (emulator, token) = emulator().await;
    assert_eq!(
        Job::retry(&emulator, &token, &["pump-01", "pump-01"])
            .send(&emulator)
            .await
            .code(),
        0
    );
    let count = emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap();
    assert_eq!((count.named, count.applied), (1, 1));
}

#[tokio::test]
async fn a_job_is_found_only_through_its_own_organization() {
    let fleet = Fleet::new("o1")
        .job(FleetJob::started("j1").task(Task::failed("d1")))
        .job(FleetJob::started("j2").org_id("o2").task(Task::failed("d2")));
    let emulator = Emulator::builder().fleet(fleet).start().await.unwrap();
    let token = token(&emulator).await;
    let call = |org: &str, job: &str, key: &str| {
        Job::retry(&emulator, &token, &[key])
            .with("orgId", org)
            .with("jobId", job)
    };
    assert_eq!(call("o2", "j1", "d1").send(&emulator).await.code(), 24404);
    assert_eq!(call("o1", "j2", "d2").send(&emulator).await.code(), 24404);
    assert_eq!(call("o2", "j2", "d2").send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn a_job_that_is_stopped_meanwhile_is_24617_until_it_is_started_again() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &["pump-01"]);
    assert!(emulator.stop_job(DEMO_JOB_ID));
    assert_eq!(call.send(&emulator).await.code(), 24617);
    assert!(emulator.start_job(DEMO_JOB_ID));
    assert_eq!(call.send(&emulator).await.code(), 0);
    assert!(!emulator.stop_job("no-such-job"));
}

#[tokio::test]
async fn only_post_is_taken() {
    let (emulator, token) = emulator().await;
    let call = Job::retry(&emulator, &token, &[]).body("");
    let mut request = call.request(&emulator).build().unwrap();
    *request.method_mut() = reqwest::Method::GET;
    let reply = common::execute(request).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn a_list_of_a_hundred_thousand_device_keys_is_taken() {
    let keys: Vec<String> = (0..100_000).map(|n| format!("device-{n}")).collect();
    let fleet = Fleet::new("o1").job(FleetJob::started("j1").with_tasks(keys.iter().map(Task::failed)));
    let emulator = Emulator::builder().fleet(fleet).start().await.unwrap();
    let token = token(&emulator).await;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let reply = Job::retry(&emulator, &token, &keys)
        .with("jobId", "j1")
        .send(&emulator)
        .await;
    assert_eq!(reply.code(), 0);
    let record = emulator.requests().pop().unwrap();
    assert_eq!((record.device_keys, record.applied), (Some(100_000), 100_000));
    let tally = emulator.job("j1").unwrap().tally;
    assert_eq!(tally.failed, 0);
    assert_eq!(tally.total(), 100_000);
}
