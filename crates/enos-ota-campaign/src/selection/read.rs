//! Reads a selection from the platform, whole, before anything is done with it.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use enos_ota::search::{Expression, Tasks, ValueError};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, JobId, Pacer, PageError, PageSize, SearchEvent, TaskPage, TaskReading, TaskSearch, Waiting};
use tokio::time::Instant;

use super::{Criteria, LeftOut, Named, OddRows, Selection, Verdict};
use crate::devices::{Devices, PushError, TaskFacts};

/// Why a selection could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum SelectError {
    /// A search failed.
    Search {
        /// The job.
        job_id: JobId,
        /// The page that was to be read, from 1.
        page_no: u32,
        /// What went wrong.
        source: enos_ota::Error,
    },
    /// The id of the job cannot stand in a search.
    JobId(ValueError),
    /// The devices are more than a campaign can hold.
    Devices(PushError),
    /// The devices were named, and their keys are not there: the selection was read from the header of a plan.
    NoKeys,
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search { job_id, page_no, .. } => write!(
                f,
                "page {page_no} of the tasks of job {} could not be read",
                job_id.as_str()
            ),
            Self::JobId(_) => f.write_str("the tasks of the job cannot be searched for; check the job id"),
            Self::Devices(_) => f.write_str("the devices cannot be held in one campaign; narrow the selection"),
            Self::NoKeys => f.write_str(
                "the selection has no device keys, because it was read from the header of a plan; name the devices again, \
                 or use those of the plan",
            ),
        }
    }
}

impl StdError for SelectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Search { source, .. } => Some(source),
            Self::JobId(source) => Some(source),
            Self::Devices(source) => Some(source),
            Self::NoKeys => None,
        }
    }
}

/// How far the reading of a selection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadProgress {
    /// Which reading this is, from 1; see [`Reader::rereads`].
    pub reading: u32,
    /// Tasks of this reading that have been read.
    pub read: usize,
    /// How many there are, as the platform told at the beginning of this reading; `None` if it did not.
    pub total: Option<usize>,
    /// Devices of this reading that are selected.
    pub selected: usize,
    /// Searches made in all readings.
    pub calls: u64,
    /// What is waited for, if the reading waits. It goes on with the next progress that says `None`.
    pub waiting: Option<Waiting>,
}

/// A selection that has been read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selected {
    /// The devices, in the order of their keys (by byte).
    pub devices: Devices,
    /// How many tasks were read and left out in the last reading.
    pub left_out: LeftOut,
    /// How many tasks were read in the last reading. For named devices: how many keys were given.
    pub read: usize,
    /// How many of them were merged with another one of the same device.
    pub merged: usize,
    /// How many searches were made in all readings.
    pub calls: u64,
    /// How often the whole was read.
    pub readings: u32,
    /// Whether no reading was whole, because tasks came or went all the time: some may be missing. The devices are then
    /// those of all readings together, of which some may not be failed any more.
    pub moved: bool,
    /// Whether the search repeats itself: the same tasks came whatever page was asked for, and the others cannot be had.
    /// Then `moved` is set too.
    pub repeats: bool,
    /// Rows of the last reading that prove nothing. They are counted among `left_out` too.
    pub odd: OddRows,
}

/// Reads selections.
///
/// # Cost
///
/// A call for every 200 tasks, and more if the tasks move while they are read: see [`rereads`](Self::rereads).
#[derive(Clone, Debug)]
#[must_use]
pub struct Reader<'c> {
    client: &'c Client,
    page_size: PageSize,
    pub(super) concurrency: NonZeroUsize,
    rereads: u32,
    reread_wait: Duration,
    patience: Duration,
    deadline: Option<Instant>,
    pacer: Option<Arc<dyn Pacer>>,
    /// The first search, which knows what is known of the gateway.
    first: OnceLock<TaskSearch>,
}

impl<'c> Reader<'c> {
    /// A reader with pages of 200, 8 calls at a time and up to 5 further readings, 2 seconds apart.
    pub fn new(client: &'c Client) -> Self {
        Self {
            client,
            page_size: PageSize::new(PageSize::MAX).unwrap_or_default(),
            concurrency: NonZeroUsize::MIN.saturating_add(7),
            rereads: 5,
            reread_wait: Duration::from_secs(2),
            patience: Duration::from_mins(5),
            deadline: None,
            pacer: None,
            first: OnceLock::new(),
        }
    }

    /// Sets how many tasks to a page. The platform takes at most 200, which is the default, and advises at most 50.
    ///
    /// Source: [Search Device Task, 2.4.0][page]. With 200, a quarter of the calls is made, against an unknown quota of
    /// them.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/search_device_task.html
    pub fn page_size(mut self, page_size: PageSize) -> Self {
        self.page_size = page_size;
        self
    }

    /// Sets how many calls are made at a time: 8 by default.
    pub fn concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.concurrency = calls;
        self
    }

    /// Sets how often the whole is read again if tasks came or went while it was read: up to 5 times by default.
    pub fn rereads(mut self, times: u32) -> Self {
        self.rereads = times;
        self
    }

    /// Sets how long to wait before the whole is read again: 2 s by default, by which the platform's reads may be behind
    /// after many changes (documented).
    pub fn reread_wait(mut self, wait: Duration) -> Self {
        self.reread_wait = wait;
        self
    }

    /// Sets how long a page is asked for again: 5 minutes by default; see [`TaskSearch::patience`].
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets a time at which reading fails, whatever it is waiting for. None by default.
    pub fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the pace of the calls. None by default.
    pub fn pacer(mut self, pacer: Option<Arc<dyn Pacer>>) -> Self {
        self.pacer = pacer;
        self
    }

    /// A search of the same gateway as the searches before.
    pub(super) fn search(&self, job_id: &JobId, expression: &Expression<Tasks>) -> TaskSearch {
        self.first
            .get_or_init(|| self.client.task_search(job_id, expression))
            .with(job_id, expression)
            .page_size(self.page_size)
            .concurrency(self.concurrency)
            .patience(self.patience)
            .deadline(self.deadline)
            .pacer(self.pacer.clone())
    }

    /// Reads the whole selection, and nothing else: it has to be done before anything is retried, since a retried task
    /// leaves the list that is read, and those behind it move up.
    ///
    /// The first page tells how many tasks there are, and the others are read several at a time. If another page tells
    /// another number, if not as many tasks come as were told, or if one device comes twice, the list has moved, and the
    /// whole is read again. The platform documents neither an order of the tasks nor that a list stays while it is read,
    /// so a list can move without any of these signs.
    ///
    /// A task whose row cannot be read is left out and told, as is one of another job or organization; see
    /// [`Selected::odd`].
    ///
    /// Devices that were named are not looked up: no call is made, and nothing is known of their tasks. See
    /// [`look_up`](Self::look_up).
    ///
    /// `on_progress` is called after each page, and before each wait.
    ///
    /// # Errors
    ///
    /// If a search fails (after the client has tried again as its policy says), if the job id cannot stand in a search,
    /// or if there are too many devices.
    pub async fn read(
        &self,
        selection: &Selection,
        job_id: &JobId,
        on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<Selected, SelectError> {
        match selection {
            Selection::Failed(criteria) => self.read_failed(criteria, job_id, on_progress).await,
            Selection::Named(named) => read_keys(named),
        }
    }

    pub(super) async fn read_failed(
        &self,
        criteria: &Criteria,
        job_id: &JobId,
        mut on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<Selected, SelectError> {
        let search = self.search(job_id, &criteria.expression(job_id).map_err(SelectError::JobId)?);
        let mut calls = 0;
        let mut earlier: Option<Reading> = None;
        let mut number = 1;
        loop {
            let mut reading = Reading::default();
            let mut full = None;
            let told = search
                .read_all(|event| {
                    let mut waiting = None;
                    match event {
                        SearchEvent::Page(page) => {
                            if let Err(error) = reading.take(&page, criteria) {
                                full = Some(error);
                                return ControlFlow::Break(());
                            }
                        }
                        SearchEvent::Waiting(waits) => waiting = Some(waits),
                        _ => return ControlFlow::Continue(()),
                    }
                    calls += 1;
                    on_progress(ReadProgress {
                        reading: number,
                        read: reading.read,
                        total: reading.total,
                        selected: reading.devices.len(),
                        calls,
                        waiting,
                    });
                    ControlFlow::Continue(())
                })
                .await
                .map_err(|error| unread(job_id, error))?;
            if let Some(full) = full {
                return Err(full);
            }
            let whole = reading.is_whole(&told, earlier.as_ref());
            // What a search that repeats itself holds back, it holds back again.
            let last = number > self.rereads || told.repeats;
            if !whole && let Some(earlier) = earlier.take() {
                reading.add_devices_of(&earlier.devices)?;
            }
            if whole || last {
                return Ok(Selected {
                    devices: reading.devices.sorted(),
                    left_out: reading.left_out,
                    read: reading.read,
                    merged: reading.merged,
                    calls,
                    readings: number,
                    moved: !whole,
                    repeats: told.repeats,
                    odd: reading.odd,
                });
            }
            tracing::debug!(
                reading = number,
                read = reading.read,
                total = reading.total,
                merged = reading.merged,
                "the tasks moved while they were read"
            );
            earlier = Some(reading);
            number += 1;
            tokio::time::sleep(self.reread_wait).await;
        }
    }
}

pub(crate) fn unread(job_id: &JobId, error: PageError) -> SelectError {
    SelectError::Search {
        job_id: job_id.clone(),
        page_no: error.page_no,
        source: error.source,
    }
}

/// Named devices: there is nothing to read.
fn read_keys(named: &Named) -> Result<Selected, SelectError> {
    let devices = named.devices().ok_or(SelectError::NoKeys)?;
    let mut left_out = LeftOut::default();
    let mut ids: Vec<_> = devices.ids().collect();
    if let Some(exclude) = named.exclude() {
        ids.retain(|id| !exclude.contains(devices.key(*id)));
        left_out.excluded = devices.len() - ids.len();
    }
    Ok(Selected {
        devices: devices.retain_ids(ids),
        left_out,
        read: named.given(),
        merged: named.repeated(),
        calls: 0,
        readings: 0,
        moved: false,
        repeats: false,
        odd: OddRows::default(),
    })
}

/// What one reading of the whole has brought.
#[derive(Debug, Default)]
struct Reading {
    devices: Devices,
    left_out: LeftOut,
    read: usize,
    merged: usize,
    odd: OddRows,
    /// What the first page told.
    total: Option<usize>,
}

impl Reading {
    fn take(&mut self, page: &TaskPage, criteria: &Criteria) -> Result<(), SelectError> {
        if page.page_no == 1 {
            self.total = page.total_size.and_then(|total| usize::try_from(total).ok());
        }
        self.read += page.foreign.len() + page.unreadable.len();
        self.left_out.other += page.foreign.len();
        self.left_out.unreadable += page.unreadable.len();
        self.odd.take(page);
        self.take_tasks(&page.tasks, criteria)
    }

    fn take_tasks(&mut self, tasks: &[TaskInfo], criteria: &Criteria) -> Result<(), SelectError> {
        self.read += tasks.len();
        for task in tasks {
            match criteria.matches(task) {
                Verdict::LeftOut(why) => self.left_out.add(why),
                Verdict::Taken => {
                    let key = task.device_key.as_deref().unwrap_or_default();
                    let (_, new) = self
                        .devices
                        .push(key, &TaskFacts::from(task))
                        .map_err(SelectError::Devices)?;
                    self.merged += usize::from(!new);
                }
            }
        }
        Ok(())
    }

    /// Whether nothing shows that the list has moved.
    fn is_whole(&self, told: &TaskReading, earlier: Option<&Self>) -> bool {
        // A device that comes twice shows that the list has moved; but if it does so every time, then it has two tasks.
        let as_before = || earlier.is_some_and(|earlier| (earlier.read, earlier.merged) == (self.read, self.merged));
        told.all_rows_came() && (self.merged == 0 || as_before())
    }

    /// Adds what is not there yet.
    fn add_devices_of(&mut self, others: &Devices) -> Result<(), SelectError> {
        for id in others.ids() {
            self.devices
                .push(others.key(id), &others.facts(id))
                .map_err(SelectError::Devices)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(key: &str) -> TaskInfo {
        serde_json::from_value(serde_json::json!({"deviceKey": key, "status": "failed", "desc": "no space"})).unwrap()
    }

    fn reading(keys: &[&str]) -> Reading {
        let mut reading = Reading::default();
        let tasks: Vec<_> = keys.iter().map(|key| task(key)).collect();
        reading.take_tasks(&tasks, &Criteria::default()).unwrap();
        reading
    }

    #[test]
    fn a_device_that_comes_twice_shows_that_the_list_has_moved_unless_it_always_does() {
        let told = TaskReading::default();
        assert!(reading(&["a", "b"]).is_whole(&told, None));
        let twice = reading(&["a", "a"]);
        assert!(!twice.is_whole(&told, None));
        assert!(reading(&["a", "a"]).is_whole(&told, Some(&twice)));
        assert!(!reading(&["a", "a"]).is_whole(&told, Some(&reading(&["a", "b"]))));
    }

    #[test]
    fn a_million_devices_are_taken_in_little_time() {
        let mut reading = Reading::default();
        let task = task("a");
        for page in 0..5_000 {
            let tasks = (0..200).map(|n| TaskInfo {
                device_key: Some(format!("device-{:07}", page * 200 + n)),
                ..task.clone()
            });
            let tasks: Vec<_> = tasks.collect();
            reading.take_tasks(&tasks, &Criteria::default()).unwrap();
        }
        assert_eq!((reading.devices.len(), reading.merged), (1_000_000, 0));
    }

    #[test]
    fn reading_can_be_given_to_another_thread() {
        fn is_send<T: Send>(_: T) {}
        #[expect(clippy::no_effect_underscore_binding, reason = "it is only compiled")]
        let _compiled = |client: &Client, job_id: &JobId, selection: &Selection, plan: &crate::plan::Plan| {
            is_send(selection.read(client, job_id, |_| ()));
            is_send(super::super::read_named(client, job_id, &plan.devices, |_| ()));
            is_send(crate::drift::check(client, plan));
        };
    }
}
