//! Jobs that are built from what a search has shown of others.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job as Call, Shown, token_at};
use enos_ota_emulator::{DEMO_FLEET_JOB_ID, Emulator, Fleet, Job, ManualClock, Outcome, Task, TaskStatus};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;

async fn search(emulator: &Emulator, token: &str, expression: &str, page: usize) -> Value {
    let pagination = json!({ "pageNo": page, "pageSize": 200 });
    let body = json!({ "expression": expression, "pagination": pagination });
    let call = Call::action(emulator, token, "searchTask").body(body.to_string());
    let answer = call.send(emulator).await.json();
    assert_eq!(answer["code"], 0, "{answer}");
    json!([answer["data"], answer["pagination"]])
}

async fn retry(emulator: &Emulator, clock: &ManualClock, key: &str) -> Shown {
    let token = token_at(emulator, emulator.now_ms()).await;
    let call = Call::retry(emulator, &token, &[key]).with("jobId", "j1");
    assert_eq!(call.send(emulator).await.code(), 0);
    clock.advance(Duration::from_mins(1));
    common::task(emulator, "j1", key)
}

async fn start(tasks: impl IntoIterator<Item = Task>) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks(tasks));
    let builder = Emulator::builder().fleet(fleet).clock(clock.clone());
    (builder.start().await.unwrap(), clock)
}

#[tokio::test]
async fn a_job_rebuilt_from_its_tasks_answers_searches_alike() {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let token = token_at(&emulator, NOW).await;
    clock.advance(Duration::from_secs(9));
    let keys: Vec<String> = common::tasks(&emulator, DEMO_FLEET_JOB_ID)
        .into_iter()
        .map(|task| task.device_key)
        .collect();
    let failed: Vec<&str> = keys
        .iter()
        .map(String::as_str)
        .filter(|key| key.ends_with("yaw"))
        .collect();
    for key in &failed {
        // Most are refused: they have not failed.
        Call::retry(&emulator, &token, &[*key])
            .with("jobId", DEMO_FLEET_JOB_ID)
            .send(&emulator)
            .await;
    }
    clock.advance(Duration::from_millis(1500));
    let before = emulator.tasks(DEMO_FLEET_JOB_ID);
    let mixture: Vec<&TaskStatus> = TaskStatus::KNOWN
        .iter()
        .filter(|status| before.iter().any(|task| task.status.as_ref() == Some(*status)))
        .collect();
    assert!(mixture.len() >= 4, "{mixture:?}");

    let job = Job::started(DEMO_FLEET_JOB_ID).with_tasks(before.iter().cloned().map(Task::from));
    let fleet = Fleet::new(emulator.org_id()).job(job);
    // By way of a file, too.
    assert_eq!(Fleet::from_json(&fleet.to_json()).unwrap(), fleet);
    let rebuilt = Emulator::builder()
        .fleet(fleet)
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    assert_eq!(rebuilt.tasks(DEMO_FLEET_JOB_ID), before);
    let rebuilt_token = token_at(&rebuilt, NOW).await;
    for criteria in [
        "",
        " and status='failed'",
        " and status in ('init','published','upgrading')",
        " and desc='Cancelled by user'",
        " and fromVersion='3.1.4' and status='failed'",
    ] {
        let expression = format!("jobId='{DEMO_FLEET_JOB_ID}'{criteria}");
        for page in 1..=4 {
            assert_eq!(
                search(&rebuilt, &rebuilt_token, &expression, page).await,
                search(&emulator, &token, &expression, page).await,
                "{expression}, page {page}"
            );
        }
    }
}

#[tokio::test]
async fn what_no_rule_allows_is_shown_as_the_platform_has_shown_it() {
    let tasks = [
        Task::failed("d1").as_shown(45).desc("stuck").update_time(7),
        Task::upgrading("d2").as_shown(0),
        Task::succeeded("d3").as_shown(0),
    ];
    let fleet = Fleet::new("o1").job(Job::stopped("j1").with_tasks(tasks.clone()));
    assert_eq!(Fleet::from_json(&fleet.to_json()).unwrap(), fleet);
    let (emulator, _clock) = start(tasks).await;
    let shown: Vec<(i64, TaskStatus)> = common::tasks(&emulator, "j1")
        .into_iter()
        .map(|task| (task.progress, task.status))
        .collect();
    assert_eq!(
        shown,
        [
            (45, TaskStatus::Failed),
            (1, TaskStatus::Upgrading),
            (100, TaskStatus::Succeeded)
        ]
    );
    assert_eq!(common::task(&emulator, "j1", "d1").update_time, 7);
}

#[tokio::test]
async fn each_retry_ends_as_the_task_says() {
    let (emulator, clock) = start([
        Task::failed("succeeds")
            .desc("cut off")
            .retry_outcome(Outcome::Succeeds),
        Task::failed("as before")
            .progress(-2)
            .desc("cut off")
            .retry_outcome(Outcome::Fails),
        Task::failed("another")
            .progress(-2)
            .desc("cut off")
            .retry_failure(-4, "no space"),
        Task::failed("cancelled").retry_failure(-1, "Cancelled by user"),
        Task::failed("last word")
            .retry_failure(-4, "no space")
            .retry_outcome(Outcome::Succeeds),
    ])
    .await;
    for _ in 0..2 {
        for (key, expected) in [
            ("as before", (TaskStatus::Failed, -2, "cut off")),
            ("another", (TaskStatus::Failed, -4, "no space")),
            ("cancelled", (TaskStatus::Failed, -1, "Cancelled by user")),
        ] {
            let task = retry(&emulator, &clock, key).await;
            assert_eq!((task.status, task.progress, task.desc.as_str()), expected, "{key}");
        }
    }
    for key in ["succeeds", "last word"] {
        assert_eq!(
            retry(&emulator, &clock, key).await.status,
            TaskStatus::Succeeded,
            "{key}"
        );
    }
}
