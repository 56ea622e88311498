//! Reads a selection from the platform, whole, before anything is done with it.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use enos_ota::search::{Expression, Tasks, ValueError};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, JobId, Page, PageSize};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

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
    patience: Duration,
    /// Whether the gateway has answered a search.
    answered: Arc<AtomicBool>,
}

/// How many times a page is asked for again that is not answered, once others were: a page of hundreds may be unlucky.
const UNANSWERED: u32 = 3;
/// How long to wait if the gateway asks for fewer calls and does not say when.
const THROTTLED_WAIT: Duration = Duration::from_secs(1);

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
            patience: Duration::from_mins(5),
            answered: Arc::default(),
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

    /// Sets how long a page is asked for again while the gateway asks for fewer calls: 5 minutes by default. That is in
    /// addition to what the client itself does; thousands of pages should not be lost for the sake of one. For the same
    /// reason a page that is not answered is asked for three more times, once the gateway has answered any.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
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
    fn take(&mut self, page: &TaskPage, criteria: &Criteria, job_id: &JobId) -> Result<(), SelectError> {
        if self.pages == 0 {
            self.total = page.total;
        } else {
            self.total_changed |= page.total != self.total;
        }
        self.pages += 1;
        self.read += page.tasks.len();
        for task in &page.tasks {
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

/// A page, without what is not needed of it.
#[derive(Debug, Default)]
pub(super) struct TaskPage {
    pub(super) tasks: Vec<TaskInfo>,
    total: Option<usize>,
}

impl From<Page<TaskInfo>> for TaskPage {
    fn from(page: Page<TaskInfo>) -> Self {
        Self {
            tasks: page.items,
            total: page.total_size.and_then(|total| usize::try_from(total).ok()),
        }
    }
}

/// A search that is read whole.
pub(super) struct Search {
    client: Client,
    job_id: JobId,
    expression: Arc<Expression<Tasks>>,
    page_size: PageSize,
    concurrency: NonZeroUsize,
    patience: Duration,
    answered: Arc<AtomicBool>,
}

impl Search {
    pub(super) fn new(reader: &Reader<'_>, job_id: &JobId, expression: Expression<Tasks>) -> Self {
        Self {
            client: reader.client.clone(),
            job_id: job_id.clone(),
            expression: Arc::new(expression),
            page_size: reader.page_size,
            concurrency: reader.concurrency,
            patience: reader.patience,
            answered: Arc::clone(&reader.answered),
        }
    }

    /// One page. The future borrows nothing, so that many can be under way.
    fn page(&self, page_no: u32) -> impl Future<Output = Result<TaskPage, SelectError>> + Send + use<> {
        let (client, expression, job_id) = (self.client.clone(), Arc::clone(&self.expression), self.job_id.clone());
        let (page_size, patience, answered) = (self.page_size, self.patience, Arc::clone(&self.answered));
        async move {
            let give_up = Instant::now() + patience;
            let mut unanswered = 0;
            loop {
                let source = match client.search_tasks(&expression, page_no, page_size).await {
                    Ok(page) => {
                        answered.store(true, Ordering::Relaxed);
                        return Ok(page.into());
                    }
                    Err(error) => error,
                };
                let wait = source.retry_after().unwrap_or(THROTTLED_WAIT);
                let again = if source.is_throttled() {
                    true
                } else {
                    unanswered += 1;
                    source.is_retryable() && unanswered <= UNANSWERED && answered.load(Ordering::Relaxed)
                };
                if !again || Instant::now() + wait > give_up {
                    return Err(SelectError::Search {
                        job_id,
                        page_no,
                        source,
                    });
                }
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Reads the pages and hands them on in order.
    pub(super) async fn pages(
        &self,
        take: impl FnMut(&TaskPage) -> Result<(), SelectError> + Send,
    ) -> Result<(), SelectError> {
        read_pages(self.page_size, self.concurrency, |page_no| self.page(page_no), take).await
    }
}

async fn read_pages<R>(
    page_size: PageSize,
    concurrency: NonZeroUsize,
    fetch: impl Fn(u32) -> R + Send,
    mut take: impl FnMut(&TaskPage) -> Result<(), SelectError> + Send,
) -> Result<(), SelectError>
where
    R: Future<Output = Result<TaskPage, SelectError>> + Send,
{
    let first = fetch(1).await?;
    let (total, count) = (first.total, first.tasks.len());
    take(&first)?;
    drop(first);
    let last = match total {
        _ if count == 0 => return Ok(()),
        // A platform that caps the page sends fewer than asked for.
        Some(total) => u32::try_from(total.div_ceil(count)).unwrap_or(u32::MAX),
        None if count < usize::from(page_size.get()) => return Ok(()),
        None => u32::MAX,
    };
    // Without a total, nobody knows how many pages can be asked for at a time.
    let at_a_time = if total.is_some() { concurrency.get() } else { 1 };
    let mut pages = stream::iter((2..=last).map(&fetch)).buffered(at_a_time);
    while let Some(page) = pages.next().await {
        let page = page?;
        let found = page.tasks.len();
        take(&page)?;
        // An empty page is the end, whatever the first one told.
        if found == 0 || (total.is_none() && found < count) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn task(key: &str) -> TaskInfo {
        serde_json::from_value(serde_json::json!({"deviceKey": key, "status": "failed", "desc": "no space"})).unwrap()
    }

    /// Reads pages that are given as numbers of tasks and totals; tells the sizes and how many were asked for.
    async fn read(asked_size: u8, pages: &[(usize, Option<usize>)]) -> (Vec<usize>, u32) {
        let asked = Mutex::new(0);
        let fetch = |page_no: u32| {
            let mut asked = asked.lock().unwrap();
            *asked = page_no.max(*asked);
            let (count, total) = pages.get(page_no as usize - 1).copied().unwrap_or_default();
            async move {
                Ok(TaskPage {
                    tasks: vec![TaskInfo::default(); count],
                    total,
                })
            }
        };
        let mut sizes = Vec::new();
        let concurrency = NonZeroUsize::new(3).unwrap();
        read_pages(PageSize::new(asked_size).unwrap(), concurrency, fetch, |page| {
            sizes.push(page.tasks.len());
            Ok(())
        })
        .await
        .unwrap();
        (sizes, asked.into_inner().unwrap())
    }

    #[tokio::test]
    async fn the_first_page_tells_how_many_there_are() {
        assert_eq!(read(2, &[(0, Some(0))]).await, (vec![0], 1));
        assert_eq!(read(2, &[(2, Some(2))]).await, (vec![2], 1));
        let all = Some(7);
        assert_eq!(
            read(2, &[(2, all), (2, all), (2, all), (1, all)]).await,
            (vec![2, 2, 2, 1], 4)
        );
    }

    #[tokio::test]
    async fn a_platform_that_caps_the_page_is_read_to_the_end() {
        let all = Some(120);
        assert_eq!(
            read(200, &[(50, all), (50, all), (20, all)]).await,
            (vec![50, 50, 20], 3)
        );
    }

    #[tokio::test]
    async fn without_a_total_the_pages_are_read_one_by_one_to_a_short_one() {
        assert_eq!(read(2, &[(2, None), (2, None), (1, None)]).await, (vec![2, 2, 1], 3));
        assert_eq!(read(2, &[(2, None), (2, None)]).await, (vec![2, 2, 0], 3));
        assert_eq!(read(2, &[(1, None)]).await, (vec![1], 1));
    }

    #[tokio::test]
    async fn a_total_that_never_comes_does_not_keep_the_reader() {
        let (sizes, asked) = read(2, &[(2, Some(usize::MAX)), (2, Some(usize::MAX))]).await;
        assert_eq!(sizes, [2, 2, 0]);
        assert!(asked < 10, "{asked}");
    }

    fn reading(keys: &[&str], total: Option<usize>) -> Reading {
        let mut reading = Reading::default();
        let tasks = keys.iter().map(|key| task(key)).collect();
        reading
            .take(&TaskPage { tasks, total }, &Criteria::default(), &"j1".parse().unwrap())
            .unwrap();
        reading
    }

    #[test]
    fn a_device_that_comes_twice_shows_that_the_list_has_moved_unless_it_always_does() {
        assert!(reading(&["a", "b"], Some(2)).is_whole(None));
        assert!(reading(&["a", "b"], None).is_whole(None));
        assert!(!reading(&["a", "b"], Some(3)).is_whole(None));
        let twice = reading(&["a", "a"], Some(2));
        assert!(!twice.is_whole(None));
        assert!(reading(&["a", "a"], Some(2)).is_whole(Some(&twice)));
        assert!(!reading(&["a", "a"], Some(2)).is_whole(Some(&reading(&["a", "b"], Some(2)))));
    }

    #[test]
    fn a_million_devices_are_taken_in_little_time() {
        let mut reading = Reading::default();
        let (criteria, job_id) = (Criteria::default(), "j1".parse().unwrap());
        let task = task("a");
        for page in 0..5_000 {
            let tasks = (0..200).map(|n| TaskInfo {
                device_key: Some(format!("device-{:07}", page * 200 + n)),
                ..task.clone()
            });
            let tasks = tasks.collect();
            let page = TaskPage {
                tasks,
                total: Some(1_000_000),
            };
            reading.take(&page, &criteria, &job_id).unwrap();
        }
        assert!(reading.is_whole(None));
        assert_eq!(reading.devices.len(), 1_000_000);
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
