//! What earlier runs of a campaign have left.

use std::sync::Arc;
use std::time::Duration;

use super::{Reason, Scheduler, SendHistory};
use crate::devices::DeviceId;
use crate::engine::knowledge::Before;
use crate::engine::{CallId, Reply};
use crate::journal::LastSeen;

impl Scheduler {
    /// An earlier run may have seen more of the tasks than the plan knows.
    pub(crate) fn goes_on(&mut self, earlier: &Earlier) {
        self.is_stale = true;
        for id in &earlier.doubtful {
            self.known.set_doubtful(*id);
        }
        for id in &earlier.sent {
            self.known.set_sent_before(*id);
        }
        if earlier.others {
            self.known.set_others();
        }
    }

    /// Takes up devices whose last call was left in doubt by an earlier run.
    pub(crate) fn in_doubt(&mut self, devices: Vec<DeviceId>, before: Before, ready: Duration) {
        let history = self.history_of(&devices, before);
        let history = SendHistory { lost: 1, ..history };
        self.look_up(devices, history, Reason::Lost, ready);
    }

    /// What an earlier run knows of a device that was taken up: how its task was before its last call, and whether it was seen
    /// not to be failed after it.
    pub(crate) fn recall(&mut self, id: DeviceId, last_seen: Option<LastSeen>, has_left: bool) {
        if let Some(seen) = last_seen {
            self.known.recall(id, seen);
        }
        if has_left {
            self.known.set_left(id);
        }
    }

    /// How the tasks of devices were when they were last looked at; empty if none was.
    pub(crate) fn last_seen(&self, devices: &[DeviceId]) -> Vec<Option<LastSeen>> {
        let seen: Vec<_> = devices.iter().map(|id| self.known.last_seen(*id)).collect();
        if seen.iter().all(Option::is_none) {
            Vec::new()
        } else {
            seen
        }
    }

    /// Takes up devices that were not failed, and whose last call the platform has accepted in an earlier run.
    pub(crate) fn accepted_before(&mut self, devices: Vec<DeviceId>, reply: Arc<Reply>, ready: Duration) {
        let history = self.history_of(&devices, Before::NotFailed);
        self.look_up(devices, history, Reason::PassedOver(reply), ready);
    }

    /// Takes up devices whose last call was refused in an earlier run, before it was known why.
    pub(crate) fn refused_before(
        &mut self,
        devices: Vec<DeviceId>,
        before: Before,
        reply: Arc<Reply>,
        ready: Duration,
    ) {
        let history = self.history_of(&devices, before);
        let history = SendHistory { refused: 1, ..history };
        self.look_up(devices, history, Reason::Refused(reply), ready);
    }

    /// Devices of one call, which an earlier run has sent.
    pub(super) fn history_of(&mut self, devices: &[DeviceId], before: Before) -> SendHistory {
        for id in devices {
            self.known.set_sent(*id, CallId::EARLIER);
            self.known.set_before(*id, before);
        }
        SendHistory {
            before,
            ..SendHistory::default()
        }
    }
}

/// What earlier runs of the campaign have left.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// Devices that wait to be sent although a call may have retried them.
    pub(crate) doubtful: Vec<DeviceId>,
    /// Devices that a call has carried.
    pub(crate) sent: Vec<DeviceId>,
    /// Whether somebody else was seen to retry tasks of the job.
    pub(crate) others: bool,
}
