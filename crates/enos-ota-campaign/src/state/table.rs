//! The table of devices: a [`Record`] is the only thing that changes it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::interner::{Interner, Symbol};
use crate::devices::{DeviceId, Devices, Seen};
use crate::journal::{CallEnd, LastSeen, Record};
use crate::outcome::{Fate, Outcome, Summary};

/// How far a device has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// It waits to be sent: it never was, or surely nothing was done.
    #[default]
    Waiting,
    /// It was sent, and the answer was lost or never written down: it may have been retried.
    InDoubt {
        /// When, in milliseconds since 1970-01-01 UTC.
        sent_at_ms: i64,
        /// How its task stood when it was last looked at before; `None` if nobody had looked.
        before: Option<Seen>,
    },
    /// It was in a call that was refused because of the state of a task (24621): a search has to tell.
    Refused {
        /// When it was sent, in milliseconds since 1970-01-01 UTC.
        sent_at_ms: i64,
        /// How its task stood when it was last looked at before; `None` if nobody had looked.
        before: Option<Seen>,
    },
    /// It has an outcome.
    Settled(Outcome),
}

/// What is known of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing<'a> {
    /// How far it has come.
    pub state: DeviceState,
    /// The outcome, if it has one.
    pub outcome: Option<Outcome>,
    /// The code of the answer that brought it where it stands.
    pub code: Option<i64>,
    /// The platform's text for that, or what went wrong.
    pub message: Option<&'a str>,
    /// The id under which the platform keeps the call that did it.
    pub request_id: Option<&'a str>,
    /// How the last call with it ended.
    pub last_end: Option<CallEnd>,
    /// Whether it was refused because somebody else had retried it meanwhile.
    pub elsewhere: bool,
    /// What became of it afterwards.
    pub fate: Fate,
    /// Why its upgrade failed again, if that is its fate.
    pub failed_again: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Row {
    state: DeviceState,
    fate: Fate,
    last_end: Option<CallEnd>,
    elsewhere: bool,
    /// Whether it is in a call that is neither answered nor given up by a resume.
    in_call: bool,
    /// Whether a call that may have retried it has ever had no answer.
    was_lost: bool,
    /// Whether it was seen to have left `failed` since its last call.
    has_left: bool,
    reply: u32,
    failed_again: Symbol,
    /// Where its last call is in the order of calls.
    sent_in: u32,
}

// A fleet has a million of them.
const _: () = assert!(size_of::<Row>() <= 40);

/// The reply of a device about which nothing was said.
const NO_REPLY: u32 = 0;
/// The call of a device that was never sent.
const NO_CALL: u32 = u32::MAX;

/// What the platform said of all devices of a call at once.
#[derive(Clone, Debug, Default)]
struct Reply {
    code: Option<i64>,
    message: Symbol,
    request_id: Option<Box<str>>,
}

/// What a record says that cannot be.
pub(crate) type Contradiction = String;

/// What is known of every device of a campaign, and the sums.
#[derive(Clone, Debug)]
pub struct DeviceTable {
    devices: Arc<Devices>,
    rows: Vec<Row>,
    replies: Vec<Reply>,
    texts: Interner,
    summary: Summary,
    fates: [usize; Fate::ALL.len()],
    elsewhere: usize,
    /// The devices of the calls that are neither answered nor given up.
    in_flight: HashMap<u64, Vec<DeviceId>>,
    /// How the tasks of devices in doubt were before their call, where the plan does not tell.
    last_seen: HashMap<DeviceId, LastSeen>,
    /// How many calls were sent.
    calls: u32,
}

/// What a record has brought.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The devices for which it is news.
    pub(crate) devices: Vec<DeviceId>,
    /// Of accepted devices that were seen: how many had which fate before, in the order of [`Fate::ALL`].
    pub(crate) fates_before: [u32; Fate::ALL.len()],
}

impl From<Vec<DeviceId>> for Applied {
    fn from(devices: Vec<DeviceId>) -> Self {
        Self {
            devices,
            ..Self::default()
        }
    }
}

impl DeviceTable {
    pub(crate) fn new(devices: Arc<Devices>) -> Self {
        let row = Row {
            state: DeviceState::Waiting,
            fate: Fate::NotSeen,
            last_end: None,
            elsewhere: false,
            in_call: false,
            was_lost: false,
            has_left: false,
            reply: NO_REPLY,
            failed_again: Symbol::NONE,
            sent_in: NO_CALL,
        };
        Self {
            rows: vec![row; devices.len()],
            summary: Summary {
                requested: devices.len(),
                ..Summary::default()
            },
            devices,
            replies: vec![Reply::default()],
            texts: Interner::default(),
            fates: [0; Fate::ALL.len()],
            elsewhere: 0,
            in_flight: HashMap::new(),
            last_seen: HashMap::new(),
            calls: 0,
        }
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &Arc<Devices> {
        &self.devices
    }

    /// What is known of a device.
    ///
    /// # Panics
    ///
    /// If the campaign has no such device.
    #[must_use]
    pub fn standing(&self, id: DeviceId) -> Standing<'_> {
        let row = &self.rows[id.index()];
        let reply = self.replies.get(row.reply as usize);
        Standing {
            state: row.state,
            outcome: match row.state {
                DeviceState::Settled(outcome) => Some(outcome),
                DeviceState::Waiting | DeviceState::InDoubt { .. } | DeviceState::Refused { .. } => None,
            },
            code: reply.and_then(|reply| reply.code),
            message: reply.and_then(|reply| self.texts.get(reply.message)),
            request_id: reply.and_then(|reply| reply.request_id.as_deref()),
            last_end: row.last_end,
            elsewhere: row.elsewhere,
            fate: row.fate,
            failed_again: self.texts.get(row.failed_again),
        }
    }

    /// What is known of every device, in the order of their numbers.
    #[must_use]
    pub fn standings(&self) -> impl ExactSizeIterator<Item = Standing<'_>> {
        self.devices.ids().map(|id| self.standing(id))
    }

    /// Devices by outcome.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Accepted devices by fate, in the order of [`Fate::ALL`].
    #[must_use]
    pub fn fates(&self) -> [usize; Fate::ALL.len()] {
        let mut fates = self.fates;
        // Who has not been seen is not counted one by one.
        let seen: usize = fates.iter().sum();
        if let Some(last) = fates.last_mut() {
            *last = self.summary.accepted.saturating_sub(seen);
        }
        fates
    }

    /// Accepted devices of one fate.
    #[must_use]
    pub fn count_of(&self, fate: Fate) -> usize {
        self.fates()[position(fate)]
    }

    /// Rejected devices that somebody else had retried meanwhile.
    #[must_use]
    pub fn elsewhere(&self) -> usize {
        self.elsewhere
    }

    /// Devices without an outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        self.summary.requested - self.summary.settled()
    }

    /// The numbers of the devices that a record names.
    pub(crate) fn resolve(&self, record: &Record<'_>) -> Result<Vec<DeviceId>, Contradiction> {
        record
            .devices()
            .iter()
            .map(|key| {
                self.devices
                    .find(key)
                    .ok_or_else(|| format!("device {key:?} is not in the plan"))
            })
            .collect()
    }

    /// Where the last call that carried a device is in the order in which calls were sent. `None` if it was never sent.
    pub(crate) fn last_call_of(&self, id: DeviceId) -> Option<usize> {
        let sent_in = self.rows[id.index()].sent_in;
        (sent_in != NO_CALL).then_some(sent_in as usize)
    }

    /// Whether a call with the device has ever had no answer.
    pub(crate) fn was_lost(&self, id: DeviceId) -> bool {
        self.rows[id.index()].was_lost
    }

    /// How the task was when it was last looked at before the last call with the device, of which it is not known what it has
    /// done. `None` if the plan tells.
    pub(crate) fn last_seen(&self, id: DeviceId) -> Option<LastSeen> {
        self.last_seen.get(&id).copied()
    }

    /// Whether the device was seen to have left `failed` since its last call, of which it is not known what it has done.
    pub(crate) fn has_left(&self, id: DeviceId) -> bool {
        self.rows[id.index()].has_left
    }

    /// Takes a record, whose devices are those given, and says what it has brought.
    ///
    /// The live run, a resume and a report all go through here, so they cannot disagree.
    pub(crate) fn apply(&mut self, record: &Record<'_>, ids: &[DeviceId]) -> Result<Applied, Contradiction> {
        match record {
            Record::Resumed { .. } => {
                for (_, ids) in self.in_flight.drain() {
                    for id in ids {
                        let row = &mut self.rows[id.index()];
                        row.in_call = false;
                        row.was_lost |= may_be_retried(row.state);
                    }
                }
                Ok(Applied::default())
            }
            Record::Sent {
                call,
                at,
                not_failed,
                unseen,
                apart,
                last_seen,
                ..
            } => {
                for (id, seen) in ids.iter().zip(last_seen) {
                    self.last_seen.extend(seen.map(|seen| (*id, seen)));
                }
                let apart: Vec<_> = apart.iter().filter_map(|key| self.devices.find(key)).collect();
                self.sent(*call, *at, seen_before(*not_failed, *unseen), &apart, ids)
                    .map(|()| Applied::default())
            }
            Record::Answered {
                call,
                end,
                code,
                message,
                request_id,
                ..
            } => {
                let reply = self.keep(*code, message.as_deref(), request_id.as_deref())?;
                self.answered(*call, *end, reply).map(Applied::from)
            }
            Record::Settled {
                outcome,
                code,
                message,
                request_id,
                elsewhere,
                ..
            } => {
                let reply = self.keep(*code, message.as_deref(), request_id.as_deref())?;
                self.settled(*outcome, *elsewhere, reply, ids).map(Applied::from)
            }
            Record::Requeued { .. } => self.requeued(ids).map(|()| Applied::default()),
            Record::Left { .. } => {
                self.left(ids);
                Ok(Applied::default())
            }
            Record::Seen { fate, reason, .. } => self.seen(*fate, reason.as_deref(), ids),
            Record::Wave { .. } | Record::Ended { .. } => Ok(Applied::default()),
        }
    }

    fn sent(
        &mut self,
        call: u64,
        sent_at_ms: i64,
        before: Option<Seen>,
        apart: &[DeviceId],
        ids: &[DeviceId],
    ) -> Result<(), Contradiction> {
        if ids.is_empty() {
            return Err(format!("call {call} carries 0 devices"));
        }
        for id in ids {
            let row = &mut self.rows[id.index()];
            let problem = match row.state {
                DeviceState::Waiting => {
                    let before = if apart.contains(id) {
                        Some(Seen::NotFailed)
                    } else {
                        before
                    };
                    row.state = DeviceState::InDoubt { sent_at_ms, before };
                    row.in_call = true;
                    row.has_left = false;
                    row.reply = NO_REPLY;
                    row.last_end = None;
                    row.sent_in = self.calls;
                    continue;
                }
                DeviceState::InDoubt { .. } => "it is in doubt what became of an earlier call with it".to_owned(),
                DeviceState::Refused { .. } => {
                    "it was in a refused call and no search has shown yet how it stands".to_owned()
                }
                DeviceState::Settled(outcome) => format!("it was settled as {outcome} before"),
            };
            let key = self.devices.key(*id);
            return Err(format!("call {call} sends device {key:?}, although {problem}"));
        }
        self.in_flight.insert(call, ids.to_vec());
        self.calls = self.calls.saturating_add(1);
        Ok(())
    }

    fn answered(&mut self, call: u64, end: CallEnd, reply: u32) -> Result<Vec<DeviceId>, Contradiction> {
        let Some(ids) = self.in_flight.remove(&call) else {
            return Err(format!("call {call} is answered, and is not in flight"));
        };
        let mut accepted = Vec::new();
        for id in ids {
            let row = &mut self.rows[id.index()];
            row.in_call = false;
            if !matches!(end, CallEnd::Lost | CallEnd::NotFailed) {
                self.last_seen.remove(&id);
            }
            row.was_lost |= end == CallEnd::Lost && may_be_retried(row.state);
            row.last_end = Some(end);
            let (sent_at_ms, before) = match row.state {
                DeviceState::InDoubt { sent_at_ms, before } => (sent_at_ms, before),
                // What became of it was written before.
                DeviceState::Settled(outcome) if end != CallEnd::Accepted || outcome == Outcome::Accepted => continue,
                DeviceState::Settled(outcome) => {
                    return Err(format!(
                        "call {call} is accepted, although its device {:?} was settled as {outcome} before",
                        self.devices.key(id)
                    ));
                }
                // A device leaves these only by being sent, and nothing but an answer brings one there from a call.
                DeviceState::Waiting | DeviceState::Refused { .. } => continue,
            };
            row.reply = reply;
            row.state = match end {
                // The platform may have passed it over: a record of its own settles it.
                CallEnd::Accepted if before == Some(Seen::NotFailed) => DeviceState::InDoubt { sent_at_ms, before },
                CallEnd::Accepted => {
                    accepted.push(id);
                    DeviceState::Settled(Outcome::Accepted)
                }
                CallEnd::NotFailed => DeviceState::Refused { sent_at_ms, before },
                CallEnd::Lost => DeviceState::InDoubt { sent_at_ms, before },
                CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => DeviceState::Waiting,
            };
        }
        self.summary.add(Outcome::Accepted, accepted.len());
        Ok(accepted)
    }

    fn settled(
        &mut self,
        outcome: Outcome,
        elsewhere: bool,
        reply: u32,
        ids: &[DeviceId],
    ) -> Result<Vec<DeviceId>, Contradiction> {
        let mut settled = Vec::with_capacity(ids.len());
        for id in ids {
            let row = &mut self.rows[id.index()];
            match row.state {
                DeviceState::Settled(before) if before == outcome => {}
                DeviceState::Settled(before) => {
                    return Err(format!(
                        "device {:?} is settled as {outcome}, although it was settled as {before} before",
                        self.devices.key(*id)
                    ));
                }
                DeviceState::Waiting | DeviceState::InDoubt { .. } | DeviceState::Refused { .. } => {
                    row.state = DeviceState::Settled(outcome);
                    row.reply = reply;
                    row.elsewhere = elsewhere;
                    self.last_seen.remove(id);
                    settled.push(*id);
                }
            }
        }
        self.summary.add(outcome, settled.len());
        if elsewhere {
            self.elsewhere += settled.len();
        }
        Ok(settled)
    }

    fn requeued(&mut self, ids: &[DeviceId]) -> Result<(), Contradiction> {
        for id in ids {
            let row = &mut self.rows[id.index()];
            let key = self.devices.key(*id);
            if row.in_call {
                return Err(format!(
                    "device {key:?} is to be sent again, although the call with it has not ended"
                ));
            }
            if let DeviceState::Settled(outcome) = row.state {
                return Err(format!(
                    "device {key:?} is to be sent again, although it was settled as {outcome} before"
                ));
            }
            row.state = DeviceState::Waiting;
            row.has_left = false;
            self.last_seen.remove(id);
            // How its last call ended is settled by this.
            row.last_end = None;
        }
        Ok(())
    }

    fn left(&mut self, ids: &[DeviceId]) {
        for id in ids {
            let row = &mut self.rows[id.index()];
            // Of others it is known what became of their call.
            row.has_left |= matches!(row.state, DeviceState::InDoubt { .. });
        }
    }

    fn seen(&mut self, fate: Fate, reason: Option<&str>, ids: &[DeviceId]) -> Result<Applied, Contradiction> {
        let reason = self.texts.id_of(reason);
        let mut applied = Applied::default();
        for id in ids {
            let row = &mut self.rows[id.index()];
            let accepted = match row.state {
                DeviceState::Settled(Outcome::Accepted) => true,
                // An unknown device may have been retried as well, and be watched.
                DeviceState::Settled(Outcome::Unknown) => false,
                _ => {
                    return Err(format!(
                        "device {:?} was seen to be {fate} after its retry, although none was accepted",
                        self.devices.key(*id)
                    ));
                }
            };
            if row.fate == fate && row.failed_again == reason {
                continue;
            }
            if accepted && row.fate != fate {
                applied.fates_before[position(row.fate)] += 1;
                if row.fate != Fate::NotSeen {
                    self.fates[position(row.fate)] -= 1;
                }
                if fate != Fate::NotSeen {
                    self.fates[position(fate)] += 1;
                }
            }
            row.fate = fate;
            row.failed_again = reason;
            applied.devices.push(*id);
        }
        Ok(applied)
    }

    fn keep(
        &mut self,
        code: Option<i64>,
        message: Option<&str>,
        request_id: Option<&str>,
    ) -> Result<u32, Contradiction> {
        if code.is_none() && message.is_none() && request_id.is_none() {
            return Ok(NO_REPLY);
        }
        let message = self.texts.id_of(message);
        if let Some(last) = self.replies.last()
            && (last.code, last.message, last.request_id.as_deref()) == (code, message, request_id)
        {
            return Ok(u32::try_from(self.replies.len() - 1).unwrap_or(NO_REPLY));
        }
        let number =
            u32::try_from(self.replies.len()).map_err(|_| "there are more than 4 billion answers".to_owned())?;
        self.replies.push(Reply {
            code,
            message,
            request_id: request_id.map(Into::into),
        });
        Ok(number)
    }
}

/// Whether a call without an answer may have retried the device.
fn may_be_retried(state: DeviceState) -> bool {
    matches!(state, DeviceState::InDoubt { before, .. } if before != Some(Seen::NotFailed))
}

fn seen_before(not_failed: bool, unseen: bool) -> Option<Seen> {
    match (not_failed, unseen) {
        (true, _) => Some(Seen::NotFailed),
        (false, true) => None,
        (false, false) => Some(Seen::Failed),
    }
}

fn position(fate: Fate) -> usize {
    Fate::ALL.iter().position(|other| *other == fate).unwrap_or(0)
}
