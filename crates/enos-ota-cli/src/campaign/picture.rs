//! How a campaign looks while it runs: a few lines, drawn anew again and again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enos_ota::Window;
use enos_ota_campaign::{DeviceTable, Event, Fate, Outcome, Phase, Progress, ReadProgress, Settings, Watcher};

use crate::args::duration_in_words;
use crate::console::{BAD, DOUBTFUL, FAINT, GOOD, HEADING, styled};
use crate::text::{counted, histogram, join_fitting, percent, stacked_bar, thousands};
use crate::upgrades::Upgrades;

/// Columns of the names of the phases, with the blanks behind.
const LABEL: usize = 12;
/// The longest bar. A longer one tells no more.
const LONGEST_BAR: usize = 100;
/// Reasons of failure that are shown at a time.
const REASONS: usize = 6;
/// Over so long speeds are measured.
const WINDOW: Duration = Duration::from_secs(10);

/// What is known from the events of a campaign.
pub(crate) struct Picture {
    planned: usize,
    /// A canary, and then all the others.
    is_canary: bool,
    success_percent: f64,
    wave: Option<Wave>,
    /// What became of devices as the events tell: in the order in which it happened.
    told: Counts,
    /// The same before the present wave.
    before_wave: Counts,
    /// How the campaign says that it stands.
    latest: Counts,
    paused_until: Option<Instant>,
    began: Instant,
    /// Devices that had their outcome before this run.
    settled_before: usize,
    reasons: HashMap<Arc<str>, usize>,
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy)]
struct Wave {
    number: usize,
    of: usize,
}

/// Accepted devices by fate.
#[derive(Clone, Copy, Default)]
struct Counts {
    accepted: usize,
    succeeded: usize,
    failed: usize,
    gone: usize,
    under_way: usize,
    still_failed: usize,
}

struct Sample {
    at: Duration,
    settled: usize,
    calls: u64,
}

impl Counts {
    fn of(progress: &Progress) -> Self {
        let count = |fate| {
            Fate::ALL
                .iter()
                .zip(progress.fates)
                .find(|(f, _)| **f == fate)
                .map_or(0, |(_, n)| n)
        };
        Self {
            accepted: progress.summary.accepted,
            succeeded: count(Fate::Succeeded),
            failed: count(Fate::FailedAgain),
            gone: count(Fate::Gone),
            under_way: count(Fate::UnderWay),
            still_failed: count(Fate::StillFailed),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(before.accepted),
            succeeded: self.succeeded.saturating_sub(before.succeeded),
            failed: self.failed.saturating_sub(before.failed),
            gone: self.gone.saturating_sub(before.gone),
            ..Self::default()
        }
    }

    fn ended(self) -> usize {
        self.succeeded + self.failed + self.gone
    }

    /// In the order in which they are told; those of which nothing is known are under way, as far as anybody knows.
    fn parts(self) -> Vec<String> {
        let open = self.accepted.saturating_sub(self.ended() + self.still_failed);
        [
            (self.succeeded, "succeeded", GOOD),
            (self.failed, "failed again", BAD),
            (self.gone, "without a task now", DOUBTFUL),
            (self.still_failed, "still failed", BAD),
            (open, "under way", FAINT),
        ]
        .into_iter()
        .filter(|(count, word, _)| *count > 0 || *word == "succeeded")
        .map(|(count, word, style)| styled(style, format_args!("{} {word}", thousands(count))))
        .collect()
    }
}

impl Picture {
    pub(crate) fn new(ledger: &DeviceTable, settings: &Settings) -> Self {
        let upgrades = Upgrades::of(ledger);
        Self {
            planned: ledger.devices().len(),
            is_canary: settings.waves.as_ref().is_some_and(|waves| waves.steps.len() == 1),
            success_percent: settings.waves.as_ref().map_or(0.0, |waves| waves.success_percent),
            wave: None,
            told: Counts {
                accepted: ledger.summary().accepted,
                succeeded: upgrades.succeeded,
                failed: upgrades.failed_again,
                gone: upgrades.gone,
                ..Counts::default()
            },
            before_wave: Counts::default(),
            latest: Counts::default(),
            paused_until: None,
            began: Instant::now(),
            settled_before: ledger.summary().settled(),
            reasons: counted_reasons(ledger.standings().filter_map(|standing| standing.failed_again)),
            samples: VecDeque::new(),
        }
    }

    /// Of devices that are only followed.
    pub(crate) fn of_watch(watcher: &Watcher) -> Self {
        let devices = watcher.devices();
        let failed = devices
            .ids()
            .map(|id| watcher.sight(id))
            .filter(|sight| sight.fate == Fate::FailedAgain);
        Self {
            planned: devices.len(),
            is_canary: false,
            success_percent: 0.0,
            wave: None,
            told: Counts::default(),
            before_wave: Counts::default(),
            latest: Counts::default(),
            paused_until: None,
            began: Instant::now(),
            settled_before: devices.len(),
            reasons: counted_reasons(failed.filter_map(|sight| sight.reason)),
            samples: VecDeque::new(),
        }
    }

    pub(crate) fn take_event(&mut self, event: &Event) {
        match event {
            Event::WaveBegan { wave, waves, .. } => {
                self.wave = Some(Wave {
                    number: *wave,
                    of: *waves,
                });
                self.before_wave = self.told;
            }
            Event::Settled {
                devices,
                outcome: Outcome::Accepted,
                ..
            } => self.told.accepted += devices.len(),
            Event::Throttled { pause, .. } => self.paused_until = Some(Instant::now() + *pause),
            Event::Seen { devices, fate, reason } => match fate {
                Fate::Succeeded => self.told.succeeded += devices.len(),
                Fate::Gone => self.told.gone += devices.len(),
                Fate::FailedAgain => {
                    self.told.failed += devices.len();
                    let reason = reason.as_ref().map_or_else(|| "no reason given".into(), Arc::clone);
                    *self.reasons.entry(reason).or_default() += devices.len();
                }
                Fate::StillFailed | Fate::UnderWay | Fate::NotSeen => {}
            },
            _ => {}
        }
    }

    pub(crate) fn take_progress(&mut self, progress: &Progress) {
        self.latest = Counts::of(progress);
        let at = progress.elapsed;
        if self
            .samples
            .back()
            .is_none_or(|last| at.saturating_sub(last.at) >= Duration::from_millis(250))
        {
            self.samples.push_back(Sample {
                at,
                settled: progress.summary.settled(),
                calls: progress.calls.retries + progress.calls.searches,
            });
        }
        while self.samples.len() > 2 && at.saturating_sub(self.samples[0].at) > WINDOW {
            self.samples.pop_front();
        }
    }

    /// The name of a wave, as people call it.
    pub(crate) fn wave_name(&self, number: usize) -> String {
        match (self.is_canary, number, self.wave) {
            (true, 1, _) => "canary".to_owned(),
            (true, ..) => "the others".to_owned(),
            (false, _, Some(wave)) => format!("wave {number} of {}", wave.of),
            (false, _, None) => format!("wave {number}"),
        }
    }

    /// Devices and calls a second.
    #[expect(clippy::cast_precision_loss, reason = "a speed need not be exact")]
    fn speed(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        (seconds >= 0.5).then(|| {
            (
                (last.settled - first.settled.min(last.settled)) as f64 / seconds,
                (last.calls - first.calls.min(last.calls)) as f64 / seconds,
            )
        })
    }

    /// How long the retries will take if the gateway lets so many calls through in each window, the next of which begins
    /// after this pause. `None` where too little is known: it counts on calls that carry as many devices as before.
    pub(crate) fn left_with(&self, pause: Duration, calls: u64, window: Window) -> Option<Duration> {
        let last = self.samples.back()?;
        let settled = last
            .settled
            .checked_sub(self.settled_before)
            .filter(|settled| *settled > 0)?;
        let left = self.planned.saturating_sub(last.settled);
        // The next wave waits for upgrades, and what is left to confirm is no device to be settled.
        if left == 0 || calls == 0 || self.wave.is_some() {
            return None;
        }
        let needed = u128::from(last.calls)
            .saturating_mul(left as u128)
            .div_ceil(settled as u128);
        let windows = u32::try_from(needed.saturating_sub(1) / u128::from(calls)).ok()?;
        Some(pause.saturating_add(window.length().saturating_mul(windows)))
    }

    /// The lines, of no more columns than these.
    pub(crate) fn lines(&self, progress: &Progress, columns: usize) -> Vec<String> {
        match progress.phase {
            Phase::Retrying => self.retrying(progress, columns),
            Phase::Judging => self.watching(self.told.since(self.before_wave), progress, columns),
            Phase::Verifying => self.confirming(columns),
            Phase::Watching => self.watching(self.latest, progress, columns),
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
        let tail = [
            format!("{:>3}%", percent(ended, counts.accepted)),
            format!("{} of {} ended", thousands(ended), thousands(counts.accepted)),
            duration_in_words(self.began.elapsed()),
        ];
        let bar = |bar_columns| {
            let parts = [(counts.succeeded, '█'), (counts.failed + counts.gone, '▓')];
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
                let counts = match progress.phase {
                    Phase::Judging => self.told.since(self.before_wave),
                    _ => self.latest,
                };
                Some(format!(
                    "{} of {} upgrades ended: {}",
                    thousands(counts.ended()),
                    thousands(counts.accepted),
                    counts.parts().join(", ")
                ))
            }
            Phase::Verifying => Some(format!(
                "confirming that {} have left `failed`",
                counted(summary.accepted, "device")
            )),
            Phase::Ended => None,
        }
    }
}

fn counted_reasons<'t>(reasons: impl Iterator<Item = &'t str>) -> HashMap<Arc<str>, usize> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(reason, count)| (reason.into(), count))
        .collect()
}

/// How far the reading of tasks has come.
pub(super) fn reading(progress: &ReadProgress, calls: &str, columns: usize) -> String {
    let read = thousands(progress.read);
    let mut tail = match progress.total {
        Some(total) => vec![
            format!("{:>3}%", percent(progress.read, total)),
            format!("{read} of {} tasks", thousands(total)),
        ],
        None => vec![format!("{read} tasks")],
    };
    if progress.selected != progress.read {
        tail.push(format!("{} selected", thousands(progress.selected)));
    }
    tail.push(calls.to_owned());
    let label = if progress.reading > 1 { "rereading" } else { "reading" };
    let whole = progress.total.unwrap_or(0);
    with_bar(
        label,
        |bar_columns| stacked_bar(&[(progress.read, '█')], '░', whole, bar_columns),
        &tail,
        columns,
    )
}

fn counted_times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", thousands(count)),
    }
}

/// A speed, with a digit behind the point where that says something.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed is no negative number"
)]
fn rounded(speed: f64) -> String {
    if speed < 99.95 {
        format!("{speed:.1}")
    } else {
        thousands(speed.round() as u64)
    }
}

fn with_bar(label: &str, bar: impl Fn(usize) -> String, tail: &[String], columns: usize) -> String {
    // Of the tail, as much as leaves room for a bar.
    let tail = join_fitting(tail.iter().cloned(), columns.saturating_sub(LABEL + 12));
    let room = columns.saturating_sub(LABEL + ::console::measure_text_width(&tail) + 2);
    let label = styled(HEADING, format_args!("{label:<LABEL$}"));
    format!("{label}{}  {tail}", tinted(&bar(room.min(LONGEST_BAR))))
}

/// A bar in colours. The glyphs tell the same.
fn tinted(bar: &str) -> String {
    let style_of = |glyph| match glyph {
        '█' => GOOD,
        '▓' => BAD,
        _ => FAINT,
    };
    let mut text = String::new();
    let mut rest = bar;
    while let Some(glyph) = rest.chars().next() {
        let end = rest.find(|c| c != glyph).unwrap_or(rest.len());
        text.push_str(&styled(style_of(glyph), &rest[..end]));
        rest = &rest[end..];
    }
    text
}

fn indented(parts: Vec<String>, columns: usize) -> String {
    format!(
        "{}{}",
        " ".repeat(LABEL),
        join_fitting(parts, columns.saturating_sub(LABEL))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_quota_takes_follows_from_the_calls_that_devices_took_so_far() {
        let picture = |settled_before, settled, calls, wave| Picture {
            planned: 100_000,
            is_canary: false,
            success_percent: 0.0,
            wave,
            told: Counts::default(),
            before_wave: Counts::default(),
            latest: Counts::default(),
            paused_until: None,
            began: Instant::now(),
            settled_before,
            reasons: HashMap::new(),
            samples: [Sample {
                at: Duration::ZERO,
                settled,
                calls,
            }]
            .into(),
        };
        let left = |picture: &Picture, calls| picture.left_with(Duration::from_secs(41), calls, Window::Minute);
        let minutes = |count: u64| Some(Duration::from_secs(41 + count * 60));
        // 600 calls for 20,000 devices: 2,400 more, in four windows, the first of which begins after the pause.
        assert_eq!(left(&picture(0, 20_000, 600, None), 600), minutes(3));
        assert_eq!(left(&picture(50_000, 70_000, 600, None), 600), minutes(1));
        assert_eq!(left(&picture(0, 99_999, 600, None), 600), minutes(0));
        let wave = Some(Wave { number: 1, of: 2 });
        for unknown in [
            picture(0, 0, 600, None),
            picture(0, 100_000, 600, None),
            picture(0, 9, 1, wave),
        ] {
            assert_eq!(left(&unknown, 600), None);
        }
        assert_eq!(left(&picture(0, 1, u64::MAX, None), 1), None);
    }
}
