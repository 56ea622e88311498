//! How a campaign looks while it runs: a few lines, redrawn again and again.

mod bars;
mod counts;
mod draw;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enos_ota::Window;
use enos_ota_campaign::{DeviceTable, Event, Fate, Outcome, Phase, Progress, Settings, Watcher};

use crate::upgrades::Upgrades;
pub(super) use bars::reading;
use counts::Counts;

/// Over so long speeds are measured.
const WINDOW: Duration = Duration::from_secs(10);

/// What is known from the events of a campaign.
pub(crate) struct ProgressView {
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
    /// How far the upgrades were when their following began, of this wave or of all.
    watch_began: Option<WatchBegan>,
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

#[derive(Clone, Copy)]
struct WatchBegan {
    at: Duration,
    ended: usize,
    share: f64,
}

struct Sample {
    at: Duration,
    settled: usize,
    calls: u64,
}

impl ProgressView {
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
            watch_began: None,
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
            watch_began: None,
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
                self.watch_began = None;
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
        match progress.phase {
            Phase::Judging | Phase::Watching => {
                let counts = self.watched(progress);
                self.watch_began.get_or_insert(WatchBegan {
                    at,
                    ended: counts.ended(),
                    share: counts.share(),
                });
            }
            _ => self.watch_began = None,
        }
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

    /// The devices whose upgrades are followed now: those of the wave, or all.
    fn watched(&self, progress: &Progress) -> Counts {
        if progress.phase != Phase::Judging {
            return self.latest;
        }
        Counts {
            stages: self.latest.stages,
            ..self.told.since(self.before_wave)
        }
    }

    fn watched_for(&self, progress: &Progress) -> Duration {
        let began = self.watch_began.map_or(progress.elapsed, |began| began.at);
        progress.elapsed.saturating_sub(began)
    }

    /// Upgrades that end per second, and how long the others will take at the speed so far.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn watch_speed(&self, counts: Counts, now: Duration) -> (Option<f64>, Option<Duration>) {
        let Some(began) = self.watch_began else {
            return (None, None);
        };
        let seconds = now.saturating_sub(began.at).as_secs_f64();
        if seconds < 2.0 {
            return (None, None);
        }
        let ended = counts.ended().saturating_sub(began.ended);
        let rate = (ended > 0).then(|| ended as f64 / seconds);
        let (done, open) = (counts.share() - began.share, 1.0 - counts.share());
        // Before that, most still wait for their devices, and the guess would be far too long.
        let left = (done >= 0.1 && open > 0.0).then(|| (seconds * open / done).min(1e7));
        (rate, left.map(|left| Duration::from_secs_f64(left.ceil())))
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

#[cfg(test)]
mod tests {
    use enos_ota_campaign::Stages;

    use super::*;

    fn view(settled_before: usize, settled: usize, calls: u64, wave: Option<Wave>) -> ProgressView {
        ProgressView {
            planned: 100_000,
            is_canary: false,
            success_percent: 0.0,
            wave,
            told: Counts::default(),
            before_wave: Counts::default(),
            latest: Counts::default(),
            paused_until: None,
            watch_began: None,
            settled_before,
            reasons: HashMap::new(),
            samples: [Sample {
                at: Duration::ZERO,
                settled,
                calls,
            }]
            .into(),
        }
    }

    #[test]
    fn the_time_that_a_quota_takes_follows_from_the_calls_that_devices_took_so_far() {
        let left = |view: &ProgressView, calls| view.left_with(Duration::from_secs(41), calls, Window::Minute);
        let minutes = |count: u64| Some(Duration::from_secs(41 + count * 60));
        // 600 calls for 20,000 devices: 2,400 more, in four windows, the first of which begins after the pause.
        assert_eq!(left(&view(0, 20_000, 600, None), 600), minutes(3));
        assert_eq!(left(&view(50_000, 70_000, 600, None), 600), minutes(1));
        assert_eq!(left(&view(0, 99_999, 600, None), 600), minutes(0));
        let wave = Some(Wave { number: 1, of: 2 });
        for unknown in [view(0, 0, 600, None), view(0, 100_000, 600, None), view(0, 9, 1, wave)] {
            assert_eq!(left(&unknown, 600), None);
        }
        assert_eq!(left(&view(0, 1, u64::MAX, None), 1), None);
    }

    #[test]
    fn what_is_under_way_counts_by_its_progress_and_tells_when_all_will_have_ended() {
        let mut view = view(0, 0, 0, None);
        let at = |seconds, succeeded, stages| {
            let mut progress = Progress::default();
            progress.phase = Phase::Watching;
            progress.summary.accepted = 100;
            progress.elapsed = Duration::from_secs(seconds);
            progress.stages = Some(stages);
            for (fate, count) in Fate::ALL.iter().zip(&mut progress.fates) {
                *count = if *fate == Fate::Succeeded { succeeded } else { 0 };
            }
            progress
        };
        let stages = |waiting, upgrading, percent| Stages {
            waiting,
            upgrading,
            percent,
        };
        let mut sentence = |progress: &Progress| {
            view.take_progress(progress);
            anstream::adapter::strip_str(&view.sentence(progress).unwrap()).to_string()
        };
        assert_eq!(
            sentence(&at(10, 0, stages(100, 0, 0))),
            "0 of 100 upgrades ended: 0 succeeded, 100 waiting; 0 s"
        );
        assert_eq!(
            sentence(&at(20, 0, stages(0, 80, 4000))),
            "0 of 100 upgrades ended: 0 succeeded, 80 upgrading, 50 % on average, 20 under way; about 15 s left"
        );
        assert_eq!(
            sentence(&at(30, 75, stages(0, 25, 500))),
            "75 of 100 upgrades ended: 75 succeeded, 25 upgrading, 20 % on average; 3.8/s, about 5 s left"
        );
    }
}
