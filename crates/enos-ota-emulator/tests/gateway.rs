//! What the gateway checks of a signed call, and how it says no.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, send, token};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, GatewayStyle, ManualClock};
use serde_json::json;

const NOW: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;
const KEYS: &[&str] = &["pump-01"];

async fn with_style(style: GatewayStyle) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder()
        .clock(clock.clone())
        .gateway_style(style)
        .start()
        .await
        .unwrap();
    (emulator, clock)
}

async fn emulator() -> (Emulator, ManualClock) {
    with_style(GatewayStyle::default()).await
}

#[tokio::test]
async fn a_signed_call_passes() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    assert_eq!(Job::retry(&emulator, &token, KEYS).send(&emulator).await.code(), 0);
    assert_eq!(emulator.counters().gateway_rejections, 0);
}

#[tokio::test]
async fn a_call_whose_body_query_timestamp_or_secret_is_not_the_signed_one_is_rejected() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    let signed = Job::retry(&emulator, &token, KEYS);
    let tampered = [
        ("body", signed.clone().body(r#"{"deviceKeys":["pump-02"]}"#)),
        (
            "blank in the body",
            signed.clone().body(r#"{"deviceKeys": ["pump-01"]}"#),
        ),
        ("query", signed.clone().with("jobId", "another")),
        ("more query", signed.clone().with("more", "x")),
        ("less query", signed.clone().without("jobId")),
        ("timestamp", signed.clone().timestamp(NOW + 1)),
    ];
    for (what, sent) in tampered {
        let mut request = sent.request(&emulator).build().unwrap();
        request
            .headers_mut()
            .insert("apim-signature", signed.signature().parse().unwrap());
        let reply = common::execute(request).await;
        assert_eq!((reply.status, reply.token_status()), (200, 1003), "{what}");
        assert!(reply.text.contains("apim-signature"), "{what}: {reply:?}");
    }
    let wrong_secret = Job {
        secret: "wrong".to_owned(),
        ..signed
    };
    assert_eq!(wrong_secret.send(&emulator).await.token_status(), 1003);
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().named, 0);
    assert_eq!(emulator.counters().gateway_rejections, 7);
}

#[tokio::test]
async fn the_query_is_signed_decoded_and_its_order_does_not_matter() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    let signed = Job::retry(&emulator, &token, KEYS)
        .with("note", "描述 +&=")
        .with("Zed", "");
    let query = format!(
        "Zed=&note=%E6%8F%8F%E8%BF%B0%20%2B%26%3D&jobId={DEMO_JOB_ID}&orgId={}&action=retryTask",
        emulator.org_id()
    );
    let reply = common::execute(common::replace_query(signed.request(&emulator), &query)).await;
    assert_eq!(reply.code(), 0, "{reply:?}");
}

#[tokio::test]
async fn a_timestamp_is_accepted_15_minutes_off_and_not_a_millisecond_more() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    for (timestamp, accepted) in [
        (NOW - 15 * MINUTE, true),
        (NOW + 15 * MINUTE, true),
        (NOW - 15 * MINUTE - 1, false),
        (NOW + 15 * MINUTE + 1, false),
    ] {
        let reply = Job::retry(&emulator, &token, &["pump-11"])
            .timestamp(timestamp)
            .send(&emulator)
            .await;
        if accepted {
            assert_eq!(reply.code(), 24621, "{} ms", timestamp - NOW);
        } else {
            assert_eq!(reply.token_status(), 1003, "{} ms", timestamp - NOW);
            assert!(reply.text.contains("apim-timestamp"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_timestamp_that_is_no_number_is_1004() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    let call = Job {
        timestamp: "now".to_owned(),
        ..Job::retry(&emulator, &token, KEYS)
    };
    assert_eq!(call.send(&emulator).await.token_status(), 1004);
}

#[tokio::test]
async fn a_missing_or_empty_header_is_1202() {
    let (emulator, _) = emulator().await;
    let token = token(&emulator).await;
    let call = Job::retry(&emulator, &token, KEYS);
    for name in ["apim-accesstoken", "apim-timestamp", "apim-signature"] {
        let mut missing = call.request(&emulator).build().unwrap();
        missing.headers_mut().remove(name);
        let mut empty = call.request(&emulator).build().unwrap();
        empty.headers_mut().insert(name, "".parse().unwrap());
        for request in [missing, empty] {
            let reply = common::execute(request).await;
            assert_eq!(reply.token_status(), 1202);
            assert!(reply.text.contains(name), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_unknown_expired_or_killed_is_1203() {
    let (emulator, clock) = emulator().await;
    assert_eq!(
        Job::retry(&emulator, "unknown", KEYS)
            .send(&emulator)
            .await
            .token_status(),
        1203
    );
    let first = token(&emulator).await;
    clock.advance(Duration::from_millis(7_199_999));
    assert_eq!(
        Job::retry(&emulator, &first, &["pump-11"]).send(&emulator).await.code(),
        24621
    );
    clock.advance(Duration::from_millis(1));
    assert_eq!(
        Job::retry(&emulator, &first, KEYS).send(&emulator).await.token_status(),
        1203
    );
    let second = token(&emulator).await;
    emulator.kill_tokens();
    assert_eq!(
        Job::retry(&emulator, &second, KEYS)
            .send(&emulator)
            .await
            .token_status(),
        1203
    );
}

#[tokio::test]
async fn the_default_form_of_a_rejection_is_http_200_with_a_status() {
    let (emulator, _) = emulator().await;
    let reply = Job::retry(&emulator, "unknown", KEYS).send(&emulator).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({ "status": 1203, "msg": "The access token has expired", "business": "apim", "data": null })
    );
}

#[tokio::test]
async fn a_rejection_can_take_the_form_of_http_401() {
    let (emulator, _) = with_style(GatewayStyle::Unauthorized401).await;
    let reply = Job::retry(&emulator, "unknown", KEYS).send(&emulator).await;
    assert_eq!((reply.status, reply.token_status()), (401, 1203));
}

#[tokio::test]
async fn a_rejection_can_be_the_gateways_message_alone() {
    let (emulator, _) = with_style(GatewayStyle::Message401).await;
    let reply = Job::retry(&emulator, "unknown", KEYS).send(&emulator).await;
    let message = json!({ "message": "Invalid authentication credentials" });
    assert_eq!((reply.status, reply.json()), (401, message));
}

#[tokio::test]
async fn a_dead_token_can_take_the_form_of_an_apim_status() {
    let (emulator, _) = with_style(GatewayStyle::ApimStatus).await;
    let token = token(&emulator).await;
    let call = Job::retry(&emulator, &token, KEYS);
    let wrong_secret = Job {
        secret: "wrong".to_owned(),
        ..call.clone()
    };
    assert_eq!(wrong_secret.send(&emulator).await.token_status(), 1003);
    emulator.kill_tokens();
    assert_eq!(call.send(&emulator).await.json(), json!({ "apim_status": 4011 }));
    let unknown = Job::retry(&emulator, "unknown", KEYS);
    assert_eq!(unknown.send(&emulator).await.json(), json!({ "apim_status": 4012 }));
}

#[tokio::test]
async fn the_gateway_comes_before_the_service() {
    let (emulator, _) = emulator().await;
    let call = Job::retry(&emulator, "unknown", KEYS).without("action");
    assert_eq!(call.send(&emulator).await.token_status(), 1203);
    let unsigned = send(reqwest::Client::new().post(call.url(&emulator))).await.unwrap();
    assert_eq!(unsigned.token_status(), 1202);
}
