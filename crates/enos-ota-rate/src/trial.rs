//! The rate at which calls are started, found by trial: what the gateway takes in a second.
//!
//! No quota is known at first, so the rate doubles until a call is throttled. The calls that were accepted in the second
//! before that tell the quota, more exactly the slower the rate was growing. It is held a little below that, and after
//! some time goes beyond, a little at first and then twice as far every half second, until a call is throttled again.

use std::collections::VecDeque;
use std::time::Duration;

use super::quotas::Episode;

/// Calls per second at first, and the lowest and highest rate that are tried. A quota of a second is one call at least.
const FIRST_RATE: f64 = 50.0;
const LEAST_RATE: f64 = 1.0;
const MOST_RATE: f64 = 1e6;
/// What an announced quota of nothing at all counts as.
const LEAST_ANNOUNCED: f64 = 0.1;
/// How many seconds the rate takes to double at first. A gateway nearby tells sooner when it is too much.
const FIRST_DOUBLING: f64 = 0.1;
const SHORTEST_DOUBLING: f64 = 0.02;
/// How many times as long it takes after each throttled call, and if the pause is a long one; and the longest time.
const SLOWER: f64 = 4.0;
const MUCH_SLOWER: f64 = 16.0;
const LONGEST_DOUBLING: f64 = 10.0;
/// Fewer calls in a second are no measure of a quota: one that is found by them is soon tried again.
const FEW: f64 = 10.0;
const FEW_DOUBLING: f64 = 0.7;
const FEW_HOLD: f64 = 1.0;
/// How much faster than what was accepted the rate may have been for that to tell the quota.
const PRECISE: f64 = 1.3;
/// How much of the known quota is used. The rest is for calls that arrive less evenly than they were sent.
const MARGIN: f64 = 0.985;
/// By which share of the quota the rate goes beyond it at first, and in how many seconds that share doubles.
const PROBE: f64 = 0.01;
const PROBE_DOUBLING: f64 = 0.5;
/// For how many times the pause that it costs to ask for more a quota is held before, within these limits.
const PAUSES: f64 = 25.0;
const HOLD: (f64, f64) = (4.0, 60.0);
/// A pause of so many seconds is a long one. If the quota was not known well, more is left of it each time.
const LONG_PAUSE: f64 = 0.5;
const CUT: f64 = 0.08;
/// Which share of the allowed calls must have been started for the rate to have been tried, and in how many seconds.
const USED: f64 = 0.7;
const USAGE: f64 = 0.1;

#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// The user's limit, and what the gateway announces for a second.
    ceiling: f64,
    announced: f64,
    rate: f64,
    /// The rate that is held, none in a search, and for how many seconds it still is.
    held: f64,
    rest: f64,
    /// How far the rate goes beyond it then, and in how many seconds that doubles.
    beyond: f64,
    doubling: f64,
    searching: bool,
    /// How many times in a row the held rate was soon too much.
    strikes: f64,
    /// Up to when the rate has grown.
    grown: Duration,
    /// When calls were sent that were accepted, in the last second and a little longer.
    accepted: VecDeque<Duration>,
    /// Since when the calls are counted that were allowed and started, and whether there were too few before to know what
    /// would have become of more.
    counted: Duration,
    allowed: f64,
    started: f64,
    idle: bool,
    /// Whether no call has shown yet what becomes of a new rate.
    settling: bool,
}

impl Trial {
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            announced: f64::INFINITY,
            rate: FIRST_RATE.min(ceiling),
            beyond: FIRST_RATE,
            doubling: FIRST_DOUBLING,
            searching: true,
            ..Self::default()
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn started(&mut self) {
        self.started += 1.0;
    }

    /// A call that was sent then was not throttled. While others are, the calls from before are kept to be counted.
    pub(super) fn accepted(&mut self, sent: Duration, throttling: bool) {
        self.accepted.push_back(sent);
        let old = sent.saturating_sub(Duration::from_secs(2));
        while !throttling && self.accepted.front().is_some_and(|first| *first < old) {
            self.accepted.pop_front();
        }
    }

    /// The gateway announces so many calls a second.
    #[expect(clippy::cast_precision_loss, reason = "a limit that large is none")]
    pub(super) fn announced(&mut self, limit: u64) {
        let limit = (limit as f64).max(LEAST_ANNOUNCED);
        if self.announced.to_bits() != limit.to_bits() {
            self.announced = limit;
            self.hold(limit, HOLD.0);
        }
    }

    /// Time has passed in which calls could be started. `latency` is how long a call takes.
    pub(super) fn advance(&mut self, now: Duration, latency: Option<f64>) {
        let passed = now.saturating_sub(self.grown).as_secs_f64();
        self.grown = now;
        // In idle time the rate is not tried.
        let step = passed.min(USAGE.max(2.0 / self.rate));
        let Some(latency) = latency.filter(|_| step > 0.0) else {
            return;
        };
        self.allowed += self.rate * step;
        let counted = now.saturating_sub(self.counted).as_secs_f64();
        if self.allowed >= 4.0 && counted >= latency.clamp(USAGE, 1.0) {
            self.idle = self.started < USED * self.allowed;
            self.count_from(now);
        }
        self.settling &= counted < latency.clamp(USAGE, 1.0);
        if self.idle || self.settling {
            return;
        }
        self.rest -= step;
        let nearby = if self.doubling > FIRST_DOUBLING {
            f64::INFINITY
        } else {
            10.0 * latency
        };
        let doubling = self.doubling.min(nearby.max(SHORTEST_DOUBLING)).max(4.0 * latency);
        if self.rest < 0.0 {
            self.beyond *= (step / doubling).exp2();
            self.set_rate(self.held + self.beyond);
        }
    }

    fn count_from(&mut self, now: Duration) {
        self.counted = now;
        self.allowed = 0.0;
        self.started = 0.0;
    }

    fn set_rate(&mut self, rate: f64) {
        let most = MOST_RATE.min(self.ceiling).min(MARGIN * self.announced);
        self.rate = rate.max(LEAST_RATE).min(most);
    }

    fn hold(&mut self, quota: f64, time: f64) {
        (self.held, self.rest) = (MARGIN * quota, time);
        (self.beyond, self.doubling, self.searching) = (PROBE * self.held, PROBE_DOUBLING, false);
        self.set_rate(self.held);
    }

    fn search(&mut self, from: f64, doubling: f64) {
        (self.held, self.rest) = (0.0, 0.0);
        (self.beyond, self.doubling, self.searching) = (from, doubling, true);
        self.set_rate(from);
    }

    /// Calls were throttled and are accepted again.
    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    pub(super) fn throttled(&mut self, now: Duration, episode: Episode) {
        let last_second = episode.first.saturating_sub(Duration::from_secs(1))..episode.first;
        let accepted = self.accepted.iter().filter(|sent| last_second.contains(sent)).count() as f64;
        let pause = episode.pause.as_secs_f64();
        if self.idle {
            // There were fewer calls than allowed, so it was not the rate: others use the quota too, or there is none.
            self.search(accepted.max(self.rate / 2.0), SLOWER * FIRST_DOUBLING);
        } else if self.rate > PRECISE * accepted && (self.searching || self.rest < 0.0) {
            let slower = if pause > LONG_PAUSE { MUCH_SLOWER } else { SLOWER };
            let doubling = if self.searching {
                slower * self.doubling
            } else {
                SLOWER * FIRST_DOUBLING
            };
            let longest = if accepted < FEW { FEW_DOUBLING } else { LONGEST_DOUBLING };
            self.search(accepted.max(FEW.min(self.rate / 4.0)), doubling.min(longest));
        } else {
            let soon = !self.searching && self.rest > 0.0 && pause > LONG_PAUSE;
            self.strikes = if soon { self.strikes + 1.0 } else { 0.0 };
            let most = if self.searching || self.rest < 0.0 {
                self.rate
            } else {
                self.held
            };
            let quota =
                accepted.max(FEW.min(most / 4.0)).min(most) * (1.0 - CUT * (self.strikes - 1.0)).clamp(0.5, 1.0);
            let doubtful = accepted < most / 2.0 || accepted < FEW;
            let time = if doubtful {
                FEW_HOLD
            } else {
                (PAUSES * pause).clamp(HOLD.0, HOLD.1)
            };
            self.hold(quota, time);
        }
        self.settling = true;
        self.count_from(now);
    }
}
