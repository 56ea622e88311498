//! What scripts read of a campaign: a line per device, and what stands beside them.

use enos_ota_campaign::drift::Drift;
use enos_ota_campaign::{Calls, DeviceId, DeviceTable, Fate, Outcome, Plan, Summary};
use serde::Serialize;

use crate::args::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::results::{DeviceLine, Head, NoMore, Results};
use crate::upgrades::Upgrades;

pub(super) const SCHEMA: &str = "enos-ota/retry/1";
/// Not to be taken for what was really done.
pub(super) const REHEARSAL: &str = "enos-ota/rehearsal/1";

/// Tells scripts that no device was sent, and why.
pub(crate) fn unsent(output: Output, plan: &Plan, why: &str) -> Result<(), Failure> {
    if output == Output::Text {
        return Ok(());
    }
    let message = format!("not sent: {why}");
    let line = |id: DeviceId| DeviceLine {
        device_key: plan.devices.key(id),
        outcome: Outcome::Skipped,
        code: None,
        message: Some(&message),
        request_id: None,
        fate: None,
        reason: None,
    };
    let mut results = Results::new(output, plan.devices.len());
    for id in plan.devices.ids() {
        results.device(&line(id));
    }
    let mut summary = Summary {
        requested: plan.devices.len(),
        ..Summary::default()
    };
    summary.add(Outcome::Skipped, plan.devices.len());
    let head = Head {
        schema: SCHEMA,
        job_id: plan.job_id.as_str(),
        org_id: plan.org_id.as_str(),
        summary,
        more: NoMore {},
    };
    results.end(&head, || plan.devices.ids().map(line));
    results.conclude(Exit::Success).map(|_| ())
}

/// Tells of the devices that have their outcome before anything is sent.
pub(super) fn tell_settled(results: &mut Results, ledger: &DeviceTable) {
    if ledger.summary().settled() == 0 {
        return;
    }
    for id in ledger.devices().ids() {
        if ledger.standing(id).outcome.is_some() {
            results.device(&line_of(ledger, id));
        }
    }
    results.flush();
}

pub(super) fn line_of(ledger: &DeviceTable, id: DeviceId) -> DeviceLine<'_> {
    let standing = ledger.standing(id);
    DeviceLine {
        device_key: ledger.devices().key(id),
        // Every device has one when a campaign has ended.
        outcome: standing.outcome.unwrap_or(Outcome::Skipped),
        code: standing.code,
        message: standing.message,
        request_id: standing.request_id,
        fate: Some(standing.fate).filter(|fate| *fate != Fate::NotSeen),
        reason: standing.failed_again,
    }
}

/// What scripts are told besides the contract's own members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct More {
    pub(super) ending: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fates: Option<Upgrades>,
    /// Rejected devices that were no longer failed, because somebody else had retried them.
    pub(super) elsewhere: usize,
    pub(super) calls: Calls,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) journal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drift: Option<DriftCounts>,
}

/// How many devices of a plan had changed since it was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DriftCounts {
    planned: usize,
    no_longer_failed: usize,
    gone: usize,
    changed: usize,
    unclear: usize,
    newly_failed: usize,
}

impl DriftCounts {
    pub(super) fn of(drift: &Drift) -> Self {
        Self {
            planned: drift.planned,
            no_longer_failed: drift.no_longer_failed.len(),
            gone: drift.gone.len(),
            changed: drift.changed.len(),
            unclear: drift.unclear.len(),
            newly_failed: drift.newly_failed.len(),
        }
    }
}
