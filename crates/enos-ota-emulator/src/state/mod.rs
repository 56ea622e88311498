//! Organizations, jobs and tasks while the emulator runs.
//!
//! Nothing here ticks: what a task has become is worked out from the clock whenever somebody looks, so that a fleet
//! of a million tasks costs nothing while nobody does. Everything is found by hash, none by search.

mod pace;
mod task;
mod timeline;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

pub use self::pace::Pace;
use self::task::{Course, Failure, Stage, TaskState};
use self::timeline::Timeline;
use crate::fleet::{Fleet, FleetError, Job, JobStatus, Task, TaskStatus};
use crate::random::stable_hash;

/// What `retryTask` does with a list in which only some tasks have failed. Not documented; both are plausible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MixedList {
    /// The whole list is refused with 24621, and nothing changes.
    #[default]
    Refuse,
    /// The failed ones are retried, the others silently passed over, and the answer is 0. A list without a single
    /// failed task is refused with 24621 all the same.
    Partial,
}

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
    /// When the task last changed, in milliseconds since 1970-01-01 UTC.
    pub update_time: i64,
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

    fn add(&mut self, status: TaskStatus) {
        *match status {
            TaskStatus::Init => &mut self.init,
            TaskStatus::Published => &mut self.published,
            TaskStatus::Upgrading => &mut self.upgrading,
            TaskStatus::Succeeded => &mut self.succeeded,
            TaskStatus::Failed => &mut self.failed,
        } += 1;
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

/// Whether calls for an organization are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrgAccess {
    Granted,
    Denied,
    Unknown,
}

/// Why a retry was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryRefusal {
    JobNotFound,
    JobNotRunning,
    TaskNotFailed,
}

#[derive(Debug)]
pub(crate) struct World {
    pace: Pace,
    orgs: HashSet<String>,
    denied_orgs: HashSet<String>,
    jobs: Vec<RunningJob>,
    by_id: HashMap<String, usize>,
}

#[derive(Debug)]
struct RunningJob {
    job_id: String,
    org_id: String,
    name: String,
    timeline: Timeline,
    tasks: Vec<TaskState>,
    by_key: HashMap<Arc<str>, usize>,
}

impl World {
    pub(crate) fn new(fleet: Fleet, pace: Pace, now: i64) -> Result<Self, FleetError> {
        fleet.check()?;
        let mut orgs: HashSet<String> = fleet.jobs.iter().filter_map(|job| job.org_id.clone()).collect();
        orgs.insert(fleet.org_id.clone());
        let jobs: Vec<RunningJob> = fleet
            .jobs
            .into_iter()
            .map(|job| RunningJob::new(job, &fleet.org_id, now))
            .collect();
        let by_id = jobs
            .iter()
            .enumerate()
            .map(|(index, job)| (job.job_id.clone(), index))
            .collect();
        Ok(Self {
            pace,
            orgs,
            denied_orgs: fleet.denied_org_ids.into_iter().collect(),
            jobs,
            by_id,
        })
    }

    pub(crate) fn org_access(&self, org_id: &str) -> OrgAccess {
        if self.denied_orgs.contains(org_id) {
            OrgAccess::Denied
        } else if self.orgs.contains(org_id) {
            OrgAccess::Granted
        } else {
            OrgAccess::Unknown
        }
    }

    fn job(&self, job_id: &str) -> Option<&RunningJob> {
        self.by_id.get(job_id).map(|index| &self.jobs[*index])
    }

    /// Retries the tasks of the given devices: the whole of `retryTask` that lies behind the checks of its arguments.
    ///
    /// A device that occurs twice counts once. One that has no task in the job counts as not failed. Neither is
    /// documented. Returns how many tasks were put back to `init`.
    pub(crate) fn retry(
        &mut self,
        org_id: &str,
        job_id: &str,
        device_keys: &[String],
        mixed: MixedList,
        now: i64,
    ) -> Result<usize, RetryRefusal> {
        let pace = self.pace;
        let job = self
            .by_id
            .get(job_id)
            .map(|index| &mut self.jobs[*index])
            .filter(|job| job.org_id == org_id)
            .ok_or(RetryRefusal::JobNotFound)?;
        if !job.timeline.is_running() {
            return Err(RetryRefusal::JobNotRunning);
        }

        let mut known: Vec<usize> = device_keys
            .iter()
            .filter_map(|key| job.by_key.get(key.as_str()).copied())
            .collect();
        let all_known = known.len() == device_keys.len();
        known.sort_unstable();
        known.dedup();
        let mut failed = Vec::with_capacity(known.len());
        for &index in &known {
            let task = &mut job.tasks[index];
            task.named += 1;
            if task.view(pace, &job.timeline, now).status == TaskStatus::Failed {
                failed.push(index);
            }
        }
        let mixed_list = !all_known || failed.len() != known.len();
        if failed.is_empty() || (mixed_list && mixed == MixedList::Refuse) {
            return Err(RetryRefusal::TaskNotFailed);
        }
        for &index in &failed {
            job.tasks[index].retry(&job.timeline, now);
        }
        Ok(failed.len())
    }

    /// Starts or stops a job; false if there is no such job.
    pub(crate) fn set_job_status(&mut self, job_id: &str, status: JobStatus, now: i64) -> bool {
        let Some(index) = self.by_id.get(job_id) else {
            return false;
        };
        let timeline = &mut self.jobs[*index].timeline;
        match status {
            JobStatus::Started => timeline.start(now),
            JobStatus::Stopped => timeline.stop(now),
        }
        true
    }

    pub(crate) fn job_states(&self, now: i64) -> Vec<JobState> {
        self.jobs.iter().map(|job| job.state(self.pace, now)).collect()
    }

    pub(crate) fn job_state(&self, job_id: &str, now: i64) -> Option<JobState> {
        Some(self.job(job_id)?.state(self.pace, now))
    }

    /// The first `limit` tasks of a job; none if there is no such job.
    pub(crate) fn tasks(&self, job_id: &str, now: i64, limit: usize) -> impl Iterator<Item = (TaskInfo, RetryCount)> {
        self.job(job_id).into_iter().flat_map(move |job| {
            job.tasks
                .iter()
                .take(limit)
                .map(move |task| (job.info(task, self.pace, now), task.retry_count()))
        })
    }

    pub(crate) fn task(&self, job_id: &str, device_key: &str, now: i64) -> Option<TaskInfo> {
        let job = self.job(job_id)?;
        Some(job.info(job.task(device_key)?, self.pace, now))
    }

    pub(crate) fn retry_count(&self, job_id: &str, device_key: &str) -> Option<RetryCount> {
        Some(self.job(job_id)?.task(device_key)?.retry_count())
    }
}

impl RunningJob {
    fn new(job: Job, fleet_org: &str, now: i64) -> Self {
        let timeline = match job.status {
            JobStatus::Started => Timeline::started(now),
            JobStatus::Stopped => Timeline::stopped(),
        };
        let mut texts = Texts::default();
        let defaults = [&job.product_key, &job.from_version, &job.to_version].map(|text| texts.shared(text));
        let tasks: Vec<TaskState> = job
            .tasks
            .into_iter()
            .map(|task| running_task(task, &defaults, &mut texts, now))
            .collect();
        let by_key = tasks
            .iter()
            .enumerate()
            .map(|(index, task)| (Arc::clone(&task.device_key), index))
            .collect();
        Self {
            job_id: job.job_id,
            org_id: job.org_id.unwrap_or_else(|| fleet_org.to_owned()),
            name: job.name,
            timeline,
            tasks,
            by_key,
        }
    }

    fn task(&self, device_key: &str) -> Option<&TaskState> {
        self.by_key.get(device_key).map(|index| &self.tasks[*index])
    }

    fn state(&self, pace: Pace, now: i64) -> JobState {
        let mut tally = Tally::default();
        for task in &self.tasks {
            tally.add(task.view(pace, &self.timeline, now).status);
        }
        let status = if self.timeline.is_running() {
            JobStatus::Started
        } else {
            JobStatus::Stopped
        };
        JobState {
            job_id: self.job_id.clone(),
            org_id: self.org_id.clone(),
            name: self.name.clone(),
            status,
            tally,
        }
    }

    fn info(&self, task: &TaskState, pace: Pace, now: i64) -> TaskInfo {
        let view = task.view(pace, &self.timeline, now);
        let key = &*task.device_key;
        TaskInfo {
            // Ids that the fleet does not give are worked out, not stored: that is a third of the memory of a task.
            task_id: task.task_id.as_deref().map_or_else(
                || {
                    let hash = stable_hash(&[&self.job_id, key]);
                    format!("{:08x}{hash:016x}", stable_hash(&[&self.job_id]) >> 32)
                },
                str::to_owned,
            ),
            org_id: self.org_id.clone(),
            asset_id: task
                .asset_id
                .as_deref()
                .map_or_else(|| format!("{:08x}", stable_hash(&["asset", key]) >> 32), str::to_owned),
            product_key: task.product_key.to_string(),
            device_key: key.to_owned(),
            job_id: self.job_id.clone(),
            from_version: task.from_version.to_string(),
            to_version: task.to_version.to_string(),
            progress: view.progress,
            desc: view.desc.to_owned(),
            status: view.status,
            update_time: view.update_time,
        }
    }
}

/// Texts that many tasks have in common, each stored once.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

fn running_task(task: Task, defaults: &[Arc<str>; 3], texts: &mut Texts, now: i64) -> TaskState {
    let mut or_default =
        |own: Option<&String>, default: &Arc<str>| own.map_or_else(|| Arc::clone(default), |text| texts.shared(text));
    let [product_key, from_version, to_version] = defaults;
    let progress = task.progress_or_default();
    let at = task.update_time.unwrap_or(now);
    let mut state = TaskState {
        product_key: or_default(task.product_key.as_ref(), product_key),
        from_version: or_default(task.from_version.as_ref(), from_version),
        to_version: or_default(task.to_version.as_ref(), to_version),
        device_key: task.device_key.into(),
        task_id: task.task_id.map(String::into_boxed_str),
        asset_id: task.asset_id.map(String::into_boxed_str),
        retry_outcome: task.retry_outcome,
        course: Course::Ended { failure: None, at },
        named: 0,
        applied: 0,
    };
    let from = match task.status {
        TaskStatus::Init => Stage::Init,
        TaskStatus::Published => Stage::Published,
        TaskStatus::Upgrading => Stage::Upgrading { progress },
        TaskStatus::Succeeded => return state,
        TaskStatus::Failed => {
            let failure = Some(Failure {
                progress,
                desc: texts.shared(&task.desc),
            });
            state.course = Course::Ended { failure, at };
            return state;
        }
    };
    // The running time of a job begins with the emulator, so a task that is under way has been so since then.
    state.course = Course::UnderWay {
        from,
        since: 0,
        at,
        end: state.end_of(task.outcome, None),
    };
    state
}
