//! Which tasks of a job are in which state, kept up to the present.
//!
//! The state of a task still follows from its course and the clock, and from nothing else. What is kept here is only
//! what that came to when somebody last looked, and when it will come to something else.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::by_status::ByStatus;
use super::task::Standing;
use super::timeline::LONGEST_LAG_MS;
use crate::model::TaskStatus;

#[derive(Debug)]
pub(super) struct Statuses {
    present: ByStatus,
    /// When which task has to be looked at again. An entry that is out of date costs one look more.
    changes: BinaryHeap<Reverse<(i64, usize)>>,
    /// Up to which running time this is true.
    at: i64,
    /// The tasks of which it was noted lately that they are in another state, with the time by the clock.
    recent: VecDeque<(i64, usize)>,
    /// All that was noted after this time is among these.
    complete_since: i64,
}

impl Statuses {
    /// Looks at all of `count` tasks, as they stand at the running time `at`, which is `now` by the clock.
    pub(super) fn new(count: usize, (at, now): (i64, i64), standing: impl Fn(usize) -> Standing) -> Self {
        let mut changes = BinaryHeap::new();
        let present = ByStatus::new((0..count).map(|task| {
            let Standing { status, until } = standing(task);
            changes.extend(until.map(|until| Reverse((until, task))));
            status
        }));
        Self {
            present,
            changes,
            at,
            recent: VecDeque::new(),
            complete_since: now,
        }
    }

    /// Goes on to the running time `to`, which is `now` by the clock. A clock that was set back makes it look at all
    /// tasks anew.
    pub(super) fn advance(&mut self, (to, now): (i64, i64), count: usize, standing: impl Fn(usize) -> Standing) {
        if to < self.at {
            *self = Self::new(count, (to, now), standing);
            return;
        }
        self.at = to;
        while let Some(&Reverse((at, task))) = self.changes.peek()
            && at <= to
        {
            self.changes.pop();
            self.set(task, now, standing(task));
        }
    }

    /// Forgets what no reader of the past can ask for any more.
    pub(super) fn forget(&mut self, now: i64) {
        let horizon = now.saturating_sub(LONGEST_LAG_MS);
        while self.recent.pop_front_if(|(noted, _)| *noted < horizon).is_some() {}
        self.complete_since = self.complete_since.max(horizon);
    }

    /// Makes sure that a task is looked at once the running time is `at`.
    pub(super) fn look_at(&mut self, task: usize, at: i64) {
        self.changes.push(Reverse((at, task)));
    }

    /// Notes the state of a task.
    pub(super) fn set(&mut self, task: usize, now: i64, Standing { status, until }: Standing) {
        if self.present.put(task, &status) {
            self.recent.push_back((now, task));
        }
        if let Some(until) = until {
            self.look_at(task, until);
        }
    }

    pub(super) fn present(&self) -> &ByStatus {
        &self.present
    }

    /// The tasks by their states at an earlier time; `status` tells that of one. `None` if what has happened since is
    /// not known, or is so much that one might as well look at all tasks.
    pub(super) fn then(&self, then: i64, count: usize, status: impl Fn(usize) -> TaskStatus) -> Option<ByStatus> {
        if then < self.complete_since || self.recent.len() > count / 8 {
            return None;
        }
        let mut sets = self.present.clone();
        // A change is noted when it happens or later, so that one that was noted by then had happened by then.
        for (_, task) in self.recent.iter().filter(|(noted, _)| *noted > then) {
            sets.put(*task, &status(*task));
        }
        Some(sets)
    }
}
