//! Does somebody else retry tasks of this job, and what can still be said then?
//!
//! Another process, a person at the console or the platform itself may retry the same tasks. A task that has left
//! `failed` although no call of this campaign has carried it shows that. From then on it proves little that a device of
//! a lost call has left `failed`. The call is carried out as a whole, so these rules hold:
//!
//! | Others of the list | Nobody else was seen | Somebody else was seen |
//! |---|---|---|
//! | all have left `failed`, or were retried and have failed again | accepted | accepted |
//! | of some that is not known | accepted | not known |
//! | one is untouched | retried elsewhere | retried elsewhere |
//! | one is untouched, and an earlier call may have come late | not known | not known |

use std::collections::HashSet;

use super::knowledge::Before;
use super::lost::WAS_RETRIED;
use super::schedule::{Found, Scheduler, Seen};
use super::{CallId, Step};
use crate::devices::DeviceId;
use crate::outcome::Outcome;

pub(super) const BY_WHOM: &str = "the answer was lost, and the task is not failed any more: whether that call or \
                                  something else has moved it cannot be told";

/// Devices of a lost call that have left `failed`, and wait for what becomes of the others of their list.
#[derive(Debug)]
pub(super) struct Withheld {
    left: Vec<DeviceId>,
    /// Of how many it is still open whether they were retried.
    open: usize,
}

impl Scheduler {
    /// Whether a search shows that a task has left `failed` which no call of this campaign has carried.
    pub(super) fn look_for_others(&mut self, found: &Found, named: &[DeviceId]) {
        let moved = |id: &DeviceId| {
            self.known.before(*id) == Before::Failed
                && !self.known.is_ours(*id)
                && matches!(self.seen(*id, found), Seen::NotFailed(_))
        };
        if !self.known.has_others() && self.fresh(found, named).iter().any(moved) {
            self.known.set_others();
        }
    }

    /// Settles devices of a list of so many that have left `failed`. None of the others is untouched, and `changed` are failed
    /// and have changed.
    pub(super) fn settle_left_of(&mut self, list: u64, left: Vec<DeviceId>, changed: usize, all: usize) {
        if !self.known.has_others() || left.len() == all {
            self.settle_as(left, Outcome::Accepted, WAS_RETRIED);
        } else if left.len() + changed < all {
            self.settle_as(left, Outcome::Unknown, BY_WHOM);
        } else if !left.is_empty() {
            self.withheld.insert(list, Withheld { left, open: changed });
        }
    }

    /// It has turned out whether a device of a list was retried.
    pub(super) fn decided(&mut self, list: u64, was_retried: bool) {
        let Some(withheld) = self.withheld.get_mut(&list) else {
            return;
        };
        withheld.open = withheld.open.saturating_sub(1);
        if was_retried && withheld.open > 0 {
            return;
        }
        let Some(Withheld { left, .. }) = self.withheld.remove(&list) else {
            return;
        };
        if was_retried {
            self.settle_as(left, Outcome::Accepted, WAS_RETRIED);
        } else {
            self.settle_as(left, Outcome::Unknown, BY_WHOM);
        }
    }

    /// A reading of the job shows devices, too, that wait to be sent once more. Where one is not failed any more, an earlier
    /// call of which the answer was lost may have come late, or somebody else has retried it.
    pub(super) fn look_at_requeued(&mut self, look: CallId, found: &Found, named: &[DeviceId]) {
        if !found.whole_job && !named.iter().any(|id| self.known.was_sent(*id)) {
            return;
        }
        let named: Option<HashSet<_>> = (!found.whole_job).then(|| named.iter().copied().collect());
        let mut waiting = self.requeued();
        waiting.retain(|id| named.as_ref().is_none_or(|named| named.contains(id)));
        // Searches that were begun before show nothing new.
        waiting.retain(|id| self.known.was_sent_before(*id, look));
        let (mut left, mut still_failed) = (Vec::new(), Vec::new());
        for id in waiting {
            match (self.seen(id, found), self.known.before(id)) {
                (Seen::NotFailed(_), Before::Failed) => left.push(id),
                (Seen::Failed(Some(task)), Before::Failed) => {
                    let compared = self.known.compare(id, task);
                    if compared.is_some_and(|(shown, _)| shown.is_untouched()) {
                        still_failed.push(id);
                    } else {
                        // By whatever it was changed, it was not by a call that is still to come.
                        self.known.set_doubtful(id);
                        self.known.observe(id, task, found.now);
                    }
                }
                (Seen::Failed(Some(task)) | Seen::NotFailed(Some(task)), _) => self.known.observe(id, task, found.now),
                (Seen::Failed(None), _) => self.known.observe_failed(id, found.now),
                (Seen::NotFailed(None), _) => self.known.observe_not_failed(id),
                (Seen::NoTask | Seen::Unclear, _) => {}
            }
        }
        let (late, elsewhere) = self.came_late(left, &still_failed);
        if !elsewhere.is_empty() {
            self.known.set_others();
        }
        self.take_waiting(&late);
        self.settle_as(late, Outcome::Unknown, BY_WHOM);
        for id in elsewhere {
            match self.seen(id, found) {
                Seen::NotFailed(Some(task)) => self.known.observe(id, task, found.now),
                _ => self.known.observe_not_failed(id),
            }
        }
        self.sort_pools();
    }

    /// Tells of devices that have left `failed` and are not settled by that: if this process ends before they are, the next
    /// one is to know it.
    pub(super) fn tell_who_left(&mut self) {
        let mut left = std::mem::take(&mut self.newly_left);
        if left.is_empty() {
            return;
        }
        let settled: HashSet<_> = self.steps.iter().flat_map(settled_by).copied().collect();
        left.retain(|id| !settled.contains(id));
        if !left.is_empty() {
            self.steps.push(Step::Left(left));
        }
    }
}

fn settled_by(step: &Step) -> &[DeviceId] {
    match step {
        Step::Settle { devices, .. } | Step::GaveUp { devices, .. } | Step::Requeue(devices) => devices,
        Step::Left(_) | Step::Shrunk { .. } | Step::Learned(_) => &[],
    }
}
