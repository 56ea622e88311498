//! Devices that wait to be sent, and which list of them goes next.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::found::Found;
use super::{ALONE, Open, Reason, Scheduler, Searching, SendHistory};
use crate::devices::DeviceId;
use crate::engine::experiment::Experiment;
use crate::engine::knowledge::Before;
use crate::engine::{Call, CallId, Step, is_searchable};

impl Scheduler {
    /// Devices that a search has shown not to be failed, and that the platform has not refused yet.
    pub(crate) fn known_not_failed(&self) -> usize {
        let pools = self.pools.iter();
        let pools = pools.filter(|(history, _)| history.before == Before::NotFailed);
        pools.map(|(_, pool)| pool.len()).sum()
    }

    pub(super) fn next_send(&mut self) -> Option<(CallId, Call)> {
        let call = self.next_experiment().or_else(|| self.next_half());
        let call = call.or_else(|| self.next_from_pools(true));
        if let Some(call) = call.or_else(|| self.next_fresh(self.allowed.saturating_sub(self.reserved()))) {
            return Some(call);
        }
        // Nothing can come to fill up the lists that are not full.
        if !self.is_looking(|_| true)
            && let Some(call) = self.next_from_pools(false)
        {
            return Some(call);
        }
        if !self.lookups.is_empty() || !self.open.is_empty() {
            return None;
        }
        let last = self.next_fresh(self.allowed);
        if last.is_none() && self.allowed == self.order.len() {
            self.give_up_held();
        }
        last
    }

    /// How many devices at the end of the order are kept back until all others are settled: tasks that are failed and
    /// were not sent show whether tasks change by themselves. They are as many as do not cost a call more.
    pub(super) fn reserved(&self) -> usize {
        /// More show little more.
        const ENOUGH: usize = 64;
        let (all, chunk) = (self.order.len(), self.limits.chunk.max(1));
        if all <= chunk || self.allowed < all {
            // What waits for a later wave serves as well.
            return 0;
        }
        let rest = match all % chunk {
            0 => chunk,
            rest => rest,
        };
        let enough = ENOUGH.min(all / 8);
        if rest >= enough {
            rest
        } else if rest + chunk >= 2 * enough {
            // The last two lists share their devices alike.
            rest.midpoint(chunk)
        } else {
            rest + chunk * (enough - rest).div_ceil(chunk)
        }
    }

    pub(super) fn next_half(&mut self) -> Option<(CallId, Call)> {
        // The smallest first: if even a single device is not valid, it is not for the devices.
        let (history, half) = self.halves.pop_back()?;
        Some(self.send(half, history, false, None))
    }

    /// Devices that were never sent, up to this place in the order.
    pub(super) fn next_fresh(&mut self, end: usize) -> Option<(CallId, Call)> {
        let left = end.saturating_sub(self.taken);
        // The first list goes alone. If it is refused, others are refused too, and are looked up before they are sent.
        let sending = self.open.values().any(|open| matches!(open, Open::Send { .. }));
        if left == 0 || (!self.answered && sending) {
            return None;
        }
        let before = self.known.before(self.order[self.taken]);
        let window = &self.order[self.taken..self.taken + left.min(self.limits.look)];
        // Devices of one list have the same past.
        let alike = window.iter().take_while(|id| self.known.before(**id) == before).count();
        // As long as it is not known what becomes of the others of a refused list, none is risked.
        let risky = self.is_stale || (self.refused_any && !self.mixed.is_refused());
        let cheaper = left > self.limits.chunk && self.refusals.look_first(&self.limits);
        let worth_it = before == Before::Failed && (risky || cheaper);
        let look_first = match self.searching {
            Searching::ByKey => worth_it || (before == Before::Unknown && self.look_first),
            // One reading of the job serves all of them.
            Searching::WholeJob => {
                (before == Before::Unknown && self.look_first) || (before == Before::Failed && self.is_stale)
            }
            Searching::Never => false,
        };
        let count = match (look_first, self.searching == Searching::WholeJob) {
            (true, true) => left,
            (true, false) => alike,
            (false, _) => alike.min(self.limits.chunk),
        };
        let devices = self.order[self.taken..self.taken + count].to_vec();
        self.taken += count;
        let history = SendHistory {
            before,
            ..SendHistory::default()
        };
        if !look_first {
            return Some(self.send(devices, history, true, None));
        }
        self.look_up(devices, history, Reason::First, Duration::ZERO);
        self.next_lookup(Duration::ZERO)
    }

    pub(super) fn next_from_pools(&mut self, only_full: bool) -> Option<(CallId, Call)> {
        let size = self.limits.chunk;
        let history = *self
            .pools
            .iter()
            .find(|(_, pool)| pool.len() >= size || (!only_full && !pool.is_empty()))?
            .0;
        // Alone, a device is refused for its own task, and nothing is left to ask.
        let few = history.before == Before::NotFailed && !self.mixed.is_refused() && history.lost == 0;
        let pool = self.pools.get_mut(&history)?;
        let size = if few && pool.len() <= ALONE {
            1
        } else {
            size.min(pool.len())
        };
        let devices: Vec<_> = pool.drain(..size).collect();
        if pool.is_empty() {
            self.pools.remove(&history);
        }
        Some(self.send(devices, history, false, None))
    }

    pub(in crate::engine) fn send(
        &mut self,
        devices: Vec<DeviceId>,
        history: SendHistory,
        fresh: bool,
        experiment: Option<Experiment>,
    ) -> (CallId, Call) {
        let id = self.call_id();
        for device in &devices {
            self.known.set_sent(*device, id);
        }
        let call = Call::Send {
            devices: devices.clone(),
            before: history.before,
            apart: experiment.as_ref().map(Experiment::not_failed),
        };
        self.open.insert(
            id,
            Open::Send {
                devices,
                history,
                fresh,
                sent_at: self.now,
                experiment,
            },
        );
        (id, call)
    }

    /// Up to so many devices at random that may be sent, were never sent, and were seen to be failed.
    pub(in crate::engine) fn waiting(&mut self, most: usize) -> Vec<DeviceId> {
        self.not_sent(self.allowed, most)
    }

    /// The same, with those that wait for a later wave.
    pub(in crate::engine) fn controls(&mut self, most: usize) -> Vec<DeviceId> {
        self.not_sent(self.order.len(), most)
    }

    pub(super) fn not_sent(&mut self, end: usize, most: usize) -> Vec<DeviceId> {
        let fresh = self.order[self.taken.min(end)..end].iter();
        let candidates = fresh.chain(self.pools.values().flatten()).copied();
        let (known, devices) = (&self.known, &self.devices);
        let candidates = candidates.filter(|id| {
            known.before(*id) == Before::Failed && !known.was_sent(*id) && is_searchable(devices.key(*id))
        });
        self.random.choose_multiple(candidates, most)
    }

    /// These wait to be sent again as before.
    pub(in crate::engine) fn put_back(&mut self, devices: &[DeviceId]) {
        for id in devices {
            let before = self.known.before(*id);
            let history = SendHistory {
                before,
                ..SendHistory::default()
            };
            self.pool(history).push_back(*id);
        }
    }

    /// Takes devices out of those that wait to be sent.
    pub(in crate::engine) fn take_waiting(&mut self, devices: &[DeviceId]) {
        let chosen: HashSet<_> = devices.iter().copied().collect();
        let mut fresh = self.order.split_off(self.taken);
        let allowed = self.allowed.saturating_sub(self.taken);
        let (gone, kept): (Vec<_>, Vec<_>) = fresh.drain(..).enumerate().partition(|(_, id)| chosen.contains(id));
        let gone = gone.iter().filter(|(index, _)| *index < allowed).count();
        self.allowed -= gone;
        self.removed += gone;
        self.order.extend(kept.into_iter().map(|(_, id)| id));
        for pool in self.pools.values_mut() {
            pool.retain(|id| !chosen.contains(id));
        }
        self.pools.retain(|_, pool| !pool.is_empty());
    }

    pub(in crate::engine) fn halve(&mut self, history: SendHistory, mut devices: Vec<DeviceId>) {
        let rest = devices.split_off(devices.len() / 2);
        let halves = [devices, rest].into_iter().filter(|half| !half.is_empty());
        self.halves.extend(halves.map(|half| (history, half)));
    }

    /// These wait to be sent again, each with how its task stands now.
    pub(in crate::engine) fn requeue(&mut self, devices: Vec<DeviceId>, history: SendHistory) {
        if devices.is_empty() {
            return;
        }
        for id in &devices {
            // Searches that were begun before show nothing new.
            self.known.set_sent(*id, self.last_call);
            let before = self.known.before(*id);
            self.pool(SendHistory { before, ..history }).push_back(*id);
        }
        self.steps.push(Step::Requeue(devices));
    }

    pub(super) fn pool(&mut self, history: SendHistory) -> &mut VecDeque<DeviceId> {
        self.pools.entry(history).or_default()
    }

    /// How their tasks stand has changed for some that wait.
    pub(in crate::engine) fn sort_pools(&mut self) {
        for (history, pool) in std::mem::take(&mut self.pools) {
            for id in pool {
                let before = self.known.before(id);
                self.pool(SendHistory { before, ..history }).push_back(id);
            }
        }
    }

    /// Those that wait to be sent again.
    pub(in crate::engine) fn requeued(&self) -> Vec<DeviceId> {
        let pooled = self.pools.values().flatten().copied();
        pooled.filter(|id| self.known.was_sent(*id)).collect()
    }

    /// Those that were never sent, and wait for it or were named.
    pub(in crate::engine) fn fresh(&self, found: &Found, named: &[DeviceId]) -> Vec<DeviceId> {
        let all = found.whole_job && !found.any_unclear;
        let waiting: Vec<_> = if all {
            let fresh = self.order[self.taken..].iter();
            fresh.chain(self.pools.values().flatten()).copied().collect()
        } else {
            named.to_vec()
        };
        waiting.into_iter().filter(|id| !self.known.was_sent(*id)).collect()
    }
}
