//! The emulator's own endpoints, under `/_emulator`: for tests that are not written in Rust.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{JSON, json as to_json, response};
use crate::clock::Clock;
use crate::faults::Fault;
use crate::gateway::quota::Quota;
use crate::journal::Counters;
use crate::model::{JobState, RetryCount, TaskInfo};
use crate::shared::Shared;
use crate::signature::Query;

/// So many tasks of a job are shown, unless `?tasks=N` says otherwise.
const SHOWN_TASKS: usize = 1000;

type Shares = State<Arc<Shared>>;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/state", get(state))
        .route("/requests", get(requests))
        .route("/faults", get(pending_faults).post(add_faults).delete(clear_faults))
        .route("/quota", get(quota).put(set_quota).delete(lift_quota))
        .route("/clock/advance", post(advance_clock))
        .route("/tokens/kill", post(kill_tokens))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateAnswer {
    now_ms: i64,
    jobs: Vec<JobAnswer>,
    counters: Counters,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobAnswer {
    #[serde(flatten)]
    job: JobState,
    tasks: Vec<TaskAnswer>,
    /// How many tasks are not shown.
    tasks_omitted: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskAnswer {
    #[serde(flatten)]
    task: TaskInfo,
    retries: RetryCount,
}

async fn state(State(shared): Shares, RawQuery(query): RawQuery) -> Response {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    let shown = match query.get("tasks").map(str::parse) {
        None => SHOWN_TASKS,
        Some(Ok(shown)) => shown,
        Some(Err(_)) => return refuse("`tasks` in the query is no number"),
    };
    let (mut inner, now_ms) = shared.lock_now();
    let states = inner.world.job_states(now_ms);
    let jobs = states.into_iter().map(|job| {
        let tasks: Vec<TaskAnswer> = inner
            .world
            .tasks(&job.job_id, now_ms, shown)
            .into_iter()
            .map(|(task, retries)| TaskAnswer { task, retries })
            .collect();
        JobAnswer {
            tasks_omitted: job.tally.total() - tasks.len(),
            tasks,
            job,
        }
    });
    let jobs = jobs.collect();
    let answer = StateAnswer {
        now_ms,
        jobs,
        counters: inner.counters,
        faults: shared.faults.pending(),
    };
    drop(inner);
    ok(&answer)
}

async fn requests(State(shared): Shares) -> Response {
    ok(&json!({ "requests": shared.journal.records() }))
}

async fn pending_faults(State(shared): Shares) -> Response {
    ok(&json!({ "faults": shared.faults.pending() }))
}

async fn add_faults(State(shared): Shares, body: Bytes) -> Response {
    // Which of the two it is meant to be is decided by the first character, so that the error names what is wrong
    // with the fault and not merely that it is neither.
    let faults: Result<Vec<Fault>, _> = if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(&body)
    } else {
        serde_json::from_slice(&body).map(|fault| vec![fault])
    };
    let faults = match faults {
        Ok(faults) => faults,
        Err(error) => return refuse(&format!("this is no fault: {error}")),
    };
    if let Some(error) = faults.iter().find_map(|fault| fault.check().err()) {
        return refuse(&format!("this is no fault: {error}"));
    }
    shared.faults.extend(faults);
    pending_faults(State(shared)).await
}

async fn clear_faults(State(shared): Shares) -> Response {
    shared.faults.clear();
    pending_faults(State(shared)).await
}

async fn quota(State(shared): Shares) -> Response {
    ok(&json!({ "quota": shared.gate.quota() }))
}

async fn set_quota(State(shared): Shares, body: Bytes) -> Response {
    let quota: Quota = match serde_json::from_slice(&body) {
        Ok(quota) => quota,
        Err(error) => return refuse(&format!("this is no quota: {error}")),
    };
    shared.gate.set(Some(quota), &shared.clock);
    self::quota(State(shared)).await
}

async fn lift_quota(State(shared): Shares) -> Response {
    shared.gate.set(None, &shared.clock);
    quota(State(shared)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    ms: u64,
}

async fn advance_clock(State(shared): Shares, body: Bytes) -> Response {
    let advance: Advance = match serde_json::from_slice(&body) {
        Ok(advance) => advance,
        Err(error) => return refuse(&format!("expected {{\"ms\": N}}: {error}")),
    };
    let Some(clock) = shared.clock.as_manual() else {
        return error(
            StatusCode::CONFLICT,
            "the emulator runs on the system's clock, which cannot be moved; start it with a ManualClock",
        );
    };
    clock.advance(Duration::from_millis(advance.ms));
    ok(&json!({ "nowMs": shared.now() }))
}

async fn kill_tokens(State(shared): Shares) -> Response {
    shared.lock().tokens.kill();
    ok(&json!({ "killed": true }))
}

fn ok(value: &impl Serialize) -> Response {
    response(StatusCode::OK, JSON, Body::from(to_json(value)))
}

fn refuse(text: &str) -> Response {
    error(StatusCode::BAD_REQUEST, text)
}

pub(super) fn error(status: StatusCode, text: &str) -> Response {
    response(status, JSON, Body::from(to_json(&json!({ "error": text }))))
}
