//! What has changed between the making of a plan and now.

use std::sync::Arc;

use enos_ota::Client;

use crate::devices::{DeviceId, Devices};
use crate::plan::Plan;
use crate::selection::{Exclusion, LookedUp, ReadProgress, Reader, SelectError, Selection, TaskState};

/// How the tasks of a plan have changed since it was made.
///
/// Numbers of devices are those of the plan.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Drift {
    /// How many devices the plan has.
    pub planned: usize,
    /// Devices whose tasks are not failed any more: somebody has retried them.
    pub no_longer_failed: Vec<DeviceId>,
    /// Devices without a task in the job.
    pub gone: Vec<DeviceId>,
    /// Devices whose tasks are failed, with another `updateTime` than in the plan: they may have been retried and have
    /// failed again. What moves it is not documented.
    pub changed: Vec<DeviceId>,
    /// Devices of which it could not be told: see [`TaskState::Unclear`] and [`TaskState::NotSearchable`].
    pub unclear: Vec<DeviceId>,
    /// Keys of devices that meet the plan's criteria now, and are not in the plan. They are never added to it. Always
    /// empty for a plan of named devices.
    pub newly_failed: Vec<String>,
    /// How many devices were left out by their keys when the plan was made, if only their number is known now: they may
    /// be among the newly failed.
    pub excluded_then: usize,
    /// Whether tasks came or went all the time while they were read; see [`Selected::moved`](crate::Selected::moved).
    pub moved: bool,
    /// How many searches were made.
    pub calls: u64,
}

impl Drift {
    /// The share of the plan that cannot be retried any more, in percent: the devices that are no longer failed or gone.
    ///
    /// Those that failed again are still to be retried, and those that newly failed are not in the plan, so neither
    /// counts. 0 for a plan without devices.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.planned == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share of less than 2^32 devices")]
        let share = (self.no_longer_failed.len() + self.gone.len()) as f64 * 100.0 / self.planned as f64;
        share
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.no_longer_failed.is_empty()
            && self.gone.is_empty()
            && self.changed.is_empty()
            && self.unclear.is_empty()
            && self.newly_failed.is_empty()
    }

    /// The plan without the devices that are no longer failed or gone.
    #[must_use]
    pub fn trimmed(&self, plan: &Plan) -> Plan {
        let mut dropped = vec![false; plan.devices.len()];
        for id in self.no_longer_failed.iter().chain(&self.gone) {
            if let Some(dropped) = dropped.get_mut(id.index()) {
                *dropped = true;
            }
        }
        let kept = plan.devices.ids().filter(|id| !dropped[id.index()]);
        Plan {
            devices: Arc::new(plan.devices.retain_ids(kept)),
            ..plan.without_devices()
        }
    }
}

/// Compares a plan with the platform, with the default settings of a [`Reader`]; see [`check_with`].
///
/// # Errors
///
/// [`SelectError`].
pub async fn check(client: &Client, plan: &Plan) -> Result<Drift, SelectError> {
    check_with(&Reader::new(client), plan, |_| ()).await
}

/// Compares a plan with the platform: it reads the same selection once more, and looks up the devices of the plan that
/// do not meet it any more. The devices of a plan of named devices are all looked up.
///
/// The client has to be of the plan's organization: see [`Plan::check_target`].
///
/// # Errors
///
/// If a search fails, as of [`Reader::read`].
pub async fn check_with(
    reader: &Reader<'_>,
    plan: &Plan,
    mut on_progress: impl FnMut(ReadProgress) + Send,
) -> Result<Drift, SelectError> {
    let mut drift = Drift {
        planned: plan.devices.len(),
        ..Drift::default()
    };
    match &plan.selection {
        Selection::Named(_) => {
            let now = reader.look_up(&plan.job_id, &plan.devices, on_progress).await?;
            drift.calls = now.calls;
            drift.take(plan, &plan.devices, &now);
        }
        Selection::Failed(criteria) => {
            let now = reader.read(&plan.selection, &plan.job_id, &mut on_progress).await?;
            drift.moved = now.moved;
            drift.newly_failed = now
                .devices
                .ids()
                .map(|id| now.devices.key(id))
                .filter(|key| plan.devices.find(key).is_none())
                .map(str::to_owned)
                .collect();
            drift.excluded_then = criteria
                .exclude
                .as_ref()
                .filter(|exclude| !exclude.is_known())
                .map_or(0, Exclusion::len);
            let mut missing = Vec::new();
            for id in plan.devices.ids() {
                match now.devices.find(plan.devices.key(id)) {
                    Some(other) => drift.compare(plan, id, now.devices.facts(other).updated_ms),
                    None => missing.push(id),
                }
            }
            let missing = plan.devices.retain_ids(missing);
            let before = now.calls;
            drop(now);
            // They may have failed again for another reason, and then they are still to be retried.
            let now = reader
                .look_up(&plan.job_id, &missing, |mut progress| {
                    progress.calls += before;
                    on_progress(progress);
                })
                .await?;
            drift.calls = before + now.calls;
            drift.take(plan, &missing, &now);
        }
    }
    drift.changed.sort_unstable();
    Ok(drift)
}

impl Drift {
    /// Takes in devices of the plan that were looked up.
    fn take(&mut self, plan: &Plan, devices: &Devices, now: &LookedUp) {
        for of_list in devices.ids() {
            let Some(id) = plan.devices.find(devices.key(of_list)) else {
                continue;
            };
            match now.state(of_list) {
                TaskState::Failed => self.compare(plan, id, now.devices.facts(of_list).updated_ms),
                TaskState::UnderWay | TaskState::Succeeded | TaskState::NotFailed => self.no_longer_failed.push(id),
                TaskState::Gone => self.gone.push(id),
                TaskState::Unclear | TaskState::NotSearchable => self.unclear.push(id),
            }
        }
    }

    /// Takes in a device that is failed now.
    fn compare(&mut self, plan: &Plan, id: DeviceId, updated_ms: Option<i64>) {
        let planned = plan.devices.facts(id).updated_ms;
        if planned.is_some() && updated_ms.is_some() && planned != updated_ms {
            self.changed.push(id);
        }
    }
}
