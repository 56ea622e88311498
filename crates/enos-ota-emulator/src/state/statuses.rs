//! Which tasks of a job are in which state, kept up to the present: so that the state alone is enough to find any page
//! of a search among a million tasks.
//!
//! The state of a task still follows from its course and the clock, and from nothing else. What is kept here is only
//! what that came to when somebody last looked, and when it will come to something else.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::info::Tally;
use super::ranks::{Ranked, Union};
use crate::fleet::TaskStatus;

/// The state of a task, and the running time of its job at which that may change, if it does by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) status: TaskStatus,
    pub(super) until: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Statuses {
    /// The tasks in each state, in the order of [`TaskStatus::ALL`].
    sets: [Ranked; 5],
    /// When which task has to be looked at again. An entry that is out of date costs one look more.
    changes: BinaryHeap<Reverse<(i64, usize)>>,
    /// Up to which running time this is true.
    at: i64,
}

impl Statuses {
    /// Looks at all of `count` tasks, as they stand at the running time `at`.
    pub(super) fn new(count: usize, at: i64, standing: impl Fn(usize) -> Standing) -> Self {
        let mut changes = BinaryHeap::new();
        let statuses: Vec<TaskStatus> = (0..count)
            .map(|task| {
                let Standing { status, until } = standing(task);
                changes.extend(until.map(|until| Reverse((until, task))));
                status
            })
            .collect();
        Self {
            sets: TaskStatus::ALL.map(|status| Ranked::new(count, |task| statuses[task] == status)),
            changes,
            at,
        }
    }

    /// Goes on to the running time `to`. A clock that was set back makes it look at all tasks anew.
    pub(super) fn advance(&mut self, to: i64, count: usize, standing: impl Fn(usize) -> Standing) {
        if to < self.at {
            *self = Self::new(count, to, standing);
            return;
        }
        self.at = to;
        while let Some(&Reverse((at, task))) = self.changes.peek()
            && at <= to
        {
            self.changes.pop();
            self.set(task, standing(task));
        }
    }

    /// Makes sure that a task is looked at once the running time is `at`.
    pub(super) fn look_at(&mut self, task: usize, at: i64) {
        self.changes.push(Reverse((at, task)));
    }

    /// Puts a task where it belongs.
    pub(super) fn set(&mut self, task: usize, Standing { status, until }: Standing) {
        for (known, set) in TaskStatus::ALL.into_iter().zip(&mut self.sets) {
            if known == status {
                set.insert(task);
            } else {
                set.remove(task);
            }
        }
        if let Some(until) = until {
            self.look_at(task, until);
        }
    }

    /// The tasks that are in one of these states.
    pub(super) fn tasks(&self, is_wanted: impl Fn(TaskStatus) -> bool) -> Union<'_> {
        let sets = TaskStatus::ALL.into_iter().zip(&self.sets);
        Union(
            sets.filter(|(status, _)| is_wanted(*status))
                .map(|(_, set)| set)
                .collect(),
        )
    }

    pub(super) fn tally(&self) -> Tally {
        let [init, published, upgrading, succeeded, failed] = [0, 1, 2, 3, 4].map(|index| self.sets[index].len());
        Tally {
            init,
            published,
            upgrading,
            succeeded,
            failed,
        }
    }
}
