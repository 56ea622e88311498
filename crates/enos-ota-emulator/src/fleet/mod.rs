//! What the emulator starts with: an organization, its OTA jobs, and one task of a job for each device.

mod check;
mod demo;
mod file;
mod job;
mod task;

use serde::{Deserialize, Serialize};

pub use self::check::FleetError;
pub use self::demo::{DEMO_DENIED_ORG_ID, DEMO_FLEET_JOB_ID, DEMO_JOB_ID, DEMO_ORG_ID, DEMO_STOPPED_JOB_ID};
pub use self::job::Job;
pub(crate) use self::job::{DEFAULT_CONCURRENCY, DEFAULT_UPGRADE_TIMEOUT, UPGRADE_TIMEOUTS, default};
pub use self::task::{Outcome, Task};
use crate::model::TaskStatus;
use crate::random::stable_hash;
use crate::setters::setters;

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
#[doc = include_str!("../../docs/fleet-file.md")]
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

    setters! {
        /// Adds an organization that exists but that the application may not touch (code 99403).
        denied_org(self, org_id: impl Into<String>) { self.denied_org_ids.push(org_id.into()); }

        /// Sets which times jobs and tasks have that name none.
        task_times(self, times: TaskTimes) { self.task_times = times; }

        /// Adds a job.
        job(self, job: Job) { self.jobs.push(job); }
    }

    /// The organization.
    #[must_use]
    pub fn org_id(&self) -> &str {
        &self.org_id
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
    /// A time on the day in UTC before the start of the emulator. A job has the beginning of that day, and a task that
    /// has succeeded or failed has a time by job and device.
    ///
    /// So two emulators with the same fleet show the same times, unless a day begins between their starts. Tasks that
    /// are under way have the start of the emulator all the same, since they move from there.
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
