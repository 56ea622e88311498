//! The lines of a journal.
//!
//! From the lines alone it follows what is known of every device: see [`Record::Sent`] and the records after it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::outcome::{Fate, Outcome, Summary};

/// The schema of a journal, which its first line names.
pub const JOURNAL_SCHEMA: &str = "enos-ota/journal/1";

/// Keys of devices in a record.
pub type Keys<'a> = Vec<Cow<'a, str>>;

/// Who runs a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operator {
    /// `user@host`.
    pub who: String,
    /// The command line, without secrets. Empty for a program that uses the library.
    #[serde(default)]
    pub command: Vec<String>,
    /// Name and version of the program.
    pub program: String,
}

/// How the call of a [`Record::Answered`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallEnd {
    /// Code 0: every device of the call is accepted.
    Accepted,
    /// 24621: at least one of the tasks is not failed. Which, and whether the others were retried, is not told.
    NotFailed,
    /// The answer was lost, or is none: the devices may have been retried.
    Lost,
    /// The gateway asked for fewer calls. Nothing was done.
    Throttled,
    /// The call did not leave this machine.
    NotSent,
    /// The platform refused the list for its size, or the gateway the body. Nothing was done.
    TooMany,
    /// The platform refused the call for another reason, which a [`Record::Settled`] tells. Nothing was done.
    Refused,
}

/// How a failed task was when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastSeen {
    /// `updateTime` of the task, in milliseconds since 1970-01-01 UTC, by the platform's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<i64>,
    /// The [hash](crate::TaskFacts::hash_of_task) of its id, in 16 hex digits.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::device_line::hex_digits"
    )]
    pub task: Option<u64>,
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Record<'a> {
    /// Another process goes on with the campaign.
    Resumed {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// Who.
        by: Operator,
    },
    /// A call is about to be made. Written and synced before the call leaves.
    ///
    /// Until its [`Answered`](Self::Answered) is there, it is in doubt whether its devices were retried.
    Sent {
        /// Number of the call in the journal, from 1.
        call: u64,
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// Whether a search has shown that these tasks are not failed: they are sent so that it is the platform that
        /// refuses them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        not_failed: bool,
        /// Whether nobody had looked at these tasks before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unseen: bool,
        /// Those of its devices whose tasks a search has shown not to be failed, if these are not all.
        #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
        apart: Keys<'a>,
        /// How the tasks of the devices were when they were last looked at, in the same order. `None` for one that was not
        /// looked at since the plan, and empty if none was: then the plan tells. After a lost answer, only what has changed
        /// since that look can be the doing of this call.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        last_seen: Vec<Option<LastSeen>>,
        /// The devices that it carries.
        #[serde(borrow)]
        devices: Keys<'a>,
    },
    /// A call has ended.
    ///
    /// After `Accepted` its devices are accepted, unless a search had shown before that they are not failed. After
    /// `Throttled`, `NotSent` and `TooMany` they wait to be sent again, and after `NotFailed` and `Lost` a search decides.
    Answered {
        /// Number of the call.
        call: u64,
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// How it ended.
        end: CallEnd,
        /// The code that was answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// The platform's text, or what went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
        message: Option<Cow<'a, str>>,
        /// The id under which the platform keeps the call.
        #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
        request_id: Option<Cow<'a, str>>,
    },
    /// What became of devices, where it does not follow from an `Answered` with `Accepted`.
    Settled {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// What became of them.
        outcome: Outcome,
        /// The platform's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
        message: Option<Cow<'a, str>>,
        /// The id under which the platform keeps the call that settled it.
        #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
        request_id: Option<Cow<'a, str>>,
        /// Whether the devices were refused because somebody else had retried them meanwhile.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        elsewhere: bool,
        /// The devices.
        #[serde(borrow)]
        devices: Keys<'a>,
    },
    /// Devices of a lost or refused call wait to be sent again: a search showed that they are still failed, or none could
    /// tell and the list is halved.
    Requeued {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// The devices.
        #[serde(borrow)]
        devices: Keys<'a>,
    },
    /// A search has shown that these tasks, which were failed, are not failed since their last call. Of that call it is not
    /// known yet whether it was carried out: this is evidence for it, and settles nothing.
    Left {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// The devices.
        #[serde(borrow)]
        devices: Keys<'a>,
    },
    /// What became of accepted devices afterwards.
    Seen {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// What a search showed.
        fate: Fate,
        /// Why the task failed again.
        #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
        reason: Option<Cow<'a, str>>,
        /// The devices.
        #[serde(borrow)]
        devices: Keys<'a>,
    },
    /// A wave has been watched, and it was decided whether to go on.
    Wave {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// Number of the wave, from 1.
        wave: usize,
        /// Accepted devices of this wave.
        devices: usize,
        /// How many of this wave succeeded.
        succeeded: usize,
        /// How many of this wave failed again.
        failed: usize,
        /// Whether the campaign goes on.
        passed: bool,
    },
    /// The campaign has come to its end, for now: if devices are left, it can be resumed.
    Ended {
        /// When, in milliseconds since 1970-01-01 UTC.
        at: i64,
        /// How.
        how: Cow<'a, str>,
        /// How the devices stand.
        summary: Summary,
        /// Devices that have no outcome yet.
        open: usize,
    },
}

impl Record<'_> {
    /// When it was written, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        match self {
            Self::Resumed { at, .. }
            | Self::Sent { at, .. }
            | Self::Answered { at, .. }
            | Self::Settled { at, .. }
            | Self::Requeued { at, .. }
            | Self::Left { at, .. }
            | Self::Seen { at, .. }
            | Self::Wave { at, .. }
            | Self::Ended { at, .. } => *at,
        }
    }

    /// The keys of the devices that it names; none if it names none.
    #[must_use]
    pub fn devices(&self) -> &[Cow<'_, str>] {
        match self {
            Self::Sent { devices, .. }
            | Self::Settled { devices, .. }
            | Self::Requeued { devices, .. }
            | Self::Left { devices, .. }
            | Self::Seen { devices, .. } => devices,
            Self::Resumed { .. } | Self::Answered { .. } | Self::Wave { .. } | Self::Ended { .. } => &[],
        }
    }
}
