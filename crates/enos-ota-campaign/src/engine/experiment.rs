//! Does the platform retry the others of a list that it refuses for one task? No page says.
//!
//! A failed task that is untouched after a refused call answers: no. The other answer cannot be read off a list that has
//! left `failed` as a whole, because somebody else may have retried it: another operator who works through the same job
//! in the same order, for example. So it takes an experiment. Some failed devices, chosen at random, are sent beside one
//! that is not failed, and others, chosen at random as well, are not sent. If all of the former leave `failed` and none
//! of the latter does, the platform retries the others.

use super::knowledge::Before;
use super::refusal::Held;
use super::schedule::{Batch, Found, Reason, Scheduler, Searching, Seen, SendHistory};
use super::{Call, CallId, Reply, Step};
use crate::devices::DeviceId;

/// How many devices are sent, and as many are not.
const SAMPLE: usize = 8;
/// Fewer show nothing.
const LEAST: usize = 3;
const TRIES: u32 = 3;

/// What the platform does with the others of a refused list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reading {
    #[default]
    Unknown,
    /// It leaves them alone.
    Refused,
    /// It retries those that are failed.
    Partial,
}

#[derive(Debug, Default)]
pub(super) struct MixedList {
    pub(super) reading: Reading,
    tries: u32,
}

impl MixedList {
    pub(super) fn is_refused(&self) -> bool {
        self.reading == Reading::Refused
    }
}

/// An experiment that is under way.
#[derive(Clone, Debug)]
pub(super) struct Experiment {
    sample: Vec<DeviceId>,
    /// Sent beside them.
    not_failed: Held,
    pub(super) controls: Vec<DeviceId>,
}

impl Experiment {
    /// The device whose task is not failed.
    pub(super) fn not_failed(&self) -> DeviceId {
        self.not_failed.device
    }
}

impl Scheduler {
    /// Sends an experiment, if one is needed and possible.
    pub(super) fn next_experiment(&mut self) -> Option<(CallId, Call)> {
        if !self.could_experiment() {
            return None;
        }
        // One that is under way may have failed again by the time the call arrives.
        let succeeded = self.held.iter().position(Held::has_succeeded);
        let index = succeeded.or_else(|| self.held.iter().position(|held| !held.is_failed()))?;
        let mut sample = self.waiting(2 * SAMPLE);
        if sample.len() < 2 * LEAST {
            return None;
        }
        self.mixed.tries += 1;
        // Both leave the queue, so that nothing else sends the controls.
        self.take_waiting(&sample);
        let controls = sample.split_off(sample.len() / 2);
        let not_failed = self.held.swap_remove(index);
        self.steps.push(Step::Requeue(vec![not_failed.device]));
        let devices = sample.iter().copied().chain([not_failed.device]).collect();
        let history = SendHistory {
            before: Before::Failed,
            ..SendHistory::default()
        };
        let experiment = Experiment {
            sample,
            not_failed,
            controls,
        };
        Some(self.send(devices, history, false, Some(experiment)))
    }

    /// Whether something is held for which an experiment would help.
    fn could_experiment(&self) -> bool {
        self.mixed.reading == Reading::Unknown
            && self.mixed.tries < TRIES
            && self.searching != Searching::Never
            && !self.held.is_empty()
            && !self.is_experimenting()
            // These may answer the question without one.
            && !self.is_looking(|reason| matches!(reason, Reason::Refused(_)))
    }

    /// An experiment that showed nothing: its devices are as they were, but for those that it has sent, which are given
    /// back.
    pub(super) fn call_off(&mut self, experiment: Experiment) -> Vec<DeviceId> {
        self.put_back(&experiment.controls);
        self.held.push(experiment.not_failed);
        experiment.sample
    }

    pub(super) fn judge_experiment(&mut self, mut batch: Batch, experiment: &Experiment, found: &Found) {
        batch.devices.retain(|id| !experiment.controls.contains(id));
        let left = |id: &DeviceId| match self.seen(*id, found) {
            Seen::NotFailed(_) => Some(true),
            Seen::Failed(Some(task)) => match self.known.compare(*id, task) {
                Some((shown, _)) if shown.is_untouched() => Some(false),
                _ => None,
            },
            Seen::Failed(None) | Seen::NoTask | Seen::Unclear => None,
        };
        let sent: Vec<_> = experiment.sample.iter().map(left).collect();
        let not_sent: Vec<_> = experiment.controls.iter().map(left).collect();
        let stayed = not_sent.iter().filter(|left| **left == Some(false)).count();
        if sent.contains(&Some(false)) {
            self.mixed.reading = Reading::Refused;
        } else if sent.iter().all(|left| *left == Some(true)) && stayed == not_sent.len() && stayed >= LEAST {
            self.mixed.reading = Reading::Partial;
        }
        self.put_back(&experiment.controls);
        // What its own call has done is another question, which waits for the answer to this one.
        batch.devices.retain(|id| *id != experiment.not_failed());
        self.held.push(experiment.not_failed.clone());
        self.judge_refused(batch, &Reply::of("Only failed tasks can be retried"), found);
    }
}
