//! What a job is for, and whom it takes in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a job is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobType {
    /// It upgrades devices. The time that a task may take counts from `upgrading`, as documented.
    #[default]
    Upgrade,
    /// It verifies a firmware on a few devices. The time that a task may take counts from `published`, as documented.
    Verify,
}

/// Whether devices that meet the scope of a job only later join it.
///
/// The emulator has no devices that come later, so it only repeats what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpgradePolicy {
    /// They do not.
    Snapshot,
    /// They do.
    Incremental,
}

impl JobType {
    /// The platform's name of the type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Verify => "verify",
        }
    }
}

impl UpgradePolicy {
    /// The platform's name of the policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Incremental => "incremental",
        }
    }
}

impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UpgradePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
