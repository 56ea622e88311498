//! A task of a fleet: how it begins, and how it ends.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::model::{Known, TaskInfo, TaskStatus};
use crate::setters::setters;

/// The run of a [`Job`](super::Job) on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the platform's name of the field")]
pub struct Task {
    pub(crate) device_key: String,
    #[serde(deserialize_with = "Known::read")]
    pub(crate) status: TaskStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<i32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) desc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_failure: Option<Box<RetryFailure>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) as_shown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asset_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) update_time: Option<i64>,
}

/// How a task fails after a retry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct RetryFailure {
    pub(crate) progress: i32,
    pub(crate) desc: String,
}

impl Default for RetryFailure {
    fn default() -> Self {
        Self {
            progress: -1,
            desc: String::new(),
        }
    }
}

/// How a task that is under way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The task ends as `succeeded`.
    Succeeds,
    /// The task ends as `failed`.
    Fails,
}

impl Task {
    /// A task in the given state, which must be one that the spec lists.
    pub fn new(device_key: impl Into<String>, status: TaskStatus) -> Self {
        Self {
            device_key: device_key.into(),
            status,
            progress: None,
            desc: String::new(),
            outcome: None,
            retry_outcome: None,
            retry_failure: None,
            as_shown: false,
            product_key: None,
            from_version: None,
            to_version: None,
            task_id: None,
            asset_id: None,
            update_time: None,
        }
    }

    /// A task that waits to be pushed.
    pub fn init(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Init)
    }

    /// A task that has been pushed to the device, which has not answered yet.
    pub fn published(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Published)
    }

    /// A task whose device reports progress: 50 percent, unless [`progress`](Task::progress) says otherwise.
    pub fn upgrading(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Upgrading)
    }

    /// A task that has succeeded.
    pub fn succeeded(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Succeeded)
    }

    /// A task that has failed: with progress -1, unless [`progress`](Task::progress) says otherwise.
    pub fn failed(device_key: impl Into<String>) -> Self {
        Self::new(device_key, TaskStatus::Failed)
    }

    setters! {
        /// Sets the progress: 1 to 99 for `upgrading`, negative for `failed`; the other states leave no choice.
        progress(self, progress: i32) { self.progress = Some(progress); }

        /// Sets the text that says why the task has failed.
        desc(self, desc: impl Into<String>) { self.desc = desc.into(); }

        /// Sets how a task ends that is under way at the start.
        outcome(self, outcome: Outcome) { self.outcome = Some(outcome); }

        /// Sets how the task ends after each retry.
        retry_outcome(self, outcome: Outcome) {
            self.retry_outcome = Some(outcome);
            self.retry_failure = self.retry_failure.filter(|_| outcome == Outcome::Fails);
        }

        /// Makes the task fail after each retry, with this progress, which is negative, and this reason. Without it a
        /// task that is to fail does so as it has before.
        retry_failure(self, progress: i32, desc: impl Into<String>) {
            self.retry_outcome = Some(Outcome::Fails);
            let desc = desc.into();
            self.retry_failure = Some(Box::new(RetryFailure { progress, desc }));
        }

        /// Sets the progress as a platform has shown it, which may be what no documented rule allows. For a failed task
        /// it is kept as it is. For one that is `upgrading`, a value below 1 becomes 1, and one above 99 becomes 99. The
        /// other states have the progress that they always have.
        as_shown(self, progress: i32) {
            self.progress = Some(progress);
            self.as_shown = true;
        }

        /// Sets the id of the task.
        task_id(self, task_id: impl Into<String>) { self.task_id = Some(task_id.into()); }

        /// Sets the asset of the device.
        asset_id(self, asset_id: impl Into<String>) { self.asset_id = Some(asset_id.into()); }

        /// Sets the product of the device.
        product_key(self, product_key: impl Into<String>) { self.product_key = Some(product_key.into()); }

        /// Sets the versions from and to which the device is upgraded.
        versions(self, from: impl Into<String>, to: impl Into<String>) {
            self.from_version = Some(from.into());
            self.to_version = Some(to.into());
        }

        /// Sets `updateTime`, in milliseconds since 1970-01-01 UTC. What moves it is not documented; see
        /// [`UpdateTime`](crate::UpdateTime).
        update_time(self, ms: i64) { self.update_time = Some(ms); }
    }

    /// The key of the device.
    #[must_use]
    pub fn device_key(&self) -> &str {
        &self.device_key
    }

    /// The state at the start.
    #[must_use]
    pub fn status(&self) -> &TaskStatus {
        &self.status
    }

    /// Why the task has failed; empty if it has not, or if no reason is given.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.desc
    }

    /// The progress at the start, as the platform reports it.
    #[must_use]
    pub fn progress_or_default(&self) -> i32 {
        let (usual, range) = progress_of(&self.status).unwrap_or((0, 0..=0));
        match self.progress {
            // Only a platform can have shown a failed task with a progress that is not negative.
            Some(progress) if self.status == TaskStatus::Failed => progress,
            Some(progress) => progress.clamp(*range.start(), *range.end()),
            None => usual,
        }
    }
}

/// The usual progress in a state, and those that are possible; `None` for a state that the spec does not list.
pub(super) fn progress_of(status: &TaskStatus) -> Option<(i32, RangeInclusive<i32>)> {
    Some(match status {
        TaskStatus::Init | TaskStatus::Published => (0, 0..=0),
        TaskStatus::Upgrading => (50, 1..=99),
        TaskStatus::Succeeded => (100, 100..=100),
        TaskStatus::Failed => (-1, i32::MIN..=-1),
        _ => return None,
    })
}

impl From<TaskInfo> for Task {
    /// The task as it is shown. How it goes on, and how a retry ends, is not part of that.
    fn from(shown: TaskInfo) -> Self {
        let status = shown.status.unwrap_or_else(|| "".into());
        let task = Self {
            desc: shown.desc.unwrap_or_default(),
            product_key: shown.product_key,
            from_version: shown.from_version,
            to_version: shown.to_version,
            task_id: shown.task_id,
            asset_id: shown.asset_id,
            update_time: shown.update_time.map(Into::into),
            ..Self::new(shown.device_key.unwrap_or_default(), status)
        };
        match shown.progress.map(|progress| i32::try_from(progress.get())) {
            Some(Ok(progress)) => task.as_shown(progress),
            Some(Err(_)) | None => task,
        }
    }
}
