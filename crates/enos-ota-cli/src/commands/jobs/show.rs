//! A job for people: what it is, how far it has come, and what can be done next.

use std::io::{self, Write as _};
use std::time::Duration;

use enos_ota::search::{Expression, tasks};
use enos_ota::types::{JobInfo, StringI18n};
use enos_ota::{Integer, JobId, JobStatus, PageSize, TaskStatus};
use futures_util::future::join_all;
use serde::Serialize;

use crate::args::{Target, duration_in_words};
use crate::campaign::command_line::{connection_options, join};
use crate::console;
use crate::failure::Failure;
use crate::layout::labelled;
use crate::listing::date;
use crate::session::Session;
use crate::text::{percent, thousands};

/// How many tasks have a status.
type Counts = Vec<(TaskStatus, usize)>;

pub(super) async fn show(session: &Session, target: &Target, job_id: &JobId, job: &JobInfo) -> Result<(), Failure> {
    let counts = counts(session, job_id).await;
    let mut out = io::stdout().lock();
    for (name, text) in facts(job) {
        writeln!(out, "{}", labelled(&format!("{name:<14}"), &text))?;
    }
    match counts {
        Ok(counts) => {
            write_counts(&mut out, &counts)?;
            out.flush()?;
            if !console::is_quiet() {
                next(target, job_id, job, &counts);
            }
        }
        Err(failure) => {
            out.flush()?;
            console::warning(format_args!("the tasks could not be counted: {failure}"));
        }
    }
    Ok(())
}

/// Counts the tasks by status, with a search for one of each: the answer tells how many there are.
async fn counts(session: &Session, job_id: &JobId) -> Result<Counts, Failure> {
    let one = PageSize::new(1)?;
    let searches = TaskStatus::KNOWN.iter().map(|status| async move {
        let criteria = [
            tasks::JOB_ID.equals(job_id.as_str()),
            tasks::STATUS.equals(status.as_str()),
        ];
        let criteria: Vec<_> = criteria
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::usage(error.to_string()))?;
        let page = session.client.search_tasks(&Expression::all(criteria), 1, one).await;
        let page = page.map_err(|error| session.failed(error))?;
        let total = page.total_size.and_then(|total| usize::try_from(total).ok());
        Ok((status.clone(), total.unwrap_or(page.items.len())))
    });
    join_all(searches).await.into_iter().collect()
}

fn facts(job: &JobInfo) -> Vec<(&'static str, String)> {
    let text = |text: Option<&String>| text.cloned();
    let name = |name: Option<&StringI18n>| name.and_then(|name| name.default_value.clone());
    let seconds = |seconds: Integer| duration_in_words(Duration::from_secs(u64::try_from(seconds.get()).unwrap_or(0)));
    let firmware = [
        name(job.firmware_name.as_ref()),
        text(job.firmware_version.as_ref()),
        text(job.firmware_id.as_ref()),
    ];
    let firmware: Vec<_> = firmware.into_iter().flatten().collect();
    let known = [
        ("name", name(job.name.as_ref())),
        ("job id", text(job.job_id.as_ref())),
        ("status", job.status.as_ref().map(ToString::to_string)),
        ("type", job.type_.as_ref().map(ToString::to_string)),
        ("created", job.create_time.map(|time| date(Some(time)))),
        ("firmware", Some(firmware.join(", ")).filter(|text| !text.is_empty())),
        ("product", text(job.product_key.as_ref())),
        ("organization", text(job.org_id.as_ref())),
        ("policy", job.upgrade_policy.as_ref().map(ToString::to_string)),
        (
            "timeout",
            job.upgrade_timeout
                .map(|time| format!("{} for a device", seconds(time))),
        ),
        (
            "at a time",
            job.maximum_concurrency
                .map(|most| format!("{} devices at most", thousands(u64::try_from(most.get()).unwrap_or(0)))),
        ),
        (
            "on request",
            job.enable_upgrade_request.map(|may| {
                let may = if may { "may" } else { "may not" };
                format!("a device {may} ask for the upgrade itself")
            }),
        ),
        ("scope", as_json(job.upgrade_scope.as_ref())),
        ("retries", as_json(job.retry_policy.as_ref())),
        ("schedule", as_json(job.schedule_policy.as_ref())),
    ];
    known
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
}

/// What has many members, and none that is worth a line.
fn as_json(value: Option<&impl Serialize>) -> Option<String> {
    /// Longer ones, such as a scope of many devices, are for `--output json`.
    const CHARACTERS: usize = 300;
    let text = serde_json::to_string(value?).ok()?;
    if text.chars().count() <= CHARACTERS {
        return Some(text);
    }
    let start: String = text.chars().take(CHARACTERS).collect();
    Some(format!("{start}… (see --output json)"))
}

fn write_counts(out: &mut impl io::Write, counts: &Counts) -> io::Result<()> {
    let whole: usize = counts.iter().map(|(_, count)| count).sum();
    writeln!(out, "{:<14}{}", "tasks", thousands(whole))?;
    let digits = thousands(whole).len();
    for (status, count) in counts.iter().filter(|(_, count)| *count > 0) {
        writeln!(
            out,
            "{:14}{:>digits$}  {:>3}%  {status}",
            "",
            thousands(*count),
            percent(*count, whole)
        )?;
    }
    Ok(())
}

/// What most people do next.
fn next(target: &Target, job_id: &JobId, job: &JobInfo, counts: &Counts) {
    let failed = counts
        .iter()
        .any(|(status, count)| *status == TaskStatus::Failed && *count > 0);
    let command = |words: &[&str]| {
        let mut words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Some(org_id) = &target.org_id {
            words.extend(["--org-id".to_owned(), org_id.clone()]);
        }
        words.extend(connection_options(&target.connection));
        if target.connection.emulator {
            words.push("--emulator".to_owned());
        }
        join(&words)
    };
    let job_id = job_id.as_str();
    match &job.status {
        Some(JobStatus::Stopped) => {
            console::hint(format_args!(
                "{}    starts the job",
                command(&["enos-ota", "jobs", "start", job_id])
            ));
        }
        _ if failed => {
            let retry = command(&["enos-ota", "retry", "--job-id", job_id, "--failed", "--dry-run"]);
            console::hint(format_args!("{retry}    shows what a retry would do"));
        }
        _ => {}
    }
}
