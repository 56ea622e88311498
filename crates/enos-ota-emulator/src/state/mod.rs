//! Organizations, jobs and tasks while the emulator runs.
//!
//! Nothing here ticks: what a task has become is worked out from the clock whenever somebody looks, so that a fleet
//! of a million tasks costs nothing while nobody does. Jobs are found by hash, and a task of a job by its device key.
//!
//! A task's state follows from the moment at which it was pushed; [`slots`] works out these moments, in their order,
//! up to the present, and [`statuses`] keeps which tasks are in which state at the present. Whatever looks at a job
//! brings it up to the present first. A stale read looks at a moment in the past: of what calls have changed since, the
//! job remembers what there was before.

mod by_key;
mod by_status;
mod create;
mod intern;
mod job;
mod load;
mod pace;
mod search;
mod seen;
mod slots;
mod statuses;
mod task;
mod timeline;

use std::collections::{BTreeMap, HashMap, HashSet};

use self::create::Device;
pub(crate) use self::create::NewJob;
use self::job::RunningJob;
pub(crate) use self::job::Switch;
pub use self::pace::Pace;
pub(crate) use self::search::{Found, Page, TaskField};
use self::seen::Seen;
pub(crate) use self::timeline::LONGEST_LAG_MS;
use crate::fleet::{Fleet, FleetError};
use crate::model::{JobInfo, JobState, RetryCount, TaskInfo, TaskStatus};
use crate::readings::{MixedList, Readings};

/// Whether calls for an organization are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrgAccess {
    Granted,
    Denied,
    Unknown,
}

/// Why a job was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobRefusal {
    NotFound,
    /// It is in the state that was asked for, or, if it was to be deleted, it runs.
    WrongStatus,
}

/// Why tasks were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskRefusal {
    JobNotFound,
    JobNotRunning,
    /// Not all of the tasks, or none of them, are in a state that allows it.
    WrongStatus,
}

/// What is to be done to tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskChange {
    Retry,
    Cancel,
}

impl TaskChange {
    /// Documented, by the messages of 24621 and 24620.
    fn is_possible(self, status: &TaskStatus) -> bool {
        match self {
            Self::Retry => *status == TaskStatus::Failed,
            Self::Cancel => matches!(status, TaskStatus::Init | TaskStatus::Published),
        }
    }
}

/// When a reader looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) now: i64,
    /// So far in the past lies what the reader is shown.
    pub(crate) lag_ms: i64,
}

#[derive(Debug)]
pub(crate) struct World {
    pace: Pace,
    readings: Readings,
    orgs: HashSet<String>,
    denied_orgs: HashSet<String>,
    /// By a number that grows with every job.
    jobs: BTreeMap<u64, RunningJob>,
    by_id: HashMap<String, u64>,
    next_number: u64,
    /// When each job was created that the fleet does not have.
    created: HashMap<u64, i64>,
    /// Jobs deleted of late, for stale reads: the time, the number, the job.
    deleted: Vec<(i64, u64, RunningJob)>,
    /// The devices of deleted jobs.
    retired: Vec<Device>,
}

impl World {
    pub(crate) fn new(fleet: Fleet, (pace, readings): (Pace, Readings), now: i64) -> Result<Self, FleetError> {
        fleet.check()?;
        let mut orgs: HashSet<String> = fleet.jobs.iter().filter_map(|job| job.org_id.clone()).collect();
        orgs.insert(fleet.org_id.clone());
        let mut world = Self {
            pace,
            readings,
            orgs,
            denied_orgs: fleet.denied_org_ids.into_iter().collect(),
            jobs: BTreeMap::new(),
            by_id: HashMap::new(),
            next_number: 0,
            created: HashMap::new(),
            deleted: Vec::new(),
            retired: Vec::new(),
        };
        for mut job in fleet.jobs {
            fleet.task_times.fill(&mut job, now);
            let job = RunningJob::new(job, &fleet.org_id, (pace, readings), now);
            world.insert(job);
        }
        Ok(world)
    }

    fn insert(&mut self, job: RunningJob) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.by_id.insert(job.id.clone(), number);
        self.jobs.insert(number, job);
        number
    }

    /// Adds a job while the emulator runs.
    fn add(&mut self, job: RunningJob, now: i64) {
        let number = self.insert(job);
        self.created.insert(number, now);
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

    pub(crate) fn has_job(&self, job_id: &str) -> bool {
        self.by_id.contains_key(job_id)
    }

    /// A job, brought up to the present.
    fn job(&mut self, job_id: &str, now: i64) -> Option<&mut RunningJob> {
        let job = self.jobs.get_mut(self.by_id.get(job_id)?)?;
        job.advance(now);
        Some(job)
    }

    fn job_of(&mut self, org_id: &str, job_id: &str, now: i64) -> Option<&mut RunningJob> {
        self.job(job_id, now).filter(|job| job.org_id == org_id)
    }

    /// Retries or cancels the tasks of the given devices: all of `retryTask` and `cancelTask` that lies behind the
    /// checks of their arguments.
    ///
    /// A device that occurs twice counts once. One that has no task in the job counts as one whose task is in the
    /// wrong state. Neither is documented. Returns how many tasks were changed.
    pub(crate) fn change_tasks(
        &mut self,
        (org_id, job_id): (&str, &str),
        device_keys: &[String],
        change: TaskChange,
        mixed: MixedList,
        now: i64,
    ) -> Result<usize, TaskRefusal> {
        let job = self.job_of(org_id, job_id, now).ok_or(TaskRefusal::JobNotFound)?;
        if !job.is_running() {
            return Err(TaskRefusal::JobNotRunning);
        }

        let mut known: Vec<usize> = device_keys.iter().filter_map(|key| job.place(key)).collect();
        let all_known = known.len() == device_keys.len();
        known.sort_unstable();
        known.dedup();
        if change == TaskChange::Retry {
            for &index in &known {
                job.tasks[index].named += 1;
            }
        }
        let seen = Seen::now(job, now);
        let possible: Vec<usize> = known
            .iter()
            .copied()
            .filter(|index| change.is_possible(&seen.view(*index).status))
            .collect();
        let is_mixed = !all_known || possible.len() != known.len();
        if possible.is_empty() || (is_mixed && mixed == MixedList::Refuse) {
            return Err(TaskRefusal::WrongStatus);
        }
        for &index in &possible {
            match change {
                TaskChange::Retry => job.retry(index, now),
                TaskChange::Cancel => job.cancel(index, now),
            }
        }
        Ok(possible.len())
    }

    /// Starts or stops a job that is not started or stopped already.
    pub(crate) fn switch_job(
        &mut self,
        (org_id, job_id): (&str, &str),
        switch: Switch,
        now: i64,
    ) -> Result<(), JobRefusal> {
        let job = self.job_of(org_id, job_id, now).ok_or(JobRefusal::NotFound)?;
        if job.is_running() == (switch == Switch::Start) {
            return Err(JobRefusal::WrongStatus);
        }
        job.switch(switch, now);
        Ok(())
    }

    /// Starts or stops a job, whatever it is; false if there is no such job.
    pub(crate) fn force_job(&mut self, job_id: &str, switch: Switch, now: i64) -> bool {
        let job = self.job(job_id, now);
        job.map(|job| job.switch(switch, now)).is_some()
    }

    /// Deletes a job that does not run.
    pub(crate) fn delete_job(&mut self, org_id: &str, job_id: &str, now: i64) -> Result<(), JobRefusal> {
        let job = self.job_of(org_id, job_id, now).ok_or(JobRefusal::NotFound)?;
        if job.is_running() {
            return Err(JobRefusal::WrongStatus);
        }
        self.deleted.retain(|(at, ..)| *at >= now - LONGEST_LAG_MS);
        let number = self.by_id.remove(job_id).ok_or(JobRefusal::NotFound)?;
        let job = self.jobs.remove(&number).ok_or(JobRefusal::NotFound)?;
        self.retire(&job, now);
        self.deleted.push((now, number, job));
        Ok(())
    }

    /// Brings all jobs up to the present.
    fn advance(&mut self, now: i64) {
        for job in self.jobs.values_mut() {
            job.advance(now);
        }
    }

    /// The jobs of an organization as a reader sees them, oldest first, with their numbers.
    fn seen(&self, org_id: &str, when: When) -> Vec<(u64, Seen<'_>)> {
        let of_org = |job: &RunningJob| job.org_id == org_id;
        if when.lag_ms == 0 {
            let jobs = self.jobs.iter().filter(|(_, job)| of_org(job));
            return jobs.map(|(number, job)| (*number, Seen::now(job, when.now))).collect();
        }
        let then = when.now - when.lag_ms;
        let existed = |number: &u64| self.created.get(number).is_none_or(|created| *created <= then);
        let deleted = self
            .deleted
            .iter()
            .filter(|(at, ..)| *at > then)
            .map(|(_, number, job)| (number, job));
        let mut seen: Vec<(u64, Seen<'_>)> = self
            .jobs
            .iter()
            .chain(deleted)
            .filter(|(number, job)| of_org(job) && existed(number))
            .map(|(number, job)| (*number, Seen::then(job, then)))
            .collect();
        seen.sort_by_key(|(number, _)| *number);
        seen
    }

    /// A job as a reader sees it: the whole of `get` that lies behind the checks of its arguments.
    pub(crate) fn job_info(&mut self, org_id: &str, job_id: &str, when: When) -> Option<JobInfo> {
        self.advance(when.now);
        let seen = self.seen(org_id, when);
        let job = seen.iter().find(|(_, seen)| seen.job.id == job_id);
        job.map(|(_, seen)| seen.info())
    }

    pub(crate) fn job_states(&mut self, now: i64) -> Vec<JobState> {
        self.advance(now);
        self.jobs.values().map(|job| Seen::now(job, now).state()).collect()
    }

    pub(crate) fn job_state(&mut self, job_id: &str, now: i64) -> Option<JobState> {
        Some(Seen::now(self.job(job_id, now)?, now).state())
    }

    /// A job as it is, whatever organization owns it.
    pub(crate) fn present_info(&mut self, job_id: &str, now: i64) -> Option<JobInfo> {
        Some(Seen::now(self.job(job_id, now)?, now).info())
    }

    /// The first `limit` tasks of a job; none if there is no such job.
    pub(crate) fn tasks(&mut self, job_id: &str, now: i64, limit: usize) -> Vec<(TaskInfo, RetryCount)> {
        let Some(job) = self.job(job_id, now) else {
            return Vec::new();
        };
        let seen = Seen::now(job, now);
        (0..job.tasks.len().min(limit))
            .map(|index| (seen.task(index), seen.retry_count(index)))
            .collect()
    }

    pub(crate) fn task(&mut self, job_id: &str, device_key: &str, now: i64) -> Option<TaskInfo> {
        let job = self.job(job_id, now)?;
        let index = job.place(device_key)?;
        Some(Seen::now(job, now).task(index))
    }

    pub(crate) fn retry_count(&self, job_id: &str, device_key: &str) -> Option<RetryCount> {
        let job = self.jobs.get(self.by_id.get(job_id)?)?;
        Some(job.tasks[job.place(device_key)?].retry_count())
    }
}
