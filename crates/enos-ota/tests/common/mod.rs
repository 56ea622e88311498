//! What the tests share: a server that answers by a script, a clock that stands still, and what is asked of an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

pub(crate) mod server;
pub(crate) mod time;
pub(crate) mod trace;

use std::time::Duration;

use enos_ota::{Accepted, Client, ClientBuilder, Credentials, DeviceKeys, Error, ErrorKind, JobId, RetryPolicy};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator};

pub(crate) const APP_KEY: &str = "app-key-of-the-tests";
pub(crate) const APP_SECRET: &str = "5ecret+of/the&tests=";
pub(crate) const ORG_ID: &str = "o15724268424841";

/// The default policy with waits that a test can afford.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().with_waits(Duration::from_millis(1), Duration::from_millis(2))
}

/// A builder that lacks nothing.
pub(crate) fn builder(base_url: &str) -> ClientBuilder {
    Client::builder()
        .base_url(base_url)
        .credentials(Credentials::new(APP_KEY, APP_SECRET).unwrap())
        .org_id(ORG_ID)
        .retry_policy(quick())
}

pub(crate) fn client(base_url: &str) -> Client {
    builder(base_url).build().unwrap()
}

pub(crate) fn emulated(emulator: &Emulator) -> ClientBuilder {
    Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
        .org_id(emulator.org_id())
        .retry_policy(quick())
}

pub(crate) fn job() -> JobId {
    DEMO_JOB_ID.parse().unwrap()
}

pub(crate) fn device(key: &str) -> DeviceKeys {
    DeviceKeys::parse([key]).unwrap()
}

/// Retries a device of the demo fleet whose task has failed.
pub(crate) async fn retry(client: &Client) -> Result<Accepted, Error> {
    client.retry_task(&job(), &device("pump-01")).await
}

/// The same, of which nothing but its success matters.
pub(crate) async fn succeed(client: &Client) {
    retry(client).await.map(drop).unwrap();
}

/// What a person reads: the error and its causes, of which none may be in the words of a library.
#[track_caller]
pub(crate) fn said(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    let text = texts.join(": ");
    for foreign in [
        "client error",
        "error sending request",
        "os error",
        "Error(",
        "invalid peer",
        "tunnel error",
    ] {
        assert!(!text.contains(foreign), "{text}");
    }
    text
}

/// All that a caller can learn of an error by asking it, so that a test states the whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: ErrorKind,
    pub(crate) operation: Option<&'static str>,
    pub(crate) code: Option<i64>,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) retryable: bool,
    pub(crate) never_sent: bool,
    pub(crate) outcome_unknown: bool,
}

impl Facts {
    /// Of a call that was sent once and refused for good, under HTTP 200.
    pub(crate) fn refused(kind: ErrorKind) -> Self {
        Self {
            kind,
            operation: Some("retryTask"),
            code: None,
            status: Some(200),
            request_id: None,
            attempts: 1,
            retryable: false,
            never_sent: false,
            outcome_unknown: false,
        }
    }

    /// Of a call that failed because there is no access token.
    pub(crate) fn no_token(operation: &'static str, kind: ErrorKind) -> Self {
        Self {
            operation: Some(operation),
            never_sent: true,
            ..Self::refused(kind)
        }
    }

    pub(crate) fn code(self, code: i64) -> Self {
        let code = Some(code);
        Self { code, ..self }
    }

    pub(crate) fn request_id(self, id: &str) -> Self {
        let request_id = Some(id.to_owned());
        Self { request_id, ..self }
    }

    pub(crate) fn status(self, status: impl Into<Option<u16>>) -> Self {
        let status = status.into();
        Self { status, ..self }
    }

    /// It might succeed later, and that was tried so many times.
    pub(crate) fn retryable(self, attempts: u32) -> Self {
        Self {
            attempts,
            retryable: true,
            ..self
        }
    }

    pub(crate) fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    pub(crate) fn never_sent(self) -> Self {
        Self {
            never_sent: true,
            ..self
        }
    }

    pub(crate) fn outcome_unknown(self) -> Self {
        Self {
            outcome_unknown: true,
            ..self
        }
    }

    #[track_caller]
    pub(crate) fn assert(self, error: &Error) {
        let actual = Self {
            kind: error.kind(),
            operation: error.operation(),
            code: error.code(),
            status: error.status().map(|status| status.as_u16()),
            request_id: error.request_id().map(str::to_owned),
            attempts: error.attempts(),
            retryable: error.is_retryable(),
            never_sent: error.never_sent(),
            outcome_unknown: error.outcome_unknown(),
        };
        assert_eq!(actual, self, "{error:?}");
        assert!(!error.remedy().is_empty(), "{error:?}");
        let searches = error.remedy().contains("may have been carried out");
        assert!(!searches || error.outcome_unknown(), "{error:?}: {}", error.remedy());
        let text = error.to_string();
        assert!(!text.is_empty() && !text.contains('\n'), "{error:?}");
        assert_eq!(error.is_throttled(), actual.kind == ErrorKind::Throttled);
    }
}
