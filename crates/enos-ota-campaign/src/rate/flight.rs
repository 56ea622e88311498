//! How many calls are in flight: what the gateway can do at a time.
//!
//! A gateway without a quota still does only so much at a time. What is more waits in a queue, and takes longer for it
//! without any more being answered. The base latency is the shortest of the last seconds. When calls take much longer,
//! no more are made than were answered in that time, and a few to keep the gateway busy, as in TCP Vegas and BBR.
//!
//! Two things are easily mistaken for a queue. A gateway may be slower for another reason: then fewer calls make no
//! difference, and what they take now is the base. And if there has always been a queue, nobody knows the base: so it
//! is measured now and then with fewer calls.

use std::time::Duration;

/// A round lasts a little longer than a call, within these limits, and has this many answers at least.
const ROUND: Duration = Duration::from_millis(50);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
const FEWEST_ANSWERS: usize = 4;
/// How much longer than the base a call may take: so many times as long, and so many seconds more.
const TOLERANCE: f64 = 1.75;
const SLACK: f64 = 0.003;
/// How many times the calls are made that would be in flight without a queue.
const SPARE: f64 = 1.3;
/// For how long the base and the most answers of a round are believed.
const BELIEVED: Duration = Duration::from_secs(5);
const MOST_ANSWERED: Duration = Duration::from_secs(1);
/// The share of the calls with which the base is measured anew, and for how many rounds.
const EMPTYING: f64 = 0.4;
const EMPTYING_ROUNDS: u8 = 2;

/// The smallest or greatest of the last while: one number for the span of time before, and one for this.
#[derive(Clone, Debug)]
struct Extreme {
    spans: [f64; 2],
    began: Duration,
}

impl Extreme {
    fn new(first: f64) -> Self {
        Self {
            spans: [first; 2],
            began: Duration::ZERO,
        }
    }

    fn add(&mut self, now: Duration, span: Duration, value: f64, choose: fn(f64, f64) -> f64) -> f64 {
        if now.saturating_sub(self.began) > span {
            self.spans = [self.spans[1], value];
            self.began = now;
        }
        self.spans[1] = choose(self.spans[1], value);
        choose(self.spans[0], self.spans[1])
    }
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    most: usize,
    /// The median of the last round, in seconds.
    typical: Option<f64>,
    base: Extreme,
    answered: Extreme,
    /// There is none while no queue has been seen.
    limit: Option<Limit>,
    round: Round,
}

#[derive(Clone, Debug)]
struct Limit {
    calls: f64,
    /// Whether calls from before the last cut may still be among those that end.
    settling: bool,
    /// The latency at the last cut.
    latency: f64,
    /// When the base was last known.
    measured: Duration,
    /// For how many rounds fewer calls are made.
    emptying: u8,
}

#[derive(Clone, Debug, Default)]
struct Round {
    began: Duration,
    latencies: Vec<Duration>,
    /// Whether more calls were to be made than could be.
    full: bool,
}

impl Flight {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            typical: None,
            base: Extreme::new(f64::INFINITY),
            answered: Extreme::new(0.0),
            limit: None,
            round: Round::default(),
        }
    }

    /// How long a call takes, in seconds.
    pub(super) fn typical(&self) -> Option<f64> {
        self.typical
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn limit(&self) -> usize {
        self.limit.as_ref().map_or(self.most, |limit| {
            let share = if limit.emptying > 0 { EMPTYING } else { 1.0 };
            ((limit.calls * share) as usize).clamp(1, self.most)
        })
    }

    pub(super) fn full(&mut self) {
        self.round.full = true;
    }

    pub(super) fn answered(&mut self, now: Duration, took: Duration) {
        self.round.latencies.push(took);
        let typical = *self.typical.get_or_insert(took.as_secs_f64());
        let length = Duration::try_from_secs_f64(1.25 * typical).unwrap_or(LONGEST_ROUND);
        let lasted = now.saturating_sub(self.round.began);
        if self.round.latencies.len() >= FEWEST_ANSWERS && lasted >= length.clamp(ROUND, LONGEST_ROUND) {
            self.end_round(now, lasted);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    fn end_round(&mut self, now: Duration, lasted: Duration) {
        let answers = self.round.latencies.len();
        let latency = self.round.latencies.select_nth_unstable(answers / 2).1.as_secs_f64();
        let full = self.round.full;
        self.round.latencies.clear();
        self.round.began = now;
        self.round.full = false;
        self.typical = Some(latency);
        let answered = answers as f64 / lasted.as_secs_f64();
        let answered = self.answered.add(now, MOST_ANSWERED, answered, f64::max);
        let base = self.base.add(now, BELIEVED, latency, f64::min).max(1e-6);
        let queue = latency > TOLERANCE * base + SLACK;
        let useful = SPARE * answered * base + 3.0;
        let Some(limit) = &mut self.limit else {
            if queue {
                self.limit = Some(Limit {
                    calls: useful,
                    settling: true,
                    latency,
                    measured: now,
                    emptying: 0,
                });
            }
            return;
        };
        if limit.emptying > 0 {
            limit.emptying -= 1;
            if limit.emptying == 0 {
                self.base = Extreme {
                    spans: [latency; 2],
                    began: now,
                };
                limit.measured = now;
            }
        } else if limit.settling {
            limit.settling = false;
        } else if queue && latency > 0.9 * limit.latency {
            // It has become slower, but not for our calls.
            self.base = Extreme {
                spans: [latency; 2],
                began: now,
            };
            self.limit = None;
            return;
        } else if queue {
            limit.calls = useful.min(limit.calls);
            limit.latency = latency;
            limit.settling = true;
        } else if full {
            limit.calls += limit.calls.sqrt();
            if limit.calls >= self.most as f64 {
                self.limit = None;
                return;
            }
        }
        if now.saturating_sub(limit.measured) > BELIEVED {
            limit.emptying = EMPTYING_ROUNDS;
            limit.measured = now;
        }
    }
}
