//! When to send a failed request again. This module decides; the client acts.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::error::Error;

/// How often and how soon a failed request is sent again.
///
/// The wait before attempt *n + 1* is drawn evenly from zero to `first_wait * 2^(n - 1)`, at most `longest_wait`. If
/// the gateway names a time in `Retry-After`, the wait is that, and up to `first_wait` more, drawn likewise; a time
/// beyond `longest_retry_after` is not waited for.
///
/// A request that is sent again because the gateway did not know its access token is none of these attempts. That is
/// done whatever the policy, for some seconds at the most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How many times a request is sent at the most. 5 by default; 1 turns repetition off.
    pub max_attempts: NonZeroU32,
    /// Upper bound of the wait before the second attempt. 200 ms by default.
    pub first_wait: Duration,
    /// Upper bound of any wait that the gateway did not ask for. 10 s by default.
    pub longest_wait: Duration,
    /// The longest `Retry-After` that is honoured; a call that is asked to wait longer fails. 60 s by default. The wait
    /// itself can be longer by `first_wait`.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
        Self {
            max_attempts: FIVE,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(10),
            longest_retry_after: Duration::from_mins(1),
        }
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The same request would fail again.
    Permanent,
    /// It might succeed, but the attempts or the time are used up.
    Exhausted,
    /// Wait this long, then send it again.
    Continue(Duration),
}

/// A failed attempt, as far as the decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The wait that the gateway asked for.
    pub retry_after: Option<Duration>,
    /// How many attempts were made, this one included.
    pub attempts: u32,
    /// How much of the call's time is left; `None` if it has no limit.
    pub time_left: Option<Duration>,
}

impl Failure {
    pub(crate) fn of(error: &Error, attempts: u32, time_left: Option<Duration>) -> Self {
        Self {
            retryable: error.is_retryable(),
            retry_after: error.retry_after(),
            attempts,
            time_left,
        }
    }
}

impl RetryPolicy {
    /// A policy that never sends a request again.
    #[must_use]
    pub fn never() -> Self {
        Self {
            max_attempts: NonZeroU32::MIN,
            ..Self::default()
        }
    }

    /// Sets how many times a request is sent at the most.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the upper bounds of the second wait and of every wait.
    #[must_use]
    pub fn with_waits(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest;
        self
    }

    /// Sets the longest `Retry-After` that is honoured.
    #[must_use]
    pub fn with_longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }

    /// Decides what to do after a failed attempt. `jitter` is a random number from 0 to 1.
    ///
    /// The function is pure: it reads no clock and draws no random number.
    #[must_use]
    pub fn decide(&self, failure: &Failure, jitter: f64) -> Decision {
        if !failure.retryable {
            return Decision::Permanent;
        }
        if failure.attempts >= self.max_attempts.get() {
            return Decision::Exhausted;
        }
        if failure
            .retry_after
            .is_some_and(|asked| asked > self.longest_retry_after)
        {
            return Decision::Exhausted;
        }
        let drawn = part_of(self.longest_wait_after(failure.attempts), jitter);
        let wait = match failure.retry_after {
            // Added, so that clients which are told the same second do not come back in the same instant.
            Some(asked) => asked.saturating_add(drawn.min(self.first_wait)),
            None => drawn,
        };
        if failure.time_left.is_some_and(|left| wait >= left) {
            return Decision::Exhausted;
        }
        Decision::Continue(wait)
    }

    /// The upper bound of the wait after so many attempts.
    pub(crate) fn longest_wait_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait)
    }
}

/// The part of a duration that a number from 0 to 1 names. Unlike `Duration::mul_f64` it takes any numbers.
pub(crate) fn part_of(bound: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(bound.as_secs_f64() * part.clamp(0.0, 1.0)).map_or(bound, |drawn| drawn.min(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURE: Failure = Failure {
        retryable: true,
        retry_after: None,
        attempts: 1,
        time_left: None,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_permanent_failure_is_never_repeated() {
        let failure = Failure {
            retryable: false,
            ..FAILURE
        };
        assert_eq!(RetryPolicy::default().decide(&failure, 0.0), Decision::Permanent);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy {
            max_attempts: NonZeroU32::MAX,
            ..RetryPolicy::default()
        };
        let waits: Vec<_> = [1, 2, 3, 6, 7, 100]
            .map(|attempts| policy.decide(&Failure { attempts, ..FAILURE }, 1.0))
            .into();
        let expected: Vec<_> = [200, 400, 800, 6_400, 10_000, 10_000]
            .map(|wait| Decision::Continue(ms(wait)))
            .into();
        assert_eq!(waits, expected);
        assert_eq!(policy.decide(&FAILURE, 0.0), Decision::Continue(Duration::ZERO));
    }

    #[test]
    fn attempts_run_out() {
        let decide = |attempts| RetryPolicy::default().decide(&Failure { attempts, ..FAILURE }, 0.0);
        assert!(matches!(decide(4), Decision::Continue(_)));
        assert_eq!(decide(5), Decision::Exhausted);
        assert_eq!(RetryPolicy::never().decide(&FAILURE, 0.0), Decision::Exhausted);
    }

    #[test]
    fn retry_after_is_a_lower_bound_up_to_its_cap() {
        let decide = |seconds, jitter| {
            let failure = Failure {
                retry_after: Some(Duration::from_secs(seconds)),
                ..FAILURE
            };
            RetryPolicy::default().decide(&failure, jitter)
        };
        assert_eq!(decide(7, 0.0), Decision::Continue(ms(7_000)));
        assert_eq!(decide(7, 1.0), Decision::Continue(ms(7_200)));
        assert_eq!(decide(60, 0.0), Decision::Continue(ms(60_000)));
        assert_eq!(decide(61, 0.0), Decision::Exhausted);
    }

    #[test]
    fn no_number_is_too_large_to_decide_on() {
        let policy = RetryPolicy {
            max_attempts: NonZeroU32::MAX,
            first_wait: Duration::MAX,
            longest_wait: Duration::MAX,
            longest_retry_after: Duration::MAX,
        };
        for retry_after in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            for jitter in [0.0, 1.0, -1.0, 7.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for attempts in [0, 1, u32::MAX - 1, u32::MAX] {
                    let failure = Failure {
                        retry_after,
                        attempts,
                        ..FAILURE
                    };
                    let decision = policy.decide(&failure, jitter);
                    assert_ne!(decision, Decision::Permanent, "{failure:?} {jitter}");
                }
            }
        }
    }

    #[test]
    fn a_wait_that_outlasts_the_call_is_not_begun() {
        let failure = Failure {
            time_left: Some(ms(200)),
            ..FAILURE
        };
        assert_eq!(RetryPolicy::default().decide(&failure, 1.0), Decision::Exhausted);
        assert_eq!(
            RetryPolicy::default().decide(&failure, 0.5),
            Decision::Continue(ms(100))
        );
    }
}
