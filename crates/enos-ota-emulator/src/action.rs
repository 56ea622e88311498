//! The names of the actions of the OTA-job API.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An action of `/connect-service/v2.1/ota-jobs`, by the platform's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Create a job.
    Create,
    /// Read a job.
    Get,
    /// Search jobs.
    Search,
    /// Search tasks.
    SearchTask,
    /// Start a job.
    Start,
    /// Stop a job.
    Stop,
    /// Delete a job.
    Delete,
    /// Cancel tasks.
    CancelTask,
    /// Retry failed tasks.
    RetryTask,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Get,
        Self::Search,
        Self::SearchTask,
        Self::Start,
        Self::Stop,
        Self::Delete,
        Self::CancelTask,
        Self::RetryTask,
    ];

    /// The value of the query parameter `action`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Search => "search",
            Self::SearchTask => "searchTask",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Delete => "delete",
            Self::CancelTask => "cancelTask",
            Self::RetryTask => "retryTask",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
