//! The loop of a campaign: it dispatches the calls that are due, and applies, writes and reports what they bring.

mod apply;
mod dispatch;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::types::TaskInfo;
use enos_ota::{Client, Error, JobId, Page, PageSize};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};

pub(super) use apply::settled_record;
use start::scheduler;

use super::contact::Contact;
use super::follow::{Follow, Part};
use super::schedule::Scheduler;
use super::search::Search;
use super::send::Sent;
use super::{CallId, Limits};
use crate::control::Order;
use crate::ending::{Ending, Finished};
use crate::event::{Calls, Event, Phase, Progress};
use crate::journal::Journal;
use crate::plan::Plan;
use crate::rate::{RateControl, RateSettings};
use crate::settings::Settings;
use crate::state::DeviceTable;
use crate::time::Time;
use crate::wait::Wait;

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
