//! The endpoints under `/_emulator`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Job, delete, get, post, retry, token, token_reply};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, Fault, FaultKind, ManualClock, Scope};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;

async fn emulator() -> Emulator {
    Emulator::builder()
        .clock(ManualClock::at_ms(NOW))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_state_shows_jobs_tasks_counters_and_faults() {
    let emulator = emulator().await;
    retry(&emulator, &["pump-01"]).await;
    emulator.faults().push(Fault::http(503).forever());
    let state = get(&emulator, "/_emulator/state").await.json();
    assert_eq!(state["nowMs"], NOW);
    let job = &state["jobs"][0];
    assert_eq!(
        (&job["jobId"], &job["status"]),
        (&json!(DEMO_JOB_ID), &json!("started"))
    );
    assert_eq!(
        job["tally"],
        json!({ "init": 3, "published": 2, "upgrading": 2, "succeeded": 8, "failed": 9 })
    );
    let task = &job["tasks"][0];
    assert_eq!(
        (&task["deviceKey"], &task["status"]),
        (&json!("pump-01"), &json!("init"))
    );
    assert_eq!(task["retries"], json!({ "named": 1, "applied": 1 }));
    assert_eq!(job["tasksOmitted"], 0);
    assert_eq!(
        (&state["counters"]["tokenGets"], &state["counters"]["retryCallsApplied"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(state["faults"][0]["fault"]["status"], 503);
    assert!(!state.to_string().contains(emulator.app_secret()));
}

#[tokio::test]
async fn the_state_shows_as_many_tasks_as_it_is_asked_for() {
    let emulator = emulator().await;
    let state = get(&emulator, "/_emulator/state?tasks=3").await.json();
    assert_eq!(state["jobs"][0]["tasks"].as_array().unwrap().len(), 3);
    assert_eq!(state["jobs"][0]["tasksOmitted"], 21);
    let refused = get(&emulator, "/_emulator/state?tasks=all").await;
    assert_eq!(
        (refused.status, refused.json()),
        (400, json!({ "error": "`tasks` in the query is no number" }))
    );
}

#[tokio::test]
async fn requests_are_listed_without_tokens_signatures_and_secrets() {
    let emulator = emulator().await;
    let token = token(&emulator).await;
    let call = Job::retry(&emulator, &token, &["pump-01", "pump-02"]);
    let id = call.send(&emulator).await.json()["requestId"].clone();
    emulator.faults().push(Fault::cut_before_applying());
    call.try_send(&emulator).await.unwrap_err();
    get(&emulator, "/no/such/path").await;
    get(&emulator, "/_emulator/state").await;
    let reply = get(&emulator, "/_emulator/requests").await;
    assert_eq!(
        reply.json()["requests"],
        json!([
            {
                "number": 1, "node": 0, "atMs": NOW, "method": "POST", "path": "/apim-token-service/v2.0/token/get",
                "action": null, "orgId": null, "jobId": null, "deviceKeys": null, "applied": 0, "createdJobId": null, "search": null, "faults": [],
                "answer": { "kind": "answered", "httpStatus": 200, "code": 0, "requestId": null },
            },
            {
                "number": 2, "node": 0, "atMs": NOW, "method": "POST", "path": "/connect-service/v2.1/ota-jobs",
                "action": "retryTask", "orgId": emulator.org_id(), "jobId": DEMO_JOB_ID, "deviceKeys": 2,
                "applied": 2, "createdJobId": null, "search": null, "faults": [],
                "answer": { "kind": "answered", "httpStatus": 200, "code": 0, "requestId": id },
            },
            {
                "number": 3, "node": 0, "atMs": NOW, "method": "POST", "path": "/connect-service/v2.1/ota-jobs",
                "action": "retryTask", "orgId": emulator.org_id(), "jobId": DEMO_JOB_ID, "deviceKeys": null,
                "applied": 0, "createdJobId": null, "search": null, "faults": ["cutBeforeApplying"], "answer": { "kind": "cut" },
            },
            {
                "number": 4, "node": 0, "atMs": NOW, "method": "GET", "path": "/no/such/path",
                "action": null, "orgId": null, "jobId": null, "deviceKeys": null, "applied": 0, "createdJobId": null, "search": null, "faults": [],
                "answer": { "kind": "answered", "httpStatus": 404, "code": null, "requestId": null },
            },
        ])
    );
    for secret in [token.as_str(), emulator.app_secret(), &call.signature()] {
        assert!(!reply.text.contains(secret));
    }
}

#[tokio::test]
async fn faults_are_added_shown_and_cleared() {
    let emulator = emulator().await;
    let one = r#"{ "fault": { "kind": "http", "status": 429, "retryAfter": { "seconds": 5 } } }"#;
    assert_eq!(post(&emulator, "/_emulator/faults", one).await.status, 200);
    let two = r#"[
        { "scope": "tokenGet", "times": 3, "fault": { "kind": "tokenStatus", "status": 1005 } },
        { "scope": { "action": "retryTask" }, "times": null, "probability": 0.5, "fault": { "kind": "cutAfterApplying" } }
    ]"#;
    let shown = post(&emulator, "/_emulator/faults", two).await.json();
    assert_eq!(shown["faults"].as_array().unwrap().len(), 3);
    let pending = emulator.faults().pending();
    assert_eq!(pending[1], Fault::token_status(1005, "").on(Scope::TokenGet).times(3));
    assert_eq!(pending[2].remaining(), None);
    assert!(matches!(pending[0].kind(), FaultKind::Http(answer) if answer.status == 429));
    assert_eq!(get(&emulator, "/_emulator/faults").await.json(), shown);

    let throttled = token_reply(&emulator, NOW).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, Some("5")));
    assert_eq!(token_reply(&emulator, NOW).await.token_status(), 1005);
    assert_eq!(
        delete(&emulator, "/_emulator/faults").await.json(),
        json!({ "faults": [] })
    );
    assert_eq!(token_reply(&emulator, NOW).await.token_status(), 0);
}

#[tokio::test]
async fn every_kind_of_fault_can_be_given_in_json() {
    let emulator = emulator().await;
    for kind in [
        json!({ "kind": "latency", "ms": 1 }),
        json!({ "kind": "delayAnswer", "ms": 1 }),
        json!({ "kind": "killToken" }),
        json!({ "kind": "mixedList", "mode": "partial" }),
        json!({ "kind": "staleReads", "ms": 2000 }),
        json!({ "kind": "http", "status": 302, "body": "empty", "location": "/x", "afterApplying": true }),
        json!({ "kind": "http", "status": 503, "body": "html", "retryAfter": { "dateInSeconds": 9 } }),
        json!({ "kind": "bigBody", "megabytes": 1 }),
        json!({ "kind": "truncatedBody" }),
        json!({ "kind": "slowBody", "chunkBytes": 1, "intervalMs": 1 }),
        json!({ "kind": "cutBeforeApplying" }),
        json!({ "kind": "cutAfterApplying" }),
        json!({ "kind": "code", "code": 24500, "msg": "x" }),
        json!({ "kind": "tokenStatus", "status": 1005, "msg": "x" }),
        json!({ "kind": "apimStatus", "apimStatus": 4011 }),
        json!({ "kind": "http", "status": 429, "body": "gateway" }),
        json!({ "kind": "oddRow", "oddity": "loneSurrogate", "rows": "first" }),
        json!({ "kind": "oddRow", "oddity": "otherJob", "rows": { "device": "pump-01" } }),
        json!({ "kind": "repeatFirstPage", "totalSize": 1_000_000 }),
        json!({ "kind": "noData" }),
    ] {
        delete(&emulator, "/_emulator/faults").await;
        let reply = post(&emulator, "/_emulator/faults", json!({ "fault": kind }).to_string()).await;
        assert_eq!(reply.status, 200, "{kind}: {reply:?}");
        assert_eq!(reply.json()["faults"][0]["fault"], kind);
        assert_eq!(emulator.faults().pending()[0].kind().name(), kind["kind"]);
    }
}

#[tokio::test]
async fn what_is_no_fault_is_refused_with_the_reason_and_adds_nothing() {
    let emulator = emulator().await;
    for (body, reason) in [
        ("no JSON", "expected ident at line 1"),
        ("{}", "missing field `fault`"),
        (
            r#"{ "fault": { "kind": "boom" } }"#,
            "unknown variant `boom`, expected one of `latency`",
        ),
        (
            r#"{ "fault": { "kind": "latency", "ms": 1, "s": 1 } }"#,
            "unknown field `s`",
        ),
        (
            r#"{ "fault": { "kind": "http", "status": 99 } }"#,
            "`status` is 99, expected an HTTP status from 200 to 599",
        ),
        (
            r#"{ "fault": { "kind": "slowBody", "chunkBytes": 0, "intervalMs": 1 } }"#,
            "`chunkBytes` is 0",
        ),
        (
            r#"{ "fault": { "kind": "staleReads", "ms": 10001 } }"#,
            "`ms` is 10001, expected at most 10000",
        ),
        (
            r#"{ "probability": 2, "fault": { "kind": "killToken" } }"#,
            "`probability` is 2, expected 0 to 1",
        ),
        (
            r#"{ "scope": "retryTask", "fault": { "kind": "killToken" } }"#,
            "unknown variant `retryTask`",
        ),
        (
            r#"{ "time": 2, "fault": { "kind": "killToken" } }"#,
            "unknown field `time`",
        ),
        (r#"[{ "fault": { "kind": "killToken" } }, {}]"#, "missing field `fault`"),
    ] {
        let reply = post(&emulator, "/_emulator/faults", body).await;
        assert_eq!(reply.status, 400, "{body}");
        let error = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason), "{error}\n{reason}");
    }
    assert_eq!(emulator.faults().pending(), []);
}

#[tokio::test]
async fn the_clock_is_advanced() {
    let emulator = emulator().await;
    let reply = post(&emulator, "/_emulator/clock/advance", r#"{"ms":1500}"#).await;
    assert_eq!((reply.status, reply.json()), (200, json!({ "nowMs": NOW + 1500 })));
    assert_eq!(emulator.now_ms(), NOW + 1500);
    for body in ["", "{}", r#"{"ms":-1}"#, r#"{"s":1}"#] {
        assert_eq!(
            post(&emulator, "/_emulator/clock/advance", body).await.status,
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_clock_of_the_system_cannot_be_advanced() {
    let emulator = Emulator::builder().start().await.unwrap();
    let reply = post(&emulator, "/_emulator/clock/advance", r#"{"ms":1500}"#).await;
    assert_eq!(reply.status, 409);
    assert!(reply.text.contains("ManualClock"), "{reply:?}");
}

#[tokio::test]
async fn tokens_are_killed() {
    let emulator = emulator().await;
    let token = token(&emulator).await;
    assert_eq!(
        post(&emulator, "/_emulator/tokens/kill", "").await.json(),
        json!({ "killed": true })
    );
    let reply = Job::retry(&emulator, &token, &["pump-01"]).send(&emulator).await;
    assert_eq!(reply.token_status(), 1203);
}

#[tokio::test]
async fn faults_do_not_strike_the_emulators_own_endpoints() {
    let emulator = emulator().await;
    emulator.faults().push(Fault::http(503).forever());
    assert_eq!(get(&emulator, "/_emulator/state").await.status, 200);
    assert_eq!(emulator.requests(), []);
    assert_eq!(
        get(&emulator, "/_emulator/requests").await.json(),
        json!({ "requests": Value::Array(vec![]) })
    );
}
