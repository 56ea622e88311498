//! No number, from the wire or from a caller, makes the SDK panic or wait without need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::server::{Reply, Script, Server};
use common::time::freeze;
use common::{builder, quick, retry, succeed};
use enos_ota::search::{Expression, jobs, tasks};
use enos_ota::{Clock, PageSize, RetryPolicy};

/// As JSON writes them, and as it does not.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "0.5",
    "-0.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e23",
    "-1e300",
    r#""18446744073709551615""#,
    r#""NaN""#,
    r#""-""#,
    "null",
];

#[tokio::test]
async fn a_limit_may_be_as_long_as_a_duration_gets() {
    let server = Server::start(Script::default().calls([Reply::cut()])).await;
    let policy = RetryPolicy::default()
        .with_waits(Duration::from_millis(1), Duration::MAX)
        .with_longest_retry_after(Duration::MAX);
    let client = builder(&server.url())
        .timeout(Duration::MAX)
        .attempt_timeout(Duration::MAX)
        .retry_policy(policy)
        .build()
        .unwrap();
    assert_eq!(retry(&client).await.unwrap().attempts, 2);
}

#[tokio::test]
async fn a_retry_after_beyond_all_bounds_is_told_and_not_waited_for() {
    for (value, seconds) in [
        ("18446744073709551615", u64::MAX),
        ("18446744073709551616", u64::MAX),
        ("99999999999999999999999999999999999999", u64::MAX),
        ("61", 61),
    ] {
        let script = Script::default().calls([Reply::http(429, &[("retry-after", value)], "")]);
        let server = Server::start(script).await;
        let error = retry(&common::client(&server.url())).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{value}");
        assert_eq!(error.attempts(), 1, "{value}");
    }
}

#[tokio::test]
async fn a_retry_after_that_is_none_is_not_one() {
    for value in ["-1", "NaN", "inf", "1e9", "0x10", "+5", "", "5 5"] {
        let script = Script::default().calls([Reply::http(429, &[("retry-after", value)], "")]);
        let server = Server::start(script).await;
        assert_eq!(
            retry(&common::client(&server.url())).await.unwrap().attempts,
            2,
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_wait_without_end_is_ended_by_the_call() {
    let time = freeze();
    let reply = || Reply::http(429, &[("retry-after", "18446744073709551615")], "");
    let server = Server::start(Script::default().gets([reply()]).calls([reply()])).await;
    let policy = quick().with_longest_retry_after(Duration::MAX);
    let limited = builder(&server.url())
        .timeout(Duration::from_secs(40))
        .retry_policy(policy.clone())
        .build()
        .unwrap();
    // The wait for a token is cut at the end of the call's time.
    let call = tokio::spawn(async move { retry(&limited).await });
    time.run(call, Duration::from_secs(1)).await.unwrap_err();
    // A wait of the call itself that would outlast its time is not even begun.
    let server = Server::start(Script::default().calls([reply()])).await;
    let limited = builder(&server.url())
        .timeout(Duration::from_secs(40))
        .retry_policy(policy.clone())
        .build()
        .unwrap();
    assert!(retry(&limited).await.unwrap_err().is_throttled());
    // Without limits, it is as long as was asked for.
    let server = Server::start(Script::default().calls([reply()])).await;
    let patient = builder(&server.url())
        .timeout(None)
        .retry_policy(policy)
        .build()
        .unwrap();
    let call = tokio::spawn(async move { retry(&patient).await });
    server.received(2).await;
    time.advance(Duration::from_hours(1)).await;
    assert!(!call.is_finished());
    call.abort();
}

#[tokio::test]
async fn no_number_in_an_answer_is_taken_for_success_or_ends_in_a_panic() {
    for number in NUMBERS {
        let body = format!(r#"{{"code":{number},"msg":""}}"#);
        let server = Server::start(Script::default().calls((0..9).map(|_| Reply::json(&body)))).await;
        let accepted = retry(&common::client(&server.url())).await.is_ok();
        assert_eq!(accepted, number == "0", "{number}");

        for member in ["status", "stauts", "apim_status"] {
            let body = format!(r#"{{"{member}":{number}}}"#);
            let server = Server::start(Script::default().calls((0..9).map(|_| Reply::json(&body)))).await;
            assert!(retry(&common::client(&server.url())).await.is_err(), "{body}");
        }
    }
}

#[tokio::test]
async fn any_life_of_a_token_is_taken() {
    for number in NUMBERS {
        let body = format!(r#"{{"status":0,"data":{{"accessToken":"token","expire":{number}}}}}"#);
        let server = Server::start(Script::default().gets([Reply::json(&body)])).await;
        succeed(&common::client(&server.url())).await;
    }
}

#[tokio::test]
async fn any_number_in_a_search_is_read_or_refused() {
    for number in NUMBERS {
        let body = format!(
            r#"{{"code":0,"data":[{{"progress":{number},"updateTime":{number},"createTime":{number},"upgradeTimeout":{number}}}],"pagination":{{"pageNo":{number},"pageSize":{number},"totalSize":{number}}}}}"#
        );
        let server = Server::start(Script::default().calls((0..9).map(|_| Reply::json(&body)))).await;
        let client = common::client(&server.url());
        let failed = Expression::all([tasks::STATUS.equals("failed").unwrap()]);
        drop(client.search_tasks(&failed, u32::MAX, PageSize::default()).await);
        let started = Expression::all([jobs::STATUS.equals("started").unwrap()]);
        drop(client.search_jobs(&started, 0, PageSize::default()).await);
    }
}

#[tokio::test]
async fn any_announced_limit_is_read_or_left_out_and_nobody_waits_for_it() {
    let values = NUMBERS.iter().map(|number| number.trim_matches('"'));
    for value in values.chain(["99999999999999999999999999", "18446744073709551615, 1;w=0", ""]) {
        let names = [
            "x-ratelimit-limit-second",
            "x-ratelimit-remaining-minute",
            "x-ratelimit-limit-hour",
            "x-ratelimit-remaining-day",
            "x-ratelimit-limit-month",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
        ];
        let headers = names.map(|name| (name, value));
        let script = Script::default()
            .gets([Reply::http(
                200,
                &headers,
                r#"{"status":0,"data":{"accessToken":"token","expire":7200}}"#,
            )])
            .calls([Reply::http(200, &headers, r#"{"code":0}"#), Reply::code(0)]);
        let server = Server::start(script).await;
        let client = common::client(&server.url());
        succeed(&client).await;
        let is_number = value.starts_with(|c: char| c.is_ascii_digit()) && !value.contains(['e', '.']);
        assert_eq!(client.rate_limits().is_some(), is_number, "{value}");
        succeed(&client).await;
    }
}

#[tokio::test]
async fn any_date_and_any_clock_will_do() {
    #[derive(Debug)]
    struct At(i64);
    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }
        fn unique_ms(&self) -> i64 {
            self.0
        }
    }
    for now in [i64::MIN, -1, 0, 1_600_000_000_000, i64::MAX] {
        for date in [
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            let reply = || {
                let headers = [("retry-after", date), ("date", date)];
                Reply::http(401, &headers, r#"{"status":1003,"msg":"no"}"#)
            };
            let server = Server::start(Script::default().calls((0..9).map(|_| reply()))).await;
            let client = builder(&server.url()).clock(Arc::new(At(now))).build().unwrap();
            let error = retry(&client).await.unwrap_err();
            assert_eq!(error.code(), Some(1003), "{now} {date}");
        }
    }
}
