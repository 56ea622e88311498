//! SDK for the OTA-job API of the EnOS IoT platform: request signing, access tokens, typed errors, safe repetition.
//!
//! EnOS upgrades the firmware of devices over the air through *jobs*; a job runs one *task* per device. Tasks fail, and
//! *Retry OTA Task* restarts them:
//!
//! ```no_run
//! use enos_ota::{Client, Credentials, DeviceKeys};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .base_url("https://apim-gateway.example.com")
//!     .credentials(Credentials::new("my-app-key", std::env::var("ENOS_APP_SECRET")?)?)
//!     .org_id("o15724268424841")
//!     .build()?;
//!
//! let devices = DeviceKeys::parse(["deviceKey1", "deviceKey2"])?;
//! match client.retry_task(&"5ed758ca49f032b4663063aa".parse()?, &devices).await {
//!     Ok(accepted) => println!("accepted as {:?}", accepted.request_id),
//!     Err(error) => eprintln!("{error}\nhint: {}", error.remedy()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//!
//! [`Client`] has a method for each of the nine operations of the API, streams that read a whole search, and
//! [`search`] expressions that only say what the platform understands.
//!
//! | Concern | What happens | More |
//! |---|---|---|
//! | Signing | Every attempt is signed anew, over the very bytes that are sent | [`sign`] |
//! | Tokens | One request however many callers, renewed ahead of expiry, replaced if found dead | [`TokenSource`] |
//! | Success | Only code 0 in the body is a success, whatever the HTTP status | [`Error`] |
//! | Failures | One error type with the operation's own codes, and what to do about each | [`Error::code_of`], [`Error::remedy`] |
//! | Repetition | With growing waits, `Retry-After` honoured; a lost answer is never taken for a refusal, and creating a job is never repeated blindly | [`RetryPolicy`] |
//! | Secrets | Wiped from memory, in no log, no `Debug`, no error text | [`AppSecret`] |
//! | Limits | What the gateway announces of its rate limits can be read | [`Client::rate_limits`] |
//! | Texts | Of others: without secrets, and without characters that act on a terminal | [`text`] |
//! | Network | TLS is verified, redirects are off, plain http only to this machine unless allowed | [`ClientBuilder`] |
//!
//! The types of the API come from the crate [`enos_ota_client`], which is generated from an OpenAPI document. What no
//! page of the platform says is marked as inferred or not documented where it matters.
//!
//! # Signing calls to other EnOS APIs
//!
//! The signature covers neither path nor host, and the token serves every API that the application may call. Get a
//! [`TokenSource`] and sign any `reqwest` request:
//!
//! ```no_run
//! use enos_ota::{AppSecret, Client, Credentials, SystemClock, Clock, sign};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::new("my-app-key", std::env::var("ENOS_APP_SECRET")?)?;
//! let tokens = Client::builder()
//!     .base_url("https://apim-gateway.example.com")
//!     .credentials(credentials.clone())
//!     .build_token_source()?;
//!
//! let http = reqwest::Client::new();
//! let mut request = http.get("https://apim-gateway.example.com/some/v1/api?orgId=o1").build()?;
//! sign::sign_request(&mut request, &tokens.token().await?, SystemClock.now_ms(), credentials.app_secret())?;
//! let answer = http.execute(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Cargo features
//!
//! - `rustls` (default): TLS by rustls, with the certificates of the operating system.
//! - `native-tls`: TLS by the library of the operating system.
//! - `http2`: `ClientBuilder::http2`, for gateways that offer HTTP/2.

mod answer;
mod authorize;
mod builder;
mod cause;
mod client;
mod clock;
mod dead_token;
mod deadline;
mod error;
mod jobs;
mod limits;
mod pages;
mod proxy;
mod raw;
mod refusal;
mod retry;
mod rows;
pub mod search;
mod secret;
pub mod sign;
mod task_search;
mod tasks;
pub mod text;
mod token;
mod transport;

pub use authorize::Signer;
pub use builder::ClientBuilder;
pub use cause::FailureCause;
pub use client::{Accepted, Client};
pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind};
pub use jobs::Created;
pub use limits::{RateLimit, RateLimits, Window};
pub use pages::{Page, PageSize};
pub use proxy::ProxyUrl;
pub use raw::{RawAnswer, RawClient, RawRequest};
pub use retry::{Decision, Failure, RetryPolicy};
pub use rows::UnreadableRow;
pub use secret::{AccessToken, AppSecret, Credentials};
pub use task_search::{
    EvenPace, Pacer, PageError, SearchEvent, TaskPage, TaskReading, TaskSearch, WaitReason, Waiting,
};
pub use token::TokenSource;

pub use enos_ota_client::types;
pub use enos_ota_client::{
    CancelTaskErrorCode, Category, CodeInfo, CreateJobErrorCode, DeleteJobErrorCode, DeviceKey, DeviceKeys,
    DeviceKeysError, Effect, ErrorCode, FirmwareId, GatewayErrorCode, GetJobErrorCode, Integer, JobId, JobStatus,
    JobType, OrgId, RetryTaskErrorCode, SearchJobsErrorCode, SearchTasksErrorCode, StartJobErrorCode, StopJobErrorCode,
    TaskStatus, UpgradePolicy, UpgradeScopeType,
};
// Both are part of this crate's public interface.
pub use enos_ota_client;
pub use reqwest;

/// The examples of the README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
