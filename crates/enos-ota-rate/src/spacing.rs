//! The time between two calls: a token bucket, written as the time when the next call is due (GCRA).

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
}

impl Spacing {
    pub(super) fn due(&self, rate: f64) -> Duration {
        self.last
            .map_or(Duration::ZERO, |last| last.saturating_add(interval(rate)))
    }

    pub(super) fn take(&mut self, now: Duration, rate: f64) {
        let lateness = interval(rate / CALLS).clamp(TICK, LATENESS);
        self.last = Some(self.due(rate).max(now.saturating_sub(lateness)));
    }
}

fn interval(rate: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX)
}
