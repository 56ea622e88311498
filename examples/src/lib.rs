//! Examples that need more than the SDK. Each is a module here, so that the tests run it.
//!
//! - [`service`]: a web service that retries devices on request.
//! - [`telemetry`]: traces for OpenTelemetry.

pub mod service;
pub mod telemetry;

/// The examples of the project's README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
