//! What a journal tells: the table of devices that its records lead to, and a log of what happened.

use hashbrown::HashMap;

use super::begin::Begin;
use super::record::{CallEnd, Operator, Record};
use crate::devices::DeviceId;
use crate::outcome::{Fate, Outcome, Summary};
use crate::plan::Plan;
use crate::state::{Applied, Contradiction, DeviceTable, Standing};

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
    /// A resume has given it up: no answer can come any more.
    given_up: bool,
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
    /// Accepted devices of this wave.
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
    /// How the devices stand.
    pub table: DeviceTable,
    /// The highest number of a call; 0 if there was none.
    pub last_call: u64,
    /// The latest time in the file, in milliseconds since 1970-01-01 UTC. The first one is `begin.at_ms`.
    pub last_at_ms: i64,
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
    /// Who began the campaign and who resumed it, each with the time in milliseconds since 1970-01-01 UTC.
    pub operators: Vec<(i64, Operator)>,
    /// The latest time at which something happened, in milliseconds since 1970-01-01 UTC. A resume is nothing by
    /// itself, and neither is the end after it if no other record is in between.
    pub last_event_ms: i64,
    /// How the numbers of devices changed, in the order of the lines.
    pub changes: Vec<Change>,
}

impl Recovered {
    /// How a device stands.
    ///
    /// # Panics
    ///
    /// If the number is of another plan and this one has no such device.
    #[must_use]
    pub fn standing(&self, id: DeviceId) -> Standing<'_> {
        self.table.standing(id)
    }

    /// How many devices have which outcome.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.table.summary()
    }

    /// Devices without an outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        self.table.open()
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
        self.table.last_call_of(id)
    }

    /// Calls that ended in this way; `None` counts those whose end was never written.
    #[must_use]
    pub fn calls_that_ended(&self, end: Option<CallEnd>) -> usize {
        self.calls.iter().filter(|call| call.end == end).count()
    }
}

/// Takes the records one by one.
#[derive(Debug)]
pub(super) struct Replay {
    so_far: Recovered,
    /// Where each call is in the list of calls.
    index: HashMap<u64, usize>,
    /// Whether nothing has happened since the last resume.
    idle: bool,
}

impl Replay {
    pub(super) fn new(begin: Begin, plan: Plan) -> Self {
        Self {
            so_far: Recovered {
                table: DeviceTable::new(plan.devices.clone()),
                last_call: 0,
                last_at_ms: begin.at_ms,
                torn: None,
                resumes: 0,
                ended: None,
                waves: Vec::new(),
                calls: Vec::new(),
                settled: Vec::new(),
                last_event_ms: begin.at_ms,
                changes: Vec::new(),
                operators: vec![(begin.at_ms, begin.by.clone())],
                begin,
                plan,
            },
            index: HashMap::new(),
            idle: false,
        }
    }

    pub(super) fn finish(self, torn: Option<TornTail>) -> Recovered {
        Recovered { torn, ..self.so_far }
    }

    pub(super) fn record(&mut self, record: &Record<'_>) -> Result<(), Contradiction> {
        self.check_call(record)?;
        let ids = self.so_far.table.resolve(record)?;
        let applied = self.so_far.table.apply(record, &ids)?;
        self.log(record, ids.len(), &applied);
        // The clock of the machine may have been put back in between.
        self.so_far.last_at_ms = self.so_far.last_at_ms.max(record.at_ms());
        self.idle = match record {
            Record::Resumed { .. } => true,
            Record::Ended { .. } => self.idle,
            _ => false,
        };
        if !self.idle {
            self.so_far.last_event_ms = self.so_far.last_event_ms.max(record.at_ms());
        }
        Ok(())
    }

    /// The numbers of calls, which the table does not know once they are answered.
    fn check_call(&self, record: &Record<'_>) -> Result<(), Contradiction> {
        match record {
            Record::Sent { call, .. } if self.index.contains_key(call) => Err(format!("call {call} is sent twice")),
            Record::Answered { call, .. } => match self.logged(*call) {
                None => Err(format!("call {call} is answered, and was never sent")),
                Some(log) if log.end.is_some() => Err(format!("call {call} is answered twice")),
                Some(log) if log.given_up => Err(format!("call {call} is answered after a resume, which gave it up")),
                Some(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn logged(&self, call: u64) -> Option<&CallLog> {
        self.so_far.calls.get(*self.index.get(&call)?)
    }

    fn log(&mut self, record: &Record<'_>, devices: usize, applied: &Applied) {
        let news = applied.devices.len();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let so_far = &mut self.so_far;
        match record {
            Record::Resumed { at, by } => {
                for call in so_far.calls.iter_mut().rev().take_while(|call| !call.given_up) {
                    call.given_up = call.end.is_none();
                }
                so_far.resumes += 1;
                so_far.ended = None;
                so_far.operators.push((*at, by.clone()));
            }
            Record::Sent { call, at, .. } => {
                self.index.insert(*call, so_far.calls.len());
                so_far.last_call = so_far.last_call.max(*call);
                so_far.calls.push(CallLog {
                    call: *call,
                    sent_ms: *at,
                    ended_ms: None,
                    end: None,
                    code: None,
                    devices: count(devices),
                    given_up: false,
                });
            }
            Record::Answered {
                call, at, end, code, ..
            } => {
                if let Some(log) = self.index.get(call).and_then(|index| so_far.calls.get_mut(*index)) {
                    log.ended_ms = Some(*at);
                    log.end = Some(*end);
                    log.code = *code;
                }
                self.changed(*at, Changed::Settled(Outcome::Accepted), count(news));
            }
            Record::Settled { at, outcome, .. } => {
                so_far.settled.push(SettledLog {
                    at_ms: *at,
                    outcome: *outcome,
                    devices: count(news),
                });
                self.changed(*at, Changed::Settled(*outcome), count(news));
            }
            Record::Requeued { .. } | Record::Left { .. } => {}
            Record::Seen { at, fate, .. } => {
                for (from, devices) in Fate::ALL.into_iter().zip(applied.fates_before) {
                    self.changed(*at, Changed::Seen { from, to: *fate }, devices);
                }
            }
            Record::Wave {
                at,
                wave,
                devices,
                succeeded,
                failed,
                passed,
            } => so_far.waves.push(WaveLog {
                at_ms: *at,
                wave: *wave,
                devices: *devices,
                succeeded: *succeeded,
                failed: *failed,
                passed: *passed,
                calls: so_far.calls.len(),
            }),
            Record::Ended { at, how, summary, open } => {
                so_far.ended = Some(Ended {
                    at_ms: *at,
                    how: how.clone().into_owned(),
                    summary: *summary,
                    open: *open,
                });
            }
        }
    }

    fn changed(&mut self, at_ms: i64, what: Changed, devices: u32) {
        if devices > 0 {
            self.so_far.changes.push(Change { at_ms, what, devices });
        }
    }
}
