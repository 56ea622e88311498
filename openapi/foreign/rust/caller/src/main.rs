//! Calls `retryTask` by way of the client that openapi-generator makes from the spec, and signs by hand.

use std::env::var;
use std::error::Error;
use std::fmt::Write;
use std::time::SystemTime;

use ota_retry_task::apis::configuration::Configuration;
use ota_retry_task::apis::tasks_api::retry_task;
use ota_retry_task::models::RetryTaskRequest;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (token, secret) = (var("ENOS_ACCESS_TOKEN")?, var("ENOS_APP_SECRET")?);
    let (org_id, job_id) = (var("ENOS_ORG_ID")?, var("JOB_ID")?);
    let action = "retryTask";
    let request = RetryTaskRequest::new(vec![var("DEVICE_KEY")?]);

    // The client sends `serde_json`'s text of the request too.
    let body = serde_json::to_string(&request)?;
    let timestamp = SystemTime::UNIX_EPOCH.elapsed()?.as_millis().to_string();
    let text = format!("{token}action{action}jobId{job_id}orgId{org_id}{body}{timestamp}{secret}");
    let mut signature = String::new();
    for byte in Sha256::digest(text) {
        write!(signature, "{byte:02x}")?;
    }

    // The generated configuration has one `api_key` for all three schemes, so the headers go in beneath it.
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("apim-accesstoken", &token),
        ("apim-timestamp", &timestamp),
        ("apim-signature", &signature),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
    }
    let configuration = Configuration {
        base_path: var("ENOS_BASE_URL")?,
        client: reqwest::Client::builder().default_headers(headers).build()?,
        ..Configuration::default()
    };
    let answer = retry_task(&configuration, action, &org_id, &job_id, request).await?;
    assert_eq!(answer.code, 0, "{answer:?}");
    Ok(())
}
