//! The steps behind the token: a signed search, and what its answer tells.

use std::sync::Arc;

use enos_ota::search::{Expression, Jobs};
use enos_ota::{Client, Error, ErrorKind, OperationDoc, PageSize, RateLimit, Window};
use serde_json::{Value, json};

use super::report::{Report, Step};
use crate::args::duration_in_words;
use crate::config::Sources;
use crate::failure::Failure;
use crate::text::{counted, thousands};

/// What is called, and what most callers want to call.
const READ: &str = "searchJobs";
const RETRY: &str = "retryTask";

pub(super) async fn look(report: &mut Report, client: &Client, sources: &Arc<Sources>) {
    if let Some(life) = client.token_source().remaining_life() {
        report.append(
            Step::Token,
            &format!("; the access token lives for {}", duration_in_words(life)),
        );
        report.fact(Step::Token, "expiresInSeconds", life.as_secs());
    }
    let found = match PageSize::new(1) {
        Ok(one) => client.search_jobs(&Expression::<Jobs>::raw(""), 1, one).await,
        Err(error) => Err(error),
    };
    let page = match found {
        Ok(page) => page,
        Err(error) => {
            stop(report, error, sources);
            return;
        }
    };
    report.ok(Step::Signature, "the gateway accepts it");
    let told = format!(
        "{READ} is permitted; {RETRY}, which changes something, was not tried, and needs {}",
        permissions(RETRY)
    );
    report.ok(Step::Permission, told);
    let jobs = page
        .total_size
        .map_or(page.items.len(), |total| usize::try_from(total).unwrap_or_default());
    report.ok(Step::Read, format!("the organization has {}", counted(jobs, "job")));
    report.fact(Step::Read, "totalSize", jobs);
    limits(report, client);
}

fn stop(report: &mut Report, error: Error, sources: &Arc<Sources>) {
    let kind = error.kind();
    let failure = Failure::of_call(error, sources);
    match kind {
        ErrorKind::Unauthenticated => report.failed(Step::Signature, &failure),
        ErrorKind::PermissionDenied => {
            report.ok(Step::Signature, "the gateway accepts it");
            let failure = failure.with_hint(format!("{READ} needs {}", permissions(READ)));
            report.failed(Step::Permission, &failure);
        }
        ErrorKind::InvalidArgument | ErrorKind::Precondition | ErrorKind::UnknownCode => {
            report.ok(Step::Signature, "the gateway accepts it");
            report.ok(Step::Permission, "not refused");
            report.failed(Step::Read, &failure);
        }
        _ => {
            report.skipped(Step::Signature, "there was no usable response");
            report.skipped(Step::Permission, "there was no usable response");
            report.failed(Step::Read, &failure);
        }
    }
}

/// The permission that an operation needs, by version of the platform.
fn permissions(operation: &str) -> String {
    let needed = OperationDoc::of(operation)
        .map(|operation| operation.permissions)
        .unwrap_or_default();
    let by_version: Vec<_> = needed
        .iter()
        .map(|needed| format!("\u{201c}{}\u{201d} (EnOS {})", needed.permission, needed.versions))
        .collect();
    by_version.join(", ")
}

fn limits(report: &mut Report, client: &Client) {
    let Some(announced) = client.rate_limits() else {
        report.ok(Step::Limits, "the gateway announces none");
        return;
    };
    let told: Vec<_> = announced.limits.iter().map(in_words).collect();
    report.ok(Step::Limits, told.join("; "));
    let facts: Vec<_> = announced.limits.iter().map(as_json).collect();
    report.fact(Step::Limits, "limits", facts);
}

fn in_words(limit: &RateLimit) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "an unknown number".to_owned(), thousands);
    let window = limit.window.map_or("a window without a name", window);
    let end = limit
        .reset
        .map(|reset| format!(", which ends in {}", duration_in_words(reset)));
    format!(
        "{} of {} calls are left in {window}{}",
        number(limit.remaining),
        number(limit.limit),
        end.unwrap_or_default()
    )
}

fn window(window: Window) -> &'static str {
    match window {
        Window::Second => "this second",
        Window::Minute => "this minute",
        Window::Hour => "this hour",
        Window::Day => "this day",
        Window::Month => "this month",
        _ => "a window that this program does not know",
    }
}

fn as_json(limit: &RateLimit) -> Value {
    json!({
        "window": limit.window.map(|window| format!("{window:?}").to_lowercase()),
        "limit": limit.limit,
        "remaining": limit.remaining,
        "resetSeconds": limit.reset.map(|reset| reset.as_secs()),
    })
}
