//! What to do next: the decisions of a campaign, without any I/O.
//!
//! [`Core`] says which call to make, is told how it ended, and says what that settles. It reads no clock and makes no
//! call, so that a test can play platform, in every order of events and with every behaviour that is not documented.
//!
//! # A refused list
//!
//! The platform refuses a list with 24621 if a task in it is not failed, and does not say which. Whether it retries the
//! others all the same is not documented. There are three ways on, and the numbers decide:
//!
//! - *Look it up.* One search over the devices of several refused lists, for those that are not failed, costs one call
//!   for up to [`Limits::look`] devices; the others are sent again, in full lists. Two calls and a bit for a list.
//! - *Look first.* Where more than about one list in six is refused, it is cheaper to search before anything is sent.
//!   Devices that are not failed are then sent in lists of their own, so that it is the platform that refuses them.
//!   Devices that a person named are looked up first in any case, if they are more than a list: otherwise nobody could
//!   tell after a lost answer whether a device that is not failed was retried, or never was failed.
//! - *Halve.* Where searches are refused, or contradict the platform's answers, the list is halved until each guilty
//!   device stands alone: about `2 log2(n)` calls for each. Never cheaper than a search for lists of more than four.
//!
//! # A lost answer
//!
//! Reads may be two seconds behind, so a search that long after the call tells whether the devices were retried: what is
//! not failed any more was; what is still failed, unchanged, was not, and is sent again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::tasks;

use crate::devices::{DeviceId, Devices};
use crate::journal::CallEnd;
use crate::outcome::Outcome;

/// How much goes into a call. The platform's own limits are not documented, so these shrink when it complains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Devices that a retry carries.
    pub(crate) chunk: usize,
    /// Devices that a search names, where few results are expected.
    pub(crate) look: usize,
    /// Results on a page, and devices that a search names where each gives a result.
    pub(crate) page: usize,
    /// How long after a call a search tells what it has done.
    pub(crate) lag: Duration,
    /// How many answers in a row may be lost for the same devices.
    pub(crate) lost: u32,
}

/// What a search asks of the devices that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// Which are not failed? A device that is not in the answer is failed, or has no task.
    NotFailed,
    /// How is each?
    Everything,
    /// Which have ended, in success or failure?
    Ended,
    /// Which are failed?
    Failed,
}

/// How a search shows a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Failed,
    UnderWay,
    Succeeded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) device: DeviceId,
    pub(crate) status: Status,
    pub(crate) updated_ms: Option<i64>,
    /// Why it failed.
    pub(crate) reason: Option<Arc<str>>,
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Send {
        devices: Vec<DeviceId>,
        /// A search has shown that they are not failed: the platform is to refuse them.
        not_failed: bool,
    },
    Look(Question, Vec<DeviceId>),
}

/// The number of a call within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Call(Ticket, Call),
    /// Nothing before this time, unless a call ends.
    At(Duration),
    /// Nothing unless a call ends.
    WhenOneEnds,
    /// Every device that was given has an outcome, or the campaign has stopped and no call is under way.
    Done,
}

/// What the platform said with the end of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<Arc<str>>,
    pub(crate) request_id: Option<Arc<str>>,
}

impl Note {
    /// The same of devices that were not sent for it.
    pub(crate) fn not_sent(&self) -> Self {
        Self {
            code: None,
            message: self
                .message
                .as_ref()
                .map(|message| format!("not sent: {message}").into()),
            request_id: None,
        }
    }

    fn saying(&self, more: &str) -> Self {
        let message = match &self.message {
            Some(message) => format!("{message} ({more})"),
            None => more.to_owned(),
        };
        Self {
            message: Some(message.into()),
            ..self.clone()
        }
    }
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookEnd {
    Rows(Vec<Row>),
    /// Nothing came back; the same may be asked again.
    Again,
    /// The list is too long for the platform.
    TooMany,
    /// The application may not search, or these devices cannot be searched for.
    Never,
}

/// What is known now that was not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Settle {
        devices: Vec<DeviceId>,
        outcome: Outcome,
        note: Arc<Note>,
    },
    /// Of a call that was lost or refused: these wait to be sent again.
    Requeue(Vec<DeviceId>),
    /// Fewer devices a call from now on.
    Shrunk { chunk: usize },
}

/// Why devices are searched for.
#[derive(Clone, Debug)]
enum Why {
    /// Before they are sent.
    First,
    /// Their call was refused, with this note.
    Refused(Arc<Note>),
    /// The answer of their call was lost.
    Lost,
}

/// Devices that share a past.
#[derive(Clone, Debug)]
struct Batch {
    devices: Vec<DeviceId>,
    past: Past,
    why: Why,
    /// When their last call left, by the wall clock.
    sent_ms: i64,
    /// Not to be searched for before.
    ready: Duration,
}

/// What devices have been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Past {
    /// Sent on their own, as they are known not to be failed.
    not_failed: bool,
    refused: u32,
    lost: u32,
}

/// From so many refusals on, searches contradict the answers, and the list is halved.
const HALVE_FROM: u32 = 4;

/// A task that was changed this long before a call by the platform's clock may have been changed by it: the clocks
/// differ.
pub(crate) const CLOCKS_DIFFER_MS: i64 = 30_000;

/// No more than this can the clocks differ: a call whose timestamp is further off is not taken.
const CLOCKS_DIFFER_AT_MOST_MS: i64 = 15 * 60_000;

enum Open {
    Send {
        devices: Vec<DeviceId>,
        past: Past,
        fresh: bool,
    },
    Look(Question, Vec<Batch>),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, learned at another time"
)]
pub(crate) struct Core {
    devices: Arc<Devices>,
    limits: Limits,
    /// Devices whose task was seen to be failed before they were last sent.
    known_failed: Vec<bool>,
    /// All devices, in the order in which they are sent.
    order: Vec<DeviceId>,
    /// How many of `order` were taken, and how many may be.
    taken: usize,
    allowed: usize,
    /// How many devices a list had at first.
    first_chunk: usize,
    /// Devices to be sent, by what they have been through.
    pools: BTreeMap<Past, VecDeque<DeviceId>>,
    /// Lists to be halved: not to be mixed with others.
    halves: VecDeque<(Past, Vec<DeviceId>)>,
    looks: VecDeque<Batch>,
    open: HashMap<Ticket, Open>,
    last_ticket: u64,
    guilt: Guilt,
    /// A list that was refused has been seen to leave its devices as they were.
    all_or_nothing: bool,
    cannot_look: bool,
    stopping: bool,
    any_accepted: bool,
    /// Lists refused as not valid since a single device was.
    invalid_lists: u32,
}

/// How often lists are refused, the latest ones counting most.
#[derive(Clone, Copy, Debug)]
struct Guilt {
    refused: f64,
    lists: f64,
}

impl Guilt {
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

impl Core {
    /// `known_failed` if the devices were selected because their tasks are failed. Otherwise those are known to be that
    /// were looked up and found so.
    pub(crate) fn new(devices: Arc<Devices>, order: Vec<DeviceId>, limits: Limits, known_failed: bool) -> Self {
        let is_failed = |id| known_failed || devices.facts(id).updated_ms.is_some();
        Self {
            known_failed: devices.ids().map(is_failed).collect(),
            devices,
            limits,
            order,
            taken: 0,
            allowed: 0,
            first_chunk: limits.chunk,
            pools: BTreeMap::new(),
            halves: VecDeque::new(),
            looks: VecDeque::new(),
            open: HashMap::new(),
            last_ticket: 0,
            guilt: Guilt {
                refused: 0.0,
                lists: 0.0,
            },
            all_or_nothing: false,
            cannot_look: false,
            stopping: false,
            any_accepted: false,
            invalid_lists: 0,
        }
    }

    /// Allows the first so many devices of the order to be sent.
    pub(crate) fn allow(&mut self, count: usize) {
        self.allowed = count.min(self.order.len());
    }

    /// Takes up devices whose last call was left in doubt by an earlier run. `not_failed` if a search had shown before
    /// that they are not failed.
    pub(crate) fn in_doubt(&mut self, devices: Vec<DeviceId>, not_failed: bool, sent_ms: i64, ready: Duration) {
        if !not_failed && self.looks_first() {
            for device in &devices {
                self.known_failed[device.index()] = true;
            }
        }
        let past = Past {
            not_failed,
            lost: 1,
            ..Past::default()
        };
        self.wait_for_look(devices, past, Why::Lost, sent_ms, ready);
    }

    /// Whether devices that a person named are searched for before they are sent. For a single list it is not worth it.
    fn looks_first(&self) -> bool {
        self.devices.len() > self.first_chunk
    }

    /// Takes up devices whose last call was refused in an earlier run, before it was known which were guilty.
    pub(crate) fn suspect(&mut self, devices: Vec<DeviceId>, note: Arc<Note>, sent_ms: i64, ready: Duration) {
        let past = Past {
            refused: 1,
            ..Past::default()
        };
        self.wait_for_look(devices, past, Why::Refused(note), sent_ms, ready);
    }

    /// Sends nothing any more. What is in doubt is still searched for.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.looks.retain(|batch| matches!(batch.why, Why::Lost));
    }

    /// Makes no call any more, and expects only the ends of retries.
    pub(crate) fn abandon(&mut self) {
        self.stop();
        self.looks.clear();
        self.open.retain(|_, open| matches!(open, Open::Send { .. }));
    }

    /// Whether there is anything to do, or under way.
    pub(crate) fn has_work(&self) -> bool {
        let to_send =
            !self.stopping && (self.taken < self.allowed || !self.pools.is_empty() || !self.halves.is_empty());
        to_send || !self.looks.is_empty() || !self.open.is_empty()
    }

    /// Devices that a search has shown not to be failed, and that the platform has not refused yet.
    pub(crate) fn known_guilty(&self) -> usize {
        let pools = self.pools.iter().filter(|(past, _)| past.not_failed);
        pools.map(|(_, pool)| pool.len()).sum()
    }

    /// Whether a search can name the device: how the platform escapes a quote is not documented.
    fn is_searchable(&self, device: DeviceId) -> bool {
        is_searchable(self.devices.key(device))
    }

    /// Whether any call has been accepted.
    pub(crate) fn any_accepted(&self) -> bool {
        self.any_accepted
    }

    /// The next call, if there is one to make now.
    pub(crate) fn next(&mut self, now: Duration) -> Next {
        if let Some(call) = self.next_look(now) {
            return call;
        }
        if !self.stopping {
            if let Some((past, half)) = self.halves.pop_front() {
                return self.send(half, past, false);
            }
            if let Some(call) = self.next_from_pools(true) {
                return call;
            }
            if let Some(call) = self.next_fresh() {
                return call;
            }
            // Nothing can come to fill up the lists that are not full.
            let more_to_come = !self.looks.is_empty() || self.open.values().any(|open| matches!(open, Open::Look(..)));
            if !more_to_come && let Some(call) = self.next_from_pools(false) {
                return call;
            }
        }
        match self.looks.iter().map(|batch| batch.ready).min() {
            Some(ready) if ready > now => Next::At(ready),
            _ if !self.open.is_empty() => Next::WhenOneEnds,
            Some(ready) => Next::At(ready),
            None => Next::Done,
        }
    }

    fn next_look(&mut self, now: Duration) -> Option<Next> {
        let first = self.looks.iter().position(|batch| batch.ready <= now)?;
        let question = self.question_of(&self.looks[first]);
        let most = self.most_devices(question);
        let mut batches = Vec::new();
        let mut count = 0;
        let mut index = first;
        while index < self.looks.len() && count < most {
            let batch = &self.looks[index];
            let fits = batch.ready <= now
                && self.question_of(batch) == question
                && (count == 0 || count + batch.devices.len() <= most);
            if fits && let Some(batch) = self.looks.remove(index) {
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
            let rest = Batch {
                devices: batch.devices.split_off(most),
                ..batch.clone()
            };
            self.looks.push_front(rest);
        }
        let devices = batches.iter().flat_map(|batch| batch.devices.iter().copied()).collect();
        let ticket = self.ticket();
        self.open.insert(ticket, Open::Look(question, batches));
        Some(Next::Call(ticket, Call::Look(question, devices)))
    }

    fn question_of(&self, batch: &Batch) -> Question {
        match batch.why {
            Why::First => Question::NotFailed,
            Why::Refused(_) if batch.past.refused < 2 && self.all_or_nothing => Question::NotFailed,
            Why::Refused(_) | Why::Lost => Question::Everything,
        }
    }

    fn most_devices(&self, question: Question) -> usize {
        match question {
            Question::NotFailed | Question::Ended | Question::Failed => self.limits.look,
            Question::Everything => self.limits.look.min(self.limits.page),
        }
        .max(1)
    }

    fn next_fresh(&mut self) -> Option<Next> {
        let left = self.allowed - self.taken.min(self.allowed);
        if left == 0 {
            return None;
        }
        let window = &self.order[self.taken..self.taken + left.min(self.limits.look)];
        let unknown = window.iter().any(|device| !self.known_failed[device.index()]);
        let worth_it = left > self.limits.chunk && self.guilt.look_first(&self.limits);
        let look_first = !self.cannot_look && ((unknown && self.looks_first()) || worth_it);
        let count = if look_first {
            window.len()
        } else {
            left.min(self.limits.chunk)
        };
        let devices = self.order[self.taken..self.taken + count].to_vec();
        self.taken += count;
        Some(if look_first {
            self.look_first(devices)
        } else {
            self.send(devices, Past::default(), true)
        })
    }

    fn look_first(&mut self, devices: Vec<DeviceId>) -> Next {
        let batch = Batch {
            devices: devices.clone(),
            past: Past::default(),
            why: Why::First,
            sent_ms: 0,
            ready: Duration::ZERO,
        };
        let ticket = self.ticket();
        self.open.insert(ticket, Open::Look(Question::NotFailed, vec![batch]));
        Next::Call(ticket, Call::Look(Question::NotFailed, devices))
    }

    fn next_from_pools(&mut self, only_full: bool) -> Option<Next> {
        let size = self.limits.chunk;
        let past = *self
            .pools
            .iter()
            .find(|(_, pool)| pool.len() >= size || (!only_full && !pool.is_empty()))?
            .0;
        let pool = self.pools.get_mut(&past)?;
        let devices: Vec<_> = pool.drain(..size.min(pool.len())).collect();
        if pool.is_empty() {
            self.pools.remove(&past);
        }
        Some(self.send(devices, past, false))
    }

    fn send(&mut self, devices: Vec<DeviceId>, past: Past, fresh: bool) -> Next {
        let ticket = self.ticket();
        let call = Call::Send {
            devices: devices.clone(),
            not_failed: past.not_failed,
        };
        self.open.insert(ticket, Open::Send { devices, past, fresh });
        Next::Call(ticket, call)
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// A retry has ended. `sent_ms` is when it left, by the wall clock.
    pub(crate) fn sent(
        &mut self,
        ticket: Ticket,
        end: CallEnd,
        note: &Arc<Note>,
        about_size: bool,
        sent_ms: i64,
        now: Duration,
    ) -> Vec<Step> {
        let Some(Open::Send { devices, past, fresh }) = self.open.remove(&ticket) else {
            return Vec::new();
        };
        if fresh {
            match end {
                CallEnd::Accepted => self.guilt.saw(1.0, 0.0),
                CallEnd::NotFailed => self.guilt.saw(1.0, 1.0),
                CallEnd::Lost | CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => {}
            }
        }
        match end {
            CallEnd::Accepted => {
                self.any_accepted = true;
                // What was refused before has been left as it was: otherwise this list would have been refused too.
                self.all_or_nothing |= past.refused > 0 && !past.not_failed;
                vec![settle(devices, Outcome::Accepted, note)]
            }
            CallEnd::NotFailed => self.refused(devices, past, note, sent_ms, now),
            CallEnd::Lost => {
                let past = Past {
                    lost: past.lost + 1,
                    ..past
                };
                self.wait_for_look(devices, past, Why::Lost, sent_ms, now + self.limits.lag);
                Vec::new()
            }
            CallEnd::Throttled | CallEnd::NotSent => {
                self.pool(past).extend(devices);
                Vec::new()
            }
            CallEnd::TooMany => self.too_many(devices, past, note, about_size),
            CallEnd::Refused => {
                self.invalid_lists = 0;
                vec![settle(devices, Outcome::Rejected, note)]
            }
        }
    }

    fn refused(
        &mut self,
        devices: Vec<DeviceId>,
        past: Past,
        note: &Arc<Note>,
        sent_ms: i64,
        now: Duration,
    ) -> Vec<Step> {
        let past = Past {
            refused: past.refused + 1,
            ..past
        };
        // A device whose last answer was lost was failed afterwards. If it no longer is, that call may have been late.
        let may_be_late = past.lost > 0;
        if past.not_failed || (devices.len() == 1 && !may_be_late) {
            return vec![settle(devices, Outcome::Rejected, note)];
        }
        if devices.len() == 1 && (self.cannot_look || past.refused >= HALVE_FROM) {
            return vec![settle(devices, Outcome::Unknown, &Arc::new(could_not_look_up()))];
        }
        if past.refused >= HALVE_FROM || self.cannot_look {
            let step = Step::Requeue(devices.clone());
            self.halve(past, devices);
            return vec![step];
        }
        // As long as the list may have been carried out in part, only a read that is not behind tells.
        let at_once = self.all_or_nothing && past.refused < HALVE_FROM - 1;
        let ready = if at_once { now } else { now + self.limits.lag };
        self.wait_for_look(devices, past, Why::Refused(Arc::clone(note)), sent_ms, ready);
        Vec::new()
    }

    fn too_many(&mut self, devices: Vec<DeviceId>, past: Past, note: &Arc<Note>, about_size: bool) -> Vec<Step> {
        /// So many lists without one that is wrong for a device of its own are too long.
        const TOO_LONG_AFTER: u32 = 3;
        if devices.len() == 1 {
            return vec![settle(devices, Outcome::Rejected, note)];
        }
        let half = devices.len() / 2;
        self.invalid_lists += 1;
        if about_size || self.invalid_lists >= TOO_LONG_AFTER {
            self.pool(past).extend(devices);
            self.invalid_lists = 0;
        } else {
            self.halve(past, devices);
            return Vec::new();
        }
        // Others may have found it out already.
        if half >= self.limits.chunk {
            return Vec::new();
        }
        self.limits.chunk = half;
        vec![Step::Shrunk { chunk: half }]
    }

    fn halve(&mut self, past: Past, mut devices: Vec<DeviceId>) {
        let rest = devices.split_off(devices.len() / 2);
        let halves = [devices, rest].into_iter().filter(|half| !half.is_empty());
        self.halves.extend(halves.map(|half| (past, half)));
    }

    fn pool(&mut self, past: Past) -> &mut VecDeque<DeviceId> {
        self.pools.entry(past).or_default()
    }

    fn wait_for_look(&mut self, devices: Vec<DeviceId>, past: Past, why: Why, sent_ms: i64, ready: Duration) {
        if devices.is_empty() {
            return;
        }
        self.looks.push_back(Batch {
            devices,
            past,
            why,
            sent_ms,
            ready,
        });
    }

    /// A search has ended.
    pub(crate) fn looked(&mut self, ticket: Ticket, end: LookEnd, now: Duration) -> Vec<Step> {
        let Some(Open::Look(question, mut batches)) = self.open.remove(&ticket) else {
            return Vec::new();
        };
        if self.stopping {
            batches.retain(|batch| matches!(batch.why, Why::Lost));
        }
        match end {
            LookEnd::Rows(rows) => {
                let rows: HashMap<DeviceId, Row> = rows.into_iter().map(|row| (row.device, row)).collect();
                let mut steps = Vec::new();
                for batch in batches {
                    self.judge(question, batch, &rows, &mut steps);
                }
                steps
            }
            LookEnd::Again => {
                for mut batch in batches {
                    batch.ready = now;
                    self.looks.push_back(batch);
                }
                Vec::new()
            }
            LookEnd::TooMany => {
                let count: usize = batches.iter().map(|batch| batch.devices.len()).sum();
                if count <= 1 {
                    return self.cannot_look(batches);
                }
                self.limits.look = self.limits.look.min(count / 2).max(1);
                self.looks.extend(batches);
                Vec::new()
            }
            LookEnd::Never => {
                self.cannot_look = true;
                self.cannot_look(batches)
            }
        }
    }

    /// Goes on without the search.
    fn cannot_look(&mut self, batches: Vec<Batch>) -> Vec<Step> {
        let mut steps = Vec::new();
        for batch in batches {
            match batch.why {
                Why::First => self.pool(Past::default()).extend(batch.devices),
                Why::Refused(_) => {
                    steps.push(Step::Requeue(batch.devices.clone()));
                    self.halve(batch.past, batch.devices);
                }
                Why::Lost => {
                    steps.push(settle(batch.devices, Outcome::Unknown, &Arc::new(could_not_look_up())));
                }
            }
        }
        steps
    }

    fn judge(&mut self, question: Question, batch: Batch, rows: &HashMap<DeviceId, Row>, steps: &mut Vec<Step>) {
        match batch.why.clone() {
            Why::First => self.judge_first(batch, rows),
            Why::Refused(note) => self.judge_refused(question, &batch, &note, rows, steps),
            Why::Lost => self.judge_lost(batch, rows, steps),
        }
    }

    fn judge_first(&mut self, batch: Batch, rows: &HashMap<DeviceId, Row>) {
        let size = self.limits.chunk.max(1);
        for list in batch.devices.chunks(size) {
            let guilty = list.iter().any(|device| rows.contains_key(device));
            #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
            let share = list.len() as f64 / size as f64;
            self.guilt.saw(share, if guilty { share } else { 0.0 });
        }
        for device in batch.devices {
            let past = Past {
                not_failed: rows.contains_key(&device),
                ..Past::default()
            };
            self.known_failed[device.index()] = !past.not_failed;
            self.pool(past).push_back(device);
        }
    }

    fn judge_refused(
        &mut self,
        question: Question,
        batch: &Batch,
        note: &Arc<Note>,
        rows: &HashMap<DeviceId, Row>,
        steps: &mut Vec<Step>,
    ) {
        let (unsearchable, devices): (Vec<_>, Vec<_>) = batch
            .devices
            .iter()
            .partition(|device| !rows.contains_key(device) && !self.is_searchable(**device));
        if !unsearchable.is_empty() {
            let past = Past {
                refused: HALVE_FROM,
                ..batch.past
            };
            steps.push(Step::Requeue(unsearchable.clone()));
            self.halve(past, unsearchable);
        }
        let is_failed = |device: &DeviceId| match rows.get(device) {
            Some(row) => row.status == Status::Failed,
            None => question == Question::NotFailed,
        };
        let (failed, others): (Vec<_>, Vec<_>) = devices.into_iter().partition(is_failed);
        // Had the list been carried out in part, none would be failed.
        let nothing_done = self.all_or_nothing || !failed.is_empty();
        self.all_or_nothing |= question == Question::Everything && !failed.is_empty();
        let (mut accepted, mut guilty, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        let mut late = Vec::new();
        for device in others {
            match rows.get(&device) {
                None => absent.push(device),
                Some(_) if batch.past.lost > 0 && self.known_failed[device.index()] => late.push(device),
                Some(row) if !nothing_done && changed_since(row, batch.sent_ms) => accepted.push(device),
                Some(_) => guilty.push(device),
            }
        }
        if !late.is_empty() {
            steps.push(settle(late, Outcome::Accepted, &Arc::new(was_retried())));
        }
        push_settled(
            steps,
            accepted,
            Outcome::Accepted,
            note,
            "but a search shows that the task was retried",
        );
        push_settled(
            steps,
            guilty,
            Outcome::Rejected,
            note,
            "a search shows that this task is not failed",
        );
        push_settled(
            steps,
            absent,
            Outcome::Rejected,
            note,
            "the job has no task for this device",
        );
        if !failed.is_empty() {
            steps.push(Step::Requeue(failed.clone()));
            self.pool(batch.past).extend(failed);
        }
    }

    fn judge_lost(&mut self, batch: Batch, rows: &HashMap<DeviceId, Row>, steps: &mut Vec<Step>) {
        let (mut accepted, mut again, mut not_failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut unsearchable = Vec::new();
        for device in batch.devices {
            let was_failed = self.known_failed[device.index()];
            let was_failed_ms = self.devices.facts(device).updated_ms.filter(|_| was_failed);
            match rows.get(&device) {
                Some(row) if row.status == Status::Failed => {
                    let failed_again = match (was_failed_ms, row.updated_ms) {
                        (Some(then), Some(now)) => now > then && changed_since(row, batch.sent_ms),
                        _ => false,
                    };
                    if failed_again { &mut accepted } else { &mut again }.push(device);
                }
                // It was failed before, or has changed since the call.
                Some(row) if !batch.past.not_failed && changed_by(row, batch.sent_ms, was_failed) => {
                    accepted.push(device);
                }
                None if !self.is_searchable(device) => unsearchable.push(device),
                Some(_) | None => not_failed.push(device),
            }
        }
        if !unsearchable.is_empty() {
            steps.push(settle(unsearchable, Outcome::Unknown, &Arc::new(could_not_look_up())));
        }
        if !accepted.is_empty() {
            steps.push(settle(accepted, Outcome::Accepted, &Arc::new(was_retried())));
        }
        for device in &again {
            self.known_failed[device.index()] = true;
        }
        if batch.past.lost >= self.limits.lost {
            let given_up: Vec<_> = again.drain(..).chain(not_failed.drain(..)).collect();
            let note = Note {
                message: Some(
                    format!(
                        "gave up after {} answers in a row were lost; a search shows that the task was not retried",
                        batch.past.lost
                    )
                    .into(),
                ),
                ..Note::default()
            };
            if !given_up.is_empty() {
                steps.push(settle(given_up, Outcome::Skipped, &Arc::new(note)));
            }
            return;
        }
        let requeued: Vec<_> = again.iter().chain(&not_failed).copied().collect();
        if !requeued.is_empty() {
            steps.push(Step::Requeue(requeued));
        }
        if !again.is_empty() {
            self.pool(batch.past).extend(again);
        }
        if !not_failed.is_empty() {
            let past = Past {
                not_failed: true,
                ..batch.past
            };
            self.pool(past).extend(not_failed);
        }
    }
}

/// Whether a search can name a device of this key.
pub(crate) fn is_searchable(key: &str) -> bool {
    tasks::DEVICE_KEY.equals(key).is_ok()
}

fn could_not_look_up() -> Note {
    Note {
        message: Some("the answer was lost, and the task could not be looked up".into()),
        ..Note::default()
    }
}

fn was_retried() -> Note {
    Note {
        message: Some("the answer was lost; a search shows that the task was retried".into()),
        ..Note::default()
    }
}

/// Whether a task has changed since a call left, as far as the platform's clock agrees with ours.
fn changed_since(row: &Row, sent_ms: i64) -> bool {
    changed_within(row, sent_ms, CLOCKS_DIFFER_MS)
}

/// Whether a call that left then may have brought a task out of `failed`. Of one that was failed not long before, only
/// a change surely before the call speaks against it.
fn changed_by(row: &Row, sent_ms: i64, was_failed: bool) -> bool {
    let differ = if was_failed {
        CLOCKS_DIFFER_AT_MOST_MS
    } else {
        CLOCKS_DIFFER_MS
    };
    changed_within(row, sent_ms, differ)
}

fn changed_within(row: &Row, sent_ms: i64, differ: i64) -> bool {
    row.updated_ms
        .is_none_or(|updated| updated >= sent_ms.saturating_sub(differ))
}

fn settle(devices: Vec<DeviceId>, outcome: Outcome, note: &Arc<Note>) -> Step {
    Step::Settle {
        devices,
        outcome,
        note: Arc::clone(note),
    }
}

fn push_settled(steps: &mut Vec<Step>, devices: Vec<DeviceId>, outcome: Outcome, note: &Note, more: &str) {
    if !devices.is_empty() {
        steps.push(settle(devices, outcome, &Arc::new(note.saying(more))));
    }
}

#[cfg(test)]
mod simulation;
