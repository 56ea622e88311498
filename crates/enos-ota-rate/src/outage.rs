//! Whether the gateway answers at all.

use std::time::Duration;

use crate::Wait;

/// After so many failed calls in a row the gateway is down. If three of ten calls fail by chance, that happens once in
/// more than a hundred thousand calls.
const FAILURES: u32 = 10;
/// The waits between two calls to a gateway that is down: the first one, doubled up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Outage {
    failures: u32,
    /// When the next call may start, and whether it has.
    next: Duration,
    probing: bool,
}

impl Outage {
    pub(super) fn may_start(&self, now: Duration, in_flight: usize) -> Wait {
        match self.failures {
            0..FAILURES => Wait::Now,
            _ if self.probing && in_flight > 0 => Wait::NextEnd,
            _ if now < self.next => Wait::Until(self.next),
            _ => Wait::Now,
        }
    }

    pub(super) fn started(&mut self) {
        self.probing = self.failures >= FAILURES;
    }

    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call has failed that was sent then.
    pub(super) fn failed(&mut self, now: Duration, sent: Duration) {
        // Calls from before that fail late say nothing new.
        if sent >= self.next {
            self.failures = self.failures.saturating_add(1);
            self.probing = false;
            if let Some(doublings) = self.failures.checked_sub(FAILURES) {
                let wait = FIRST_WAIT.saturating_mul(1 << doublings.min(20)).min(LONGEST_WAIT);
                self.next = now + wait;
            }
        }
    }
}
