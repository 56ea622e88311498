//! `token/get` and `token/refresh` over real HTTP.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Reply, TOKEN_GET, TOKEN_REFRESH, get, post, refresh_reply, sha256, token_at, token_body, token_reply};
use enos_ota_emulator::{Emulator, EmulatorBuilder, Fault, ManualClock, OldToken, Scope};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;

async fn started(set_up: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let emulator = set_up(Emulator::builder().clock(clock.clone())).start().await.unwrap();
    (emulator, clock)
}

async fn emulator() -> (Emulator, ManualClock) {
    started(|builder| builder).await
}

fn expire(reply: &Reply) -> i64 {
    reply.json()["data"]["expire"].as_i64().unwrap()
}

fn access_token(reply: &Reply) -> String {
    reply.json()["data"]["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_comes_in_the_documented_envelope_and_lives_7200_seconds() {
    let (emulator, _) = emulator().await;
    let reply = token_reply(&emulator, NOW).await;
    let token = access_token(&reply);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        format!(
            r#"{{"status":0,"msg":"SUCCESS","business":"apim-token-service","data":{{"accessToken":"{token}","expire":7200}}}}"#
        )
    );
}

#[tokio::test]
async fn the_same_token_is_returned_while_it_lives_with_the_rest_of_its_life() {
    let (emulator, clock) = emulator().await;
    let first = token_reply(&emulator, NOW).await;
    clock.advance(Duration::from_secs(7199));
    let second = token_reply(&emulator, NOW + 7_199_000).await;
    assert_eq!(access_token(&second), access_token(&first));
    assert_eq!(expire(&second), 1);
    clock.advance(Duration::from_secs(1));
    let third = token_reply(&emulator, NOW + 7_200_000).await;
    assert_ne!(access_token(&third), access_token(&first));
    assert_eq!(expire(&third), 7200);
    assert_eq!(emulator.counters().tokens_issued, 2);
}

#[tokio::test]
async fn the_rest_of_a_life_is_rounded_down() {
    let (emulator, clock) = started(|builder| builder.token_lifetime(Duration::from_secs(10))).await;
    assert_eq!(expire(&token_reply(&emulator, NOW).await), 10);
    clock.advance(Duration::from_millis(1));
    assert_eq!(expire(&token_reply(&emulator, NOW + 1).await), 9);
}

#[tokio::test]
async fn an_encryption_is_accepted_once_1001() {
    let (emulator, _) = emulator().await;
    assert_eq!(token_reply(&emulator, NOW).await.token_status(), 0);
    let repeated = token_reply(&emulator, NOW).await;
    assert_eq!(
        repeated.json(),
        json!({
            "status": 1001,
            "msg": "The encryption has been used already",
            "business": "apim-token-service",
            "data": null,
        })
    );
    assert_eq!(token_reply(&emulator, NOW + 1).await.token_status(), 0);
    assert_eq!(emulator.counters().encryptions_used, 2);
}

#[tokio::test]
async fn an_encryption_of_get_is_not_accepted_by_refresh_either() {
    let (emulator, _) = emulator().await;
    let token = token_at(&emulator, NOW).await;
    assert_eq!(refresh_reply(&emulator, NOW, &token).await.token_status(), 1001);
}

#[tokio::test]
async fn a_wrong_encryption_is_not_used_up() {
    let (emulator, _) = emulator().await;
    let mut body = token_body(&emulator, NOW);
    body["encryption"] = sha256("wrong").into();
    for _ in 0..2 {
        assert_eq!(post(&emulator, TOKEN_GET, body.to_string()).await.token_status(), 1003);
    }
    assert_eq!(emulator.counters().encryptions_used, 0);
}

#[tokio::test]
async fn an_unknown_app_key_is_1002() {
    let (emulator, _) = emulator().await;
    let mut body = token_body(&emulator, NOW);
    body["appKey"] = "another".into();
    assert_eq!(post(&emulator, TOKEN_GET, body.to_string()).await.token_status(), 1002);
}

#[tokio::test]
async fn uppercase_hex_is_not_a_valid_encryption() {
    let (emulator, _) = emulator().await;
    let mut body = token_body(&emulator, NOW);
    body["encryption"] = body["encryption"].as_str().unwrap().to_uppercase().into();
    assert_eq!(post(&emulator, TOKEN_GET, body.to_string()).await.token_status(), 1003);
}

#[tokio::test]
async fn a_timestamp_is_accepted_15_minutes_off_and_not_a_millisecond_more() {
    let (emulator, _) = emulator().await;
    for (timestamp, status) in [
        (NOW - 15 * MINUTE, 0),
        (NOW + 15 * MINUTE, 0),
        (NOW - 15 * MINUTE - 1, 1003),
        (NOW + 15 * MINUTE + 1, 1003),
    ] {
        let reply = token_reply(&emulator, timestamp).await;
        assert_eq!(reply.token_status(), status, "{} ms: {reply:?}", timestamp - NOW);
        if status != 0 {
            assert!(reply.text.contains("timestamp"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_skewed_clock_is_the_one_that_counts() {
    let (emulator, _) = started(|builder| builder.clock_skew_ms(20 * MINUTE)).await;
    assert_eq!(token_reply(&emulator, NOW).await.token_status(), 1003);
    assert_eq!(token_reply(&emulator, NOW + 20 * MINUTE).await.token_status(), 0);
}

#[tokio::test]
async fn the_timestamp_may_be_text() {
    let (emulator, _) = emulator().await;
    let mut body = token_body(&emulator, NOW);
    body["timestamp"] = NOW.to_string().into();
    assert_eq!(post(&emulator, TOKEN_GET, body.to_string()).await.token_status(), 0);
}

#[tokio::test]
async fn what_is_no_valid_request_is_1004() {
    let (emulator, _) = emulator().await;
    let with = |name: &str, value: Value| {
        let mut body = token_body(&emulator, NOW);
        body[name] = value;
        body.to_string()
    };
    for body in [
        "no JSON".to_owned(),
        String::new(),
        "[]".to_owned(),
        with("appKey", json!(5)),
        with("encryption", json!(["x"])),
        with("timestamp", json!(1.5)),
        with("timestamp", json!("yesterday")),
        with("timestamp", json!(true)),
    ] {
        assert_eq!(
            post(&emulator, TOKEN_GET, body.clone()).await.token_status(),
            1004,
            "{body}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_or_empty_is_1202() {
    let (emulator, _) = emulator().await;
    for name in ["appKey", "encryption", "timestamp"] {
        for value in [None, Some(json!(null)), Some(json!(""))] {
            let mut body = token_body(&emulator, NOW);
            body.as_object_mut().unwrap().remove(name);
            if let Some(value) = value {
                body[name] = value;
            }
            let reply = post(&emulator, TOKEN_GET, body.to_string()).await;
            assert_eq!(reply.token_status(), 1202, "{body}");
            assert!(reply.text.contains(name), "{reply:?}");
        }
    }
    let no_old_token = post(&emulator, TOKEN_REFRESH, token_body(&emulator, NOW).to_string()).await;
    assert_eq!(no_old_token.token_status(), 1202);
}

#[tokio::test]
async fn a_refresh_gives_a_new_token_and_the_old_one_dies() {
    let (emulator, clock) = emulator().await;
    let old = token_at(&emulator, NOW).await;
    clock.advance(Duration::from_secs(100));
    let reply = refresh_reply(&emulator, NOW + 1, &old).await;
    let new = access_token(&reply);
    assert_ne!(new, old);
    assert_eq!(expire(&reply), 7200);
    assert_eq!(token_at(&emulator, NOW + 2).await, new);
    let call = |token: &str| common::Job::retry(&emulator, token, &["pump-01"]);
    assert_eq!(call(&old).send(&emulator).await.token_status(), 1203);
    assert_eq!(call(&new).send(&emulator).await.code(), 0);
}

#[tokio::test]
async fn the_old_token_can_be_made_to_live_on_until_its_own_end() {
    let (emulator, clock) = started(|builder| builder.old_token(OldToken::LivesOn)).await;
    let old = token_at(&emulator, NOW).await;
    clock.advance(Duration::from_secs(7199));
    let later = NOW + 7_199_000;
    assert_eq!(refresh_reply(&emulator, later, &old).await.token_status(), 0);
    let call = common::Job::retry(&emulator, &old, &["pump-01"]);
    assert_eq!(call.send(&emulator).await.code(), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(call.send(&emulator).await.token_status(), 1203);
}

#[tokio::test]
async fn a_token_that_is_unknown_or_dead_cannot_be_refreshed_1204() {
    let (emulator, clock) = emulator().await;
    assert_eq!(refresh_reply(&emulator, NOW, "unknown").await.token_status(), 1204);
    let token = token_at(&emulator, NOW + 1).await;
    clock.advance(Duration::from_hours(2));
    assert_eq!(
        refresh_reply(&emulator, NOW + 7_200_000, &token).await.token_status(),
        1204
    );
}

#[tokio::test]
async fn killed_tokens_are_replaced_by_the_next_get() {
    let (emulator, _) = emulator().await;
    let token = token_at(&emulator, NOW).await;
    emulator.kill_tokens();
    assert_ne!(token_at(&emulator, NOW + 1).await, token);
}

#[tokio::test]
async fn status_can_be_misspelt_as_in_the_samples() {
    let (emulator, _) = started(|builder| builder.misspell_status(true)).await;
    let good = token_reply(&emulator, NOW).await.json();
    assert_eq!((&good["stauts"], good.get("status")), (&json!(0), None));
    let bad = token_reply(&emulator, NOW).await.json();
    assert_eq!((&bad["stauts"], bad.get("status")), (&json!(1001), None));
    // The samples are of the token service only.
    let rejected = common::Job::retry(&emulator, "unknown", &["pump-01"])
        .send(&emulator)
        .await;
    assert_eq!(rejected.token_status(), 1203);
    emulator.faults().push(Fault::token_status(1203, "").on(Scope::Jobs));
    let faulted = common::Job::retry(&emulator, "unknown", &["pump-01"])
        .send(&emulator)
        .await;
    assert_eq!(faulted.token_status(), 1203);
}

#[tokio::test]
async fn only_post_is_taken() {
    let (emulator, _) = emulator().await;
    let reply = get(&emulator, TOKEN_GET).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn calls_are_counted() {
    let (emulator, _) = emulator().await;
    let token = token_at(&emulator, NOW).await;
    refresh_reply(&emulator, NOW + 1, &token).await;
    token_reply(&emulator, NOW + 2).await;

    let counters = emulator.counters();

    assert_eq!(
        (counters.token_gets, counters.token_refreshes, counters.tokens_issued),
        (2, 1, 2)
    );
}
