//! Which call comes next.
//!
//! The scheduler is told how calls ended, and says what that settles. It reads no clock and makes no call, so tests can
//! simulate the platform, in every order of events and with every behaviour that is not documented.
//!
//! # A refused list
//!
//! The platform refuses a list with 24621 if a task in it is not failed, and does not say which. Whether it retries the
//! others all the same is not documented; `refusal` and `experiment` say how that is found out. The numbers decide how
//! the list goes on:
//!
//! - *Look it up.* One search over the devices of several refused lists costs one call for up to [`Limits::look`]
//!   devices; those that are failed are sent again, in full lists.
//! - *Look first.* Where more than about one list in six is refused, it is cheaper to search before anything is sent.
//!   Devices that are not failed are then sent in lists of their own, so that it is the platform that refuses them.
//!   Devices whose task nobody has seen are looked up first in any case: otherwise nobody could tell after a lost answer
//!   whether a task that is not failed was retried, or never was failed.
//! - *Halve.* Where no search is answered, the list is halved until each device that is not failed stands alone: about
//!   `2 log2(n)` calls for each.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::experiment::{Experiment, MixedList, Reading};
use super::gather::Cut;
use super::knowledge::{Before, Knowledge};
use super::lost::{DOUBTFUL, Pending};
use super::others::Withheld;
use super::refusal::Held;
use super::witness::Witness;
use super::{Call, CallId, Limits, Lookup, LookupEnd, Observation, Reply, SendEnd, StatusFilter, Step, is_searchable};
use crate::devices::{DeviceId, Devices};
use crate::journal::{CallEnd, LastSeen};
use crate::outcome::Outcome;
use crate::wait::{Next, Wait};

/// What devices have been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SendHistory {
    /// How their tasks stood before they were last sent.
    pub(super) before: Before,
    pub(super) refused: u32,
    pub(super) lost: u32,
}

pub(super) const NOT_FAILED_BEFORE: &str =
    "a search had shown that this task is not failed, and the platform accepted it";

/// So many devices that are not failed are sent one by one, as long as it is not known what becomes of a refused list.
const ALONE: usize = 8;

/// That all of so many tasks were retried and have failed again is not likely.
const SEVERAL: usize = 4;

/// From so many refusals on, searches contradict the answers, and the list is halved.
pub(super) const HALVE_FROM: u32 = 4;

/// Why devices are looked up.
#[derive(Clone, Debug)]
pub(super) enum Reason {
    /// Before they are sent.
    First,
    /// Their call was refused, with this reply.
    Refused(Arc<Reply>),
    /// The answer of their call was lost.
    Lost,
    /// They were not sent, and show whether tasks change by themselves.
    Controls,
    /// They have changed after a lost answer, and show whether they change once more by themselves.
    Again,
    /// They show whether the platform retries the others of a refused list.
    Experiment(Experiment),
    /// The platform has accepted them with this reply, although their tasks were not failed.
    PassedOver(Arc<Reply>),
}

impl Reason {
    /// Whether it is about devices that may have been retried.
    fn is_about_lost(&self) -> bool {
        matches!(self, Self::Lost | Self::Controls | Self::Again)
    }
}

/// Devices of one call that are looked up.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) devices: Vec<DeviceId>,
    pub(super) history: SendHistory,
    pub(super) reason: Reason,
    /// When their call was sent.
    pub(super) sent_at: Duration,
    /// Not before this time.
    pub(super) ready: Duration,
    /// The list of which they are a part, if it takes several searches.
    pub(super) part_of: Option<u64>,
}

/// A list that was sent.
pub(super) struct SentList {
    pub(super) devices: Vec<DeviceId>,
    pub(super) history: SendHistory,
    pub(super) sent_at: Duration,
}

/// What earlier runs of the campaign have left.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// Devices that wait to be sent although a call may have retried them.
    pub(crate) doubtful: Vec<DeviceId>,
    /// Devices that a call has carried.
    pub(crate) sent: Vec<DeviceId>,
    /// Whether somebody else was seen to retry tasks of the job.
    pub(crate) others: bool,
}

enum Open {
    Send {
        devices: Vec<DeviceId>,
        history: SendHistory,
        /// Whether it is the first call with these devices.
        fresh: bool,
        sent_at: Duration,
        experiment: Option<Experiment>,
    },
    Look(Lookup, Vec<Batch>),
}

/// How the platform lets tasks be searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Searching {
    ByKey,
    /// It refuses searches that name devices: whole jobs are read instead.
    WholeJob,
    /// Not at all.
    Never,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, learned at another time"
)]
pub(crate) struct Scheduler {
    pub(super) devices: Arc<Devices>,
    pub(super) limits: Limits,
    pub(super) known: Knowledge,
    pub(super) witness: Witness,
    pub(super) mixed: MixedList,
    /// Refused devices that wait for what is learned about mixed lists.
    pub(super) held: Vec<Held>,
    /// Lost devices that wait for what is learned about witnesses.
    pub(super) pending: Vec<Pending>,
    /// Lost devices that wait for what becomes of others of their list, by list.
    pub(super) withheld: HashMap<u64, Withheld>,
    /// Lists that take several searches, by number.
    pub(super) cut: HashMap<u64, Cut>,
    /// Devices that the last search has shown to have left `failed` since they were sent.
    pub(super) newly_left: Vec<DeviceId>,
    pub(super) searching: Searching,
    pub(super) steps: Vec<Step>,
    pub(super) random: fastrand::Rng,
    /// How long before this run the plan was made.
    pub(super) planned_before: Duration,
    /// All devices, in the order in which they are sent.
    order: Vec<DeviceId>,
    /// How many of `order` were taken, and how many may be.
    taken: usize,
    allowed: usize,
    /// How many of those that were allowed have been taken out of `order`, to be sent otherwise.
    removed: usize,
    /// Whether devices whose task nobody has seen are looked up before they are sent.
    look_first: bool,
    /// Devices to be sent, by what they have been through.
    pools: BTreeMap<SendHistory, VecDeque<DeviceId>>,
    /// Lists that are not to be mixed with others.
    halves: VecDeque<(SendHistory, Vec<DeviceId>)>,
    pub(super) lookups: VecDeque<Batch>,
    open: HashMap<CallId, Open>,
    pub(super) last_call: CallId,
    /// When the next call was last asked for.
    now: Duration,
    refusals: RefusalRate,
    /// Whether the platform has answered a retry.
    answered: bool,
    /// Whether it has refused a list.
    refused_any: bool,
    /// Whether an earlier run may have seen more than the plan knows.
    is_stale: bool,
    stopping: bool,
    any_accepted: bool,
    /// Lists refused as not valid since a single device was.
    invalid_lists: u32,
    /// Whether a search that names devices was answered.
    keyed_search_works: bool,
    /// The fewest devices that a search named which was refused as not valid.
    too_long: Option<usize>,
}

/// How often lists are refused, the latest ones counting most.
#[derive(Clone, Copy, Debug, Default)]
struct RefusalRate {
    refused: f64,
    lists: f64,
}

impl RefusalRate {
    fn saw(&mut self, lists: f64, refused: f64) {
        const MEMORY: f64 = 40.0;
        let keep = (1.0 - lists / MEMORY).max(0.0);
        self.refused = self.refused * keep + refused;
        self.lists = self.lists * keep + lists;
    }

    /// Whether it costs fewer calls to search for the devices of a list before it is sent than after it was refused.
    fn look_first(self, limits: &Limits) -> bool {
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

impl Scheduler {
    /// `before` says how the task of each device stood when the plan was made, `planned_before` how long ago that was.
    pub(crate) fn new(
        devices: Arc<Devices>,
        order: Vec<DeviceId>,
        limits: Limits,
        look_first: bool,
        planned_before: Duration,
        before: impl Fn(DeviceId) -> Before,
        random: fastrand::Rng,
    ) -> Self {
        Self {
            known: Knowledge::new(Arc::clone(&devices), before),
            witness: Witness::default(),
            mixed: MixedList::default(),
            held: Vec::new(),
            pending: Vec::new(),
            withheld: HashMap::new(),
            cut: HashMap::new(),
            newly_left: Vec::new(),
            searching: Searching::ByKey,
            steps: Vec::new(),
            random,
            planned_before,
            devices,
            limits,
            order,
            taken: 0,
            allowed: 0,
            removed: 0,
            look_first,
            pools: BTreeMap::new(),
            halves: VecDeque::new(),
            lookups: VecDeque::new(),
            open: HashMap::new(),
            last_call: CallId::EARLIER,
            now: Duration::ZERO,
            refusals: RefusalRate::default(),
            answered: false,
            refused_any: false,
            is_stale: false,
            stopping: false,
            any_accepted: false,
            invalid_lists: 0,
            keyed_search_works: false,
            too_long: None,
        }
    }

    /// An earlier run may have seen more of the tasks than the plan knows.
    pub(crate) fn goes_on(&mut self, earlier: &Earlier) {
        self.is_stale = true;
        for id in &earlier.doubtful {
            self.known.set_doubtful(*id);
        }
        for id in &earlier.sent {
            self.known.set_sent_before(*id);
        }
        if earlier.others {
            self.known.set_others();
        }
    }

    /// Whether a call may have retried the device although it waits to be sent again.
    pub(crate) fn is_doubtful(&self, id: DeviceId) -> bool {
        self.known.is_doubtful(id)
    }

    /// Allows the first so many devices of the order to be sent. Those that were not failed when the plan was made are looked
    /// up first: only how they are now shows later whether a call has moved them.
    pub(crate) fn allow(&mut self, count: usize) {
        self.allowed = count.saturating_sub(self.removed).min(self.order.len());
        let allowed = self.order[self.taken.min(self.allowed)..self.allowed].iter();
        let not_failed: Vec<_> = allowed
            .copied()
            .filter(|id| self.known.before(*id) == Before::NotFailed)
            .collect();
        if not_failed.is_empty() {
            return;
        }
        self.take_waiting(&not_failed);
        let history = SendHistory {
            before: Before::NotFailed,
            ..SendHistory::default()
        };
        self.look_up(not_failed, history, Reason::First, Duration::ZERO);
    }

    /// Takes up devices whose last call was left in doubt by an earlier run.
    pub(crate) fn in_doubt(&mut self, devices: Vec<DeviceId>, before: Before, ready: Duration) {
        let history = self.history_of(&devices, before);
        let history = SendHistory { lost: 1, ..history };
        self.look_up(devices, history, Reason::Lost, ready);
    }

    /// What an earlier run knows of a device that was taken up: how its task was before its last call, and whether it was seen
    /// not to be failed after it.
    pub(crate) fn recall(&mut self, id: DeviceId, last_seen: Option<LastSeen>, has_left: bool) {
        if let Some(seen) = last_seen {
            self.known.recall(id, seen);
        }
        if has_left {
            self.known.set_left(id);
        }
    }

    /// How the tasks of devices were when they were last looked at; empty if none was.
    pub(crate) fn last_seen(&self, devices: &[DeviceId]) -> Vec<Option<LastSeen>> {
        let seen: Vec<_> = devices.iter().map(|id| self.known.last_seen(*id)).collect();
        if seen.iter().all(Option::is_none) {
            Vec::new()
        } else {
            seen
        }
    }

    /// Takes up devices that were not failed, and whose last call the platform has accepted in an earlier run.
    pub(crate) fn accepted_before(&mut self, devices: Vec<DeviceId>, reply: Arc<Reply>, ready: Duration) {
        let history = self.history_of(&devices, Before::NotFailed);
        self.look_up(devices, history, Reason::PassedOver(reply), ready);
    }

    /// Takes up devices whose last call was refused in an earlier run, before it was known why.
    pub(crate) fn refused_before(
        &mut self,
        devices: Vec<DeviceId>,
        before: Before,
        reply: Arc<Reply>,
        ready: Duration,
    ) {
        let history = self.history_of(&devices, before);
        let history = SendHistory { refused: 1, ..history };
        self.look_up(devices, history, Reason::Refused(reply), ready);
    }

    /// Devices of one call, which an earlier run has sent.
    fn history_of(&mut self, devices: &[DeviceId], before: Before) -> SendHistory {
        for id in devices {
            self.known.set_sent(*id, CallId::EARLIER);
            self.known.set_before(*id, before);
        }
        SendHistory {
            before,
            ..SendHistory::default()
        }
    }

    /// Sends nothing any more. What is in doubt is still searched for.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.lookups.retain(|batch| batch.reason.is_about_lost());
    }

    /// Makes no call any more, and expects only the ends of retries.
    pub(crate) fn abandon(&mut self) {
        self.stop();
        self.lookups.clear();
        self.open.retain(|_, open| matches!(open, Open::Send { .. }));
    }

    /// Whether there is anything to do, or in flight.
    pub(crate) fn has_work(&self) -> bool {
        // What is held may have to wait for the next wave.
        let held = !self.held.is_empty() && self.allowed == self.order.len();
        let to_send =
            !self.stopping && (self.taken < self.allowed || !self.pools.is_empty() || !self.halves.is_empty() || held);
        to_send || !self.lookups.is_empty() || !self.open.is_empty()
    }

    /// Devices that a search has shown not to be failed, and that the platform has not refused yet.
    pub(crate) fn known_not_failed(&self) -> usize {
        let pools = self.pools.iter();
        let pools = pools.filter(|(history, _)| history.before == Before::NotFailed);
        pools.map(|(_, pool)| pool.len()).sum()
    }

    /// Whether the platform was seen to leave the others of a refused list alone.
    pub(crate) fn leaves_others_alone(&self) -> bool {
        self.mixed.is_refused()
    }

    /// Whether any call has been accepted.
    pub(crate) fn any_accepted(&self) -> bool {
        self.any_accepted
    }

    /// What was learned since this was last asked.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The next call, if there is one to make now. Take the [steps](Self::take_steps) afterwards.
    pub(crate) fn next(&mut self, now: Duration) -> Next<(CallId, Call)> {
        self.now = now;
        if let Some(call) = self.next_lookup(now) {
            return Next::Do(call);
        }
        if !self.stopping
            && let Some(call) = self.next_send()
        {
            return Next::Do(call);
        }
        Next::Wait(match self.lookups.iter().map(|batch| batch.ready).min() {
            Some(ready) if ready > now => Wait::Until(ready),
            _ if !self.open.is_empty() => Wait::NextEnd,
            Some(ready) => Wait::Until(ready),
            None => Wait::Never,
        })
    }

    fn next_send(&mut self) -> Option<(CallId, Call)> {
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
    fn reserved(&self) -> usize {
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

    /// Whether devices are looked up, or wait for that, for such a reason.
    pub(super) fn is_looking(&self, wanted: impl Fn(&Reason) -> bool) -> bool {
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
    pub(super) fn is_experimenting(&self) -> bool {
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

    fn next_half(&mut self) -> Option<(CallId, Call)> {
        // The smallest first: if even a single device is not valid, it is not for the devices.
        let (history, half) = self.halves.pop_back()?;
        Some(self.send(half, history, false, None))
    }

    fn next_lookup(&mut self, now: Duration) -> Option<(CallId, Call)> {
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
    fn is_probing(&self) -> bool {
        !self.keyed_search_works && self.too_long.is_some()
    }

    fn filter_of(&self, batch: &Batch) -> StatusFilter {
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

    fn most_devices(&self, filter: StatusFilter) -> usize {
        match filter {
            StatusFilter::NotFailed | StatusFilter::Ended | StatusFilter::Failed => self.limits.look,
            StatusFilter::All => self.limits.look.min(self.limits.page),
        }
        .max(1)
    }

    /// Devices that were never sent, up to this place in the order.
    fn next_fresh(&mut self, end: usize) -> Option<(CallId, Call)> {
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
            Searching::WholeJob => before == Before::Unknown && self.look_first,
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

    fn next_from_pools(&mut self, only_full: bool) -> Option<(CallId, Call)> {
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

    pub(super) fn send(
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

    fn call_id(&mut self) -> CallId {
        self.last_call = CallId(self.last_call.0 + 1);
        self.last_call
    }

    /// Up to so many devices at random that may be sent, were never sent, and were seen to be failed.
    pub(super) fn waiting(&mut self, most: usize) -> Vec<DeviceId> {
        self.not_sent(self.allowed, most)
    }

    /// The same, with those that wait for a later wave.
    pub(super) fn controls(&mut self, most: usize) -> Vec<DeviceId> {
        self.not_sent(self.order.len(), most)
    }

    fn not_sent(&mut self, end: usize, most: usize) -> Vec<DeviceId> {
        let fresh = self.order[self.taken.min(end)..end].iter();
        let candidates = fresh.chain(self.pools.values().flatten()).copied();
        let (known, devices) = (&self.known, &self.devices);
        let candidates = candidates.filter(|id| {
            known.before(*id) == Before::Failed && !known.was_sent(*id) && is_searchable(devices.key(*id))
        });
        self.random.choose_multiple(candidates, most)
    }

    /// These wait to be sent again as before.
    pub(super) fn put_back(&mut self, devices: &[DeviceId]) {
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
    pub(super) fn take_waiting(&mut self, devices: &[DeviceId]) {
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

    fn sent_in_vain(&mut self, devices: Vec<DeviceId>, history: SendHistory, end: &SendEnd, now: Duration) {
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

    fn too_many(&mut self, devices: Vec<DeviceId>, history: SendHistory, end: &SendEnd) {
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

    pub(super) fn halve(&mut self, history: SendHistory, mut devices: Vec<DeviceId>) {
        let rest = devices.split_off(devices.len() / 2);
        let halves = [devices, rest].into_iter().filter(|half| !half.is_empty());
        self.halves.extend(halves.map(|half| (history, half)));
    }

    /// These wait to be sent again, each with how its task stands now.
    pub(super) fn requeue(&mut self, devices: Vec<DeviceId>, history: SendHistory) {
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

    fn pool(&mut self, history: SendHistory) -> &mut VecDeque<DeviceId> {
        self.pools.entry(history).or_default()
    }

    pub(super) fn look_up(&mut self, devices: Vec<DeviceId>, history: SendHistory, reason: Reason, ready: Duration) {
        self.look_up_sent(devices, history, reason, Duration::ZERO, ready);
    }

    pub(super) fn look_up_sent(
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
    fn look_at_sent(&mut self, look: CallId, found: &Found, named: &[DeviceId]) {
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
    fn look_at_waiting(&mut self, look: CallId, found: &Found, named: &[DeviceId]) {
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

    /// How their tasks stand has changed for some that wait.
    pub(super) fn sort_pools(&mut self) {
        for (history, pool) in std::mem::take(&mut self.pools) {
            for id in pool {
                let before = self.known.before(id);
                self.pool(SendHistory { before, ..history }).push_back(id);
            }
        }
    }

    /// Those that wait to be sent again.
    pub(super) fn requeued(&self) -> Vec<DeviceId> {
        let pooled = self.pools.values().flatten().copied();
        pooled.filter(|id| self.known.was_sent(*id)).collect()
    }

    /// Those that were never sent, and wait for it or were named.
    pub(super) fn fresh(&self, found: &Found, named: &[DeviceId]) -> Vec<DeviceId> {
        let all = found.whole_job && !found.any_unclear;
        let waiting: Vec<_> = if all {
            let fresh = self.order[self.taken..].iter();
            fresh.chain(self.pools.values().flatten()).copied().collect()
        } else {
            named.to_vec()
        };
        waiting.into_iter().filter(|id| !self.known.was_sent(*id)).collect()
    }

    /// A search was refused as not valid: it names too many devices, or none may be named at all. The first two searches
    /// tell which: the second names a single device.
    fn search_is_invalid(&mut self, lookup: &Lookup, mut batches: Vec<Batch>, now: Duration) {
        let named = lookup.devices.len();
        if lookup.whole_job {
            self.cannot_search("the platform refuses to list the failed tasks of the job", batches);
            return;
        }
        if named > 1 {
            self.too_long = Some(self.too_long.map_or(named, |too_long| too_long.min(named)));
            self.limits.look = if self.keyed_search_works {
                self.limits.look.min(named / 2)
            } else {
                1
            };
        } else if self.searching == Searching::ByKey {
            self.searching = Searching::WholeJob;
            self.limits.look = self.too_long.take().unwrap_or(self.limits.page);
            self.steps.push(Step::Learned(
                "the platform refuses searches by device key; the failed tasks of the job are read instead".into(),
            ));
        }
        for batch in &mut batches {
            batch.ready = now;
        }
        self.lookups.extend(batches);
    }

    /// Goes on without searches.
    fn cannot_search(&mut self, why: &str, batches: Vec<Batch>) {
        if self.searching != Searching::Never {
            self.searching = Searching::Never;
            self.steps
                .push(Step::Learned(format!("devices cannot be looked up: {why}").into()));
        }
        let mut batches: Vec<_> = batches.into_iter().chain(self.lookups.drain(..)).collect();
        self.put_together(&mut batches);
        for batch in batches {
            match batch.reason {
                Reason::First => {
                    let history = batch.history;
                    self.pool(history).extend(batch.devices);
                }
                Reason::Refused(_) => {
                    self.steps.push(Step::Requeue(batch.devices.clone()));
                    self.halve(batch.history, batch.devices);
                }
                Reason::Experiment(experiment) => {
                    let sample = self.call_off(experiment);
                    self.steps.push(Step::Requeue(sample.clone()));
                    self.halve(batch.history, sample);
                }
                Reason::Lost => self.steps.push(Step::settle(
                    batch.devices,
                    Outcome::Unknown,
                    &Reply::of("the answer was lost, and the task could not be looked up"),
                )),
                Reason::PassedOver(reply) => {
                    let reply = reply.saying(NOT_FAILED_BEFORE);
                    self.steps.push(Step::settle(batch.devices, Outcome::Unknown, &reply));
                }
                Reason::Controls | Reason::Again => {}
            }
        }
        self.give_up_pending();
    }

    pub(super) fn judge(&mut self, batch: Batch, found: &Found) {
        match batch.reason.clone() {
            Reason::First => self.judge_first(batch, found),
            Reason::Refused(reply) => self.judge_refused(batch, &reply, found),
            Reason::Lost => self.judge_lost(batch, found),
            Reason::Controls => self.judge_controls(&batch.devices, found),
            Reason::Again => self.judge_again(&batch.devices, found),
            Reason::Experiment(experiment) => self.judge_experiment(batch, &experiment, found),
            Reason::PassedOver(reply) => self.judge_passed_over(batch, &reply, found),
        }
    }

    fn judge_first(&mut self, batch: Batch, found: &Found) {
        let size = self.limits.chunk.max(1);
        if batch.history.before == Before::Failed {
            for list in batch.devices.chunks(size) {
                let refused = list.iter().any(|id| !matches!(self.seen(*id, found), Seen::Failed(_)));
                #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
                let share = list.len() as f64 / size as f64;
                self.refusals.saw(share, if refused { share } else { 0.0 });
            }
        }
        let mut unknown = Vec::new();
        for id in batch.devices {
            match self.seen(id, found) {
                // The platform's refusal would tell nothing of the earlier call.
                Seen::NotFailed(_) if self.known.is_doubtful(id) => {
                    unknown.push(id);
                    continue;
                }
                Seen::Failed(Some(task)) | Seen::NotFailed(Some(task)) => self.known.observe(id, task, found.now),
                Seen::Failed(None) => self.known.observe_failed(id, found.now),
                Seen::NotFailed(None) | Seen::NoTask => self.known.observe_not_failed(id),
                Seen::Unclear => {}
            }
            let before = self.known.before(id);
            self.pool(SendHistory {
                before,
                ..batch.history
            })
            .push_back(id);
        }
        self.settle_as(unknown, Outcome::Unknown, DOUBTFUL);
    }

    pub(super) fn seen<'f>(&self, id: DeviceId, found: &'f Found) -> Seen<'f> {
        match found.tasks.get(&id) {
            Some(task) if task.status == super::Status::Failed => Seen::Failed(Some(task)),
            Some(task) => Seen::NotFailed(Some(task)),
            None if found.any_unclear || found.unclear.contains(&id) => Seen::Unclear,
            None if found.whole_job => Seen::NotFailed(None),
            None if !is_searchable(self.devices.key(id)) => Seen::Unclear,
            None if found.filter == StatusFilter::NotFailed => Seen::Failed(None),
            None => Seen::NoTask,
        }
    }
}

/// What a search has shown.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) tasks: HashMap<DeviceId, Observation>,
    pub(super) unclear: HashSet<DeviceId>,
    pub(super) any_unclear: bool,
    filter: StatusFilter,
    pub(super) whole_job: bool,
    pub(super) now: Duration,
}

impl Found {
    /// Takes what another search has shown of these devices.
    pub(super) fn add(&mut self, other: &Self, devices: &[DeviceId]) {
        let tasks = devices
            .iter()
            .filter_map(|id| Some((*id, other.tasks.get(id)?.clone())));
        self.tasks.extend(tasks);
        // Of what is not found beside a row that nobody can read, nothing is known.
        let missing =
            |id: &&DeviceId| other.unclear.contains(*id) || (other.any_unclear && !other.tasks.contains_key(*id));
        self.unclear.extend(devices.iter().filter(missing).copied());
        self.now = self.now.max(other.now);
    }
}

/// How a search shows a device.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'f> {
    /// Its task is failed.
    Failed(Option<&'f Observation>),
    /// Its task is not failed.
    NotFailed(Option<&'f Observation>),
    /// The job has no task for it.
    NoTask,
    /// A search cannot name it, or its row cannot be read.
    Unclear,
}
