//! How each device stood when it was last looked at, before the call that is judged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::witness::{Fields, Shown};
use super::{CallId, Observation, Status};
use crate::devices::{DeviceId, Devices, Seen};
use crate::journal::LastSeen;

/// How a task stood before a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Before {
    /// It was seen to be failed.
    Failed,
    /// Nobody has looked.
    #[default]
    Unknown,
    /// It was seen not to be failed, or the job had no task for the device.
    NotFailed,
}

impl From<Option<Seen>> for Before {
    fn from(seen: Option<Seen>) -> Self {
        match seen {
            Some(Seen::Failed) => Self::Failed,
            Some(Seen::NotFailed | Seen::NoTask) => Self::NotFailed,
            None => Self::Unknown,
        }
    }
}

/// When something was seen: during this run, counted from its beginning, or before it.
pub(super) type SeenAt = Option<Duration>;

/// Hardly anybody else retries a task within this time.
const SHORTLY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Knowledge {
    devices: Arc<Devices>,
    before: Vec<Before>,
    /// Those whose task was failed when the plan was made.
    planned_failed: Vec<bool>,
    /// The last call that has carried a device, or [`CallId::NONE`].
    sent: Vec<CallId>,
    /// Those that calls of earlier runs have carried.
    sent_before: HashSet<DeviceId>,
    /// Whether somebody else retries tasks of this job, or moves them.
    others: bool,
    /// What searches of this run showed, or earlier runs wrote down, where it is newer than what the plan knows.
    newer: HashMap<DeviceId, (SeenAt, Observation)>,
    /// When a search of this run last showed a task to be failed.
    seen_failed: HashMap<DeviceId, Duration>,
    /// In which lists a device was whose answers were lost.
    lost_in: HashMap<DeviceId, Vec<u64>>,
    lost_lists: u64,
    /// Devices that were seen not to be failed after they were last sent.
    left: HashSet<DeviceId>,
    /// Devices that a call may have retried although they were sent again.
    doubtful: HashSet<DeviceId>,
    /// Devices of refused lists whose tasks nobody saw untouched afterwards.
    perhaps_retried: HashSet<DeviceId>,
}

impl Knowledge {
    pub(super) fn new(devices: Arc<Devices>, before: impl Fn(DeviceId) -> Before) -> Self {
        let before: Vec<_> = devices.ids().map(before).collect();
        Self {
            planned_failed: before.iter().map(|before| *before == Before::Failed).collect(),
            sent: vec![CallId::NONE; devices.len()],
            sent_before: HashSet::new(),
            others: false,
            newer: HashMap::new(),
            seen_failed: HashMap::new(),
            lost_in: HashMap::new(),
            lost_lists: 0,
            left: HashSet::new(),
            doubtful: HashSet::new(),
            perhaps_retried: HashSet::new(),
            before,
            devices,
        }
    }

    pub(super) fn before(&self, id: DeviceId) -> Before {
        self.before[id.index()]
    }

    /// Whether the task was failed when the plan was made: if it is not any more, and no call of this campaign has
    /// retried it, somebody else has.
    pub(super) fn was_planned_failed(&self, id: DeviceId) -> bool {
        self.planned_failed[id.index()]
    }

    pub(super) fn set_before(&mut self, id: DeviceId, before: Before) {
        self.before[id.index()] = before;
    }

    pub(super) fn was_sent(&self, id: DeviceId) -> bool {
        self.sent[id.index()] != CallId::NONE
    }

    /// Whether the device was sent, and is in no call that was begun later than this one.
    pub(super) fn was_sent_before(&self, id: DeviceId, call: CallId) -> bool {
        self.was_sent(id) && self.sent[id.index()] < call
    }

    pub(super) fn set_sent(&mut self, id: DeviceId, call: CallId) {
        self.sent[id.index()] = call;
    }

    /// A call of an earlier run has carried the device.
    pub(super) fn set_sent_before(&mut self, id: DeviceId) {
        self.sent_before.insert(id);
    }

    /// Whether a call of this campaign has ever carried the device.
    pub(super) fn is_ours(&self, id: DeviceId) -> bool {
        self.was_sent(id) || self.sent_before.contains(&id)
    }

    /// Somebody else has retried a task of this job, or moved it.
    pub(super) fn set_others(&mut self) {
        self.others = true;
    }

    pub(super) fn has_others(&self) -> bool {
        self.others
    }

    /// A search shows the task not to be failed, and no more, or no task at all.
    pub(super) fn observe_not_failed(&mut self, id: DeviceId) {
        self.before[id.index()] = Before::NotFailed;
        self.newer.remove(&id);
    }

    /// A search shows the task to be failed, and no more.
    pub(super) fn observe_failed(&mut self, id: DeviceId, now: Duration) {
        self.before[id.index()] = Before::Failed;
        self.seen_failed.insert(id, now);
        self.left.remove(&id);
    }

    pub(super) fn next_lost_list(&mut self) -> u64 {
        self.lost_lists += 1;
        self.lost_lists
    }

    pub(super) fn set_lost_in(&mut self, id: DeviceId, list: u64) {
        self.lost_in.entry(id).or_default().push(list);
    }

    /// The task is seen not to be failed, after it was sent. Whether that is news.
    pub(super) fn set_left(&mut self, id: DeviceId) -> bool {
        self.before(id) == Before::Failed && self.left.insert(id)
    }

    pub(super) fn has_left(&self, id: DeviceId) -> bool {
        self.left.contains(&id)
    }

    /// The list of the device was refused, and no search has shown its task as it was before. Where the platform retries the
    /// others of a refused list, that call may have retried it.
    pub(super) fn set_perhaps_retried(&mut self, id: DeviceId) {
        self.perhaps_retried.insert(id);
    }

    pub(super) fn is_perhaps_retried(&self, id: DeviceId) -> bool {
        self.perhaps_retried.contains(&id)
    }

    pub(super) fn set_doubtful(&mut self, id: DeviceId) {
        self.doubtful.insert(id);
    }

    pub(super) fn is_doubtful(&self, id: DeviceId) -> bool {
        self.doubtful.contains(&id)
    }

    pub(super) fn lost_in(&self, id: DeviceId) -> &[u64] {
        self.lost_in.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether no call can have retried a task that was not failed when it was last looked at, and is not now.
    ///
    /// That it was not failed shortly before a call is not enough: it may have failed just then, and reads are behind.
    pub(super) fn has_not_moved(&self, id: DeviceId, now: Option<&Observation>) -> bool {
        match (self.newer.get(&id), now) {
            (Some((_, then)), Some(now)) if then.status == now.status => {
                // A task that has succeeded never fails again.
                then.status == Status::Succeeded || Fields::of(then).compare(now).is_untouched()
            }
            _ => false,
        }
    }

    /// Whether the task was seen to be failed so shortly before this time that nobody else is likely to have retried it
    /// in between.
    pub(super) fn was_failed_just_before(&self, id: DeviceId, sent_at: Duration) -> bool {
        self.seen_failed
            .get(&id)
            .is_some_and(|seen| *seen <= sent_at && sent_at.saturating_sub(*seen) <= SHORTLY)
    }

    /// Takes what a search shows as how the task stands before the next call with it.
    pub(super) fn observe(&mut self, id: DeviceId, seen: &Observation, now: Duration) {
        match seen.status {
            Status::Failed => self.observe_failed(id, now),
            Status::UnderWay | Status::Succeeded => self.observe_not_failed(id),
        }
        self.newer.insert(id, (Some(now), seen.clone()));
    }

    /// How the task was when this run last saw it to be failed.
    pub(super) fn last_seen(&self, id: DeviceId) -> Option<LastSeen> {
        let (_, seen) = self.newer.get(&id).filter(|(_, seen)| seen.status == Status::Failed)?;
        Some(LastSeen {
            update_time: seen.updated_ms,
            task: seen.task,
        })
    }

    /// An earlier run has last seen the task so.
    pub(super) fn recall(&mut self, id: DeviceId, seen: LastSeen) {
        let seen = Observation {
            status: Status::Failed,
            updated_ms: seen.update_time,
            task: seen.task,
            progress: None,
            reason: None,
        };
        self.newer.insert(id, (None, seen));
    }

    /// Compares a failed task with how it was before, and says since when. `None` if that is not known.
    pub(super) fn compare(&self, id: DeviceId, seen: &Observation) -> Option<(Shown, SeenAt)> {
        if self.before(id) != Before::Failed {
            return None;
        }
        if let Some((at, then)) = self.newer.get(&id) {
            return Some((Fields::of(then).compare(seen), *at));
        }
        let facts = self.devices.facts(id);
        let then = Fields {
            updated_ms: facts.updated_ms,
            task: facts.task,
            progress: facts.progress,
            reason: facts.reason,
        };
        Some((then.compare(seen), None))
    }
}
