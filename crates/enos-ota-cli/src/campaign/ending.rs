//! The last words on a campaign: what came of it, on standard error, and the exit code.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::text::with_causes;
use enos_ota::{Error, ErrorKind};
use enos_ota_campaign::{Calls, DeviceTable, Ending, Fate, Finished, Outcome, Summary, Waves};

use crate::args::duration_in_words;
use crate::config::Sources;
use crate::console::{self, BAD, DOUBTFUL, FAINT, GOOD, HEADING, styled};
use crate::exit::{Exit, Followed, blames_organization};
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::results::sentence;
use crate::text::{counted, histogram, thousands};
use crate::upgrades::Upgrades;

use super::confirmation::Confirmation;
use super::wave_verdict;

/// So many reasons are told at the end.
const REASONS: usize = 8;
const JOB_NOT_FOUND: i64 = 24404;

/// What the words depend on besides the end itself.
pub(crate) struct About<'a> {
    /// The command that tells of every device, if there is a journal.
    pub(crate) report: Option<String>,
    /// The command that goes on with the campaign, if there is a journal.
    pub(crate) resume: Option<String>,
    /// The command that retries what has failed again, if there is a platform to retry it on.
    pub(crate) retry: Option<String>,
    /// Whether calls, time and reasons are worth telling.
    pub(crate) in_detail: bool,
    /// Which accepted devices were to be followed to the end.
    pub(crate) followed: Followed,
    /// What was asked of waves, and how many devices of the last one have failed again.
    pub(crate) waves: Option<&'a Waves>,
    pub(crate) failed_in_wave: usize,
    pub(crate) sources: &'a Arc<Sources>,
    /// What the user has stopped the campaign with.
    pub(crate) stop: Option<Stop>,
}

/// Tells the end on standard error, and decides the exit code.
pub(crate) fn conclude(finished: &Finished, about: &About<'_>) -> Exit {
    let exit = Exit::of_campaign(finished, about.followed, about.stop);
    details(finished, about);
    tell(finished, about, exit);
    exit
}

/// What to do about a refusal. That one device may have held up others is said only if these are still in doubt.
fn remedy<'a>(refusal: &'a Error, finished: &Finished) -> &'a str {
    if refusal.kind() == ErrorKind::Refused && finished.refused_in_doubt == 0 {
        refusal.kind().remedy()
    } else {
        refusal.remedy()
    }
}

/// What has ended the campaign, what to do, and the sums in the last line.
fn tell(finished: &Finished, about: &About<'_>, exit: Exit) {
    let summary = finished.table.summary();
    let sentence = last_words(&finished.table, about.followed);
    let how = match &finished.ending {
        Ending::Complete if exit == Exit::Success => {
            console::note(sentence);
            return;
        }
        Ending::Complete => {
            match &finished.refusal {
                Some(refusal) if blames_organization(refusal) => tell_error(refusal, about),
                Some(refusal) => console::hint(remedy(refusal, finished)),
                None => {}
            }
            hint_at_unknown(summary.unknown);
            hint_to_retry(&finished.table, about);
            console::error(sentence);
            return;
        }
        Ending::Stopped(error) => {
            tell_error(error, about);
            if error.kind() != ErrorKind::Precondition && !blames_organization(error) {
                hint_at_unknown(summary.unknown);
            }
            "stopped"
        }
        Ending::GaveUp(error) => {
            console::error(gave_up(error, &finished.calls, finished.took));
            console::hint(error.remedy());
            hint_at_unknown(summary.unknown);
            "gave up"
        }
        Ending::TooManyRefused { percent, sample } => {
            console::error(format_args!(
                "{percent:.1} % of {} were refused",
                counted(*sample, "device")
            ));
            if let Some(refusal) = &finished.refusal {
                console::hint(remedy(refusal, finished));
            }
            "stopped"
        }
        Ending::WaveFailed {
            wave,
            accepted,
            succeeded,
        } => {
            console::error(wave_verdict::failed(
                *wave,
                [*accepted, *succeeded, about.failed_in_wave],
                about.waves,
            ));
            console::hint("the other devices are as they were; see why these failed again before you go on");
            "stopped"
        }
        Ending::Interrupted => {
            hint_at_unknown(summary.unknown);
            "interrupted"
        }
        Ending::Journal(error) => {
            console::error(with_causes(error.as_ref()));
            "stopped"
        }
        Ending::Panicked(what) => {
            console::error(format_args!("a defect in this program: {what}"));
            "stopped"
        }
        // One that a later version of the library adds.
        other => other.as_str(),
    };
    hint_to_resume(finished, about);
    console::error(format_args!("{how}; {sentence}"));
}

/// The sums. Where upgrades were followed, these are what the user wants to know.
fn last_words(table: &DeviceTable, followed: Followed) -> String {
    words(table.summary(), &Upgrades::of(table), table.elsewhere(), followed)
}

fn words(summary: Summary, upgrades: &Upgrades, elsewhere: usize, followed: Followed) -> String {
    let follows = followed != Followed::None && summary.accepted > 0;
    if follows && summary.accepted == summary.requested {
        let devices = counted(summary.requested, "device");
        return format!("{devices} retried: {}", upgrades.in_words());
    }
    let mut parts = vec![sentence(summary)];
    if elsewhere > 0 {
        let were = if elsewhere == 1 { "was" } else { "were" };
        parts.push(format!(
            "of the rejected, {} {were} no longer failed: retried elsewhere meanwhile",
            thousands(elsewhere)
        ));
    }
    if follows {
        parts.push(format!("of the accepted, {}", upgrades.in_words()));
    }
    parts.join("; ")
}

/// `HTTP 503 ...; gave up after 10 failed calls in 25 s`
fn gave_up(error: &Error, calls: &Calls, took: Duration) -> String {
    let failed = calls.lost.saturating_add(calls.throttled);
    let failed = counted(usize::try_from(failed).unwrap_or(usize::MAX), "failed call");
    format!(
        "{}; gave up after {failed} in {}",
        with_causes(error),
        duration_in_words(took)
    )
}

fn tell_error(error: &Error, about: &About<'_>) {
    console::failure(&Failure::of_call(error.clone(), about.sources));
}

/// Says why devices failed again: the reason of each that did, if one was given.
pub(super) fn tell_reasons<'t>(reasons: impl Iterator<Item = Option<&'t str>>) {
    for line in histogram_of(reasons) {
        console::note(format_args!("          {line}"));
    }
}

fn details(finished: &Finished, about: &About<'_>) {
    let ledger = &finished.table;
    let upgrades = Upgrades::of(ledger);
    let follows = about.followed != Followed::None && upgrades.seen() > 0;
    if follows {
        let parts: Vec<_> = upgrades
            .parts()
            .map(|(fate, part)| styled(style_of(fate), part))
            .collect();
        console::note(format_args!("{}  {}", styled(HEADING, "upgrades"), parts.join(", ")));
        let failed = ledger
            .standings()
            .filter(|standing| standing.outcome == Some(Outcome::Accepted) && standing.fate == Fate::FailedAgain);
        tell_reasons(failed.map(|standing| standing.failed_again));
    }
    let confirmation = Confirmation::of(finished);
    // What was seen of upgrades that were followed, the line above says.
    for warning in confirmation.warnings(follows) {
        console::warning(warning);
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
        if !follows {
            parts.extend(confirmation.seen());
        }
        console::note(format_args!("{}     {}", styled(HEADING, "calls"), parts.join(", ")));
        if let Some(command) = &about.report {
            console::note(format_args!("{}    {command}", styled(HEADING, "report")));
        }
    }
}

fn style_of(fate: Fate) -> anstyle::Style {
    match fate {
        Fate::Succeeded => GOOD,
        Fate::FailedAgain | Fate::StillFailed => BAD,
        Fate::UnderWay => FAINT,
        Fate::Gone | Fate::NotSeen => DOUBTFUL,
    }
}

fn plural(count: u64, what: &str) -> String {
    match (count, what) {
        (1, what) => format!("1 {what}"),
        (count, "search") => format!("{} searches", thousands(count)),
        (count, what) => format!("{} {what}s", thousands(count)),
    }
}

fn histogram_of<'t>(reasons: impl Iterator<Item = Option<&'t str>>) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for reason in reasons {
        *counts.entry(reason.unwrap_or("no reason given")).or_default() += 1;
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

fn hint_to_resume(finished: &Finished, about: &About<'_>) {
    let unwatched = about.followed == Followed::All && matches!(finished.ending, Ending::Interrupted);
    if finished.open == 0 && !unwatched {
        return;
    }
    // A job or an organization that is not there now will not be there later.
    if let Ending::Stopped(error) = &finished.ending
        && (error.code() == Some(JOB_NOT_FOUND) || blames_organization(error))
    {
        return;
    }
    if let Some(command) = &about.resume {
        console::hint(format_args!("to go on: {command}"));
    }
}

/// What to do about devices whose upgrade has failed again.
fn hint_to_retry(ledger: &DeviceTable, about: &About<'_>) {
    if about.followed != Followed::None
        && Upgrades::of(ledger).failed_again > 0
        && let Some(command) = &about.retry
    {
        console::hint(format_args!("to retry all failed tasks of the job: {command}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(accepted: usize, rejected: usize) -> Summary {
        Summary {
            requested: accepted + rejected,
            accepted,
            rejected,
            ..Summary::default()
        }
    }

    #[test]
    fn the_last_line_tells_how_the_upgrades_ended_where_they_were_followed() {
        let ended = Upgrades {
            succeeded: 98,
            failed_again: 42,
            ..Upgrades::default()
        };
        for (accepted, rejected, elsewhere, followed, text) in [
            (140, 0, 0, Followed::None, "140 devices: 140 accepted"),
            (
                140,
                0,
                0,
                Followed::All,
                "140 devices retried: 98 succeeded, 42 failed again",
            ),
            (
                140,
                2,
                1,
                Followed::Canary,
                "142 devices: 140 accepted, 2 rejected; of the rejected, 1 was no longer failed: retried elsewhere \
                 meanwhile; of the accepted, 98 succeeded, 42 failed again",
            ),
            (
                1200,
                3300,
                3100,
                Followed::None,
                "4,500 devices: 1,200 accepted, 3,300 rejected; of the rejected, 3,100 were no longer failed: retried \
                 elsewhere meanwhile",
            ),
            (0, 2, 0, Followed::All, "2 devices: 2 rejected"),
        ] {
            assert_eq!(words(summary(accepted, rejected), &ended, elsewhere, followed), text);
        }
    }
}
