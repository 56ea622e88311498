//! Waiting on a clock that nobody has to wait for.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, token_at, token_reply};
use enos_ota_emulator::{
    DEMO_JOB_ID, Emulator, EmulatorBuilder, Fault, ManualClock, Pace, Quota, Scope, StartError, TaskStatus, Waits,
};

const NOW: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

async fn start(builder: EmulatorBuilder) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = builder.clock(clock.clone()).waits(Waits::OnClock);
    (builder.start().await.unwrap(), clock)
}

async fn get(emulator: &Emulator, token: &str) -> common::Reply {
    let call = Job::action(emulator, token, "get").with("jobId", DEMO_JOB_ID);
    call.send(emulator).await
}

#[tokio::test]
async fn each_wait_moves_the_clock_by_its_length() {
    let (emulator, _clock) = start(Emulator::builder().token_lifetime(Duration::from_hours(1000))).await;
    let token = token_at(&emulator, NOW).await;
    for fault in [
        Fault::delay_answer(Duration::from_hours(1)),
        // Each of at least two pieces.
        Fault::slow_body(500, Duration::from_hours(1)),
    ] {
        let before = emulator.now_ms();
        emulator.faults().push(fault.on(Scope::Jobs));
        assert_eq!(get(&emulator, &token).await.code(), 0);
        let passed = emulator.now_ms() - before;
        assert!(passed >= HOUR_MS && passed % HOUR_MS == 0, "{passed}");
    }
    // What waits is looked at only afterwards: by then its timestamp is too old.
    let before = emulator.now_ms();
    emulator
        .faults()
        .push(Fault::latency(Duration::from_hours(1)).on(Scope::Jobs));
    assert_eq!(get(&emulator, &token).await.token_status(), 1003);
    assert_eq!(emulator.now_ms() - before, HOUR_MS);
}

#[tokio::test]
async fn latency_of_all_requests_moves_the_clock_and_the_tasks_with_it() {
    let ms = Duration::from_millis;
    let builder = Emulator::builder()
        .latency(ms(500))
        .pace(Pace::new(ms(400), ms(400), ms(1000)).exact());
    let (emulator, _clock) = start(builder).await;
    let token = token_at(&emulator, NOW).await;
    assert_eq!(emulator.now_ms(), NOW + 500);
    let retry = Job::retry(&emulator, &token, &["pump-01"]);
    assert_eq!(retry.send(&emulator).await.code(), 0);
    let status = || common::task(&emulator, DEMO_JOB_ID, "pump-01").status;
    assert_eq!(status(), TaskStatus::Init);
    for expected in [
        TaskStatus::Published,
        TaskStatus::Upgrading,
        TaskStatus::Upgrading,
        TaskStatus::Succeeded,
    ] {
        assert_eq!(get(&emulator, &token).await.code(), 0);
        assert_eq!(status(), expected);
    }
    assert_eq!(emulator.now_ms(), NOW + 3000);
}

#[tokio::test]
async fn requests_that_would_have_waited_together_wait_one_after_the_other() {
    let (emulator, _clock) = start(Emulator::builder().latency(Duration::from_secs(1))).await;
    let (first, second) = tokio::join!(token_reply(&emulator, NOW), token_reply(&emulator, NOW + 1));
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(emulator.now_ms(), NOW + 2000);
}

#[tokio::test]
async fn a_quota_is_refilled_by_the_time_that_is_waited() {
    let builder = Emulator::builder()
        .quota(Quota::per_second(10))
        .latency(Duration::from_millis(50));
    let (emulator, _clock) = start(builder).await;
    let token = token_at(&emulator, NOW).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(get(&emulator, &token).await.status);
    }
    assert_eq!(statuses, [200, 429, 200, 429, 200]);
}

#[tokio::test]
async fn a_wait_without_end_does_not_turn_the_clock_over() {
    let (emulator, _clock) = start(Emulator::builder().latency(Duration::MAX)).await;
    token_reply(&emulator, NOW).await;
    token_reply(&emulator, NOW).await;
    assert_eq!(emulator.now_ms(), i64::MAX);
}

#[tokio::test]
async fn a_clock_that_cannot_be_moved_cannot_be_waited_on() {
    let error = Emulator::builder().waits(Waits::OnClock).start().await.unwrap_err();
    assert!(matches!(error, StartError::NoManualClock), "{error:?}");
    assert!(error.to_string().contains("ManualClock"));
}
