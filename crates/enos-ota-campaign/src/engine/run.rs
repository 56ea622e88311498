//! The loop of a campaign: it dispatches the calls that are due, and applies, writes and reports what they bring.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::types::TaskInfo;
use enos_ota::{Client, Error, JobId, Page, PageSize};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::contact::Contact;
use super::follow::{Follow, Part};
use super::knowledge::Before;
use super::schedule::{Earlier, Scheduler};
use super::search::Search;
use super::send::{Send, Sent};
use super::{Call, CallId, Limits, Lookup, LookupEnd, Reply, waves};
use crate::control::Order;
use crate::devices::DeviceId;
use crate::ending::{Ending, Finished};
use crate::event::{Calls, Event, Phase, Progress};
use crate::journal::{CallEnd, Journal, Record};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::rate::{RateControl, RateSettings};
use crate::selection::Selection;
use crate::settings::Settings;
use crate::state::{DeviceState, DeviceTable};
use crate::time::Time;
use crate::wait::{Next, Wait};

/// What a campaign is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) journal: Option<Journal>,
    pub(crate) time: Time,
    pub(crate) table: DeviceTable,
    /// Calls in the journal so far.
    pub(crate) last_call: u64,
    /// Waves that an earlier run has passed.
    pub(crate) waves_passed: usize,
    /// Whether the journal says of each call if somebody had looked at its tasks before. Earlier versions did not.
    pub(crate) says_unseen: bool,
    /// Whether an earlier run has begun it.
    pub(crate) resumed: bool,
}

/// Which search a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SearchOf {
    Scheduler(CallId),
    Follow(Part),
}

/// A page of a search.
pub(super) struct Paged {
    pub(super) of: SearchOf,
    pub(super) search: Search,
    pub(super) page: Result<Page<TaskInfo>, Error>,
    pub(super) took: Duration,
}

/// A call that has ended.
enum Done {
    Sent(Sent),
    Page(Box<Paged>),
}

pub(crate) struct Runner {
    pub(super) client: Client,
    pub(super) job_id: JobId,
    pub(super) settings: Settings,
    pub(super) journal: Option<Journal>,
    /// How many records are on the disk.
    written: Option<watch::Receiver<u64>>,
    pub(super) time: Time,
    pub(super) table: DeviceTable,
    pub(super) rate: RateControl,
    pub(super) scheduler: Scheduler,
    pub(super) follow: Option<Follow>,
    /// Following ends at this time, whatever is in flight.
    pub(super) deadline: Option<Duration>,
    pub(super) page_size: PageSize,
    pub(super) limits: Limits,
    /// Pages to be read.
    pub(super) pages: VecDeque<(SearchOf, Search)>,
    in_flight: JoinSet<Done>,
    following: Vec<AbortHandle>,
    last_call: u64,
    pub(super) calls: Calls,
    events: mpsc::Sender<Event>,
    /// Events that are not reported yet, each with the number of records that have to be on the disk before.
    outbox: VecDeque<(u64, Event)>,
    /// How many records the last event has to wait for.
    queued: u64,
    progress: watch::Sender<Progress>,
    orders: watch::Receiver<Order>,
    pub(super) phase: Phase,
    pub(super) ending: Option<Ending>,
    pub(super) refusal: Option<Error>,
    pub(super) contact: Contact,
    pub(super) last_accepted_at: Duration,
    /// Why searches bring nothing, if so.
    pub(super) search_problem: Option<Arc<str>>,
    /// Why accepted devices could not all be seen.
    pub(super) not_seen: Option<Arc<str>>,
    /// How many announcements of quotas have been taken.
    pub(super) announcements: u64,
    /// Whether it was told that searches show tasks of another job.
    pub(super) told_foreign: bool,
    /// Answers of searches in a row that could not be read.
    pub(super) unreadable: u32,
    /// The last error of devices that were given up.
    pub(super) gave_up: Option<Error>,
    pub(super) waves_passed: usize,
    /// The last error of a retry, and of any call.
    pub(super) last_send_error: Option<Error>,
    pub(super) last_error: Option<Error>,
    /// Nothing new is begun any more.
    halted: bool,
}

impl Runner {
    pub(crate) fn new(
        parts: Parts,
        events: mpsc::Sender<Event>,
        progress: watch::Sender<Progress>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let Parts {
            client,
            plan,
            settings,
            journal,
            time,
            table,
            last_call,
            waves_passed,
            says_unseen,
            resumed,
        } = parts;
        let page_size = PageSize::new(settings.page_size.clamp(1, PageSize::MAX)).unwrap_or_default();
        let limits = Limits {
            chunk: plan.chunk_size.get(),
            look: settings.search_size.get(),
            page: page_size.get().into(),
            lag: settings.lag,
            lost: settings.max_lost,
        };
        // Devices may just have been accepted in an earlier process, and reads are behind.
        let began = time.elapsed();
        Self {
            scheduler: scheduler(&plan, &settings, &table, limits, &time, (resumed, says_unseen)),
            rate: RateControl::new(RateSettings {
                rate: settings.rate,
                concurrency: settings.concurrency,
                longest_retry_after: settings.longest_retry_after,
            }),
            written: journal.as_ref().map(Journal::written),
            client,
            job_id: plan.job_id,
            settings,
            journal,
            time,
            table,
            follow: None,
            deadline: None,
            page_size,
            limits,
            pages: VecDeque::new(),
            in_flight: JoinSet::new(),
            following: Vec::new(),
            last_call,
            calls: Calls::default(),
            events,
            outbox: VecDeque::new(),
            queued: 0,
            progress,
            orders,
            phase: Phase::Retrying,
            ending: None,
            refusal: None,
            contact: Contact::default(),
            last_accepted_at: began,
            search_problem: None,
            not_seen: None,
            announcements: 0,
            told_foreign: false,
            unreadable: 0,
            gave_up: None,
            waves_passed,
            last_send_error: None,
            last_error: None,
            halted: false,
        }
    }

    pub(crate) async fn run(mut self) -> Finished {
        self.run_waves().await;
        if self.ending.is_none() {
            self.confirm().await;
        }
        self.conclude().await
    }

    pub(super) async fn run_all(&mut self) {
        self.run_until(|_| false).await;
    }

    /// Makes calls until there is nothing more to do, the campaign ends, or `enough` says so.
    pub(super) async fn run_until(&mut self, enough: impl Fn(&DeviceTable) -> bool) {
        let mut orders = self.orders.clone();
        loop {
            self.obey(*orders.borrow_and_update());
            let wait = self.dispatch();
            self.flush().await;
            let due = match (wait, self.deadline) {
                (Wait::Never, _) if self.in_flight.is_empty() => return,
                (Wait::Now, _) => continue,
                (Wait::Until(at), deadline) => Some(deadline.map_or(at, |deadline| at.min(deadline))),
                (Wait::NextEnd | Wait::Never, deadline) => deadline,
            };
            self.show();
            let nothing_in_flight = self.in_flight.is_empty();
            let timer = async {
                match due {
                    Some(at) if nothing_in_flight || !self.time.is_virtual() => self.time.sleep_until(at).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Ok(()) = orders.changed() => {}
                Some(joined) = self.in_flight.join_next() => self.joined(joined),
                () = written(self.written.as_mut()), if !self.outbox.is_empty() => {}
                () = timer => {}
            }
            // Whatever else has ended in the meantime.
            while let Some(joined) = self.in_flight.try_join_next() {
                self.joined(joined);
            }
            self.flush().await;
            let late = self.deadline.is_some_and(|deadline| self.time.elapsed() >= deadline);
            if late {
                self.not_seen.get_or_insert_with(|| "the time was up".into());
            }
            if late || enough(&self.table) {
                self.stop_following();
            }
        }
    }

    /// Follows nobody any more, whatever is in flight for it.
    fn stop_following(&mut self) {
        self.deadline = None;
        if let Some(follow) = &mut self.follow {
            follow.stop();
        }
        for task in self.following.drain(..) {
            task.abort();
        }
        self.pages.retain(|(of, _)| matches!(of, SearchOf::Scheduler(_)));
    }

    fn obey(&mut self, order: Order) {
        if order == Order::GoOn {
            return;
        }
        if self.ending.is_none() {
            self.ending = Some(Ending::Interrupted);
            self.report(Event::Draining);
        }
        self.halt();
        if order == Order::Abandon {
            self.in_flight.abort_all();
        }
    }

    fn joined(&mut self, joined: Result<Done, JoinError>) {
        match joined {
            Ok(Done::Sent(sent)) => self.sent(sent),
            Ok(Done::Page(paged)) => self.paged(*paged),
            // Its devices stay in doubt, or it was only to follow some.
            Err(error) if error.is_cancelled() => self.rate.abandoned(),
            Err(error) => {
                self.end_with(Ending::Panicked(error.to_string()));
                self.halt();
            }
        }
    }

    /// Ends for this reason, if for no earlier one.
    pub(super) fn end_with(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// Makes nothing new.
    pub(super) fn halt(&mut self) {
        self.halted = true;
        self.scheduler.abandon();
        self.stop_following();
        self.pages.clear();
    }

    /// Begins as many calls as are due, and says when to come back.
    fn dispatch(&mut self) -> Wait {
        loop {
            let now = self.time.elapsed();
            // Who has nothing to ask does not wait for the rate either.
            let following = self.follow.as_ref().is_some_and(Follow::has_work);
            let idle = !self.scheduler.has_work() && self.pages.is_empty() && !following;
            if idle || self.halted {
                return if self.in_flight.is_empty() {
                    Wait::Never
                } else {
                    Wait::NextEnd
                };
            }
            // A slow disk is waited for as a slow gateway is.
            if self.journal.as_ref().is_some_and(Journal::is_behind) {
                return Wait::NextEnd;
            }
            match Wait::from(self.rate.may_start(now)) {
                Wait::Now => {}
                Wait::Never if self.in_flight.is_empty() => return Wait::Never,
                wait => return wait,
            }
            if let Some((of, search)) = self.pages.pop_front() {
                self.begin_page(of, search, now);
                continue;
            }
            let next = self.scheduler.next(now);
            let steps = self.scheduler.take_steps();
            let learned = !steps.is_empty();
            self.take(steps);
            match next {
                Next::Do((id, Call::Send { devices, before, apart })) => {
                    self.begin_send(id, devices, (before, apart), now);
                }
                Next::Do((id, Call::Look(lookup))) => self.begin_search(SearchOf::Scheduler(id), &lookup, now),
                Next::Wait(_) if learned => {}
                Next::Wait(wait) => {
                    let following = match &mut self.follow {
                        Some(follow) => follow.next(now),
                        None => Next::Wait(Wait::Never),
                    };
                    match following {
                        Next::Do((part, lookup)) => self.begin_search(SearchOf::Follow(part), &lookup, now),
                        Next::Wait(other) => return self.wait_for(wait.or(other)),
                    }
                }
            }
        }
    }

    fn wait_for(&self, wait: Wait) -> Wait {
        match wait {
            Wait::Never if !self.in_flight.is_empty() => Wait::NextEnd,
            wait => wait,
        }
    }

    fn begin_send(&mut self, id: CallId, devices: Vec<DeviceId>, how: (Before, Option<DeviceId>), now: Duration) {
        let Some(keys) = self.table.devices().to_device_keys(&devices) else {
            return;
        };
        self.rate.started(now);
        self.calls.retries += 1;
        self.last_call += 1;
        let send = Send {
            id,
            call: self.last_call,
            sent_ms: self.time.now_ms(),
            before: how.0,
            apart: how.1,
            last_seen: self.scheduler.last_seen(&devices),
            devices,
            keys,
        };
        let table = Arc::clone(self.table.devices());
        let record = send.record(&send.devices, &table);
        self.apply(&record, &send.devices);
        let (client, job_id) = (self.client.clone(), self.job_id.clone());
        let (journal, time) = (self.journal.clone(), self.time.clone());
        let table = Arc::clone(&table);
        self.in_flight
            .spawn(async move { Done::Sent(send.run(client, job_id, table, journal, time).await) });
    }

    fn begin_search(&mut self, of: SearchOf, lookup: &Lookup, now: Duration) {
        match Search::new(&self.job_id, self.table.devices(), lookup) {
            Some(search) => self.begin_page(of, search, now),
            // Not one of the devices can be searched for, so nothing would be found.
            None => self.searched(of, LookupEnd::Found(super::Found::default()), now),
        }
    }

    fn begin_page(&mut self, of: SearchOf, search: Search, now: Duration) {
        self.rate.started(now);
        self.calls.searches += 1;
        let (client, time, page_size) = (self.client.clone(), self.time.clone(), self.page_size);
        let task = self.in_flight.spawn(async move {
            let began = time.elapsed();
            let page = search.read_page(&client, page_size).await;
            let took = time.elapsed().saturating_sub(began);
            Done::Page(Box::new(Paged { of, search, page, took }))
        });
        if matches!(of, SearchOf::Follow(_)) {
            self.following.retain(|task| !task.is_finished());
            self.following.push(task);
        }
    }

    /// Changes the table. Only those devices are given back for which it is news.
    pub(super) fn apply(&mut self, record: &Record<'_>, devices: &[DeviceId]) -> Vec<DeviceId> {
        match self.table.apply(record, devices) {
            Ok(applied) => applied.devices,
            Err(contradiction) => {
                self.end_with(Ending::Panicked(contradiction));
                self.halt();
                Vec::new()
            }
        }
    }

    /// Changes the table and writes it down. What is reported from now on waits until that is on the disk.
    pub(super) fn record(&mut self, record: &Record<'_>, devices: &[DeviceId]) -> Vec<DeviceId> {
        let news = self.apply(record, devices);
        if let Some(journal) = &self.journal {
            self.queued = journal.queue(record);
        }
        news
    }

    pub(super) fn settle(&mut self, devices: &[DeviceId], outcome: Outcome, reply: &Reply, elsewhere: bool) {
        let open = |id: &&DeviceId| self.table.standing(**id).outcome.is_none();
        let devices: Vec<_> = devices.iter().filter(open).copied().collect();
        if devices.is_empty() {
            return;
        }
        let all = Arc::clone(self.table.devices());
        let record = settled_record(self.time.now_ms(), outcome, reply, elsewhere, all.keys_of(&devices));
        let settled = self.record(&record, &devices);
        if outcome == Outcome::Accepted {
            self.last_accepted_at = self.time.elapsed();
        }
        self.report_settled(settled, outcome, reply);
    }

    pub(super) fn report_settled(&mut self, devices: Vec<DeviceId>, outcome: Outcome, reply: &Reply) {
        if devices.is_empty() {
            return;
        }
        self.report(Event::Settled {
            devices,
            outcome,
            code: reply.code,
            message: reply.message.clone(),
            request_id: reply.request_id.clone(),
        });
    }

    /// Reports an event once all that was recorded before it is on the disk.
    pub(super) fn report(&mut self, event: Event) {
        self.outbox.push_back((self.queued, event));
    }

    async fn flush(&mut self) {
        let written = self.written.as_ref().map_or(u64::MAX, |written| *written.borrow());
        while let Some((after, event)) = self.outbox.pop_front() {
            if after > written {
                self.outbox.push_front((after, event));
                return;
            }
            // Nobody has to listen.
            let _ = self.events.send(event).await;
        }
    }

    /// Reports what is left, now that nothing more will be written.
    pub(super) async fn flush_all(&mut self) {
        self.written = None;
        self.flush().await;
    }

    pub(super) fn show(&self) {
        self.progress.send_replace(Progress {
            phase: self.phase,
            summary: self.table.summary(),
            fates: self.table.fates(),
            in_flight: self.in_flight.len(),
            calls: self.calls,
            rate: self.rate.rate(),
            concurrency: self.rate.concurrency(),
            elapsed: self.time.elapsed(),
        });
    }
}

/// Ends when more is on the disk.
async fn written(written: Option<&mut watch::Receiver<u64>>) {
    if let Some(written) = written
        && written.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

pub(super) fn settled_record<'a>(
    at: i64,
    outcome: Outcome,
    reply: &'a Reply,
    elsewhere: bool,
    devices: Vec<Cow<'a, str>>,
) -> Record<'a> {
    Record::Settled {
        at,
        outcome,
        code: reply.code,
        message: reply.message.as_deref().map(Cow::Borrowed),
        request_id: reply.request_id.as_deref().map(Cow::Borrowed),
        elsewhere,
        devices,
    }
}

/// A scheduler with the devices that are open, each where an earlier run has left it.
fn scheduler(
    plan: &Plan,
    settings: &Settings,
    table: &DeviceTable,
    limits: Limits,
    time: &Time,
    (resumed, says_unseen): (bool, bool),
) -> Scheduler {
    let devices = table.devices();
    let selected = matches!(plan.selection, Selection::Failed(_));
    let random = fastrand::Rng::new();
    // A clock that was put back since proves nothing.
    let planned_before = u64::try_from(time.now_ms().saturating_sub(plan.created_ms))
        .map_or(Duration::MAX, Duration::from_millis)
        .saturating_sub(time.elapsed());
    let just_planned = planned_before < Duration::from_secs(5);
    let before = |id| match devices.facts(id) {
        facts if facts.updated_ms.is_some() || selected => Before::Failed,
        facts => match facts.seen.into() {
            // What was under way then may have failed by now.
            Before::NotFailed if !just_planned && settings.lookup => Before::Unknown,
            before => before,
        },
    };
    let order = waves::order(devices, settings.waves.as_ref());
    let waiting = order
        .into_iter()
        .filter(|id| table.standing(*id).state == DeviceState::Waiting)
        .collect();
    let mut scheduler = Scheduler::new(
        Arc::clone(devices),
        waiting,
        limits,
        settings.lookup,
        planned_before,
        before,
        random,
    );
    if resumed {
        let waits = |id: &DeviceId| table.standing(*id).state == DeviceState::Waiting;
        scheduler.goes_on(&Earlier {
            doubtful: devices.ids().filter(|id| table.was_lost(*id) && waits(id)).collect(),
            sent: devices.ids().filter(|id| table.last_call_of(*id).is_some()).collect(),
            others: table.elsewhere() > 0,
        });
    }
    let ready = time.elapsed().saturating_add(settings.lag);
    // The devices of one call, which share a time and a reply.
    let mut calls: std::collections::BTreeMap<Option<usize>, Vec<DeviceId>> = std::collections::BTreeMap::new();
    for id in devices.ids() {
        if matches!(
            table.standing(id).state,
            DeviceState::InDoubt { .. } | DeviceState::Refused { .. }
        ) {
            calls.entry(table.last_call_of(id)).or_default().push(id);
        }
    }
    for ids in calls.into_values() {
        let standing = table.standing(ids[0]);
        let known = says_unseen || before(ids[0]) == Before::Failed;
        let told = |seen| match Before::from(seen) {
            Before::Failed if !known => Before::Unknown,
            before => before,
        };
        let reply = Arc::new(Reply {
            code: standing.code,
            message: standing.message.map(Into::into),
            request_id: standing.request_id.map(Into::into),
        });
        match standing.state {
            DeviceState::InDoubt { .. } if standing.last_end == Some(CallEnd::Accepted) => {
                scheduler.accepted_before(ids.clone(), reply, ready);
            }
            DeviceState::InDoubt { before, .. } => scheduler.in_doubt(ids.clone(), told(before), ready),
            DeviceState::Refused { before, .. } => {
                scheduler.refused_before(ids.clone(), told(before), reply, ready);
            }
            DeviceState::Waiting | DeviceState::Settled(_) => {}
        }
        for id in ids {
            scheduler.recall(id, table.last_seen(id), table.has_left(id));
        }
    }
    scheduler
}
