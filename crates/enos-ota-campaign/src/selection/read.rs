//! Reads a selection from the platform, whole, before anything is done with it.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::{Expression, Tasks, ValueError};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, JobId, Page, PageSize};
use futures_util::stream::{self, StreamExt as _};

use super::{Criteria, LeftOut, Named, Selection, Verdict, Why};
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
}

/// Reads selections.
///
/// # Cost
///
/// A call for every 200 tasks, and more if the tasks move while they are read: see [`rereads`](Self::rereads).
#[derive(Clone, Debug)]
#[must_use]
pub struct Reader<'c> {
    pub(super) client: &'c Client,
    pub(super) page_size: PageSize,
    pub(super) concurrency: NonZeroUsize,
    rereads: u32,
    reread_wait: Duration,
}

/// The greatest page that the platform takes.
fn greatest_page() -> PageSize {
    PageSize::new(PageSize::MAX).unwrap_or_default()
}

impl<'c> Reader<'c> {
    /// A reader with pages of 200, 8 calls at a time and up to 5 further readings, 2 seconds apart.
    pub fn new(client: &'c Client) -> Self {
        Self {
            client,
            page_size: greatest_page(),
            concurrency: NonZeroUsize::MIN.saturating_add(7),
            rereads: 5,
            reread_wait: Duration::from_secs(2),
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

    /// Reads the whole selection, and nothing else: it has to be done before anything is retried, since a retried task
    /// leaves the list that is read, and those behind it move up.
    ///
    /// The first page tells how many tasks there are, and the others are read several at a time. If another page tells
    /// another number, if not as many tasks come as were told, or if one device comes twice, the list has moved, and the
    /// whole is read again. The platform documents neither an order of the tasks nor that a list stays while it is read,
    /// so a list can move without any of these signs.
    ///
    /// Devices that were named are not looked up: no call is made, and nothing is known of their tasks. See
    /// [`look_up`](Self::look_up).
    ///
    /// `on_progress` is called after each page.
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

    async fn read_failed(
        &self,
        criteria: &Criteria,
        job_id: &JobId,
        mut on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<Selected, SelectError> {
        let search = Search::new(self, job_id, criteria.expression(job_id).map_err(SelectError::JobId)?);
        let mut calls = 0;
        let mut earlier: Option<Reading> = None;
        let mut number = 1;
        loop {
            let mut reading = Reading::default();
            search
                .pages(|page| {
                    calls += 1;
                    reading.take(page, criteria, job_id)?;
                    on_progress(ReadProgress {
                        reading: number,
                        read: reading.read,
                        total: reading.total,
                        selected: reading.devices.len(),
                        calls,
                    });
                    Ok(())
                })
                .await?;
            let whole = reading.is_whole(earlier.as_ref());
            let last = number > self.rereads;
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

/// Named devices: there is nothing to read.
fn read_keys(named: &Named) -> Result<Selected, SelectError> {
    let devices = named.devices().ok_or(SelectError::NoKeys)?;
    let mut left_out = LeftOut::default();
    let mut ids = devices.sorted_ids();
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
    })
}

/// What one reading of the whole has brought.
#[derive(Debug, Default)]
struct Reading {
    devices: Devices,
    left_out: LeftOut,
    read: usize,
    merged: usize,
    /// What the first page told.
    total: Option<usize>,
    total_changed: bool,
    pages: u32,
}

impl Reading {
    fn take(&mut self, page: &Page<TaskInfo>, criteria: &Criteria, job_id: &JobId) -> Result<(), SelectError> {
        let total = total_of(page);
        if self.pages == 0 {
            self.total = total;
        } else {
            self.total_changed |= total != self.total;
        }
        self.pages += 1;
        self.read += page.items.len();
        for task in &page.items {
            if task.job_id.as_ref().is_some_and(|id| id != job_id.as_str()) {
                self.left_out.add(Why::Other);
                continue;
            }
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
    fn is_whole(&self, earlier: Option<&Self>) -> bool {
        let all_read = !self.total_changed && self.total.is_none_or(|total| total == self.read);
        // A device that comes twice shows that the list has moved; but if it does so every time, then it has two tasks.
        let as_before = || earlier.is_some_and(|earlier| (earlier.read, earlier.merged) == (self.read, self.merged));
        all_read && (self.merged == 0 || as_before())
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

fn total_of(page: &Page<TaskInfo>) -> Option<usize> {
    page.total_size.and_then(|total| usize::try_from(total).ok())
}

/// A search that is read whole.
pub(super) struct Search {
    client: Client,
    job_id: JobId,
    expression: Arc<Expression<Tasks>>,
    page_size: PageSize,
    concurrency: usize,
}

impl Search {
    pub(super) fn new(reader: &Reader<'_>, job_id: &JobId, expression: Expression<Tasks>) -> Self {
        Self {
            client: reader.client.clone(),
            job_id: job_id.clone(),
            expression: Arc::new(expression),
            page_size: reader.page_size,
            concurrency: reader.concurrency.get(),
        }
    }

    /// One page. The future borrows nothing, so that many can be under way.
    fn page(&self, page_no: u32) -> impl Future<Output = Result<Page<TaskInfo>, SelectError>> + Send + use<> {
        let (client, expression, job_id) = (self.client.clone(), Arc::clone(&self.expression), self.job_id.clone());
        let page_size = self.page_size;
        async move {
            client
                .search_tasks(&expression, page_no, page_size)
                .await
                .map_err(|source| SelectError::Search {
                    job_id,
                    page_no,
                    source,
                })
        }
    }

    /// Reads the pages and hands them on in order.
    pub(super) async fn pages(
        &self,
        mut take: impl FnMut(&Page<TaskInfo>) -> Result<(), SelectError> + Send,
    ) -> Result<(), SelectError> {
        let first = self.page(1).await?;
        let (total, count) = (total_of(&first), first.items.len());
        take(&first)?;
        drop(first);
        let last = match total {
            _ if count == 0 => return Ok(()),
            // A platform that caps the page sends fewer than asked for.
            Some(total) => u32::try_from(total.div_ceil(count)).unwrap_or(u32::MAX),
            None if count < usize::from(self.page_size.get()) => return Ok(()),
            None => u32::MAX,
        };
        // Without a total, nobody knows how many pages can be asked for at a time.
        let at_a_time = if total.is_some() { self.concurrency } else { 1 };
        let mut pages = stream::iter((2..=last).map(|page_no| self.page(page_no))).buffered(at_a_time);
        while let Some(page) = pages.next().await {
            let page = page?;
            let found = page.items.len();
            if total.is_none() && found == 0 {
                break;
            }
            take(&page)?;
            if found == 0 || (total.is_none() && found < count) {
                break;
            }
        }
        Ok(())
    }
}
