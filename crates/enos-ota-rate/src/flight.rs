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
/// In how many seconds the base doubles, and the most answers of a round halve, if they are not seen again.
const BASE: f64 = 60.0;
const ANSWERED: f64 = 2.0;
/// How often the base is measured anew, with which share of the calls, and for how many rounds.
const MEASURED: Duration = Duration::from_secs(10);
const EMPTYING: f64 = 0.4;
const EMPTYING_ROUNDS: u8 = 2;

#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    most: usize,
    /// The median of the last round, in seconds.
    typical: Option<f64>,
    /// The shortest latency and the most answers a second of the last while.
    base: f64,
    answered: f64,
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
            base: f64::INFINITY,
            limit: f64::INFINITY,
            cut_at: f64::INFINITY,
            ..Self::default()
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
        let lasted = lasted.as_secs_f64();
        self.base = (self.base * (lasted / BASE).exp2()).min(latency);
        self.answered = (self.answered * (-lasted / ANSWERED).exp2()).max(answers as f64 / lasted);
        self.end_round(now, latency, in_flight as f64);
        self.typical = Some(latency);
        self.latencies.clear();
        self.began = now;
        self.full = false;
    }

    fn end_round(&mut self, now: Duration, latency: f64, in_flight: f64) {
        let queue = latency > TOLERANCE * self.base + SLACK;
        let useful = SPARE * self.answered * self.base + 2.0;
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
        if self.limit.is_finite() && now.saturating_sub(self.measured) > MEASURED {
            self.emptying = EMPTYING_ROUNDS;
            self.measured = now;
        }
    }

    fn set_base(&mut self, now: Duration, latency: f64) {
        self.base = latency;
        self.measured = now;
        self.cut_at = f64::INFINITY;
    }
}
