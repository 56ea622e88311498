//! The view as lines on a terminal, and as a sentence elsewhere.

use std::time::{Duration, Instant};

use enos_ota_campaign::{Outcome, Phase, Progress};

use super::ProgressView;
use super::bars::{LABEL, counted_times, indented, rounded, with_bar};
use super::counts::Counts;
use crate::args::duration_in_words;
use crate::console::{BAD, DOUBTFUL, GOOD, HEADING, styled};
use crate::text::{counted, histogram, percent, stacked_bar, thousands};

/// Reasons of failure that are shown at a time.
const REASONS: usize = 6;

impl ProgressView {
    /// The lines, of no more columns than these.
    pub(crate) fn lines(&self, progress: &Progress, columns: usize) -> Vec<String> {
        match progress.phase {
            Phase::Retrying => self.retrying(progress, columns),
            Phase::Verifying => self.confirming(columns),
            Phase::Judging | Phase::Watching => self.watching(self.watched(progress), progress, columns),
            Phase::Ended => Vec::new(),
        }
    }

    fn retrying(&self, progress: &Progress, columns: usize) -> Vec<String> {
        let settled = progress.summary.settled();
        let mut tail = vec![
            format!("{:>3}%", percent(settled, self.planned)),
            format!("{} of {}", thousands(settled), thousands(self.planned)),
        ];
        if let Some((devices, _)) = self.speed().filter(|(devices, _)| *devices >= 0.1) {
            tail.push(format!("{}/s", rounded(devices)));
            let left = self.planned.saturating_sub(settled);
            if left > 0 {
                #[expect(clippy::cast_precision_loss, reason = "an estimate")]
                let seconds = (left as f64 / devices).min(1e7);
                tail.push(format!(
                    "{} left",
                    duration_in_words(Duration::from_secs_f64(seconds.ceil()))
                ));
            }
        }
        let parts: Vec<_> = Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome, progress.summary.of(outcome)))
            .filter(|(outcome, count)| *count > 0 || *outcome == Outcome::Accepted)
            .map(|(outcome, count)| {
                let style = match outcome {
                    Outcome::Accepted => GOOD,
                    Outcome::Rejected => BAD,
                    Outcome::Skipped | Outcome::Unknown => DOUBTFUL,
                };
                styled(style, format_args!("{} {outcome}", thousands(count)))
            })
            .chain(self.pace(progress))
            .collect();
        let label = match self.wave {
            Some(wave) if self.is_canary && wave.number == 1 => "canary".to_owned(),
            Some(wave) if !self.is_canary => format!("wave {}/{}", wave.number, wave.of),
            _ => "retrying".to_owned(),
        };
        let bar = |bar_columns| {
            let summary = progress.summary;
            let refused = settled - summary.accepted;
            stacked_bar(
                &[(summary.accepted, '█'), (refused, '▓')],
                '░',
                self.planned,
                bar_columns,
            )
        };
        vec![with_bar(&label, bar, &tail, columns), indented(parts, columns)]
    }

    /// What there is to say of the calls, the most telling first.
    fn pace(&self, progress: &Progress) -> Vec<String> {
        let mut parts = self.troubles(progress);
        if let Some((_, calls)) = self.speed() {
            parts.push(format!("{} calls/s", rounded(calls)));
        }
        if progress.rate.is_finite() {
            parts.push(format!("pace {}/s", rounded(progress.rate)));
        }
        if progress.concurrency > 0 {
            parts.push(format!(
                "{} of {} at a time",
                thousands(progress.in_flight),
                thousands(progress.concurrency)
            ));
        }
        parts
    }

    fn troubles(&self, progress: &Progress) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(left) = self
            .paused_until
            .and_then(|until| until.checked_duration_since(Instant::now()))
        {
            parts.push(styled(
                DOUBTFUL,
                format_args!("throttled, paused for {:.1} s", left.as_secs_f64()),
            ));
        } else if progress.calls.throttled > 0 {
            parts.push(format!("throttled {}", counted_times(progress.calls.throttled)));
        }
        if progress.calls.lost > 0 {
            parts.push(format!(
                "{} lost",
                counted(usize::try_from(progress.calls.lost).unwrap_or(usize::MAX), "call")
            ));
        }
        parts
    }

    fn watching(&self, counts: Counts, progress: &Progress, columns: usize) -> Vec<String> {
        let (label, judging) = match (progress.phase, self.wave) {
            (Phase::Judging, _) if self.is_canary => ("canary".to_owned(), true),
            (Phase::Judging, Some(wave)) => (format!("wave {}/{}", wave.number, wave.of), true),
            // A wave that an earlier run has sent.
            (Phase::Judging, None) => ("wave".to_owned(), true),
            _ => ("watching".to_owned(), false),
        };
        let ended = counts.ended();
        let mut tail = vec![
            format!("{:>3}%", whole_percent(counts.share(), ended == counts.accepted)),
            format!("{} of {} ended", thousands(ended), thousands(counts.accepted)),
        ];
        tail.extend(self.speed_in_words(counts, progress));
        let bar = |bar_columns| {
            let under_way = usize::try_from(counts.stages.percent / 100).unwrap_or(usize::MAX);
            let parts = [
                (counts.succeeded, '█'),
                (counts.failed + counts.gone, '▓'),
                (under_way, '▒'),
            ];
            stacked_bar(&parts, '░', counts.accepted, bar_columns)
        };
        let mut parts = counts.parts();
        if judging {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of devices"
            )]
            let needed = (counts.accepted as f64 * self.success_percent / 100.0).ceil() as usize;
            parts.push(format!("{} must succeed", thousands(needed)));
        }
        parts.extend(self.troubles(progress));
        let mut lines = vec![with_bar(&label, bar, &tail, columns), indented(parts, columns)];
        lines.extend(self.reasons(columns));
        lines
    }

    /// `4.1/s`, `about 12 s left`; as long as that is not known, for how long they were followed.
    fn speed_in_words(&self, counts: Counts, progress: &Progress) -> Vec<String> {
        let (rate, left) = self.watch_speed(counts, progress.elapsed);
        let rate = rate.map(|rate| match rate {
            rate if rate < 1.0 => format!("{}/min", rounded(rate * 60.0)),
            rate => format!("{}/s", rounded(rate)),
        });
        let time = match left {
            Some(left) => format!("about {} left", duration_in_words(left)),
            None => duration_in_words(self.watched_for(progress)),
        };
        rate.into_iter().chain([time]).collect()
    }

    fn confirming(&self, columns: usize) -> Vec<String> {
        let counts = self.latest;
        let seen = counts.ended() + counts.under_way + counts.still_failed;
        let tail = [
            format!("{:>3}%", percent(seen, counts.accepted)),
            format!(
                "{} of {} have left `failed`",
                thousands(seen - counts.still_failed),
                thousands(counts.accepted)
            ),
        ];
        let bar = |bar_columns| stacked_bar(&[(seen, '█')], '░', counts.accepted, bar_columns);
        vec![with_bar("confirming", bar, &tail, columns)]
    }

    fn reasons(&self, columns: usize) -> Vec<String> {
        if self.reasons.is_empty() {
            return Vec::new();
        }
        let mut counts: Vec<_> = self
            .reasons
            .iter()
            .map(|(name, count)| (name.to_string(), *count))
            .collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let blanks = " ".repeat(LABEL);
        let mut lines = vec![format!("{blanks}{}", styled(HEADING, "why they failed again"))];
        let bars = histogram(&counts, columns.saturating_sub(LABEL), REASONS);
        lines.extend(bars.into_iter().map(|line| format!("{blanks}{line}")));
        lines
    }

    /// The same in one sentence, where nothing can be drawn anew.
    pub(crate) fn sentence(&self, progress: &Progress) -> Option<String> {
        let summary = progress.summary;
        match progress.phase {
            Phase::Retrying => {
                let counts: Vec<_> = Outcome::ALL
                    .into_iter()
                    .filter(|outcome| summary.of(*outcome) > 0)
                    .map(|outcome| format!("{} {outcome}", thousands(summary.of(outcome))))
                    .collect();
                let mut sentence = format!(
                    "{} of {} devices settled",
                    thousands(summary.settled()),
                    thousands(self.planned)
                );
                if !counts.is_empty() {
                    sentence = format!("{sentence}: {}", counts.join(", "));
                }
                let pace = self.pace(progress).join(", ");
                if !pace.is_empty() {
                    sentence = format!("{sentence}; {pace}");
                }
                Some(sentence)
            }
            Phase::Judging | Phase::Watching => {
                let counts = self.watched(progress);
                let sentence = format!(
                    "{} of {} upgrades ended: {}",
                    thousands(counts.ended()),
                    thousands(counts.accepted),
                    counts.parts().join(", ")
                );
                let speed = self.speed_in_words(counts, progress).join(", ");
                Some(format!("{sentence}; {speed}"))
            }
            Phase::Verifying => Some(format!(
                "confirming that {} have left `failed`",
                counted(summary.accepted, "device")
            )),
            Phase::Ended => None,
        }
    }
}

/// A share in percent: 100 only if all have ended.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is from 0 to 1"
)]
fn whole_percent(share: f64, all: bool) -> usize {
    let percent = (share.clamp(0.0, 1.0) * 100.0) as usize;
    if all { percent } else { percent.min(99) }
}
