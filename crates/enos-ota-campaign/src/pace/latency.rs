//! How many calls are under way: what the gateway can do at a time.
//!
//! A gateway that has no quota still does only so much at a time. What is more waits in line, and takes longer for it
//! without any more being answered. So the usual time of a call is known, which is the shortest of the last seconds, and
//! when calls take much longer although no more of them are answered, fewer are made at a time: as many as were answered
//! in the usual time, and some more, for a short line keeps the gateway busy. This is TCP Vegas, and what BBR and the
//! gradient limits of other clients have in common with it.
//!
//! Two things are easily mistaken for a line. A gateway may have become slower for another reason; then fewer calls make
//! no difference, and what they take now is the usual time. And if there has always been a line, nobody knows the usual
//! time; so it is measured now and then with fewer calls.

use std::time::Duration;

/// A decision is taken so often at most, and after so many answers at least.
const ROUND: Duration = Duration::from_millis(50);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
const FEWEST_ANSWERS: usize = 4;
/// Of how many answers of a round the latency is looked at.
const SAMPLES: usize = 256;
/// How much longer than usual a call may take: so many times as long, and so many seconds more.
const TOLERANCE: f64 = 1.75;
const SLACK: f64 = 0.003;
/// With which latency there is certainly a line, and with which there is none.
const LINE: f64 = 5.0;
const NO_LINE: f64 = 1.15;
/// After so many slow answers one after the other, no further calls are added to those under way.
const SLOW: f64 = 2.0;
const SLOW_ANSWERS: u32 = 4;
const MANY_SLOW_ANSWERS: u32 = 8;
/// By how much more has to be answered for more calls at a time to be worth it.
const WORTH: f64 = 1.15;
/// How many times the calls of the usual time are made at first when there is a line, and are at the least.
const FIRST_LIMIT: f64 = 1.3;
const LEAST_LIMIT: f64 = 1.2;
const CUT: f64 = 0.7;
/// How many more calls are made in the next round, in square roots of their number: without a line, and with a short one.
const STEP: f64 = 1.0;
const CAREFUL_STEP: f64 = 0.5;
/// How long the most answers of a round are remembered, and once more. A busy processor has better and worse moments, and
/// fewer calls in a worse one would be too few for the next.
const MOST_ANSWERED: Duration = Duration::from_secs(1);
/// For how long the usual time is believed.
const USUAL: Duration = Duration::from_secs(5);
/// The share of the calls of the usual time with which it is measured anew, and for how many rounds.
const EMPTYING: f64 = 0.75;
const EMPTYING_ROUNDS: u8 = 2;

#[derive(Clone, Debug)]
pub(super) struct Latency {
    most: usize,
    /// The median of the last round.
    typical: Option<Duration>,
    /// The shortest in seconds, and what it was in the last two spans of time.
    usual: f64,
    spans: [f64; 2],
    span_began: Duration,
    /// How many answers one after the other were slow.
    slow: u32,
    /// Answers per second in the last round, and the most in the last two spans of time.
    answered: f64,
    most_answered: [f64; 2],
    most_began: Duration,
    /// No line has been seen if there is none.
    limit: Option<Limit>,
    round: Round,
}

#[derive(Clone, Debug)]
struct Limit {
    calls: f64,
    /// Whether calls from before the last cut may still be among those that end.
    settling: bool,
    /// The latency at the last cut, and how many cuts have made no difference.
    latency: f64,
    useless: u8,
    /// When there was no line.
    free: Duration,
    /// For how many rounds fewer calls are made, to measure the usual time.
    emptying: u8,
}

#[derive(Clone, Debug, Default)]
struct Round {
    began: Duration,
    answers: usize,
    latencies: Vec<Duration>,
    /// The most calls that were under way at a time.
    peak: usize,
    /// Whether there would have been more.
    full: bool,
}

impl Latency {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            typical: None,
            usual: f64::INFINITY,
            spans: [f64::INFINITY; 2],
            span_began: Duration::ZERO,
            slow: 0,
            answered: 0.0,
            most_answered: [0.0; 2],
            most_began: Duration::ZERO,
            limit: None,
            round: Round::default(),
        }
    }

    pub(super) fn typical(&self) -> Option<Duration> {
        self.typical
    }

    /// How many calls may be under way.
    pub(super) fn limit(&self) -> usize {
        let Some(limit) = &self.limit else {
            return self.most;
        };
        let line = self.typical.map_or(1.0, |typical| typical.as_secs_f64() / self.usual);
        let share = if limit.emptying > 0 {
            EMPTYING / line.max(1.0)
        } else {
            1.0
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let calls = (limit.calls * share) as usize;
        calls.clamp(1, self.most.max(1))
    }

    /// Whether a line seems to form.
    pub(super) fn is_slow(&self) -> bool {
        self.slow >= SLOW_ANSWERS
    }

    /// There are as many calls under way as may be, and more to be made.
    pub(super) fn full(&mut self) {
        self.round.full = true;
    }

    pub(super) fn started(&mut self, in_flight: usize) {
        self.round.peak = self.round.peak.max(in_flight);
    }

    /// Takes note of an answer. If a line has been found by it, returns how many answers a second there are.
    pub(super) fn answered(&mut self, now: Duration, took: Duration, in_flight: usize) -> Option<f64> {
        let round = &mut self.round;
        if round.latencies.len() < SAMPLES {
            round.latencies.push(took);
        } else {
            round.latencies[round.answers % SAMPLES] = took;
        }
        round.answers += 1;
        let typical = *self.typical.get_or_insert(took);
        let slow = took.as_secs_f64() > SLOW * self.usual + SLACK;
        self.slow = if slow { self.slow.saturating_add(1) } else { 0 };

        let lasted = now.saturating_sub(round.began);
        // As long as a call and a little more, so that most answers are to calls of the last round.
        let long_enough = lasted >= (typical.saturating_mul(5) / 4).clamp(ROUND, LONGEST_ROUND);
        let line = self.limit.is_none() && self.slow == MANY_SLOW_ANSWERS && lasted >= ROUND / 2;
        if round.answers >= FEWEST_ANSWERS && (long_enough || line) {
            self.end_round(now, lasted, in_flight)
        } else {
            None
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    fn end_round(&mut self, now: Duration, lasted: Duration, in_flight: usize) -> Option<f64> {
        let next = Round {
            began: now,
            peak: in_flight,
            ..Round::default()
        };
        let mut round = std::mem::replace(&mut self.round, next);
        let middle = round.latencies.len() / 2;
        let typical = *round.latencies.select_nth_unstable(middle).1;
        self.typical = Some(typical);
        let typical = typical.as_secs_f64();
        let answered = round.answers as f64 / lasted.as_secs_f64();
        let answered_before = std::mem::replace(&mut self.answered, answered);
        self.observe(now, typical, answered);

        let line = typical > TOLERANCE * self.usual + SLACK;
        if let Some(mut limit) = self.limit.take() {
            if typical <= NO_LINE * self.usual {
                limit.free = now;
            }
            self.limit = self.next_limit(limit, &round, now, typical, line);
            return None;
        }
        let useless = typical > LINE * self.usual + SLACK || answered < WORTH * answered_before;
        if !line || !useless {
            return None;
        }
        let calls = FIRST_LIMIT * self.useful_calls() + 2.0;
        self.limit = Some(Limit {
            // The line may have been a short one.
            calls: calls.max(0.5 * round.peak as f64),
            settling: true,
            latency: typical,
            useless: 0,
            free: now,
            emptying: 0,
        });
        Some(answered)
    }

    /// How many calls would be under way if none had to wait.
    fn useful_calls(&self) -> f64 {
        self.usual * self.most_answered[0].max(self.most_answered[1])
    }

    fn observe(&mut self, now: Duration, latency: f64, answered: f64) {
        if now.saturating_sub(self.most_began) > MOST_ANSWERED {
            self.most_answered = [self.most_answered[1], 0.0];
            self.most_began = now;
        }
        self.most_answered[1] = self.most_answered[1].max(answered);
        if now.saturating_sub(self.span_began) > USUAL {
            self.spans = [self.spans[1], f64::INFINITY];
            self.span_began = now;
        }
        self.spans[1] = self.spans[1].min(latency);
        if self.limit.is_none() {
            self.usual = self.spans[0].min(self.spans[1]);
        }
        self.usual = self.usual.min(latency).max(1e-6);
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    fn next_limit(&mut self, limit: Limit, round: &Round, now: Duration, latency: f64, line: bool) -> Option<Limit> {
        let mut next = limit;
        if next.emptying > 0 {
            next.emptying -= 1;
            if next.emptying == 0 {
                self.usual = latency.max(1e-6);
                next.free = now;
            }
        } else if round.peak as f64 > 1.1 * next.calls + 2.0 {
            next.settling = true;
        } else if next.settling {
            next.settling = false;
        } else if line {
            let useless = latency > 0.9 * next.latency;
            next.useless = if useless { next.useless + 1 } else { 0 };
            if next.useless >= 2 {
                // It has become slower, but not for our calls.
                self.spans = [f64::INFINITY, latency];
                self.usual = latency;
                return None;
            }
            let least = LEAST_LIMIT * self.useful_calls();
            next.calls = (CUT * next.calls).max(least).min(next.calls).max(1.0);
            next.latency = latency;
            next.settling = true;
        } else {
            next.useless = 0;
            if round.full {
                let quickly = latency < 1.2 * self.usual;
                let step = if quickly { STEP } else { CAREFUL_STEP };
                next.calls += (step * next.calls.sqrt()).max(1.0);
                if next.calls >= self.most as f64 {
                    return None;
                }
            }
        }
        if next.emptying == 0 && now.saturating_sub(next.free) > USUAL {
            next.emptying = EMPTYING_ROUNDS;
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers that each take that long, so many at a time.
    fn answers(latency: &mut Latency, now: &mut Duration, took: Duration, at_a_time: usize, rounds: usize) {
        for _ in 0..rounds {
            *now += took;
            for _ in 0..at_a_time {
                latency.started(at_a_time);
                latency.answered(*now, took, at_a_time - 1);
            }
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn nothing_limits_the_calls_while_they_take_as_long_as_usual() {
        let (mut latency, mut now) = (Latency::new(512), Duration::ZERO);
        answers(&mut latency, &mut now, ms(20), 10, 20);
        answers(&mut latency, &mut now, ms(30), 20, 20);
        assert_eq!(latency.limit(), 512);
        assert_eq!(latency.typical(), Some(ms(30)));
    }

    #[test]
    fn calls_that_only_wait_longer_are_made_no_more() {
        let (mut latency, mut now) = (Latency::new(512), Duration::ZERO);
        answers(&mut latency, &mut now, ms(20), 16, 20);
        assert!(!latency.is_slow());
        answers(&mut latency, &mut now, ms(80), 64, 4);
        assert!(latency.is_slow());
        assert!(latency.limit() <= 32, "{}", latency.limit());
    }

    #[test]
    fn a_gateway_that_has_become_slower_is_called_as_much_as_before() {
        let (mut latency, mut now) = (Latency::new(512), Duration::ZERO);
        answers(&mut latency, &mut now, ms(20), 16, 20);
        for _ in 0..20 {
            let calls = latency.limit().min(40);
            answers(&mut latency, &mut now, ms(200), calls, 1);
        }
        assert_eq!(latency.limit(), 512);
    }

    #[test]
    fn single_slow_answers_do_not_count() {
        let (mut latency, mut now) = (Latency::new(512), Duration::ZERO);
        for _ in 0..200 {
            answers(&mut latency, &mut now, ms(20), 16, 1);
            answers(&mut latency, &mut now, ms(500), 1, 1);
        }
        assert_eq!(latency.limit(), 512);
    }
}
