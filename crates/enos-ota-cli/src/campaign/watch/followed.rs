//! Devices to follow, from a job or from a journal.

use std::sync::Arc;
use std::time::Duration;

use enos_ota::{Clock as _, JobId, OrgId, SystemClock};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{DeviceId, DeviceState, DeviceTable, Devices, Fate, Outcome};

use crate::failure::Failure;

/// A campaign that writes nothing for so long has been killed: no pause of the gateway is longer.
const SILENT: Duration = Duration::from_mins(6);

/// Devices to follow, and what is known of them.
pub(super) struct Followed {
    pub(super) job_id: JobId,
    pub(super) org_id: OrgId,
    pub(super) devices: Devices,
    pub(super) known: Vec<(DeviceId, Fate, Option<Arc<str>>)>,
    /// Whether there may be more of them later.
    pub(super) goes_on: bool,
    /// When the campaign last wrote something, in milliseconds since 1970-01-01 UTC.
    pub(super) last_at_ms: i64,
}

/// The accepted devices of a journal.
pub(super) fn accepted(recovered: &Recovered) -> Result<Followed, Failure> {
    // Where the `updateTime` from before the campaign is not known, it was before the campaign.
    const CLOCKS_DIFFER_MS: i64 = 30_000;
    let before = recovered.begin.at_ms - CLOCKS_DIFFER_MS;
    let all = &recovered.plan.devices;
    let mut devices = Devices::new();
    let mut known = Vec::new();
    for id in all.ids() {
        let standing = recovered.standing(id);
        if standing.state != DeviceState::Settled(Outcome::Accepted) {
            continue;
        }
        let mut facts = all.facts(id);
        facts.updated_ms = facts.updated_ms.or(Some(before));
        let (followed, _) = devices
            .push(all.key(id), &facts)
            .map_err(|error| Failure::usage(error.to_string()))?;
        if standing.fate.is_final() {
            known.push((
                followed,
                standing.fate,
                recovered.standing(id).failed_again.map(Into::into),
            ));
        }
    }
    Ok(Followed {
        job_id: recovered.plan.job_id.clone(),
        org_id: recovered.plan.org_id.clone(),
        devices,
        known,
        goes_on: recovered.ended.is_none(),
        last_at_ms: recovered.last_at_ms,
    })
}

impl Followed {
    /// Takes over what was seen before.
    pub(super) fn take_over(&mut self, ledger: &DeviceTable) {
        for id in ledger.devices().ids() {
            let standing = ledger.standing(id);
            if standing.fate.is_final()
                && let Some(id) = self.devices.find(ledger.devices().key(id))
            {
                self.known
                    .push((id, standing.fate, standing.failed_again.map(Into::into)));
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
