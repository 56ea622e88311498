//! The limits that a gateway announces, on whatever answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::time::Duration;

use common::server::{Reply, Script, Server};
use common::{builder, retry, succeed};
use enos_ota::{Client, RateLimits, RetryPolicy, Window};

fn hasty(server: &Server) -> Client {
    builder(&server.url())
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap()
}

fn remaining(limits: Option<RateLimits>) -> Option<u64> {
    limits?.of_window(Window::Minute)?.remaining
}

#[tokio::test]
async fn the_latest_announcement_is_kept_whatever_the_answer_says() {
    let announcing = |status, remaining: &str, body: &str| {
        let headers = [
            ("X-RateLimit-Limit-Minute", "600"),
            ("X-RateLimit-Remaining-Minute", remaining),
        ];
        Reply::http(status, &headers, body)
    };
    let script = Script::default().calls([
        announcing(200, "5", r#"{"code":0}"#),
        announcing(200, "4", r#"{"code":24621}"#),
        announcing(503, "3", "<html>"),
        announcing(200, "2", "no json"),
        announcing(429, "0", r#"{"message":"API rate limit exceeded"}"#),
        Reply::code(0),
    ]);
    let server = Server::start(script).await;
    let client = hasty(&server);
    client.token_source().token().await.unwrap();
    assert_eq!(client.rate_limits(), None);
    for (n, left) in [5, 4, 3, 2, 0].into_iter().enumerate() {
        drop(retry(&client).await);
        let limits = client.rate_limits().unwrap();
        assert_eq!(limits.announcements, n as u64 + 1);
        assert_eq!(remaining(Some(limits)), Some(left));
    }
    // An answer without headers announces nothing, and a clone shares what was announced.
    succeed(&client).await;
    assert_eq!(client.rate_limits().unwrap().announcements, 5);
    let other = client.in_org("o2".parse().unwrap());
    assert_eq!(other.rate_limits(), client.rate_limits());
}

#[tokio::test]
async fn the_form_without_a_window_says_when_it_ends() {
    let headers = [
        ("RateLimit-Limit", "600"),
        ("RateLimit-Remaining", "0"),
        ("RateLimit-Reset", "18446744073709551615"),
    ];
    let server = Server::start(Script::default().calls([Reply::http(429, &headers, "")])).await;
    let client = hasty(&server);
    retry(&client).await.unwrap_err();
    let [limit] = <[_; 1]>::try_from(client.rate_limits().unwrap().limits).unwrap();
    assert_eq!((limit.window, limit.limit, limit.remaining), (None, Some(600), Some(0)));
    assert_eq!(limit.reset, Some(Duration::from_secs(u64::MAX)));
}
