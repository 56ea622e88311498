//! The rival: what a careful program does that makes this one call and no other.
//!
//! It does without what the SDK has for every operation: it knows its three query parameters in their order, repeats
//! nothing and renews nothing. It does not do without what no program should lack: a time limit, a signature of its own
//! for each call, a look at the HTTP status and at the code in the answer.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) struct ByHand {
    http: reqwest::Client,
    url: String,
    org_id: String,
    app_secret: String,
    access_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    app_key: &'a str,
    encryption: &'a str,
    timestamp: u128,
}

#[derive(Deserialize)]
struct TokenAnswer {
    data: TokenData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenData {
    access_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryTask<'a> {
    device_keys: &'a [String],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    code: i64,
    msg: Option<String>,
    request_id: Option<String>,
}

impl ByHand {
    pub(crate) async fn connect(
        base_url: &str,
        app_key: &str,
        app_secret: &str,
        org_id: &str,
    ) -> Result<Self, Box<dyn Error>> {
        // The settings of the SDK.
        let http = reqwest::Client::builder()
            .user_agent("by-hand/0.1.0")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        let timestamp = now_ms()?;
        let encryption = hex(&Sha256::digest(format!("{app_key}{timestamp}{app_secret}")).into());
        let answer: TokenAnswer = http
            .post(format!("{base_url}/apim-token-service/v2.0/token/get"))
            .json(&TokenRequest {
                app_key,
                encryption: &encryption,
                timestamp,
            })
            .send()
            .await?
            .json()
            .await?;
        Ok(Self {
            http,
            url: format!("{base_url}/connect-service/v2.1/ota-jobs"),
            org_id: org_id.to_owned(),
            app_secret: app_secret.to_owned(),
            access_token: answer.data.access_token,
        })
    }

    /// Returns the id under which the platform keeps the call.
    pub(crate) async fn retry_task(
        &self,
        job_id: &str,
        device_keys: &[String],
    ) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
        let body = serde_json::to_vec(&RetryTask { device_keys })?;
        let query = query(job_id, &self.org_id);
        let timestamp = now_ms()?.to_string();
        let signature = signature(&self.access_token, query, &body, &timestamp, &self.app_secret);
        let response = self
            .http
            .post(&self.url)
            .query(&query)
            .header(CONTENT_TYPE, "application/json")
            .header("apim-accesstoken", &self.access_token)
            .header("apim-timestamp", timestamp)
            .header("apim-signature", signature)
            .body(body)
            .send()
            .await?
            .error_for_status()?;
        let answer: Answer = serde_json::from_slice(&response.bytes().await?)?;
        if answer.code != 0 {
            return Err(format!("code {}: {}", answer.code, answer.msg.unwrap_or_default()).into());
        }
        Ok(answer.request_id)
    }
}

/// The parameters in the order in which they are signed.
pub(crate) fn query<'a>(job_id: &'a str, org_id: &'a str) -> [(&'static str, &'a str); 3] {
    [("action", "retryTask"), ("jobId", job_id), ("orgId", org_id)]
}

pub(crate) fn signature(
    access_token: &str,
    query: [(&str, &str); 3],
    body: &[u8],
    timestamp: &str,
    app_secret: &str,
) -> String {
    let mut hash = Sha256::new();
    hash.update(access_token);
    for (name, value) in query {
        hash.update(name);
        hash.update(value);
    }
    hash.update(body);
    hash.update(timestamp);
    hash.update(app_secret);
    hex(&hash.finalize().into())
}

fn now_ms() -> Result<u128, std::time::SystemTimeError> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())
}

pub(crate) fn hex(digest: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(64);
    for byte in digest {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
