//! Which task is in which state: so that the state alone is enough to find any page of a search among a million tasks.

use std::array::from_fn;

use crate::model::{Tally, TaskStatus};

/// Tasks are counted in blocks of so many. A job of a million tasks has a thousand blocks, which are gone through faster
/// than the page that is looked for can be written.
const BLOCK: usize = 1024;
const STATES: usize = TaskStatus::KNOWN.len();

/// Tasks by their states.
#[derive(Clone, Debug)]
pub(super) struct ByStatus {
    /// The state of each task, as its place among the states that the spec lists.
    states: Vec<u8>,
    /// How many tasks of each block are in each state.
    blocks: Vec<[usize; STATES]>,
    /// How many tasks are in each state.
    totals: [usize; STATES],
}

impl ByStatus {
    pub(super) fn new(statuses: impl Iterator<Item = TaskStatus>) -> Self {
        // There are five states, and a task of a job is in one of them.
        let states = statuses.map(|status| u8::try_from(place(&status)).unwrap_or(0));
        let states: Vec<u8> = states.collect();
        let mut blocks = vec![[0; STATES]; states.len().div_ceil(BLOCK)];
        let mut totals = [0; STATES];
        for (task, state) in states.iter().enumerate() {
            blocks[task / BLOCK][usize::from(*state)] += 1;
            totals[usize::from(*state)] += 1;
        }
        Self { states, blocks, totals }
    }

    /// Puts a task where it belongs. Says whether it was elsewhere.
    pub(super) fn put(&mut self, task: usize, status: &TaskStatus) -> bool {
        let (old, new) = (usize::from(self.states[task]), place(status));
        for counts in [&mut self.blocks[task / BLOCK], &mut self.totals] {
            counts[old] -= 1;
            counts[new] += 1;
        }
        self.states[task] = u8::try_from(new).unwrap_or(0);
        old != new
    }

    /// The tasks that are in one of these states.
    pub(super) fn tasks(&self, is_wanted: impl Fn(&TaskStatus) -> bool) -> Matching<'_> {
        Matching {
            by_status: self,
            is_wanted: from_fn(|state| is_wanted(&TaskStatus::KNOWN[state])),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let [init, published, upgrading, succeeded, failed] = self.totals;
        Tally {
            init,
            published,
            upgrading,
            succeeded,
            failed,
        }
    }
}

fn place(status: &TaskStatus) -> usize {
    let place = TaskStatus::KNOWN.iter().position(|known| known == status);
    // No task of a job is in a state that the spec does not list.
    place.unwrap_or(0)
}

/// The tasks in some states, in the order of the job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matching<'a> {
    by_status: &'a ByStatus,
    is_wanted: [bool; STATES],
}

impl<'a> Matching<'a> {
    /// How many of these tasks are in the states that are wanted.
    fn count(&self, counts: &[usize; STATES]) -> usize {
        let counts = counts.iter().zip(self.is_wanted);
        counts
            .map(|(count, is_wanted)| if is_wanted { *count } else { 0 })
            .sum()
    }

    pub(super) fn len(&self) -> usize {
        self.count(&self.by_status.totals)
    }

    /// The tasks without the first `skip`.
    pub(super) fn iter_from(self, mut skip: usize) -> impl Iterator<Item = usize> + use<'a> {
        let ByStatus { states, blocks, .. } = self.by_status;
        let is_before = |counts: &&[usize; STATES]| {
            let left = skip.checked_sub(self.count(counts));
            skip = left.unwrap_or(skip);
            left.is_some()
        };
        let first = blocks.iter().take_while(is_before).count();
        let in_block = move |block: usize| {
            let start = block * BLOCK;
            let tasks = start..states.len().min(start + BLOCK);
            tasks.filter(move |task| self.is_wanted[usize::from(states[*task])])
        };
        (first..blocks.len())
            .filter(move |block| self.count(&blocks[*block]) > 0)
            .flat_map(in_block)
            .skip(skip)
    }
}

#[cfg(test)]
mod tests;
