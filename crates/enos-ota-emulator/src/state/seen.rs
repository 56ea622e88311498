//! What a reader sees of a job and its tasks.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::by_status::ByStatus;
use super::job::{Past, RunningJob};
use super::task::{JobTime, View};
use super::timeline::Moment;
use crate::model::{JobInfo, JobState, JobStatus, RetryCount, TaskInfo, TaskStatus, default_name};
use crate::random::stable_hash;
use crate::readings::TaskIdAfterRetry;

/// A job as a reader sees it at one moment.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) job: &'a RunningJob,
    time: JobTime<'a>,
    is_running: bool,
    /// When that is or was, by the clock.
    at: i64,
    is_past: bool,
    /// The tasks that have been changed since, worked out once somebody looks at a task.
    before: OnceCell<HashMap<usize, &'a Past>>,
    /// The tasks by their states at that moment in the past, worked out once somebody asks.
    statuses_then: OnceCell<Option<ByStatus>>,
}

impl<'a> Seen<'a> {
    /// The job as it is now.
    pub(super) fn now(job: &'a RunningJob, now: i64) -> Self {
        Self::new(job, job.timeline.now(now), (now, false))
    }

    /// The job as it was at an earlier time.
    pub(super) fn then(job: &'a RunningJob, then: i64) -> Self {
        Self::new(job, job.timeline.then(then), (then, true))
    }

    fn new(job: &'a RunningJob, moment: Moment, (at, is_past): (i64, bool)) -> Self {
        Self {
            job,
            time: JobTime {
                rules: &job.rules,
                timeline: &job.timeline,
                running: moment.running,
            },
            is_running: moment.is_running,
            at,
            is_past,
            before: OnceCell::new(),
            statuses_then: OnceCell::new(),
        }
    }

    pub(super) fn status(&self) -> JobStatus {
        if self.is_running {
            JobStatus::Started
        } else {
            JobStatus::Stopped
        }
    }

    pub(super) fn view(&self, index: usize) -> View<'a> {
        let (job, task, past) = (self.job, &self.job.tasks[index], self.past(index));
        let course = past.map_or(&task.course, |past| &past.course);
        let mut view = course.view(&task.device_key, self.time);
        let kept = match past {
            Some(past) => past.kept.as_ref(),
            None if job.kept.is_empty() => None,
            None => job.kept.get(&index),
        };
        if let Some(kept) = kept.filter(|_| matches!(view.status, TaskStatus::Init | TaskStatus::Published)) {
            (view.progress, view.desc) = (kept.progress, &kept.desc);
        }
        let update_time = job.readings.update_time;
        view.update_time = update_time.shown(view.update_time, self.at, &view.status, &task.device_key);
        view
    }

    /// A task before it was changed after this moment, if it was.
    fn past(&self, index: usize) -> Option<&'a Past> {
        let before = self
            .is_past
            .then(|| self.before.get_or_init(|| self.job.before(self.at)));
        before?.get(&index).copied()
    }

    /// The tasks by their states; `None` if these are not known by themselves, as may be in the past.
    pub(super) fn statuses(&self) -> Option<&ByStatus> {
        if !self.is_past {
            return Some(self.job.statuses.present());
        }
        let at_that_time = || {
            let (statuses, count) = (&self.job.statuses, self.job.tasks.len());
            statuses.then(self.at, count, |task| self.view(task).status)
        };
        self.statuses_then.get_or_init(at_that_time).as_ref()
    }

    /// The job with its tally, which is always that of the present.
    pub(super) fn state(&self) -> JobState {
        let job = self.job;
        JobState {
            job_id: job.id.clone(),
            org_id: job.org_id.clone(),
            name: default_name(job.info.name.as_ref()).to_owned(),
            status: self.status(),
            tally: job.statuses.present().tally(),
        }
    }

    pub(super) fn info(&self) -> JobInfo {
        JobInfo {
            status: Some(self.status()),
            ..self.job.info.clone()
        }
    }

    pub(super) fn task(&self, index: usize) -> TaskInfo {
        let (task, view) = (&self.job.tasks[index], self.view(index));
        let ids = task.ids.as_deref();
        let asset_id = ids.and_then(|ids| ids.asset_id.as_deref()).map_or_else(
            || format!("{:08x}", stable_hash(&["asset", &task.device_key]) >> 32),
            str::to_owned,
        );
        TaskInfo {
            task_id: Some(self.task_id(index)),
            org_id: Some(self.job.org_id.clone()),
            asset_id: Some(asset_id),
            product_key: Some(task.kind.product_key.to_string()),
            device_key: Some(task.device_key.to_string()),
            job_id: Some(self.job.id.clone()),
            from_version: Some(task.kind.from_version.to_string()),
            to_version: Some(task.kind.to_version.to_string()),
            progress: Some(view.progress.into()),
            desc: Some(view.desc.to_owned()),
            status: Some(view.status),
            update_time: Some(view.update_time.into()),
        }
    }

    /// The id of a task. One that the fleet does not give is worked out, not stored: that is a third of the memory of a
    /// task.
    fn task_id(&self, index: usize) -> String {
        let (job_id, task) = (self.job.id.as_str(), &self.job.tasks[index]);
        let run = match self.job.readings.task_id {
            TaskIdAfterRetry::Same => 0,
            TaskIdAfterRetry::New => self.past(index).map_or(task.applied, |past| past.applied),
        };
        let given = task.ids.as_ref().and_then(|ids| ids.task_id.as_deref());
        let hash = match (run, given) {
            (0, Some(task_id)) => return task_id.to_owned(),
            (0, None) => stable_hash(&[job_id, &task.device_key]),
            _ => stable_hash(&[job_id, &task.device_key, &run.to_string()]),
        };
        format!("{:08x}{hash:016x}", stable_hash(&[job_id]) >> 32)
    }

    pub(super) fn retry_count(&self, index: usize) -> RetryCount {
        self.job.tasks[index].retry_count()
    }
}

#[cfg(test)]
mod tests;
