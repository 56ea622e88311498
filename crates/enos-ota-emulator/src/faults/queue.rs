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
            FaultKind::Http(_)
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
mod tests;
