//! A list that the platform refused with 24621: which devices are to blame, and was anything done for the others?
//!
//! Nothing is concluded about a device from what happened to others, but for one thing: whether the platform leaves
//! *all* tasks of a refused list alone. One failed task that is untouched after a refused call shows that it does
//! (`MixedList::Refused`); that it does not takes an `experiment`.
//!
//! | Before | After | All left alone | The others retried | Not known yet |
//! |---|---|---|---|---|
//! | failed | failed, untouched | sent again | sent again | sent again; all are left alone |
//! | failed just before | failed, changed, or not failed | sent again; rejected | accepted | held |
//! | failed some time before | failed, changed | sent again | not known | held |
//! | failed some time before | not failed | rejected: retried elsewhere meanwhile | not known | held |
//! | not looked at | failed | sent again | sent again | sent again |
//! | not looked at | not failed | rejected | not known | held |
//! | not failed | not failed, as before | rejected | rejected | rejected |
//! | not failed some time before | not failed, changed | rejected | not known | held |
//! | any | no task | rejected | rejected | rejected |

use std::sync::Arc;
use std::time::Duration;

use super::experiment::{Experiment, Reading};
use super::knowledge::Before;
use super::lost::DOUBTFUL;
use super::others::BY_WHOM;
use super::schedule::{
    Batch, Found, HALVE_FROM, NOT_FAILED_BEFORE, Reason, Scheduler, Searching, Seen, SendHistory, SentList,
};
use super::witness::Verdict;
use super::{Observation, Reply, Status, Step};
use crate::devices::DeviceId;
use crate::outcome::Outcome;

const ELSEWHERE: &str = "no longer failed: retried elsewhere meanwhile";
const NOT_FAILED: &str = "a search shows that this task is not failed";
const NO_TASK: &str = "the job has no task for this device";
const RETRIED: &str = "the platform refused the list, but a search shows that it retried this task";
const CANNOT_TELL: &str = "the list was refused, and the task is not failed any more: whether this call or something \
                           else retried it cannot be told";

/// A device of a refused list, until it is known what becomes of the others of such a list.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Held {
    pub(super) device: DeviceId,
    pub(super) history: SendHistory,
    reply: Arc<Reply>,
    /// How its task is now, if it is failed.
    failed: Option<(Observation, Duration)>,
    /// Whether its task is known to have succeeded: it cannot fail again.
    has_succeeded: bool,
    /// Whether its task was seen to be failed just before the call.
    was_failed: bool,
    /// Whether its task was seen not to be failed after the call, and has failed again.
    has_left: bool,
    /// Whether it was sent in an experiment, whose controls show what others do.
    has_controls: bool,
}

impl Held {
    pub(super) fn is_failed(&self) -> bool {
        self.failed.is_some()
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.has_succeeded
    }
}

impl Scheduler {
    pub(super) fn refused(
        &mut self,
        sent: SentList,
        reply: &Arc<Reply>,
        experiment: Option<Experiment>,
        now: Duration,
    ) {
        let SentList {
            mut devices,
            history,
            sent_at,
        } = sent;
        let history = SendHistory {
            refused: history.refused + 1,
            ..history
        };
        // Alone, a device is refused for its own task. If an answer was lost before, that call may have retried it.
        if devices.len() == 1 && history.lost == 0 && history.refused == 1 {
            self.reject(devices, reply, None);
            return;
        }
        if history.before == Before::NotFailed && history.lost == 0 && self.mixed.is_refused() {
            self.reject(devices, reply, Some(NOT_FAILED));
            return;
        }
        if self.searching == Searching::Never || history.refused >= HALVE_FROM {
            self.refused_without_search(devices, history, reply);
            return;
        }
        let reason = match experiment {
            Some(experiment) => Reason::Experiment(experiment),
            None => Reason::Refused(Arc::clone(reply)),
        };
        if let Reason::Experiment(experiment) = &reason {
            devices.extend(&experiment.controls);
        }
        // As long as the others may have been retried, only a read that is not behind shows it.
        let at_once = self.mixed.is_refused() && history.refused < HALVE_FROM - 1 && history.lost == 0;
        let ready = if at_once {
            now
        } else {
            now.saturating_add(self.limits.lag)
        };
        self.look_up_sent(devices, history, reason, sent_at, ready);
    }

    /// The list is halved until each device stands alone.
    fn refused_without_search(&mut self, devices: Vec<DeviceId>, history: SendHistory, reply: &Arc<Reply>) {
        if devices.len() > 1 {
            self.steps.push(Step::Requeue(devices.clone()));
            self.halve(history, devices);
        } else if history.lost > 0 {
            let reply = Reply::of("the answer was lost, and the task could not be looked up");
            self.settle_refused(devices, Outcome::Unknown, &reply, false);
        } else {
            self.hold(devices, history, reply);
            self.settle_held();
        }
    }

    fn hold(&mut self, devices: Vec<DeviceId>, history: SendHistory, reply: &Arc<Reply>) {
        self.held.extend(devices.into_iter().map(|device| Held {
            device,
            history,
            reply: Arc::clone(reply),
            failed: None,
            has_succeeded: false,
            was_failed: false,
            has_left: false,
            has_controls: false,
        }));
    }

    /// Devices whose tasks are not failed, and that no call of this campaign has retried.
    fn reject(&mut self, devices: Vec<DeviceId>, reply: &Arc<Reply>, why: Option<&str>) {
        let may_be_retried = !self.mixed.is_refused();
        let (doubtful, devices): (Vec<_>, Vec<_>) = devices
            .into_iter()
            .partition(|id| self.known.is_doubtful(*id) || (may_be_retried && self.known.is_perhaps_retried(*id)));
        self.settle_refused(doubtful, Outcome::Unknown, &Reply::of(CANNOT_TELL), false);
        let (elsewhere, others): (Vec<_>, Vec<_>) =
            devices.into_iter().partition(|id| self.known.was_planned_failed(*id));
        if !elsewhere.is_empty() {
            self.known.set_others();
        }
        self.settle_refused(elsewhere, Outcome::Rejected, &reply.saying(ELSEWHERE), true);
        let reply = why.map_or_else(|| Arc::clone(reply), |why| reply.saying(why));
        self.settle_refused(others, Outcome::Rejected, &reply, false);
    }

    pub(super) fn settle_refused(
        &mut self,
        devices: Vec<DeviceId>,
        outcome: Outcome,
        reply: &Arc<Reply>,
        elsewhere: bool,
    ) {
        if !devices.is_empty() {
            self.steps.push(Step::Settle {
                devices,
                outcome,
                reply: Arc::clone(reply),
                elsewhere,
            });
        }
    }

    pub(super) fn judge_refused(&mut self, batch: Batch, reply: &Arc<Reply>, found: &Found) {
        let history = batch.history;
        let has_controls = matches!(batch.reason, Reason::Experiment(_)) && self.mixed.reading == Reading::Partial;
        let (mut again, mut not_failed, mut no_task, mut late) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut unsearchable, mut unknown, mut still_failed) = (Vec::new(), Vec::new(), Vec::new());
        for id in batch.devices {
            let before = self.known.before(id);
            match self.seen(id, found) {
                Seen::Unclear => unsearchable.push(id),
                Seen::NoTask => no_task.push(id),
                Seen::Failed(None) => {
                    self.known.set_perhaps_retried(id);
                    again.push(id);
                }
                Seen::Failed(Some(task)) => match self.known.compare(id, task) {
                    Some((shown, _)) if shown.has_changed() && !self.mixed.is_refused() => self.held.push(Held {
                        has_left: self.known.has_left(id),
                        device: id,
                        history,
                        reply: Arc::clone(reply),
                        failed: Some((task.clone(), found.now)),
                        has_succeeded: false,
                        was_failed: self.known.was_failed_just_before(id, batch.sent_at),
                        has_controls,
                    }),
                    compared => {
                        if compared.is_some_and(|(shown, _)| shown.is_untouched()) {
                            self.mixed.reading = Reading::Refused;
                            still_failed.push(id);
                        } else {
                            self.known.set_perhaps_retried(id);
                        }
                        self.known.observe(id, task, found.now);
                        again.push(id);
                    }
                },
                Seen::NotFailed(task)
                    if before == Before::NotFailed
                        && (self.mixed.is_refused() || self.known.has_not_moved(id, task)) =>
                {
                    not_failed.push(id);
                }
                // It was failed before a call whose answer was lost.
                Seen::NotFailed(_) if history.lost > 0 && before == Before::Failed => late.push(id),
                Seen::NotFailed(_) if history.lost > 0 && before == Before::Unknown => unknown.push(id),
                Seen::NotFailed(task) => self.held.push(Held {
                    device: id,
                    history,
                    reply: Arc::clone(reply),
                    failed: None,
                    has_succeeded: task.is_some_and(|task| task.status == Status::Succeeded),
                    was_failed: self.known.was_failed_just_before(id, batch.sent_at),
                    has_left: false,
                    has_controls,
                }),
            }
        }
        let (late, elsewhere) = self.came_late(late, &still_failed);
        if !elsewhere.is_empty() && self.mixed.is_refused() {
            self.known.set_others();
        }
        self.held.extend(elsewhere.into_iter().map(|device| Held {
            device,
            history,
            reply: Arc::clone(reply),
            failed: None,
            has_succeeded: false,
            was_failed: self.known.was_failed_just_before(device, batch.sent_at),
            has_left: false,
            has_controls,
        }));
        self.reject(not_failed, reply, Some(NOT_FAILED));
        self.settle_refused(no_task, Outcome::Rejected, &reply.saying(NO_TASK), false);
        self.settle_refused(unknown, Outcome::Unknown, &Reply::of(CANNOT_TELL), false);
        self.settle_refused(late, Outcome::Unknown, &Reply::of(BY_WHOM), false);
        self.requeue(again, history);
        if !unsearchable.is_empty() {
            let history = SendHistory {
                refused: HALVE_FROM,
                ..history
            };
            self.refused_without_search(unsearchable, history, reply);
        }
    }

    /// The platform has said OK to a list with tasks that were not failed: it retried those that had failed since, or
    /// passed them over.
    pub(super) fn judge_passed_over(&mut self, batch: Batch, reply: &Arc<Reply>, found: &Found) {
        let (left_alone, others): (Vec<_>, Vec<_>) =
            batch.devices.into_iter().partition(|id| match self.seen(*id, found) {
                Seen::NotFailed(task) => self.known.has_not_moved(*id, task),
                Seen::NoTask => true,
                Seen::Failed(_) | Seen::Unclear => false,
            });
        let (doubtful, left_alone): (Vec<_>, Vec<_>) =
            left_alone.into_iter().partition(|id| self.known.is_doubtful(*id));
        self.settle_refused(doubtful, Outcome::Unknown, &Reply::of(DOUBTFUL), false);
        let skipped = Reply::of("the platform accepted the list, and left this task alone, which is not failed");
        self.settle_refused(left_alone, Outcome::Skipped, &skipped, false);
        self.settle_refused(others, Outcome::Unknown, &reply.saying(NOT_FAILED_BEFORE), false);
    }

    /// Settles what was held, once it is known what becomes of the others of a refused list.
    pub(super) fn settle_held(&mut self) {
        match self.mixed.reading {
            Reading::Unknown => {}
            Reading::Refused => self.settle_held_as_left_alone(),
            Reading::Partial => self.settle_held_as_retried(),
        }
    }

    fn settle_held_as_left_alone(&mut self) {
        for held in std::mem::take(&mut self.held) {
            if let Some((task, at)) = held.failed {
                self.known.observe(held.device, &task, at);
                self.requeue(vec![held.device], held.history);
            } else {
                self.reject(vec![held.device], &held.reply, Some(NOT_FAILED));
            }
        }
    }

    fn settle_held_as_retried(&mut self) {
        for held in std::mem::take(&mut self.held) {
            // One that is failed now was retried and has failed again, or has only changed.
            let verdict = held.failed.as_ref().and_then(|(task, at)| {
                if held.has_left {
                    return Some(Verdict::Retried);
                }
                let (shown, from) = self.known.compare(held.device, task)?;
                Some(self.witness.judge(shown, from, *at, 1))
            });
            if let (Some(Verdict::Nothing), Some((task, at))) = (verdict, &held.failed) {
                self.known.observe(held.device, task, *at);
                // What that call has done stays open.
                self.known.set_doubtful(held.device);
                self.requeue(vec![held.device], held.history);
            } else if held.was_failed
                && (held.has_controls || !self.known.has_others())
                && (held.failed.is_none() || verdict == Some(Verdict::Retried))
            {
                let reply = held.reply.saying(RETRIED);
                self.settle_refused(vec![held.device], Outcome::Accepted, &reply, false);
            } else {
                self.settle_refused(vec![held.device], Outcome::Unknown, &Reply::of(CANNOT_TELL), false);
            }
        }
    }

    /// Nothing more can be learned.
    pub(super) fn give_up_held(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.settle_refused(vec![held.device], Outcome::Unknown, &Reply::of(CANNOT_TELL), false);
        }
    }
}
