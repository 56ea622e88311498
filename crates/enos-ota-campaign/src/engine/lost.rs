//! A call without an answer: were its devices retried?
//!
//! Reads may be two seconds behind, so a search that long after the call shows it.
//!
//! | Before | After | What it means |
//! |---|---|---|
//! | failed | not failed | retried: accepted; or by somebody else, if a task of the same list is untouched |
//! | failed | failed, untouched | not retried: sent again |
//! | failed | failed, some fields changed | `witness` decides: accepted, sent again, or not known |
//! | failed | no task | not known |
//! | not looked at | failed | sent again |
//! | not looked at | not failed | not known |
//! | not failed, or no task | the same | not retried: sent again, so that the platform refuses it |

use std::collections::HashSet;
use std::time::Duration;

use super::knowledge::{Before, SeenAt};
use super::others::BY_WHOM;
use super::schedule::{Batch, Found, Reason, Scheduler, Seen, SendHistory};
use super::witness::{Fields, Shown, Verdict, is_convincing};
use super::{Observation, Reply, Step};
use crate::devices::DeviceId;
use crate::outcome::Outcome;

/// How long tasks that no other can speak for are left alone, to see whether they change by themselves: so many times
/// the interval in which they have changed.
const QUIET_TIMES: u32 = 2;
/// How often they are looked at meanwhile.
const LOOKS: u32 = 2;
/// Longer nobody waits for it.
const LONGEST_QUIET: Duration = Duration::from_mins(1);

pub(super) const WAS_RETRIED: &str = "the answer was lost; a search shows that the task was retried";
const CHANGED: &str = "the answer was lost; the task is failed, and has changed since: it was retried and has failed \
                       again, or was changed by something else";

pub(super) const DOUBTFUL: &str =
    "the answer of an earlier call was lost; whether that one has retried the task cannot be told";

/// A device whose task is failed as before, and has changed all the same.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    device: DeviceId,
    history: SendHistory,
    /// The number of its list.
    list: u64,
    shown: Shown,
    from: SeenAt,
    seen: Duration,
    /// How the task was then.
    task: Observation,
    /// How many of its list are like it.
    alike: usize,
    /// Whether tasks that were not sent have been looked at since.
    compared: bool,
    looks: u32,
    /// Whether it has changed once more, without being sent.
    changes_by_itself: bool,
    /// How many of those in question have not, and how many have.
    quiet: usize,
    moved: usize,
}

impl Pending {
    /// How long it must not change by itself, so that its change tells something.
    fn quiet_time(&self, planned_before: Duration) -> Duration {
        let since = match self.from {
            Some(from) => self.seen.saturating_sub(from),
            None => self.seen.saturating_add(planned_before),
        };
        since.saturating_mul(QUIET_TIMES)
    }
}

impl Scheduler {
    pub(super) fn judge_lost(&mut self, batch: Batch, found: &Found) {
        let (history, all) = (batch.history, batch.devices.len());
        let list = self.known.next_lost_list();
        let (mut left, mut unknown, mut gone, mut moved) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut again, mut unsearchable) = (Vec::new(), Vec::new());
        let mut untouched = false;
        let mut still_failed = Vec::new();
        let mut changed = Vec::new();
        for id in batch.devices {
            match (self.seen(id, found), self.known.before(id)) {
                (Seen::Unclear, _) => unsearchable.push(id),
                (Seen::NotFailed(_), Before::Failed) => left.push(id),
                (Seen::NotFailed(_), Before::Unknown) => unknown.push(id),
                (Seen::NoTask, Before::Failed) => gone.push(id),
                (Seen::NotFailed(task), Before::NotFailed) => {
                    if self.known.has_not_moved(id, task) {
                        again.push(id);
                    } else {
                        moved.push(id);
                    }
                }
                (Seen::NoTask, Before::NotFailed | Before::Unknown) => {
                    self.known.observe_not_failed(id);
                    again.push(id);
                }
                // It has failed again since.
                (Seen::Failed(_), Before::Failed) if self.known.has_left(id) => left.push(id),
                (Seen::Failed(None), _) => again.push(id),
                (Seen::Failed(Some(task)), _) => match self.known.compare(id, task) {
                    Some((shown, from)) if shown.has_changed() => changed.push((id, shown, from, task.clone())),
                    compared => {
                        if compared.is_some_and(|(shown, _)| shown.is_untouched()) {
                            untouched = true;
                            still_failed.push(id);
                        } else {
                            // It may have been retried, and have failed again.
                            self.known.set_doubtful(id);
                        }
                        self.known.observe(id, task, found.now);
                        again.push(id);
                    }
                },
            }
        }
        // A call is carried out as a whole, so this one was not, and what has changed in its list did so without it. An
        // earlier call may have come late.
        if untouched {
            let (late, elsewhere) = self.came_late(std::mem::take(&mut left), &still_failed);
            if !elsewhere.is_empty() {
                self.known.set_others();
            }
            self.settle_as(late, Outcome::Unknown, BY_WHOM);
            for id in elsewhere {
                match self.seen(id, found) {
                    Seen::NotFailed(Some(task)) => self.known.observe(id, task, found.now),
                    _ => self.known.observe_not_failed(id),
                }
                again.push(id);
            }
            for (id, _, _, task) in changed.drain(..) {
                self.known.observe(id, &task, found.now);
                again.push(id);
            }
        }
        // What was not failed then, that call cannot have retried.
        if history.before != Before::NotFailed {
            for id in &again {
                self.known.set_lost_in(*id, list);
            }
        }
        let alike = changed.len();
        self.pending
            .extend(changed.into_iter().map(|(device, shown, from, task)| Pending {
                device,
                history,
                list,
                shown,
                from,
                seen: found.now,
                task,
                alike,
                compared: false,
                looks: 0,
                changes_by_itself: false,
                quiet: 0,
                moved: 0,
            }));
        self.settle_left_of(list, left, alike, all);
        self.settle_as(
            unknown,
            Outcome::Unknown,
            "the answer was lost; the task is not failed now, and nobody had looked before",
        );
        // They may have failed just before the call. To send them again would risk to retry them twice.
        self.settle_as(moved, Outcome::Unknown, BY_WHOM);
        self.settle_as(
            gone,
            Outcome::Unknown,
            "the answer was lost; the job has no task for this device any more",
        );
        self.settle_as(
            unsearchable,
            Outcome::Unknown,
            "the answer was lost, and the task could not be looked up",
        );
        self.send_again(again, history);
        self.pursue_pending(found.now);
    }

    /// Devices that have left `failed`: those for which an earlier call whose answer was lost may have come late, and
    /// those for which it has not, as others of its list are still failed.
    pub(super) fn came_late(&self, left: Vec<DeviceId>, still_failed: &[DeviceId]) -> (Vec<DeviceId>, Vec<DeviceId>) {
        let lists = still_failed.iter().flat_map(|id| self.known.lost_in(*id));
        let not_carried_out: HashSet<_> = lists.collect();
        left.into_iter().partition(|id| {
            let mut lists = self.known.lost_in(*id).iter();
            self.known.is_doubtful(*id) || lists.any(|list| !not_carried_out.contains(list))
        })
    }

    pub(super) fn settle_as(&mut self, devices: Vec<DeviceId>, outcome: Outcome, message: &str) {
        if !devices.is_empty() {
            self.steps.push(Step::settle(devices, outcome, &Reply::of(message)));
        }
    }

    /// Sends devices again that were not retried, unless that was tried often enough.
    fn send_again(&mut self, devices: Vec<DeviceId>, history: SendHistory) {
        if history.lost < self.limits.lost {
            self.requeue(devices, history);
            return;
        }
        let (doubtful, devices): (Vec<_>, Vec<_>) = devices.into_iter().partition(|id| self.known.is_doubtful(*id));
        self.settle_as(doubtful, Outcome::Unknown, DOUBTFUL);
        if !devices.is_empty() {
            self.steps.push(Step::GaveUp {
                devices,
                attempts: history.lost,
            });
        }
    }

    /// Tasks that were not sent have been looked at.
    pub(super) fn judge_controls(&mut self, devices: &[DeviceId], found: &Found) {
        let mut seen = Vec::new();
        for id in devices {
            // One that was sent meanwhile shows nothing.
            if let Seen::Failed(Some(task)) = self.seen(*id, found)
                && !self.known.was_sent(*id)
                && let Some(compared) = self.known.compare(*id, task)
            {
                seen.push(compared);
            }
        }
        self.witness.controls(seen, found.now);
        self.pursue_pending(found.now);
    }

    /// Tasks in question have been looked at once more, and were not sent in between.
    pub(super) fn judge_again(&mut self, devices: &[DeviceId], found: &Found) {
        let mut left = Vec::new();
        let (mut quiet, mut moved) = (0, 0);
        let mut seen = Vec::new();
        for id in devices {
            let Some(index) = self.pending.iter().position(|pending| pending.device == *id) else {
                continue;
            };
            self.pending[index].looks += 1;
            match self.seen(*id, found) {
                Seen::Failed(Some(task)) => {
                    let shown = Fields::of(&self.pending[index].task).compare(task);
                    quiet += usize::from(shown.is_untouched());
                    moved += usize::from(shown.has_changed());
                    seen.push((shown, Some(self.pending[index].seen)));
                    self.pending[index].changes_by_itself |= shown.has_changed();
                    self.pending[index].task = task.clone();
                }
                // It was failed before the call, and is not after it.
                Seen::NotFailed(_) => {
                    left.push(*id);
                    let pending = self.pending.swap_remove(index);
                    self.decided(pending.list, false);
                }
                Seen::Failed(None) | Seen::NoTask | Seen::Unclear => {}
            }
        }
        self.witness.controls(seen, found.now);
        for pending in &mut self.pending {
            pending.quiet = quiet;
            pending.moved += moved;
        }
        self.settle_as(left, Outcome::Unknown, BY_WHOM);
        self.pursue_pending(found.now);
    }

    /// Decides what can be decided, and has more looked at for the rest.
    pub(super) fn pursue_pending(&mut self, now: Duration) {
        let (mut accepted, mut unknown) = (Vec::new(), Vec::new());
        let mut again: Vec<Pending> = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let list = pending.list;
            let was_retried = match self
                .witness
                .judge(pending.shown, pending.from, pending.seen, pending.alike)
            {
                // Somebody else may have retried it meanwhile.
                _ if pending.changes_by_itself && self.known.has_others() => None,
                _ if pending.changes_by_itself => Some(false),
                Verdict::Retried => Some(true),
                Verdict::Nothing => Some(false),
                // They were not sent since, and are as they were for longer than the interval in which all of them changed.
                Verdict::Open
                    if pending.looks >= LOOKS && is_convincing(pending.alike, pending.moved, pending.quiet) =>
                {
                    Some(true)
                }
                Verdict::Open if pending.looks >= LOOKS => None,
                Verdict::Open => {
                    self.pending.push(pending);
                    continue;
                }
            };
            match was_retried {
                Some(true) => accepted.push(pending.device),
                Some(false) => again.push(pending),
                None => unknown.push(pending.device),
            }
            self.decided(list, was_retried == Some(true));
        }
        self.settle_as(
            accepted,
            Outcome::Accepted,
            "the answer was lost; a search shows that the task was retried and has failed again",
        );
        self.settle_as(unknown, Outcome::Unknown, CHANGED);
        for pending in &again {
            self.known.observe(pending.device, &pending.task, pending.seen);
            // What that call has done stays open.
            self.known.set_doubtful(pending.device);
        }
        again.sort_by_key(|pending| pending.history);
        for alike in again.chunk_by(|a, b| a.history == b.history) {
            self.send_again(alike.iter().map(|pending| pending.device).collect(), alike[0].history);
        }
        if self.pending.is_empty() || self.is_looking(|reason| matches!(reason, Reason::Controls | Reason::Again)) {
            return;
        }
        if self.pending.iter().any(|pending| !pending.compared) {
            for pending in &mut self.pending {
                pending.compared = true;
            }
            let controls = self.controls(self.limits.page);
            if !controls.is_empty() {
                self.look_up(controls, SendHistory::default(), Reason::Controls, now);
                return;
            }
        }
        let quiet = self
            .pending
            .iter()
            .map(|pending| pending.quiet_time(self.planned_before))
            .max();
        let quiet = quiet.unwrap_or_default();
        if quiet > LONGEST_QUIET {
            let devices = self.drain_pending();
            self.settle_as(devices, Outcome::Unknown, CHANGED);
            return;
        }
        let devices = self.pending.iter().map(|pending| pending.device).collect();
        let ready = now.saturating_add(quiet / LOOKS);
        self.look_up(devices, SendHistory::default(), Reason::Again, ready);
    }

    /// Takes those of which nothing can be learned any more.
    fn drain_pending(&mut self) -> Vec<DeviceId> {
        let pending = std::mem::take(&mut self.pending);
        for pending in &pending {
            self.decided(pending.list, false);
        }
        pending.into_iter().map(|pending| pending.device).collect()
    }

    /// No search is answered any more.
    pub(super) fn give_up_pending(&mut self) {
        let devices = self.drain_pending();
        self.settle_as(
            devices,
            Outcome::Unknown,
            "the answer was lost, and the task could not be looked up",
        );
    }
}
