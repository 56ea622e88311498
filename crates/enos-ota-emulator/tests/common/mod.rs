//! A client of its own: signs by hand, so that the emulator is not tested with the code that it uses itself.

// Each test binary uses some of it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::format_collect
)]

use enos_ota_emulator::{DEMO_JOB_ID, Emulator, TaskInfo, TaskStatus};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {:?}", self.text))
    }

    pub fn code(&self) -> i64 {
        self.json()["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("no code in {:?}", self.text))
    }

    pub fn token_status(&self) -> i64 {
        self.json()["status"]
            .as_i64()
            .unwrap_or_else(|| panic!("no status in {:?}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

pub async fn send(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply {
        status,
        headers,
        text: response.text().await?,
    })
}

/// Sends a request that was changed after it was signed.
pub async fn execute(request: reqwest::Request) -> Reply {
    send(reqwest::RequestBuilder::from_parts(http(), request))
        .await
        .unwrap()
}

/// Sends the same parameters in other writing.
pub fn replace_query(request: reqwest::RequestBuilder, query: &str) -> reqwest::Request {
    let mut request = request.build().unwrap();
    request.url_mut().set_query(Some(query));
    request
}

pub async fn try_post(emulator: &Emulator, path: &str, body: impl Into<String>) -> Result<Reply, reqwest::Error> {
    send(http().post(format!("{}{path}", emulator.base_url())).body(body.into())).await
}

pub async fn post(emulator: &Emulator, path: &str, body: impl Into<String>) -> Reply {
    send(http().post(format!("{}{path}", emulator.base_url())).body(body.into()))
        .await
        .unwrap()
}

pub async fn get(emulator: &Emulator, path: &str) -> Reply {
    send(http().get(format!("{}{path}", emulator.base_url())))
        .await
        .unwrap()
}

pub async fn delete(emulator: &Emulator, path: &str) -> Reply {
    send(http().delete(format!("{}{path}", emulator.base_url())))
        .await
        .unwrap()
}

pub async fn put(emulator: &Emulator, path: &str, body: impl Into<String>) -> Reply {
    send(http().put(format!("{}{path}", emulator.base_url())).body(body.into()))
        .await
        .unwrap()
}

pub const TOKEN_GET: &str = "/apim-token-service/v2.0/token/get";
pub const TOKEN_REFRESH: &str = "/apim-token-service/v2.0/token/refresh";

/// The body of a request for a token.
pub fn token_body(emulator: &Emulator, timestamp: i64) -> Value {
    json!({
        "appKey": emulator.app_key(),
        "encryption": sha256(&format!("{}{timestamp}{}", emulator.app_key(), emulator.app_secret())),
        "timestamp": timestamp,
    })
}

pub async fn token_reply(emulator: &Emulator, timestamp: i64) -> Reply {
    post(emulator, TOKEN_GET, token_body(emulator, timestamp).to_string()).await
}

pub async fn refresh_reply(emulator: &Emulator, timestamp: i64, old: &str) -> Reply {
    let mut body = token_body(emulator, timestamp);
    body["accessToken"] = old.into();
    post(emulator, TOKEN_REFRESH, body.to_string()).await
}

/// Gets a token. The timestamp must not have been used before.
pub async fn token_at(emulator: &Emulator, timestamp: i64) -> String {
    let reply = token_reply(emulator, timestamp).await;
    reply.json()["data"]["accessToken"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply:?}"))
        .to_owned()
}

pub async fn token(emulator: &Emulator) -> String {
    token_at(emulator, emulator.now_ms()).await
}

/// A call of the OTA-job API, before it is signed.
#[derive(Clone)]
pub struct Job {
    pub method: reqwest::Method,
    pub query: Vec<(&'static str, String)>,
    pub body: String,
    pub token: String,
    pub timestamp: String,
    pub secret: String,
}

impl Job {
    /// A call of an action for the organization of the fleet, without a body. `get` is a GET.
    pub fn action(emulator: &Emulator, token: &str, action: &str) -> Self {
        Self {
            method: if action == "get" {
                reqwest::Method::GET
            } else {
                reqwest::Method::POST
            },
            query: vec![("action", action.to_owned()), ("orgId", emulator.org_id().to_owned())],
            body: String::new(),
            token: token.to_owned(),
            timestamp: emulator.now_ms().to_string(),
            secret: emulator.app_secret().to_owned(),
        }
    }

    /// A retry of some devices of the demo job.
    pub fn retry(emulator: &Emulator, token: &str, device_keys: &[&str]) -> Self {
        Self::action(emulator, token, "retryTask")
            .with("jobId", DEMO_JOB_ID)
            .body(json!({ "deviceKeys": device_keys }).to_string())
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.query.retain(|(known, _)| *known != name);
        self.query.push((name, value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.query.retain(|(known, _)| *known != name);
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp.to_string();
        self
    }

    pub fn url(&self, emulator: &Emulator) -> String {
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!(
            "{}/connect-service/v2.1/ota-jobs?{}",
            emulator.base_url(),
            query.join("&")
        )
    }

    pub fn signature(&self) -> String {
        let mut sorted = self.query.clone();
        sorted.sort();
        let query: String = sorted
            .into_iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect();
        sha256(&format!(
            "{}{query}{}{}{}",
            self.token, self.body, self.timestamp, self.secret
        ))
    }

    pub fn request(&self, emulator: &Emulator) -> reqwest::RequestBuilder {
        http()
            .request(self.method.clone(), self.url(emulator))
            .header("apim-accesstoken", &self.token)
            .header("apim-timestamp", &self.timestamp)
            .header("apim-signature", self.signature())
            .body(self.body.clone())
    }

    pub async fn try_send(&self, emulator: &Emulator) -> Result<Reply, reqwest::Error> {
        send(self.request(emulator)).await
    }

    pub async fn send(&self, emulator: &Emulator) -> Reply {
        self.try_send(emulator).await.unwrap()
    }
}

/// Gets a token and retries some devices of the demo job.
pub async fn retry(emulator: &Emulator, device_keys: &[&str]) -> Reply {
    let token = token(emulator).await;
    Job::retry(emulator, &token, device_keys).send(emulator).await
}

/// A task as the emulator shows it: of all members that the spec allows to be absent, none is.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub task_id: String,
    pub asset_id: String,
    pub product_key: String,
    pub device_key: String,
    pub from_version: String,
    pub to_version: String,
    pub progress: i64,
    pub desc: String,
    pub status: TaskStatus,
    pub update_time: i64,
}

impl From<TaskInfo> for Shown {
    fn from(task: TaskInfo) -> Self {
        Self {
            task_id: task.task_id.unwrap(),
            asset_id: task.asset_id.unwrap(),
            product_key: task.product_key.unwrap(),
            device_key: task.device_key.unwrap(),
            from_version: task.from_version.unwrap(),
            to_version: task.to_version.unwrap(),
            progress: task.progress.unwrap().get(),
            desc: task.desc.unwrap(),
            status: task.status.unwrap(),
            update_time: task.update_time.unwrap().get(),
        }
    }
}

/// The task of a device.
pub fn task(emulator: &Emulator, job_id: &str, device_key: &str) -> Shown {
    emulator.task(job_id, device_key).unwrap().into()
}

/// All tasks of a job.
pub fn tasks(emulator: &Emulator, job_id: &str) -> Vec<Shown> {
    emulator.tasks(job_id).into_iter().map(Shown::from).collect()
}
