//! Which tasks of a job wait to be pushed, and which take up one of its places.
//!
//! A job pushes to at most `maximumConcurrency` devices at a time (documented); the others wait as `init`, first come,
//! first served (assumed). All times here are running times of the job.
//!
//! When a task is pushed depends only on when tasks came and how long each takes, never on when somebody looked:
//! [`Slots::advance`] goes through the moments in their order, however many have passed since it was last called.

use std::collections::BTreeSet;

/// A moment and the index of a task.
type Entry = (i64, usize);

#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    /// Tasks in `init`, by the moment from which they can be pushed.
    waiting: BTreeSet<Entry>,
    /// Tasks in `published` or `upgrading`, by the moment at which they end. One that has ended stays here until its
    /// place is needed.
    busy: BTreeSet<Entry>,
    /// Nothing can be pushed before this any more.
    free_since: i64,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: BTreeSet::new(),
            busy: BTreeSet::new(),
            free_since: 0,
        }
    }

    /// Lets a task wait; it can be pushed from `ready` on.
    pub(super) fn wait(&mut self, ready: i64, task: usize) {
        self.waiting.insert((ready, task));
    }

    /// Gives a place to a task that was pushed before the emulator began, even if there are more of these than places.
    pub(super) fn occupy(&mut self, end: i64, task: usize) {
        self.busy.insert((end, task));
    }

    /// Takes out a task that waits.
    pub(super) fn stop_waiting(&mut self, ready: i64, task: usize) {
        self.waiting.remove(&(ready, task));
    }

    /// Takes away the place of a task.
    pub(super) fn vacate(&mut self, end: i64, task: usize) {
        self.busy.remove(&(end, task));
    }

    /// Goes on to the moment `running`. `push` is told which task was pushed when, and says when it ends.
    pub(super) fn advance(&mut self, running: i64, mut push: impl FnMut(usize, i64) -> i64) {
        while let Some(&(ready, task)) = self.waiting.first() {
            if self.busy.len() >= self.limit {
                if !self.free_one(running) {
                    break;
                }
                continue;
            }
            let at = ready.max(self.free_since);
            if at > running {
                break;
            }
            self.waiting.pop_first();
            let end = push(task, at);
            self.busy.insert((end, task));
        }
        self.free_since = self.free_since.max(running);
    }

    /// Frees the place that is free next, if it is so by `running`.
    fn free_one(&mut self, running: i64) -> bool {
        let Some(&(end, _)) = self.busy.first().filter(|(end, _)| *end <= running) else {
            return false;
        };
        self.busy.pop_first();
        self.free_since = self.free_since.max(end);
        true
    }
}

#[cfg(test)]
mod tests;
