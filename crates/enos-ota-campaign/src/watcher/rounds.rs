//! When a watcher looks again, and at what.

use std::time::Duration;

/// The last round begins this long before the time is up, so that it ends in time.
const LAST_ROUND: Duration = Duration::from_secs(2);
/// After so many rounds without news, every task is looked at: some may be gone.
const QUIET_ROUNDS: u32 = 3;

/// Which tasks a round asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// All, so that stages are seen, and what is gone.
    All,
    /// Those that have ended. The answers are shorter, and one search can name more devices.
    Ended,
}

/// The order of the rounds: the less happens, the longer the waits between them. Reads no clock.
#[derive(Debug)]
pub(super) struct Rounds {
    shortest: Duration,
    longest: Duration,
    wait: Duration,
    quiet: u32,
    /// Whether every round looks at every task.
    stages: bool,
    /// Since the beginning, as are all times here.
    deadline: Option<Duration>,
    next: Duration,
    is_last: bool,
}

impl Rounds {
    pub(super) fn new() -> Self {
        let shortest = Duration::from_secs(2);
        Self {
            shortest,
            longest: Duration::from_secs(30),
            wait: shortest,
            quiet: 0,
            stages: true,
            deadline: None,
            next: Duration::ZERO,
            is_last: false,
        }
    }

    pub(super) fn set_waits(&mut self, shortest: Duration, longest: Duration) {
        self.shortest = shortest;
        self.longest = longest.max(shortest);
        self.wait = shortest;
    }

    pub(super) fn set_stages(&mut self, stages: bool) {
        self.stages = stages;
    }

    pub(super) fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = Some(deadline);
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// When the next round begins; `None` after the last one.
    pub(super) fn due(&self) -> Option<Duration> {
        let last = self.deadline.map(|deadline| deadline.saturating_sub(LAST_ROUND));
        (!self.is_last).then(|| last.map_or(self.next, |last| self.next.min(last)))
    }

    /// A round begins.
    pub(super) fn begin(&mut self, now: Duration) -> Filter {
        self.is_last = self
            .deadline
            .is_some_and(|deadline| now >= deadline.saturating_sub(LAST_ROUND));
        if self.stages || self.is_last || self.quiet >= QUIET_ROUNDS {
            self.quiet = 0;
            return Filter::All;
        }
        Filter::Ended
    }

    /// A round has ended, with news or without, in which so many calls were made.
    pub(super) fn end(&mut self, now: Duration, news: bool, calls: u64) {
        if news {
            self.quiet = 0;
            self.wait = (self.wait / 2).max(self.shortest);
        } else {
            self.quiet += 1;
            // What costs a call or two may be asked more often.
            let calls = u32::try_from(calls.max(1)).unwrap_or(u32::MAX);
            let longest = self.longest.min(self.shortest.saturating_mul(2).saturating_mul(calls));
            self.wait = (self.wait.saturating_mul(3) / 2).min(longest).max(self.shortest);
        }
        self.next = now.saturating_add(self.wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_less_happens_the_longer_are_the_waits() {
        let mut rounds = Rounds::new();
        let mut waits = Vec::new();
        for _ in 0..9 {
            rounds.begin(s(100));
            rounds.end(s(100), false, 20);
            waits.push(rounds.due().unwrap().saturating_sub(s(100)).as_millis());
        }
        assert_eq!(
            waits,
            [3_000, 4_500, 6_750, 10_125, 15_187, 22_781, 30_000, 30_000, 30_000]
        );
        rounds.end(s(100), true, 20);
        assert_eq!(rounds.due(), Some(s(115)));
        // One call may be made every four seconds.
        let mut small = Rounds::new();
        for _ in 0..9 {
            small.end(s(100), false, 1);
        }
        assert_eq!(small.due(), Some(s(104)));
    }

    #[test]
    fn what_is_gone_is_looked_for_after_quiet_rounds_and_at_the_end() {
        let mut rounds = Rounds::new();
        rounds.set_stages(false);
        rounds.set_deadline(s(100));
        let mut filters = Vec::new();
        for _ in 0..5 {
            filters.push(rounds.begin(s(0)));
            rounds.end(s(0), false, 1);
        }
        let [all, ended] = [Filter::All, Filter::Ended];
        assert_eq!(filters, [ended, ended, ended, all, ended]);
        assert_eq!(rounds.begin(s(98)), all);
        rounds.end(s(98), false, 1);
        assert_eq!(rounds.due(), None);
    }

    #[test]
    fn the_last_round_begins_before_the_time_is_up_and_there_is_always_one() {
        let mut rounds = Rounds::new();
        rounds.set_deadline(s(10));
        rounds.begin(s(0));
        rounds.end(s(7), false, 500);
        assert_eq!(rounds.due(), Some(s(8)));
        let mut none = Rounds::new();
        none.set_deadline(Duration::ZERO);
        assert_eq!(none.due(), Some(s(0)));
        none.begin(s(0));
        none.end(s(0), false, 1);
        assert_eq!(none.due(), None);
    }

    #[test]
    fn no_wait_overflows() {
        let mut rounds = Rounds::new();
        rounds.set_waits(Duration::MAX, Duration::ZERO);
        rounds.set_deadline(Duration::MAX);
        rounds.begin(Duration::MAX);
        rounds.end(Duration::MAX, false, u64::MAX);
        rounds.end(Duration::MAX, true, u64::MAX);
    }
}
