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
const TOLERANCE: f64 = 1.6;
const SLACK: f64 = 0.003;
/// How many times the calls are made that would be in flight without a queue.
const SPARE: f64 = 1.3;
/// For how long the base and the most answers of a round are believed.
const BASE: Duration = Duration::from_secs(10);
const MOST_ANSWERED: Duration = Duration::from_secs(1);
/// The share of the calls with which the base is measured anew, and for how many rounds.
const EMPTYING: f64 = 0.4;
const EMPTYING_ROUNDS: u8 = 2;

/// The greatest of the last while: one number for the span of time before, and one for this.
#[derive(Clone, Debug, Default)]
struct Most {
    spans: [f64; 2],
    began: Duration,
}

impl Most {
    fn add(&mut self, now: Duration, span: Duration, value: f64) -> f64 {
        if now.saturating_sub(self.began) > span {
            self.spans = [self.spans[1], value];
            self.began = now;
        }
        self.spans[1] = self.spans[1].max(value);
        self.spans[0].max(self.spans[1])
    }
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    most: usize,
    /// The median of the last round, in seconds.
    typical: Option<f64>,
    /// The inverse of the base latency.
    speed: Most,
    answered: Most,
    /// How many calls may be in flight; infinite while no queue has been seen.
    limit: f64,
    /// Whether calls from before the last cut may still be among those that end, and the latency at that cut.
    settling: bool,
    cut_at: f64,
    /// When the base was last measured, and for how many rounds it still is.
    measured: Duration,
    emptying: u8,
    /// This round: when it began, the latencies, and whether more calls were to be made than could be.
    began: Duration,
    latencies: Vec<Duration>,
    full: bool,
}

impl Flight {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            typical: None,
            speed: Most::default(),
            answered: Most::default(),
            limit: f64::INFINITY,
            settling: false,
            cut_at: f64::INFINITY,
            measured: Duration::ZERO,
            emptying: 0,
            began: Duration::ZERO,
            latencies: Vec::new(),
            full: false,
        }
    }

    /// How long a call takes, in seconds.
    pub(super) fn typical(&self) -> Option<f64> {
        self.typical
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn limit(&self) -> usize {
        let share = if self.emptying > 0 { EMPTYING } else { 1.0 };
        ((self.limit * share) as usize).clamp(1, self.most)
    }

    pub(super) fn full(&mut self) {
        self.full = true;
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    pub(super) fn answered(&mut self, now: Duration, took: Duration, in_flight: usize) {
        self.latencies.push(took);
        let typical = *self.typical.get_or_insert(took.as_secs_f64());
        let length = Duration::try_from_secs_f64(1.25 * typical).unwrap_or(LONGEST_ROUND);
        let lasted = now.saturating_sub(self.began);
        let answers = self.latencies.len();
        if answers < FEWEST_ANSWERS || lasted < length.clamp(ROUND, LONGEST_ROUND) {
            return;
        }
        let latency = self
            .latencies
            .select_nth_unstable(answers / 2)
            .1
            .as_secs_f64()
            .max(1e-6);
        let answered = self
            .answered
            .add(now, MOST_ANSWERED, answers as f64 / lasted.as_secs_f64());
        self.end_round(now, latency, answered, in_flight as f64);
        self.typical = Some(latency);
        self.latencies.clear();
        self.began = now;
        self.full = false;
    }

    fn end_round(&mut self, now: Duration, latency: f64, answered: f64, in_flight: f64) {
        let base = 1.0 / self.speed.add(now, BASE, 1.0 / latency);
        let queue = latency > TOLERANCE * base + SLACK;
        let useful = SPARE * answered * base + 2.0;
        if self.emptying > 0 {
            self.emptying -= 1;
            if self.emptying == 0 {
                self.set_base(now, latency);
            }
        } else if self.settling || in_flight > 1.1 * self.limit + 2.0 {
            self.settling = in_flight > 1.1 * self.limit + 2.0;
        } else if queue && latency > 0.9 * self.cut_at {
            // It has become slower, but not for our calls.
            self.set_base(now, latency);
        } else if queue && useful < 0.9 * self.limit {
            if self.limit.is_infinite() {
                self.measured = now;
            }
            self.limit = useful;
            self.cut_at = latency;
            self.settling = true;
        } else if !queue {
            self.cut_at = f64::INFINITY;
            self.limit += if self.full { self.limit.sqrt() } else { 0.0 };
        }
        if self.limit.is_finite() && now.saturating_sub(self.measured) > BASE {
            self.emptying = EMPTYING_ROUNDS;
            self.measured = now;
        }
    }

    fn set_base(&mut self, now: Duration, latency: f64) {
        self.speed = Most {
            spans: [1.0 / latency; 2],
            began: now,
        };
        self.measured = now;
        self.cut_at = f64::INFINITY;
    }
}
