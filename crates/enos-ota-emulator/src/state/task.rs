//! One task: where it stands at a given moment, and what a retry makes of it.

use std::sync::Arc;

use super::RetryCount;
use super::pace::{Pace, Steps};
use super::timeline::Timeline;
use crate::fleet::{Outcome, TaskStatus, demo::reason};
use crate::random::stable_hash;

/// A task as the emulator keeps it. A fleet may have a million, so texts that many tasks have in common are shared.
#[derive(Debug)]
pub(super) struct TaskState {
    pub(super) device_key: Arc<str>,
    pub(super) product_key: Arc<str>,
    pub(super) from_version: Arc<str>,
    pub(super) to_version: Arc<str>,
    pub(super) task_id: Option<Box<str>>,
    pub(super) asset_id: Option<Box<str>>,
    pub(super) retry_outcome: Option<Outcome>,
    pub(super) course: Course,
    /// How many retryTask calls have named the device.
    pub(super) named: u32,
    /// How many retries have been applied to it.
    pub(super) applied: u32,
}

/// Where a task is on its way.
#[derive(Clone, Debug)]
pub(super) enum Course {
    /// It has come to an end.
    Ended { failure: Option<Failure>, at: i64 },
    /// It is under way.
    UnderWay {
        /// The state in which it was put on its way.
        from: Stage,
        /// When that was, in the running time of its job.
        since: i64,
        /// When that was, by the clock.
        at: i64,
        /// What it comes to.
        end: Option<Failure>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Init,
    Published,
    Upgrading { progress: i32 },
}

/// How a task has failed, or will.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) progress: i32,
    pub(super) desc: Arc<str>,
}

/// What a reader sees of a task at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) status: TaskStatus,
    pub(super) progress: i32,
    pub(super) desc: &'a str,
    pub(super) update_time: i64,
}

impl TaskState {
    pub(super) fn view(&self, pace: Pace, timeline: &Timeline, now: i64) -> View<'_> {
        match &self.course {
            Course::Ended { failure, at } => end_view(failure.as_ref(), *at),
            Course::UnderWay { from, since, at, end } => {
                let passed = if pace.is_frozen() {
                    0
                } else {
                    timeline.running_at(now).saturating_sub(*since).max(0)
                };
                if passed == 0 {
                    return stage_view(*from, *at);
                }
                let steps = pace.steps(stable_hash(&[&self.device_key]));
                // The task is taken to have become `init` so long ago that it reached `from` at `since`.
                let head_start = from.reached_at(steps);
                let elapsed = head_start + passed;
                // A moment on the way, as time by the clock.
                let clock = |moment: i64| {
                    if moment <= head_start {
                        *at
                    } else {
                        timeline.wall_at(since + moment - head_start).unwrap_or(*at)
                    }
                };
                if elapsed >= steps.done {
                    end_view(end.as_ref(), clock(steps.done))
                } else if elapsed >= steps.upgrading {
                    let span = steps.done - steps.upgrading;
                    // Devices report in steps of ten percent.
                    let tens = (elapsed - steps.upgrading) * 10 / span;
                    let reported_at = steps.upgrading + span * tens / 10;
                    let progress = i32::try_from(tens * 10).unwrap_or(90).max(1);
                    let floor = if let Stage::Upgrading { progress } = *from {
                        progress
                    } else {
                        0
                    };
                    if progress <= floor {
                        return stage_view(*from, *at);
                    }
                    stage_view(Stage::Upgrading { progress }, clock(reported_at))
                } else if elapsed >= steps.published {
                    stage_view(Stage::Published, clock(steps.published))
                } else {
                    stage_view(Stage::Init, *at)
                }
            }
        }
    }

    /// Sends a failed task round again. The caller has made sure that it has failed.
    ///
    /// That it becomes `init`, keeps its id, and loses progress and reason, is inferred or assumed: no page says so.
    pub(super) fn retry(&mut self, timeline: &Timeline, now: i64) {
        let previous = match &self.course {
            Course::Ended { failure, .. } => failure.as_ref(),
            Course::UnderWay { end, .. } => end.as_ref(),
        };
        let end = self.end_of(self.retry_outcome, previous);
        self.applied += 1;
        self.course = Course::UnderWay {
            from: Stage::Init,
            since: timeline.running_at(now),
            at: now,
            end,
        };
    }

    pub(super) fn retry_count(&self) -> RetryCount {
        RetryCount {
            named: self.named,
            applied: self.applied,
        }
    }

    /// How a run ends: as told, otherwise by the hash of the device key, so that one device in eight fails.
    pub(super) fn end_of(&self, told: Option<Outcome>, previous: Option<&Failure>) -> Option<Failure> {
        // The count is part of the hash, so that a device that failed once more may succeed the next time.
        let hash = stable_hash(&[&self.device_key, &self.applied.to_string()]);
        let fails = match told {
            Some(Outcome::Fails) => true,
            Some(Outcome::Succeeds) => false,
            None => hash.is_multiple_of(8),
        };
        fails.then(|| {
            let (progress, desc) = [reason::DOWNLOAD, reason::VERIFICATION, reason::WRITING, reason::TIMEOUT]
                [usize::try_from((hash >> 8) % 4).unwrap_or(0)];
            match previous {
                // What ailed the device still does; only a cancelled task has no such cause.
                Some(previous) if &*previous.desc != reason::CANCELLED.1 => previous.clone(),
                Some(_) | None => Failure {
                    progress,
                    desc: desc.into(),
                },
            }
        })
    }
}

impl Stage {
    fn reached_at(self, steps: Steps) -> i64 {
        match self {
            Self::Init => 0,
            Self::Published => steps.published,
            Self::Upgrading { progress } => {
                steps.upgrading + (steps.done - steps.upgrading) * i64::from(progress) / 100
            }
        }
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
