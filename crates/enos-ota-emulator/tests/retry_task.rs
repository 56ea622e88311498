//! `action=retryTask` over real HTTP.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::retry;
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, TaskStatus};

#[tokio::test]
async fn a_failed_task_goes_back_to_init() {
    let emulator = Emulator::builder().start().await.unwrap();
    let reply = retry(&emulator, &["pump-01", "pump-02"]).await;
    assert_eq!((reply.status, reply.code()), (200, 0), "{reply:?}");
    let task = emulator.task(DEMO_JOB_ID, "pump-01").unwrap();
    assert_eq!(
        (task.status, task.progress, task.desc.as_str()),
        (TaskStatus::Init, 0, "")
    );
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 1);
}
