#![doc = include_str!("../README.md")]

mod answer;
mod authorize;
mod base_url;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod cause;
mod client;
mod clock;
mod connect;
mod dead_token;
mod deadline;
mod error;
mod error_kind;
mod jobs;
mod limits;
mod pages;
mod proxy;
mod raw;
mod refusal;
mod resolver;
mod retry;
mod route;
mod rows;
pub mod search;
mod secret;
mod setting;
pub mod sign;
mod status;
mod task_search;
mod tasks;
pub mod text;
#[cfg(feature = "rustls")]
mod tls;
mod token;
mod transport;

pub use authorize::Signer;
pub use builder::ClientBuilder;
pub use cause::FailureCause;
pub use client::{Accepted, Client};
pub use clock::{Clock, SystemClock};
pub use connect::{CertificateProblem, ConnectCause, ConnectProblem, Peer};
pub use error::{Error, ErrorKind};
pub use jobs::Created;
pub use limits::{RateLimit, RateLimits, Window};
pub use pages::{Page, PageSize};
pub use proxy::ProxyUrl;
pub use raw::{RawAnswer, RawClient, RawRequest};
pub use retry::{Decision, Failure, RetryPolicy};
pub use rows::UnreadableRow;
pub use secret::{AccessToken, AppSecret, Credentials};
pub use setting::Setting;
pub use task_search::{
    EvenPace, Pacer, PageError, SearchEvent, TaskPage, TaskReading, TaskSearch, WaitReason, Waiting,
};
pub use token::TokenSource;

pub use enos_ota_client::types;
pub use enos_ota_client::{
    CancelTaskErrorCode, Category, CodeInfo, CreateJobErrorCode, DeleteJobErrorCode, DeviceKey, DeviceKeys,
    DeviceKeysError, Effect, ErrorCode, FirmwareId, GatewayErrorCode, GatewayRefusal, GetJobErrorCode, Integer, JobId,
    JobStatus, JobType, OperationDoc, OrgId, Permission, RetryTaskErrorCode, SearchJobsErrorCode, SearchTasksErrorCode,
    StartJobErrorCode, StopJobErrorCode, TaskStatus, UpgradePolicy, UpgradeScopeType,
};
// Both are part of this crate's public interface.
pub use enos_ota_client;
pub use reqwest;

/// The examples of the README and of the guide are tests too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/rust.md")]
#[doc = include_str!("../../../docs/testing.md")]
#[doc = include_str!("../../../docs/moving.md")]
struct Guide;
