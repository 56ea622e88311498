//! One job with its tasks: how it goes on, and what calls change in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::by_key::ByKey;
use super::intern::Failure;
use super::load;
use super::pace::Pace;
use super::slots::Slots;
use super::statuses::Statuses;
use super::task::{Course, JobTime, Rules, TaskState, View};
use super::timeline::{LONGEST_LAG_MS, Timeline};
use crate::fleet::Job;
use crate::model::{JobInfo, JobStatus};
use crate::readings::{FailureAfterRetry, Readings};

/// What is to become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Start,
    Stop,
}

#[derive(Debug)]
pub(super) struct RunningJob {
    pub(super) id: String,
    pub(super) org_id: String,
    /// What a reader sees of it and does not change; its `status` is not that of the present.
    pub(super) info: JobInfo,
    pub(super) timeline: Timeline,
    pub(super) rules: Rules,
    slots: Slots,
    pub(super) statuses: Statuses,
    pub(super) tasks: Vec<TaskState>,
    by_key: ByKey,
    pub(super) readings: Readings,
    /// How tasks had failed that were retried, if a reader is to see that still.
    pub(super) kept: HashMap<usize, Arc<Failure>>,
    /// What calls have changed of late, in the order in which they did.
    changes: VecDeque<Change>,
}

/// A task before a call changed it.
#[derive(Debug)]
struct Change {
    /// When the call did.
    at: i64,
    task: usize,
    before: Past,
}

/// What a call may change in a task.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) course: Course,
    /// How many retries had been applied.
    pub(super) applied: u32,
    pub(super) kept: Option<Arc<Failure>>,
}

impl RunningJob {
    pub(super) fn new(job: Job, fleet_org: &str, (pace, readings): (Pace, Readings), now: i64) -> Self {
        let timeline = if job.status == JobStatus::Started {
            Timeline::started(now)
        } else {
            Timeline::stopped()
        };
        let mut slots = Slots::new(usize::try_from(job.maximum_concurrency).unwrap_or(usize::MAX));
        let info = load::info(&job, fleet_org, now);
        let id = job.job_id.clone();
        let org_id = job.org_id.clone().unwrap_or_else(|| fleet_org.to_owned());
        let (rules, tasks) = load::tasks(job, pace, now);
        for (index, task) in tasks.iter().enumerate() {
            let Course::UnderWay(run) = &task.course else { continue };
            let steps = task.steps(pace);
            match run.ends_at(steps, &rules) {
                Some(end) => slots.occupy(end, index),
                None => slots.wait(run.ready_at(steps), index),
            }
        }
        let time = JobTime {
            rules: &rules,
            timeline: &timeline,
            running: timeline.running_at(now),
        };
        let statuses = Statuses::new(tasks.len(), (time.running, now), |index| tasks[index].standing(time));
        let by_key = ByKey::new(&tasks);
        Self {
            id,
            org_id,
            info,
            timeline,
            rules,
            slots,
            statuses,
            tasks,
            by_key,
            readings,
            kept: HashMap::new(),
            changes: VecDeque::new(),
        }
    }

    /// Pushes the tasks whose turn has come by the present time `now`. Whatever reads or changes the job calls this
    /// first.
    pub(super) fn advance(&mut self, now: i64) {
        while self
            .changes
            .front()
            .is_some_and(|change| change.at < now - LONGEST_LAG_MS)
        {
            self.changes.pop_front();
        }
        self.statuses.forget(now);
        let Self {
            timeline,
            rules,
            slots,
            statuses,
            tasks,
            ..
        } = self;
        if rules.pace.is_frozen() {
            return;
        }
        let running = timeline.running_at(now);
        slots.advance(running, |index, at| {
            statuses.look_at(index, at);
            let task = &mut tasks[index];
            let steps = task.steps(rules.pace);
            let Course::UnderWay(run) = &mut task.course else {
                return at;
            };
            run.pushed = Some(at);
            run.ends_at(steps, rules).unwrap_or(at)
        });
        let time = JobTime {
            rules,
            timeline,
            running,
        };
        statuses.advance((running, now), tasks.len(), |index| tasks[index].standing(time));
    }

    /// The place of a device's task.
    pub(super) fn place(&self, device_key: &str) -> Option<usize> {
        self.by_key.get(&self.tasks, device_key)
    }

    pub(super) fn is_running(&self) -> bool {
        self.timeline.is_running()
    }

    pub(super) fn switch(&mut self, switch: Switch, now: i64) {
        match switch {
            Switch::Start => self.timeline.start(now),
            Switch::Stop => self.timeline.stop(now),
        }
    }

    /// Restarts a failed task.
    pub(super) fn retry(&mut self, index: usize, now: i64) {
        self.remember(index, now);
        if self.readings.failure == FailureAfterRetry::KeptUntilReport {
            let task = &self.tasks[index];
            let View { progress, desc, .. } = task.course.view(&task.device_key, self.time(now));
            let desc = desc.into();
            self.kept.insert(index, Arc::new(Failure { progress, desc }));
        }
        let running = self.timeline.running_at(now);
        let task = &mut self.tasks[index];
        task.retry(&self.rules, running, now);
        if let Course::UnderWay(run) = &task.course {
            self.slots.wait(run.ready_at(task.steps(self.rules.pace)), index);
        }
        self.renew_status(index, now);
    }

    /// Cancels a task that is `init` or `published`.
    ///
    /// That it becomes `failed` with this text is inferred from the vendor's Python sample, and its progress assumed.
    pub(super) fn cancel(&mut self, index: usize, now: i64) {
        self.remember(index, now);
        let task = &mut self.tasks[index];
        if let Course::UnderWay(run) = &task.course {
            let steps = task.steps(self.rules.pace);
            match run.ends_at(steps, &self.rules) {
                Some(end) => self.slots.vacate(end, index),
                None => self.slots.stop_waiting(run.ready_at(steps), index),
            }
        }
        task.course = Course::Ended {
            failure: Some(Arc::clone(&self.rules.cancelled)),
            at: now,
        };
        self.renew_status(index, now);
    }

    /// Notes the state of a task that a call has changed.
    fn renew_status(&mut self, index: usize, now: i64) {
        let standing = self.tasks[index].standing(self.time(now));
        self.statuses.set(index, now, standing);
    }

    /// The present moment in the life of the job.
    fn time(&self, now: i64) -> JobTime<'_> {
        JobTime {
            rules: &self.rules,
            timeline: &self.timeline,
            running: self.timeline.running_at(now),
        }
    }

    fn remember(&mut self, task: usize, now: i64) {
        self.changes.push_back(Change {
            at: now,
            task,
            before: Past {
                course: self.tasks[task].course.clone(),
                applied: self.tasks[task].applied,
                kept: self.kept.get(&task).cloned(),
            },
        });
    }

    /// The tasks that have been changed since, as they were then.
    pub(super) fn before(&self, then: i64) -> HashMap<usize, &Past> {
        let mut before = HashMap::new();
        for change in self.changes.iter().filter(|change| change.at > then) {
            // Of several changes the first knows what there was before all of them.
            before.entry(change.task).or_insert(&change.before);
        }
        before
    }
}
