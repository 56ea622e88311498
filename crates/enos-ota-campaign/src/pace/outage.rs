//! Whether the gateway answers at all.

use std::time::Duration;

use super::Start;

/// After so many failed calls in a row the gateway is down. If three of ten calls fail by chance, that happens once in
/// more than a hundred thousand calls.
const FAILURES: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(super) struct Outage {
    longest_wait: Duration,
    failures_in_a_row: u32,
    down: Option<Down>,
}

/// One call is made after the other, with waits that double.
#[derive(Clone, Debug)]
struct Down {
    wait: Duration,
    next: Duration,
    /// When the call under way was started, if there is one.
    probe: Option<Duration>,
}

impl Outage {
    pub(super) fn new(longest_wait: Duration) -> Self {
        Self {
            longest_wait,
            failures_in_a_row: 0,
            down: None,
        }
    }

    pub(super) fn may_start(&self, now: Duration, in_flight: usize) -> Start {
        match &self.down {
            Some(down) if down.probe.is_some() && in_flight > 0 => Start::WhenOneEnds,
            Some(down) if now < down.next => Start::At(down.next),
            _ => Start::Now,
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

    /// A call has failed that was started at `sent`; so many others are under way.
    pub(super) fn failed(&mut self, now: Duration, sent: Duration, in_flight: usize) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        match &mut self.down {
            None if self.failures_in_a_row >= FAILURES => {
                let wait = FIRST_WAIT.min(self.longest_wait);
                self.down = Some(Down {
                    wait,
                    next: now.saturating_add(wait),
                    probe: None,
                });
            }
            // Calls from before that fail late say nothing new.
            Some(down) if down.probe.is_some_and(|probe| sent >= probe || in_flight == 0) => {
                down.wait = down.wait.saturating_mul(2).min(self.longest_wait);
                down.next = now.saturating_add(down.wait);
                down.probe = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A gateway that went down at one second.
    fn down() -> Outage {
        let mut outage = Outage::new(Duration::from_secs(1));
        for _ in 0..FAILURES {
            assert_eq!(outage.may_start(ms(1000), 1), Start::Now);
            outage.failed(ms(1000), ms(990), 0);
        }
        outage
    }

    #[test]
    fn it_is_down_when_many_calls_in_a_row_have_failed() {
        assert_eq!(down().may_start(ms(1000), 0), Start::At(ms(1100)));

        let mut outage = Outage::new(Duration::from_secs(1));
        for _ in 0..100 {
            for _ in 1..FAILURES {
                outage.failed(ms(1000), ms(990), 0);
            }
            assert!(!outage.answered());
        }
        assert_eq!(outage.may_start(ms(1000), 0), Start::Now);
    }

    #[test]
    fn single_calls_see_whether_it_is_back() {
        let mut outage = down();
        let (mut now, mut waits) = (ms(1000), vec![]);
        for _ in 0..6 {
            let Start::At(next) = outage.may_start(now, 0) else {
                panic!("no wait at {now:?}");
            };
            waits.push(next.checked_sub(now).unwrap());
            now = next;
            assert_eq!(outage.may_start(now, 0), Start::Now);
            outage.started(now);
            assert_eq!(outage.may_start(now, 1), Start::WhenOneEnds);
            outage.failed(now, now, 0);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000].map(ms));
    }

    #[test]
    fn calls_from_before_say_nothing_about_later() {
        let mut outage = down();
        outage.started(ms(1100));
        outage.failed(ms(1110), ms(990), 1);
        assert_eq!(outage.may_start(ms(1110), 1), Start::WhenOneEnds);
        assert!(outage.answered());
        assert_eq!(outage.may_start(ms(1110), 1), Start::Now);
    }
}
