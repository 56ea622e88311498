//! What becomes of a device.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of the request to retry a device. Every device ends in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The platform accepted the call that carried the device, or a search showed later that this call had retried the
    /// task, although its answer was lost or its list refused.
    Accepted,
    /// The platform refused the device.
    Rejected,
    /// The device was not sent, or surely not retried, and will not be.
    Skipped,
    /// It was sent, and whether it was retried could not be found out.
    Unknown,
}

impl Outcome {
    /// All outcomes, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Rejected, Self::Skipped, Self::Unknown];

    /// The name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of an accepted device afterwards, as far as searches have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Nobody has looked.
    #[default]
    NotSeen,
    /// The task is still `failed`, unchanged, although the platform accepted the retry.
    StillFailed,
    /// The task has left `failed`, and has not ended.
    UnderWay,
    /// The upgrade succeeded.
    Succeeded,
    /// The upgrade failed again.
    FailedAgain,
    /// The job has no task for the device any more.
    Gone,
}

impl Fate {
    /// All fates, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::FailedAgain,
        Self::UnderWay,
        Self::StillFailed,
        Self::Gone,
        Self::NotSeen,
    ];

    /// The name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSeen => "notSeen",
            Self::StillFailed => "stillFailed",
            Self::UnderWay => "underWay",
            Self::Succeeded => "succeeded",
            Self::FailedAgain => "failedAgain",
            Self::Gone => "gone",
        }
    }

    /// Whether the device's upgrade has ended, so that watching it longer shows nothing new.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::FailedAgain | Self::Gone)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many devices ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All devices.
    pub requested: usize,
    /// See [`Outcome::Accepted`].
    pub accepted: usize,
    /// See [`Outcome::Rejected`].
    pub rejected: usize,
    /// See [`Outcome::Skipped`].
    pub skipped: usize,
    /// See [`Outcome::Unknown`].
    pub unknown: usize,
}

impl Summary {
    /// Counts devices of one outcome.
    pub fn add(&mut self, outcome: Outcome, devices: usize) {
        *match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Unknown => &mut self.unknown,
        } += devices;
    }

    /// How many devices have this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Accepted => self.accepted,
            Outcome::Rejected => self.rejected,
            Outcome::Skipped => self.skipped,
            Outcome::Unknown => self.unknown,
        }
    }

    /// How many devices have an outcome.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.accepted + self.rejected + self.skipped + self.unknown
    }

    /// Whether every device has exactly one outcome.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.settled() == self.requested
    }
}
