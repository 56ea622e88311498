//! What is known of the tasks of devices that are named by their keys.

use enos_ota::search::{Expression, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, JobId, TaskStatus};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::read::Search;
use super::{ReadProgress, Reader, SelectError};
use crate::devices::{DeviceId, Devices, TaskFacts};

/// So many devices are named in one search. Not documented: how many the platform takes; a page has 200 tasks at the
/// most, so that more would need a second page.
const KEYS_A_SEARCH: usize = 200;

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
    /// The job has no task for the device.
    Gone,
    /// It cannot be told: the answer has no status, or one that is not known.
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
    /// be looked up, it is what was known before.
    pub devices: Devices,
    /// How many searches were made.
    pub calls: u64,
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
    calls: u64,
}

impl Reader<'_> {
    /// Looks the tasks of devices up, whatever their status, 200 devices a search.
    ///
    /// The platform's reads may be about two seconds behind after many changes (documented). If a device has several
    /// tasks in the job, the one that changed last counts.
    ///
    /// # Errors
    ///
    /// If a search fails (after the client has tried again as its policy says), or if the job id cannot stand in a
    /// search.
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
            states: Vec::with_capacity(devices.len()),
        };
        let mut read = 0;
        let ids: Vec<DeviceId> = devices.ids().collect();
        let batches = (0..ids.len()).step_by(KEYS_A_SEARCH).map(|start| {
            let ids = &ids[start..ids.len().min(start + KEYS_A_SEARCH)];
            let searchable = ids.iter().map(|id| devices.key(*id)).filter(|key| is_searchable(key));
            let search = tasks::DEVICE_KEY
                .is_in(searchable)
                .ok()
                .map(|keys| Search::new(self, job_id, Expression::all([of_job.clone(), keys])));
            read_batch(search, ids.to_vec())
        });
        let mut batches = stream::iter(batches).buffered(self.concurrency.get());
        while let Some(batch) = batches.try_next().await? {
            result.calls += batch.calls;
            read += batch.tasks.len();
            result.take(&batch, devices, job_id)?;
            on_progress(ReadProgress {
                reading: 1,
                read,
                total: Some(devices.len()),
                selected: result.devices.len(),
                calls: result.calls,
            });
        }
        Ok(result)
    }
}

/// `None` stands for a search that would name no device.
async fn read_batch(search: Option<Search>, ids: Vec<DeviceId>) -> Result<Batch, SelectError> {
    let mut batch = Batch {
        ids,
        tasks: Vec::new(),
        calls: 0,
    };
    if let Some(search) = search {
        search
            .pages(|page| {
                batch.calls += 1;
                batch.tasks.extend_from_slice(&page.tasks);
                Ok(())
            })
            .await?;
    }
    Ok(batch)
}

impl LookedUp {
    fn take(&mut self, batch: &Batch, devices: &Devices, job_id: &JobId) -> Result<(), SelectError> {
        let mut found: hashbrown::HashMap<&str, &TaskInfo> = hashbrown::HashMap::new();
        for task in &batch.tasks {
            if task.job_id.as_ref().is_some_and(|id| id != job_id.as_str()) {
                continue;
            }
            if let Some(key) = task.device_key.as_deref() {
                let latest = found.entry(key).or_insert(task);
                if task.update_time > latest.update_time {
                    *latest = task;
                }
            }
        }
        for id in &batch.ids {
            let key = devices.key(*id);
            let (state, facts) = match found.get(key) {
                Some(task) => (TaskState::of(task), facts_of(task)),
                None if is_searchable(key) => (TaskState::Gone, devices.facts(*id)),
                None => (TaskState::NotSearchable, devices.facts(*id)),
            };
            self.devices.push(key, &facts).map_err(SelectError::Devices)?;
            self.states.push(state);
        }
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
