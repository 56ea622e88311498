//! Devices to follow, from a job or from a journal.

use std::time::Duration;

use enos_ota::text::with_causes;
use enos_ota::{Client, Clock as _, JobId, OrgId, SystemClock};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{DeviceState, Devices, Outcome, Watcher};

use crate::failure::Failure;

/// A campaign that writes nothing for so long has been killed: no pause of the gateway is longer.
const SILENT: Duration = Duration::from_mins(6);

/// Devices to follow, and what is known of them.
pub(super) struct Followed {
    pub(super) job_id: JobId,
    pub(super) org_id: OrgId,
    pub(super) watcher: Watcher,
    /// Whether there may be more of them later.
    pub(super) goes_on: bool,
    /// When the campaign last wrote something, in milliseconds since 1970-01-01 UTC.
    pub(super) last_at_ms: i64,
}

pub(super) fn watcher(client: &Client, job_id: &JobId, devices: Devices) -> Result<Watcher, Failure> {
    Ok(Watcher::new(client, job_id, devices)
        .map_err(|error| Failure::usage(with_causes(&error)))?
        .stages(false))
}

pub(super) fn accepted(client: &Client, recovered: &Recovered) -> Result<Followed, Failure> {
    let all = &recovered.plan.devices;
    let mut devices = Devices::new();
    let mut known = Vec::new();
    for id in all.ids() {
        let standing = recovered.standing(id);
        if standing.state != DeviceState::Settled(Outcome::Accepted) {
            continue;
        }
        // Where its `updateTime` from before the campaign is not known, none is made up: times of two clocks tell nothing.
        let (followed, _) = devices
            .push(all.key(id), &all.facts(id))
            .map_err(|error| Failure::usage(error.to_string()))?;
        if standing.fate.is_final() {
            known.push((followed, id));
        }
    }
    let mut watcher = watcher(client, &recovered.plan.job_id, devices)?;
    for (followed, id) in known {
        let standing = recovered.standing(id);
        watcher.already(followed, standing.fate, standing.failed_again);
    }
    Ok(Followed {
        job_id: recovered.plan.job_id.clone(),
        org_id: recovered.plan.org_id.clone(),
        watcher,
        goes_on: recovered.ended.is_none(),
        last_at_ms: recovered.last_at_ms,
    })
}

impl Followed {
    /// Takes over what was seen before.
    pub(super) fn take_over(&mut self, before: &Watcher) {
        for id in before.devices().ids() {
            let sight = before.sight(id);
            if sight.fate.is_final()
                && let Some(id) = self.watcher.devices().find(before.devices().key(id))
            {
                self.watcher.already(id, sight.fate, sight.reason);
            }
        }
    }

    pub(super) fn silence(&self) -> Duration {
        Duration::from_millis(u64::try_from(SystemClock.now_ms() - self.last_at_ms).unwrap_or(0))
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silence() > SILENT
    }
}
