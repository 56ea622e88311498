//! A limit of the calls in a second, and latency, on the real socket.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Job, Reply, token, token_at, token_reply};
use enos_ota_emulator::{
    AnswerRecord, DEMO_JOB_ID, Emulator, Fault, FaultBody, ManualClock, Quota, RetryAfter, TaskStatus,
};
use tokio::task::JoinSet;

const NOW: i64 = 1_700_000_000_000;

async fn start(quota: Quota) -> (Emulator, ManualClock, String) {
    let clock = ManualClock::at_ms(NOW);
    let builder = Emulator::builder().clock(clock.clone()).quota(quota);
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, clock, token)
}

async fn get(emulator: &Emulator, token: &str) -> Reply {
    let call = Job::action(emulator, token, "get").with("jobId", DEMO_JOB_ID);
    call.send(emulator).await
}

async fn statuses(emulator: &Emulator, token: &str, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        statuses.push(get(emulator, token).await.status);
    }
    statuses
}

#[tokio::test]
async fn what_is_over_the_quota_is_answered_429_and_has_no_effect() {
    let (emulator, clock, token) = start(Quota::per_second(50).burst(2)).await;
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 429]);

    emulator.faults().push(Fault::http(503));
    let retry = Job::retry(&emulator, &token, &["pump-01"]);
    let reply = retry.send(&emulator).await;
    assert_eq!((reply.status, reply.text.as_str()), (429, ""));
    assert_eq!(reply.header("retry-after"), None);
    let record = emulator.requests().pop().unwrap();
    assert!(
        matches!(
            record.answer,
            AnswerRecord::Answered {
                http_status: 429,
                code: None,
                ..
            }
        ),
        "{record:?}"
    );
    assert_eq!(
        emulator.task(DEMO_JOB_ID, "pump-01").unwrap().status,
        TaskStatus::Failed
    );
    assert_eq!(emulator.faults().pending().len(), 1);
    let counters = emulator.counters();
    assert_eq!(
        (counters.throttled, counters.faulted, counters.retry_calls_applied),
        (2, 0, 0)
    );

    // A fiftieth of a second later there is one token more, which a call that a fault strikes takes too.
    clock.advance(Duration::from_millis(20));
    assert_eq!(retry.send(&emulator).await.status, 503);
    clock.advance(Duration::from_millis(19));
    assert_eq!(retry.send(&emulator).await.status, 429);
    clock.advance(Duration::from_millis(1));
    assert_eq!(retry.send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn the_token_service_has_no_quota() {
    let (emulator, _clock, token) = start(Quota::per_second(1)).await;
    assert_eq!(statuses(&emulator, &token, 2).await, [200, 429]);
    for n in 1..=10 {
        assert_eq!(token_reply(&emulator, NOW + n).await.status, 200);
    }
}

#[tokio::test]
async fn the_refusal_can_have_a_body_and_say_when_to_come_again() {
    let (emulator, clock, token) = start(
        Quota::windows(1)
            .body(FaultBody::Json)
            .retry_after(RetryAfter::Seconds(3)),
    )
    .await;
    assert_eq!(get(&emulator, &token).await.status, 200);
    let reply = get(&emulator, &token).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3")));
    assert_eq!(reply.json()["error"], "Too Many Requests");
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&emulator, &token).await.status, 200);
}

#[tokio::test]
async fn windows_are_the_whole_seconds_of_a_manual_clock() {
    let (emulator, clock, token) = start(Quota::windows(3)).await;
    clock.advance(Duration::from_millis(999));
    assert_eq!(statuses(&emulator, &token, 4).await, [200, 200, 200, 429]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&emulator, &token, 4).await, [200, 200, 200, 429]);
    clock.advance(Duration::from_millis(999));
    assert_eq!(statuses(&emulator, &token, 1).await, [429]);
}

#[tokio::test]
async fn a_quota_can_be_set_and_lifted_while_the_emulator_runs() {
    let (emulator, _clock, token) = start(Quota::per_second(1)).await;
    assert_eq!(statuses(&emulator, &token, 2).await, [200, 429]);
    emulator.set_quota(None);
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 200]);
    emulator.set_quota(Some(Quota::per_second(20)));
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn by_the_systems_clock_a_quota_holds_in_real_time() {
    let before = Instant::now();
    let quota = Quota::per_second(1).burst(1);
    let emulator = Emulator::builder().quota(quota).start().await.unwrap();
    let token = token_at(&emulator, emulator.now_ms()).await;
    let mut calls = JoinSet::new();
    let mut admitted = 0_u32;
    // However slow the machine is, it makes more than one call a second at some time.
    while emulator.counters().throttled == 0 {
        while calls.len() < 8 {
            let request = Job::action(&emulator, &token, "get")
                .with("jobId", DEMO_JOB_ID)
                .request(&emulator);
            calls.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
        admitted += u32::from(calls.join_next().await.unwrap().unwrap() == 200);
    }
    for status in calls.join_all().await {
        admitted += u32::from(status == 200);
    }
    let most = 1.0 + before.elapsed().as_secs_f64();
    assert!(admitted > 0 && f64::from(admitted) <= most, "{admitted} of {most}");
}

#[tokio::test]
async fn every_request_waits_for_the_latency_and_all_wait_side_by_side() {
    const LATENCY: Duration = Duration::from_millis(300);
    let emulator = Emulator::builder().latency(LATENCY).start().await.unwrap();
    let begin = Instant::now();
    let token = token_at(&emulator, emulator.now_ms()).await;
    assert!(begin.elapsed() >= LATENCY);

    let begin = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let request = Job::action(&emulator, &token, "get")
            .with("jobId", DEMO_JOB_ID)
            .request(&emulator);
        calls.spawn(async move {
            let begin = Instant::now();
            let status = request.send().await.unwrap().status().as_u16();
            (status, begin.elapsed())
        });
    }
    for (status, took) in calls.join_all().await {
        assert!(status == 200 && took >= LATENCY, "{status} after {took:?}");
    }
    // One after the other they would take a minute.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
