//! The time between two calls.
//!
//! This is a token bucket written as the time when the next call is due (GCRA). The crate `governor` has the same, and a
//! clock of one's own could be given to it. But the quota of its limiter is fixed when it is made, and here the rate
//! changes many times a second, each time without forgetting the calls that were just started.

use std::time::Duration;

/// How late a call may be for the next ones not to be put off as well: timers are coarse and processors busy. Calls that
/// are made up for come at once, so there are few of them, unless more than that are due in one tick of a timer.
const LATENESS: Duration = Duration::from_millis(8);
const CALLS: f64 = 4.0;
const TICK: Duration = Duration::from_millis(2);

#[derive(Clone, Debug, Default)]
pub(super) struct Spacing {
    /// When the last call was due, which may be a little before it was started.
    last: Option<Duration>,
    not_before: Duration,
}

impl Spacing {
    pub(super) fn due(&self, rate: f64) -> Duration {
        let due = self
            .last
            .map_or(Duration::ZERO, |last| last.saturating_add(interval(rate)));
        due.max(self.not_before)
    }

    pub(super) fn take(&mut self, now: Duration, rate: f64) {
        let lateness = interval(rate / CALLS).clamp(TICK, LATENESS);
        self.last = Some(self.due(rate).max(now.saturating_sub(lateness)));
    }

    /// Nothing is made up for that a pause has put off.
    pub(super) fn not_before(&mut self, time: Duration) {
        self.not_before = self.not_before.max(time);
    }
}

pub(super) fn interval(rate: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn calls_follow_each_other_evenly() {
        let mut spacing = Spacing::default();
        assert_eq!(spacing.due(10.0), Duration::ZERO);
        spacing.take(ms(500), 10.0);
        // The first call was not late: nobody had asked before.
        assert_eq!(spacing.due(10.0), ms(592));
        spacing.take(ms(592), 10.0);
        assert_eq!(spacing.due(10.0), ms(692));
        assert_eq!(spacing.due(100.0), ms(602));
    }

    #[test]
    fn a_little_lateness_is_made_up_for() {
        let mut spacing = Spacing::default();
        spacing.take(ms(0), 500.0);
        for _ in 0..4 {
            assert!(spacing.due(500.0) <= ms(1000));
            spacing.take(ms(1000), 500.0);
        }
        spacing.take(ms(1000), 500.0);
        assert_eq!(spacing.due(500.0), ms(1002));
    }

    #[test]
    fn a_pause_is_not() {
        let mut spacing = Spacing::default();
        spacing.take(ms(0), 500.0);
        spacing.not_before(ms(1000));
        assert_eq!(spacing.due(500.0), ms(1000));
        spacing.take(ms(1000), 500.0);
        assert_eq!(spacing.due(500.0), ms(1002));
    }

    #[test]
    fn the_slowest_rates_do_not_overflow() {
        let mut spacing = Spacing::default();
        spacing.take(Duration::MAX, f64::MIN_POSITIVE);
        assert_eq!(spacing.due(f64::MIN_POSITIVE), Duration::MAX);
    }
}
