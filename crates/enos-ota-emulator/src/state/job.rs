//! One job with its tasks: how it goes on, what calls change in it, and what a reader sees of it.

use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::by_key::ByKey;
use super::intern::{Commons, Failure};
use super::pace::Pace;
use super::slots::Slots;
use super::statuses::{ByStatus, Statuses};
use super::task::{Course, Ids, Look, Rules, Run, Stage, TaskState, View};
use super::timeline::{LONGEST_LAG_MS, Moment, Timeline};
use crate::fleet::{Job, Task, reason};
use crate::model::{
    JobInfo, JobState, JobStatus, JobType, RetryCount, ScopeType, StringI18n, TaskInfo, TaskStatus, UpgradeScope,
};
use crate::random::stable_hash;
use crate::readings::{FailureAfterRetry, Readings, TaskIdAfterRetry};

#[derive(Debug)]
pub(super) struct RunningJob {
    /// What does not change. Its `status` is that of the beginning; [`Seen::info`] puts in the present one.
    pub(super) info: JobInfo,
    timeline: Timeline,
    rules: Rules,
    slots: Slots,
    statuses: Statuses,
    pub(super) tasks: Vec<TaskState>,
    by_key: ByKey,
    readings: Readings,
    /// How tasks had failed that were retried, if a reader is to see that still.
    kept: HashMap<usize, Arc<Failure>>,
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
struct Past {
    course: Course,
    /// How many retries had been applied.
    applied: u32,
    kept: Option<Arc<Failure>>,
}

impl RunningJob {
    pub(super) fn new(job: Job, fleet_org: &str, (pace, readings): (Pace, Readings), now: i64) -> Self {
        let timeline = match job.status {
            JobStatus::Started => Timeline::started(now),
            JobStatus::Stopped => Timeline::stopped(),
        };
        let mut commons = Commons::default();
        let rules = Rules {
            pace,
            timeout_ms: i64::from(job.upgrade_timeout) * 1000,
            timeout_from_published: match job.job_type {
                JobType::Verify => true,
                JobType::Upgrade => false,
            },
            timed_out: commons.failure(
                reason::TIMEOUT.0,
                &format!("Upgrade timed out after {} s", job.upgrade_timeout),
            ),
            cancelled: commons.failure(reason::CANCELLED.0, reason::CANCELLED.1),
            usual: [reason::DOWNLOAD, reason::VERIFICATION, reason::WRITING, reason::TIMEOUT]
                .map(|(progress, desc)| commons.failure(progress, desc)),
        };
        let mut slots = Slots::new(usize::try_from(job.maximum_concurrency).unwrap_or(usize::MAX));
        let defaults = [
            job.product_key.clone(),
            job.from_version.clone(),
            job.to_version.clone(),
        ];
        let info = info(&job, fleet_org, now);
        // From the end, so that the memory of what has been gone through can be given back: that of a million tasks
        // need not be there twice.
        let mut left = job.tasks;
        let mut tasks = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let first = left.len().saturating_sub(65_536);
            let some = left.drain(first..).rev();
            tasks.extend(some.map(|task| running_task(task, &defaults, &mut commons, &rules, now)));
            left.shrink_to_fit();
        }
        tasks.reverse();
        for (index, task) in tasks.iter().enumerate() {
            let Course::UnderWay(run) = &task.course else { continue };
            let steps = task.steps(pace);
            match run.ends_at(steps, &rules) {
                Some(end) => slots.occupy(end, index),
                None => slots.wait(run.ready_at(steps), index),
            }
        }
        let look = Look {
            rules: &rules,
            timeline: &timeline,
            running: timeline.running_at(now),
        };
        let statuses = Statuses::new(tasks.len(), (look.running, now), |index| tasks[index].standing(look));
        let by_key = ByKey::new(&tasks);
        Self {
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
        let look = Look {
            rules,
            timeline,
            running,
        };
        statuses.advance((running, now), tasks.len(), |index| tasks[index].standing(look));
    }

    /// The place of a device's task.
    pub(super) fn place(&self, device_key: &str) -> Option<usize> {
        self.by_key.get(&self.tasks, device_key)
    }

    pub(super) fn is_running(&self) -> bool {
        self.timeline.is_running()
    }

    pub(super) fn start(&mut self, now: i64) {
        self.timeline.start(now);
    }

    pub(super) fn stop(&mut self, now: i64) {
        self.timeline.stop(now);
    }

    /// Restarts a failed task.
    pub(super) fn retry(&mut self, index: usize, now: i64) {
        self.remember(index, now);
        if self.readings.failure == FailureAfterRetry::KeptUntilReport {
            let View { progress, desc, .. } = self.now(now).view(index);
            let failure = Failure {
                progress,
                desc: desc.into(),
            };
            self.kept.insert(index, Arc::new(failure));
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
        let look = Look {
            rules: &self.rules,
            timeline: &self.timeline,
            running: self.timeline.running_at(now),
        };
        self.statuses.set(index, now, self.tasks[index].standing(look));
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

    /// The job as it is now.
    pub(super) fn now(&self, now: i64) -> Seen<'_> {
        Seen::new(self, self.timeline.now(now), (now, false))
    }

    /// The job as it was at an earlier time.
    pub(super) fn then(&self, then: i64) -> Seen<'_> {
        Seen::new(self, self.timeline.then(then), (then, true))
    }

    /// The tasks that have been changed since, as they were then.
    fn before(&self, then: i64) -> HashMap<usize, &Past> {
        let mut before = HashMap::new();
        for change in self.changes.iter().filter(|change| change.at > then) {
            // Of several changes the first knows what there was before all of them.
            before.entry(change.task).or_insert(&change.before);
        }
        before
    }
}

/// A job at one moment.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) job: &'a RunningJob,
    look: Look<'a>,
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
    fn new(job: &'a RunningJob, moment: Moment, (at, is_past): (i64, bool)) -> Self {
        let look = Look {
            rules: &job.rules,
            timeline: &job.timeline,
            running: moment.running,
        };
        Self {
            job,
            look,
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
        let mut view = course.view(&task.device_key, self.look);
        let kept = match past {
            Some(past) => past.kept.as_ref(),
            None if job.kept.is_empty() => None,
            None => job.kept.get(&index),
        };
        if let Some(kept) = kept.filter(|_| matches!(view.status, TaskStatus::Init | TaskStatus::Published)) {
            (view.progress, view.desc) = (kept.progress, &kept.desc);
        }
        let update_time = job.readings.update_time;
        view.update_time = update_time.shown(view.update_time, self.at, view.status, &task.device_key);
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
        let info = &self.job.info;
        JobState {
            job_id: info.job_id.clone(),
            org_id: info.org_id.clone(),
            name: info
                .name
                .as_ref()
                .map_or_else(String::new, |name| name.default_value.clone()),
            status: self.status(),
            tally: self.job.statuses.present().tally(),
        }
    }

    pub(super) fn info(&self) -> JobInfo {
        JobInfo {
            status: self.status(),
            ..self.job.info.clone()
        }
    }

    pub(super) fn task(&self, index: usize) -> TaskInfo {
        let (job, task, view) = (&self.job.info, &self.job.tasks[index], self.view(index));
        let (key, ids) = (&*task.device_key, task.ids.as_deref());
        let run = match self.job.readings.task_id {
            TaskIdAfterRetry::Same => 0,
            TaskIdAfterRetry::New => self.past(index).map_or(task.applied, |past| past.applied),
        };
        TaskInfo {
            // Ids that the fleet does not give are worked out, not stored: that is a third of the memory of a task.
            task_id: match ids.and_then(|ids| ids.task_id.as_deref()) {
                Some(task_id) if run == 0 => task_id.to_owned(),
                Some(_) | None => {
                    let hash = if run == 0 {
                        stable_hash(&[&job.job_id, key])
                    } else {
                        stable_hash(&[&job.job_id, key, &run.to_string()])
                    };
                    format!("{:08x}{hash:016x}", stable_hash(&[&job.job_id]) >> 32)
                }
            },
            org_id: job.org_id.clone(),
            asset_id: ids
                .and_then(|ids| ids.asset_id.as_deref())
                .map_or_else(|| format!("{:08x}", stable_hash(&["asset", key]) >> 32), str::to_owned),
            product_key: task.kind.product_key.to_string(),
            device_key: key.to_owned(),
            job_id: job.job_id.clone(),
            from_version: task.kind.from_version.to_string(),
            to_version: task.kind.to_version.to_string(),
            progress: view.progress,
            desc: view.desc.to_owned(),
            status: view.status,
            update_time: view.update_time,
        }
    }

    pub(super) fn retry_count(&self, index: usize) -> RetryCount {
        self.job.tasks[index].retry_count()
    }
}

/// What there is to tell of a job of the fleet. Its scope is told as in the platform's published sample: all devices of
/// the product that have the version to upgrade from.
fn info(job: &Job, fleet_org: &str, now: i64) -> JobInfo {
    let firmware_version = job.firmware_version.as_ref().unwrap_or(&job.to_version);
    let firmware_id = job.firmware_id.clone().unwrap_or_else(|| {
        let hash = |salt| stable_hash(&[salt, &job.product_key, firmware_version]);
        format!("{:08x}{:016x}", hash("firmware") >> 32, hash("id"))
    });
    JobInfo {
        org_id: job.org_id.clone().unwrap_or_else(|| fleet_org.to_owned()),
        product_key: Some(job.product_key.clone()),
        job_id: job.job_id.clone(),
        name: StringI18n::plain(&job.name),
        firmware_id,
        firmware_version: firmware_version.clone(),
        firmware_name: StringI18n::plain(&job.firmware_name),
        job_type: job.job_type,
        enable_upgrade_request: Some(job.enable_upgrade_request),
        upgrade_policy: job.upgrade_policy,
        upgrade_scope: UpgradeScope {
            scope_type: ScopeType::Total,
            version_numbers: Some(vec![job.from_version.clone()]),
            device_keys: None,
            others: serde_json::Map::new(),
        },
        upgrade_timeout: job.upgrade_timeout,
        retry_policy: None,
        schedule_policy: None,
        maximum_concurrency: job.maximum_concurrency,
        status: job.status,
        create_time: job.create_time.unwrap_or(now),
    }
}

fn running_task(task: Task, defaults: &[String; 3], commons: &mut Commons, rules: &Rules, now: i64) -> TaskState {
    let own = [&task.product_key, &task.from_version, &task.to_version];
    let [product_key, from_version, to_version] =
        [0, 1, 2].map(|index| own[index].as_deref().unwrap_or(&defaults[index]));
    let progress = task.progress_or_default();
    let at = task.update_time.unwrap_or(now);
    let has_ids = task.task_id.is_some() || task.asset_id.is_some();
    let mut state = TaskState {
        kind: commons.kind(product_key, from_version, to_version),
        device_key: task.device_key.into(),
        ids: has_ids.then(|| {
            Box::new(Ids {
                task_id: task.task_id.map(String::into_boxed_str),
                asset_id: task.asset_id.map(String::into_boxed_str),
            })
        }),
        retry_outcome: task.retry_outcome,
        retry_failure: task
            .retry_failure
            .map(|failure| commons.failure(failure.progress, &failure.desc)),
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
            let failure = Some(commons.failure(progress, &task.desc));
            state.course = Course::Ended { failure, at };
            return state;
        }
    };
    // The running time of a job begins with the emulator, so a task that is under way has been so since then.
    state.course = Course::UnderWay(Run {
        from,
        since: 0,
        at,
        end: state.end_of(task.outcome, None, rules),
        pushed: None,
    });
    state
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fleet::Outcome;
    use crate::model::Tally;
    use crate::random::Random;

    const NOW: i64 = 1_700_000_000_000;
    const TASKS: usize = 700;

    fn job(random: &mut Random, job_type: JobType) -> Job {
        let tasks = (0..TASKS).map(|n| {
            let draw = usize::try_from(random.next() % 5).unwrap();
            let task = Task::new(format!("d{n}"), TaskStatus::ALL[draw]);
            match draw {
                0..=2 if n % 3 == 0 => task.outcome(Outcome::Fails),
                _ => task,
            }
        });
        let job = Job::started("j1").job_type(job_type);
        // Some run out of time, some do not.
        job.upgrade_timeout(12).maximum_concurrency(40).with_tasks(tasks)
    }

    /// What is kept by state is what follows from the tasks themselves.
    /// Tells of how many moments in the past the same holds.
    fn assert_true(job: &RunningJob, now: i64, what: &str) -> usize {
        let seen = job.now(now);
        let mut tally = Tally::default();
        for status in TaskStatus::ALL {
            let expected: Vec<usize> = (0..TASKS).filter(|task| seen.view(*task).status == status).collect();
            let kept = job.statuses.present().tasks(|known| known == status);
            let kept: Vec<usize> = kept.iter_from(0).collect();
            assert_eq!(kept, expected, "{status} after {what}");
            match status {
                TaskStatus::Init => tally.init = expected.len(),
                TaskStatus::Published => tally.published = expected.len(),
                TaskStatus::Upgrading => tally.upgrading = expected.len(),
                TaskStatus::Succeeded => tally.succeeded = expected.len(),
                TaskStatus::Failed => tally.failed = expected.len(),
            }
        }
        assert_eq!(seen.state().tally, tally, "after {what}");

        let mut told = 0;
        for lag in [0, 1, 500, LONGEST_LAG_MS] {
            let seen = job.then(now - lag);
            let Some(by_status) = seen.statuses() else { continue };
            told += 1;
            for status in TaskStatus::ALL {
                let expected: Vec<usize> = (0..TASKS).filter(|task| seen.view(*task).status == status).collect();
                let found: Vec<usize> = by_status.tasks(|known| known == status).iter_from(0).collect();
                assert_eq!(found, expected, "{status} {lag} ms before, after {what}");
            }
        }
        told
    }

    #[test]
    fn the_tasks_in_each_state_are_known_whatever_happens_to_them() {
        let seconds = |init, published, upgrading| {
            let [init, published, upgrading] = [init, published, upgrading].map(Duration::from_secs);
            Pace::new(init, published, upgrading)
        };
        let paces = [
            seconds(2, 3, 15),
            seconds(2, 3, 15).exact(),
            seconds(0, 0, 5),
            seconds(0, 0, 0),
            Pace::frozen(),
        ];
        let mut told_of_the_past = 0;
        for (seed, pace) in (0_u64..).zip(paces) {
            for job_type in [JobType::Upgrade, JobType::Verify] {
                let mut random = Random::seeded(seed);
                let mut now = NOW;
                let mut job = RunningJob::new(job(&mut random, job_type), "o1", (pace, Readings::default()), now);
                assert_true(&job, now, "the start");
                for round in 0..30 {
                    let draw = random.next();
                    now += match draw % 8 {
                        0 => 0,
                        1 => 1,
                        2 => 30_000,
                        // Somebody sets the clock back.
                        3 if round % 10 == 9 => -4_000,
                        _ => i64::try_from(draw >> 8 & 0x3ff).unwrap(),
                    };
                    job.advance(now);
                    told_of_the_past += assert_true(&job, now, "some time");
                    let status = |job: &RunningJob, task| job.now(now).view(task).status;
                    match draw % 7 {
                        0 => job.stop(now),
                        1 | 2 => job.start(now),
                        3 => (0..TASKS).for_each(|task| {
                            if matches!(status(&job, task), TaskStatus::Init | TaskStatus::Published) && task % 5 == 0 {
                                job.cancel(task, now);
                            }
                        }),
                        _ => (0..TASKS).for_each(|task| {
                            if status(&job, task) == TaskStatus::Failed && random.next().is_multiple_of(4) {
                                job.retry(task, now);
                            }
                        }),
                    }
                    assert_true(&job, now, "a call");
                }
            }
        }
        assert!(told_of_the_past > 200, "{told_of_the_past}");
    }
}
