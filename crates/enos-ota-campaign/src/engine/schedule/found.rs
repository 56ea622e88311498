//! What a search has found, by the reason for which it was made.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Batch, NOT_FAILED_BEFORE, Reason, Scheduler, Searching, SendHistory};
use crate::devices::DeviceId;
use crate::engine::knowledge::Before;
use crate::engine::lost::DOUBTFUL;
use crate::engine::{Lookup, Observation, Reply, Status, StatusFilter, Step, is_searchable};
use crate::outcome::Outcome;

impl Scheduler {
    /// A search was refused as not valid: it names too many devices, or none may be named at all. The first two searches
    /// tell which: the second names a single device.
    pub(super) fn search_is_invalid(&mut self, lookup: &Lookup, mut batches: Vec<Batch>, now: Duration) {
        let named = lookup.devices.len();
        if lookup.whole_job {
            self.cannot_search("the platform refuses to list the failed tasks of the job", batches);
            return;
        }
        if named > 1 {
            self.too_long = Some(self.too_long.map_or(named, |too_long| too_long.min(named)));
            self.limits.look = if self.keyed_search_works {
                self.limits.look.min(named / 2)
            } else {
                1
            };
        } else if self.searching == Searching::ByKey {
            self.searching = Searching::WholeJob;
            self.limits.look = self.too_long.take().unwrap_or(self.limits.page);
            self.steps.push(Step::Learned(
                "the platform refuses searches by device key; the failed tasks of the job are read instead".into(),
            ));
        }
        for batch in &mut batches {
            batch.ready = now;
        }
        self.lookups.extend(batches);
    }

    /// Goes on without searches.
    pub(super) fn cannot_search(&mut self, why: &str, batches: Vec<Batch>) {
        if self.searching != Searching::Never {
            self.searching = Searching::Never;
            self.steps
                .push(Step::Learned(format!("devices cannot be looked up: {why}").into()));
        }
        let mut batches: Vec<_> = batches.into_iter().chain(self.lookups.drain(..)).collect();
        self.put_together(&mut batches);
        for batch in batches {
            match batch.reason {
                Reason::First => {
                    let history = batch.history;
                    self.pool(history).extend(batch.devices);
                }
                Reason::Refused(_) => {
                    self.steps.push(Step::Requeue(batch.devices.clone()));
                    self.halve(batch.history, batch.devices);
                }
                Reason::Experiment(experiment) => {
                    let sample = self.call_off(experiment);
                    self.steps.push(Step::Requeue(sample.clone()));
                    self.halve(batch.history, sample);
                }
                Reason::Lost => self.steps.push(Step::settle(
                    batch.devices,
                    Outcome::Unknown,
                    &Reply::of("the answer was lost, and the task could not be looked up"),
                )),
                Reason::PassedOver(reply) => {
                    let reply = reply.saying(NOT_FAILED_BEFORE);
                    self.steps.push(Step::settle(batch.devices, Outcome::Unknown, &reply));
                }
                Reason::Controls | Reason::Again => {}
            }
        }
        self.give_up_pending();
    }

    pub(in crate::engine) fn judge(&mut self, batch: Batch, found: &Found) {
        match batch.reason.clone() {
            Reason::First => self.judge_first(batch, found),
            Reason::Refused(reply) => self.judge_refused(batch, &reply, found),
            Reason::Lost => self.judge_lost(batch, found),
            Reason::Controls => self.judge_controls(&batch.devices, found),
            Reason::Again => self.judge_again(&batch.devices, found),
            Reason::Experiment(experiment) => self.judge_experiment(batch, &experiment, found),
            Reason::PassedOver(reply) => self.judge_passed_over(batch, &reply, found),
        }
    }

    pub(super) fn judge_first(&mut self, batch: Batch, found: &Found) {
        let size = self.limits.chunk.max(1);
        if batch.history.before == Before::Failed {
            for list in batch.devices.chunks(size) {
                let refused = list.iter().any(|id| !matches!(self.seen(*id, found), Seen::Failed(_)));
                #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
                let share = list.len() as f64 / size as f64;
                self.refusals.saw(share, if refused { share } else { 0.0 });
            }
        }
        let mut unknown = Vec::new();
        for id in batch.devices {
            match self.seen(id, found) {
                // The platform's refusal would tell nothing of the earlier call.
                Seen::NotFailed(_) if self.known.is_doubtful(id) => {
                    unknown.push(id);
                    continue;
                }
                Seen::Failed(Some(task)) | Seen::NotFailed(Some(task)) => self.known.observe(id, task, found.now),
                Seen::Failed(None) => self.known.observe_failed(id, found.now),
                Seen::NotFailed(None) | Seen::NoTask => self.known.observe_not_failed(id),
                Seen::Unclear => {}
            }
            let before = self.known.before(id);
            self.pool(SendHistory {
                before,
                ..batch.history
            })
            .push_back(id);
        }
        self.settle_as(unknown, Outcome::Unknown, DOUBTFUL);
    }

    pub(in crate::engine) fn seen<'f>(&self, id: DeviceId, found: &'f Found) -> Seen<'f> {
        match found.tasks.get(&id) {
            Some(task) if task.status == Status::Failed => Seen::Failed(Some(task)),
            Some(task) => Seen::NotFailed(Some(task)),
            None if found.any_unclear || found.unclear.contains(&id) => Seen::Unclear,
            None if found.whole_job => Seen::NotFailed(None),
            None if !is_searchable(self.devices.key(id)) => Seen::Unclear,
            None if found.filter == StatusFilter::NotFailed => Seen::Failed(None),
            None => Seen::NoTask,
        }
    }
}

/// What a search has shown.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Found {
    pub(in crate::engine) tasks: HashMap<DeviceId, Observation>,
    pub(in crate::engine) unclear: HashSet<DeviceId>,
    pub(in crate::engine) any_unclear: bool,
    pub(super) filter: StatusFilter,
    pub(in crate::engine) whole_job: bool,
    pub(in crate::engine) now: Duration,
}

impl Found {
    /// Takes what another search has shown of these devices.
    pub(in crate::engine) fn add(&mut self, other: &Self, devices: &[DeviceId]) {
        let tasks = devices
            .iter()
            .filter_map(|id| Some((*id, other.tasks.get(id)?.clone())));
        self.tasks.extend(tasks);
        // Of what is not found beside a row that nobody can read, nothing is known.
        let missing =
            |id: &&DeviceId| other.unclear.contains(*id) || (other.any_unclear && !other.tasks.contains_key(*id));
        self.unclear.extend(devices.iter().filter(missing).copied());
        self.now = self.now.max(other.now);
    }
}

/// How a search shows a device.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum Seen<'f> {
    /// Its task is failed.
    Failed(Option<&'f Observation>),
    /// Its task is not failed.
    NotFailed(Option<&'f Observation>),
    /// The job has no task for it.
    NoTask,
    /// A search cannot name it, or its row cannot be read.
    Unclear,
}
