//! What a failed task has to be like to be selected.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use enos_ota::types::TaskInfo;
use enos_ota::{FailureCause, TaskStatus};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Patterns;
use crate::device_line::sha256_of_keys;
use crate::devices::{Devices, TaskFacts};

/// The reason of a task that a person has cancelled. Inferred from the vendor's Python sample, which searches for it.
const CANCELLED: &str = "Cancelled by user";

/// What failed tasks have to be like. Without any criterion all failed tasks are meant, but those that a person has
/// cancelled.
///
/// A task has to meet every criterion. What cannot be shown to meet one does not: if there is a criterion for a version,
/// a cause or a time, a task that lacks it is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Criteria {
    /// One of these patterns stands for the reason, which is the task's `desc`. A task without a reason has the empty
    /// text, for which only `*` stands.
    #[serde(default, skip_serializing_if = "Patterns::is_empty")]
    pub reason: Patterns,
    /// None of these patterns stands for the reason.
    #[serde(default, skip_serializing_if = "Patterns::is_empty")]
    pub not_reason: Patterns,
    /// The firmware version that the device is upgraded from is one of these, to the letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_version: Vec<String>,
    /// The firmware version that the device is upgraded to is one of these, to the letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_version: Vec<String>,
    /// The upgrade failed for one of these causes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<Cause>,
    /// The task's `updateTime` is this or later, in milliseconds since 1970-01-01 UTC, by the platform's clock; what moves
    /// it is not documented. In a header it is `since`, in RFC 3339.
    #[serde(default, rename = "since", with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// The device is none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Exclusion>,
    /// Whether tasks that a person has cancelled are meant too.
    ///
    /// Inferred from the vendor's Python sample: such a task is `failed` with the reason `Cancelled by user`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_cancelled: bool,
}

impl Criteria {
    /// Whether a task is selected, and if not, by which criterion it is left out first. They are gone through in the
    /// order of [`Why`].
    #[must_use]
    pub fn matches(&self, task: &TaskInfo) -> Verdict {
        match self.objection(task) {
            None => Verdict::Taken,
            Some(why) => Verdict::LeftOut(why),
        }
    }

    fn objection(&self, task: &TaskInfo) -> Option<Why> {
        let Some(key) = task.device_key.as_deref().filter(|key| !key.is_empty()) else {
            return Some(Why::NoKey);
        };
        // The search asked for failed tasks only, so an answer that names no status is taken for one.
        if task.status.as_ref().is_some_and(|status| *status != TaskStatus::Failed) {
            return Some(Why::Other);
        }
        if self.exclude.as_ref().is_some_and(|exclude| exclude.contains(key)) {
            return Some(Why::Excluded);
        }
        let facts = TaskFacts::from(task);
        if !self.include_cancelled && is_cancelled(facts.reason) {
            return Some(Why::Cancelled);
        }
        if !is_one_of(&self.from_version, facts.from_version) || !is_one_of(&self.to_version, facts.to_version) {
            return Some(Why::Version);
        }
        if self
            .since_ms
            .is_some_and(|since| facts.updated_ms.is_none_or(|updated| updated < since))
        {
            return Some(Why::Time);
        }
        if !self.cause.is_empty() && !self.cause.iter().any(|cause| Some(*cause) == Cause::of(&facts)) {
            return Some(Why::Cause);
        }
        let wanted = self.reason.is_empty() || self.reason.matches(facts.reason);
        (!wanted || self.not_reason.matches(facts.reason)).then_some(Why::Reason)
    }
}

fn is_one_of(wanted: &[String], found: Option<&str>) -> bool {
    wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|wanted| wanted == found))
}

fn is_cancelled(reason: Option<&str>) -> bool {
    // Nothing says how exactly the platform writes it.
    reason.is_some_and(|reason| reason.trim().eq_ignore_ascii_case(CANCELLED))
}

/// Whether a task is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is.
    Taken,
    /// It is not.
    LeftOut(Why),
}

/// Why a task is left out. Where there are several reasons, the first of these is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The row of the task could not be read.
    Unreadable,
    /// The platform's answer names no device.
    NoKey,
    /// It is not a task that was asked for: not failed, of another job, or not of a device that was named.
    Other,
    /// The device is among those that are left out by their keys.
    Excluded,
    /// A person has cancelled it.
    Cancelled,
    /// It is from or to another version.
    Version,
    /// It changed before the time asked for.
    Time,
    /// It failed for another cause.
    Cause,
    /// It failed for another reason, or one that was not wanted.
    Reason,
}

/// How many tasks were read and left out, by the reason for it. Each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeftOut {
    /// See [`Why::Unreadable`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub unreadable: usize,
    /// See [`Why::NoKey`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub no_key: usize,
    /// See [`Why::Other`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub other: usize,
    /// See [`Why::Excluded`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub excluded: usize,
    /// See [`Why::Cancelled`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub cancelled: usize,
    /// See [`Why::Version`]. Tasks that the search itself left out for their version were not read and are not counted.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub by_version: usize,
    /// See [`Why::Time`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub by_time: usize,
    /// See [`Why::Cause`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub by_cause: usize,
    /// See [`Why::Reason`].
    #[serde(skip_serializing_if = "super::is_zero")]
    pub by_reason: usize,
}

impl LeftOut {
    /// Counts a task.
    pub fn add(&mut self, why: Why) {
        *match why {
            Why::Unreadable => &mut self.unreadable,
            Why::NoKey => &mut self.no_key,
            Why::Other => &mut self.other,
            Why::Excluded => &mut self.excluded,
            Why::Cancelled => &mut self.cancelled,
            Why::Version => &mut self.by_version,
            Why::Time => &mut self.by_time,
            Why::Cause => &mut self.by_cause,
            Why::Reason => &mut self.by_reason,
        } += 1;
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.unreadable
            + self.no_key
            + self.other
            + self.excluded
            + self.cancelled
            + self.by_version
            + self.by_time
            + self.by_cause
            + self.by_reason
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

/// A cause of failure to select by.
///
/// The platform's pages say only that a negative progress means failure. Inferred from the vendor's device SDKs: which
/// number stands for which cause.
/// In JSON and on a command line it is its name, or the number where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The device could not download the firmware: progress -2.
    Download,
    /// The device found that the firmware is not what it should be: progress -3.
    Verification,
    /// The device could not write the firmware to its storage: progress -4.
    Write,
    /// The device ignored the upgrade: progress -5.
    Ignored,
    /// The device gave no cause: progress -1.
    Unspecified,
    /// A number of the device maker's own: this progress, which is less than -5.
    ///
    /// The platform's older pages say that device makers have numbers of their own.
    Own(i32),
}

impl Cause {
    /// All causes that have a name, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::Download,
        Self::Verification,
        Self::Write,
        Self::Ignored,
        Self::Unspecified,
    ];

    /// The name, as in JSON; `None` for a number of the device maker's own.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Download => "download",
            Self::Verification => "verification",
            Self::Write => "write",
            Self::Ignored => "ignored",
            Self::Unspecified => "unspecified",
            Self::Own(_) => return None,
        })
    }

    /// The cause that a progress stands for; `None` if it is not negative.
    #[must_use]
    pub fn of_progress(progress: i32) -> Option<Self> {
        Some(match FailureCause::of_progress(progress.into())? {
            FailureCause::Download => Self::Download,
            FailureCause::Verification => Self::Verification,
            FailureCause::Writing => Self::Write,
            FailureCause::Ignored => Self::Ignored,
            FailureCause::Unspecified => Self::Unspecified,
            _ => Self::Own(progress),
        })
    }

    /// The cause that the progress of a task stands for; `None` if it is not known or not negative.
    #[must_use]
    pub fn of(facts: &TaskFacts<'_>) -> Option<Self> {
        facts.progress.and_then(Self::of_progress)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(number) => write!(f, "{number}"),
            named => f.pad(named.name().unwrap_or_default()),
        }
    }
}

impl FromStr for Cause {
    type Err = CauseError;

    /// Takes a name, or any negative number.
    fn from_str(text: &str) -> Result<Self, CauseError> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == Some(text))
            .or_else(|| Self::of_progress(text.parse().ok()?))
            .ok_or_else(|| CauseError(text.to_owned()))
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'_, str> = Cow::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A text that names no cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseError(String);

impl fmt::Display for CauseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Cause::ALL.into_iter().filter_map(Cause::name).collect();
        write!(
            f,
            "`{}` is no cause of a failure; expected one of {}, or a negative number such as -7",
            self.0,
            known.join(", ")
        )
    }
}

impl std::error::Error for CauseError {}

/// Devices that are left out by their keys, such as those of a file.
///
/// In the header of a plan it is only how many there are and their hash, so one that was read from there leaves nothing
/// out: see [`is_known`](Self::is_known).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exclusion {
    devices: usize,
    sha256: String,
    #[serde(skip)]
    keys: Option<Arc<Devices>>,
}

impl Exclusion {
    /// Leaves these devices out. What is known of their tasks does not matter.
    #[must_use]
    pub fn new(keys: Devices) -> Self {
        Self {
            devices: keys.len(),
            sha256: sha256_of_keys(&keys),
            keys: Some(Arc::new(keys)),
        }
    }

    /// How many devices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices == 0
    }

    /// SHA-256, in lowercase hex, over the device keys in ascending order (by byte), each followed by a line feed.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether the devices are known, and not only how many there were.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether this device is left out. Never, if the devices are not [known](Self::is_known).
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.find(key).is_some())
    }
}

impl PartialEq for Exclusion {
    /// Compares the hashes.
    fn eq(&self, other: &Self) -> bool {
        (self.devices, &self.sha256) == (other.devices, &other.sha256)
    }
}

mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de, ser};

    #[expect(clippy::ref_option, reason = "serde passes this reference")]
    pub(super) fn serialize<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match ms {
            None => serializer.serialize_none(),
            Some(ms) => {
                serializer.collect_str(&Timestamp::from_millisecond(*ms).map_err(<S::Error as ser::Error>::custom)?)
            }
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse::<Timestamp>())
            .transpose()
            .map(|time| time.map(Timestamp::as_millisecond))
            .map_err(de::Error::custom)
    }
}
