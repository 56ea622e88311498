//! The outcome of every device at the end of a run.

use std::borrow::Cow;
use std::sync::Arc;

use enos_ota::text::with_causes;

use super::Reply;
use super::lost::DOUBTFUL;
use super::run::{Runner, settled_record};
use crate::devices::{DeviceId, Seen};
use crate::ending::{Confirmation, Ending, Finished};
use crate::event::Phase;
use crate::journal::{CallEnd, Record};
use crate::outcome::{Fate, Outcome};
use crate::state::{DeviceState, Standing};

impl Runner {
    /// Gives every device that has no outcome one for this run, and closes the journal.
    pub(super) async fn conclude(mut self) -> Finished {
        let mut ending = self.ending.take().unwrap_or(Ending::Complete);
        if let (Ending::Complete, Some(error)) = (&ending, self.gave_up.take()) {
            ending = Ending::GaveUp(error);
        }
        let before = self.table.summary();
        let open = self.table.open();
        let record = Record::Ended {
            at: self.time.now_ms(),
            how: Cow::Borrowed(ending.as_str()),
            summary: before,
            open,
        };
        self.record(&record, &[]);
        if let Some(journal) = self.journal.take()
            && let Err(error) = journal.close().await
            && !matches!(ending, Ending::Journal(_))
        {
            ending = Ending::Journal(Arc::new(error));
        }
        let confirmation = self.confirmation(&ending);
        self.settle_the_rest(&ending);
        self.flush_all().await;
        self.phase = Phase::Ended;
        self.show();
        Finished {
            took: self.time.elapsed(),
            ending,
            confirmation,
            calls: self.calls,
            open,
            refused_in_doubt: self
                .table
                .standings()
                .filter(|standing| {
                    standing.outcome == Some(Outcome::Unknown) && standing.last_end == Some(CallEnd::NotFailed)
                })
                .count(),
            refusal: self.refusal,
            could_search: self.search_problem.is_none(),
            table: self.table,
        }
    }

    fn confirmation(&self, ending: &Ending) -> Option<Confirmation> {
        if self.settings.watch.is_none() && !self.settings.verify {
            return None;
        }
        let count = |fate| self.table.count_of(fate);
        let not_confirmed = count(Fate::NotSeen);
        let why = match (&self.not_seen, ending) {
            _ if not_confirmed == 0 => None,
            (Some(why), _) => Some(why.to_string()),
            (None, Ending::Complete) => Some("their keys cannot stand in a search".to_owned()),
            (None, ending) => Some(format!("the campaign ended before: {}", ending.as_str())),
        };
        Some(Confirmation {
            confirmed: count(Fate::UnderWay) + count(Fate::Succeeded),
            failed_again: count(Fate::FailedAgain),
            still_failed: count(Fate::StillFailed),
            gone: count(Fate::Gone),
            not_confirmed,
            why,
        })
    }

    fn settle_the_rest(&mut self, ending: &Ending) {
        let unsent = Reply::of(ending.reason());
        let in_doubt = Reply::of(match (ending, &self.last_error) {
            (Ending::Interrupted, _) => "interrupted while the call was in flight".to_owned(),
            (_, Some(error)) => with_causes(error),
            (_, None) => "the call has no answer".to_owned(),
        });
        let mut run: Option<(Outcome, Arc<Reply>, Vec<DeviceId>)> = None;
        for id in self.table.devices().ids() {
            let standing = self.table.standing(id);
            let Some((outcome, reply)) = self.outcome_for_now(id, &standing, &unsent, &in_doubt) else {
                continue;
            };
            match &mut run {
                Some((same, same_reply, ids)) if *same == outcome && *same_reply == reply => ids.push(id),
                _ => {
                    if let Some((outcome, reply, ids)) = run.replace((outcome, reply, vec![id])) {
                        self.settle_for_now(&ids, outcome, &reply);
                    }
                }
            }
        }
        if let Some((outcome, reply, ids)) = run {
            self.settle_for_now(&ids, outcome, &reply);
        }
    }

    /// What is to be said of a device without an outcome. Another run may come to a better one.
    fn outcome_for_now(
        &self,
        id: DeviceId,
        standing: &Standing<'_>,
        unsent: &Arc<Reply>,
        in_doubt: &Arc<Reply>,
    ) -> Option<(Outcome, Arc<Reply>)> {
        let own = || {
            Arc::new(Reply {
                code: standing.code,
                message: standing.message.map(Into::into),
                request_id: standing.request_id.map(Into::into),
            })
        };
        Some(match (standing.state, standing.message) {
            (DeviceState::Settled(_), _) => return None,
            (DeviceState::Waiting, _) if self.scheduler.is_doubtful(id) => (Outcome::Unknown, Reply::of(DOUBTFUL)),
            (DeviceState::Waiting, Some(_)) if standing.last_end == Some(CallEnd::Refused) => {
                (Outcome::Rejected, own())
            }
            (DeviceState::Waiting, Some(message)) if standing.last_end.is_some() => {
                (Outcome::Skipped, Reply::of(format!("not sent: {message}")))
            }
            (DeviceState::Waiting, _) => (Outcome::Skipped, Arc::clone(unsent)),
            (DeviceState::InDoubt { .. }, Some(_)) => (Outcome::Unknown, own()),
            (DeviceState::InDoubt { .. }, None) => (Outcome::Unknown, Arc::clone(in_doubt)),
            (DeviceState::Refused { before, .. }, _)
                if before == Some(Seen::NotFailed) || self.scheduler.leaves_others_alone() =>
            {
                (Outcome::Rejected, own())
            }
            (DeviceState::Refused { .. }, _) => (
                Outcome::Unknown,
                own().saying("the list was refused, and no search has shown yet what became of this task"),
            ),
        })
    }

    /// Gives devices an outcome that the journal does not have.
    fn settle_for_now(&mut self, ids: &[DeviceId], outcome: Outcome, reply: &Arc<Reply>) {
        let all = Arc::clone(self.table.devices());
        let record = settled_record(self.time.now_ms(), outcome, reply, false, all.keys_of(ids));
        let settled = self.apply(&record, ids);
        self.report_settled(settled, outcome, reply);
    }
}
