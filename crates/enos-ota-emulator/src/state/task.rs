//! One task: where it stands at a given moment, and what a retry makes of it.

use std::sync::Arc;

use super::intern::{Failure, Kind};
use super::pace::{Pace, Steps};
use super::timeline::Timeline;
use crate::fleet::Outcome;
use crate::model::{RetryCount, TaskStatus};
use crate::random::stable_hash;
use crate::reason;

/// A task as the emulator keeps it. A fleet may have a million, so texts that many tasks have in common are shared.
#[derive(Debug)]
pub(super) struct TaskState {
    pub(super) device_key: Arc<str>,
    pub(super) kind: Arc<Kind>,
    pub(super) ids: Option<Box<Ids>>,
    pub(super) retry_outcome: Option<Outcome>,
    /// How it fails after a retry, if that is not to be as before.
    pub(super) retry_failure: Option<Arc<Failure>>,
    pub(super) course: Course,
    /// How many retryTask calls have named the device.
    pub(super) named: u32,
    /// How many retries have been applied to it.
    pub(super) applied: u32,
}

/// The ids that a fleet has given to a task. Most have none.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) task_id: Option<Box<str>>,
    pub(super) asset_id: Option<Box<str>>,
}

/// Where a task is on its way.
#[derive(Clone, Debug)]
pub(super) enum Course {
    /// It has come to an end.
    Ended { failure: Option<Arc<Failure>>, at: i64 },
    /// It is under way.
    UnderWay(Run),
}

/// A task that is under way. Moments "on the way" count from when an unhindered task becomes `init`, as [`Steps`] do.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The state in which it was put on its way.
    pub(super) from: Stage,
    /// When that was, in the running time of its job.
    pub(super) since: i64,
    /// When that was, by the clock.
    pub(super) at: i64,
    /// What it comes to.
    pub(super) end: Option<Arc<Failure>>,
    /// When it was pushed, in the running time of its job, if it was put on its way as `init`.
    pub(super) pushed: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Init,
    Published,
    Upgrading { progress: i32 },
}

/// The state of a task, and the running time of its job at which that may change, if it does by itself.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) status: TaskStatus,
    pub(super) until: Option<i64>,
}

/// What a reader sees of a task at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) status: TaskStatus,
    pub(super) progress: i32,
    pub(super) desc: &'a str,
    pub(super) update_time: i64,
}

/// What holds for all tasks of a job.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) pace: Pace,
    /// After so long a task fails.
    pub(super) timeout_ms: i64,
    /// Whether that counts from `published`, as in a job that verifies, and not from `upgrading`.
    pub(super) timeout_from_published: bool,
    /// How it then fails. That it does is inferred, and the words are this emulator's own.
    pub(super) timed_out: Arc<Failure>,
    /// How a task fails that a person cancels.
    pub(super) cancelled: Arc<Failure>,
    /// How a task may fail of which nothing is told.
    pub(super) usual: [Arc<Failure>; 4],
}

/// A moment in the life of a job, at which its tasks are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobTime<'a> {
    pub(super) rules: &'a Rules,
    pub(super) timeline: &'a Timeline,
    /// For how long the job has run at that moment.
    pub(super) running: i64,
}

impl Rules {
    /// The moment on the way at which a task ends, and whether it is then out of time.
    ///
    /// For a task that was under way already when the emulator started, the time counts from there: from `anchor`.
    fn last_moment(&self, steps: Steps, anchor: i64) -> (i64, bool) {
        let counts_from = if self.timeout_from_published {
            steps.published
        } else {
            steps.upgrading
        };
        let deadline = counts_from.max(anchor) + self.timeout_ms;
        (steps.done.min(deadline), deadline < steps.done)
    }
}

impl Run {
    /// A moment on the way, with the running time at which it is reached; none while the task waits to be pushed.
    fn anchor(&self, steps: Steps) -> Option<(i64, i64)> {
        Some(match self.from {
            Stage::Init => (steps.published, self.pushed?),
            Stage::Published => (steps.published, self.since),
            Stage::Upgrading { progress } => {
                let share = (steps.done - steps.upgrading) * i64::from(progress) / 100;
                (steps.upgrading + share, self.since)
            }
        })
    }

    /// From when on the task can be pushed, in the running time of its job.
    pub(super) fn ready_at(&self, steps: Steps) -> i64 {
        self.since + steps.published
    }

    /// When the task ends, in the running time of its job; `None` while it waits to be pushed.
    pub(super) fn ends_at(&self, steps: Steps, rules: &Rules) -> Option<i64> {
        let (anchor, running) = self.anchor(steps)?;
        let (last, _) = rules.last_moment(steps, anchor);
        Some(running + (last - anchor))
    }

    /// The next running time, after `running`, at which the task may be in another state than now; `None` if it changes
    /// only once it is pushed, or not at all.
    fn next_change(&self, steps: Steps, rules: &Rules, running: i64) -> Option<i64> {
        if rules.pace.is_frozen() {
            return None;
        }
        let (anchor, anchored_at) = self.anchor(steps)?;
        let (last, _) = rules.last_moment(steps, anchor);
        let on_the_way = [anchor, steps.upgrading, last].map(|moment| anchored_at + (moment - anchor));
        // A task stays what it is at the very moment of its beginning, however short its states are.
        let moments = on_the_way.into_iter().chain([self.since + 1]);
        moments.filter(|moment| *moment > running).min()
    }

    fn view<'a>(&'a self, device_key: &str, time: JobTime<'a>) -> View<'a> {
        let JobTime {
            rules,
            timeline,
            running,
        } = time;
        // At the moment of a retry the task is `init`, even if the pace leaves it no time for that.
        if rules.pace.is_frozen() || running <= self.since {
            return stage_view(self.from, self.at);
        }
        let steps = rules.pace.steps(stable_hash(&[device_key]));
        let Some((anchor, anchored_at)) = self.anchor(steps).filter(|(_, at)| *at <= running) else {
            return stage_view(self.from, self.at);
        };
        let moment = anchor + (running - anchored_at);
        // A moment on the way, as time by the clock.
        let clock = |moment: i64| {
            if moment <= anchor && self.from != Stage::Init {
                self.at
            } else {
                timeline.wall_at(anchored_at + (moment - anchor)).unwrap_or(self.at)
            }
        };
        let (last, timed_out) = rules.last_moment(steps, anchor);
        if moment >= last {
            let failure = if timed_out {
                Some(&rules.timed_out)
            } else {
                self.end.as_ref()
            };
            return end_view(failure.map(Arc::as_ref), clock(last));
        }
        if moment < steps.upgrading {
            return stage_view(Stage::Published, clock(steps.published));
        }
        let span = steps.done - steps.upgrading;
        // Devices report in steps of ten percent.
        let tens = (moment - steps.upgrading) * 10 / span;
        let reported_at = steps.upgrading + span * tens / 10;
        let progress = i32::try_from(tens * 10).unwrap_or(90).max(1);
        match self.from {
            Stage::Upgrading { progress: first } if progress <= first => stage_view(self.from, self.at),
            Stage::Init | Stage::Published | Stage::Upgrading { .. } => {
                stage_view(Stage::Upgrading { progress }, clock(reported_at))
            }
        }
    }
}

impl Course {
    pub(super) fn view<'a>(&'a self, device_key: &str, time: JobTime<'a>) -> View<'a> {
        match self {
            Self::Ended { failure, at } => end_view(failure.as_deref(), *at),
            Self::UnderWay(run) => run.view(device_key, time),
        }
    }
}

impl TaskState {
    /// The times of the device.
    pub(super) fn steps(&self, pace: Pace) -> Steps {
        pace.steps(stable_hash(&[&self.device_key]))
    }

    /// The state of the task, and when it may change by itself.
    pub(super) fn standing(&self, time: JobTime<'_>) -> Standing {
        let until = match &self.course {
            Course::Ended { .. } => None,
            Course::UnderWay(run) => run.next_change(self.steps(time.rules.pace), time.rules, time.running),
        };
        Standing {
            status: self.course.view(&self.device_key, time).status,
            until,
        }
    }

    /// Restarts a failed task. The caller has made sure that it has failed.
    ///
    /// That it becomes `init`, keeps its id, and loses progress and reason, is inferred or assumed: no page says so.
    pub(super) fn retry(&mut self, rules: &Rules, running: i64, now: i64) {
        let previous = match &self.course {
            Course::Ended { failure, .. } => failure.as_ref(),
            Course::UnderWay(run) => run.end.as_ref(),
        };
        let end = self.end_of(self.retry_outcome, previous, rules);
        let end = end.map(|failure| self.retry_failure.clone().unwrap_or(failure));
        self.applied += 1;
        self.course = Course::UnderWay(Run {
            from: Stage::Init,
            since: running,
            at: now,
            end,
            pushed: None,
        });
    }

    pub(super) fn retry_count(&self) -> RetryCount {
        RetryCount {
            named: self.named,
            applied: self.applied,
        }
    }

    /// How a run ends: as told, otherwise by the hash of the device key, so that one device in eight fails.
    pub(super) fn end_of(
        &self,
        told: Option<Outcome>,
        previous: Option<&Arc<Failure>>,
        rules: &Rules,
    ) -> Option<Arc<Failure>> {
        // The count is part of the hash, so that a device that failed once more may succeed the next time.
        let hash = stable_hash(&[&self.device_key, &self.applied.to_string()]);
        let fails = match told {
            Some(Outcome::Fails) => true,
            Some(Outcome::Succeeds) => false,
            None => hash.is_multiple_of(8),
        };
        fails.then(|| match previous {
            // What ailed the device still does; only a cancelled task has no such cause.
            Some(previous) if &*previous.desc != reason::CANCELLED.1 => Arc::clone(previous),
            Some(_) | None => Arc::clone(&rules.usual[usize::try_from((hash >> 8) % 4).unwrap_or(0)]),
        })
    }
}

fn stage_view(stage: Stage, update_time: i64) -> View<'static> {
    let (status, progress) = match stage {
        Stage::Init => (TaskStatus::Init, 0),
        Stage::Published => (TaskStatus::Published, 0),
        Stage::Upgrading { progress } => (TaskStatus::Upgrading, progress),
    };
    View {
        status,
        progress,
        desc: "",
        update_time,
    }
}

fn end_view(failure: Option<&Failure>, update_time: i64) -> View<'_> {
    match failure {
        Some(failure) => View {
            status: TaskStatus::Failed,
            progress: failure.progress,
            desc: &failure.desc,
            update_time,
        },
        None => View {
            status: TaskStatus::Succeeded,
            progress: 100,
            desc: "",
            update_time,
        },
    }
}
