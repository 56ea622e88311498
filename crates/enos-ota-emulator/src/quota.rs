//! How many requests the gateway lets through.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use tokio::time::Instant;

use crate::clock::{Clock, SkewedClock};
use crate::faults::{FaultBody, RetryAfter};
use crate::wire::ForeignAnswer;

/// How many requests a second the emulator takes at `/connect-service/v2.1/ota-jobs`. What is over it is answered 429
/// before anything else is looked at: the request has no effect, and no [`Fault`](crate::Fault) strikes it.
///
/// The pages of the platform tell no such number, and do not say how one would be told: a client has to find it out.
/// The token service has no quota here.
///
/// Time is that of a [`ManualClock`](crate::ManualClock) if the emulator has one, and otherwise real time, which no
/// change of the system's clock moves.
///
/// ```
/// use enos_ota_emulator::{FaultBody, Quota, RetryAfter};
///
/// // 50 requests a second, and 5 at once after a while without any.
/// let bucket = Quota::per_second(50);
/// // 50 at any time within a second, and then none until the next second begins.
/// let windows = Quota::windows(50).retry_after(RetryAfter::Seconds(1)).body(FaultBody::Json);
/// # let _ = (bucket, windows);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    per_second: u32,
    rule: Rule,
    body: FaultBody,
    retry_after: Option<RetryAfter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Bucket { burst: u32 },
    Windows,
}

impl Quota {
    /// A token bucket: a bucket that holds [`burst`](Self::burst) tokens is filled evenly with so many a second, and each
    /// request takes one. 0 counts as 1.
    #[must_use]
    pub fn per_second(requests: u32) -> Self {
        let per_second = requests.max(1);
        Self::new(
            per_second,
            Rule::Bucket {
                burst: (per_second / 10).max(1),
            },
        )
    }

    /// Windows of one second, one after the other: so many requests are taken in each, however close together. 0 counts
    /// as 1. The windows of a manual clock are its whole seconds, those of real time begin with the emulator.
    #[must_use]
    pub fn windows(requests: u32) -> Self {
        Self::new(requests.max(1), Rule::Windows)
    }

    fn new(per_second: u32, rule: Rule) -> Self {
        Self {
            per_second,
            rule,
            body: FaultBody::Empty,
            retry_after: None,
        }
    }

    /// Sets how many requests are taken at once after a while without any: a tenth of the requests a second by default,
    /// and at least 1. Windows have no such number.
    #[must_use]
    pub fn burst(mut self, requests: u32) -> Self {
        if let Rule::Bucket { burst } = &mut self.rule {
            *burst = requests.max(1);
        }
        self
    }

    /// Sets the body of the refusal: none by default.
    #[must_use]
    pub fn body(mut self, body: FaultBody) -> Self {
        self.body = body;
        self
    }

    /// Sends the header `Retry-After` with the refusal. It says always the same, whatever the bucket holds.
    #[must_use]
    pub fn retry_after(mut self, after: RetryAfter) -> Self {
        self.retry_after = Some(after);
        self
    }
}

/// Keeps a quota.
#[derive(Debug)]
pub(crate) struct Gate {
    begin: Instant,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    quota: Quota,
    /// When this was last brought up to the present, in nanoseconds.
    at: i128,
    /// Of a bucket, what is in it, in billionths of a token; of a window, the requests that it has taken.
    amount: i128,
}

const SECOND: i128 = 1_000_000_000;

impl State {
    fn new(quota: Quota, now: i128) -> Self {
        let amount = match quota.rule {
            Rule::Bucket { burst } => i128::from(burst) * SECOND,
            Rule::Windows => 0,
        };
        Self { quota, at: now, amount }
    }

    /// Whether a request is let through at a moment, given in nanoseconds. Time that goes backward fills no bucket.
    fn admit(&mut self, now: i128) -> bool {
        let before = std::mem::replace(&mut self.at, now);
        let per_second = i128::from(self.quota.per_second);
        match self.quota.rule {
            Rule::Bucket { burst } => {
                let filled = self.amount + (now - before).max(0) * per_second;
                self.amount = filled.min(i128::from(burst) * SECOND);
                let admits = self.amount >= SECOND;
                if admits {
                    self.amount -= SECOND;
                }
                admits
            }
            Rule::Windows => {
                if now.div_euclid(SECOND) != before.div_euclid(SECOND) {
                    self.amount = 0;
                }
                let admits = self.amount < per_second;
                if admits {
                    self.amount += 1;
                }
                admits
            }
        }
    }
}

impl Gate {
    pub(crate) fn new(quota: Option<Quota>, clock: &SkewedClock) -> Self {
        let gate = Self {
            begin: Instant::now(),
            state: Mutex::new(None),
        };
        gate.set(quota, clock);
        gate
    }

    /// Replaces the quota; a new bucket is full.
    pub(crate) fn set(&self, quota: Option<Quota>, clock: &SkewedClock) {
        *self.lock() = quota.map(|quota| State::new(quota, self.now(clock)));
    }

    /// The answer to a request that is over the quota; `None` for one that is let through.
    pub(crate) fn refuse(&self, clock: &SkewedClock) -> Option<Response> {
        let mut state = self.lock();
        let state = state.as_mut()?;
        // Read with the lock held, or requests that come together would see time go backward.
        if state.admit(self.now(clock)) {
            return None;
        }
        let quota = state.quota;
        let answer = ForeignAnswer {
            status: 429,
            body: quota.body,
            retry_after: quota.retry_after,
            location: None,
        };
        Some(answer.into_response(clock.now_ms()))
    }

    fn now(&self, clock: &SkewedClock) -> i128 {
        match clock.as_manual() {
            Some(clock) => i128::from(clock.now_ms()) * 1_000_000,
            None => i128::try_from(self.begin.elapsed().as_nanos()).unwrap_or(i128::MAX),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<State>> {
        // A panic elsewhere leaves the state whole: nothing above stops halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the requests at these moments, in milliseconds, are let through.
    fn admitted(quota: Quota, at_ms: impl IntoIterator<Item = i128>) -> usize {
        let mut state = State::new(quota, 0);
        at_ms.into_iter().filter(|ms| state.admit(ms * 1_000_000)).count()
    }

    #[test]
    fn a_bucket_lets_through_the_burst_and_then_what_flows_in() {
        let quota = Quota::per_second(50);
        assert_eq!(admitted(quota, [0; 100]), 5);
        // 1000 requests a second for ten seconds.
        assert_eq!(admitted(quota, 0..10_000), 5 + 499);
        assert_eq!(admitted(quota.burst(20), 0..10_000), 20 + 499);
        // As many as flow in.
        assert_eq!(admitted(quota.burst(1), (0..10_000).step_by(20)), 500);
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_is_kept_exactly() {
        assert_eq!(admitted(Quota::per_second(7).burst(2), 0..=1_000_000), 2 + 7000);
    }

    #[test]
    fn a_bucket_of_the_default_size_holds_at_least_one() {
        assert_eq!(admitted(Quota::per_second(3), [0; 10]), 1);
        assert_eq!(admitted(Quota::per_second(0), [0; 10]), 1);
        assert_eq!(admitted(Quota::per_second(100).burst(0), [0; 10]), 1);
    }

    #[test]
    fn a_window_lets_through_so_many_and_the_next_begins_anew() {
        let quota = Quota::windows(10);
        assert_eq!(admitted(quota, [900; 100]), 10);
        assert_eq!(admitted(quota, [990, 1010].into_iter().flat_map(|ms| [ms; 100])), 20);
        assert_eq!(admitted(quota, 0..10_000), 100);
    }

    #[test]
    fn time_that_goes_backward_fills_no_bucket() {
        assert_eq!(admitted(Quota::per_second(10), [0, 100, 0, 100, 0]), 3);
        assert_eq!(admitted(Quota::per_second(10), [1000, 0]), 1);
    }
}
