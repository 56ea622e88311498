//! Limits of calls, and latency, on the real socket.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Job, Reply, token, token_at, token_reply};
use enos_ota_emulator::{
    AnswerRecord, DEMO_JOB_ID, Emulator, Fault, FaultBody, ManualClock, Quota, QuotaHeaders, RetryAfter, TaskStatus,
    Window,
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
        common::task(&emulator, DEMO_JOB_ID, "pump-01").status,
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

/// 12:34:56.789 of a day in UTC.
const AFTERNOON: i64 = 1_700_006_400_000 + 45_296_789;

async fn start_at(now: i64, quota: Quota) -> (Emulator, ManualClock, String) {
    let clock = ManualClock::at_ms(now);
    let builder = Emulator::builder().clock(clock.clone()).quota(quota);
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, clock, token)
}

/// The headers of an answer that are about limits.
fn limits(reply: &Reply) -> Vec<(String, String)> {
    let mut limits: Vec<(String, String)> = reply
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().contains("ratelimit") || name.as_str() == "retry-after")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    limits.sort();
    limits
}

fn expected(limits: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    limits.iter().map(owned).collect()
}

#[tokio::test]
async fn a_quota_by_minute_begins_anew_with_each_whole_minute_and_refuses_in_the_gateways_words() {
    let (emulator, clock, token) = start_at(AFTERNOON, Quota::per_minute(2)).await;
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 429]);
    clock.advance(Duration::from_millis(3_210));
    let refused = get(&emulator, &token).await;
    assert_eq!(
        (refused.status, refused.json()),
        (429, serde_json::json!({ "message": "API rate limit exceeded" }))
    );
    assert_eq!(limits(&refused), []);
    clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn a_quota_by_hour_and_by_day_begins_anew_on_the_clock() {
    for (quota, ms) in [
        (Quota::per(Window::Second, 1), 211),
        (Quota::per(Window::Hour, 1), 1_503_211),
        (Quota::per(Window::Day, 1), 41_103_211),
    ] {
        let (emulator, clock, _) = start_at(AFTERNOON, quota).await;
        let statuses = async || {
            let token = token_at(&emulator, emulator.now_ms() + 7).await;
            statuses(&emulator, &token, 2).await
        };
        assert_eq!(statuses().await, [200, 429], "{quota:?}");
        clock.advance(Duration::from_millis(ms - 1));
        assert_eq!(statuses().await, [429, 429], "{quota:?}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(statuses().await, [200, 429], "{quota:?}");
    }
}

#[tokio::test]
async fn the_headers_of_kong_1_are_on_every_answer_and_none_says_when_to_come_again() {
    let quota = Quota::per_minute(1)
        .and(Window::Hour, 10)
        .headers(QuotaHeaders::XRateLimit);
    let (emulator, _clock, token) = start_at(AFTERNOON, quota).await;
    let told = |minute, hour| {
        expected(&[
            ("x-ratelimit-limit-hour", "10"),
            ("x-ratelimit-limit-minute", "1"),
            ("x-ratelimit-remaining-hour", hour),
            ("x-ratelimit-remaining-minute", minute),
        ])
    };
    let first = get(&emulator, &token).await;
    assert_eq!((first.status, limits(&first)), (200, told("0", "9")));
    // A refused request does not count.
    for _ in 0..2 {
        let refused = get(&emulator, &token).await;
        assert_eq!((refused.status, limits(&refused)), (429, told("0", "9")));
    }
}

#[tokio::test]
async fn the_headers_of_kong_2_tell_the_scarcest_window_and_when_it_ends() {
    let quota = Quota::per_minute(3)
        .and(Window::Hour, 4)
        .headers(QuotaHeaders::RateLimit);
    let (emulator, clock, token) = start_at(AFTERNOON, quota).await;
    let told = async |names: &[&str]| {
        let reply = get(&emulator, &token).await;
        let told: Vec<String> = names
            .iter()
            .map(|name| reply.header(name).unwrap_or("-").to_owned())
            .collect();
        (reply.status, told.join(" "))
    };
    let names = [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
    ];
    // The minute ends in 4 s, rounded up as Kong does; the hour in 25 min 4 s.
    assert_eq!(told(&names).await, (200, "3 2 4 -".to_owned()));
    assert_eq!(told(&names).await, (200, "3 1 4 -".to_owned()));
    assert_eq!(told(&names).await, (200, "3 0 4 -".to_owned()));
    assert_eq!(told(&names).await, (429, "3 0 4 4".to_owned()));
    clock.advance(Duration::from_secs(4));
    assert_eq!(told(&names).await, (200, "4 0 1500 -".to_owned()));
    assert_eq!(told(&names).await, (429, "4 0 1500 1500".to_owned()));
    // The headers of Kong 1 are there too.
    let windows = ["x-ratelimit-remaining-minute", "x-ratelimit-remaining-hour"];
    assert_eq!(told(&windows).await, (429, "2 0".to_owned()));
}

#[tokio::test]
async fn answers_that_a_fault_spoils_and_rejections_by_the_gateway_tell_the_limits_too() {
    let quota = Quota::per_minute(5).headers(QuotaHeaders::XRateLimit);
    let (emulator, _clock, token) = start_at(AFTERNOON, quota).await;
    emulator.faults().push(Fault::http(503));
    let spoilt = get(&emulator, &token).await;
    assert_eq!(
        (spoilt.status, spoilt.header("x-ratelimit-remaining-minute")),
        (503, Some("4"))
    );
    let rejected = get(&emulator, "unknown").await;
    assert_eq!(
        (rejected.token_status(), rejected.header("x-ratelimit-remaining-minute")),
        (1203, Some("3"))
    );
    assert_eq!(limits(&token_reply(&emulator, AFTERNOON + 1).await), []);
}

#[tokio::test]
async fn the_admin_endpoint_shows_sets_and_lifts_a_quota() {
    let (emulator, _clock, token) = start_at(AFTERNOON, Quota::per_minute(2)).await;
    let shown = common::get(&emulator, "/_emulator/quota").await.json();
    assert_eq!(
        shown,
        serde_json::json!({ "quota": { "minute": 2, "headers": "none", "body": "gateway" } })
    );
    let set = common::put(&emulator, "/_emulator/quota", r#"{"minute":1,"headers":"rateLimit"}"#).await;
    assert_eq!(set.status, 200);
    let quota = Quota::per_minute(1).headers(QuotaHeaders::RateLimit);
    assert_eq!(emulator.quota(), Some(quota));
    assert_eq!(statuses(&emulator, &token, 2).await, [200, 429]);
    let refused = common::put(&emulator, "/_emulator/quota", r#"{"month":1}"#).await;
    assert!(
        refused.status == 400 && refused.text.contains("this is no quota: unknown field `month`"),
        "{refused:?}"
    );
    let lifted = common::delete(&emulator, "/_emulator/quota").await.json();
    assert_eq!(lifted, serde_json::json!({ "quota": null }));
    assert_eq!(statuses(&emulator, &token, 3).await, [200, 200, 200]);
}
