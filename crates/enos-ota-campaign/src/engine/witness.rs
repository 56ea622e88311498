//! Which fields of a task show that it was retried.
//!
//! After a lost answer, a task that is failed was either left alone, or retried and has failed again. Its fields may
//! tell: `updateTime`, the task's id, progress and description. What moves them is not documented. So a field counts
//! as a witness only once it has proved itself on failed tasks that were *not* sent, over an interval that contains
//! the one in question: if theirs moves as often, it shows nothing. Two times of one task are compared, never those of
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

/// Failed tasks that were not sent between two looks: how many have kept each field, and of how many it moved.
#[derive(Clone, Copy, Debug)]
struct Controls {
    from: SeenAt,
    to: Duration,
    stayed: usize,
    moved: [usize; FIELDS],
}

#[derive(Debug, Default)]
pub(super) struct Witness {
    controls: Vec<Controls>,
}

impl Witness {
    /// Takes what failed tasks showed that were not sent between two looks.
    pub(super) fn controls(&mut self, seen: impl IntoIterator<Item = (Shown, SeenAt)>, now: Duration) {
        /// What is older speaks for fewer and fewer intervals.
        const KEPT: usize = 64;
        let mut all: Vec<Controls> = Vec::new();
        for (shown, from) in seen {
            let index = all
                .iter()
                .position(|controls| controls.from == from)
                .unwrap_or_else(|| {
                    all.push(Controls {
                        from,
                        to: now,
                        stayed: 0,
                        moved: [0; FIELDS],
                    });
                    all.len() - 1
                });
            let controls = &mut all[index];
            controls.stayed += usize::from(shown.is_untouched());
            for (moved, changed) in controls.moved.iter_mut().zip(shown.changed) {
                *moved += usize::from(changed);
            }
        }
        self.controls.extend(all);
        let surplus = self.controls.len().saturating_sub(KEPT);
        self.controls.drain(..surplus);
    }

    /// What it means that `alike` failed tasks of one list have all changed, each in such fields, between two looks.
    ///
    /// One control that has moved is no proof that the field moves by itself: somebody else may have retried it. So they
    /// are counted.
    pub(super) fn judge(&self, shown: Shown, from: SeenAt, to: Duration, alike: usize) -> Verdict {
        let covers = |controls: &&Controls| controls.from <= from && controls.to >= to;
        let stayed = self
            .controls
            .iter()
            .filter(covers)
            .map(|controls| controls.stayed)
            .sum();
        let mut verdict = Verdict::Nothing;
        for field in (0..FIELDS).filter(|field| shown.changed[*field]) {
            let overlaps = |controls: &&Controls| controls.to >= from.unwrap_or_default();
            let moved = self
                .controls
                .iter()
                .filter(overlaps)
                .map(|controls| controls.moved[field])
                .sum();
            match judge_counts(alike, moved, stayed) {
                Verdict::Retried => return Verdict::Retried,
                Verdict::Open => verdict = Verdict::Open,
                Verdict::Nothing => {}
            }
        }
        verdict
    }
}

/// What it means that all of some tasks have changed, where of others that were not sent so many have and so many not.
fn judge_counts(changed: usize, moved: usize, stayed: usize) -> Verdict {
    /// A field that moves on so many, and on most, moves by itself.
    const SEVERAL: usize = 3;
    if stayed > 0 && is_convincing(changed, moved, stayed) {
        Verdict::Retried
    } else if moved >= SEVERAL && moved >= stayed {
        Verdict::Nothing
    } else {
        Verdict::Open
    }
}

/// Whether it cannot well be chance that all of some tasks have changed: if they did so by themselves, as often as
/// others that were not sent (by the rule of succession), it would happen in fewer than one case in 200.
pub(super) fn is_convincing(changed: usize, moved: usize, stayed: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 tasks")]
    let (changed, moved, stayed) = (changed as f64, moved as f64, stayed as f64);
    let probability = (moved + 1.0) / (moved + stayed + 2.0);
    changed * probability.ln() <= (1.0_f64 / 200.0).ln()
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

    fn many(shown: Shown, count: usize) -> impl Iterator<Item = (Shown, SeenAt)> {
        std::iter::repeat_n((shown, None), count)
    }

    #[test]
    fn a_newer_time_shows_nothing_until_tasks_that_were_not_sent_have_kept_theirs() {
        let mut witness = Witness::default();
        let newer = THEN.compare(&seen(2, 1));
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Open);
        let same = THEN.compare(&seen(1, 1));
        witness.controls(many(same, 20), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Retried);
        // They were not seen over all of this interval.
        assert_eq!(witness.judge(newer, None, LATER + LATER, 20), Verdict::Open);
        witness.controls(many(newer, 30), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 1), Verdict::Nothing);
    }

    #[test]
    fn one_task_that_somebody_else_has_retried_does_not_discredit_the_time() {
        let mut witness = Witness::default();
        let newer = THEN.compare(&seen(2, 1));
        let same = THEN.compare(&seen(1, 1));
        witness.controls(many(same, 30).chain(many(newer, 1)), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 20), Verdict::Retried);
        // A single task can be another that somebody else has retried.
        assert_eq!(witness.judge(newer, None, LATER, 1), Verdict::Open);
    }

    #[test]
    fn another_task_id_is_a_witness_where_the_time_is_none() {
        let mut witness = Witness::default();
        let newer = THEN.compare(&seen(2, 1));
        let same = THEN.compare(&seen(1, 1));
        witness.controls(many(newer, 100).chain(many(same, 80)), LATER);
        assert_eq!(witness.judge(newer, None, LATER, 2), Verdict::Nothing);
        assert_eq!(
            witness.judge(THEN.compare(&seen(2, 7)), None, LATER, 2),
            Verdict::Retried
        );
    }

    #[test]
    fn a_single_task_needs_many_that_were_not_sent_and_a_list_needs_few() {
        assert!(!is_convincing(1, 0, 100));
        assert!(is_convincing(1, 0, 200));
        assert!(is_convincing(20, 0, 3));
        assert!(!is_convincing(3, 0, 3));
        assert!(!is_convincing(0, 0, 100));
        assert!(!is_convincing(3, 50, 50));
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
