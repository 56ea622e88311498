//! The rate at which calls are started, found by trial: what the gateway takes in a second.
//!
//! No quota is known at first, so the rate doubles until a call is throttled. The calls that were accepted in the second
//! before that tell the quota, more exactly the slower the rate was growing. It is held a little below that, and after
//! some time goes beyond, a little at first and then twice as far every half second, until a call is throttled again.

use std::collections::VecDeque;
use std::time::Duration;

use super::quotas::Episode;
use super::spacing::interval;

/// Calls per second at first, and the lowest and highest rate that are tried.
const FIRST_RATE: f64 = 50.0;
const LEAST_RATE: f64 = 0.1;
const MOST_RATE: f64 = 1e6;
/// How long the rate takes to double at first, and how many times as long with each throttled call. A gateway nearby
/// tells of it sooner.
const FIRST_DOUBLING: f64 = 0.1;
const SHORTEST_DOUBLING: f64 = 0.02;
const LATENCIES_A_DOUBLING: f64 = 10.0;
const SLOWER: f64 = 4.0;
/// How much faster than what was accepted the rate may have been for that to tell the quota.
const PRECISE: f64 = 1.3;
/// How much of the known quota is used. The rest is for calls that arrive less evenly than they were sent.
const MARGIN: f64 = 0.985;
/// By which share of the quota the rate goes beyond it at first, and in how many seconds that share doubles.
const PROBE: f64 = 0.01;
const PROBE_DOUBLING: f64 = 0.5;
/// For how many times the pause that it costs to ask for more a quota is held before.
const PAUSES: u32 = 25;
const SHORTEST_HOLD: Duration = Duration::from_secs(4);
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// Which share of the allowed calls must have been started for the rate to have been tried, and in which time.
const USED: f64 = 0.7;
const USAGE: f64 = 0.1;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The rate doubles again and again, in so many seconds.
    Search {
        doubling: f64,
    },
    Hold {
        known: f64,
        held: Duration,
        time: Duration,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// The user's limit, and what the gateway announces for a second.
    ceiling: f64,
    announced: f64,
    rate: f64,
    phase: Phase,
    /// Up to when the rate has grown.
    grown: Duration,
    /// When calls were sent that were accepted, in the last second and a little longer.
    accepted: VecDeque<Duration>,
    usage: Usage,
}

/// Whether as many calls are started as may be. If not, nobody knows what would have become of them.
#[derive(Clone, Debug, Default)]
struct Usage {
    began: Duration,
    allowed: f64,
    started: f64,
    idle: bool,
}

impl Trial {
    pub(super) fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            announced: f64::INFINITY,
            rate: FIRST_RATE.min(ceiling),
            phase: Phase::Search {
                doubling: FIRST_DOUBLING,
            },
            grown: Duration::ZERO,
            accepted: VecDeque::new(),
            usage: Usage::default(),
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn started(&mut self) {
        self.usage.started += 1.0;
    }

    /// A call that was sent then was not throttled.
    pub(super) fn accepted(&mut self, sent: Duration) {
        self.accepted.push_back(sent);
        while self
            .accepted
            .front()
            .is_some_and(|first| sent.saturating_sub(*first) > 2 * SECOND)
        {
            self.accepted.pop_front();
        }
    }

    /// The gateway announces so many calls a second.
    pub(super) fn announced(&mut self, limit: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a limit that large is none")]
        let limit = (limit as f64).max(LEAST_RATE);
        if self.announced.to_bits() != limit.to_bits() {
            self.announced = limit;
            self.hold(limit, SHORTEST_HOLD);
        }
    }

    /// Time has passed. `latency` is how long a call takes, if that is known.
    pub(super) fn advance(&mut self, now: Duration, latency: Option<f64>) {
        let passed = now.saturating_sub(self.grown);
        self.grown = self.grown.max(now);
        let Some(latency) = latency else { return };
        // In idle time the rate is not tried.
        let step = passed.min(
            interval(self.rate)
                .saturating_mul(2)
                .max(Duration::from_secs_f64(USAGE)),
        );
        if step.is_zero() {
            return;
        }
        let usage = &mut self.usage;
        usage.allowed += self.rate * step.as_secs_f64();
        if usage.allowed >= 4.0 && now.saturating_sub(usage.began).as_secs_f64() >= latency.clamp(USAGE, 1.0) {
            *usage = Usage {
                began: now,
                idle: usage.started < USED * usage.allowed,
                ..Usage::default()
            };
        }
        if usage.idle {
            return;
        }
        let rate = match &mut self.phase {
            Phase::Search { doubling } => {
                let soon = (LATENCIES_A_DOUBLING * latency).max(SHORTEST_DOUBLING);
                let doubling = if *doubling > FIRST_DOUBLING {
                    *doubling
                } else {
                    soon.min(FIRST_DOUBLING)
                };
                self.rate * (step.as_secs_f64() / doubling.max(3.0 * latency)).exp2()
            }
            Phase::Hold { known, held, time } => {
                *held = held.saturating_add(step);
                let beyond = held.saturating_sub(*time).as_secs_f64() / PROBE_DOUBLING.max(2.0 * latency);
                let probe = if beyond > 0.0 { PROBE * beyond.exp2() } else { 0.0 };
                MARGIN * *known * (1.0 + probe)
            }
        };
        self.set_rate(rate);
    }

    fn set_rate(&mut self, rate: f64) {
        let most = MOST_RATE.min(self.ceiling).min(MARGIN * self.announced);
        self.rate = rate.max(LEAST_RATE).min(most);
    }

    fn hold(&mut self, known: f64, time: Duration) {
        self.phase = Phase::Hold {
            known,
            held: Duration::ZERO,
            time,
        };
        self.set_rate(MARGIN * known);
    }

    /// Calls were throttled, the first of them sent at `first`, and are accepted again after a pause.
    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    pub(super) fn throttled(&mut self, now: Duration, Episode { first, pause }: Episode) {
        let second = first.saturating_sub(SECOND);
        let counted = self
            .accepted
            .iter()
            .filter(|sent| second < **sent && **sent <= first)
            .count() as f64;
        let counted = counted.max(LEAST_RATE);
        let precise = self.rate <= PRECISE * counted;
        let time = pause.saturating_mul(PAUSES).clamp(SHORTEST_HOLD, LONGEST_HOLD);
        match self.phase {
            Phase::Search { doubling } if !precise => {
                self.phase = Phase::Search {
                    doubling: SLOWER * doubling,
                };
                self.set_rate(counted);
            }
            Phase::Search { .. } => self.hold(counted.min(self.rate), time),
            Phase::Hold { held, time: after, .. } if held >= after && !precise => {
                self.phase = Phase::Search {
                    doubling: SLOWER * FIRST_DOUBLING,
                };
                self.set_rate(counted);
            }
            Phase::Hold {
                known,
                held,
                time: after,
            } => {
                let most = if held >= after { self.rate } else { MARGIN * known };
                self.hold(counted.min(most), time);
            }
        }
        self.usage = Usage {
            began: now,
            ..Usage::default()
        };
    }
}
