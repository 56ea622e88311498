//! Traces for OpenTelemetry.
//!
//! The SDK reports through `tracing`, so `tracing-opentelemetry` is all it takes. A call is a span `enos_ota` with the
//! operation, the number of attempts and the platform's code. Each attempt is a client span in it, with the attributes of
//! the [conventions for HTTP clients][http]: `http.request.method`, `http.request.resend_count`,
//! `http.response.status_code`, `server.address`, `server.port` and `error.type`. Attempts are of level `debug`, and are called `attempt`
//! rather than by the method.
//!
//! No secret, no query and no body is in any of them.
//!
//! [http]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

use std::error::Error;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Sends traces to a collector, such as `http://localhost:4318/v1/traces`. Keep the provider, and shut it down at the end:
/// what it has not sent yet is sent then.
///
/// # Errors
///
/// If the address is not valid.
pub fn subscriber(collector: &str) -> Result<(impl Subscriber + Send + Sync, SdkTracerProvider), Box<dyn Error>> {
    let exporter = SpanExporter::builder().with_http().with_endpoint(collector).build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("fleet-tool").build())
        .with_batch_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("enos-ota"));
    // The exporter makes calls itself, which must not be traced in turn.
    let of_the_sdk = Targets::new().with_target("enos_ota", LevelFilter::DEBUG);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(of_the_sdk));
    Ok((subscriber, provider))
}

/// Does that for the whole program.
///
/// # Errors
///
/// If the address is not valid, or if the program has a subscriber already.
pub fn install(collector: &str) -> Result<SdkTracerProvider, Box<dyn Error>> {
    let (subscriber, provider) = subscriber(collector)?;
    subscriber::set_global_default(subscriber)?;
    Ok(provider)
}
