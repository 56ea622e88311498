//! What a watcher does: rounds of searches, and what they bring.

use std::sync::Arc;

use enos_ota::TaskStatus;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::look::{self, Look, LookEnd, Seen};
use super::rounds::Filter;
use super::{FEW_NAMES, GRACE, NAMES_OF_A_PAGE, Round, STILL_FAILED_AFTER, WatchEnd, WatchEvent, Watcher, position};
use crate::devices::DeviceId;
use crate::outcome::Fate;
use crate::state::Symbol;

impl Watcher {
    /// Waits for the next thing to be seen. `None` when all tasks have ended, the time is up, or a search has failed;
    /// [`end`](Self::end) says which.
    ///
    /// It can be dropped at any time, as in `tokio::select!`: searches that are under way go on with the next call.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        // A deadline beyond what the clock can tell is none.
        let deadline = self.rounds.deadline();
        let deadline = deadline.and_then(|deadline| begun.checked_add(deadline.saturating_add(GRACE)));
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.end.is_some() {
                return None;
            }
            self.begin_looks(begun);
            self.end_round(begun);
            if self.end.is_some() {
                continue;
            }
            let pause = match self.rounds.due() {
                Some(due) if self.open.is_empty() => begun.checked_add(due),
                _ => None,
            };
            tokio::select! {
                biased;
                Some(waiting) = self.waits.1.recv() => return Some(WatchEvent::Waiting(waiting)),
                Some((look, end)) = self.open.next() => self.take(look, end),
                () = sleep_until(pause), if self.open.is_empty() => {}
                () = sleep_until(deadline) => self.end_with(WatchEnd::TimeIsUp),
            }
        }
    }

    /// Begins a round when it is due, and so many searches of it as may be under way.
    fn begin_looks(&mut self, begun: Instant) {
        if self.round.is_none() {
            if self.unfinished().next().is_none() {
                return self.end_with(WatchEnd::AllEnded);
            }
            let now = begun.elapsed();
            match self.rounds.due() {
                None => return self.end_with(WatchEnd::TimeIsUp),
                Some(due) if due > now => return,
                Some(_) => {}
            }
            let filter = self.rounds.begin(now);
            let unfinished = self.unfinished().collect();
            self.round = Some(Round {
                looks: self.looks_for(unfinished, filter),
                calls_before: self.calls,
                news: false,
            });
        }
        // What every search would meet is learned from the first.
        let at_a_time = if self.proven { self.concurrency.get() } else { 1 };
        while self.open.len() < at_a_time
            && let Some(look) = self.round.as_mut().and_then(|round| round.looks.pop())
        {
            // Devices that cannot be named were sorted out.
            if let Ok(expression) = look.expression(&self.of_job, &self.devices) {
                let search = self.search.with(&self.job_id, &expression);
                let waits = self.waits.0.clone();
                self.open
                    .push(Box::pin(async move { (look, look::read(search, waits).await) }));
            }
        }
    }

    fn end_round(&mut self, begun: Instant) {
        if self.open.is_empty()
            && let Some(round) = self.round.take_if(|round| round.looks.is_empty())
        {
            let calls = self.calls.saturating_sub(round.calls_before);
            self.rounds.end(begun.elapsed(), round.news, calls);
        }
    }

    fn looks_for(&self, devices: Vec<DeviceId>, filter: Filter) -> Vec<Look> {
        let whole_job = |devices| Look {
            devices,
            filter,
            whole_job: true,
        };
        if self.whole_job {
            return vec![whole_job(devices)];
        }
        let (named, others): (Vec<_>, Vec<_>) = devices
            .into_iter()
            .partition(|id| look::is_searchable(self.devices.key(*id)));
        let at_most = match filter {
            Filter::All => self.names.min(NAMES_OF_A_PAGE),
            Filter::Ended => self.names,
        };
        let mut looks: Vec<_> = named
            .chunks(at_most)
            .map(|devices| Look {
                devices: devices.to_vec(),
                filter,
                whole_job: false,
            })
            .collect();
        looks.extend((!others.is_empty()).then(|| whole_job(others)));
        looks
    }

    fn take(&mut self, look: Look, end: LookEnd) {
        match end {
            LookEnd::Read(read) => {
                self.calls = self.calls.saturating_add(read.reading.calls);
                self.proven = true;
                let seen = look.judge(&read, &self.devices);
                self.take_seen(seen);
            }
            LookEnd::Refused(_) if !look.whole_job => {
                self.calls = self.calls.saturating_add(1);
                self.search_otherwise(look);
            }
            LookEnd::Refused(error) | LookEnd::Failed(error) => self.end_with(WatchEnd::Failed(error)),
        }
    }

    /// The platform refuses a search that names so many devices.
    fn search_otherwise(&mut self, look: Look) {
        let named = look.devices.len();
        if named > FEW_NAMES && !self.whole_job {
            self.names = self.names.min(if named > NAMES_OF_A_PAGE {
                NAMES_OF_A_PAGE
            } else {
                FEW_NAMES
            });
        } else if !self.whole_job {
            self.whole_job = true;
            let text =
                "the platform refuses to search for devices by their keys; all tasks of the job are read instead";
            self.events.push_back(WatchEvent::Learned(text.into()));
        }
        let filter = look.filter;
        let mut devices = look.devices;
        if self.whole_job
            && let Some(round) = &mut self.round
        {
            devices.extend(round.looks.drain(..).flat_map(|look| look.devices));
        }
        let looks = self.looks_for(devices, filter);
        if let Some(round) = &mut self.round {
            round.looks.extend(looks);
        }
    }

    fn take_seen(&mut self, seen: Vec<(DeviceId, Seen)>) {
        let mut told: Vec<(Fate, Symbol, Vec<DeviceId>)> = Vec::new();
        for (device, seen) in seen {
            let (fate, reason) = match seen {
                Seen::Gone => (Fate::Gone, None),
                Seen::NotEnded => (Fate::UnderWay, None),
                Seen::Task {
                    status,
                    progress,
                    updated_ms,
                    desc,
                } => {
                    let fate = self.fate_of(device, &status, updated_ms);
                    self.note_stage(device, &status, progress, fate);
                    let Some(fate) = fate else { continue };
                    (fate, desc.filter(|_| fate == Fate::FailedAgain))
                }
            };
            if self.states[device.index()].fate == fate {
                continue;
            }
            self.set_fate(device, fate, reason.as_deref());
            let reason = self.states[device.index()].reason;
            match told.iter_mut().find(|(f, r, _)| (*f, *r) == (fate, reason)) {
                Some((_, _, devices)) => devices.push(device),
                None => told.push((fate, reason, vec![device])),
            }
        }
        for (fate, reason, devices) in told {
            if let Some(round) = &mut self.round {
                round.news |= fate.is_final();
            }
            let reason = self.texts.get(reason).map(Arc::from);
            self.events.push_back(WatchEvent::Seen { devices, fate, reason });
        }
    }

    /// What a task is the sign of; `None` if that cannot be said yet.
    fn fate_of(&mut self, device: DeviceId, status: &TaskStatus, updated_ms: Option<i64>) -> Option<Fate> {
        match status {
            TaskStatus::Succeeded => Some(Fate::Succeeded),
            TaskStatus::Failed => {
                let before = self.devices.facts(device).updated_ms;
                if before.is_none() || before != updated_ms {
                    return Some(Fate::FailedAgain);
                }
                let unchanged = &mut self.states[device.index()].unchanged;
                *unchanged = unchanged.saturating_add(1);
                (*unchanged >= STILL_FAILED_AFTER).then_some(Fate::StillFailed)
            }
            // `init`, `published`, `upgrading`, and what a later version of the platform may add.
            _ => Some(Fate::UnderWay),
        }
    }

    fn note_stage(&mut self, device: DeviceId, status: &TaskStatus, progress: Option<i64>, fate: Option<Fate>) {
        let name = self.texts.id_of(Some(status.as_str()));
        let state = &mut self.states[device.index()];
        if (state.status, state.progress) == (name, progress) {
            return;
        }
        (state.status, state.progress) = (name, progress);
        if fate == Some(Fate::UnderWay) {
            let status = status.clone();
            self.events.push_back(WatchEvent::Moved {
                device,
                status,
                progress,
            });
        }
    }

    pub(super) fn set_fate(&mut self, device: DeviceId, fate: Fate, reason: Option<&str>) {
        let reason = self.texts.id_of(reason);
        let state = &mut self.states[device.index()];
        self.fates[position(state.fate)] -= 1;
        self.fates[position(fate)] += 1;
        (state.fate, state.reason) = (fate, reason);
    }

    fn end_with(&mut self, end: WatchEnd) {
        self.open.clear();
        self.round = None;
        self.end = Some(end);
    }
}

/// Does not resolve if there is no such time.
async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
