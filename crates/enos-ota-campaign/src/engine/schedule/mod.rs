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

mod earlier;
mod found;
mod lookup;
mod queue;
mod sent;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use earlier::Earlier;
pub(super) use found::{Found, Seen};
use sent::RefusalRate;

use super::experiment::{Experiment, MixedList};
use super::gather::Cut;
use super::knowledge::{Before, Knowledge};
use super::lost::Pending;
use super::others::Withheld;
use super::refusal::Held;
use super::witness::Witness;
use super::{Call, CallId, Limits, Lookup, Reply, Step};
use crate::devices::{DeviceId, Devices};
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

    fn call_id(&mut self) -> CallId {
        self.last_call = CallId(self.last_call.0 + 1);
        self.last_call
    }
}
