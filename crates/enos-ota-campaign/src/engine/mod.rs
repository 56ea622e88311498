//! The engine of a campaign: what to call next, what an answer means, and the loop that acts on it.
//!
//! | Room | What it decides or does |
//! |---|---|
//! | `run` | The loop: dispatches calls, applies what they bring, reports what is on the disk |
//! | `ends` | What the loop does when a call has ended |
//! | `contact` | Whether the gateway is there, and when to give up on it |
//! | `waves` | A few devices first; watching them; confirming all at the end |
//! | `send` | One call of *Retry OTA Task*, with its two journal lines |
//! | `search` | One search: its expression, its pages, its rows |
//! | `classify` | What the end of a call means: the one table |
//! | `schedule` | Which call comes next: what waits, what was sent, what is looked up, what was found |
//! | `refusal` | A list that the platform refused |
//! | `lost` | A call without an answer |
//! | `others` | Whether somebody else retries tasks of the job, and what can still be said then |
//! | `gather` | A list that takes several searches, judged as a whole |
//! | `experiment` | Whether the platform retries the others of a refused list |
//! | `witness` | Which fields of a task show that it was retried |
//! | `knowledge` | How each device stood when it was last looked at |
//! | `follow`, `stages` | Watching accepted devices |
//! | `conclude` | The outcome of every device at the end of a run |
//!
//! All rooms but `run`, `ends`, `waves`, `conclude`, `send` and `search` are pure: they read no clock and make no call.

mod classify;
mod conclude;
mod contact;
mod ends;
mod experiment;
mod follow;
mod gather;
mod knowledge;
mod lost;
mod others;
mod refusal;
mod run;
mod schedule;
#[cfg(test)]
mod scripted;
mod search;
mod send;
#[cfg(test)]
mod simulation;
mod stages;
mod waves;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::tasks;

use crate::devices::DeviceId;
use crate::journal::CallEnd;
use crate::outcome::Outcome;

use knowledge::Before;
pub(crate) use run::{Parts, Runner};

/// How much goes into a call. The platform's own limits are not documented, so these shrink when it complains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Devices that a retry carries.
    pub(crate) chunk: usize,
    /// Devices that a search names, where few results are expected.
    pub(crate) look: usize,
    /// Results on a page, and devices that a search names where each gives a result.
    pub(crate) page: usize,
    /// How long after a call a search shows what it has done.
    pub(crate) lag: Duration,
    /// How many answers in a row may be lost for the same devices.
    pub(crate) lost: u32,
}

/// Which tasks a search asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StatusFilter {
    /// Those that are not failed. A device that is not found is failed, or has no task.
    NotFailed,
    All,
    /// Those that have ended, in success or failure.
    Ended,
    Failed,
}

/// The devices that a search names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) filter: StatusFilter,
    pub(crate) devices: Vec<DeviceId>,
    /// The platform does not search by device key: all tasks of the job with this status are read instead.
    pub(crate) whole_job: bool,
}

/// How a search shows a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Failed,
    UnderWay,
    Succeeded,
}

/// A task as a search shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) status: Status,
    pub(crate) updated_ms: Option<i64>,
    /// A hash of the task's id.
    pub(crate) task: Option<u64>,
    pub(crate) progress: Option<i32>,
    /// Why it failed.
    pub(crate) reason: Option<Arc<str>>,
}

/// What a search has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) tasks: Vec<(DeviceId, Observation)>,
    /// Devices that have a row which cannot be read.
    pub(crate) unclear: Vec<DeviceId>,
    /// What is not found is not known: a row cannot be read, and neither can whose it is, or rows are missing.
    pub(crate) any_unclear: bool,
    /// How many rows were of another job or organization. They tell nothing.
    pub(crate) foreign: usize,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookupEnd {
    Found(Found),
    /// Nothing came back; the same may be asked again.
    Again,
    /// The platform refuses the search as invalid, perhaps because it names too many devices.
    Invalid,
    /// No search will be answered: why, for people.
    Never(Arc<str>),
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Send {
        devices: Vec<DeviceId>,
        /// How their tasks stood when they were last looked at. Those that are not failed the platform is to refuse.
        before: Before,
        /// One of them whose task is not failed, unlike the others.
        apart: Option<DeviceId>,
    },
    Look(Lookup),
}

/// The number of a call of the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(u64);

impl CallId {
    /// No call.
    const NONE: Self = Self(0);
    /// Stands for all calls of earlier runs.
    const EARLIER: Self = Self(1);
}

/// What the platform said with the end of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<Arc<str>>,
    pub(crate) request_id: Option<Arc<str>>,
}

impl Reply {
    /// A reply of this program's own.
    pub(crate) fn of(message: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            message: Some(message.into()),
            ..Self::default()
        })
    }

    fn saying(&self, more: &str) -> Arc<Self> {
        let message = match &self.message {
            Some(message) => format!("{message} ({more})"),
            None => more.to_owned(),
        };
        Arc::new(Self {
            message: Some(message.into()),
            ..self.clone()
        })
    }
}

/// The end of a retry, as far as scheduling depends on it.
#[derive(Clone, Debug)]
pub(crate) struct SendEnd {
    pub(crate) end: CallEnd,
    pub(crate) reply: Arc<Reply>,
    /// The list was refused, and perhaps only for its length.
    pub(crate) about_size: bool,
}

/// What is known now that was not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Settle {
        devices: Vec<DeviceId>,
        outcome: Outcome,
        reply: Arc<Reply>,
        /// Somebody else has retried them meanwhile.
        elsewhere: bool,
    },
    /// Their calls were lost so often that they are not sent any more. They were surely not retried.
    GaveUp { devices: Vec<DeviceId>, attempts: u32 },
    /// Of a call that was lost or refused: these wait to be sent again.
    Requeue(Vec<DeviceId>),
    /// These were seen not to be failed since their call, of which it is not known yet what it has done.
    Left(Vec<DeviceId>),
    /// Fewer devices per call from now on.
    Shrunk { chunk: usize },
    /// Something about the platform that was learned, for people.
    Learned(Arc<str>),
}

impl Step {
    fn settle(devices: Vec<DeviceId>, outcome: Outcome, reply: &Arc<Reply>) -> Self {
        Self::Settle {
            devices,
            outcome,
            reply: Arc::clone(reply),
            elsewhere: false,
        }
    }
}

/// Whether a search can name a device of this key: how the platform escapes a quote is not documented.
pub(crate) fn is_searchable(key: &str) -> bool {
    tasks::DEVICE_KEY.equals(key).is_ok()
}
