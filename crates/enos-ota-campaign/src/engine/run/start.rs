//! What a run begins with: a scheduler that knows what the plan and earlier runs have left.

use std::sync::Arc;
use std::time::Duration;

use crate::devices::DeviceId;
use crate::engine::knowledge::Before;
use crate::engine::schedule::{Earlier, Scheduler};
use crate::engine::{Limits, Reply, waves};
use crate::journal::CallEnd;
use crate::plan::Plan;
use crate::selection::Selection;
use crate::settings::Settings;
use crate::state::{DeviceState, DeviceTable};
use crate::time::Time;

/// A scheduler with the devices that are open, each where an earlier run has left it.
pub(super) fn scheduler(
    plan: &Plan,
    settings: &Settings,
    table: &DeviceTable,
    limits: Limits,
    time: &Time,
    (resumed, says_unseen): (bool, bool),
) -> Scheduler {
    let devices = table.devices();
    let selected = matches!(plan.selection, Selection::Failed(_));
    let random = fastrand::Rng::new();
    // A clock that was put back since proves nothing.
    let planned_before = u64::try_from(time.now_ms().saturating_sub(plan.created_ms))
        .map_or(Duration::MAX, Duration::from_millis)
        .saturating_sub(time.elapsed());
    let just_planned = planned_before < Duration::from_secs(5);
    let before = |id| match devices.facts(id) {
        facts if facts.updated_ms.is_some() || selected => Before::Failed,
        facts => match facts.seen.into() {
            // What was under way then may have failed by now.
            Before::NotFailed if !just_planned && settings.lookup => Before::Unknown,
            before => before,
        },
    };
    let order = waves::order(devices, settings.waves.as_ref());
    let waiting = order
        .into_iter()
        .filter(|id| table.standing(*id).state == DeviceState::Waiting)
        .collect();
    let mut scheduler = Scheduler::new(
        Arc::clone(devices),
        waiting,
        limits,
        settings.lookup,
        planned_before,
        before,
        random,
    );
    if resumed {
        let waits = |id: &DeviceId| table.standing(*id).state == DeviceState::Waiting;
        scheduler.goes_on(&Earlier {
            doubtful: devices.ids().filter(|id| table.was_lost(*id) && waits(id)).collect(),
            sent: devices.ids().filter(|id| table.last_call_of(*id).is_some()).collect(),
            others: table.elsewhere() > 0,
        });
    }
    let ready = time.elapsed().saturating_add(settings.lag);
    // The devices of one call, which share a time and a reply.
    let mut calls: std::collections::BTreeMap<Option<usize>, Vec<DeviceId>> = std::collections::BTreeMap::new();
    for id in devices.ids() {
        if matches!(
            table.standing(id).state,
            DeviceState::InDoubt { .. } | DeviceState::Refused { .. }
        ) {
            calls.entry(table.last_call_of(id)).or_default().push(id);
        }
    }
    for ids in calls.into_values() {
        let standing = table.standing(ids[0]);
        let known = says_unseen || before(ids[0]) == Before::Failed;
        let told = |seen| match Before::from(seen) {
            Before::Failed if !known => Before::Unknown,
            before => before,
        };
        let reply = Arc::new(Reply {
            code: standing.code,
            message: standing.message.map(Into::into),
            request_id: standing.request_id.map(Into::into),
        });
        match standing.state {
            DeviceState::InDoubt { .. } if standing.last_end == Some(CallEnd::Accepted) => {
                scheduler.accepted_before(ids.clone(), reply, ready);
            }
            DeviceState::InDoubt { before, .. } => scheduler.in_doubt(ids.clone(), told(before), ready),
            DeviceState::Refused { before, .. } => {
                scheduler.refused_before(ids.clone(), told(before), reply, ready);
            }
            DeviceState::Waiting | DeviceState::Settled(_) => {}
        }
        for id in ids {
            scheduler.recall(id, table.last_seen(id), table.has_left(id));
        }
    }
    scheduler
}
