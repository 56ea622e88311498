//! Looking tasks up: what to ask next, and what an answer shows of every device in it.

use std::time::Duration;

use super::found::{Found, Seen};
use super::{Batch, Open, Reason, Scheduler, Searching, SendHistory};
use crate::devices::DeviceId;
use crate::engine::knowledge::Before;
use crate::engine::{Call, CallId, Lookup, LookupEnd, StatusFilter};

impl Scheduler {
    /// Whether devices are looked up, or wait for that, for such a reason.
    pub(in crate::engine) fn is_looking(&self, wanted: impl Fn(&Reason) -> bool) -> bool {
        let open = self.open.values().filter_map(|open| match open {
            Open::Look(_, batches) => Some(batches),
            Open::Send { .. } => None,
        });
        self.lookups
            .iter()
            .chain(open.flatten())
            .any(|batch| wanted(&batch.reason))
    }

    /// Whether an experiment is in flight or looked at.
    pub(in crate::engine) fn is_experimenting(&self) -> bool {
        let sent = |open: &Open| {
            matches!(
                open,
                Open::Send {
                    experiment: Some(_),
                    ..
                }
            )
        };
        self.open.values().any(sent) || self.is_looking(|reason| matches!(reason, Reason::Experiment(_)))
    }

    pub(super) fn next_lookup(&mut self, now: Duration) -> Option<(CallId, Call)> {
        let first = self.lookups.iter().position(|batch| batch.ready <= now)?;
        let whole_job = self.searching == Searching::WholeJob;
        // One reading of the job serves all that come together meanwhile; and one search at a time is enough to learn
        // whether devices can be searched for at all.
        if (whole_job || self.is_probing()) && self.open.values().any(|open| matches!(open, Open::Look(..))) {
            return None;
        }
        let filter = self.filter_of(&self.lookups[first]);
        let most = if whole_job {
            usize::MAX
        } else {
            self.most_devices(filter)
        };
        let mut batches = Vec::new();
        let mut count = 0_usize;
        let mut index = first;
        while index < self.lookups.len() && count < most {
            let batch = &self.lookups[index];
            let fits = batch.ready <= now
                && self.filter_of(batch) == filter
                && (count == 0 || count + batch.devices.len() <= most);
            if fits && let Some(batch) = self.lookups.remove(index) {
                count += batch.devices.len();
                batches.push(batch);
            } else {
                index += 1;
            }
        }
        // The first may be too long on its own.
        if let [batch] = batches.as_mut_slice()
            && batch.devices.len() > most
        {
            let rest = self.cut_off(batch, most);
            self.lookups.push_front(rest);
        }
        let lookup = Lookup {
            filter,
            devices: batches.iter().flat_map(|batch| batch.devices.iter().copied()).collect(),
            whole_job,
        };
        let id = self.call_id();
        self.open.insert(id, Open::Look(lookup.clone(), batches));
        Some((id, Call::Look(lookup)))
    }

    /// Whether it is being learned if searches may name devices.
    pub(super) fn is_probing(&self) -> bool {
        !self.keyed_search_works && self.too_long.is_some()
    }

    pub(super) fn filter_of(&self, batch: &Batch) -> StatusFilter {
        if self.searching == Searching::WholeJob {
            return StatusFilter::Failed;
        }
        match batch.reason {
            Reason::First if batch.history.before == Before::Failed => StatusFilter::NotFailed,
            Reason::Refused(_) if batch.history.refused < 2 && batch.history.lost == 0 && self.mixed.is_refused() => {
                StatusFilter::NotFailed
            }
            Reason::First
            | Reason::Refused(_)
            | Reason::Lost
            | Reason::Controls
            | Reason::Again
            | Reason::Experiment(_)
            | Reason::PassedOver(_) => StatusFilter::All,
        }
    }

    pub(super) fn most_devices(&self, filter: StatusFilter) -> usize {
        match filter {
            StatusFilter::NotFailed | StatusFilter::Ended | StatusFilter::Failed => self.limits.look,
            StatusFilter::All => self.limits.look.min(self.limits.page),
        }
        .max(1)
    }

    pub(in crate::engine) fn look_up(
        &mut self,
        devices: Vec<DeviceId>,
        history: SendHistory,
        reason: Reason,
        ready: Duration,
    ) {
        self.look_up_sent(devices, history, reason, Duration::ZERO, ready);
    }

    pub(in crate::engine) fn look_up_sent(
        &mut self,
        devices: Vec<DeviceId>,
        history: SendHistory,
        reason: Reason,
        sent_at: Duration,
        ready: Duration,
    ) {
        if !devices.is_empty() {
            self.lookups.push_back(Batch {
                devices,
                history,
                reason,
                sent_at,
                ready,
                part_of: None,
            });
        }
    }

    /// A search has ended. Take the [steps](Self::take_steps) afterwards.
    pub(crate) fn looked(&mut self, id: CallId, end: LookupEnd, now: Duration) {
        let Some(Open::Look(lookup, mut batches)) = self.open.remove(&id) else {
            return;
        };
        if self.stopping {
            batches.retain(|batch| batch.reason.is_about_lost());
        }
        match end {
            LookupEnd::Found(shown) => {
                if !lookup.whole_job {
                    self.keyed_search_works = true;
                    if let Some(too_long) = self.too_long.take() {
                        self.limits.look = (too_long / 2).max(1);
                    }
                }
                let found = Found {
                    tasks: shown.tasks.into_iter().collect(),
                    unclear: shown.unclear.into_iter().collect(),
                    any_unclear: shown.any_unclear,
                    filter: lookup.filter,
                    whole_job: lookup.whole_job,
                    now,
                };
                self.look_for_others(&found, &lookup.devices);
                self.look_at_sent(id, &found, &lookup.devices);
                for batch in batches {
                    self.gather(batch, &found);
                }
                self.look_at_waiting(id, &found, &lookup.devices);
                self.settle_held();
                self.tell_who_left();
            }
            LookupEnd::Again => {
                for batch in &mut batches {
                    batch.ready = now;
                }
                self.lookups.extend(batches);
            }
            LookupEnd::Invalid => self.search_is_invalid(&lookup, batches, now),
            LookupEnd::Never(why) => self.cannot_search(&why, batches),
        }
    }

    /// A search may show devices that were sent, before their own is due: what has left `failed` once was retried, even if
    /// it has failed again by then.
    pub(super) fn look_at_sent(&mut self, look: CallId, found: &Found, named: &[DeviceId]) {
        let in_flight = self.open.values().filter_map(|open| match open {
            Open::Send { devices, .. } => Some(devices),
            Open::Look(..) => None,
        });
        let looked_up = self.lookups.iter().map(|batch| &batch.devices);
        let sent: Vec<_> = if found.whole_job {
            in_flight.chain(looked_up).flatten().copied().collect()
        } else {
            named.to_vec()
        };
        for id in sent {
            // A search that was begun before the call may show how the task was before it.
            let after = self.known.was_sent_before(id, look);
            if after && matches!(self.seen(id, found), Seen::NotFailed(_)) && self.known.set_left(id) {
                self.newly_left.push(id);
            }
        }
    }

    /// A search may show devices that wait to be sent, too: the last look before a call decides what it can have done.
    pub(super) fn look_at_waiting(&mut self, look: CallId, found: &Found, named: &[DeviceId]) {
        self.look_at_requeued(look, found, named);
        let waiting = self.fresh(found, named);
        if waiting.is_empty() {
            return;
        }
        for id in waiting {
            match found.tasks.get(&id) {
                Some(task) => self.known.observe(id, task, found.now),
                None if found.whole_job && !found.unclear.contains(&id) => self.known.observe_not_failed(id),
                None => {}
            }
        }
        self.sort_pools();
    }
}
