//! The loop of a campaign: it makes the calls that are decided on, and writes and tells what comes of them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use enos_ota::types::TaskInfo;
use enos_ota::{Client, Error, ErrorKind, JobId, Page, PageSize};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::calls::{AfterPage, Fatal, Search, SendEnd, fatal_of_search, judge_send, with_causes};
use crate::campaign::{Campaign, Ending, Finished, Order};
use crate::core::{Call, Core, Limits, LookEnd, Next, Note, Question, Step, Ticket, is_searchable};
use crate::devices::DeviceId;
use crate::event::{Calls, Event, Phase, Progress};
use crate::journal::{CallEnd, Journal, JournalError, Keys, Record};
use crate::ledger::{Ledger, Open};
use crate::outcome::{Fate, Outcome};
use crate::rate::{CallResult, RateControl, RateSettings};
use crate::selection::Selection;
use crate::settings::Settings;
use crate::time::Time;
use crate::wait::Wait;
use crate::watch::{self as following, News, Part, Until, Watch};
use crate::waves;

/// Which search a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SearchOf {
    Core(Ticket),
    Watch(Part),
}

/// A call that has ended.
enum Done {
    Sent {
        ticket: Ticket,
        devices: Vec<DeviceId>,
        /// `None` if it was not made, as the journal could not be written.
        end: Option<SendEnd>,
        sent_ms: i64,
        took: Duration,
        journal: Result<(), Arc<JournalError>>,
    },
    Page {
        of: SearchOf,
        search: Search,
        page: Result<Page<TaskInfo>, Error>,
        took: Duration,
    },
}

pub(crate) struct Drive {
    client: Client,
    job_id: JobId,
    settings: Settings,
    journal: Option<Journal>,
    time: Time,
    ledger: Ledger,
    rate: RateControl,
    core: Core,
    watch: Option<Watch>,
    page_size: PageSize,
    limits: Limits,
    /// Pages to be read.
    pages: VecDeque<(SearchOf, Search)>,
    under_way: JoinSet<Done>,
    last_call: Arc<AtomicU64>,
    calls: Calls,
    events: mpsc::Sender<Event>,
    /// Events that are still to be told.
    outbox: VecDeque<Event>,
    progress: watch::Sender<Progress>,
    orders: watch::Receiver<Order>,
    phase: Phase,
    ending: Option<Ending>,
    refusal: Option<Error>,
    /// Failures since the last answer of the platform.
    failures: u32,
    answered_at: Option<Duration>,
    last_accepted_at: Duration,
    begun_ms: i64,
    could_search: bool,
    waves_passed: usize,
    last_error: Option<Error>,
    /// Nothing new is begun any more.
    halted: bool,
}

impl Drive {
    pub(crate) fn new(
        campaign: Campaign,
        events: mpsc::Sender<Event>,
        progress: watch::Sender<Progress>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let Campaign {
            client,
            plan,
            settings,
            journal,
            time,
            ledger,
            last_call,
            waves_passed,
            doubts,
            suspects,
            begun_ms,
            ..
        } = campaign;
        let page_size = PageSize::new(settings.page_size.clamp(1, PageSize::MAX)).unwrap_or_default();
        let limits = Limits {
            chunk: plan.chunk_size.get(),
            look: settings.search_size.get(),
            page: page_size.get().into(),
            lag: settings.lag,
            lost: settings.max_lost,
        };
        let rate = RateControl::new(RateSettings {
            rate: settings.rate,
            concurrency: settings.concurrency,
            longest_retry_after: settings.longest_retry_after,
        });
        let order = waves::order(ledger.devices(), settings.waves.as_ref());
        let waiting = order
            .into_iter()
            .filter(|id| ledger.open(*id) == Some(Open::Waiting))
            .collect();
        let known_failed = matches!(plan.selection, Selection::Failed(_));
        let mut core = Core::new(Arc::clone(ledger.devices()), waiting, limits, known_failed);
        let now_ms = time.now_ms();
        let begun_ms = begun_ms.map_or(now_ms, |begun| begun.min(now_ms));
        let ready = time.elapsed() + settings.lag;
        for ((sent_ms, not_failed), ids) in doubts {
            core.in_doubt(ids, not_failed, sent_ms, ready);
        }
        for (sent_ms, ids) in suspects {
            for list in ids.chunks(limits.chunk) {
                core.suspect(list.to_vec(), ledger.note(list[0]), sent_ms, ready);
            }
        }
        Self {
            client,
            settings,
            journal,
            time,
            rate,
            core,
            watch: None,
            page_size,
            limits,
            pages: VecDeque::new(),
            under_way: JoinSet::new(),
            last_call: Arc::new(AtomicU64::new(last_call)),
            calls: Calls::default(),
            events,
            outbox: VecDeque::new(),
            progress,
            orders,
            phase: Phase::Retrying,
            ending: None,
            refusal: None,
            failures: 0,
            answered_at: None,
            last_accepted_at: Duration::ZERO,
            begun_ms,
            could_search: true,
            waves_passed,
            ledger,
            job_id: plan.job_id,
            last_error: None,
            halted: false,
        }
    }

    pub(crate) async fn run(mut self) -> Finished {
        self.waves().await;
        if self.ending.is_none() {
            self.follow().await;
        }
        self.conclude().await
    }

    /// Sends the devices, wave by wave.
    async fn waves(&mut self) {
        let planned = self.ledger.devices().len();
        let order = waves::order(self.ledger.devices(), self.settings.waves.as_ref());
        let ends = waves::ends(self.settings.waves.as_ref(), planned);
        // How many devices of the order up to each point wait to be sent: others have their outcome already.
        let mut begin = 0;
        let mut allowed = 0;
        let count = ends.len();
        for (index, end) in ends.into_iter().enumerate() {
            let wave = index + 1;
            let members = &order[begin..end];
            let waiting = members
                .iter()
                .filter(|id| self.ledger.open(**id) == Some(Open::Waiting))
                .count();
            begin = end;
            allowed += waiting;
            self.core.allow(allowed);
            if count > 1 && waiting > 0 {
                self.tell(Event::WaveBegan {
                    wave,
                    waves: count,
                    devices: members.len(),
                });
            }
            self.phase = Phase::Retrying;
            self.drive().await;
            if self.ending.is_some() {
                return;
            }
            if wave < count && wave > self.waves_passed {
                self.judge(wave, members.to_vec()).await;
                if self.ending.is_some() {
                    return;
                }
            }
        }
    }

    /// Watches a wave, and decides whether to go on.
    async fn judge(&mut self, wave: usize, members: Vec<DeviceId>) {
        let Some(waves) = self.settings.waves.clone() else {
            return;
        };
        let accepted: Vec<_> = members
            .into_iter()
            .filter(|id| self.ledger.standing(*id).outcome == Some(Outcome::Accepted))
            .collect();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of devices, rounded up"
        )]
        let needed = (accepted.len() as f64 * waves.success_percent.clamp(0.0, 100.0) / 100.0).ceil() as usize;
        self.phase = Phase::Judging;
        let deadline = self.time.elapsed() + waves.timeout;
        self.watch = Some(self.watch_of(accepted.clone(), Until::Ended(deadline)));
        let all = accepted.len();
        let verdict = |ledger: &Ledger| {
            let (mut succeeded, mut failed) = (0, 0);
            for id in &accepted {
                match ledger.standing(*id).fate {
                    Fate::Succeeded => succeeded += 1,
                    Fate::FailedAgain | Fate::Gone => failed += 1,
                    Fate::NotSeen | Fate::StillFailed | Fate::UnderWay => {}
                }
            }
            (succeeded, failed)
        };
        self.drive_until(|ledger| {
            let (succeeded, failed) = verdict(ledger);
            succeeded >= needed || failed > all - needed
        })
        .await;
        self.watch = None;
        let (succeeded, failed) = verdict(&self.ledger);
        let passed = all > 0 && succeeded >= needed;
        if self.ending.is_some() {
            return;
        }
        let at = self.time.now_ms();
        self.record(&Record::Wave {
            at,
            wave,
            devices: all,
            succeeded,
            failed,
            passed,
        });
        self.tell(Event::WaveEnded {
            wave,
            accepted: all,
            succeeded,
            failed,
            passed,
        });
        if !passed {
            self.ending = Some(Ending::WaveFailed {
                wave,
                accepted: all,
                succeeded,
            });
        }
    }

    /// Confirms what became of accepted devices.
    async fn follow(&mut self) {
        let until = match self.settings.watch {
            Some(limit) => Until::Ended(self.time.elapsed() + limit),
            None if self.settings.verify => Until::HasLeft,
            None => return,
        };
        let accepted: Vec<_> = self
            .ledger
            .devices()
            .ids()
            .filter(|id| {
                let standing = self.ledger.standing(*id);
                let can_be_seen = is_searchable(self.ledger.devices().key(*id));
                standing.outcome == Some(Outcome::Accepted) && !standing.fate.is_final() && can_be_seen
            })
            .collect();
        if accepted.is_empty() {
            return;
        }
        let to_the_end = matches!(until, Until::Ended(_));
        self.phase = if to_the_end { Phase::Watching } else { Phase::Verifying };
        self.tell(Event::Following {
            devices: accepted.len(),
            to_the_end,
        });
        self.watch = Some(self.watch_of(accepted, until));
        self.drive().await;
        self.watch = None;
    }

    fn watch_of(&self, mut devices: Vec<DeviceId>, until: Until) -> Watch {
        let first = self.last_accepted_at + self.limits.lag;
        let table = self.ledger.devices();
        // A search that cannot name a device does not show it, and nothing follows from that.
        devices.retain(|device| is_searchable(table.key(*device)));
        Watch::new(Arc::clone(table), self.limits, until, devices, first, self.begun_ms)
    }

    async fn drive(&mut self) {
        self.drive_until(|_| false).await;
    }

    /// Makes calls until there is nothing more to do, the campaign ends, or `enough` says so.
    async fn drive_until(&mut self, enough: impl Fn(&Ledger) -> bool) {
        let mut orders = self.orders.clone();
        loop {
            self.obey(*orders.borrow_and_update());
            let wake = match self.begin_calls() {
                Wake::Done => return,
                Wake::At(time) => Some(time),
                Wake::WhenOneEnds => None,
            };
            self.show();
            let nothing_under_way = self.under_way.is_empty();
            let timer = async {
                match wake {
                    Some(at) if nothing_under_way || !self.time.is_virtual() => self.time.sleep_until(at).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Ok(()) = orders.changed() => {}
                Some(joined) = self.under_way.join_next() => self.joined(joined),
                () = timer => {}
            }
            // Whatever else has ended in the meantime.
            while let Some(joined) = self.under_way.try_join_next() {
                self.joined(joined);
            }
            self.flush().await;
            if enough(&self.ledger) {
                if let Some(watch) = &mut self.watch {
                    watch.stop();
                }
                self.pages.retain(|(of, _)| matches!(of, SearchOf::Core(_)));
            }
        }
    }

    fn obey(&mut self, order: Order) {
        if order == Order::GoOn {
            return;
        }
        if self.ending.is_none() {
            self.ending = Some(Ending::Interrupted);
            self.tell(Event::Draining);
        }
        self.halt();
        if order == Order::Abandon {
            self.under_way.abort_all();
        }
    }

    fn joined(&mut self, joined: Result<Done, JoinError>) {
        match joined {
            Ok(done) => self.ended(done),
            // Its devices stay in doubt.
            Err(error) => {
                if !error.is_cancelled() && self.ending.is_none() {
                    self.ending = Some(Ending::Panicked(error.to_string()));
                }
                self.halt();
            }
        }
    }

    /// Makes nothing new.
    fn halt(&mut self) {
        self.halted = true;
        self.core.abandon();
        self.pages.clear();
        if let Some(watch) = &mut self.watch {
            watch.stop();
        }
    }

    /// Begins as many calls as the rate allows.
    fn begin_calls(&mut self) -> Wake {
        loop {
            let now = self.time.elapsed();
            if let Some(wake) = self.nothing_to_do() {
                return wake;
            }
            match self.rate.may_start(now) {
                Wait::Now => {}
                Wait::Until(at) => return Wake::At(at),
                Wait::NextEnd => return Wake::WhenOneEnds,
            }
            if let Some((of, search)) = self.pages.pop_front() {
                self.begin_page(of, search, now);
                continue;
            }
            match self.core.next(now) {
                Next::Call(ticket, Call::Send { devices, not_failed }) => {
                    self.begin_send(ticket, devices, not_failed, now);
                }
                Next::Call(ticket, Call::Look(question, devices)) => {
                    self.begin_search(SearchOf::Core(ticket), question, &devices, now);
                }
                core => {
                    let watch = match &mut self.watch {
                        Some(watch) => watch.next(now),
                        None => following::Next::Done,
                    };
                    if let following::Next::Look(part, question, devices) = watch {
                        self.begin_search(SearchOf::Watch(part), question, &devices, now);
                        continue;
                    }
                    return wake_of(&core, &watch, !self.under_way.is_empty());
                }
            }
        }
    }

    /// What the loop is to wait for, if there is nothing to do for which the rate would have to be asked.
    fn nothing_to_do(&self) -> Option<Wake> {
        let idle = !self.core.has_work() && self.pages.is_empty() && self.watch.is_none();
        (idle || self.halted).then(|| {
            if self.under_way.is_empty() {
                Wake::Done
            } else {
                Wake::WhenOneEnds
            }
        })
    }

    fn begin_send(&mut self, ticket: Ticket, devices: Vec<DeviceId>, not_failed: bool, now: Duration) {
        let Some(keys) = self.ledger.devices().to_device_keys(&devices) else {
            return;
        };
        self.rate.started(now);
        self.calls.retries += 1;
        self.ledger.set_open(&devices, Open::InDoubt);
        let call = self.last_call.fetch_add(1, Ordering::Relaxed) + 1;
        let (client, job_id, journal, time) = (
            self.client.clone(),
            self.job_id.clone(),
            self.journal.clone(),
            self.time.clone(),
        );
        let table = Arc::clone(self.ledger.devices());
        self.under_way.spawn(async move {
            let sent_ms = time.now_ms();
            if let Some(journal) = &journal {
                let record = Record::Sent {
                    call,
                    at: sent_ms,
                    not_failed,
                    devices: devices.iter().map(|id| Cow::Borrowed(table.key(*id))).collect(),
                };
                if let Err(error) = journal.append(&record).await {
                    return Done::Sent {
                        ticket,
                        devices,
                        end: None,
                        sent_ms,
                        took: Duration::ZERO,
                        journal: Err(Arc::new(error)),
                    };
                }
            }
            let began = time.elapsed();
            let end = judge_send(client.retry_task(&job_id, &keys).await, devices.len());
            let took = time.elapsed().saturating_sub(began);
            let mut written = Ok(());
            if let Some(journal) = &journal {
                let record = Record::Answered {
                    call,
                    at: time.now_ms(),
                    end: end.end,
                    code: end.note.code,
                    message: end.note.message.as_deref().map(Cow::Borrowed),
                    request_id: end.note.request_id.as_deref().map(Cow::Borrowed),
                };
                written = journal.append(&record).await.map_err(Arc::new);
            }
            Done::Sent {
                ticket,
                devices,
                end: Some(end),
                sent_ms,
                took,
                journal: written,
            }
        });
    }

    fn begin_search(&mut self, of: SearchOf, question: Question, devices: &[DeviceId], now: Duration) {
        match Search::new(&self.job_id, self.ledger.devices(), question, devices) {
            Some(search) => {
                self.begin_page(of, search, now);
            }
            // Not one of the devices can be searched for, so nothing would be found.
            None => self.searched(of, LookEnd::Rows(Vec::new()), now),
        }
    }

    fn begin_page(&mut self, of: SearchOf, search: Search, now: Duration) {
        self.rate.started(now);
        self.calls.searches += 1;
        let (client, time, page_size) = (self.client.clone(), self.time.clone(), self.page_size);
        self.under_way.spawn(async move {
            let began = time.elapsed();
            let page = search.read_page(&client, page_size).await;
            Done::Page {
                of,
                search,
                page,
                took: time.elapsed().saturating_sub(began),
            }
        });
    }

    fn ended(&mut self, done: Done) {
        let now = self.time.elapsed();
        match done {
            Done::Sent {
                ticket,
                devices,
                end,
                sent_ms,
                took,
                journal,
            } => {
                let Some(end) = end else {
                    self.rate.ended(now, self.time.now_ms(), took, CallResult::Failed, &[]);
                    // It was not sent.
                    self.ledger.set_open(&devices, Open::Waiting);
                    let note = Arc::default();
                    self.core.sent(ticket, CallEnd::NotSent, &note, false, sent_ms, now);
                    self.journal_broke(journal);
                    return;
                };
                self.sent(ticket, &devices, end, sent_ms, took, now);
                self.journal_broke(journal);
            }
            Done::Page { of, search, page, took } => self.page_ended(of, search, page, took, now),
        }
    }

    fn page_ended(
        &mut self,
        of: SearchOf,
        search: Search,
        page: Result<Page<TaskInfo>, Error>,
        took: Duration,
        now: Duration,
    ) {
        let error = page.as_ref().err().cloned();
        let devices = Arc::clone(self.ledger.devices());
        let after = search.take(page, &devices, self.page_size);
        let end = match (&after, &error) {
            (AfterPage::Ended(LookEnd::Again), Some(error)) if error.is_throttled() => CallResult::Throttled {
                retry_after: error.retry_after(),
            },
            (AfterPage::Ended(LookEnd::Again), _) => CallResult::Failed,
            (AfterPage::More(_) | AfterPage::Ended(_), _) => CallResult::Answered,
        };
        let passing = self.is_passing();
        self.note_end(end, took, now, error.as_ref());
        match after {
            AfterPage::More(search) => self.pages.push_back((of, search)),
            AfterPage::Ended(end) => self.searched(of, end, now),
        }
        let Some(error) = error else { return };
        if fatal_of_search(&error) == Fatal::IfRepeated && !passing {
            // What is in doubt stays so: another run may be able to search.
            if self.ending.is_none() {
                self.ending = Some(Ending::Stopped(error));
            }
            self.halt();
        } else if end != CallResult::Answered {
            self.perhaps_give_up(error, now);
        }
    }

    /// Whether an error may be passing that says that every further call would fail in the same way.
    fn is_passing(&self) -> bool {
        self.answered_at.is_some() && self.failures < self.settings.first_contact
    }

    fn sent(
        &mut self,
        ticket: Ticket,
        devices: &[DeviceId],
        end: SendEnd,
        sent_ms: i64,
        took: Duration,
        now: Duration,
    ) {
        let result = match end.end {
            CallEnd::Accepted | CallEnd::NotFailed | CallEnd::TooMany | CallEnd::Refused => CallResult::Answered,
            CallEnd::Throttled => CallResult::Throttled {
                retry_after: end.retry_after,
            },
            CallEnd::Lost | CallEnd::NotSent => CallResult::Failed,
        };
        match end.end {
            CallEnd::Accepted => self.last_accepted_at = now,
            CallEnd::NotFailed => self.calls.refused += 1,
            CallEnd::Lost | CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => {}
        }
        let fatal = end.fatal == Fatal::Yes || (end.fatal == Fatal::IfRepeated && !self.is_passing());
        let failed = end.fatal == Fatal::IfRepeated;
        self.note_end(
            if failed { CallResult::Failed } else { result },
            took,
            now,
            end.error.as_ref(),
        );
        self.tell(Event::Answered {
            end: end.end,
            devices: devices.len(),
        });
        if fatal {
            self.stopped_by(ticket, devices, end, sent_ms, now);
            return;
        }
        // Refused by something on the way, surely without having been carried out.
        let core_end = if failed && end.end == CallEnd::Refused {
            self.record_requeued(devices);
            CallEnd::NotSent
        } else {
            end.end
        };
        match core_end {
            CallEnd::NotFailed => self.ledger.suspect(devices, &end.note),
            CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany => self.ledger.set_open(devices, Open::Waiting),
            // In case nobody can look it up.
            CallEnd::Lost => self.ledger.remember(devices, &end.note),
            CallEnd::Accepted | CallEnd::Refused => {}
        }
        let invalid = end
            .error
            .as_ref()
            .is_some_and(|error| error.kind() == ErrorKind::InvalidArgument);
        let steps = self
            .core
            .sent(ticket, core_end, &end.note, end.about_size, sent_ms, now);
        self.take(steps, core_end == CallEnd::Accepted);
        if let Some(error) = end.error {
            if matches!(core_end, CallEnd::Lost | CallEnd::NotSent | CallEnd::Throttled) {
                self.perhaps_give_up(error, now);
            } else {
                let alone = devices.len() == 1 && !self.core.any_accepted();
                self.refusal = Some(error.clone());
                // Not this device, then, but something that all calls have in common.
                if invalid && alone && self.ledger.devices().len() > 1 && self.ending.is_none() {
                    self.ending = Some(Ending::Stopped(error));
                    self.core.stop();
                }
            }
        }
        self.perhaps_abort();
    }

    /// A call has ended in an error that every further call would end in.
    fn stopped_by(&mut self, ticket: Ticket, devices: &[DeviceId], end: SendEnd, sent_ms: i64, now: Duration) {
        match end.end {
            CallEnd::Lost => {
                self.ledger.remember(devices, &end.note);
                self.core.sent(ticket, CallEnd::Lost, &end.note, false, sent_ms, now);
            }
            CallEnd::Refused | CallEnd::NotFailed | CallEnd::TooMany | CallEnd::Accepted => {
                // The platform has answered for these, but a run that resumes may send them again.
                self.ledger.suspect(devices, &end.note);
                self.core.sent(ticket, CallEnd::NotSent, &end.note, false, sent_ms, now);
                self.record_requeued(devices);
            }
            CallEnd::NotSent | CallEnd::Throttled => {
                self.ledger.set_open(devices, Open::Waiting);
                self.ledger.remember(devices, &end.note);
                self.core.sent(ticket, end.end, &end.note, false, sent_ms, now);
            }
        }
        if self.ending.is_none()
            && let Some(error) = end.error
        {
            self.ending = Some(Ending::Stopped(error));
        }
        self.core.stop();
    }

    /// Takes notice of the end of any call.
    fn note_end(&mut self, end: CallResult, took: Duration, now: Duration, error: Option<&Error>) {
        self.rate.ended(now, self.time.now_ms(), took, end, &[]);
        match end {
            CallResult::Answered => {
                self.failures = 0;
                self.answered_at = Some(now);
            }
            CallResult::Throttled { .. } => {
                self.failures = self.failures.saturating_add(1);
                self.calls.throttled += 1;
                let until = self.rate.paused(now).map_or(now, |pause| pause.until);
                self.tell(Event::Throttled {
                    pause: until.saturating_sub(now),
                });
            }
            CallResult::Failed => {
                self.failures = self.failures.saturating_add(1);
                self.calls.lost += 1;
                if let Some(error) = error {
                    self.tell(Event::Trouble {
                        message: with_causes(error).into(),
                    });
                }
            }
        }
        if let Some(error) = error {
            self.last_error = Some(error.clone());
        }
    }

    /// Gives up if the gateway has answered nothing for too long.
    fn perhaps_give_up(&mut self, error: Error, now: Duration) {
        let hopeless = match self.answered_at {
            None => self.failures >= self.settings.first_contact,
            Some(at) => self.failures >= self.settings.first_contact && now.saturating_sub(at) > self.settings.patience,
        };
        let too_long = error
            .retry_after()
            .is_some_and(|asked| asked > self.settings.longest_retry_after);
        if !(hopeless || too_long) {
            return;
        }
        if self.ending.is_none() {
            self.ending = Some(Ending::GaveUp(error));
        }
        self.halt();
    }

    fn perhaps_abort(&mut self) {
        let Some(limit) = self.settings.abort else { return };
        let summary = self.ledger.summary();
        let refused = summary.rejected + self.core.known_guilty();
        let sample = summary.accepted + refused;
        if self.ending.is_some() || sample == 0 || sample < limit.min_sample {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
        let percent = refused as f64 * 100.0 / sample as f64;
        if percent > limit.percent {
            self.ending = Some(Ending::TooManyRefused { percent, sample });
            self.core.stop();
        }
    }

    fn searched(&mut self, of: SearchOf, end: LookEnd, now: Duration) {
        if end == LookEnd::Never {
            self.could_search = false;
        }
        match of {
            SearchOf::Core(ticket) => {
                let steps = self.core.looked(ticket, end, now);
                self.take(steps, false);
                self.perhaps_abort();
            }
            SearchOf::Watch(part) => {
                let news = match &mut self.watch {
                    Some(watch) => watch.looked(part, end),
                    None => Vec::new(),
                };
                for news in news {
                    self.see(news);
                }
            }
        }
    }

    /// Writes down and tells what is settled. `answered` if the journal has it already, in the answer of the call.
    fn take(&mut self, steps: Vec<Step>, answered: bool) {
        for step in steps {
            match step {
                Step::Settle { devices, outcome, note } => {
                    let settled = self.ledger.settle(&devices, outcome, &note);
                    if settled.is_empty() {
                        continue;
                    }
                    if outcome == Outcome::Accepted {
                        self.last_accepted_at = self.time.elapsed();
                    }
                    if !answered {
                        let at = self.time.now_ms();
                        let record = settled_record(&self.ledger, at, &settled, outcome, &note);
                        if let Some(journal) = &self.journal {
                            journal.append_soon(&record);
                        }
                    }
                    self.tell(settled_event(settled, outcome, &note));
                }
                Step::Requeue(devices) => {
                    self.ledger.set_open(&devices, Open::Waiting);
                    // What was said of their last call is settled by this.
                    self.ledger.remember(&devices, &Arc::default());
                    self.record_requeued(&devices);
                }
                Step::Shrunk { chunk } => self.tell(Event::ChunkSize { devices: chunk }),
            }
        }
    }

    fn record_requeued(&self, devices: &[DeviceId]) {
        let at = self.time.now_ms();
        let table = self.ledger.devices();
        self.record(&Record::Requeued {
            at,
            devices: devices.iter().map(|id| Cow::Borrowed(table.key(*id))).collect(),
        });
    }

    fn see(&mut self, news: News) {
        let seen = self.ledger.see(&news.devices, news.fate, news.reason.as_deref());
        if seen.is_empty() {
            return;
        }
        let table = self.ledger.devices();
        self.record(&Record::Seen {
            at: self.time.now_ms(),
            fate: news.fate,
            reason: news.reason.as_deref().map(Cow::Borrowed),
            devices: seen.iter().map(|id| Cow::Borrowed(table.key(*id))).collect(),
        });
        self.tell(Event::Seen {
            devices: seen,
            fate: news.fate,
            reason: news.reason,
        });
    }

    fn record(&self, record: &Record<'_>) {
        if let Some(journal) = &self.journal {
            journal.append_soon(record);
        }
    }

    fn journal_broke(&mut self, written: Result<(), Arc<JournalError>>) {
        let Err(error) = written else { return };
        if !matches!(self.ending, Some(Ending::Journal(_))) {
            self.ending = Some(Ending::Journal(error));
        }
        self.halt();
    }

    fn tell(&mut self, event: Event) {
        self.outbox.push_back(event);
    }

    async fn flush(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            // Nobody has to listen.
            let _ = self.events.send(event).await;
        }
    }

    fn show(&self) {
        self.progress.send_replace(Progress {
            phase: self.phase,
            summary: self.ledger.summary(),
            fates: self.ledger.fates(),
            in_flight: self.under_way.len(),
            calls: self.calls,
            rate: self.rate.rate(),
            concurrency: self.rate.concurrency(),
            elapsed: self.time.elapsed(),
        });
    }

    /// Gives every device that has no outcome one for this run, and closes the journal.
    async fn conclude(mut self) -> Finished {
        let ending = self.ending.take().unwrap_or(Ending::Complete);
        let before = self.ledger.summary();
        let open = before.requested - before.settled();
        self.settle_the_rest(&ending);
        self.flush().await;
        self.phase = Phase::Ended;
        self.show();
        self.record(&Record::Ended {
            at: self.time.now_ms(),
            how: Cow::Borrowed(ending.as_str()),
            summary: before,
            open,
        });
        let mut ending = ending;
        if let Some(journal) = self.journal.take()
            && let Err(error) = journal.close().await
            && !matches!(ending, Ending::Journal(_))
        {
            ending = Ending::Journal(Arc::new(error));
        }
        Finished {
            took: self.time.elapsed(),
            ending,
            ledger: self.ledger,
            calls: self.calls,
            open,
            refusal: self.refusal,
            could_search: self.could_search,
        }
    }

    fn settle_the_rest(&mut self, ending: &Ending) {
        let unsent = Arc::new(Note {
            message: Some(ending.reason().into()),
            ..Note::default()
        });
        let in_doubt = Arc::new(Note {
            message: Some(
                match (ending, &self.last_error) {
                    (Ending::Interrupted, _) => "interrupted while the call was under way".to_owned(),
                    (_, Some(error)) => with_causes(error),
                    (_, None) => "the call has no answer".to_owned(),
                }
                .into(),
            ),
            ..Note::default()
        });
        let mut run: Option<(Outcome, Arc<Note>, Vec<DeviceId>)> = None;
        for id in self.ledger.devices().ids() {
            let Some(open) = self.ledger.open(id) else { continue };
            let own = self.ledger.note(id);
            let (outcome, note) = match open {
                Open::Waiting if own.message.is_some() => (Outcome::Skipped, Arc::new(own.not_sent())),
                Open::Waiting => (Outcome::Skipped, Arc::clone(&unsent)),
                Open::InDoubt if own.message.is_some() => (Outcome::Unknown, own),
                Open::InDoubt => (Outcome::Unknown, Arc::clone(&in_doubt)),
                Open::Suspect => (Outcome::Rejected, own),
            };
            match &mut run {
                Some((same, same_note, ids)) if *same == outcome && *same_note == note => ids.push(id),
                _ => {
                    if let Some((outcome, note, ids)) = run.replace((outcome, note, vec![id])) {
                        self.settle_for_now(&ids, outcome, &note);
                    }
                }
            }
        }
        if let Some((outcome, note, ids)) = run {
            self.settle_for_now(&ids, outcome, &note);
        }
    }

    /// Gives devices an outcome that the journal does not have: another run may come to a better one.
    fn settle_for_now(&mut self, ids: &[DeviceId], outcome: Outcome, note: &Arc<Note>) {
        let settled = self.ledger.settle(ids, outcome, note);
        self.tell(settled_event(settled, outcome, note));
    }
}

/// What the loop waits for besides the end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    At(Duration),
    WhenOneEnds,
    Done,
}

fn wake_of(core: &Next, watch: &following::Next, under_way: bool) -> Wake {
    let times = [
        match core {
            Next::At(at) => Some(*at),
            Next::Call(..) | Next::WhenOneEnds | Next::Done => None,
        },
        match watch {
            following::Next::At(at) => Some(*at),
            following::Next::Look(..) | following::Next::WhenOneEnds | following::Next::Done => None,
        },
    ];
    match times.into_iter().flatten().min() {
        Some(at) => Wake::At(at),
        None if under_way => Wake::WhenOneEnds,
        None => Wake::Done,
    }
}

pub(crate) fn settled_record<'a>(
    ledger: &'a Ledger,
    at: i64,
    devices: &[DeviceId],
    outcome: Outcome,
    note: &'a Note,
) -> Record<'a> {
    let table = ledger.devices();
    let devices: Keys<'a> = devices.iter().map(|id| Cow::Borrowed(table.key(*id))).collect();
    Record::Settled {
        at,
        outcome,
        code: note.code,
        message: note.message.as_deref().map(Cow::Borrowed),
        request_id: note.request_id.as_deref().map(Cow::Borrowed),
        devices,
    }
}

fn settled_event(devices: Vec<DeviceId>, outcome: Outcome, note: &Note) -> Event {
    Event::Settled {
        devices,
        outcome,
        code: note.code,
        message: note.message.clone(),
        request_id: note.request_id.clone(),
    }
}
