//! A job of a fleet.

use serde::{Deserialize, Serialize};

use super::{Task, file, is_default};
use crate::model::{JobStatus, JobType, Known, TaskStatus, UpgradePolicy};
use crate::setters::setters;

/// How long a task may take, in seconds, where nothing else is said: documented.
pub(crate) const DEFAULT_UPGRADE_TIMEOUT: u32 = 7200;
/// How many seconds a task may be allowed to take: documented.
pub(crate) const UPGRADE_TIMEOUTS: std::ops::RangeInclusive<u32> = 300..=172_800;
/// To how many devices a job pushes at a time, where nothing else is said: documented.
pub(crate) const DEFAULT_CONCURRENCY: u32 = 300;

/// What a job has of which nothing is said. All these names are the emulator's own.
pub(crate) mod default {
    pub(crate) const PRODUCT_KEY: &str = "demoProduct";
    pub(crate) const FROM_VERSION: &str = "1.0.0";
    pub(crate) const TO_VERSION: &str = "1.1.0";
}

/// A job of a [`Fleet`](super::Fleet).
///
/// # A job that exists elsewhere
///
/// To rehearse what is to be done to the tasks of a real job, build it from what `searchTask` has shown of them: each
/// [`Task`] with its key and status, and all else that is known. The order of the tasks is that of the searches.
///
/// ```
/// use enos_ota_emulator::{Job, Outcome, Task, TaskStatus};
///
/// # struct Shown { key: &'static str, product: &'static str, from: &'static str, to: &'static str, progress: i32,
/// #     desc: &'static str, at: i64 }
/// # let shown = [Shown { key: "pump-1", product: "p1", from: "1.0", to: "1.1", progress: 45, desc: "x", at: 1 }];
/// let job = Job::started("5ed758ca49f032b4663063aa").with_tasks(shown.iter().map(|task| {
///     Task::new(task.key, TaskStatus::Failed)
///         .product_key(task.product)
///         .versions(task.from, task.to)
///         // A platform may show other numbers than a fleet that is made up.
///         .as_shown(task.progress)
///         .desc(task.desc)
///         .update_time(task.at)
///         // And what the rehearsal assumes.
///         .retry_outcome(Outcome::Succeeds)
/// }));
/// # assert_eq!(job.tasks().len(), 1);
/// ```
///
/// The tasks of an emulator are [`TaskInfo`](crate::TaskInfo)s, of which a [`Task`] is made by `into`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the platform's name of the field")]
pub struct Job {
    pub(crate) job_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) org_id: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "Known::read")]
    pub(crate) status: JobStatus,
    pub(crate) product_key: String,
    pub(crate) from_version: String,
    pub(crate) to_version: String,
    #[serde(rename = "type", deserialize_with = "Known::read")]
    pub(crate) job_type: JobType,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) firmware_id: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) firmware_version: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) firmware_name: String,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "Known::read_some")]
    pub(crate) upgrade_policy: Option<UpgradePolicy>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) enable_upgrade_request: bool,
    pub(crate) upgrade_timeout: u32,
    pub(crate) maximum_concurrency: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) create_time: Option<i64>,
    #[serde(deserialize_with = "file::tasks")]
    pub(crate) tasks: Vec<Task>,
}

impl Default for Job {
    /// A running job without an id, of which nothing is said.
    fn default() -> Self {
        Self {
            job_id: String::new(),
            org_id: None,
            name: String::new(),
            status: JobStatus::Started,
            product_key: default::PRODUCT_KEY.to_owned(),
            from_version: default::FROM_VERSION.to_owned(),
            to_version: default::TO_VERSION.to_owned(),
            job_type: JobType::Upgrade,
            firmware_id: None,
            firmware_version: None,
            firmware_name: String::new(),
            upgrade_policy: None,
            enable_upgrade_request: false,
            upgrade_timeout: DEFAULT_UPGRADE_TIMEOUT,
            maximum_concurrency: DEFAULT_CONCURRENCY,
            create_time: None,
            tasks: Vec::new(),
        }
    }
}

impl Job {
    /// A running job without tasks.
    pub fn started(job_id: impl Into<String>) -> Self {
        Self {
            job_id: job_id.into(),
            ..Self::default()
        }
    }

    /// A stopped job without tasks. Its tasks do not move.
    pub fn stopped(job_id: impl Into<String>) -> Self {
        Self {
            status: JobStatus::Stopped,
            ..Self::started(job_id)
        }
    }

    setters! {
        /// Sets the name.
        name(self, name: impl Into<String>) { self.name = name.into(); }

        /// Gives the job to another organization than the fleet's.
        org_id(self, org_id: impl Into<String>) { self.org_id = Some(org_id.into()); }

        /// Sets the product of the tasks that name no other.
        product_key(self, product_key: impl Into<String>) { self.product_key = product_key.into(); }

        /// Sets the versions of the tasks that name no others.
        versions(self, from: impl Into<String>, to: impl Into<String>) {
            self.from_version = from.into();
            self.to_version = to.into();
        }

        /// Sets what the job is for: upgrading, by default. In a job that verifies, the time that a task may take counts
        /// from `published`, otherwise from `upgrading` (documented).
        job_type(self, job_type: JobType) { self.job_type = job_type; }

        /// Sets the id of the firmware. Without it the product and the version make one.
        firmware_id(self, firmware_id: impl Into<String>) { self.firmware_id = Some(firmware_id.into()); }

        /// Sets the version of the firmware: by default that to which the tasks upgrade.
        firmware_version(self, version: impl Into<String>) { self.firmware_version = Some(version.into()); }

        /// Sets the name of the firmware.
        firmware_name(self, name: impl Into<String>) { self.firmware_name = name.into(); }

        /// Sets the policy, which otherwise is null as in the platform's published sample of a job. The emulator only
        /// shows it: no device joins a job later.
        upgrade_policy(self, policy: UpgradePolicy) { self.upgrade_policy = Some(policy); }

        /// Sets whether devices may ask for the upgrade themselves.
        enable_upgrade_request(self, enable: bool) { self.enable_upgrade_request = enable; }

        /// Sets how many seconds a task may take before it fails: 300 to 172800, by default 7200.
        upgrade_timeout(self, seconds: u32) { self.upgrade_timeout = seconds; }

        /// Sets how many tasks are `published` or `upgrading` at a time: 1 or more, by default 300.
        maximum_concurrency(self, devices: u32) { self.maximum_concurrency = devices; }

        /// Sets when the job was created, in milliseconds since 1970-01-01 UTC.
        create_time(self, ms: i64) { self.create_time = Some(ms); }

        /// Adds a task.
        task(self, task: Task) { self.tasks.push(task); }

        /// Adds tasks. A million of them is fine.
        with_tasks(self, tasks: impl IntoIterator<Item = Task>) { self.tasks.extend(tasks); }
    }

    /// The id of the job.
    #[must_use]
    pub fn job_id(&self) -> &str {
        &self.job_id
    }

    /// The name of the job, empty if it has none.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.name
    }

    /// Whether the job runs.
    #[must_use]
    pub fn status(&self) -> &JobStatus {
        &self.status
    }

    /// The tasks, one per device.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The devices whose tasks have failed at the start: those that `retryTask` takes.
    pub fn failed_device_keys(&self) -> impl Iterator<Item = &str> {
        let failed = self.tasks.iter().filter(|task| task.status == TaskStatus::Failed);
        failed.map(|task| task.device_key.as_str())
    }
}
