//! A campaign that has more to call than it can.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::gateway::{Gateway, ms};
use enos_ota_rate::Wait;
use enos_ota_rate::{CallResult, RateControl, RateSettings, Window};

/// How often answers are counted.
const TENTH: Duration = Duration::from_millis(100);

/// What came of a campaign.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Calls answered in each tenth of a second.
    pub(crate) answered: Vec<u32>,
    pub(crate) throttled: u32,
    /// The most calls in flight in each tenth of a second.
    pub(crate) in_flight: Vec<usize>,
    /// Calls that were throttled in each minute and hour of the gateway's clock.
    pub(crate) futile: BTreeMap<(Window, i64), u32>,
}

impl Run {
    pub(crate) fn total(&self) -> u32 {
        self.answered.iter().sum()
    }

    /// Answers per second between two times.
    pub(crate) fn rate(&self, from: Duration, to: Duration) -> f64 {
        let tenths = tenth(from)..tenth(to);
        f64::from(self.answered[tenths].iter().sum::<u32>()) / to.saturating_sub(from).as_secs_f64()
    }

    pub(crate) fn throttled_share(&self) -> f64 {
        f64::from(self.throttled) / f64::from(self.throttled + self.total())
    }

    /// The end of the first second with so many answers.
    pub(crate) fn reached(&self, answers: f64) -> Option<f64> {
        let mut seconds = self.answered.windows(10);
        let first = seconds.position(|second| f64::from(second.iter().sum::<u32>()) >= answers)?;
        u32::try_from(first).ok().map(|first| f64::from(first) / 10.0 + 1.0)
    }

    /// The most throttled calls in one window, but for the first ones.
    pub(crate) fn most_futile(&self, window: Window, after: usize) -> u32 {
        let windows = self.futile.iter().filter(|((of, _), _)| *of == window);
        windows.skip(after).map(|(_, calls)| *calls).max().unwrap_or(0)
    }
}

pub(crate) fn tenth(time: Duration) -> usize {
    usize::try_from(time.as_nanos() / TENTH.as_nanos()).unwrap()
}

pub(crate) fn run(settings: RateSettings, mut gateway: Gateway, lasts: Duration) -> Run {
    let mut rate = RateControl::new(settings);
    let mut run = Run {
        answered: vec![0; tenth(lasts)],
        in_flight: vec![0; tenth(lasts)],
        ..Run::default()
    };
    let mut ends = BinaryHeap::new();
    let mut all = vec![];
    let mut now = Duration::ZERO;
    while now < lasts {
        let wake = loop {
            match rate.may_start(now) {
                Wait::Now => {
                    rate.started(now);
                    let end = gateway.call(now);
                    ends.push(Reverse((end.at, now, all.len())));
                    all.push(end);
                }
                Wait::Until(at) => {
                    assert!(at > now);
                    // Timers count in milliseconds.
                    let tick = ms(u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap());
                    let late = gateway.random().powi(3);
                    break tick + gateway.late.mul_f64(late);
                }
                Wait::NextEnd => break Duration::MAX,
            }
        };
        let in_flight = &mut run.in_flight[tenth(now)];
        *in_flight = ends.len().max(*in_flight);
        match ends.peek() {
            Some(Reverse((end, started, call))) if *end <= wake => {
                let (started, call) = (*started, *call);
                now = *end;
                ends.pop();
                let end = &all[call];
                match end.result {
                    _ if now >= lasts => {}
                    CallResult::Answered => run.answered[tenth(now)] += 1,
                    CallResult::Throttled { .. } => {
                        run.throttled += 1;
                        for window in [Window::Minute, Window::Hour] {
                            *run.futile.entry((window, gateway.window(now, window))).or_default() += 1;
                        }
                    }
                    CallResult::Failed => {}
                }
                let wall_ms = gateway.own_clock_ms(now);
                rate.ended(now, wall_ms, now.saturating_sub(started), end.result, &end.announced);
            }
            _ => {
                assert_ne!(wake, Duration::MAX, "nothing to wait for");
                now = wake;
            }
        }
    }
    run
}

pub(crate) fn find_rate(gateway: Gateway, lasts: Duration) -> Run {
    run(RateSettings::default(), gateway, lasts)
}

/// The used part of so many calls a second.
pub(crate) fn used(run: &Run, per_second: f64, lasts: Duration) -> f64 {
    f64::from(run.total()) / (per_second * lasts.as_secs_f64())
}
