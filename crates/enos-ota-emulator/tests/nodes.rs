//! A gateway of several nodes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Job, Reply, token};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, EmulatorBuilder, ManualClock, Quota};

const NOW: i64 = 1_700_000_000_000;

async fn start(set: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> (Emulator, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = set(Emulator::builder().clock(clock.clone()));
    (builder.start().await.unwrap(), clock)
}

async fn get(emulator: &Emulator, token: &str) -> Reply {
    let call = Job::action(emulator, token, "get").with("jobId", DEMO_JOB_ID);
    call.send(emulator).await
}

fn nodes(emulator: &Emulator) -> Vec<usize> {
    emulator.requests().iter().map(|request| request.node).collect()
}

#[tokio::test]
async fn a_new_token_is_known_where_it_was_issued_and_elsewhere_only_later() {
    let (emulator, clock) = start(|builder| builder.nodes(3).node_lag(Duration::from_secs(2))).await;
    let token = token(&emulator).await;
    // It came from node 0: nodes 1 and 2 do not know it, node 0 does.
    assert_eq!(get(&emulator, &token).await.token_status(), 1203);
    assert_eq!(get(&emulator, &token).await.token_status(), 1203);
    assert_eq!(get(&emulator, &token).await.code(), 0);
    clock.advance(Duration::from_millis(1_999));
    assert_eq!(get(&emulator, &token).await.token_status(), 1203);
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&emulator, &token).await.code(), 0);
    assert_eq!(nodes(&emulator), [0, 1, 2, 0, 1, 2]);
}

#[tokio::test]
async fn a_refreshed_token_makes_two_dead_ones_in_a_row_with_two_nodes() {
    let (emulator, clock) = start(|builder| builder.nodes(2)).await;
    let first = token(&emulator).await;
    assert_eq!(get(&emulator, &first).await.token_status(), 1203);
    let reply = common::refresh_reply(&emulator, NOW + 1, &first).await;
    let second = reply.json()["data"]["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(get(&emulator, &second).await.token_status(), 1203);
    clock.advance(Duration::from_secs(1));
    for _ in 0..4 {
        assert_eq!(get(&emulator, &second).await.code(), 0);
    }
}

#[tokio::test]
async fn each_node_counts_for_itself_and_learns_late_of_the_others() {
    let quota = Quota::per_minute(3);
    let (emulator, clock) = start(|builder| builder.nodes(2).quota(quota)).await;
    let token = token(&emulator).await;
    clock.advance(Duration::from_secs(1));
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(get(&emulator, &token).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);

    clock.advance(Duration::from_mins(1));
    for _ in 0..2 {
        assert_eq!(get(&emulator, &token).await.status, 200);
    }
    clock.advance(Duration::from_secs(1));
    // Both know of both by now, so one is left to each.
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(&emulator, &token).await.status);
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test]
async fn one_node_knows_everything_at_once() {
    let (emulator, _clock) = start(|builder| builder.nodes(0).node_lag(Duration::from_hours(1))).await;
    let token = token(&emulator).await;
    assert_eq!(get(&emulator, &token).await.code(), 0);
    assert_eq!(nodes(&emulator), [0, 0]);
}
