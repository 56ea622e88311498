//! How each device stood when it was last looked at, before the call that is judged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::witness::{Fields, Shown};
use super::{Observation, Status};
use crate::devices::{DeviceId, Devices};

/// How a task stood before a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    /// It was seen to be failed.
    Failed,
    /// Nobody has looked.
    #[default]
    Unknown,
    /// It was seen not to be failed, or the job had no task for the device.
    NotFailed,
}

/// When something was seen: during this run, counted from its beginning, or before it.
pub(super) type SeenAt = Option<Duration>;

#[derive(Debug)]
pub(super) struct Knowledge {
    devices: Arc<Devices>,
    before: Vec<Before>,
    /// Those that a call of this campaign has carried.
    sent: Vec<bool>,
    /// What searches of this run showed, where it is newer than what the plan knows.
    newer: HashMap<DeviceId, (Duration, Observation)>,
}

impl Knowledge {
    pub(super) fn new(devices: Arc<Devices>, before: impl Fn(DeviceId) -> Before) -> Self {
        Self {
            before: devices.ids().map(before).collect(),
            sent: vec![false; devices.len()],
            newer: HashMap::new(),
            devices,
        }
    }

    pub(super) fn before(&self, id: DeviceId) -> Before {
        self.before[id.index()]
    }

    pub(super) fn set_before(&mut self, id: DeviceId, before: Before) {
        self.before[id.index()] = before;
    }

    pub(super) fn was_sent(&self, id: DeviceId) -> bool {
        self.sent[id.index()]
    }

    pub(super) fn set_sent(&mut self, id: DeviceId) {
        self.sent[id.index()] = true;
    }

    /// Takes what a search shows as how the task stands before the next call with it.
    pub(super) fn observe(&mut self, id: DeviceId, seen: &Observation, now: Duration) {
        self.before[id.index()] = match seen.status {
            Status::Failed => Before::Failed,
            Status::UnderWay | Status::Succeeded => Before::NotFailed,
        };
        self.newer.insert(id, (now, seen.clone()));
    }

    /// Compares a failed task with how it was before, and says since when. `None` if that is not known.
    pub(super) fn compare(&self, id: DeviceId, seen: &Observation) -> Option<(Shown, SeenAt)> {
        if self.before(id) != Before::Failed {
            return None;
        }
        if let Some((at, then)) = self.newer.get(&id) {
            return Some((Fields::of(then).compare(seen), Some(*at)));
        }
        let facts = self.devices.facts(id);
        let then = Fields {
            updated_ms: facts.updated_ms,
            task: None,
            progress: facts.progress,
            reason: facts.reason,
        };
        Some((then.compare(seen), None))
    }

    /// Whether the task had succeeded or was under way when it was last looked at.
    pub(super) fn status_before(&self, id: DeviceId) -> Option<Status> {
        self.newer.get(&id).map(|(_, seen)| seen.status)
    }
}
