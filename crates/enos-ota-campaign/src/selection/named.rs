//! What is known of the tasks of devices that are named by their keys.

use std::ops::ControlFlow;

use enos_ota::search::{Criterion, Expression, Tasks, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, Error, ErrorKind, JobId, SearchEvent, TaskReading, TaskSearch, TaskStatus, Waiting};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::read::unread;
use super::{Criteria, OddRows, ReadProgress, Reader, SelectError};
use crate::devices::{DeviceId, Devices, Seen, TaskFacts};

/// So many devices are named in one search; and in the second, if the platform refuses the first. Not documented: how
/// many it takes. A page has 200 tasks at the most, so that more would need a second page.
const KEYS_A_SEARCH: [usize; 2] = [200, 20];

/// How the task of a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It has failed.
    Failed,
    /// It is under way: `init`, `published` or `upgrading`.
    UnderWay,
    /// It has succeeded.
    Succeeded,
    /// It is not among the failed tasks of the job; see [`LookedUp::key_search_refused`]. Whether there is one is not
    /// known.
    NotFailed,
    /// The job has no task for the device.
    Gone,
    /// It cannot be told: the answer has no status or one that is not known, its row could not be read, or it was not
    /// found among rows that may have hidden it.
    Unclear,
    /// It was not looked up, because the key has a quote or a backslash, and how these are escaped in a search is not
    /// documented.
    NotSearchable,
}

impl TaskState {
    fn of(task: &TaskInfo) -> Self {
        match &task.status {
            Some(TaskStatus::Failed) => Self::Failed,
            Some(TaskStatus::Succeeded) => Self::Succeeded,
            Some(TaskStatus::Init | TaskStatus::Published | TaskStatus::Upgrading) => Self::UnderWay,
            _ => Self::Unclear,
        }
    }
}

/// What a look-up of devices has brought.
#[derive(Clone, Debug)]
pub struct LookedUp {
    /// The devices that were given, in the same order and with the same numbers, with what is known now of their tasks:
    /// product and versions, and of those that are failed also reason, progress and time. If a task is gone or could not
    /// be looked up, it is what was known before; [`TaskFacts::seen`] says which.
    pub devices: Devices,
    /// How many searches were made.
    pub calls: u64,
    /// With what the platform refused to search for devices by their keys, twice. The failed tasks of the job were read
    /// instead, all of them, so that a device is found to be failed or not, and no more. `None` if it did not refuse.
    pub key_search_refused: Option<Error>,
    /// Rows that prove nothing.
    pub odd: OddRows,
    states: Vec<TaskState>,
}

impl LookedUp {
    /// How the task of a device stands.
    #[must_use]
    pub fn state(&self, id: DeviceId) -> TaskState {
        self.states.get(id.index()).copied().unwrap_or(TaskState::Gone)
    }

    /// How many tasks stand so.
    #[must_use]
    pub fn count(&self, state: TaskState) -> usize {
        self.states.iter().filter(|other| **other == state).count()
    }
}

/// Looks the tasks of devices up with the default settings of a [`Reader`]; see [`Reader::look_up`].
///
/// # Errors
///
/// [`SelectError`].
pub async fn read_named(
    client: &Client,
    job_id: &JobId,
    devices: &Devices,
    on_progress: impl FnMut(ReadProgress) + Send,
) -> Result<LookedUp, SelectError> {
    Reader::new(client).look_up(job_id, devices, on_progress).await
}

/// The tasks of some of the devices.
struct Batch {
    ids: Vec<DeviceId>,
    tasks: Vec<TaskInfo>,
    odd: OddRows,
    told: TaskReading,
    /// With what the platform refused the search.
    refused: Option<Error>,
}

impl Reader<'_> {
    /// Looks the tasks of devices up, whatever their status, 200 devices a search.
    ///
    /// The platform's reads may be about two seconds behind after many changes (documented). If a device has several
    /// tasks in the job, the one that changed last counts.
    ///
    /// A platform that refuses such a search for its form is asked for 20 devices, and if it refuses that too, all failed
    /// tasks of the job are read instead: see [`LookedUp::key_search_refused`].
    ///
    /// # Errors
    ///
    /// If a search fails when the [patience](Self::patience) is at its end, or if the job id cannot stand in a search.
    pub async fn look_up(
        &self,
        job_id: &JobId,
        devices: &Devices,
        mut on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<LookedUp, SelectError> {
        let of_job = tasks::JOB_ID.equals(job_id.as_str()).map_err(SelectError::JobId)?;
        let mut result = LookedUp {
            devices: Devices::new(),
            calls: 0,
            key_search_refused: None,
            odd: OddRows::default(),
            states: Vec::with_capacity(devices.len()),
        };
        let mut read = 0;
        let mut rest: Vec<DeviceId> = devices.ids().collect();
        let (waits, mut told_waits) = mpsc::unbounded_channel();
        let read_batch =
            |ids: Vec<DeviceId>| read_batch(self.search_for(job_id, &of_job, devices, &ids), ids, waits.clone());
        let (mut sizes, mut proven) = (KEYS_A_SEARCH.into_iter().peekable(), false);
        let mut size = sizes.next().unwrap_or(1);
        loop {
            // What every further search would meet is learned from the first.
            let at_a_time = if proven { self.concurrency.get() } else { 1 };
            let batches: Vec<_> = rest.chunks(size).map(<[_]>::to_vec).collect();
            let mut batches = stream::iter(batches.into_iter().map(&read_batch)).buffered(at_a_time);
            let mut progress = |result: &LookedUp, read, waiting| {
                on_progress(ReadProgress {
                    reading: 1,
                    read,
                    total: Some(devices.len()),
                    selected: result.devices.len(),
                    calls: result.calls,
                    waiting,
                });
            };
            let mut next_size = None;
            loop {
                let batch = tokio::select! {
                    biased;
                    Some(waiting) = told_waits.recv() => {
                        progress(&result, read, Some(waiting));
                        continue;
                    }
                    batch = batches.next() => batch,
                };
                let Some(batch) = batch else { break };
                let batch = batch.map_err(|error| unread(job_id, error))?;
                result.calls += batch.told.calls;
                match batch.refused {
                    Some(_) if !proven && sizes.peek().is_some() => {
                        next_size = sizes.next();
                        break;
                    }
                    Some(refusal) if !proven => {
                        drop(batches);
                        result.key_search_refused = Some(refusal);
                        return self.look_up_among_failed(job_id, devices, result, on_progress).await;
                    }
                    _ => {}
                }
                read += batch.tasks.len();
                let searched = batch.told.calls > 0;
                result.take(&batch, devices)?;
                progress(&result, read, None);
                if searched && !proven {
                    proven = true;
                    break;
                }
            }
            drop(batches);
            rest = devices.ids().skip(result.states.len()).collect();
            size = next_size.unwrap_or(size);
            if rest.is_empty() {
                return Ok(result);
            }
        }
    }

    /// `None` if not one of the devices can be searched for.
    fn search_for(
        &self,
        job_id: &JobId,
        of_job: &Criterion<Tasks>,
        devices: &Devices,
        ids: &[DeviceId],
    ) -> Option<TaskSearch> {
        let keys: Vec<_> = ids
            .iter()
            .map(|id| devices.key(*id))
            .filter(|key| is_searchable(key))
            .collect();
        let named = match keys.as_slice() {
            [key] => tasks::DEVICE_KEY.equals(key),
            several => tasks::DEVICE_KEY.is_in(several),
        };
        Some(self.search(job_id, &Expression::all([of_job.clone(), named.ok()?])))
    }

    /// Looks devices up among all failed tasks of the job.
    async fn look_up_among_failed(
        &self,
        job_id: &JobId,
        devices: &Devices,
        mut result: LookedUp,
        mut on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<LookedUp, SelectError> {
        let all = Criteria {
            include_cancelled: true,
            ..Criteria::default()
        };
        let calls = result.calls;
        let failed = self
            .read_failed(&all, job_id, |mut progress| {
                progress.calls = progress.calls.saturating_add(calls);
                on_progress(progress);
            })
            .await?;
        result.calls = result.calls.saturating_add(failed.calls);
        // Of those before that could not be searched for, more is known now.
        (result.devices, result.states) = (Devices::new(), Vec::with_capacity(devices.len()));
        for id in devices.ids() {
            let key = devices.key(id);
            let (state, facts) = match failed.devices.find(key) {
                Some(found) => (TaskState::Failed, failed.devices.facts(found)),
                None if failed.moved || failed.odd.may_hide(key) => (TaskState::Unclear, devices.facts(id)),
                None => (TaskState::NotFailed, devices.facts(id)),
            };
            result.push(key, state, &facts)?;
        }
        result.odd.add(&failed.odd);
        Ok(result)
    }
}

/// `None` stands for a search that would name no device.
async fn read_batch(
    search: Option<TaskSearch>,
    ids: Vec<DeviceId>,
    waits: mpsc::UnboundedSender<Waiting>,
) -> Result<Batch, enos_ota::PageError> {
    let mut batch = Batch {
        ids,
        tasks: Vec::new(),
        odd: OddRows::default(),
        told: TaskReading::default(),
        refused: None,
    };
    let Some(search) = search else {
        return Ok(batch);
    };
    let told = search
        .read_all(|event| {
            match event {
                SearchEvent::Page(page) => {
                    batch.odd.take(&page);
                    batch.tasks.extend(page.tasks);
                }
                // Whoever has asked for the devices listens.
                SearchEvent::Waiting(waiting) => drop(waits.send(waiting)),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .await;
    match told {
        Ok(told) => batch.told = told,
        Err(error) if is_about_form(&error.source) => {
            batch.told.calls = 1;
            batch.refused = Some(error.source);
        }
        Err(error) => return Err(error),
    }
    Ok(batch)
}

/// Whether the platform refused a search for what it looks like: the same with other devices would be refused too.
fn is_about_form(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidArgument
        || matches!(error.status().map(|status| status.as_u16()), Some(413 | 414 | 431))
}

impl LookedUp {
    fn take(&mut self, batch: &Batch, devices: &Devices) -> Result<(), SelectError> {
        let mut found: hashbrown::HashMap<&str, &TaskInfo> = hashbrown::HashMap::new();
        for task in &batch.tasks {
            if let Some(key) = task.device_key.as_deref() {
                let latest = found.entry(key).or_insert(task);
                if task.update_time > latest.update_time {
                    *latest = task;
                }
            }
        }
        let incomplete = batch.refused.is_some() || !batch.told.all_rows_came();
        for id in &batch.ids {
            let key = devices.key(*id);
            let (state, facts) = match found.get(key) {
                // Another task of the device may be the one that counts.
                Some(_)
                    if batch
                        .odd
                        .examples
                        .iter()
                        .any(|row| row.device_key.as_deref() == Some(key)) =>
                {
                    (TaskState::Unclear, devices.facts(*id))
                }
                Some(task) => (TaskState::of(task), facts_of(task)),
                None if !is_searchable(key) => (TaskState::NotSearchable, devices.facts(*id)),
                None if incomplete || batch.odd.may_hide(key) => (TaskState::Unclear, devices.facts(*id)),
                None => (TaskState::Gone, devices.facts(*id)),
            };
            self.push(key, state, &facts)?;
        }
        self.odd.add(&batch.odd);
        Ok(())
    }

    fn push(&mut self, key: &str, state: TaskState, facts: &TaskFacts<'_>) -> Result<(), SelectError> {
        let seen = match state {
            TaskState::Failed => Some(Seen::Failed),
            TaskState::UnderWay | TaskState::Succeeded | TaskState::NotFailed => Some(Seen::NotFailed),
            TaskState::Gone => Some(Seen::NoTask),
            TaskState::Unclear | TaskState::NotSearchable => None,
        };
        self.devices
            .push(key, &TaskFacts { seen, ..facts.clone() })
            .map_err(SelectError::Devices)?;
        self.states.push(state);
        Ok(())
    }
}

/// What a task says of its failure counts only if it is failed.
fn facts_of(task: &TaskInfo) -> TaskFacts<'_> {
    let facts = TaskFacts::from(task);
    if TaskState::of(task) == TaskState::Failed {
        return facts;
    }
    TaskFacts {
        reason: None,
        progress: None,
        updated_ms: None,
        ..facts
    }
}

fn is_searchable(key: &str) -> bool {
    tasks::DEVICE_KEY.equals(key).is_ok()
}
