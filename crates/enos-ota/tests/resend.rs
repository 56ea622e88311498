//! A request is sent again where that is safe, and what is then known of it is told as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use common::server::{Reply, Script, Server};
use common::{APP_SECRET, Facts, builder, client, emulated, quick, retry, succeed};
use enos_ota::reqwest::dns::{Addrs, Name, Resolve, Resolving};
use enos_ota::{AccessToken, AppSecret, Clock, ErrorKind, RetryPolicy, sign};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Emulator, Fault, Scope};

const RETRY_TASK: Scope = Scope::Action(Action::RetryTask);

fn applied(emulator: &Emulator) -> u64 {
    u64::from(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied)
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_the_outcome_open() {
    for fault in [
        Fault::cut_after_applying(),
        Fault::truncated_body(),
        Fault::http_after_applying(504),
    ] {
        let emulator = Emulator::builder().fault(fault.on(RETRY_TASK)).start().await.unwrap();
        let error = retry(&emulated(&emulator).build().unwrap()).await.unwrap_err();
        // The task was retried, although both answers speak against it.
        assert_eq!(applied(&emulator), 1);
        let request_id = error.request_id().unwrap();
        Facts::refused(ErrorKind::Refused)
            .code(24621)
            .request_id(request_id)
            .attempts(2)
            .outcome_unknown()
            .assert(&error);
    }
}

#[tokio::test]
async fn a_refusal_without_a_lost_answer_is_one() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = emulated(&emulator).build().unwrap();
    succeed(&client).await;
    let error = retry(&client).await.unwrap_err();
    let request_id = error.request_id().unwrap();
    Facts::refused(ErrorKind::Refused)
        .code(24621)
        .request_id(request_id)
        .assert(&error);

    // Nor does an answer leave anything open that says that nothing was done.
    let emulator = Emulator::builder()
        .fault(Fault::throttled(None).on(RETRY_TASK))
        .fault(Fault::kill_token().on(RETRY_TASK))
        .fault(Fault::code(24621, "").on(RETRY_TASK))
        .start()
        .await
        .unwrap();
    let error = retry(&emulated(&emulator).build().unwrap()).await.unwrap_err();
    assert_eq!((error.code(), error.outcome_unknown()), (Some(24621), false));
}

#[tokio::test]
async fn every_failure_after_a_lost_answer_leaves_the_outcome_open() {
    for last in [
        Reply::code(24404),
        Reply::status(1003),
        Reply::http(403, &[], ""),
        Reply::html(200, "<html>"),
    ] {
        let server = Server::start(Script::default().calls([Reply::cut(), last])).await;
        let error = retry(&client(&server.url())).await.unwrap_err();
        assert_eq!((error.attempts(), error.outcome_unknown()), (2, true), "{error:?}");
        assert!(!error.never_sent());
    }
    // Also one of the token service.
    let script = Script::default()
        .gets([Reply::granted("token", 7200), Reply::status(1003)])
        .calls([Reply::cut(), Reply::status(1203)]);
    let server = Server::start(script).await;
    let error = retry(&client(&server.url())).await.unwrap_err();
    assert_eq!((error.operation(), error.code()), (Some("token/get"), Some(1003)));
    assert!(error.outcome_unknown() && !error.never_sent());
}

#[tokio::test]
async fn a_success_after_a_lost_answer_is_a_success() {
    let fault = Fault::cut_before_applying().on(RETRY_TASK);
    let emulator = Emulator::builder().fault(fault).start().await.unwrap();
    let accepted = retry(&emulated(&emulator).build().unwrap()).await.unwrap();
    assert_eq!((accepted.attempts, applied(&emulator)), (2, 1));
}

/// A clock that goes on by a second whenever it is read.
#[derive(Debug)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1000, Ordering::SeqCst)
    }

    fn unique_ms(&self) -> i64 {
        self.now_ms()
    }
}

#[tokio::test]
async fn every_attempt_is_signed_anew() {
    let replies = [
        Reply::cut(),
        Reply::http(503, &[], ""),
        Reply::status(1203),
        Reply::code(0),
    ];
    let server = Server::start(Script::default().calls(replies)).await;
    let client = builder(&server.url())
        .clock(Arc::new(Ticking(AtomicI64::new(1_600_000_000_000))))
        .build()
        .unwrap();
    assert_eq!(retry(&client).await.unwrap().attempts, 4);

    let secret = AppSecret::new(APP_SECRET.to_owned());
    let mut timestamps = Vec::new();
    for call in server.calls() {
        let timestamp_ms: i64 = call.header("apim-timestamp").unwrap().parse().unwrap();
        timestamps.push(timestamp_ms);
        let signature = sign::sign(
            &sign::Unsigned {
                access_token: &AccessToken::new(call.token()).unwrap(),
                query: call.target.split_once('?').unwrap().1,
                body: &call.body,
                timestamp_ms,
            },
            &secret,
        );
        assert_eq!(call.header("apim-signature"), Some(signature.unwrap().as_str()));
    }
    assert!(timestamps.is_sorted_by(|one, next| one < next), "{timestamps:?}");
}

#[tokio::test]
async fn the_emulator_which_verifies_by_code_of_its_own_accepts_every_attempt() {
    let fault = Fault::http(503).on(RETRY_TASK).times(4);
    let emulator = Emulator::builder().fault(fault).start().await.unwrap();
    let accepted = retry(&emulated(&emulator).build().unwrap()).await.unwrap();
    assert_eq!((accepted.attempts, applied(&emulator)), (5, 1));
    assert_eq!(emulator.counters().gateway_rejections, 0);
}

#[tokio::test]
async fn a_policy_that_never_repeats_sends_once() {
    for reply in [
        Reply::cut(),
        Reply::http(503, &[], ""),
        Reply::http(429, &[], ""),
        Reply::code(99500),
    ] {
        let server = Server::start(Script::default().calls([reply])).await;
        let client = builder(&server.url())
            .retry_policy(RetryPolicy::never())
            .build()
            .unwrap();
        let error = retry(&client).await.unwrap_err();
        assert_eq!((error.attempts(), server.calls().len()), (1, 1));
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_policy_limits_the_attempts() {
    let server = Server::start(Script::default().calls((0..9).map(|_| Reply::cut()))).await;
    let policy = quick().with_max_attempts(3.try_into().unwrap());
    let client = builder(&server.url()).retry_policy(policy).build().unwrap();
    assert_eq!(retry(&client).await.unwrap_err().attempts(), 3);
    assert_eq!(server.calls().len(), 3);
}

/// Leads the lookups in turn to the given addresses, and all later ones to the last.
struct Turns(Mutex<Vec<IpAddr>>);

impl Resolve for Turns {
    fn resolve(&self, _: Name) -> Resolving {
        let mut turns = self.0.lock().unwrap();
        let address = if turns.len() > 1 { turns.remove(0) } else { turns[0] };
        let addresses: Addrs = Box::new([SocketAddr::new(address, 0)].into_iter());
        Box::pin(async move { Ok(addresses) })
    }
}

#[tokio::test]
async fn a_gateway_that_is_down_for_a_moment_costs_only_attempts() {
    let server = Server::start(Script::default()).await;
    let (up, down) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    // Nobody listens at this port of the other address, so connections to it are refused.
    let turns = Turns(Mutex::new(vec![down, down, up, down, down, up]));
    let http = enos_ota::reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(turns))
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let client = builder(&format!("http://gateway.localhost:{}", server.address().port()))
        .allow_http(true)
        .http_client(http)
        .build()
        .unwrap();
    // Two refusals each for the token and for the call itself.
    assert_eq!(retry(&client).await.unwrap().attempts, 3);
    assert_eq!(server.requests().len(), 2);
}
