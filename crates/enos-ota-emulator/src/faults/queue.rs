//! Which faults strike which request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Endpoint, Fault, FaultKind, is_always};
use crate::random::Random;
use crate::readings::MixedList;
use crate::state::LONGEST_LAG_MS;

/// The faults that are yet to strike, in order.
#[derive(Debug)]
pub struct FaultQueue(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    faults: Vec<Fault>,
    random: Random,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) latency: Duration,
    pub(crate) delay_answer: Duration,
    pub(crate) kill_token: bool,
    pub(crate) mixed_list: Option<MixedList>,
    pub(crate) stale_reads_ms: Option<i64>,
    /// What a search says there is in all, while it shows its first page for each.
    pub(crate) repeat_first_page: Option<u64>,
    /// The fault that decides the answer.
    pub(crate) decisive: Option<FaultKind>,
    /// The names of all, for the journal.
    pub(crate) names: Vec<&'static str>,
}

impl Plan {
    fn take(&mut self, fault: &FaultKind) {
        self.names.push(fault.name());
        match fault {
            FaultKind::Latency { ms } => self.latency += Duration::from_millis(*ms),
            FaultKind::DelayAnswer { ms } => self.delay_answer += Duration::from_millis(*ms),
            FaultKind::KillToken => self.kill_token = true,
            FaultKind::MixedList { mode } => self.mixed_list = Some(*mode),
            FaultKind::StaleReads { ms } => {
                self.stale_reads_ms = Some(i64::try_from(*ms).unwrap_or(LONGEST_LAG_MS).min(LONGEST_LAG_MS));
            }
            FaultKind::RepeatFirstPage { total_size } => self.repeat_first_page = Some(*total_size),
            FaultKind::Http { .. }
            | FaultKind::BigBody { .. }
            | FaultKind::TruncatedBody
            | FaultKind::SlowBody { .. }
            | FaultKind::CutBeforeApplying
            | FaultKind::CutAfterApplying
            | FaultKind::Code { .. }
            | FaultKind::TokenStatus { .. }
            | FaultKind::ApimStatus { .. }
            | FaultKind::OddRow { .. }
            | FaultKind::NoData => self.decisive = Some(fault.clone()),
        }
    }
}

impl FaultQueue {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self(Mutex::new(Queue {
            faults,
            random: Random::seeded(seed),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: nothing below stops halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault at the end of the queue.
    pub fn push(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// The faults that are yet to strike.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    pub(crate) fn extend(&self, faults: Vec<Fault>) {
        self.lock().faults.extend(faults);
    }

    /// Takes from the queue what strikes a request.
    pub(crate) fn draw(&self, endpoint: Endpoint) -> Plan {
        let mut queue = self.lock();
        let Queue { faults, random } = &mut *queue;
        let mut plan = Plan::default();
        for fault in faults.iter_mut() {
            if !fault.scope.covers(endpoint) || fault.times == Some(0) {
                continue;
            }
            if fault.kind.is_decisive() && plan.decisive.is_some() {
                continue;
            }
            if !is_always(&fault.probability) && !random.chance(fault.probability) {
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            plan.take(&fault.kind);
        }
        faults.retain(|fault| fault.times != Some(0));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::faults::Scope;

    const RETRY: Endpoint = Endpoint::Jobs(Some(Action::RetryTask));

    fn queue(faults: impl IntoIterator<Item = Fault>) -> FaultQueue {
        FaultQueue::new(faults.into_iter().collect(), 0)
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told() {
        let queue = queue([Fault::http(503).times(2)]);
        let strikes: Vec<bool> = (0..4).map(|_| queue.draw(RETRY).decisive.is_some()).collect();
        assert_eq!(strikes, [true, true, false, false]);
        assert_eq!(queue.pending(), []);
    }

    #[test]
    fn a_fault_without_end_stays_until_it_is_cleared() {
        let queue = queue([Fault::http(503).forever()]);
        assert!((0..100).all(|_| queue.draw(RETRY).decisive.is_some()));
        queue.clear();
        assert!(queue.draw(RETRY).decisive.is_none());
    }

    #[test]
    fn the_first_decisive_fault_decides_and_the_second_waits_for_the_next_request() {
        let queue = queue([Fault::http(503), Fault::code(24500, "")]);
        assert!(matches!(
            queue.draw(RETRY).decisive,
            Some(FaultKind::Http { status: 503, .. })
        ));
        assert!(matches!(
            queue.draw(RETRY).decisive,
            Some(FaultKind::Code { code: 24500, .. })
        ));
    }

    #[test]
    fn faults_that_leave_the_answer_alone_strike_together() {
        let queue = queue([
            Fault::http(503),
            Fault::latency(Duration::from_millis(3)),
            Fault::latency(Duration::from_millis(4)),
            Fault::kill_token(),
        ]);
        let plan = queue.draw(RETRY);
        assert_eq!(plan.latency, Duration::from_millis(7));
        assert!(plan.kill_token);
        assert_eq!(plan.names, ["http", "latency", "latency", "killToken"]);
    }

    #[test]
    fn a_fault_strikes_only_in_its_scope() {
        let all = [Endpoint::TokenGet, Endpoint::TokenRefresh, RETRY, Endpoint::Jobs(None)];
        let struck = |scope| all.map(|endpoint| queue([Fault::http(500).on(scope)]).draw(endpoint).decisive.is_some());
        assert_eq!(struck(Scope::Any), [true, true, true, true]);
        assert_eq!(struck(Scope::Token), [true, true, false, false]);
        assert_eq!(struck(Scope::TokenGet), [true, false, false, false]);
        assert_eq!(struck(Scope::TokenRefresh), [false, true, false, false]);
        assert_eq!(struck(Scope::Jobs), [false, false, true, true]);
        assert_eq!(struck(Scope::Action(Action::RetryTask)), [false, false, true, false]);
        assert_eq!(struck(Scope::Action(Action::Get)), [false, false, false, false]);
    }

    #[test]
    fn the_dice_fall_the_same_way_for_the_same_seed() {
        let throws = |seed| -> Vec<bool> {
            let queue = FaultQueue::new(vec![Fault::http(500).probability(0.5).forever()], seed);
            (0..64).map(|_| queue.draw(RETRY).decisive.is_some()).collect()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
        assert!(throws(1).contains(&true) && throws(1).contains(&false));
    }
}
