//! What the loop does when a call has ended.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::text::with_causes;
use enos_ota::{Error, ErrorKind};

use super::classify::{SearchEnd, Severity, classify_search};
use super::follow::News;
use super::run::{Paged, Runner, SearchOf};
use super::search::AfterPage;
use super::send::{Sent, answered_record};
use super::{LookupEnd, Reply, SendEnd, Step};
use crate::devices::DeviceId;
use crate::ending::Ending;
use crate::event::Event;
use crate::journal::{CallEnd, JournalError, Record};
use crate::outcome::Outcome;
use crate::rate::{Announced, CallResult, announced, of_gateway};
use crate::state::DeviceState;

/// So many answers of searches in a row that cannot be read mean that searches tell nothing.
const UNREADABLE: u32 = 5;

impl Runner {
    pub(super) fn sent(&mut self, sent: Sent) {
        let now = self.time.elapsed();
        let at = self.time.now_ms();
        let Some(verdict) = sent.verdict else {
            // It was not sent, and nobody can write that down.
            let record = Record::Answered {
                call: sent.call,
                at,
                end: CallEnd::NotSent,
                code: None,
                message: None,
                request_id: None,
            };
            self.apply(&record, &[]);
            self.rate.ended(now, at, sent.took, CallResult::Failed, &[]);
            let end = SendEnd {
                end: CallEnd::NotSent,
                reply: Arc::default(),
                about_size: false,
            };
            self.scheduler.sent(sent.id, end, now);
            self.journal_broke(sent.journal);
            return;
        };
        let accepted = self.apply(&answered_record(sent.call, at, &verdict), &[]);
        match verdict.end.end {
            CallEnd::Accepted => self.last_accepted_at = now,
            CallEnd::NotFailed => self.calls.refused += 1,
            CallEnd::Lost | CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => {}
        }
        self.note_end(verdict.rate, sent.took, now, verdict.error.as_ref());
        self.report(Event::Answered {
            end: verdict.end.end,
            devices: sent.devices.len(),
        });
        self.report_settled(accepted, Outcome::Accepted, &verdict.end.reply);
        if let Some(error) = &verdict.error {
            self.last_send_error = Some(error.clone());
        }
        let lasting = match (verdict.severity, &verdict.error) {
            (Severity::Fatal, _) => true,
            (Severity::Lasting, Some(error)) => !self.contact.may_pass(error, now),
            (Severity::Lasting | Severity::None, _) => false,
        };
        let mut end = verdict.end;
        // The platform's refusal of these devices may be another one when a later run sends them again, and what was
        // refused by something on the way was surely not carried out.
        if end.end == CallEnd::Refused && verdict.severity != Severity::None {
            end.end = CallEnd::NotSent;
        }
        let call_end = end.end;
        self.scheduler.sent(sent.id, end, now);
        let steps = self.scheduler.take_steps();
        self.take(steps);
        if let Some(error) = verdict.error {
            if lasting {
                self.end_with(Ending::Stopped(error));
                self.scheduler.stop();
            } else if matches!(call_end, CallEnd::Lost | CallEnd::NotSent | CallEnd::Throttled) {
                self.perhaps_give_up(error, now);
            } else {
                self.keep_refusal(error, sent.devices.len());
            }
        }
        self.perhaps_abort();
        self.journal_broke(sent.journal);
    }

    fn keep_refusal(&mut self, error: Error, devices: usize) {
        let invalid = error.kind() == ErrorKind::InvalidArgument;
        self.refusal = Some(error.clone());
        // Not this device, then, but something that all calls have in common.
        if invalid && devices == 1 && !self.scheduler.any_accepted() && self.table.devices().len() > 1 {
            self.end_with(Ending::Stopped(error));
            self.scheduler.stop();
        }
    }

    pub(super) fn paged(&mut self, paged: Paged) {
        let now = self.time.elapsed();
        let Paged { of, search, page, took } = paged;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.search_failed(of, &error, took, now);
                return;
            }
        };
        self.note_end(CallResult::Answered, took, now, None);
        self.unreadable = 0;
        let devices = Arc::clone(self.table.devices());
        let asked = (&self.job_id, self.client.org_id());
        match search.take(page, asked, &devices, self.page_size) {
            AfterPage::More(search) => self.pages.push_back((of, search)),
            AfterPage::Ended(end) => self.searched(of, end, now),
        }
    }

    fn search_failed(&mut self, of: SearchOf, error: &Error, took: Duration, now: Duration) {
        let (end, result, severity) = classify_search(error);
        self.note_end(result, took, now, Some(error));
        let end = match end {
            SearchEnd::Again => LookupEnd::Again,
            SearchEnd::Invalid => LookupEnd::Invalid,
            SearchEnd::Never => LookupEnd::Never(with_causes(error).into()),
            SearchEnd::Unreadable => {
                self.unreadable += 1;
                if self.unreadable < UNREADABLE {
                    LookupEnd::Again
                } else {
                    LookupEnd::Never(with_causes(error).into())
                }
            }
        };
        self.searched(of, end, now);
        if severity == Severity::Lasting && !self.contact.may_pass(error, now) {
            // What is in doubt stays so: another run may be able to search.
            self.end_with(Ending::Stopped(error.clone()));
            self.halt();
        } else if result != CallResult::Answered {
            self.perhaps_give_up(error.clone(), now);
        }
    }

    pub(super) fn searched(&mut self, of: SearchOf, end: LookupEnd, now: Duration) {
        match &end {
            LookupEnd::Never(why) => self.search_problem = Some(Arc::clone(why)),
            LookupEnd::Found(found) if found.foreign > 0 && !self.told_foreign => {
                self.told_foreign = true;
                self.report(Event::Learned {
                    message: "the platform's search shows tasks of another job or organization; they are ignored"
                        .into(),
                });
            }
            LookupEnd::Found(_) | LookupEnd::Again | LookupEnd::Invalid => {}
        }
        match of {
            SearchOf::Scheduler(id) => {
                self.scheduler.looked(id, end, now);
                let steps = self.scheduler.take_steps();
                self.take(steps);
                self.perhaps_abort();
            }
            SearchOf::Follow(part) => {
                let Some(follow) = &mut self.follow else { return };
                let news = follow.looked(part, end);
                if let Some(problem) = follow.problem() {
                    self.not_seen = Some(Arc::clone(problem));
                }
                for news in news {
                    self.see(news);
                }
            }
        }
    }

    /// Takes notice of the end of any call.
    fn note_end(&mut self, result: CallResult, took: Duration, now: Duration, error: Option<&Error>) {
        let announced = self.announced();
        self.rate.ended(now, self.time.now_ms(), took, result, &announced);
        self.contact.ended(result, took, now);
        match result {
            CallResult::Answered => {}
            CallResult::Throttled { .. } => {
                self.calls.throttled += 1;
                let pause = self.rate.paused(now);
                self.report(Event::Throttled {
                    pause: pause.map_or(Duration::ZERO, |pause| pause.until.saturating_sub(now)),
                    quota: pause
                        .and_then(|pause| pause.quota)
                        .map(|(calls, window)| (calls, of_gateway(window))),
                });
            }
            CallResult::Failed => {
                self.calls.lost += 1;
                if let Some(error) = error {
                    self.report(Event::Trouble {
                        message: with_causes(error).into(),
                    });
                }
            }
        }
        if let Some(error) = error {
            self.last_error = Some(error.clone());
        }
    }

    /// What the gateway has said about its quotas since this was last asked.
    fn announced(&mut self) -> Vec<Announced> {
        match self.client.rate_limits() {
            Some(latest) if latest.announcements != self.announcements => {
                self.announcements = latest.announcements;
                latest.limits.iter().map(announced).collect()
            }
            _ => Vec::new(),
        }
    }

    fn perhaps_give_up(&mut self, error: Error, now: Duration) {
        if self.contact.is_hopeless(&error, &self.settings, now) {
            self.end_with(Ending::GaveUp(error));
            self.halt();
        }
    }

    fn perhaps_abort(&mut self) {
        let Some(limit) = self.settings.abort else { return };
        let summary = self.table.summary();
        let refused = summary.rejected + self.scheduler.known_not_failed();
        let sample = summary.accepted + refused;
        if self.ending.is_some() || sample == 0 || sample < limit.min_sample {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
        let percent = refused as f64 * 100.0 / sample as f64;
        if percent > limit.percent {
            self.end_with(Ending::TooManyRefused { percent, sample });
            self.scheduler.stop();
        }
    }

    /// Applies, writes and reports what was learned.
    pub(super) fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Settle {
                    devices,
                    outcome,
                    reply,
                    elsewhere,
                } => self.settle(&devices, outcome, &reply, elsewhere),
                Step::GaveUp { devices, attempts } => {
                    let last = self.last_send_error.clone();
                    let why = last.as_ref().map_or_else(String::new, |error| with_causes(error));
                    let reply = Reply::of(format!(
                        "gave up after {attempts} attempts: {why}; a search shows that the task was not retried"
                    ));
                    self.settle(&devices, Outcome::Skipped, &reply, false);
                    self.gave_up = last;
                }
                Step::Requeue(devices) => {
                    let all = Arc::clone(self.table.devices());
                    let record = Record::Requeued {
                        at: self.time.now_ms(),
                        devices: all.keys_of(&devices),
                    };
                    self.record(&record, &devices);
                }
                Step::Left(devices) => self.left(&devices),
                Step::Shrunk { chunk } => self.report(Event::ChunkSize { devices: chunk }),
                Step::Learned(message) => self.report(Event::Learned { message }),
            }
        }
    }

    /// Writes down that devices in doubt have left `failed`.
    fn left(&mut self, devices: &[DeviceId]) {
        let in_doubt = |id: &&DeviceId| matches!(self.table.standing(**id).state, DeviceState::InDoubt { .. });
        let devices: Vec<_> = devices.iter().filter(in_doubt).copied().collect();
        if devices.is_empty() {
            return;
        }
        let all = Arc::clone(self.table.devices());
        let record = Record::Left {
            at: self.time.now_ms(),
            devices: all.keys_of(&devices),
        };
        self.record(&record, &devices);
    }

    fn see(&mut self, news: News) {
        let News { devices, fate, reason } = news;
        let changed = |id: &&DeviceId| {
            let standing = self.table.standing(**id);
            standing.fate != fate && !standing.fate.is_final()
        };
        let devices: Vec<_> = devices.iter().filter(changed).copied().collect();
        if devices.is_empty() {
            return;
        }
        let all = Arc::clone(self.table.devices());
        let record = Record::Seen {
            at: self.time.now_ms(),
            fate,
            reason: reason.as_deref().map(Cow::Borrowed),
            devices: all.keys_of(&devices),
        };
        let seen = self.record(&record, &devices);
        self.report(Event::Seen {
            devices: seen,
            fate,
            reason,
        });
    }

    fn journal_broke(&mut self, written: Result<(), Arc<JournalError>>) {
        let Err(error) = written else { return };
        if !matches!(self.ending, Some(Ending::Journal(_))) {
            self.ending = Some(Ending::Journal(error));
        }
        self.halt();
    }
}
