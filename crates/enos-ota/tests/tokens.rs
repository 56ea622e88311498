//! Access tokens: one request however many callers, renewed in time, replaced when dead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use common::server::{Gate, Received, Reply, Script, Server};
use common::time::freeze;
use common::{APP_KEY, APP_SECRET, Facts, builder, client, device, emulated, quick, retry, succeed};
use enos_ota::reqwest::Method;
use enos_ota::{AppSecret, Clock, ErrorKind, RawRequest, RetryPolicy, TokenSource, sign};
use enos_ota_emulator::{DEMO_JOB_ID, DEMO_ORG_ID, Emulator, Fault, Fleet, Job, OldToken, Pace, Scope, Task};
use tokio::task::JoinSet;

const JOB: &str = DEMO_JOB_ID;

/// A clock that is stuck at one instant, as a coarse one is between its ticks.
#[derive(Debug)]
struct Stuck(i64);

impl Clock for Stuck {
    fn now_ms(&self) -> i64 {
        self.0
    }

    fn unique_ms(&self) -> i64 {
        self.0
    }
}

fn source(server: &Server) -> TokenSource {
    builder(&server.url()).build_token_source().unwrap()
}

fn encryptions(server: &Server) -> Vec<String> {
    let encryption = |request: &Received| request.json()["encryption"].as_str().unwrap().to_owned();
    server.token_requests().iter().map(encryption).collect()
}

#[track_caller]
fn assert_all_distinct(values: &[String]) {
    let distinct: HashSet<_> = values.iter().collect();
    assert_eq!(distinct.len(), values.len(), "{values:?}");
}

async fn fleet_of(devices: usize) -> Emulator {
    let tasks = (0..devices).map(|n| Task::failed(format!("device-{n}")));
    let fleet = Fleet::new(DEMO_ORG_ID).job(Job::started(JOB).with_tasks(tasks));
    Emulator::builder()
        .fleet(fleet)
        .pace(Pace::frozen())
        .start()
        .await
        .unwrap()
}

/// Retries so many devices at once, each in a call of its own; none of the calls may fail.
async fn retry_each(client: &enos_ota::Client, devices: std::ops::Range<usize>) {
    let mut calls = JoinSet::new();
    for n in devices {
        let client = client.clone();
        calls.spawn(async move { client.retry_task(&common::job(), &device(&format!("device-{n}"))).await });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap().map(drop).unwrap();
    }
}

#[tokio::test]
async fn many_calls_on_a_cold_client_make_one_token_request() {
    let emulator = fleet_of(500).await;
    let client = emulated(&emulator).build().unwrap();
    retry_each(&client, 0..500).await;
    let counters = emulator.counters();
    assert_eq!((counters.token_gets, counters.token_refreshes), (1, 0));
    assert_eq!(counters.retry_calls_applied, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_on_a_cold_source_make_one_token_request() {
    let gate = Gate::closed();
    let server = Server::start(Script::default().gets([Reply::granted("only", 7200).behind(&gate)])).await;
    let tokens = source(&server);
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let tokens = tokens.clone();
        callers.spawn(async move { tokens.token().await.unwrap().expose().to_owned() });
    }
    server.received(1).await;
    gate.open();
    assert!(callers.join_all().await.iter().all(|token| token == "only"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_dies_in_mid_run_costs_one_renewal_and_no_call() {
    let emulator = fleet_of(150).await;
    let client = emulated(&emulator).build().unwrap();
    retry_each(&client, 0..50).await;
    emulator.faults().push(Fault::kill_token().on(Scope::Jobs));
    retry_each(&client, 50..150).await;
    let counters = emulator.counters();
    assert_eq!((counters.tokens_issued, counters.token_gets), (2, 2));
    assert_eq!(counters.retry_calls_applied, 150);
}

#[tokio::test]
async fn a_late_report_of_a_dead_token_does_not_drop_its_successor() {
    let server = Server::start(Script::default()).await;
    let tokens = source(&server);
    let first = tokens.token().await.unwrap();
    tokens.discard(&first);
    let second = tokens.token().await.unwrap();
    tokens.discard(&first);
    assert_eq!(tokens.token().await.unwrap(), second);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_in_the_background_before_it_expires() {
    let time = freeze();
    let gate = Gate::closed();
    let script = Script::default()
        .gets([Reply::granted("first", 7200)])
        .refreshes([Reply::granted("second", 7200).behind(&gate)]);
    let server = Server::start(script).await;
    let client = client(&server.url());
    let tokens = client.token_source();
    assert_eq!(tokens.remaining_life(), None);
    succeed(&client).await;
    assert_eq!(tokens.remaining_life(), Some(Duration::from_secs(7199)));

    // Five minutes ahead at the least, seven and a half at the most.
    time.advance(Duration::from_secs(6749)).await;
    succeed(&client).await;
    assert_eq!(server.token_requests().len(), 1);

    time.advance(Duration::from_secs(152)).await;
    succeed(&client).await;
    server.received(5).await;
    // While the renewal is under way, the old token serves, and no second renewal begins.
    succeed(&client).await;
    let refreshes = server.refreshes();
    assert_eq!(refreshes.len(), 1);
    assert_eq!(refreshes[0].json()["accessToken"], "first");
    assert!(server.calls().iter().all(|call| call.token() == "first"));

    gate.open();
    while tokens.remaining_life() < Some(Duration::from_secs(7000)) {
        tokio::task::yield_now().await;
    }
    succeed(&client).await;
    assert_eq!(server.calls().last().unwrap().token(), "second");
    assert_eq!(server.token_requests().len(), 2);
}

#[tokio::test]
async fn a_short_lived_token_is_renewed_ahead_too() {
    let time = freeze();
    let script = Script::default().gets([Reply::granted("first", 20)]);
    let server = Server::start(script).await;
    let tokens = source(&server);
    let first = tokens.token().await.unwrap();
    time.advance(Duration::from_millis(16_900)).await;
    assert_eq!(tokens.token().await.unwrap(), first);
    assert_eq!(server.requests().len(), 1);
    time.advance(Duration::from_millis(1_200)).await;
    assert_eq!(tokens.token().await.unwrap(), first);
    server.received(2).await;
    assert_eq!(server.refreshes().len(), 1);
}

#[tokio::test]
async fn a_token_that_has_expired_is_not_used() {
    let time = freeze();
    let server = Server::start(Script::default()).await;
    let client = client(&server.url());
    succeed(&client).await;
    time.advance(Duration::from_secs(7199)).await;
    assert_eq!(client.token_source().remaining_life(), None);
    succeed(&client).await;
    let used: Vec<_> = server.calls().iter().map(|call| call.token().to_owned()).collect();
    assert_eq!(used, ["token-1", "token-2"]);
    assert_eq!(server.gets().len(), 2);
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_token_in_use_and_is_tried_again_later() {
    let time = freeze();
    let script = Script::default()
        .gets([Reply::granted("first", 7200)])
        .refreshes([Reply::http(503, &[], "down"), Reply::granted("second", 7200)]);
    let server = Server::start(script).await;
    let tokens = builder(&server.url())
        .retry_policy(RetryPolicy::never())
        .build_token_source()
        .unwrap();
    let first = tokens.token().await.unwrap();
    time.advance(Duration::from_secs(6901)).await;
    assert_eq!(tokens.token().await.unwrap(), first);
    server.received(2).await;
    // The failure arrives some time after the request did; the time that stands still gives it that time.
    for _ in 0..1000 {
        assert_eq!(tokens.token().await.unwrap(), first);
        tokio::task::yield_now().await;
    }
    assert_eq!(server.refreshes().len(), 1);

    while server.refreshes().len() < 2 {
        time.advance(Duration::from_secs(1)).await;
        assert_eq!(tokens.token().await.unwrap().expose(), "first");
        assert!(tokens.remaining_life() > Some(Duration::from_mins(1)));
    }
    while tokens.remaining_life() < Some(Duration::from_secs(7000)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(tokens.token().await.unwrap().expose(), "second");
}

#[tokio::test]
async fn a_renewal_that_the_service_refuses_falls_back_to_get() {
    let time = freeze();
    for code in [1203, 1204] {
        let script = Script::default().refreshes([Reply::status(code)]);
        let server = Server::start(script).await;
        let tokens = source(&server);
        tokens.token().await.unwrap();
        time.advance(Duration::from_secs(6901)).await;
        assert_eq!(tokens.token().await.unwrap().expose(), "token-1");
        server.received(3).await;
        while tokens.remaining_life() < Some(Duration::from_secs(7000)) {
            tokio::task::yield_now().await;
        }
        assert_eq!(tokens.token().await.unwrap().expose(), "token-2");
        assert_eq!((server.gets().len(), server.refreshes().len()), (2, 1));
    }
}

#[tokio::test]
async fn a_dead_token_that_get_returns_again_is_refreshed() {
    let script = Script::default()
        .gets([Reply::granted("dead", 7200), Reply::granted("dead", 7000)])
        .refreshes([Reply::granted("alive", 7200)])
        .calls([Reply::status(1203)]);
    let server = Server::start(script).await;
    assert_eq!(retry(&client(&server.url())).await.unwrap().attempts, 2);
    let used: Vec<_> = server.calls().iter().map(|call| call.token().to_owned()).collect();
    assert_eq!(used, ["dead", "alive"]);
    assert_eq!((server.gets().len(), server.refreshes().len()), (2, 1));
}

#[tokio::test]
async fn a_token_at_the_end_of_its_life_is_not_accepted_from_get() {
    // The service hands out the same token until the very end, and then cannot refresh it any more.
    let script = Script::default()
        .gets([Reply::granted("dying", 0), Reply::granted("fresh", 7200)])
        .refreshes([Reply::status(1204)]);
    let server = Server::start(script).await;
    assert_eq!(source(&server).token().await.unwrap().expose(), "fresh");

    let script = Script::default()
        .gets([Reply::granted("dying", 1)])
        .refreshes([Reply::granted("fresh", 7200)]);
    let server = Server::start(script).await;
    assert_eq!(source(&server).token().await.unwrap().expose(), "fresh");

    // If there is nothing better, that is told, and not tried for ever.
    let script = Script::default()
        .gets((0..9).map(|_| Reply::granted("dying", 0)))
        .refreshes((0..9).map(|_| Reply::status(1204)));
    let server = Server::start(script).await;
    let error = source(&server).token().await.unwrap_err();
    Facts::no_token("token/refresh", ErrorKind::Unauthenticated)
        .code(1204)
        .assert(&error);
    assert!(server.requests().len() <= 3);
}

#[tokio::test]
async fn a_token_request_is_never_sent_twice() {
    // Also not if the clock stands still and every answer is lost.
    let lost = || {
        [
            Reply::cut(),
            Reply::status(1001),
            Reply::http(502, &[], ""),
            Reply::status(1005),
        ]
    };
    let script = Script::default()
        .gets(lost().into_iter().chain(lost()))
        .refreshes(lost());
    let server = Server::start(script).await;
    let tokens = builder(&server.url())
        .clock(Arc::new(Stuck(1_600_000_000_000)))
        .retry_policy(quick().with_max_attempts(20.try_into().unwrap()))
        .build_token_source()
        .unwrap();
    for _ in 0..20 {
        let token = tokens.token().await.unwrap();
        tokens.discard(&token);
    }
    let sent = server.token_requests();
    assert!(sent.len() >= 28);
    assert_all_distinct(&encryptions(&server));
    let secret = AppSecret::new(APP_SECRET.to_owned());
    let mut timestamps = Vec::new();
    for request in sent {
        let body = request.json();
        let timestamp = body["timestamp"].as_i64().unwrap();
        timestamps.push(timestamp.to_string());
        assert_eq!(body["appKey"], APP_KEY);
        assert_eq!(
            body["encryption"],
            sign::token_encryption(APP_KEY, timestamp, &secret).as_str()
        );
    }
    assert_all_distinct(&timestamps);
}

#[tokio::test]
async fn two_sources_of_one_process_never_send_the_same_encryption() {
    let server = Server::start(Script::default()).await;
    let sources = [source(&server), source(&server)];
    let mut callers = JoinSet::new();
    for tokens in sources {
        callers.spawn(async move {
            for _ in 0..100 {
                let token = tokens.token().await.unwrap();
                tokens.discard(&token);
            }
        });
    }
    callers.join_all().await;
    assert_eq!(server.requests().len(), 200);
    assert_all_distinct(&encryptions(&server));
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_take_the_token_from_the_others() {
    let gate = Gate::closed();
    let script = Script::default().gets([Reply::granted("only", 7200).behind(&gate)]);
    let server = Server::start(script).await;
    let tokens = source(&server);

    let first = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.token().await }
    });
    server.received(1).await;
    let second = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.token().await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());

    gate.open();
    assert_eq!(second.await.unwrap().unwrap().expose(), "only");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn all_who_wait_for_a_request_that_fails_share_its_error() {
    let gate = Gate::closed();
    let script = Script::default().gets([Reply::status(1003).behind(&gate)]);
    let server = Server::start(script).await;
    let client = client(&server.url());
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { retry(&client).await });
    }
    server.received(1).await;
    gate.open();
    for result in callers.join_all().await {
        Facts::no_token("token/get", ErrorKind::Unauthenticated)
            .code(1003)
            .assert(&result.unwrap_err());
    }
    assert_eq!(server.requests().len(), 1);

    // A failure is not kept: the next caller asks again.
    assert!(retry(&client).await.is_ok());
}

#[tokio::test]
async fn a_misspelt_status_is_understood() {
    let emulator = Emulator::builder().misspell_status(true).start().await.unwrap();
    succeed(&emulated(&emulator).build().unwrap()).await;

    let script = Script::default().gets([Reply::json(r#"{"stauts":1002,"msg":"no such key"}"#)]);
    let server = Server::start(script).await;
    let error = source(&server).token().await.unwrap_err();
    Facts::no_token("token/get", ErrorKind::Unauthenticated)
        .code(1002)
        .assert(&error);
}

#[tokio::test]
async fn a_renewal_keeps_calls_going_whether_or_not_it_kills_the_old_token() {
    for fate in [OldToken::Dies, OldToken::LivesOn] {
        let time = freeze();
        let tasks = (0..40).map(|n| Task::failed(format!("device-{n}")));
        let fleet = Fleet::new(DEMO_ORG_ID).job(Job::started(JOB).with_tasks(tasks));
        let emulator = Emulator::builder()
            .fleet(fleet)
            .pace(Pace::frozen())
            .old_token(fate)
            .start()
            .await
            .unwrap();
        let client = emulated(&emulator).build().unwrap();
        retry_each(&client, 0..20).await;
        time.advance(Duration::from_secs(6901)).await;
        retry_each(&client, 20..40).await;
        let counters = emulator.counters();
        assert_eq!((counters.token_gets, counters.token_refreshes), (1, 1));
        assert_eq!(counters.retry_calls_applied, 40);
        drop(time);
        tokio::time::resume();
    }
}

fn tokens_used(server: &Server) -> Vec<String> {
    server.calls().iter().map(|call| call.token().to_owned()).collect()
}

#[tokio::test]
async fn two_dead_tokens_in_a_row_are_no_end() {
    // As when the next node of the gateway does not know a token yet that another has just made.
    for policy in [quick(), quick().with_max_attempts(1.try_into().unwrap())] {
        let script = Script::default().calls([Reply::status(1203), Reply::status(1203), Reply::http(401, &[], "")]);
        let server = Server::start(script).await;
        let client = builder(&server.url()).retry_policy(policy).build().unwrap();
        assert_eq!(retry(&client).await.unwrap().attempts, 4);
        // The new token is kept: a third would be known to even fewer nodes.
        assert_eq!(tokens_used(&server), ["token-1", "token-2", "token-2", "token-2"]);
    }
}

/// A client whose calls and connections have all the time of the world, so that virtual time only drives its waits.
async fn unhurried(server: &Server) -> enos_ota::Client {
    let client = builder(&server.url())
        .attempt_timeout(Duration::from_hours(10))
        .timeout(None)
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    client.token_source().token().await.unwrap();
    client
}

#[tokio::test]
async fn a_new_token_that_stays_dead_is_replaced_after_a_while() {
    let time = freeze();
    let dead = |request: &Received| {
        if request.token() == "token-3" {
            Reply::code(0)
        } else {
            Reply::status(1203)
        }
    };
    let server = Server::start(Script::default().calls((0..9).map(|_| Reply::of(dead)))).await;
    let client = unhurried(&server).await;
    let call = tokio::spawn(async move { retry(&client).await });
    time.run(call, Duration::from_millis(20)).await.unwrap();
    let used = tokens_used(&server);
    assert_eq!((used[0].as_str(), used[1].as_str()), ("token-1", "token-2"));
    assert!(used.iter().filter(|token| *token == "token-2").count() >= 2, "{used:?}");
    assert_eq!(used.last().unwrap(), "token-3");
}

#[tokio::test]
async fn a_token_that_one_node_accepts_is_not_replaced_because_of_another() {
    let time = freeze();
    // Every second call meets the node that does not know the token.
    let replies = (0..60).map(|n| {
        if n % 2 == 0 {
            Reply::status(1203)
        } else {
            Reply::code(0)
        }
    });
    let script = Script::default().calls([Reply::status(1203)].into_iter().chain(replies));
    let server = Server::start(script).await;
    let client = unhurried(&server).await;
    for _ in 0..20 {
        let client = client.clone();
        let call = tokio::spawn(async move { retry(&client).await });
        time.run(call, Duration::from_millis(20)).await.unwrap();
    }
    assert_eq!(server.token_requests().len(), 2, "{:?}", tokens_used(&server));
}

#[tokio::test]
async fn a_gateway_that_calls_every_token_dead_is_called_a_dozen_times_in_half_a_minute() {
    let time = freeze();
    let server = Server::start(Script::default().calls((0..99).map(|_| Reply::http(401, &[], "")))).await;
    let client = unhurried(&server).await;
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        let client = client.clone();
        let call = tokio::spawn(async move { retry(&client).await });
        let error = time.run(call, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    }
    assert!(server.calls().len() <= 14, "{}", server.calls().len());
}

#[tokio::test]
async fn no_call_is_held_back_once_a_token_is_accepted() {
    let time = freeze();
    let server = Server::start(Script::default().calls((0..7).map(|_| Reply::status(1203)))).await;
    let client = unhurried(&server).await;
    for _ in 0..2 {
        let client = client.clone();
        let call = tokio::spawn(async move { retry(&client).await });
        let _ = time.run(call, Duration::from_millis(20)).await;
    }
    assert_eq!(server.calls().len(), 9);
    let begun = tokio::time::Instant::now();
    let call = tokio::spawn(async move { retry(&client).await });
    time.run(call, Duration::from_millis(20)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_has_no_time_for_a_token_beyond_its_limit() {
    let server = Server::start(Script::default().calls((0..9).map(|_| Reply::status(1203)))).await;
    let client = builder(&server.url())
        .timeout(Duration::from_secs(2))
        .retry_policy(RetryPolicy::default().with_waits(Duration::from_mins(1), Duration::from_mins(1)))
        .build()
        .unwrap();
    let error = retry(&client).await.unwrap_err();
    assert_eq!((error.attempts(), error.is_token_expired()), (2, true));
}

#[tokio::test]
async fn the_timeout_holds_for_a_token_alone_and_for_any_other_api() {
    let time = freeze();
    let limit = Duration::from_secs(2);
    let server = Server::start(Script::default().gets([Reply::silence()])).await;
    let tokens = builder(&server.url()).timeout(limit).build_token_source().unwrap();
    let begun = tokio::time::Instant::now();
    let call = tokio::spawn(async move { tokens.token().await });
    let error = time.run(call, Duration::from_millis(100)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    Facts::no_token("token/get", ErrorKind::Timeout)
        .status(None)
        .retryable(0)
        .assert(&error);

    for (method, open) in [(Method::GET, false), (Method::POST, true)] {
        let server = Server::start(Script::default().calls([Reply::silence()])).await;
        let raw = builder(&server.url()).timeout(limit).build_raw().unwrap();
        let request = RawRequest {
            method,
            path: "/connect-service/v2.1/ota-jobs?action=get".to_owned(),
            query: Vec::new(),
            body: None,
        };
        let begun = tokio::time::Instant::now();
        let call = tokio::spawn(async move { raw.send(&request).await });
        let error = time.run(call, Duration::from_millis(100)).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Timeout, open));
        assert_eq!(error.remedy().contains("carried out"), open, "{}", error.remedy());
    }
}

#[tokio::test]
async fn a_signed_call_to_any_api_survives_two_dead_tokens_too() {
    let script = Script::default().calls([Reply::status(1203), Reply::status(1203)]);
    let server = Server::start(script).await;
    let raw = builder(&server.url()).build_raw().unwrap();
    let request = RawRequest {
        method: Method::POST,
        path: "/connect-service/v2.1/ota-jobs?action=stop".to_owned(),
        query: Vec::new(),
        body: None,
    };
    assert!(raw.send(&request).await.unwrap().failure.is_none());
    assert_eq!(tokens_used(&server), ["token-1", "token-2", "token-2"]);
}
