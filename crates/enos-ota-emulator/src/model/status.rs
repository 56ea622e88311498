//! The states of jobs and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The states of a job. There are only these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// The job runs: its tasks move and can be retried.
    Started,
    /// The job does not run: its tasks stand still and cannot be retried.
    Stopped,
}

/// The states of a task. A task that a person has cancelled is `failed` (inferred from the vendor's sample code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Not yet pushed to the device.
    Init,
    /// Pushed; the device has reported no progress yet.
    Published,
    /// The device reports progress.
    Upgrading,
    /// The device runs the new version.
    Succeeded,
    /// The upgrade has failed; the task can be retried.
    Failed,
}

impl JobStatus {
    /// The platform's name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
        }
    }
}

impl TaskStatus {
    /// All states, in the order in which a task goes through them.
    pub const ALL: [Self; 5] = [
        Self::Init,
        Self::Published,
        Self::Upgrading,
        Self::Succeeded,
        Self::Failed,
    ];

    /// The platform's name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Published => "published",
            Self::Upgrading => "upgrading",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
