//! What follows when a retry has ended.

use std::time::Duration;

use super::{Open, Reason, SEVERAL, Scheduler, Searching, SendHistory, SentList};
use crate::devices::DeviceId;
use crate::engine::experiment::Reading;
use crate::engine::knowledge::Before;
use crate::engine::{CallId, Limits, SendEnd, Step};
use crate::journal::CallEnd;
use crate::outcome::Outcome;

impl Scheduler {
    /// A retry has ended. Take the [steps](Self::take_steps) afterwards.
    pub(crate) fn sent(&mut self, id: CallId, end: SendEnd, now: Duration) {
        let Some(Open::Send {
            devices,
            history,
            fresh,
            sent_at,
            experiment,
        }) = self.open.remove(&id)
        else {
            return;
        };
        if fresh && history.before != Before::NotFailed {
            match end.end {
                CallEnd::Accepted => self.refusals.saw(1.0, 0.0),
                CallEnd::NotFailed => self.refusals.saw(1.0, 1.0),
                CallEnd::Lost | CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => {}
            }
        }
        self.answered |= !matches!(end.end, CallEnd::Lost | CallEnd::Throttled | CallEnd::NotSent);
        match end.end {
            CallEnd::Accepted => {
                self.any_accepted = true;
                let (mut accepted, mut passed_over) = (devices, Vec::new());
                if let Some(experiment) = experiment {
                    self.put_back(&experiment.controls);
                    let apart = experiment.not_failed();
                    // What its refused call has done stays open.
                    self.known.set_doubtful(apart);
                    accepted.retain(|id| *id != apart);
                    passed_over.push(apart);
                }
                // What was refused before was left as it was: otherwise this list would have been refused too. That all of
                // several tasks were retried and have failed again since is not likely.
                if history.refused > 0 && accepted.len() >= SEVERAL && self.searching == Searching::Never {
                    self.mixed.reading = Reading::Refused;
                    self.settle_held();
                }
                // Where it may retry the failed ones of a list and say OK, that says nothing of one that was not failed.
                if history.before == Before::NotFailed && !self.mixed.is_refused() {
                    passed_over.append(&mut accepted);
                }
                if !accepted.is_empty() {
                    self.steps.push(Step::settle(accepted, Outcome::Accepted, &end.reply));
                }
                let reason = Reason::PassedOver(end.reply);
                let ready = now.saturating_add(self.limits.lag);
                self.look_up_sent(passed_over, history, reason, sent_at, ready);
            }
            CallEnd::NotFailed => {
                self.refused_any |= history.before != Before::NotFailed;
                let sent = SentList {
                    devices,
                    history,
                    sent_at,
                };
                self.refused(sent, &end.reply, experiment, now);
            }
            _ => {
                let devices = match experiment {
                    Some(experiment) => self.call_off(experiment),
                    None => devices,
                };
                self.sent_in_vain(devices, history, &end, now);
            }
        }
    }

    pub(super) fn sent_in_vain(&mut self, devices: Vec<DeviceId>, history: SendHistory, end: &SendEnd, now: Duration) {
        let surely_not = matches!(end.end, CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany);
        if surely_not && history.lost == 0 && history.refused == 0 {
            // No call has carried them yet, so what any search shows was so before the next one.
            for id in &devices {
                self.known.set_sent(*id, CallId::NONE);
            }
        }
        match end.end {
            CallEnd::Accepted | CallEnd::NotFailed => {}
            CallEnd::Lost => {
                let history = SendHistory {
                    lost: history.lost + 1,
                    ..history
                };
                self.look_up(devices, history, Reason::Lost, now.saturating_add(self.limits.lag));
            }
            CallEnd::Throttled | CallEnd::NotSent => self.pool(history).extend(devices),
            CallEnd::TooMany => self.too_many(devices, history, end),
            CallEnd::Refused => {
                self.invalid_lists = 0;
                self.steps.push(Step::settle(devices, Outcome::Rejected, &end.reply));
            }
        }
    }

    pub(super) fn too_many(&mut self, devices: Vec<DeviceId>, history: SendHistory, end: &SendEnd) {
        /// So many lists without one that is wrong for a device of its own are too long.
        const TOO_LONG_AFTER: u32 = 3;
        if devices.len() == 1 {
            self.steps.push(Step::settle(devices, Outcome::Rejected, &end.reply));
            return;
        }
        let half = devices.len() / 2;
        self.invalid_lists += 1;
        if !end.about_size && self.invalid_lists < TOO_LONG_AFTER {
            self.halve(history, devices);
            return;
        }
        self.pool(history).extend(devices);
        self.invalid_lists = 0;
        // Others may have found it out already.
        if half < self.limits.chunk {
            self.limits.chunk = half;
            self.steps.push(Step::Shrunk { chunk: half });
        }
    }
}

/// How often lists are refused, the latest ones counting most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RefusalRate {
    refused: f64,
    lists: f64,
}

impl RefusalRate {
    pub(super) fn saw(&mut self, lists: f64, refused: f64) {
        const MEMORY: f64 = 40.0;
        let keep = (1.0 - lists / MEMORY).max(0.0);
        self.refused = self.refused * keep + refused;
        self.lists = self.lists * keep + lists;
    }

    /// Whether it costs fewer calls to search for the devices of a list before it is sent than after it was refused.
    pub(super) fn look_first(self, limits: &Limits) -> bool {
        if self.lists < 3.0 {
            return false;
        }
        let share = self.refused / self.lists;
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let look = limits.chunk as f64 / limits.look.max(1) as f64;
        // Sent first: 1 + share * (look + 1). Looked up first: look + 1.
        share * (look + 1.0) > look
    }
}
