//! Begins the calls that are due.

use std::sync::Arc;
use std::time::Duration;

use super::{Done, Paged, Runner, SearchOf};
use crate::devices::DeviceId;
use crate::engine::follow::Follow;
use crate::engine::knowledge::Before;
use crate::engine::search::Search;
use crate::engine::send::Send;
use crate::engine::{Call, CallId, Lookup, LookupEnd};
use crate::journal::Journal;
use crate::wait::{Next, Wait};

impl Runner {
    /// Begins as many calls as are due, and says when to come back.
    pub(in crate::engine) fn dispatch(&mut self) -> Wait {
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

    pub(in crate::engine) fn wait_for(&self, wait: Wait) -> Wait {
        match wait {
            Wait::Never if !self.in_flight.is_empty() => Wait::NextEnd,
            wait => wait,
        }
    }

    pub(in crate::engine) fn begin_send(
        &mut self,
        id: CallId,
        devices: Vec<DeviceId>,
        how: (Before, Option<DeviceId>),
        now: Duration,
    ) {
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

    pub(in crate::engine) fn begin_search(&mut self, of: SearchOf, lookup: &Lookup, now: Duration) {
        match Search::new(&self.job_id, self.table.devices(), lookup) {
            Some(search) => self.begin_page(of, search, now),
            // Not one of the devices can be searched for, so nothing would be found.
            None => self.searched(of, LookupEnd::Found(crate::engine::Found::default()), now),
        }
    }

    pub(in crate::engine) fn begin_page(&mut self, of: SearchOf, search: Search, now: Duration) {
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
}
