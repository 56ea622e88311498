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
mod tests {
    use super::Slots;

    /// When each of these tasks is pushed, if somebody looks at the given moments. Each takes 100.
    fn pushed(ready: &[i64], limit: usize, looks: &[i64]) -> Vec<Option<i64>> {
        let mut slots = Slots::new(limit);
        for (task, ready) in ready.iter().enumerate() {
            slots.wait(*ready, task);
        }
        let mut pushed = vec![None; ready.len()];
        for look in looks {
            slots.advance(*look, |task, at| {
                pushed[task] = Some(at);
                at + 100
            });
        }
        pushed
    }

    #[test]
    fn tasks_are_pushed_when_they_are_ready_and_a_place_is_free() {
        let ready = [10, 20, 30, 250];
        assert_eq!(pushed(&ready, 2, &[1000]), [Some(10), Some(20), Some(110), Some(250)]);
        assert_eq!(pushed(&ready, 2, &[109]), [Some(10), Some(20), None, None]);
        assert_eq!(pushed(&ready, 2, &[110]), [Some(10), Some(20), Some(110), None]);
        assert_eq!(pushed(&ready, 3, &[30]), [Some(10), Some(20), Some(30), None]);
    }

    #[test]
    fn it_does_not_matter_when_somebody_looks() {
        let ready: Vec<i64> = (0..50).map(|n| n * 37 % 90).collect();
        let once = pushed(&ready, 3, &[100_000]);
        assert_eq!(pushed(&ready, 3, &(0..100_000).step_by(7).collect::<Vec<_>>()), once);
        assert_eq!(pushed(&ready, 3, &[0, 250, 251, 100_000]), once);
    }

    #[test]
    fn a_place_that_is_vacated_early_is_taken_at_once() {
        let mut slots = Slots::new(1);
        slots.wait(0, 0);
        slots.wait(0, 1);
        slots.advance(40, |_, at| at + 100);
        slots.vacate(100, 0);
        let mut pushed = Vec::new();
        slots.advance(200, |task, at| {
            pushed.push((task, at));
            at + 100
        });
        assert_eq!(pushed, [(1, 40)]);
    }

    #[test]
    fn what_was_pushed_before_the_beginning_holds_up_the_rest() {
        let mut slots = Slots::new(1);
        slots.occupy(50, 0);
        slots.occupy(70, 1);
        slots.wait(0, 2);
        let mut pushed = Vec::new();
        slots.advance(200, |task, at| {
            pushed.push((task, at));
            at + 100
        });
        assert_eq!(pushed, [(2, 70)]);
    }
}
