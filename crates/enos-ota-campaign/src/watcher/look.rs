//! One look of a watcher: a search for some devices, and what its rows show of each.

use std::ops::ControlFlow;
use std::sync::Arc;

use enos_ota::search::{Criterion, Expression, Tasks, ValueError, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Error, ErrorKind, Integer, SearchEvent, TaskReading, TaskSearch, TaskStatus, Waiting};
use hashbrown::HashMap;
use tokio::sync::mpsc;

use super::rounds::Filter;
use crate::devices::{DeviceId, Devices};
use crate::selection::OddRows;

/// Devices that are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) devices: Vec<DeviceId>,
    pub(super) filter: Filter,
    /// Whether all tasks of the job are read, because the devices cannot be searched for by their keys.
    pub(super) whole_job: bool,
}

/// What a look has come to.
pub(super) enum LookEnd {
    Read(Read),
    /// The platform refuses the search for its form.
    Refused(Error),
    Failed(Error),
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) tasks: Vec<TaskInfo>,
    pub(super) odd: OddRows,
    pub(super) reading: TaskReading,
}

/// What is seen of the task of a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// It is there.
    Task {
        status: TaskStatus,
        progress: Option<i64>,
        updated_ms: Option<i64>,
        desc: Option<Arc<str>>,
    },
    /// It has not ended. No more was asked for.
    NotEnded,
    /// The job has no task for the device.
    Gone,
}

/// Whether a device can be named in a search. How quotes are escaped in one is not documented.
pub(super) fn is_searchable(key: &str) -> bool {
    tasks::DEVICE_KEY.equals(key).is_ok()
}

impl Look {
    pub(super) fn expression(
        &self,
        of_job: &Criterion<Tasks>,
        devices: &Devices,
    ) -> Result<Expression<Tasks>, ValueError> {
        let mut parts = vec![of_job.clone()];
        if !self.whole_job {
            let keys = self.devices.iter().map(|id| devices.key(*id));
            parts.push(tasks::DEVICE_KEY.is_in(keys)?);
        }
        if self.filter == Filter::Ended {
            parts.push(tasks::STATUS.is_in(["succeeded", "failed"])?);
        }
        Ok(Expression::all(parts))
    }

    /// What the rows show. Nothing is said of a device of which they show nothing certain.
    pub(super) fn judge(&self, read: &Read, devices: &Devices) -> Vec<(DeviceId, Seen)> {
        let mut found: HashMap<&str, &TaskInfo> = HashMap::new();
        let named = read
            .tasks
            .iter()
            .filter_map(|task| Some((task.device_key.as_deref()?, task)));
        // A task without a key may be of any device.
        let nameless = read.tasks.iter().any(|task| task.device_key.is_none());
        for (key, task) in named {
            // Of several tasks of a device, the one that changed last counts. Both times are the platform's.
            let latest = found.entry(key).or_insert(task);
            if task.update_time > latest.update_time {
                *latest = task;
            }
        }
        let all_came = !nameless && read.reading.is_whole();
        let mut seen = Vec::with_capacity(self.devices.len());
        for id in &self.devices {
            let key = devices.key(*id);
            // An unreadable row of the device may be the one that counts.
            if read
                .odd
                .examples
                .iter()
                .any(|row| row.device_key.as_deref() == Some(key))
            {
                continue;
            }
            match (found.get(key), self.filter) {
                (Some(task), _) => {
                    if let Some(status) = task.status.clone() {
                        let task = Seen::Task {
                            status,
                            progress: task.progress.map(Integer::get),
                            updated_ms: task.update_time.map(Integer::get),
                            desc: task.desc.as_deref().map(Arc::from),
                        };
                        seen.push((*id, task));
                    }
                }
                (None, _) if !all_came || read.odd.may_hide(key) => {}
                (None, Filter::All) => seen.push((*id, Seen::Gone)),
                (None, Filter::Ended) => seen.push((*id, Seen::NotEnded)),
            }
        }
        seen
    }
}

/// Makes a search. What it waits for is told meanwhile.
pub(super) async fn read(search: TaskSearch, waits: mpsc::UnboundedSender<Waiting>) -> LookEnd {
    let mut read = Read::default();
    let end = search
        .read_all(|event| {
            match event {
                SearchEvent::Page(page) => {
                    read.odd.take(&page);
                    read.tasks.extend(page.tasks);
                }
                // Whoever watches listens.
                SearchEvent::Waiting(waiting) => drop(waits.send(waiting)),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .await;
    match end {
        Ok(reading) => {
            read.reading = reading;
            LookEnd::Read(read)
        }
        Err(error) if is_about_form(&error.source) => LookEnd::Refused(error.source),
        Err(error) => LookEnd::Failed(error.source),
    }
}

/// Whether the platform refused a search for what it looks like.
fn is_about_form(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidArgument
        || matches!(error.status().map(|status| status.as_u16()), Some(413 | 414 | 431))
}
