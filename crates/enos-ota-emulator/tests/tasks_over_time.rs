//! How tasks move, under a clock that the test moves.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::{Job as Call, Shown, token};
use enos_ota_emulator::{DEMO_FLEET_JOB_ID, Emulator, Fleet, Job, ManualClock, Outcome, Pace, Tally, Task, TaskStatus};

const NOW: i64 = 1_700_000_000_000;
const ALL_MS: u64 = 10_000 + 20_000 + 100_000;

/// Ten seconds as `init`, twenty as `published`, a hundred as `upgrading`.
fn pace() -> Pace {
    Pace::new(
        Duration::from_secs(10),
        Duration::from_secs(20),
        Duration::from_secs(100),
    )
    .exact()
}

async fn start(job: Job) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = Emulator::builder().fleet(Fleet::new("o1").job(job)).pace(pace());
    (builder.clock(clock.clone()).start().await.unwrap(), clock)
}

async fn retry(emulator: &Emulator, key: &str) -> i64 {
    let token = common::token_at(emulator, emulator.now_ms()).await;
    Call::retry(emulator, &token, &[key])
        .with("jobId", "j1")
        .send(emulator)
        .await
        .code()
}

fn task(emulator: &Emulator, key: &str) -> Shown {
    common::task(emulator, "j1", key)
}

/// Status, progress and the seconds since the start at which the task last changed.
fn state(emulator: &Emulator, key: &str) -> (TaskStatus, i64, i64) {
    let task = task(emulator, key);
    (task.status, task.progress, (task.update_time - NOW) / 1000)
}

#[tokio::test]
async fn a_task_goes_through_all_states_in_their_order() {
    let (emulator, clock) = start(Job::started("j1").task(Task::init("d1").outcome(Outcome::Succeeds))).await;
    for (seconds, expected) in [
        (0, (TaskStatus::Init, 0, 0)),
        (9, (TaskStatus::Init, 0, 0)),
        (10, (TaskStatus::Published, 0, 10)),
        (29, (TaskStatus::Published, 0, 10)),
        (30, (TaskStatus::Upgrading, 1, 30)),
        (39, (TaskStatus::Upgrading, 1, 30)),
        (40, (TaskStatus::Upgrading, 10, 40)),
        (129, (TaskStatus::Upgrading, 90, 120)),
        (130, (TaskStatus::Succeeded, 100, 130)),
        (100_000, (TaskStatus::Succeeded, 100, 130)),
    ] {
        clock.set_ms(NOW + seconds * 1000);
        assert_eq!(state(&emulator, "d1"), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_task_that_is_under_way_at_the_start_goes_on_from_there() {
    let job = Job::started("j1")
        .task(Task::published("d1").outcome(Outcome::Succeeds))
        .task(
            Task::upgrading("d2")
                .progress(45)
                .outcome(Outcome::Succeeds)
                .update_time(NOW - 5000),
        );
    let (emulator, clock) = start(job).await;
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 0, 0));
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Upgrading, 45, -5));
    clock.set_ms(NOW + 4999);
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Upgrading, 45, -5));
    clock.set_ms(NOW + 5000);
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Upgrading, 50, 5));
    clock.set_ms(NOW + 20_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Upgrading, 1, 20));
    clock.set_ms(NOW + 55_000);
    assert_eq!(state(&emulator, "d2"), (TaskStatus::Succeeded, 100, 55));
}

#[tokio::test]
async fn a_task_that_is_to_fail_ends_with_a_reason_and_a_negative_progress() {
    let (emulator, clock) = start(Job::started("j1").task(Task::init("d1").outcome(Outcome::Fails))).await;
    clock.advance(Duration::from_millis(ALL_MS));
    let task = task(&emulator, "d1");
    assert_eq!(task.status, TaskStatus::Failed);
    assert!(task.progress < 0 && !task.desc.is_empty(), "{task:?}");
}

#[tokio::test]
async fn a_retried_task_succeeds_or_fails_as_the_fleet_says_every_time() {
    let job = Job::started("j1")
        .task(Task::failed("good").retry_outcome(Outcome::Succeeds))
        .task(
            Task::failed("bad")
                .progress(-3)
                .desc("checksum")
                .retry_outcome(Outcome::Fails),
        );
    let (emulator, clock) = start(job).await;
    assert_eq!(retry(&emulator, "good").await, 0);
    for round in 1..=3 {
        clock.advance(Duration::from_millis(1));
        assert_eq!(retry(&emulator, "bad").await, 0);
        clock.advance(Duration::from_millis(ALL_MS - 1));
        assert_eq!(task(&emulator, "bad").status, TaskStatus::Upgrading);
        clock.advance(Duration::from_millis(1));
        let failed = task(&emulator, "bad");
        assert_eq!(
            (failed.status, failed.progress, failed.desc.as_str()),
            (TaskStatus::Failed, -3, "checksum")
        );
        assert_eq!(emulator.retry_count("j1", "bad").unwrap().applied, round);
    }
    assert_eq!(task(&emulator, "good").status, TaskStatus::Succeeded);
    assert_eq!(retry(&emulator, "good").await, 24621);
}

#[tokio::test]
async fn a_cancelled_task_that_fails_again_has_another_reason() {
    let cancelled = Task::failed("d1")
        .desc("Cancelled by user")
        .retry_outcome(Outcome::Fails);
    let (emulator, clock) = start(Job::started("j1").task(cancelled)).await;
    assert_eq!(retry(&emulator, "d1").await, 0);
    clock.advance(Duration::from_millis(ALL_MS));
    let failed = task(&emulator, "d1");
    assert_eq!(failed.status, TaskStatus::Failed);
    assert_ne!(failed.desc, "Cancelled by user");
}

#[tokio::test]
async fn the_tasks_of_a_stopped_job_stand_still_and_go_on_where_they_were() {
    let (emulator, clock) = start(Job::started("j1").task(Task::init("d1").outcome(Outcome::Succeeds))).await;
    clock.set_ms(NOW + 35_000);
    emulator.stop_job("j1");
    clock.set_ms(NOW + 1_000_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Upgrading, 1, 30));
    emulator.start_job("j1");
    clock.set_ms(NOW + 1_004_999);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Upgrading, 1, 30));
    clock.set_ms(NOW + 1_005_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Upgrading, 10, 1005));
}

#[tokio::test]
async fn a_job_that_is_stopped_at_the_start_moves_once_it_is_started() {
    let (emulator, clock) = start(Job::stopped("j1").task(Task::init("d1").outcome(Outcome::Succeeds))).await;
    clock.set_ms(NOW + 500_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Init, 0, 0));
    emulator.start_job("j1");
    clock.set_ms(NOW + 510_000);
    assert_eq!(state(&emulator, "d1"), (TaskStatus::Published, 0, 510));
}

#[tokio::test]
async fn nothing_moves_at_a_frozen_pace() {
    let clock = ManualClock::at_ms(NOW);
    let job = Job::started("j1").task(Task::init("d1")).task(Task::failed("d2"));
    let builder = Emulator::builder()
        .fleet(Fleet::new("o1").job(job))
        .pace(Pace::frozen());
    let emulator = builder.clock(clock.clone()).start().await.unwrap();
    assert_eq!(retry(&emulator, "d2").await, 0);
    clock.advance(Duration::from_hours(10_000));
    assert_eq!(task(&emulator, "d1").status, TaskStatus::Init);
    assert_eq!(task(&emulator, "d2").status, TaskStatus::Init);
}

#[tokio::test]
async fn devices_differ_in_their_pace_but_each_is_the_same_in_every_run() {
    let states = || async {
        let clock = ManualClock::at_ms(NOW);
        let tasks = (0..200).map(|n| Task::init(format!("device-{n}")));
        let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks(tasks));
        let emulator = Emulator::builder()
            .fleet(fleet)
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        // The average task is about to succeed now.
        clock.advance(Duration::from_secs(19));
        (emulator.job("j1").unwrap().tally, common::tasks(&emulator, "j1"))
    };
    let (tally, tasks) = states().await;
    assert!(
        tally.succeeded > 50 && tally.upgrading > 50 && tally.failed > 5,
        "{tally:?}"
    );
    assert_eq!(states().await, (tally, tasks));
}

#[tokio::test]
async fn every_task_has_ids_of_its_own_that_are_the_same_in_every_run() {
    let start = || async { Emulator::builder().start().await.unwrap() };
    let (first, second) = (start().await, start().await);
    let ids = |emulator: &Emulator| -> Vec<(String, String)> {
        let jobs = emulator.jobs();
        let tasks = jobs.iter().flat_map(|job| common::tasks(emulator, &job.job_id));
        tasks.map(|task| (task.task_id, task.asset_id)).collect()
    };
    let mut all = ids(&first);
    assert_eq!(all, ids(&second));
    assert!(
        all.iter().all(|(task, asset)| task.len() == 24 && asset.len() == 8),
        "{all:?}"
    );
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    assert_eq!(all.len(), 628);
}

#[tokio::test]
async fn the_demo_fleet_has_a_device_in_every_state_and_settles_within_a_minute() {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let job = &emulator.jobs()[0];
    let Tally {
        init,
        published,
        upgrading,
        succeeded,
        failed,
        ..
    } = job.tally;
    assert!(
        [init, published, upgrading, succeeded, failed]
            .iter()
            .all(|count| *count > 0),
        "{:?}",
        job.tally
    );
    let failed: Vec<String> = Fleet::demo().jobs()[0]
        .failed_device_keys()
        .map(str::to_owned)
        .collect();
    let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
    let token = token(&emulator).await;
    assert_eq!(Call::retry(&emulator, &token, &failed).send(&emulator).await.code(), 0);
    clock.advance(Duration::from_mins(1));
    let tally = emulator.jobs()[0].tally;
    assert_eq!((tally.succeeded, tally.failed, tally.total()), (21, 3, 24));
}

#[tokio::test]
async fn a_retry_of_all_of_the_wind_farm_ends_within_half_a_minute_and_helps_only_some() {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let job = |emulator: &Emulator| emulator.job(DEMO_FLEET_JOB_ID).unwrap().tally;
    let before = job(&emulator);
    assert_eq!((before.failed, before.total()), (150, 600));
    let failed = |emulator: &Emulator| -> Vec<Shown> {
        let tasks = common::tasks(emulator, DEMO_FLEET_JOB_ID).into_iter();
        tasks.filter(|task| task.status == TaskStatus::Failed).collect()
    };
    let reasons: BTreeMap<String, usize> = failed(&emulator).into_iter().fold(BTreeMap::new(), |mut counts, task| {
        *counts.entry(task.desc).or_default() += 1;
        counts
    });
    assert_eq!((reasons.len(), reasons.get("Cancelled by user")), (6, Some(&10)));
    let distinct = |field: fn(Shown) -> String| -> usize {
        let tasks = common::tasks(&emulator, DEMO_FLEET_JOB_ID).into_iter();
        tasks.map(field).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(
        (
            distinct(|task| task.product_key),
            distinct(|task| task.from_version),
            distinct(|task| task.to_version)
        ),
        (3, 3, 1)
    );

    let keys: Vec<String> = failed(&emulator).into_iter().map(|task| task.device_key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let token = token(&emulator).await;
    let retry = Call::retry(&emulator, &token, &keys).with("jobId", DEMO_FLEET_JOB_ID);
    assert_eq!(retry.send(&emulator).await.code(), 0);
    clock.advance(Duration::from_secs(15));
    let halfway = job(&emulator);
    assert!(
        halfway.upgrading > 50 && halfway.succeeded > before.succeeded,
        "{halfway:?}"
    );
    clock.advance(Duration::from_secs(15));
    let after = job(&emulator);
    assert_eq!((after.succeeded, after.failed), (558, 42));
    assert!(failed(&emulator).iter().any(|task| task.desc.contains("flash space")));
}

#[tokio::test]
async fn a_retried_job_moves_from_its_first_seconds_on() {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let keys: Vec<String> = Fleet::demo().jobs()[2]
        .failed_device_keys()
        .map(str::to_owned)
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let token = token(&emulator).await;
    let retry = Call::retry(&emulator, &token, &keys).with("jobId", DEMO_FLEET_JOB_ID);
    assert_eq!(retry.send(&emulator).await.code(), 0);
    let under_way = || {
        let tasks = common::tasks(&emulator, DEMO_FLEET_JOB_ID).into_iter();
        let retried: Vec<Shown> = tasks.filter(|task| keys.contains(&task.device_key.as_str())).collect();
        let count = |status: &TaskStatus| retried.iter().filter(|task| task.status == *status).count();
        let progress: i64 = retried.iter().map(|task| task.progress.max(0)).sum();
        (count(&TaskStatus::Published), count(&TaskStatus::Upgrading), progress)
    };

    clock.advance(Duration::from_secs(1));
    let (published, ..) = under_way();
    assert!(published > 20, "{published} are published after 1 s");
    let mut before = 0;
    for second in 2..=9 {
        clock.advance(Duration::from_secs(1));
        let (_, upgrading, progress) = under_way();
        assert!(upgrading > 40, "{upgrading} upgrade after {second} s");
        assert!(
            progress > before,
            "{progress} percent in all after {second} s, {before} a second earlier"
        );
        before = progress;
    }
}
