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
    let gone = chosen.gone.len();
    let reasons = without_unknown(names(summary.reasons), gone + chosen.not_failed.len());
    part(&mut text, "Why they failed", &reasons, columns, REASONS);
    let products = without_unknown(names(summary.products), gone);
    part(&mut text, "Products", &products, columns, OTHERS);
    let versions = without_unknown(versions(summary.versions), gone);
    part(&mut text, "Versions", &versions, columns, OTHERS);

    let notes = [
        left_out(plan),
        over_budget.in_words(),
        refused(chosen),
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
    if chosen.plan.devices.is_empty() {
        return nothing(chosen, columns) + "\n";
    }
    of(chosen, &OverBudget::default(), &Settings::default(), columns)
}

const UNKNOWN: &str = "not known";

fn part(text: &mut String, title: &str, counts: &[(String, usize)], columns: usize, lines: usize) {
    // Of named devices nothing may be known.
    if counts.iter().any(|(name, _)| name != UNKNOWN) {
        let _ = writeln!(text, "\n{}", styled(HEADING, title));
        for line in histogram(counts, columns.saturating_sub(2), lines) {
            let _ = writeln!(text, "  {line}");
        }
    }
}

/// Leaves out devices of which there is nothing to know: they have no task, or it is not failed.
fn without_unknown(mut counts: Vec<(String, usize)>, devices: usize) -> Vec<(String, usize)> {
    for (name, count) in &mut counts {
        if name == UNKNOWN {
            *count = count.saturating_sub(devices);
        }
    }
    counts.retain(|(_, count)| *count > 0);
    counts
}

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

/// What is said if no device is left: which tasks there are, and that none of them is meant.
pub(super) fn nothing(chosen: &SelectedPlan, columns: usize) -> String {
    let mut text = String::new();
    if let Some(left_out) = left_out(&chosen.plan) {
        let _ = writeln!(text, "{left_out}");
    }
    let reasons = names(chosen.reasons_of_all.clone());
    part(&mut text, "Why they failed", &reasons, columns, REASONS);
    if !reasons.is_empty() {
        text.push('\n');
    }
    text + &no_device(&chosen.plan)
}

fn no_device(plan: &Plan) -> String {
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

/// So many devices are named that the platform will refuse.
const NAMED: usize = 5;

/// Which of the named devices the platform will refuse, and why.
pub(super) fn refused(chosen: &SelectedPlan) -> Option<String> {
    let parts: Vec<_> = [
        (
            &chosen.not_failed,
            "its task is not failed",
            "their tasks are not failed",
        ),
        (
            &chosen.gone,
            "the job has no task for it",
            "the job has no tasks for them",
        ),
    ]
    .into_iter()
    .filter(|(ids, ..)| !ids.is_empty())
    .map(|(ids, of_one, of_several)| {
        let devices = &chosen.plan.devices;
        let mut keys: Vec<_> = ids.iter().take(NAMED).map(|id| visible(devices.key(*id))).collect();
        if ids.len() > NAMED {
            keys.push(format!("{} more", thousands(ids.len() - NAMED)).into());
        }
        let why = if ids.len() == 1 { of_one } else { of_several };
        format!("{} ({why})", keys.join(", "))
    })
    .collect();
    (!parts.is_empty()).then(|| format!("will be refused: {}", parts.join("; ")))
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
