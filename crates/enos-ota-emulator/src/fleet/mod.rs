//! What the emulator starts with: an organization, its OTA jobs, and a task of the job for each device.

mod check;
pub(crate) mod demo;
mod file;
pub(crate) mod reason;

use serde::{Deserialize, Serialize};

pub use check::FleetError;
pub use demo::{DEMO_DENIED_ORG_ID, DEMO_FLEET_JOB_ID, DEMO_JOB_ID, DEMO_ORG_ID, DEMO_STOPPED_JOB_ID};

use crate::model::{JobStatus, JobType, TaskInfo, TaskStatus, UpgradePolicy};
use crate::random::stable_hash;

/// How long a task may take, in seconds, where nothing else is said: documented.
pub(crate) const DEFAULT_UPGRADE_TIMEOUT: u32 = 7200;
/// Between how many and how many seconds a task may take: documented.
pub(crate) const UPGRADE_TIMEOUTS: std::ops::RangeInclusive<u32> = 300..=172_800;
/// To how many devices a job pushes at a time, where nothing else is said: documented.
pub(crate) const DEFAULT_CONCURRENCY: u32 = 300;

/// The organization, jobs and tasks that an emulator starts with.
///
/// A fleet is built in code, read from a JSON file with [`Fleet::from_json`], or is the built-in [`Fleet::demo`].
/// The emulator checks it when it starts: job ids and, within a job, device keys must not repeat.
///
/// ```
/// use enos_ota_emulator::{Fleet, Job, Task};
///
/// let fleet = Fleet::new("o1").job(
///     Job::started("5ed758ca49f032b4663063aa")
///         .task(Task::failed("pump-1").progress(-2).desc("firmware download failed"))
///         .task(Task::succeeded("pump-2")),
/// );
/// assert_eq!(fleet.jobs()[0].failed_device_keys().collect::<Vec<_>>(), ["pump-1"]);
/// ```
///
/// # The file
///
/// A JSON object. Members that are not listed are refused, so that a typing error cannot pass unseen.
///
/// | Member | Type | Default | Meaning |
/// |---|---|---|---|
/// | `orgId` | string | required | the organization |
/// | `deniedOrgIds` | strings | none | organizations that exist, but that the application may not touch: answered 99403 |
/// | `taskTimes` | `start`, `dayBefore` | `start` | see [`TaskTimes`] |
/// | `jobs` | jobs | none | |
///
/// A job:
///
/// | Member | Type | Default | Meaning |
/// |---|---|---|---|
/// | `jobId` | string | required | the platform's own ids have 24 hexadecimal digits; any text will do here |
/// | `orgId` | string | `orgId` of the fleet | the organization that owns the job |
/// | `name` | string | `""` | |
/// | `status` | `started`, `stopped` | `started` | |
/// | `productKey` | string | `"demoProduct"` | of all tasks that name no other |
/// | `fromVersion`, `toVersion` | string | `"1.0.0"`, `"1.1.0"` | of all tasks that name no other |
/// | `type` | `upgrade`, `verify` | `upgrade` | |
/// | `firmwareId` | string | by `productKey` and `firmwareVersion` | |
/// | `firmwareVersion` | string | `toVersion` | |
/// | `firmwareName` | string | `""` | |
/// | `upgradePolicy` | `snapshot`, `incremental` | null, as in the platform's published sample of a job | |
/// | `enableUpgradeRequest` | boolean | `false` | |
/// | `upgradeTimeout` | integer, 300 to 172800 | 7200 | seconds; a task that takes longer fails |
/// | `maximumConcurrency` | integer, 1 or more | 300 | so many tasks are `published` or `upgrading` at a time, the others wait as `init` |
/// | `createTime` | integer | by `taskTimes` | milliseconds since 1970-01-01 UTC |
/// | `tasks` | tasks | none | |
///
/// A task:
///
/// | Member | Type | Default | Meaning |
/// |---|---|---|---|
/// | `deviceKey` | string | required | |
/// | `status` | `init`, `published`, `upgrading`, `succeeded`, `failed` | required | |
/// | `progress` | integer | by status: 0, 0, 50, 100, -1 | only for `upgrading` (1 to 99) and `failed` (negative) |
/// | `desc` | string | `""` | the reason of a failure |
/// | `outcome` | `succeeds`, `fails` | by the device key | how a task ends that is under way (`init`, `published`, `upgrading`) |
/// | `retryOutcome` | `succeeds`, `fails` | by the device key | how the task ends after each retry |
/// | `retryFailure` | `progress` (negative, -1 by default) and `desc` (`""`) | as it has failed before | with which progress and reason it fails after a retry, if it fails |
/// | `asShown` | boolean | `false` | `progress` is taken as it is, whatever the status: for tasks as a platform has shown them |
/// | `productKey`, `fromVersion`, `toVersion` | string | of the job | |
/// | `taskId`, `assetId` | string | by the job id and device key | |
/// | `updateTime` | integer | by `taskTimes` | milliseconds since 1970-01-01 UTC |
///
/// ```
/// use enos_ota_emulator::{Fleet, TaskStatus};
///
/// let fleet = Fleet::from_json(
///     r#"{
///       "orgId": "o15724268424841",
///       "deniedOrgIds": ["o15580000000000"],
///       "jobs": [
///         {
///           "jobId": "5ed758ca49f032b4663063aa",
///           "name": "pump controller 2.4.1",
///           "status": "started",
///           "toVersion": "2.4.1",
///           "tasks": [
///             { "deviceKey": "pump-1", "status": "failed", "progress": -2, "desc": "firmware download failed" },
///             { "deviceKey": "pump-2", "status": "failed", "progress": -3, "retryOutcome": "fails" },
///             { "deviceKey": "pump-3", "status": "upgrading", "progress": 40, "outcome": "succeeds" },
///             { "deviceKey": "pump-4", "status": "succeeded" }
///           ]
///         }
///       ]
///     }"#,
/// )?;
/// assert_eq!(fleet.jobs()[0].tasks()[2].status(), TaskStatus::Upgrading);
///
/// // What is wrong is told with its place.
/// let error = Fleet::from_json(r#"{ "orgId": "o1", "job": [] }"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the fleet file is not valid: unknown field `job`, expected one of `orgId`, `deniedOrgIds`, `taskTimes`, `jobs` \
///      at line 1 column 22"
/// );
/// # Ok::<(), enos_ota_emulator::FleetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fleet {
    pub(crate) org_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) denied_org_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) task_times: TaskTimes,
    #[serde(default)]
    pub(crate) jobs: Vec<Job>,
}

impl Fleet {
    /// A fleet without jobs.
    pub fn new(org_id: impl Into<String>) -> Self {
        Self {
            org_id: org_id.into(),
            denied_org_ids: Vec::new(),
            task_times: TaskTimes::default(),
            jobs: Vec::new(),
        }
    }

    /// Adds an organization that exists but that the application may not touch (code 99403).
    #[must_use]
    pub fn denied_org(mut self, org_id: impl Into<String>) -> Self {
        self.denied_org_ids.push(org_id.into());
        self
    }

    /// Sets which times jobs and tasks have that name none.
    #[must_use]
    pub fn task_times(mut self, times: TaskTimes) -> Self {
        self.task_times = times;
        self
    }

    /// Adds a job.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// The organization.
    #[must_use]
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// The organizations that the application may not touch.
    pub fn denied_org_ids(&self) -> impl Iterator<Item = &str> {
        self.denied_org_ids.iter().map(String::as_str)
    }

    /// The jobs, in the order in which they were added.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }
}

/// Which times jobs and tasks of a [`Fleet`] have that name none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskTimes {
    /// The start of the emulator.
    #[default]
    Start,
    /// Some time of the day in UTC before the start of the emulator: a job its beginning, a task that has succeeded or
    /// failed a time by job and device. So two emulators with the same fleet show the same times, unless a day begins
    /// between their starts. Tasks that are under way have the start of the emulator all the same, since they move from
    /// there.
    DayBefore,
}

impl TaskTimes {
    /// Puts the times into a job that starts at `now`.
    pub(crate) fn fill(self, job: &mut Job, now: i64) {
        const DAY: i64 = 86_400_000;
        let day_before = match self {
            Self::Start => return,
            Self::DayBefore => (now.div_euclid(DAY) - 1) * DAY,
        };
        job.create_time.get_or_insert(day_before);
        for task in &mut job.tasks {
            if matches!(task.status, TaskStatus::Succeeded | TaskStatus::Failed) {
                let hash = stable_hash(&[&job.job_id, &task.device_key]) % DAY.unsigned_abs();
                task.update_time.get_or_insert(day_before.saturating_add_unsigned(hash));
            }
        }
    }
}

/// A job of a [`Fleet`].
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the platform's name of the field")]
pub struct Job {
    pub(crate) job_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) org_id: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default = "started")]
    pub(crate) status: JobStatus,
    #[serde(default = "demo::product_key")]
    pub(crate) product_key: String,
    #[serde(default = "demo::from_version")]
    pub(crate) from_version: String,
    #[serde(default = "demo::to_version")]
    pub(crate) to_version: String,
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub(crate) job_type: JobType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) firmware_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) firmware_version: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) firmware_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade_policy: Option<UpgradePolicy>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) enable_upgrade_request: bool,
    #[serde(default = "upgrade_timeout", skip_serializing_if = "is_upgrade_timeout")]
    pub(crate) upgrade_timeout: u32,
    #[serde(default = "concurrency", skip_serializing_if = "is_concurrency")]
    pub(crate) maximum_concurrency: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) create_time: Option<i64>,
    #[serde(default, deserialize_with = "file::tasks")]
    pub(crate) tasks: Vec<Task>,
}

fn started() -> JobStatus {
    JobStatus::Started
}

fn upgrade_timeout() -> u32 {
    DEFAULT_UPGRADE_TIMEOUT
}

fn concurrency() -> u32 {
    DEFAULT_CONCURRENCY
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_upgrade_timeout(seconds: &u32) -> bool {
    *seconds == DEFAULT_UPGRADE_TIMEOUT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_concurrency(devices: &u32) -> bool {
    *devices == DEFAULT_CONCURRENCY
}

impl Job {
    /// A running job without tasks.
    pub fn started(job_id: impl Into<String>) -> Self {
        Self::new(job_id.into(), JobStatus::Started)
    }

    /// A stopped job without tasks. Its tasks do not move.
    pub fn stopped(job_id: impl Into<String>) -> Self {
        Self::new(job_id.into(), JobStatus::Stopped)
    }

    pub(crate) fn new(job_id: String, status: JobStatus) -> Self {
        Self {
            job_id,
            org_id: None,
            name: String::new(),
            status,
            product_key: demo::product_key(),
            from_version: demo::from_version(),
            to_version: demo::to_version(),
            job_type: JobType::default(),
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

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Gives the job to another organization than the fleet's.
    #[must_use]
    pub fn org_id(mut self, org_id: impl Into<String>) -> Self {
        self.org_id = Some(org_id.into());
        self
    }

    /// Sets the product of the tasks that name no other.
    #[must_use]
    pub fn product_key(mut self, product_key: impl Into<String>) -> Self {
        self.product_key = product_key.into();
        self
    }

    /// Sets the versions of the tasks that name no others.
    #[must_use]
    pub fn versions(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.from_version = from.into();
        self.to_version = to.into();
        self
    }

    /// Sets what the job is for: upgrading, unless this says otherwise.
    #[must_use]
    pub fn job_type(mut self, job_type: JobType) -> Self {
        self.job_type = job_type;
        self
    }

    /// Sets the id of the firmware. Without it the product and the version make one.
    #[must_use]
    pub fn firmware_id(mut self, firmware_id: impl Into<String>) -> Self {
        self.firmware_id = Some(firmware_id.into());
        self
    }

    /// Sets the version of the firmware. Without it that is the version to which the tasks upgrade.
    #[must_use]
    pub fn firmware_version(mut self, version: impl Into<String>) -> Self {
        self.firmware_version = Some(version.into());
        self
    }

    /// Sets the name of the firmware.
    #[must_use]
    pub fn firmware_name(mut self, name: impl Into<String>) -> Self {
        self.firmware_name = name.into();
        self
    }

    /// Sets the policy, which otherwise is null as in the platform's published sample of a job.
    #[must_use]
    pub fn upgrade_policy(mut self, policy: UpgradePolicy) -> Self {
        self.upgrade_policy = Some(policy);
        self
    }

    /// Sets whether devices may ask for the upgrade themselves.
    #[must_use]
    pub fn enable_upgrade_request(mut self, enable: bool) -> Self {
        self.enable_upgrade_request = enable;
        self
    }

    /// Sets how many seconds a task may take before it fails: 300 to 172800, by default 7200.
    #[must_use]
    pub fn upgrade_timeout(mut self, seconds: u32) -> Self {
        self.upgrade_timeout = seconds;
        self
    }

    /// Sets how many tasks are `published` or `upgrading` at a time: 1 or more, by default 300.
    #[must_use]
    pub fn maximum_concurrency(mut self, devices: u32) -> Self {
        self.maximum_concurrency = devices;
        self
    }

    /// Sets when the job was created, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn create_time(mut self, ms: i64) -> Self {
        self.create_time = Some(ms);
        self
    }

    /// Adds a task.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Adds tasks. A million of them is fine.
    #[must_use]
    pub fn with_tasks(mut self, tasks: impl IntoIterator<Item = Task>) -> Self {
        self.tasks.extend(tasks);
        self
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
    pub fn status(&self) -> JobStatus {
        self.status
    }

    /// The tasks, one a device.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The devices whose tasks have failed at the start: those that `retryTask` takes.
    pub fn failed_device_keys(&self) -> impl Iterator<Item = &str> {
        self.tasks
            .iter()
            .filter(|task| task.status == TaskStatus::Failed)
            .map(|task| task.device_key.as_str())
    }
}

/// The run of a [`Job`] on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the platform's name of the field")]
pub struct Task {
    pub(crate) device_key: String,
    pub(crate) status: TaskStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) desc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_failure: Option<Box<RetryFailure>>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) as_shown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asset_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) update_time: Option<i64>,
}

impl Task {
    /// A task in the given state.
    pub fn new(device_key: impl Into<String>, status: TaskStatus) -> Self {
        Self {
            device_key: device_key.into(),
            status,
            progress: None,
            desc: String::new(),
            outcome: None,
            retry_outcome: None,
            retry_failure: None,
            as_shown: false,
            product_key: None,
            from_version: None,
            to_version: None,
            task_id: None,
            asset_id: None,
            update_time: None,
        }
    }

    /// A task that waits to be pushed.
    pub fn init(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Init)
    }

    /// A task that has been pushed to the device, which has not answered yet.
    pub fn published(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Published)
    }

    /// A task whose device reports progress: 50 percent, unless [`progress`](Task::progress) says otherwise.
    pub fn upgrading(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Upgrading)
    }

    /// A task that has succeeded.
    pub fn succeeded(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Succeeded)
    }

    /// A task that has failed: with progress -1, unless [`progress`](Task::progress) says otherwise.
    pub fn failed(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Failed)
    }

    /// Sets the progress: 1 to 99 for `upgrading`, negative for `failed`; the other states leave no choice.
    #[must_use]
    pub fn progress(mut self, progress: i32) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Sets the text that says why the task has failed.
    #[must_use]
    pub fn desc(mut self, desc: impl Into<String>) -> Self {
        self.desc = desc.into();
        self
    }

    /// Sets how a task ends that is under way at the start.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Sets how the task ends after each retry.
    #[must_use]
    pub fn retry_outcome(mut self, outcome: Outcome) -> Self {
        self.retry_outcome = Some(outcome);
        self.retry_failure = self.retry_failure.filter(|_| outcome == Outcome::Fails);
        self
    }

    /// Makes the task fail after each retry, with this progress, which is negative, and reason. Without it a task that
    /// is to fail does so as it has before.
    #[must_use]
    pub fn retry_failure(mut self, progress: i32, desc: impl Into<String>) -> Self {
        self.retry_outcome = Some(Outcome::Fails);
        self.retry_failure = Some(Box::new(RetryFailure {
            progress,
            desc: desc.into(),
        }));
        self
    }

    /// Sets the progress as a platform has shown it, which may be what no documented rule allows. For a failed task it
    /// is kept as it is; for one that is `upgrading`, what is not 1 to 99 is brought there; the other states have the
    /// progress that they always have.
    #[must_use]
    pub fn as_shown(mut self, progress: i32) -> Self {
        self.progress = Some(progress);
        self.as_shown = true;
        self
    }

    /// Sets the id of the task.
    #[must_use]
    pub fn task_id(mut self, task_id: impl Into<String>) -> Self {
        self.task_id = Some(task_id.into());
        self
    }

    /// Sets the asset of the device.
    #[must_use]
    pub fn asset_id(mut self, asset_id: impl Into<String>) -> Self {
        self.asset_id = Some(asset_id.into());
        self
    }

    /// Sets the product of the device.
    #[must_use]
    pub fn product_key(mut self, product_key: impl Into<String>) -> Self {
        self.product_key = Some(product_key.into());
        self
    }

    /// Sets the versions from and to which the device is upgraded.
    #[must_use]
    pub fn versions(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.from_version = Some(from.into());
        self.to_version = Some(to.into());
        self
    }

    /// Sets `updateTime`, in milliseconds since 1970-01-01 UTC. What moves it is not documented; see
    /// [`UpdateTime`](crate::UpdateTime).
    #[must_use]
    pub fn update_time(mut self, ms: i64) -> Self {
        self.update_time = Some(ms);
        self
    }

    /// The key of the device.
    #[must_use]
    pub fn device_key(&self) -> &str {
        &self.device_key
    }

    /// The state at the start.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        self.status
    }

    /// Why the task has failed; empty if it has not, or if no reason is given.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.desc
    }

    /// The progress at the start, as the platform reports it.
    #[must_use]
    pub fn progress_or_default(&self) -> i32 {
        let default = match self.status {
            TaskStatus::Init | TaskStatus::Published => 0,
            TaskStatus::Upgrading => 50,
            TaskStatus::Succeeded => 100,
            TaskStatus::Failed => -1,
        };
        let progress = self.progress.unwrap_or(default);
        match self.status {
            TaskStatus::Failed => progress,
            TaskStatus::Upgrading => progress.clamp(1, 99),
            // Only a platform can have shown anything else.
            TaskStatus::Init | TaskStatus::Published | TaskStatus::Succeeded => default,
        }
    }
}

/// How a task fails after a retry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetryFailure {
    #[serde(default = "unspecified_failure")]
    pub(crate) progress: i32,
    #[serde(default)]
    pub(crate) desc: String,
}

fn unspecified_failure() -> i32 {
    -1
}

impl From<TaskInfo> for Task {
    /// The task as it is shown. How it goes on, and how a retry ends, is not part of that.
    fn from(shown: TaskInfo) -> Self {
        Self {
            desc: shown.desc,
            product_key: Some(shown.product_key),
            from_version: Some(shown.from_version),
            to_version: Some(shown.to_version),
            task_id: Some(shown.task_id),
            asset_id: Some(shown.asset_id),
            update_time: Some(shown.update_time),
            ..Self::new(shown.device_key, shown.status).as_shown(shown.progress)
        }
    }
}

/// How a task that is under way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The task ends as `succeeded`.
    Succeeds,
    /// The task ends as `failed`.
    Fails,
}
