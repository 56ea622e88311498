//! What a plan comes to, for the person who is asked to agree to it.

use std::fmt::Write as _;

use enos_ota_campaign::drift::Drift;
use enos_ota_campaign::{Count, Plan, Selection, Settings, VersionCount, WaveSize};

use super::budget::OverBudget;
use super::select::SelectedPlan;
use crate::args::duration_in_words;
use crate::console::{HEADING, styled};
use crate::text::{counted, histogram, thousands, visible};

/// Reasons, and of the others how many are shown.
const REASONS: usize = 8;
const OTHERS: usize = 4;

/// The text, of lines that are no longer than this.
pub(crate) fn of(chosen: &SelectedPlan, over_budget: &OverBudget, settings: &Settings, columns: usize) -> String {
    let plan = &chosen.plan;
    let summary = plan.summary();
    let mut text = String::new();
    let calls = plan.devices.len().div_ceil(plan.chunk_size.get());
    let _ = writeln!(
        text,
        "{} of the job {}, in {} of up to {}",
        styled(HEADING, counted(plan.devices.len(), "device")),
        visible(plan.job_id.as_str()),
        counted(calls, "call"),
        thousands(plan.chunk_size.get())
    );
    let mut part = |title: &str, counts: Vec<(String, usize)>, lines: usize| {
        // Of named devices nothing is known.
        if counts.iter().any(|(name, _)| name != UNKNOWN) {
            let _ = writeln!(text, "\n{}", styled(HEADING, title));
            for line in histogram(&counts, columns.saturating_sub(2), lines) {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    part("Why they failed", names(summary.reasons), REASONS);
    part("Products", names(summary.products), OTHERS);
    part("Versions", versions(summary.versions), OTHERS);

    let notes = [
        left_out(plan),
        over_budget.in_words(),
        looked_up(chosen),
        steps(settings, plan.devices.len()),
    ];
    let mut first = true;
    for note in notes.into_iter().flatten() {
        let _ = writeln!(text, "{}{note}", if first { "\n" } else { "" });
        first = false;
    }
    text
}

/// The same, before it is known how it will be carried out.
pub(crate) fn overview_of(chosen: &SelectedPlan, columns: usize) -> String {
    of(chosen, &OverBudget::default(), &Settings::default(), columns)
}

const UNKNOWN: &str = "not known";

fn names(counts: Vec<Count>) -> Vec<(String, usize)> {
    counts
        .into_iter()
        .map(|count| (count.name.unwrap_or_else(|| UNKNOWN.to_owned()), count.devices))
        .collect()
}

fn versions(counts: Vec<VersionCount>) -> Vec<(String, usize)> {
    let or_unknown = |version: Option<String>| version.unwrap_or_else(|| "?".to_owned());
    counts
        .into_iter()
        .map(|count| {
            let name = match (count.from, count.to) {
                (None, None) => UNKNOWN.to_owned(),
                (from, to) => format!("{} → {}", or_unknown(from), or_unknown(to)),
            };
            (name, count.devices)
        })
        .collect()
}

/// What is said if no device is left.
pub(super) fn nothing(plan: &Plan) -> String {
    let left_out = plan.left_out;
    let failed = left_out.cancelled
        + left_out.excluded
        + left_out.by_version
        + left_out.by_time
        + left_out.by_cause
        + left_out.by_reason;
    let why = match (&plan.selection, failed) {
        (Selection::Failed(_), 0) => ": none of its tasks is failed".to_owned(),
        (Selection::Failed(_), 1) => ": one task is failed, and it does not meet the criteria".to_owned(),
        (Selection::Failed(_), failed) => {
            format!(
                ": {} tasks are failed, and none of them meets the criteria",
                thousands(failed)
            )
        }
        _ => String::new(),
    };
    format!("nothing to retry in the job {}{why}", visible(plan.job_id.as_str()))
}

/// The tasks that were read and not selected, by why.
pub(super) fn left_out(plan: &Plan) -> Option<String> {
    let left_out = plan.left_out;
    let parts: Vec<_> = [
        (
            left_out.cancelled,
            "cancelled by a user (--include-cancelled takes them)",
        ),
        (left_out.excluded, "by the file"),
        (left_out.by_version, "of other versions"),
        (left_out.by_time, "older than --since"),
        (left_out.by_cause, "failed for other causes"),
        (left_out.by_reason, "failed for other reasons"),
        (left_out.unreadable, "that could not be read"),
        (left_out.other + left_out.no_key, "that are none of these tasks"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, why)| format!("{} {why}", thousands(count)))
    .collect();
    let moved = plan
        .moved
        .then(|| "The tasks changed all the time while they were read, so some may be missing.".to_owned());
    let parts = (!parts.is_empty()).then(|| format!("Left out: {}.", parts.join(", ")));
    match (parts, moved) {
        (Some(parts), Some(moved)) => Some(format!("{parts}\n{moved}")),
        (parts, moved) => parts.or(moved),
    }
}

fn looked_up(chosen: &SelectedPlan) -> Option<String> {
    let parts: Vec<_> = [
        (chosen.not_failed, "not failed now"),
        (chosen.gone, "without a task in the job"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", thousands(count)))
    .collect();
    (!parts.is_empty()).then(|| format!("The platform will refuse some: {}.", parts.join(", ")))
}

fn steps(settings: &Settings, devices: usize) -> Option<String> {
    let waves = settings.waves.as_ref()?;
    let mut sizes: Vec<usize> = waves
        .steps
        .iter()
        .map(|size: &WaveSize| size.of(devices))
        .filter(|size| *size < devices)
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.is_empty() {
        return None;
    }
    let sizes: Vec<_> = sizes.into_iter().map(thousands).collect();
    Some(format!(
        "First {} of them; more only if {} % of these succeed within {}.",
        sizes.join(", then "),
        waves.success_percent,
        duration_in_words(waves.timeout)
    ))
}

/// What has changed since a plan was made, if anything has.
pub(crate) fn of_drift(drift: &Drift) -> Option<String> {
    if drift.is_none() && !drift.moved {
        return None;
    }
    let mut text = String::from("Since the plan was made:\n");
    for (count, what) in [
        (drift.no_longer_failed.len(), "no longer failed, and left out"),
        (drift.gone.len(), "without a task in the job any more, and left out"),
        (
            drift.changed.len(),
            "failed as before, but updated since, and retried all the same",
        ),
        (drift.unclear.len(), "of which it cannot be told, and which are retried"),
        (
            drift.newly_failed.len(),
            "failed since, or not selected then, and not in the plan: they are not retried",
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {:>9}  {what}", thousands(count));
        }
    }
    if drift.excluded_then > 0 && !drift.newly_failed.is_empty() {
        let _ = writeln!(
            text,
            "             (the plan left out {} by a file; these may be among the last)",
            counted(drift.excluded_then, "device")
        );
    }
    if drift.moved {
        text.push_str("  The tasks changed all the time while they were read, so this may not be all.\n");
    }
    Some(text)
}
