//! Whether the gateway answers at all.

use std::time::Duration;

use crate::wait::Wait;

/// After so many failed calls in a row the gateway is down. If three of ten calls fail by chance, that happens once in
/// more than a hundred thousand calls.
const FAILURES: u32 = 10;
/// The waits between two calls to a gateway that is down: the first one, doubled up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Outage {
    failures_in_a_row: u32,
    down: Option<Down>,
}

/// One call is made after the other, with waits that double.
#[derive(Clone, Debug)]
struct Down {
    wait: Duration,
    next: Duration,
    /// When the call in flight was started, if there is one.
    probe: Option<Duration>,
}

impl Outage {
    pub(super) fn may_start(&self, now: Duration, in_flight: usize) -> Wait {
        match &self.down {
            Some(down) if down.probe.is_some() && in_flight > 0 => Wait::NextEnd,
            Some(down) if now < down.next => Wait::Until(down.next),
            Some(_) | None => Wait::Now,
        }
    }

    pub(super) fn started(&mut self, now: Duration) {
        if let Some(down) = &mut self.down {
            down.probe = Some(now);
        }
    }

    /// The gateway has answered, in whatever way. Returns whether it was down.
    pub(super) fn answered(&mut self) -> bool {
        self.failures_in_a_row = 0;
        self.down.take().is_some()
    }

    /// A call has failed that was started at `sent`; so many others are in flight.
    pub(super) fn failed(&mut self, now: Duration, sent: Duration, in_flight: usize) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        match &mut self.down {
            None if self.failures_in_a_row >= FAILURES => {
                self.down = Some(Down {
                    wait: FIRST_WAIT,
                    next: now.saturating_add(FIRST_WAIT),
                    probe: None,
                });
            }
            // Calls from before that fail late say nothing new.
            Some(down) if down.probe.is_some_and(|probe| sent >= probe || in_flight == 0) => {
                down.wait = down.wait.saturating_mul(2).min(LONGEST_WAIT);
                down.next = now.saturating_add(down.wait);
                down.probe = None;
            }
            Some(_) | None => {}
        }
    }
}
