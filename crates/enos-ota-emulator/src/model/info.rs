//! Jobs and tasks as the platform shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{JobStatus, JobType, TaskStatus, UpgradePolicy};

/// A task as the platform shows it (`TaskInfo` of `searchTask`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskInfo {
    /// Id of the task.
    pub task_id: String,
    /// The organization that owns the job.
    pub org_id: String,
    /// The asset of the device.
    pub asset_id: String,
    /// The product of the device.
    pub product_key: String,
    /// The device.
    pub device_key: String,
    /// The job.
    pub job_id: String,
    /// The version from which the device is upgraded.
    pub from_version: String,
    /// The version to which it is upgraded.
    pub to_version: String,
    /// 0 to 100, or negative if the task has failed.
    pub progress: i32,
    /// Why the task has failed; otherwise empty.
    pub desc: String,
    /// The state.
    pub status: TaskStatus,
    /// In milliseconds since 1970-01-01 UTC. What moves it is not documented; see [`UpdateTime`](crate::UpdateTime).
    pub update_time: i64,
}

/// A job as the platform shows it (`JobInfo` of `get` and `search`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobInfo {
    /// The organization that owns the job.
    pub org_id: String,
    /// The product of the devices, if the emulator knows it. Since EnOS 2.4.4 the platform tells it only of jobs with
    /// old firmware files.
    pub product_key: Option<String>,
    /// Id of the job.
    pub job_id: String,
    /// Its name.
    pub name: Option<StringI18n>,
    /// The firmware to which the job upgrades.
    pub firmware_id: String,
    /// The version of that firmware.
    pub firmware_version: String,
    /// The name of that firmware.
    pub firmware_name: Option<StringI18n>,
    /// What the job is for.
    #[serde(rename = "type")]
    pub job_type: JobType,
    /// Whether devices may ask for the upgrade themselves.
    pub enable_upgrade_request: Option<bool>,
    /// Whether devices that meet the scope only later join.
    pub upgrade_policy: Option<UpgradePolicy>,
    /// The devices.
    pub upgrade_scope: UpgradeScope,
    /// How many seconds a task may take.
    pub upgrade_timeout: u32,
    /// What was given when the job was created. The emulator does not retry by itself.
    pub retry_policy: Option<Value>,
    /// What was given when the job was created. The emulator does not wait for a time of the day.
    pub schedule_policy: Option<Value>,
    /// How many tasks are `published` or `upgrading` at a time.
    pub maximum_concurrency: u32,
    /// Whether the job runs.
    pub status: JobStatus,
    /// When the job was created, in milliseconds since 1970-01-01 UTC.
    pub create_time: i64,
}

/// A text in several languages (`StringI18n`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StringI18n {
    /// The text for every language that has none of its own.
    pub default_value: String,
    /// The texts by locale, such as `zh_CN`.
    pub i18n_value: BTreeMap<String, String>,
}

impl StringI18n {
    /// A text that is the same in every language; `None` for the empty text.
    pub(crate) fn plain(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self {
            default_value: text.to_owned(),
            i18n_value: BTreeMap::new(),
        })
    }
}

/// The devices of a job (`UpgradeScope`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UpgradeScope {
    /// All devices of the product, or only those that the other members select.
    #[serde(rename = "type")]
    pub scope_type: ScopeType,
    /// The versions to upgrade from.
    pub version_numbers: Option<Vec<String>>,
    /// The devices.
    pub device_keys: Option<Vec<String>>,
    /// What else was given when the job was created: `attributes`, `tags`, `assetTrees` and the like. The emulator
    /// repeats it, and selects no device by it.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The `type` of an [`UpgradeScope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeType {
    /// All devices of the product.
    Total,
    /// Only some.
    Partial,
}

/// A job, with the number of its tasks in each state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobState {
    /// Id of the job.
    pub job_id: String,
    /// The organization that owns it.
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub status: JobStatus,
    /// How many tasks it has in each state.
    pub tally: Tally,
}

/// How many tasks of a job are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// Not yet pushed.
    pub init: usize,
    /// Pushed.
    pub published: usize,
    /// Reporting progress.
    pub upgrading: usize,
    /// Succeeded.
    pub succeeded: usize,
    /// Failed.
    pub failed: usize,
}

impl Tally {
    /// The number in the given state.
    #[must_use]
    pub fn of(&self, status: TaskStatus) -> usize {
        match status {
            TaskStatus::Init => self.init,
            TaskStatus::Published => self.published,
            TaskStatus::Upgrading => self.upgrading,
            TaskStatus::Succeeded => self.succeeded,
            TaskStatus::Failed => self.failed,
        }
    }

    /// All tasks.
    #[must_use]
    pub fn total(&self) -> usize {
        TaskStatus::ALL.into_iter().map(|status| self.of(status)).sum()
    }
}

/// How often a device was retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetryCount {
    /// In how many `retryTask` calls for its running job the device was named, whatever became of them.
    pub named: u32,
    /// How many of these put its task back to `init`.
    pub applied: u32,
}
