//! The wall clock, which signatures need. Waiting and expiry use the monotonic clock of tokio instead.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of timestamps.
///
/// Give another one to the builders to test against fixed times, or where the clock of the machine cannot be trusted.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;

    /// Like [`now_ms`](Self::now_ms), but never the same value twice.
    ///
    /// The token service refuses a request whose timestamp it has seen from the same application (code 1001).
    fn unique_ms(&self) -> i64;
}

/// The clock of the machine. Its [`unique_ms`](Clock::unique_ms) is unique within the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static LAST_UNIQUE: AtomicI64 = AtomicI64::new(i64::MIN);

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn unique_ms(&self) -> i64 {
        advance(&LAST_UNIQUE, self.now_ms())
    }
}

/// The time of a clock, to be compared with the dates in an answer. One that cannot be expressed is no time at all.
pub(crate) fn system_time(clock: &dyn Clock) -> SystemTime {
    let ms = clock.now_ms();
    let distance = Duration::from_millis(ms.unsigned_abs());
    let time = if ms < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// Returns `now`, or the value after the last one that this returned if `now` is not later.
pub(crate) fn advance(last: &AtomicI64, now: i64) -> i64 {
    let next = |last: i64| now.max(last.saturating_add(1));
    let before = last
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)))
        .unwrap_or_else(|last| last);
    next(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_never_given_out_twice_even_if_the_clock_stands_or_steps_back() {
        let last = AtomicI64::new(i64::MIN);
        let given: Vec<_> = [100, 100, 100, 50, 103, 200].map(|now| advance(&last, now)).into();
        assert_eq!(given, [100, 101, 102, 103, 104, 200]);
    }
}
