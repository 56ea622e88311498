//! Which fields of a task show that it was retried.
//!
//! After a lost answer, a task that is failed was either left alone, or retried and has failed again. Its fields may
//! tell: `updateTime`, the task's id, progress and description. What moves them is not documented. So a field counts
//! as a witness only once it has proved itself on failed tasks that were *not* sent, over an interval that contains
//! the one in question: if theirs moves as well, it shows nothing. Two times of one task are compared, never those of
//! two clocks.

use std::time::Duration;

use super::Observation;
use super::knowledge::SeenAt;

const FIELDS: usize = 3;
const UPDATED: usize = 0;
const TASK: usize = 1;
const WORDS: usize = 2;

/// A set of fields.
type Set = [bool; FIELDS];

/// The fields of a failed task that a retry may change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) updated_ms: Option<i64>,
    pub(super) task: Option<u64>,
    pub(super) progress: Option<i32>,
    pub(super) reason: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(task: &'a Observation) -> Self {
        Self {
            updated_ms: task.updated_ms,
            task: task.task,
            progress: task.progress,
            reason: task.reason.as_deref(),
        }
    }

    pub(super) fn compare(self, now: &Observation) -> Shown {
        fn differ<T: PartialEq>(then: Option<T>, now: Option<T>) -> Option<bool> {
            Some(then? != now?)
        }
        let updated = differ(self.updated_ms, now.updated_ms);
        let task = differ(self.task, now.task);
        let progress = differ(self.progress, now.progress);
        let reason = differ(self.reason, now.reason.as_deref());
        let mut changed = [false; FIELDS];
        changed[UPDATED] = updated == Some(true);
        changed[TASK] = task == Some(true);
        changed[WORDS] = progress == Some(true) || reason == Some(true);
        Shown {
            changed,
            comparable: updated.is_some() || task.is_some(),
        }
    }
}

/// What two looks at a failed task show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    changed: Set,
    /// Whether a retry in between would have shown: the time or the id of the task are there both times.
    comparable: bool,
}

impl Shown {
    /// Whether the task is the same in all fields, and a retry would have shown.
    pub(super) fn is_untouched(self) -> bool {
        self.comparable && !self.has_changed()
    }

    pub(super) fn has_changed(self) -> bool {
        self.changed.contains(&true)
    }
}

/// What changed fields of a task that is still failed mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was retried, and has failed again.
    Retried,
    /// Nothing: the same fields move by themselves.
    Nothing,
    /// Too few tasks that were not sent have been seen over the same interval.
    Open,
}

/// Tasks that were not sent, and how long their fields have stayed.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    from: SeenAt,
    to: Duration,
    tasks: usize,
}

#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Fields that have moved on a task that was not sent: they show nothing in this run.
    moves: Set,
    quiet: Vec<Quiet>,
}

impl Witness {
    /// Takes what failed tasks showed that were not sent between two looks.
    pub(super) fn controls(&mut self, seen: impl IntoIterator<Item = (Shown, SeenAt)>, now: Duration) {
        let mut quiet: Vec<Quiet> = Vec::new();
        for (shown, from) in seen {
            self.discredit(shown);
            if !shown.is_untouched() {
                continue;
            }
            match quiet.iter_mut().find(|quiet| quiet.from == from) {
                Some(quiet) => quiet.tasks += 1,
                None => quiet.push(Quiet { from, to: now, tasks: 1 }),
            }
        }
        // What is older speaks for fewer and fewer intervals.
        const KEPT: usize = 64;
        self.quiet.extend(quiet);
        let surplus = self.quiet.len().saturating_sub(KEPT);
        self.quiet.drain(..surplus);
    }

    /// The fields that have changed here did so without a retry.
    pub(super) fn discredit(&mut self, shown: Shown) {
        for (moves, changed) in self.moves.iter_mut().zip(shown.changed) {
            *moves |= changed;
        }
    }

    /// What it means that `alike` failed tasks of one list have all changed, each in such fields, between two looks.
    pub(super) fn judge(&self, shown: Shown, from: SeenAt, to: Duration, alike: usize) -> Verdict {
        let counts = shown.changed.iter().zip(self.moves).any(|(changed, moves)| *changed && !moves);
        if !counts {
            return Verdict::Nothing;
        }
        let controls = self.quiet.iter().filter(|quiet| quiet.from <= from && quiet.to >= to);
        if is_convincing(alike, controls.map(|quiet| quiet.tasks).sum()) {
            Verdict::Retried
        } else {
            Verdict::Open
        }
    }
}

/// Whether it cannot well be chance that all of some tasks have changed, and none of the others: if each changed by
/// itself with the same probability, whichever that is, it would be so in fewer than one case in 200.
pub(super) fn is_convincing(changed: usize, quiet: usize) -> bool {
    if changed == 0 || quiet == 0 {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 tasks")]
    let (changed, quiet) = (changed as f64, quiet as f64);
    let all = changed + quiet;
    changed * (changed / all).ln() + quiet * (quiet / all).ln() <= (1.0_f64 / 200.0).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Status;

    fn seen(updated_ms: i64, task: u64) -> Observation {
        Observation {
            status: Status::Failed,
            updated_ms: Some(updated_ms),
            task: Some(task),
            progress: Some(-2),
            reason: None,
        }
    }

    const THEN: Fields<'_> = Fields {
        updated_ms: Some(1),
        task: Some(1),
        progress: Some(-2),
        reason: None,
    };
    const LATER: Duration = Duration::from_secs(9);

    #[test]
    fn a_newer_time_shows_nothing_until_tasks_that_were_not_sent_have_kept_theirs() {
        let mut witness = Witness::default();
        let newer = THEN.compare(&seen(2, 1));
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Open);
        let same = THEN.compare(&seen(1, 1));
        witness.controls(std::iter::repeat_n((same, None), 20), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Retried);
        // They were not seen over all of this interval.
        assert_eq!(witness.judge(newer, None, LATER + LATER, 20), Verdict::Open);
        witness.controls([(newer, None)], LATER);
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Nothing);
    }

    #[test]
    fn another_task_id_is_a_witness_where_the_time_is_none() {
        let mut witness = Witness::default();
        let newer = THEN.compare(&seen(2, 1));
        let same = THEN.compare(&seen(1, 1));
        witness.controls([(newer, None)].into_iter().chain(std::iter::repeat_n((same, None), 80)), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Nothing);
        assert_eq!(witness.judge(THEN.compare(&seen(2, 7)), None, LATER, 20), Verdict::Retried);
    }

    #[test]
    fn a_single_task_needs_many_that_were_not_sent_and_a_list_needs_few() {
        assert!(!is_convincing(1, 30));
        assert!(is_convincing(1, 80));
        assert!(is_convincing(20, 3));
        assert!(!is_convincing(3, 3));
        assert!(!is_convincing(0, 100));
        assert!(!is_convincing(100, 0));
    }

    #[test]
    fn a_task_without_a_time_and_an_id_is_not_untouched() {
        let bare = Fields {
            updated_ms: None,
            task: None,
            ..THEN
        };
        assert!(!bare.compare(&seen(1, 1)).is_untouched());
        assert!(!bare.compare(&seen(1, 1)).has_changed());
    }
}
