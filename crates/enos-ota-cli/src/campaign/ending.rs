//! The last words on a campaign: what came of it, on standard error, and the exit code.

use std::collections::HashMap;

use enos_ota::ErrorKind;
use enos_ota_campaign::{Ending, Fate, Finished, DeviceTable, Outcome};

use crate::args::duration_in_words;
use crate::console::{self, BAD, DOUBTFUL, FAINT, GOOD, HEADING, styled};
use crate::exit::Exit;
use crate::failure::with_causes;
use crate::results::sentence;
use crate::text::{counted, histogram, thousands};

/// So many reasons are told at the end.
const REASONS: usize = 8;

/// What the words depend on besides the end itself.
pub(crate) struct About {
    /// The command that tells of every device, if there is a journal.
    pub(crate) report: Option<String>,
    /// The command that goes on with the campaign, if there is a journal.
    pub(crate) resume: Option<String>,
    /// Whether calls, time and reasons are worth telling.
    pub(crate) in_detail: bool,
    /// Whether the accepted devices were to be followed to the end.
    pub(crate) watched: bool,
}

/// Tells the end on standard error, and decides the exit code.
pub(crate) fn conclude(finished: &Finished, about: &About) -> Exit {
    let summary = finished.table.summary();
    let sentence = sentence(summary);
    let exit = Exit::of_ending(&finished.ending, summary);
    details(finished, about);
    if !finished.could_search {
        warn_of_searches();
    }
    match &finished.ending {
        Ending::Complete if exit == Exit::Success => {
            console::note(sentence);
        }
        Ending::Complete => {
            console::error(sentence);
            if let Some(refusal) = &finished.refusal {
                console::hint(refusal.remedy());
            }
            hint_at_unknown(summary.unknown);
        }
        Ending::Stopped(error) | Ending::GaveUp(error) => {
            console::error(with_causes(error));
            console::hint(error.remedy());
            if error.kind() != ErrorKind::Precondition {
                hint_at_unknown(summary.unknown);
            }
            hint_to_resume(finished, about);
            console::error(format_args!("stopped; {sentence}"));
        }
        Ending::TooManyRefused { percent, sample } => {
            console::error(format_args!(
                "{percent:.1} % of {} were refused",
                counted(*sample, "device")
            ));
            if let Some(refusal) = &finished.refusal {
                console::hint(refusal.remedy());
            }
            hint_to_resume(finished, about);
            console::error(format_args!("stopped; {sentence}"));
        }
        Ending::WaveFailed {
            wave,
            accepted,
            succeeded,
        } => {
            console::error(format_args!(
                "only {} of the {} of wave {wave} succeeded",
                thousands(*succeeded),
                counted(*accepted, "device"),
            ));
            console::hint("the other devices are as they were; see why these failed again before you go on");
            hint_to_resume(finished, about);
            console::error(format_args!("stopped; {sentence}"));
        }
        Ending::Interrupted => {
            hint_at_unknown(summary.unknown);
            hint_to_resume(finished, about);
            console::error(format_args!("interrupted; {sentence}"));
        }
        Ending::Journal(error) => {
            console::error(with_causes(error.as_ref()));
            hint_to_resume(finished, about);
            console::error(format_args!("stopped; {sentence}"));
        }
        Ending::Panicked(what) => {
            console::error(format_args!("a defect in this program: {what}"));
            hint_to_resume(finished, about);
            console::error(format_args!("stopped; {sentence}"));
        }
        // One that a later version of the library adds.
        other => console::error(format_args!("{}; {sentence}", other.as_str())),
    }
    exit
}

pub(super) fn warn_of_searches() {
    console::warning(
        "the application may not search tasks, so nothing could be looked up or confirmed; it lacks the permission for that",
    );
}

/// How many accepted devices have this fate.
pub(super) fn count_of(ledger: &DeviceTable, wanted: Fate) -> usize {
    let mut fates = Fate::ALL.iter().zip(ledger.fates());
    fates.find(|(fate, _)| **fate == wanted).map_or(0, |(_, count)| count)
}

/// Says why devices failed again, if any did.
pub(super) fn tell_reasons(ledger: &DeviceTable) {
    for line in reasons(ledger) {
        console::note(format_args!("          {line}"));
    }
}

fn details(finished: &Finished, about: &About) {
    let ledger = &finished.table;
    let count = |fate| count_of(ledger, fate);
    let seen = ledger.summary().accepted - count(Fate::NotSeen).min(ledger.summary().accepted);
    if about.watched && seen > 0 {
        let words = [
            (Fate::Succeeded, "succeeded", GOOD),
            (Fate::FailedAgain, "failed again", BAD),
            (Fate::UnderWay, "still under way", FAINT),
            (Fate::StillFailed, "still failed", BAD),
            (Fate::Gone, "without a task now", DOUBTFUL),
            (Fate::NotSeen, "not looked at", DOUBTFUL),
        ];
        let parts: Vec<_> = words
            .into_iter()
            .filter(|(fate, ..)| count(*fate) > 0)
            .map(|(fate, word, style)| styled(style, format_args!("{} {word}", thousands(count(fate)))))
            .collect();
        console::note(format_args!("{}  {}", styled(HEADING, "upgrades"), parts.join(", ")));
        tell_reasons(ledger);
    } else if count(Fate::StillFailed) > 0 {
        console::warning(format_args!(
            "{} still failed although the retry was accepted",
            counted(count(Fate::StillFailed), "task")
        ));
    }
    if about.in_detail {
        let calls = finished.calls;
        let mut parts = vec![format!(
            "{} in {}",
            [(calls.retries, "retry call"), (calls.searches, "search")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| plural(count, what))
                .collect::<Vec<_>>()
                .join(" and "),
            duration_in_words(finished.took)
        )];
        for (count, what) in [(calls.throttled, "throttled"), (calls.lost, "without an answer")] {
            if count > 0 {
                parts.push(format!("{} {what}", thousands(count)));
            }
        }
        if !about.watched && seen > 0 {
            parts.push(format!(
                "{} seen to have left `failed`",
                thousands(seen - count(Fate::StillFailed))
            ));
        }
        console::note(format_args!("{}     {}", styled(HEADING, "calls"), parts.join(", ")));
        if let Some(command) = &about.report {
            console::note(format_args!("{}    {command}", styled(HEADING, "report")));
        }
    }
}

fn plural(count: u64, what: &str) -> String {
    match (count, what) {
        (1, what) => format!("1 {what}"),
        (count, "search") => format!("{} searches", thousands(count)),
        (count, what) => format!("{} {what}s", thousands(count)),
    }
}

/// Why devices failed again.
fn reasons(ledger: &DeviceTable) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for id in ledger.devices().ids() {
        let standing = ledger.standing(id);
        if standing.outcome == Some(Outcome::Accepted) && standing.fate == Fate::FailedAgain {
            *counts
                .entry(standing.failed_again.unwrap_or("no reason given"))
                .or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts
        .into_iter()
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    histogram(&counts, console::columns().saturating_sub(10), REASONS)
}

fn hint_at_unknown(unknown: usize) {
    if unknown > 0 {
        console::hint(
            "a device that is `unknown` may have been retried: search the tasks of the job, not sooner than 2 s from \
             now, before you send it again",
        );
    }
}

fn hint_to_resume(finished: &Finished, about: &About) {
    let unwatched = about.watched && matches!(finished.ending, Ending::Interrupted);
    if finished.open == 0 && !unwatched {
        return;
    }
    if let Some(command) = &about.resume {
        console::hint(format_args!("to go on: {command}"));
    }
}
