//! What the emulator has been asked, and what it answered. Neither tokens nor signatures nor secrets are in it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use crate::action::Action;
use crate::state::Page;

/// So many requests are remembered.
pub(crate) const REMEMBERED_REQUESTS: usize = 10_000;

/// One request that the emulator has received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestRecord {
    /// Its number, from 1, in the order of arrival.
    pub number: u64,
    /// The node of the gateway to which it came, from 0; see [`nodes`](crate::EmulatorBuilder::nodes).
    pub node: usize,
    /// When it arrived, by the emulator's clock, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The action, if the platform has one of this name.
    pub action: Option<Action>,
    /// The query parameter `orgId`.
    pub org_id: Option<String>,
    /// The query parameter `jobId`.
    pub job_id: Option<String>,
    /// How many device keys it named, if it got as far as the service and its body could be read.
    pub device_keys: Option<usize>,
    /// How many tasks it changed, or made if it created a job.
    pub applied: usize,
    /// The job that it created, even if the answer never arrived.
    pub created_job_id: Option<String>,
    /// What it searched for, if it got as far as the service and its body could be read.
    pub search: Option<SearchRecord>,
    /// The faults that struck it, by their names in JSON.
    pub faults: Vec<&'static str>,
    /// How it ended.
    pub answer: AnswerRecord,
}

/// What a `search` or `searchTask` call asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SearchRecord {
    /// The expression, empty if there was none. Of one that is longer than 1000 characters these are the first, with
    /// `…` after them.
    pub expression: String,
    /// The number of the page, from 1.
    pub page_no: u64,
    /// How many to a page.
    pub page_size: usize,
    /// How much was found, on all pages.
    pub total_size: Option<usize>,
}

impl SearchRecord {
    pub(crate) fn new(expression: &str, page: Page) -> Self {
        // An expression can name thousands of devices, and thousands of requests are remembered.
        let expression = match expression.char_indices().nth(1000) {
            None => expression.to_owned(),
            Some((end, _)) => format!("{}…", &expression[..end]),
        };
        Self {
            expression,
            page_no: page.number,
            page_size: page.size,
            total_size: None,
        }
    }

    pub(crate) fn found(mut self, total: usize) -> Self {
        self.total_size = Some(total);
        self
    }
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum AnswerRecord {
    /// It is being worked on, or the emulator was shut down before it was answered.
    #[default]
    Pending,
    /// It was answered.
    Answered {
        /// The HTTP status.
        http_status: u16,
        /// The `code`, `status` or `apim_status` in the body, if it has one.
        code: Option<i64>,
        /// The `requestId` in the body, if it has one.
        request_id: Option<String>,
    },
    /// The connection was closed without an answer.
    Cut,
}

impl RequestRecord {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match &self.answer {
            AnswerRecord::Answered { http_status, .. } => Some(*http_status),
            AnswerRecord::Pending | AnswerRecord::Cut => None,
        }
    }

    /// The `code`, `status` or `apim_status` of the answer.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match &self.answer {
            AnswerRecord::Answered { code, .. } => *code,
            AnswerRecord::Pending | AnswerRecord::Cut => None,
        }
    }
}

/// How often the emulator has been asked for what, since its start. Unlike [`RequestRecord`]s, none is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Counters {
    /// TCP connections.
    pub connections: u64,
    /// Requests to `token/get`.
    pub token_gets: u64,
    /// Requests to `token/refresh`.
    pub token_refreshes: u64,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Valid `encryption`s used up.
    pub encryptions_used: u64,
    /// Requests with an `action`, whatever became of them.
    pub job_calls: u64,
    /// Those of them with `action=retryTask`.
    pub retry_calls: u64,
    /// `retryTask` calls that were applied.
    pub retry_calls_applied: u64,
    /// Calls that the gateway rejected for their token, timestamp or signature.
    pub gateway_rejections: u64,
    /// Calls that were over the quota, and answered 429 for that.
    pub throttled: u64,
    /// Requests that a fault has struck.
    pub faulted: u64,
    /// The calls of each action.
    pub actions: ActionCounters,
}

/// How often an action was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ActionCount {
    /// Calls, whatever became of them.
    pub calls: u64,
    /// Calls that the service carried out with code 0, even if the answer never arrived.
    pub succeeded: u64,
}

/// [`ActionCount`]s by action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionCounters([ActionCount; Action::ALL.len()]);

impl ActionCounters {
    /// The counts of an action.
    #[must_use]
    pub fn of(&self, action: Action) -> ActionCount {
        self.0[action as usize]
    }

    pub(crate) fn of_mut(&mut self, action: Action) -> &mut ActionCount {
        &mut self.0[action as usize]
    }
}

impl Serialize for ActionCounters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Action::ALL.into_iter().zip(&self.0))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    records: VecDeque<RequestRecord>,
    /// How many there have been in all.
    total: u64,
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic elsewhere leaves the journal whole: nothing below stops halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request and returns its number.
    pub(crate) fn open(&self, mut record: RequestRecord) -> u64 {
        let mut entries = self.lock();
        if entries.records.len() == REMEMBERED_REQUESTS {
            entries.records.pop_front();
        }
        entries.total += 1;
        let number = entries.total;
        record.number = number;
        entries.records.push_back(record);
        number
    }

    /// Changes a request that is still remembered.
    pub(crate) fn amend(&self, number: u64, change: impl FnOnce(&mut RequestRecord)) {
        let mut entries = self.lock();
        let age = usize::try_from(entries.total - number).unwrap_or(usize::MAX);
        let index = entries.records.len().checked_sub(age.saturating_add(1));
        if let Some(record) = index.and_then(|index| entries.records.get_mut(index)) {
            change(record);
        }
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.lock().records.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
