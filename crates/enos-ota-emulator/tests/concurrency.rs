//! How many tasks move at a time, and for how long, under a clock that the test moves.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use common::{Job as Call, token_at};
use enos_ota_emulator::{Emulator, Fleet, Job, JobType, ManualClock, Outcome, Pace, Tally, Task, TaskStatus};
use serde_json::json;

const NOW: i64 = 1_700_000_000_000;

/// Ten seconds as `init`, twenty as `published`, a hundred as `upgrading`.
fn pace() -> Pace {
    Pace::new(
        Duration::from_secs(10),
        Duration::from_secs(20),
        Duration::from_secs(100),
    )
    .exact()
}

async fn start_at(job: Job, pace: Pace) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = Emulator::builder().fleet(Fleet::new("o1").job(job)).pace(pace);
    (builder.clock(clock.clone()).start().await.unwrap(), clock)
}

async fn start(job: Job) -> (Emulator, ManualClock) {
    start_at(job, pace()).await
}

fn good(count: usize) -> impl Iterator<Item = Task> {
    (0..count).map(|n| Task::init(format!("d{n}")).outcome(Outcome::Succeeds))
}

/// init, published, upgrading, succeeded, failed.
fn tally(emulator: &Emulator) -> [usize; 5] {
    let Tally {
        init,
        published,
        upgrading,
        succeeded,
        failed,
        ..
    } = emulator.job("j1").unwrap().tally;
    [init, published, upgrading, succeeded, failed]
}

/// Status and the seconds since the start at which the task last changed.
fn state(emulator: &Emulator, key: &str) -> (TaskStatus, i64) {
    let task = common::task(emulator, "j1", key);
    (task.status, (task.update_time - NOW) / 1000)
}

async fn send(emulator: &Emulator, action: &str, key: &str) -> i64 {
    /// No `encryption` is taken twice, and the clock may stand still.
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let timestamp = emulator.now_ms() + CALLS.fetch_add(1, Ordering::Relaxed);
    let token = token_at(emulator, timestamp).await;
    Call::action(emulator, &token, action)
        .with("jobId", "j1")
        .body(json!({ "deviceKeys": [key] }).to_string())
        .send(emulator)
        .await
        .code()
}

#[tokio::test]
async fn no_more_tasks_move_at_a_time_than_the_job_allows() {
    let (emulator, clock) = start(Job::started("j1").maximum_concurrency(2).with_tasks(good(5))).await;
    for (seconds, expected) in [
        (9, [5, 0, 0, 0, 0]),
        (10, [3, 2, 0, 0, 0]),
        (30, [3, 0, 2, 0, 0]),
        (129, [3, 0, 2, 0, 0]),
        (130, [1, 2, 0, 2, 0]),
        (250, [0, 1, 0, 4, 0]),
        (370, [0, 0, 0, 5, 0]),
    ] {
        clock.set_ms(NOW + seconds * 1000);
        assert_eq!(tally(&emulator), expected, "after {seconds} s");
    }
    assert_eq!(
        ["d0", "d1", "d2", "d3", "d4"].map(|key| state(&emulator, key)),
        [130, 130, 250, 250, 370].map(|seconds| (TaskStatus::Succeeded, seconds))
    );
}

#[tokio::test]
async fn a_job_that_says_nothing_allows_three_hundred() {
    let (emulator, clock) = start(Job::started("j1").with_tasks(good(301))).await;
    clock.set_ms(NOW + 129_000);
    assert_eq!(tally(&emulator), [1, 0, 300, 0, 0]);
}

#[tokio::test]
async fn the_outcome_does_not_depend_on_when_somebody_looks() {
    let run = async |looks: Vec<i64>| {
        let tasks = (0..60).map(|n| match n % 4 {
            0 => Task::init(format!("d{n}")),
            1 => Task::failed(format!("d{n}")),
            2 => Task::published(format!("d{n}")),
            _ => Task::upgrading(format!("d{n}")),
        });
        let job = Job::started("j1").maximum_concurrency(4).with_tasks(tasks);
        let pace = [2, 3, 15].map(Duration::from_secs);
        let (emulator, clock) = start_at(job, Pace::new(pace[0], pace[1], pace[2])).await;
        for look in looks {
            clock.set_ms(NOW + look);
            assert_eq!(emulator.jobs().len(), 1);
        }
        clock.set_ms(NOW + 60_000);
        assert_eq!(send(&emulator, "retryTask", "d1").await, 0);
        clock.set_ms(NOW + 65_000);
        common::tasks(&emulator, "j1")
    };
    let once = run(vec![]).await;
    assert_eq!(run((0..60_000).step_by(777).collect()).await, once);
    for status in TaskStatus::KNOWN {
        assert!(once.iter().any(|task| task.status == *status), "{status}");
    }
}

#[tokio::test]
async fn a_cancelled_task_makes_room_for_the_next() {
    let (emulator, clock) = start(Job::started("j1").maximum_concurrency(1).with_tasks(good(3))).await;
    clock.set_ms(NOW + 15_000);
    assert_eq!(send(&emulator, "cancelTask", "d0").await, 0);
    // The one that waits is cancelled too, and takes no place any more.
    assert_eq!(send(&emulator, "cancelTask", "d1").await, 0);
    clock.set_ms(NOW + 16_000);
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Published, 15));
    clock.set_ms(NOW + 135_000);
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Succeeded, 135));
    assert_eq!(tally(&emulator), [0, 0, 0, 1, 2]);
}

#[tokio::test]
async fn a_task_that_is_cancelled_while_it_waits_loses_its_turn() {
    let (emulator, clock) = start(Job::started("j1").maximum_concurrency(1).with_tasks(good(2))).await;
    clock.set_ms(NOW + 15_000);
    assert_eq!(send(&emulator, "cancelTask", "d1").await, 0);
    clock.set_ms(NOW + 125_000);
    assert_eq!(send(&emulator, "retryTask", "d1").await, 0);
    clock.set_ms(NOW + 134_999);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Init, 125));
    clock.set_ms(NOW + 135_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 135));
}

#[tokio::test]
async fn a_retried_task_waits_for_its_turn_like_any_other() {
    let job = Job::started("j1")
        .maximum_concurrency(1)
        .task(Task::upgrading("d0").progress(50).outcome(Outcome::Succeeds))
        .task(Task::failed("d1").retry_outcome(Outcome::Succeeds));
    let (emulator, clock) = start(job).await;
    assert_eq!(send(&emulator, "retryTask", "d1").await, 0);
    clock.set_ms(NOW + 49_999);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Init, 0));
    clock.set_ms(NOW + 50_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 50));
    clock.set_ms(NOW + 170_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Succeeded, 170));
}

#[tokio::test]
async fn a_task_that_is_retried_after_its_end_does_not_count_twice() {
    let job = Job::started("j1")
        .maximum_concurrency(1)
        .task(
            Task::upgrading("d0")
                .progress(50)
                .outcome(Outcome::Fails)
                .retry_outcome(Outcome::Succeeds),
        )
        .task(Task::init("d1").outcome(Outcome::Succeeds))
        .task(Task::init("d2").outcome(Outcome::Succeeds));
    let (emulator, clock) = start(job).await;
    clock.set_ms(NOW + 60_000);
    assert_eq!(send(&emulator, "retryTask", "d0").await, 0);
    for seconds in 60..420 {
        clock.set_ms(NOW + seconds * 1000);
        let [_, published, upgrading, ..] = tally(&emulator);
        assert_eq!(published + upgrading, usize::from(seconds < 410), "after {seconds} s");
    }
    assert_eq!(["d1", "d2", "d0"].map(|key| state(&emulator, key).1), [170, 290, 410]);
}

#[tokio::test]
async fn places_are_not_given_while_the_job_is_stopped() {
    let (emulator, clock) = start(Job::started("j1").maximum_concurrency(1).with_tasks(good(2))).await;
    clock.set_ms(NOW + 100_000);
    assert!(emulator.stop_job("j1"));
    clock.set_ms(NOW + 1_000_000);
    assert_eq!(tally(&emulator), [1, 0, 1, 0, 0]);
    assert!(emulator.start_job("j1"));
    clock.set_ms(NOW + 1_030_000);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Succeeded, 1030));
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 1030));
}

/// An hour as `published` and ten as `upgrading`.
fn slow() -> Pace {
    Pace::new(Duration::ZERO, Duration::from_hours(1), Duration::from_hours(10)).exact()
}

#[tokio::test]
async fn an_upgrade_that_takes_too_long_fails_and_makes_room() {
    let job = Job::started("j1")
        .upgrade_timeout(300)
        .maximum_concurrency(1)
        .with_tasks(good(2));
    let (emulator, clock) = start_at(job, slow()).await;
    clock.set_ms(NOW + 3_899_999);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Upgrading, 3600));
    clock.set_ms(NOW + 3_900_000);
    let task = common::task(&emulator, "j1", "d0");
    assert_eq!(
        (task.status, task.progress, task.desc.as_str(), task.update_time),
        (TaskStatus::Failed, -1, "Upgrade timed out after 300 s", NOW + 3_900_000)
    );
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 3900));
    assert_eq!(send(&emulator, "retryTask", "d0").await, 0);
}

#[tokio::test]
async fn in_a_job_that_verifies_the_time_counts_from_published() {
    let job = Job::started("j1")
        .job_type(JobType::Verify)
        .upgrade_timeout(300)
        .with_tasks(good(1));
    let (emulator, clock) = start_at(job, slow()).await;
    clock.set_ms(NOW + 299_999);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Published, 0));
    clock.set_ms(NOW + 300_000);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Failed, 300));
}

#[tokio::test]
async fn the_time_of_a_task_that_is_under_way_at_the_start_counts_from_there() {
    let job = Job::started("j1")
        .upgrade_timeout(300)
        .task(Task::upgrading("d0").progress(90))
        .task(Task::published("d1"));
    let (emulator, clock) = start_at(job, slow()).await;
    clock.set_ms(NOW + 299_999);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Upgrading, 0));
    clock.set_ms(NOW + 300_000);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Failed, 300));
    clock.set_ms(NOW + 3_900_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Failed, 3900));
}

#[tokio::test]
async fn time_out_does_not_run_while_the_job_is_stopped() {
    let job = Job::started("j1").upgrade_timeout(300).task(Task::upgrading("d0"));
    let (emulator, clock) = start_at(job, slow()).await;
    clock.set_ms(NOW + 200_000);
    assert!(emulator.stop_job("j1"));
    clock.set_ms(NOW + 1_000_000);
    assert!(emulator.start_job("j1"));
    clock.set_ms(NOW + 1_099_999);
    assert_eq!(state(&emulator, "d0").0, TaskStatus::Upgrading);
    clock.set_ms(NOW + 1_100_000);
    assert_eq!(state(&emulator, "d0"), (TaskStatus::Failed, 1100));
}
