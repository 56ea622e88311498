//! The examples do what they say.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code, unreachable_pub)]

#[path = "../examples/emulator.rs"]
mod emulator;
#[path = "../examples/other_api.rs"]
mod other_api;
#[path = "../examples/retry.rs"]
mod retry;

use enos_ota::{Client, Credentials, DeviceKeys};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator};

async fn stage() -> (Emulator, Client, Credentials) {
    let emulator = Emulator::builder().start().await.unwrap();
    let credentials = Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap();
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(credentials.clone())
        .org_id(emulator.org_id())
        .build()
        .unwrap();
    (emulator, client, credentials)
}

#[tokio::test]
async fn retry_retries_and_tells_a_refusal_apart() {
    let (emulator, client, _) = stage().await;
    let (job, devices) = (DEMO_JOB_ID.parse().unwrap(), DeviceKeys::parse(["pump-01"]).unwrap());
    assert_eq!(
        retry::retry(&client, &job, &devices).await.unwrap(),
        "accepted, attempts: 1"
    );
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 1);
    let again = retry::retry(&client, &job, &devices).await.unwrap();
    assert_eq!(again, "a task of the list has not failed");
}

#[tokio::test]
async fn another_api_takes_the_signature() {
    let (emulator, client, credentials) = stage().await;
    let (base_url, org_id) = (emulator.base_url(), emulator.org_id());
    // To the signature, this is as much another API as any.
    let url = format!("{base_url}/connect-service/v2.1/ota-jobs?action=get&jobId={DEMO_JOB_ID}&orgId={org_id}");
    let body = other_api::get(&url, client.token_source(), &credentials).await.unwrap();
    assert!(body.contains("\"code\":0") && body.contains(DEMO_JOB_ID), "{body}");
}

#[tokio::test]
async fn the_emulator_loses_an_answer_and_counts() {
    emulator::a_lost_answer_does_not_make_a_device_be_retried_twice()
        .await
        .unwrap();
}
