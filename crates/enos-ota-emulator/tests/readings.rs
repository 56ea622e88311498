//! What is not documented, read in either way.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, Reply, Shown, token_at, token_reply};
use enos_ota_emulator::{
    DEMO_JOB_ID, Emulator, FailureAfterRetry, Fleet, ManualClock, MixedList, Outcome, Pace, Readings,
    SearchByDeviceKey, Task, TaskIdAfterRetry, UpdateTime,
};
use serde_json::json;

/// A whole minute.
const NOW: i64 = 1_700_000_040_000;
const JOB: &str = "j1";

fn fleet() -> Fleet {
    let tasks = [
        Task::failed("d1")
            .progress(-2)
            .desc("no download")
            .task_id("t1")
            .retry_outcome(Outcome::Fails)
            .update_time(NOW - 100_000),
        Task::failed("d2")
            .progress(-3)
            .desc("no space")
            .update_time(NOW - 100_000),
        Task::succeeded("d3").update_time(NOW - 100_000),
    ];
    Fleet::new("o1").job(enos_ota_emulator::Job::started(JOB).with_tasks(tasks))
}

async fn start(readings: Readings) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let seconds = Duration::from_secs;
    let builder = Emulator::builder().clock(clock.clone()).fleet(fleet());
    let builder = builder.pace(Pace::new(seconds(2), seconds(2), seconds(10)).exact());
    (builder.readings(readings).start().await.unwrap(), clock)
}

async fn call(emulator: &Emulator, action: &str, body: serde_json::Value) -> Reply {
    // A timestamp serves only once.
    let timestamp =
        emulator.now_ms() + i64::try_from(emulator.counters().tokens_issued + emulator.counters().job_calls).unwrap();
    let token = token_at(emulator, timestamp).await;
    let call = Job::action(emulator, &token, action).with("jobId", JOB);
    call.body(body.to_string()).send(emulator).await
}

async fn retry(emulator: &Emulator, keys: &[&str]) -> i64 {
    call(emulator, "retryTask", json!({ "deviceKeys": keys })).await.code()
}

fn task(emulator: &Emulator, key: &str) -> Shown {
    common::task(emulator, JOB, key)
}

#[tokio::test]
async fn what_is_not_documented_is_read_as_before_unless_it_is_told_otherwise() {
    let (emulator, clock) = start(Readings::default()).await;
    clock.advance(Duration::from_hours(1));
    assert_eq!(task(&emulator, "d2").update_time, NOW - 100_000);
    assert_eq!(retry(&emulator, &["d1", "d3"]).await, 24621);
    assert_eq!(retry(&emulator, &["d1"]).await, 0);
    let retried = task(&emulator, "d1");
    assert_eq!(
        (retried.task_id.as_str(), retried.progress, retried.desc.as_str()),
        ("t1", 0, "")
    );
    assert_eq!(retried.update_time, emulator.now_ms());
}

#[tokio::test]
async fn a_sweep_moves_the_update_time_of_every_task() {
    let update_time = UpdateTime::Swept {
        every: Duration::from_secs(30),
    };
    let (emulator, clock) = start(Readings {
        update_time,
        ..Readings::default()
    })
    .await;
    for (ms, expected) in [(0, NOW), (29_999, NOW), (1, NOW + 30_000), (75_000, NOW + 90_000)] {
        clock.advance(Duration::from_millis(ms));
        for key in ["d1", "d2", "d3"] {
            assert_eq!(task(&emulator, key).update_time, expected, "{key} after {ms} ms");
        }
    }
    // A change of the task's own is newer than the last sweep.
    assert_eq!(retry(&emulator, &["d1"]).await, 0);
    assert_eq!(task(&emulator, "d1").update_time, NOW + 105_000);
}

#[tokio::test]
async fn a_sweep_can_touch_a_share_of_the_failed_tasks_alone() {
    let clock = ManualClock::at_ms(NOW);
    let tasks = (0..1_000).map(|n| Task::failed(format!("d{n}")));
    let job = enos_ota_emulator::Job::started(JOB)
        .with_tasks(tasks)
        .task(Task::succeeded("fine"));
    let readings = Readings {
        update_time: UpdateTime::FailedSwept {
            every: Duration::from_secs(10),
            percent: 25,
        },
        ..Readings::default()
    };
    let builder = Emulator::builder().clock(clock.clone()).readings(readings);
    let emulator = builder.fleet(Fleet::new("o1").job(job)).start().await.unwrap();
    let moved = |since: i64| {
        let tasks = common::tasks(&emulator, JOB);
        tasks.iter().filter(|task| task.update_time > since).count()
    };
    assert_eq!(moved(NOW), 0);
    clock.advance(Duration::from_secs(10));
    let first = moved(NOW);
    assert!((200..300).contains(&first), "{first}");
    clock.advance(Duration::from_secs(10));
    let second = moved(NOW + 10_000);
    assert!((200..300).contains(&second), "{second}");
    // Others than the first time.
    assert!((400..480).contains(&moved(NOW)), "{}", moved(NOW));
    assert_eq!(task(&emulator, "fine").update_time, NOW);
}

#[tokio::test]
async fn a_retry_can_give_a_task_another_id_each_time() {
    let (emulator, clock) = start(Readings {
        task_id: TaskIdAfterRetry::New,
        reads_behind: Duration::from_secs(2),
        ..Readings::default()
    })
    .await;
    let mut ids = vec![task(&emulator, "d1").task_id];
    for _ in 0..2 {
        clock.advance(Duration::from_mins(1));
        assert_eq!(retry(&emulator, &["d1"]).await, 0);
        // A reader that is behind sees the old id.
        let found = call(&emulator, "searchTask", json!({ "expression": "deviceKey='d1'" })).await;
        assert_eq!(found.json()["data"][0]["taskId"], *ids.last().unwrap());
        ids.push(task(&emulator, "d1").task_id);
    }
    assert_eq!(ids[0], "t1");
    assert!(ids[1] != ids[0] && ids[2] != ids[1] && ids[2] != ids[0], "{ids:?}");
    assert!(ids[1..].iter().all(|id| id.len() == 24), "{ids:?}");
}

#[tokio::test]
async fn a_retried_task_can_show_its_failure_until_the_device_reports() {
    let (emulator, clock) = start(Readings {
        failure: FailureAfterRetry::KeptUntilReport,
        ..Readings::default()
    })
    .await;
    assert_eq!(retry(&emulator, &["d1"]).await, 0);
    let mut seen = Vec::new();
    for _ in 0..8 {
        let task = task(&emulator, "d1");
        seen.push((task.status.to_string(), task.progress, task.desc));
        clock.advance(Duration::from_secs(2));
    }
    let kept = |status: &str| (status.to_owned(), -2, "no download".to_owned());
    let reported = |progress| ("upgrading".to_owned(), progress, String::new());
    assert_eq!(
        seen,
        [
            kept("init"),
            kept("published"),
            reported(1),
            reported(20),
            reported(40),
            reported(60),
            reported(80),
            kept("failed"),
        ]
    );
    // It can be searched by what it shows.
    assert_eq!(retry(&emulator, &["d2"]).await, 0);
    let expression = json!({ "expression": "status='init' and desc='no space'" });
    let found = call(&emulator, "searchTask", expression).await.json();
    assert_eq!(found["pagination"]["totalSize"], 1);
}

#[tokio::test]
async fn a_search_by_device_key_can_be_refused_for_its_form() {
    let (emulator, _clock) = start(Readings {
        search_by_device_key: SearchByDeviceKey::Refused,
        ..Readings::default()
    })
    .await;
    for expression in ["deviceKey='d1'", "jobId='j1' and deviceKey in ('d1','d2')"] {
        let refused = call(&emulator, "searchTask", json!({ "expression": expression })).await;
        assert_eq!(refused.code(), 99400, "{expression}");
        assert!(refused.text.contains("deviceKey"), "{refused:?}");
    }
    let found = call(&emulator, "searchTask", json!({ "expression": "jobId='j1'" })).await;
    assert_eq!(found.json()["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn readings_are_set_together_or_one_by_one() {
    let builder = Emulator::builder()
        .readings(Readings {
            task_id: TaskIdAfterRetry::New,
            ..Readings::default()
        })
        .mixed_list(MixedList::Partial)
        .stale_reads(Duration::from_secs(2));
    let emulator = builder.start().await.unwrap();
    let expected = Readings {
        mixed_list: MixedList::Partial,
        task_id: TaskIdAfterRetry::New,
        reads_behind: Duration::from_secs(2),
        ..Readings::default()
    };
    assert_eq!(emulator.readings(), expected);
}

#[tokio::test]
async fn a_gateway_whose_clock_is_off_dates_everything_by_its_own() {
    for (offset_s, date) in [
        (-600, "Tue, 14 Nov 2023 22:04:00 GMT"),
        (600, "Tue, 14 Nov 2023 22:24:00 GMT"),
    ] {
        let clock = ManualClock::at_ms(NOW);
        let builder = Emulator::builder().clock(clock).clock_skew_ms(offset_s * 1_000);
        let emulator = builder.start().await.unwrap();
        let reply = token_reply(&emulator, NOW).await;
        assert_eq!((reply.token_status(), reply.header("date")), (0, Some(date)));
        let token = reply.json()["data"]["accessToken"].as_str().unwrap().to_owned();
        let call = Job::retry(&emulator, &token, &["pump-01"]);
        assert_eq!(call.clone().timestamp(NOW).send(&emulator).await.code(), 0);
        let retried = common::task(&emulator, DEMO_JOB_ID, "pump-01");
        assert_eq!(retried.update_time, NOW + offset_s * 1_000);
        // Its clock decides about the 15 minutes.
        let edge = NOW + offset_s * 1_000 + offset_s.signum() * 900_000;
        assert_eq!(call.clone().timestamp(edge).send(&emulator).await.code(), 24621);
        let beyond = edge + offset_s.signum();
        assert_eq!(call.timestamp(beyond).send(&emulator).await.token_status(), 1003);
    }
}
