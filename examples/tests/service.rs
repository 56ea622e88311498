//! The web service retries devices, and passes on what the platform says.
#![allow(clippy::unwrap_used, missing_docs)]

use enos_ota::{Client, Credentials, reqwest};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator};
use enos_ota_examples::service;
use tokio::net::TcpListener;

#[tokio::test]
async fn devices_are_retried_on_request() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
        .org_id(emulator.org_id())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jobs/{DEMO_JOB_ID}/retries", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, service::router(client)).into_future());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |keys: &[&str]| {
        let response = http.post(&url).json(keys).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<serde_json::Value>().await.unwrap())
    };

    let (status, answer) = ask(&["pump-01"]).await;
    assert_eq!(status, 202, "{answer}");
    assert!(answer["requestId"].is_string());
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 1);

    let (status, answer) = ask(&["pump-01"]).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["message"].as_str().unwrap().starts_with("24621"), "{answer}");

    let (status, answer) = ask(&[]).await;
    assert_eq!(status, 400, "{answer}");
}
