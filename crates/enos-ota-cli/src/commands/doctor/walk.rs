//! The walk along the path of a call. Where it stops is told by real calls; the probe adds what they do not tell.

use std::net::IpAddr;
use std::sync::Arc;

use enos_ota::{AccessToken, Client, Error, ErrorKind, RetryPolicy};

use super::certificate::Certificate;
use super::probe::{PATIENCE, Seen};
use super::report::{Report, Step};
use super::route::{Route, address};
use super::service;
use crate::args::Target;
use crate::config::{Sourced, Sources, settings, settings_of_emulator};
use crate::failure::Failure;
use crate::session::Settings;
use crate::text::counted;

/// A request must arrive within so many seconds of its timestamp, which the platform documents.
const WINDOW_SECONDS: u64 = 15 * 60;
/// A difference that is worth a word.
const SKEW_SECONDS: u64 = 60;

pub(super) async fn walk(target: &Target) -> Report {
    let mut report = Report::default();
    let proxy = match look_up(target, &mut report) {
        Ok(proxy) => proxy,
        Err(failure) => {
            report.failed(Step::Settings, &failure);
            return report;
        }
    };
    // The emulator inside this program stops when this is dropped.
    let settings = match Settings::of_target(target).await {
        Ok(settings) => settings,
        Err(failure) => {
            report.failed(Step::Settings, &failure);
            return report;
        }
    };
    if target.connection.emulator {
        report.set_settings(settings_of_emulator(&settings.sources));
    }
    let (client, route) = match client(&settings, target, proxy.as_ref()) {
        Ok(made) => made,
        Err(failure) => {
            report.failed(Step::Settings, &failure);
            return report;
        }
    };
    report.ok(Step::Settings, "complete");

    let base_url = &settings.sources.base_url.value;
    let (seen, token) = tokio::join!(
        Seen::on(&route, base_url, proxy.as_ref()),
        client.token_source().token()
    );
    if network(&mut report, &route, &seen, &token, &settings.sources) {
        service::look(&mut report, &client, &settings.sources).await;
    }
    report
}

/// Shows where each setting comes from. Returns the proxy that is set, if one is.
fn look_up(target: &Target, report: &mut Report) -> Result<Option<Sourced<String>>, Failure> {
    if target.connection.emulator {
        return Ok(None);
    }
    let found = target.connection.find(target.org_id.as_ref())?;
    report.set_settings(settings(&found, target.connection.profile.as_deref())?);
    Ok(found.proxy)
}

fn client(settings: &Settings, target: &Target, proxy: Option<&Sourced<String>>) -> Result<(Client, Route), Failure> {
    let sources = &settings.sources;
    let org_id = sources.org_id.as_ref().map(|org_id| org_id.value.clone());
    let mut builder = settings.builder.clone().org_id(org_id.unwrap_or_default());
    if target.connection.request_attempts.is_none() {
        builder = builder.retry_policy(RetryPolicy::never());
    }
    if target.connection.timeout.is_none() {
        builder = builder.attempt_timeout(PATIENCE);
    }
    let client = builder.build().map_err(|error| settings.failed(error))?;
    // The builder has found that it is a URL.
    let route = Route::of(&sources.base_url, proxy).ok_or_else(|| Failure::usage("the base URL has no address"))?;
    Ok((client, route))
}

/// From the proxy to the token. Returns whether the path goes on.
fn network(
    report: &mut Report,
    route: &Route,
    seen: &Seen,
    token: &Result<AccessToken, Error>,
    sources: &Arc<Sources>,
) -> bool {
    let error = token.as_ref().err();
    let stop = error.map_or(Step::Signature, |error| stop_of(error, route, seen));
    // Of the steps before it, what is known; at it, the error.
    for step in [Step::Proxy, Step::Dns, Step::Tcp, Step::Tls, Step::Clock, Step::Token] {
        if step == stop
            && let Some(error) = error
        {
            report.failed(step, &Failure::of_call(error.clone(), sources));
        } else if step < stop {
            told(report, step, route, seen);
        }
    }
    add_facts(report, seen);
    error.is_none()
}

/// The step at which a request for a token has failed.
fn stop_of(error: &Error, route: &Route, seen: &Seen) -> Step {
    match error.kind() {
        ErrorKind::Resolve | ErrorKind::Connect if route.proxy.is_some() => Step::Proxy,
        ErrorKind::Resolve | ErrorKind::Config => Step::Dns,
        ErrorKind::Connect => Step::Tcp,
        ErrorKind::Tls => Step::Tls,
        ErrorKind::Unauthenticated
            if seen
                .skew_seconds
                .is_some_and(|skew| skew.unsigned_abs() >= WINDOW_SECONDS) =>
        {
            Step::Clock
        }
        _ => Step::Token,
    }
}

/// A step that the path has passed.
fn told(report: &mut Report, step: Step, route: &Route, seen: &Seen) {
    match (step, &route.proxy) {
        (Step::Proxy, None) => report.ok(step, "none: the gateway is connected to directly"),
        (Step::Proxy, Some(proxy)) => report.ok(step, format!("{}, from {}", proxy.address(), proxy.source)),
        (Step::Dns, Some(_)) => report.skipped(step, "the proxy looks the name up"),
        (Step::Dns, None) if route.host.parse::<IpAddr>().is_ok() => {
            report.ok(step, "nothing to look up: the base URL has an address");
        }
        (Step::Dns, None) => {
            let addresses: Vec<_> = seen.addresses.iter().map(ToString::to_string).collect();
            report.ok(step, format!("{} is {}", route.host, addresses.join(", ")));
        }
        (Step::Tcp, Some(_)) => report.skipped(step, "the proxy connects to the gateway"),
        (Step::Tcp, None) => {
            let time = seen.connected.map(|time| format!(" in {} ms", time.as_millis()));
            let time = time.unwrap_or_default();
            report.ok(step, format!("connected to {}{time}", address(&route.host, route.port)));
        }
        (Step::Tls, _) if !route.is_https => report.skipped(step, "plain http"),
        (Step::Tls, _) => {
            let certificate = seen.certificate.as_ref().map(Certificate::sentence);
            report.ok(
                step,
                certificate.unwrap_or_else(|| "the certificate is trusted".to_owned()),
            );
        }
        (Step::Clock, _) => clock(report, seen),
        (Step::Token, _) => report.ok(step, "the platform accepts app key and app secret"),
        _ => {}
    }
}

fn clock(report: &mut Report, seen: &Seen) {
    match seen.skew_seconds {
        None => report.skipped(Step::Clock, "the gateway does not tell its time"),
        Some(skew) if skew.unsigned_abs() < SKEW_SECONDS => {
            report.ok(Step::Clock, "agrees with the gateway's to within a minute");
        }
        Some(skew) => {
            let word = if skew > 0 { "ahead of" } else { "behind" };
            let seconds = usize::try_from(skew.unsigned_abs()).unwrap_or(usize::MAX);
            report.ok(
                Step::Clock,
                format!(
                    "this machine is {} {word} the gateway; a request must arrive within 15 minutes of its timestamp",
                    counted(seconds, "second")
                ),
            );
        }
    }
}

fn add_facts(report: &mut Report, seen: &Seen) {
    if !seen.addresses.is_empty() {
        let addresses: Vec<_> = seen.addresses.iter().map(ToString::to_string).collect();
        report.fact(Step::Dns, "addresses", addresses);
    }
    if let Some(skew) = seen.skew_seconds {
        report.fact(Step::Clock, "skewSeconds", skew);
    }
    let Some(certificate) = &seen.certificate else {
        return;
    };
    if report.stopped_at() == Some(Step::Tls) {
        report.append(Step::Tls, &format!("; {}", certificate.sentence()));
    }
    report.fact(Step::Tls, "subject", certificate.subject.as_str());
    report.fact(Step::Tls, "issuer", certificate.issuer.as_str());
    report.fact(Step::Tls, "names", certificate.names.clone());
    report.fact(Step::Tls, "notBefore", certificate.not_before.as_str());
    report.fact(Step::Tls, "notAfter", certificate.not_after.as_str());
    report.fact(Step::Tls, "selfSigned", certificate.is_self_signed);
    report.fact(Step::Tls, "isAuthority", certificate.is_authority);
}
