//! What follows from the records.

use hashbrown::HashMap;

use super::begin::Begin;
use super::record::{CallEnd, Keys, Operator, Record};
use crate::devices::DeviceId;
use crate::outcome::{Fate, Outcome, Summary};
use crate::plan::Plan;
use crate::texts::{TextId, Texts};

/// How far a device has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It waits to be sent: it never was, or surely nothing was done.
    #[default]
    Waiting,
    /// It was sent, and the answer was lost or never written down: it may have been retried.
    InDoubt {
        /// When, in milliseconds since 1970-01-01 UTC.
        sent_at_ms: i64,
        /// Whether it was known before not to be failed; see [`Record::Sent`].
        not_failed: bool,
    },
    /// It was in a call that was refused because of the state of a task (24621): a search has to tell.
    Refused {
        /// When it was sent, in milliseconds since 1970-01-01 UTC.
        sent_at_ms: i64,
    },
    /// It has an outcome.
    Settled(Outcome),
}

/// What a journal tells of a device. The texts are at [`Recovered::message`] and its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far it has come.
    pub state: State,
    /// What became of it afterwards.
    pub fate: Fate,
    /// Whether it is in a call that is neither answered nor given up by a resume.
    in_call: bool,
    /// Where its last call is in the list of calls.
    sent_in: u32,
    note: u32,
    failed_again: TextId,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            state: State::Waiting,
            fate: Fate::NotSeen,
            in_call: false,
            sent_in: NO_CALL,
            note: NO_NOTE,
            failed_again: TextId::NONE,
        }
    }
}

// A fleet has a million of them.
const _: () = assert!(size_of::<Standing>() <= 32);

/// The call of a device that was never sent.
const NO_CALL: u32 = u32::MAX;

/// The note of a device of which nothing was told.
const NO_NOTE: u32 = 0;

/// What was told of all devices of a call at once.
#[derive(Clone, Debug)]
struct Note {
    code: Option<i64>,
    message: TextId,
    request_id: Option<Box<str>>,
}

/// A call, as the journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLog {
    /// The number of the call.
    pub call: u64,
    /// When it was sent, in milliseconds since 1970-01-01 UTC.
    pub sent_ms: i64,
    /// When it ended; `None` if that was never written.
    pub ended_ms: Option<i64>,
    /// How it ended; `None` if that was never written.
    pub end: Option<CallEnd>,
    /// The code that was answered.
    pub code: Option<i64>,
    /// How many devices it carried.
    pub devices: u32,
}

/// Devices that a [`Record::Settled`] told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettledLog {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// What became of them.
    pub outcome: Outcome,
    /// How many had no outcome before.
    pub devices: u32,
}

/// How the numbers of devices changed at some point of the journal. One device can be in several changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// When, in milliseconds since 1970-01-01 UTC, as the record says.
    pub at_ms: i64,
    /// What changed.
    pub what: Changed,
    /// For how many devices; at least one.
    pub devices: u32,
}

/// What a [`Change`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Devices got an outcome.
    Settled(Outcome),
    /// Accepted devices went from one fate to another.
    Seen {
        /// The fate before.
        from: Fate,
        /// The fate after.
        to: Fate,
    },
}

/// A [`Record::Wave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaveLog {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Number of the wave, from 1.
    pub wave: usize,
    /// Accepted devices of this wave alone.
    pub devices: usize,
    /// How many of this wave succeeded.
    pub succeeded: usize,
    /// How many of this wave failed again.
    pub failed: usize,
    /// Whether the campaign went on.
    pub passed: bool,
    /// How many calls had been sent when it was judged, those of earlier waves included: the first of
    /// [`Recovered::calls`].
    pub calls: usize,
}

/// A [`Record::Ended`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// How.
    pub how: String,
    /// How the devices stood, as it was written then.
    pub summary: Summary,
    /// Devices that had no outcome.
    pub open: usize,
}

/// The end of a journal that was cut in the middle of a line, as by a power failure. The line was never told to be
/// written: nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornTail {
    /// Its bytes.
    pub bytes: u64,
    /// Its number, from 1.
    pub line: u64,
}

/// What a journal tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The first line.
    pub begin: Begin,
    /// The plan, with its devices.
    pub plan: Plan,
    /// How the devices stand, by [`DeviceId::index`].
    pub standings: Vec<Standing>,
    /// How many devices have which outcome.
    pub summary: Summary,
    /// The highest number of a call; 0 if there was none.
    pub last_call: u64,
    /// The latest time in the file, in milliseconds since 1970-01-01 UTC. The first one is `begin.at_ms`.
    pub last_at_ms: i64,
    /// The latest time at which something happened, in milliseconds since 1970-01-01 UTC. A resume is nothing by
    /// itself, and neither is the end after it if no other record is in between.
    pub last_event_ms: i64,
    /// A line at the end that is not whole.
    pub torn: Option<TornTail>,
    /// How often the campaign was resumed.
    pub resumes: usize,
    /// How the campaign ended, if it did and was not resumed afterwards.
    pub ended: Option<Ended>,
    /// The waves that were watched, in order.
    pub waves: Vec<WaveLog>,
    /// The calls, in the order in which they were sent.
    pub calls: Vec<CallLog>,
    /// The devices that were settled otherwise than by an accepted call, in order.
    pub settled: Vec<SettledLog>,
    /// How the numbers of devices changed, in the order of the lines.
    pub changes: Vec<Change>,
    /// Who began the campaign and who resumed it, each with the time in milliseconds since 1970-01-01 UTC.
    pub operators: Vec<(i64, Operator)>,
    notes: Vec<Note>,
    texts: Texts,
}

impl Recovered {
    /// How a device stands.
    ///
    /// # Panics
    ///
    /// If the number is of another plan and this one has no such device. So do the methods after it.
    #[must_use]
    pub fn standing(&self, id: DeviceId) -> Standing {
        self.standings[id.index()]
    }

    /// The code of the answer, or of the record, that brought the device where it stands.
    #[must_use]
    pub fn code(&self, id: DeviceId) -> Option<i64> {
        self.note(id).code
    }

    /// The platform's text for that, or what went wrong.
    #[must_use]
    pub fn message(&self, id: DeviceId) -> Option<&str> {
        self.texts.get(self.note(id).message)
    }

    /// The id under which the platform keeps the call that did it.
    #[must_use]
    pub fn request_id(&self, id: DeviceId) -> Option<&str> {
        self.note(id).request_id.as_deref()
    }

    /// When the last call that carried the device was sent, however it ended, in milliseconds since 1970-01-01 UTC.
    /// `None` if the device was never sent.
    #[must_use]
    pub fn sent_at_ms(&self, id: DeviceId) -> Option<i64> {
        self.last_call_of(id).map(|call| self.calls[call].sent_ms)
    }

    /// Where the last call that carried the device is in [`calls`](Self::calls). `None` if the device was never sent.
    #[must_use]
    pub fn last_call_of(&self, id: DeviceId) -> Option<usize> {
        let call = self.standing(id).sent_in as usize;
        (call < self.calls.len()).then_some(call)
    }

    /// Why the device's upgrade failed again, if that is its fate.
    #[must_use]
    pub fn failed_again(&self, id: DeviceId) -> Option<&str> {
        self.texts.get(self.standing(id).failed_again)
    }

    /// Devices without an outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        self.summary.requested - self.summary.settled()
    }

    /// Calls that ended in this way; `None` counts those whose end was never written.
    #[must_use]
    pub fn calls_that_ended(&self, end: Option<CallEnd>) -> usize {
        self.calls.iter().filter(|call| call.end == end).count()
    }

    fn note(&self, id: DeviceId) -> &Note {
        &self.notes[self.standing(id).note as usize]
    }
}

/// Takes the records one by one.
#[derive(Debug)]
pub(super) struct Fold {
    so_far: Recovered,
    /// Where each call is in the list of calls.
    index: HashMap<u64, usize>,
    /// The devices of the calls that are neither answered nor given up.
    in_flight: HashMap<u64, Vec<DeviceId>>,
    /// Whether nothing has happened since the last resume.
    idle: bool,
}

/// What a record says that cannot be.
pub(super) type Problem = String;

impl Fold {
    pub(super) fn new(begin: Begin, plan: Plan) -> Self {
        let requested = plan.devices.len();
        Self {
            so_far: Recovered {
                standings: vec![Standing::default(); requested],
                summary: Summary {
                    requested,
                    ..Summary::default()
                },
                last_call: 0,
                last_at_ms: begin.at_ms,
                last_event_ms: begin.at_ms,
                torn: None,
                resumes: 0,
                ended: None,
                waves: Vec::new(),
                calls: Vec::new(),
                settled: Vec::new(),
                changes: Vec::new(),
                operators: vec![(begin.at_ms, begin.by.clone())],
                notes: vec![Note {
                    code: None,
                    message: TextId::NONE,
                    request_id: None,
                }],
                texts: Texts::default(),
                begin,
                plan,
            },
            index: HashMap::new(),
            in_flight: HashMap::new(),
            idle: false,
        }
    }

    pub(super) fn finish(self, torn: Option<TornTail>) -> Recovered {
        Recovered { torn, ..self.so_far }
    }

    pub(super) fn record(&mut self, record: Record<'_>) -> Result<(), Problem> {
        self.idle = match record {
            Record::Resumed { .. } => true,
            Record::Ended { .. } => self.idle,
            _ => false,
        };
        let at = match record {
            Record::Resumed { at, by } => {
                self.resumed(at, by);
                at
            }
            Record::Sent {
                call,
                at,
                not_failed,
                devices,
            } => {
                self.sent(call, at, not_failed, &devices)?;
                at
            }
            Record::Answered {
                call,
                at,
                end,
                code,
                message,
                request_id,
            } => {
                self.answered(call, at, end, (code, message.as_deref(), request_id.as_deref()))?;
                at
            }
            Record::Settled {
                at,
                outcome,
                code,
                message,
                request_id,
                devices,
            } => {
                let why = (code, message.as_deref(), request_id.as_deref());
                self.settled(at, outcome, why, &devices)?;
                at
            }
            Record::Requeued { at, devices } => {
                self.requeued(&devices)?;
                at
            }
            Record::Seen {
                at,
                fate,
                reason,
                devices,
            } => {
                self.seen(at, fate, reason.as_deref(), &devices)?;
                at
            }
            Record::Wave {
                at,
                wave,
                devices,
                succeeded,
                failed,
                passed,
            } => {
                self.so_far.waves.push(WaveLog {
                    at_ms: at,
                    wave,
                    devices,
                    succeeded,
                    failed,
                    passed,
                    calls: self.so_far.calls.len(),
                });
                at
            }
            Record::Ended { at, how, summary, open } => {
                self.so_far.ended = Some(Ended {
                    at_ms: at,
                    how: how.into_owned(),
                    summary,
                    open,
                });
                at
            }
        };
        // The clock of the machine may have been put back in between.
        self.so_far.last_at_ms = self.so_far.last_at_ms.max(at);
        if !self.idle {
            self.so_far.last_event_ms = self.so_far.last_event_ms.max(at);
        }
        Ok(())
    }

    fn resumed(&mut self, at: i64, by: Operator) {
        for (_, ids) in self.in_flight.drain() {
            for id in ids {
                self.so_far.standings[id.index()].in_call = false;
            }
        }
        self.so_far.resumes += 1;
        self.so_far.ended = None;
        self.so_far.operators.push((at, by));
    }

    fn sent(&mut self, call: u64, at: i64, not_failed: bool, keys: &Keys<'_>) -> Result<(), Problem> {
        let Some(count) = u32::try_from(keys.len()).ok().filter(|count| *count > 0) else {
            return Err(format!("call {call} carries {} devices", keys.len()));
        };
        let place = self.so_far.calls.len();
        let sent_in = u32::try_from(place).unwrap_or(NO_CALL);
        if self.index.insert(call, place).is_some() {
            return Err(format!("call {call} is sent twice"));
        }
        let mut ids = Vec::with_capacity(keys.len());
        for key in keys {
            let (id, standing) = self.device(key)?;
            let problem = match standing.state {
                State::Waiting => {
                    standing.state = State::InDoubt {
                        sent_at_ms: at,
                        not_failed,
                    };
                    standing.in_call = true;
                    standing.sent_in = sent_in;
                    standing.note = NO_NOTE;
                    ids.push(id);
                    continue;
                }
                State::InDoubt { .. } => "it is in doubt what became of an earlier call with it".to_owned(),
                State::Refused { .. } => {
                    "it was in a refused call and no search has shown yet how it stands".to_owned()
                }
                State::Settled(outcome) => format!("it was settled as {outcome} before"),
            };
            return Err(format!("call {call} sends device {key:?}, although {problem}"));
        }
        self.in_flight.insert(call, ids);
        self.so_far.last_call = self.so_far.last_call.max(call);
        self.so_far.calls.push(CallLog {
            call,
            sent_ms: at,
            ended_ms: None,
            end: None,
            code: None,
            devices: count,
        });
        Ok(())
    }

    fn answered(&mut self, call: u64, at: i64, end: CallEnd, why: Why<'_>) -> Result<(), Problem> {
        let Some(ids) = self.in_flight.remove(&call) else {
            return Err(
                match self.index.get(&call).and_then(|index| self.so_far.calls.get(*index)) {
                    None => format!("call {call} is answered, and was never sent"),
                    Some(CallLog { end: None, .. }) => {
                        format!("call {call} is answered after a resume, which gave it up")
                    }
                    Some(_) => format!("call {call} is answered twice"),
                },
            );
        };
        if let Some(log) = self
            .index
            .get(&call)
            .and_then(|index| self.so_far.calls.get_mut(*index))
        {
            log.ended_ms = Some(at);
            log.end = Some(end);
            log.code = why.0;
        }
        let note = self.note(why)?;
        let mut accepted = 0;
        for id in ids {
            let standing = &mut self.so_far.standings[id.index()];
            standing.in_call = false;
            let (sent_at_ms, not_failed) = match standing.state {
                State::InDoubt { sent_at_ms, not_failed } => (sent_at_ms, not_failed),
                // Told beforehand what became of it.
                State::Settled(outcome) if end != CallEnd::Accepted || outcome == Outcome::Accepted => continue,
                State::Settled(outcome) => {
                    return Err(format!(
                        "call {call} is accepted, although its device {:?} was settled as {outcome} before",
                        self.so_far.plan.devices.key(id)
                    ));
                }
                // A device leaves these only by being sent, and nothing but an answer brings one there from a call.
                State::Waiting | State::Refused { .. } => continue,
            };
            standing.note = note;
            standing.state = match end {
                CallEnd::Accepted => {
                    accepted += 1;
                    self.so_far.summary.add(Outcome::Accepted, 1);
                    State::Settled(Outcome::Accepted)
                }
                CallEnd::NotFailed => State::Refused { sent_at_ms },
                CallEnd::Lost => State::InDoubt { sent_at_ms, not_failed },
                CallEnd::Throttled | CallEnd::NotSent | CallEnd::TooMany | CallEnd::Refused => State::Waiting,
            };
        }
        self.changed(at, Changed::Settled(Outcome::Accepted), accepted);
        Ok(())
    }

    fn settled(&mut self, at: i64, outcome: Outcome, why: Why<'_>, keys: &Keys<'_>) -> Result<(), Problem> {
        let note = self.note(why)?;
        let mut devices = 0;
        for key in keys {
            let (_, standing) = self.device(key)?;
            match standing.state {
                State::Settled(before) if before == outcome => {}
                State::Settled(before) => {
                    return Err(format!(
                        "device {key:?} is settled as {outcome}, although it was settled as {before} before"
                    ));
                }
                State::Waiting | State::InDoubt { .. } | State::Refused { .. } => {
                    standing.state = State::Settled(outcome);
                    standing.note = note;
                    self.so_far.summary.add(outcome, 1);
                    devices += 1;
                }
            }
        }
        self.so_far.settled.push(SettledLog {
            at_ms: at,
            outcome,
            devices,
        });
        self.changed(at, Changed::Settled(outcome), devices);
        Ok(())
    }

    fn requeued(&mut self, keys: &Keys<'_>) -> Result<(), Problem> {
        for key in keys {
            let (_, standing) = self.device(key)?;
            if standing.in_call {
                return Err(format!(
                    "device {key:?} is to be sent again, although the call with it has not ended"
                ));
            }
            if let State::Settled(outcome) = standing.state {
                return Err(format!(
                    "device {key:?} is to be sent again, although it was settled as {outcome} before"
                ));
            }
            standing.state = State::Waiting;
        }
        Ok(())
    }

    fn seen(&mut self, at: i64, fate: Fate, reason: Option<&str>, keys: &Keys<'_>) -> Result<(), Problem> {
        let mut before = Fate::ALL.map(|fate| (fate, 0));
        let reason = self.so_far.texts.id_of(reason);
        for key in keys {
            let (_, standing) = self.device(key)?;
            // An unknown device may have been retried as well, and be watched.
            if !matches!(standing.state, State::Settled(Outcome::Accepted | Outcome::Unknown)) {
                return Err(format!(
                    "device {key:?} was seen to be {fate} after its retry, although none was accepted"
                ));
            }
            if standing.state == State::Settled(Outcome::Accepted)
                && let Some((_, devices)) = before.iter_mut().find(|(from, _)| *from == standing.fate)
            {
                *devices += 1;
            }
            standing.fate = fate;
            standing.failed_again = reason;
        }
        for (from, devices) in before.into_iter().filter(|(from, _)| *from != fate) {
            self.changed(at, Changed::Seen { from, to: fate }, devices);
        }
        Ok(())
    }

    fn changed(&mut self, at_ms: i64, what: Changed, devices: u32) {
        if devices > 0 {
            self.so_far.changes.push(Change { at_ms, what, devices });
        }
    }

    fn device(&mut self, key: &str) -> Result<(DeviceId, &mut Standing), Problem> {
        let id = self.so_far.plan.devices.find(key);
        id.and_then(|id| Some((id, self.so_far.standings.get_mut(id.index())?)))
            .ok_or_else(|| format!("device {key:?} is not in the plan"))
    }

    fn note(&mut self, (code, message, request_id): Why<'_>) -> Result<u32, Problem> {
        if code.is_none() && message.is_none() && request_id.is_none() {
            return Ok(NO_NOTE);
        }
        let number =
            u32::try_from(self.so_far.notes.len()).map_err(|_| "there are more than 4 billion answers".to_owned())?;
        let message = self.so_far.texts.id_of(message);
        self.so_far.notes.push(Note {
            code,
            message,
            request_id: request_id.map(Into::into),
        });
        Ok(number)
    }
}

/// Code, message and request id.
type Why<'a> = (Option<i64>, Option<&'a str>, Option<&'a str>);
