//! What is sent again and what is not: as a table over the wire, and as properties of the decision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::server::{Reply, Script, Server};
use common::{client, job, retry};
use enos_ota::types::{CreateJobRequest, UpgradeScope};
use enos_ota::{Decision, Error, ErrorKind, Failure, JobType, RetryPolicy};
use proptest::prelude::*;

/// Which operations are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    All,
    /// All but those that would have their effect a second time: this answer does not say that there was none.
    AllButEachTime,
    None,
}

struct Row {
    name: &'static str,
    reply: fn() -> Reply,
    kind: ErrorKind,
    again: Again,
}

const fn row(name: &'static str, kind: ErrorKind, again: Again, reply: fn() -> Reply) -> Row {
    Row {
        name,
        reply,
        kind,
        again,
    }
}

/// An answer of the gateway itself.
fn gateway(status: u16) -> Reply {
    Reply::http(status, &[], r#"{"message":"as it says"}"#)
}

use Again::{All, AllButEachTime};

const TABLE: [Row; 24] = [
    row("cut", ErrorKind::ConnectionLost, AllButEachTime, Reply::cut),
    row("cut off", ErrorKind::TruncatedAnswer, AllButEachTime, || {
        Reply::cut_off(200, r#"{"code":0"#)
    }),
    row("empty", ErrorKind::EmptyAnswer, AllButEachTime, || {
        Reply::http(200, &[], "")
    }),
    row("throttled", ErrorKind::Throttled, All, || gateway(429)),
    row("500", ErrorKind::Service, AllButEachTime, || gateway(500)),
    row("502", ErrorKind::Service, AllButEachTime, || gateway(502)),
    row("503", ErrorKind::Service, AllButEachTime, || gateway(503)),
    row("504", ErrorKind::Service, AllButEachTime, || gateway(504)),
    row("599", ErrorKind::Service, AllButEachTime, || Reply::http(599, &[], "?")),
    row("code 99500", ErrorKind::Service, AllButEachTime, || Reply::code(99500)),
    row("code 99400", ErrorKind::InvalidArgument, Again::None, || {
        Reply::code(99400)
    }),
    row("code 99403", ErrorKind::PermissionDenied, Again::None, || {
        Reply::code(99403)
    }),
    row("status 1002", ErrorKind::Unauthenticated, Again::None, || {
        Reply::status(1002)
    }),
    row("unknown code", ErrorKind::UnknownCode, Again::None, || {
        Reply::code(31337)
    }),
    row("negative code", ErrorKind::UnknownCode, Again::None, || {
        Reply::code(i64::MIN)
    }),
    row("302", ErrorKind::Redirect, Again::None, || {
        Reply::http(302, &[("location", "http://127.0.0.1:1/")], "")
    }),
    row("400", ErrorKind::InvalidArgument, Again::None, || gateway(400)),
    row("403", ErrorKind::PermissionDenied, Again::None, || gateway(403)),
    row("404", ErrorKind::NoSuchApi, Again::None, || gateway(404)),
    row("413", ErrorKind::RequestTooLarge, Again::None, || gateway(413)),
    row("418", ErrorKind::HttpStatus, Again::None, || gateway(418)),
    row("web page", ErrorKind::HtmlAnswer, Again::None, || {
        Reply::html(200, "<html>")
    }),
    row("not JSON", ErrorKind::MalformedAnswer, Again::None, || {
        Reply::json("so")
    }),
    row("no code", ErrorKind::MalformedAnswer, Again::None, || Reply::json("{}")),
];

/// How often each kind of operation was sent, and how it ended.
async fn outcomes(reply: fn() -> Reply) -> [(usize, Error); 3] {
    let server = || Server::start(Script::default().calls((0..20).map(|_| reply())));
    let [reads, sets, creates] = [server().await, server().await, server().await];
    let scope = UpgradeScope::new().with_type("all");
    let request = CreateJobRequest::new(JobType::Upgrade, scope);
    let read = client(&reads.url()).get_job(&job()).await.unwrap_err();
    let set = retry(&client(&sets.url())).await.unwrap_err();
    let create = client(&creates.url())
        .create_job(&"f1".parse().unwrap(), &request)
        .await;
    [
        (reads.calls().len(), read),
        (sets.calls().len(), set),
        (creates.calls().len(), create.unwrap_err()),
    ]
}

#[tokio::test]
async fn what_is_sent_again_is_what_the_table_says() {
    for Row {
        name,
        reply,
        kind,
        again,
    } in TABLE
    {
        let outcomes = outcomes(reply).await;
        for (index, (sent, error)) in outcomes.iter().enumerate() {
            assert_eq!(error.kind(), kind, "{name}: {error:?}");
            let is_each_time = index == 2;
            let expected = match again {
                Again::All => 5,
                Again::AllButEachTime if !is_each_time => 5,
                Again::AllButEachTime | Again::None => 1,
            };
            assert_eq!(*sent, expected, "{name}, operation {index}: {error:?}");
            assert_eq!(error.attempts() as usize, expected, "{name}, operation {index}");
            // A read leaves nothing open; a call that was surely not carried out does not either.
            let may_be_open = index > 0 && again != Again::All;
            assert!(may_be_open || !error.outcome_unknown(), "{name}, operation {index}");
            assert!(
                again != AllButEachTime || index == 0 || error.outcome_unknown(),
                "{name}, {index}"
            );
        }
    }
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..100_000_u64).prop_map(Duration::from_millis),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        1 => any::<Duration>(),
    ]
}

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let attempts = prop_oneof![3 => 1..10_u32, 1 => 1..=u32::MAX];
    (attempts, durations(), durations(), durations()).prop_map(|(attempts, first, longest, honoured)| {
        RetryPolicy::default()
            .with_max_attempts(NonZeroU32::new(attempts).unwrap())
            .with_waits(first, longest)
            .with_longest_retry_after(honoured)
    })
}

fn failures() -> impl Strategy<Value = Failure> {
    let attempts = prop_oneof![3 => 0..12_u32, 1 => any::<u32>()];
    let (asked, left) = (prop::option::of(durations()), prop::option::of(durations()));
    (any::<bool>(), asked, attempts, left).prop_map(|(retryable, retry_after, attempts, time_left)| Failure {
        retryable,
        retry_after,
        attempts,
        time_left,
    })
}

/// The longest wait after so many attempts, doubled one by one.
fn naive_bound(policy: &RetryPolicy, attempts: u32) -> Duration {
    let mut bound = policy.first_wait;
    for _ in 1..attempts {
        if bound.is_zero() || bound >= policy.longest_wait {
            break;
        }
        bound = bound.saturating_mul(2);
    }
    bound.min(policy.longest_wait)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn a_wait_is_within_its_bounds_and_exactly_what_may_help_is_sent_again(
        policy in policies(),
        failure in failures(),
        jitter in 0.0..=1.0_f64,
    ) {
        let too_long = failure.retry_after.is_some_and(|asked| asked > policy.longest_retry_after);
        let used_up = failure.attempts >= policy.max_attempts.get();
        match policy.decide(&failure, jitter) {
            Decision::Permanent => prop_assert!(!failure.retryable),
            Decision::Exhausted => {
                prop_assert!(failure.retryable);
                // With time without end, only the other two reasons are left.
                let endless = Failure { time_left: None, ..failure };
                let decision = policy.decide(&endless, jitter);
                prop_assert_eq!(decision == Decision::Exhausted, too_long || used_up, "{:?}", decision);
                prop_assert!(too_long || used_up || failure.time_left.is_some());
            }
            Decision::Continue(wait) => {
                prop_assert!(failure.retryable && !too_long && !used_up);
                prop_assert!(failure.time_left.is_none_or(|left| wait < left));
                let bound = naive_bound(&policy, failure.attempts);
                match failure.retry_after {
                    None => prop_assert!(wait <= bound, "{:?} exceeds {:?}", wait, bound),
                    Some(asked) => {
                        prop_assert!(wait >= asked);
                        prop_assert!(wait <= asked.saturating_add(policy.first_wait.min(bound)));
                    }
                }
            }
        }
    }

    #[test]
    fn any_random_number_gives_a_decision(policy in policies(), failure in failures(), jitter in any::<f64>()) {
        let decision = policy.decide(&failure, jitter);
        prop_assert_eq!(decision == Decision::Permanent, !failure.retryable);
    }

    #[test]
    fn a_greater_random_number_never_shortens_a_wait(
        policy in policies(),
        failure in failures(),
        one in 0.0..=1.0_f64,
        other in 0.0..=1.0_f64,
    ) {
        let endless = Failure { time_left: None, ..failure };
        let wait = |jitter| match policy.decide(&endless, jitter) {
            Decision::Continue(wait) => Some(wait),
            Decision::Permanent | Decision::Exhausted => None,
        };
        prop_assert!(wait(one.min(other)) <= wait(one.max(other)));
    }
}
