//! Reading all tasks that a search finds: many pages, several at a time, with patience.

mod pace;
mod patience;
mod throttle;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use enos_ota_client::JobId;
use enos_ota_client::types::TaskInfo;
use futures_util::future::{self, Either};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Reach};
use crate::pages::{Novelty, PageSize, RawPage, read_in_parts};
use crate::retry::RetryPolicy;
use crate::rows::UnreadableRow;
use crate::search::{Expression, Tasks};
use patience::{Patience, Trouble};
use throttle::Throttle;

pub use pace::{EvenPace, Pacer};
pub use patience::{WaitReason, Waiting};

/// Reads the tasks of a job that meet an expression. Made by [`Client::task_search`].
///
/// What it does beyond [`Client::task_pages`]:
///
/// - It reads several pages at a time.
/// - It is patient by time: see [`patience`](Self::patience). Pages that were read are not lost because one more is not
///   answered at once. While the gateway asks for fewer calls, it makes one call at a time.
/// - It sets rows of another job or organization apart: they prove nothing. See [`TaskPage::foreign`].
/// - It ends when the search repeats itself: see [`TaskReading::repeats`].
///
/// A clone, and a search made by [`with`](Self::with), share what is known of the gateway: whether it has answered, and
/// whether it asks for fewer calls.
///
/// ```no_run
/// # async fn example(client: enos_ota::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::ops::ControlFlow;
///
/// use enos_ota::search::{Expression, tasks};
/// use enos_ota::{JobId, SearchEvent};
///
/// let job: JobId = "5ed758ca49f032b4663063aa".parse()?;
/// let failed = Expression::all([tasks::JOB_ID.equals(job.as_str())?, tasks::STATUS.equals("failed")?]);
/// let mut devices = Vec::new();
/// let reading = client
///     .task_search(&job, &failed)
///     .read_all(|event| {
///         if let SearchEvent::Page(page) = event {
///             devices.extend(page.tasks.into_iter().filter_map(|task| task.device_key));
///         }
///         ControlFlow::Continue(())
///     })
///     .await?;
/// println!("{} devices, complete: {}", devices.len(), reading.is_whole());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TaskSearch {
    /// Makes every call once: whether it is made again is decided here.
    client: Client,
    job_id: JobId,
    expression: Arc<str>,
    page_size: PageSize,
    concurrency: NonZeroUsize,
    patience: Patience,
    deadline: Option<Instant>,
    pacer: Option<Arc<dyn Pacer>>,
    gateway: Arc<Gateway>,
}

/// What is known of the gateway.
#[derive(Debug, Default)]
struct Gateway {
    answered: AtomicBool,
    throttle: Throttle,
}

/// A page of tasks, row by row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskPage {
    /// Number of the page, from 1.
    pub page_no: u32,
    /// The tasks of the job. One that names no job or no organization is taken for one of those that were asked for.
    pub tasks: Vec<TaskInfo>,
    /// Tasks of another job or another organization. They were not asked for, so the platform has ignored the expression
    /// of the search, and they prove nothing.
    pub foreign: Vec<TaskInfo>,
    /// Rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// How many results there are in all, as this page tells; `None` if it does not.
    pub total_size: Option<u64>,
}

impl TaskPage {
    /// How many rows the page has, of whatever sort.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tasks.len() + self.foreign.len() + self.unreadable.len()
    }
}

/// What happens while a search is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SearchEvent {
    /// A page was read. Pages come in order.
    Page(TaskPage),
    /// A page could not be read, and is asked for again after a wait. The wait is over when the next page comes.
    Waiting(Waiting),
}

/// What the reading of a whole search has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskReading {
    /// How many calls were made.
    pub calls: u64,
    /// How many rows were read, foreign and unreadable ones among them.
    pub rows: u64,
    /// How many rows were on an earlier page too.
    pub repeated: u64,
    /// How many rows are of another job or organization.
    pub foreign: u64,
    /// How many rows could not be read.
    pub unreadable: u64,
    /// How many results the first page told of; `None` if it did not.
    pub total: Option<u64>,
    /// Whether another page told another number: results have come or gone meanwhile.
    pub total_changed: bool,
    /// Whether the search repeats itself, so that reading on would bring nothing: the same rows come whatever page is
    /// asked for. More results than were read cannot be had, and reading again does not help.
    pub repeats: bool,
    /// Whether the reading was stopped by its caller.
    pub stopped: bool,
}

impl TaskReading {
    /// Whether nothing shows that results were missed: the total stayed, and as many rows came, each once.
    ///
    /// The platform documents neither an order nor that a list stays while it is read, so a list can move without a sign.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.all_rows_came() && self.repeated == 0
    }

    /// Whether as many rows came as were told, all the time. Some may have come twice.
    #[must_use]
    pub fn all_rows_came(&self) -> bool {
        !self.stopped && !self.repeats && !self.total_changed && self.total.is_none_or(|total| total == self.rows)
    }
}

/// A page could not be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageError {
    /// The page, from 1.
    pub page_no: u32,
    /// What went wrong.
    pub source: Error,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} of the search could not be read", self.page_no)
    }
}

impl StdError for PageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

impl Client {
    /// Prepares to read the tasks of a job that meet an expression.
    ///
    /// The expression should name the job: rows of another one are set apart. Pages have 200 rows, 8 calls are made at a
    /// time, and the patience is 5 minutes, unless set otherwise.
    pub fn task_search(&self, job_id: &JobId, expression: &Expression<Tasks>) -> TaskSearch {
        const EIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        TaskSearch {
            client: self.with_retry_policy(RetryPolicy::never()),
            job_id: job_id.clone(),
            expression: expression.as_str().into(),
            page_size: PageSize::GREATEST,
            concurrency: EIGHT,
            patience: Patience {
                patience: Duration::from_mins(5),
                policy: self.retry_policy().clone(),
            },
            deadline: None,
            pacer: None,
            gateway: Arc::default(),
        }
    }
}

/// What a reading shares with the calls that it has under way.
#[derive(Clone)]
struct Reports {
    waits: mpsc::UnboundedSender<Waiting>,
    calls: Arc<AtomicU64>,
}

impl Reports {
    fn new() -> (Self, mpsc::UnboundedReceiver<Waiting>) {
        let (waits, told) = mpsc::unbounded_channel();
        let calls = Arc::default();
        (Self { waits, calls }, told)
    }
}

impl TaskSearch {
    /// Another search with the same settings, of the same gateway.
    pub fn with(&self, job_id: &JobId, expression: &Expression<Tasks>) -> Self {
        Self {
            job_id: job_id.clone(),
            expression: expression.as_str().into(),
            ..self.clone()
        }
    }

    /// Sets how many rows to a page. The platform takes at most 200, which is the default, and advises at most 50.
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

    /// Sets how long a page is asked for again, counted from its first failure: 5 minutes by default.
    ///
    /// It holds while the gateway asks for fewer calls, from the first call on; a wait that the gateway asks for and that
    /// is longer than what is left is not begun. Once the gateway has answered a search, it also holds if an answer is
    /// lost or the platform fails; if every token is called dead, for 30 s at the most. Before that, the client's
    /// [`RetryPolicy`] says how often an unanswered call is made.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience.patience = patience;
        self
    }

    /// Sets a time at which reading fails with [`ErrorKind::Timeout`], whatever it is waiting for. None by default.
    pub fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the pace of the calls. None by default: a call is made as soon as one has ended.
    pub fn pacer(mut self, pacer: Option<Arc<dyn Pacer>>) -> Self {
        self.pacer = pacer;
        self
    }

    /// Sets that at most one call begins in each stretch of this length; see [`pacer`](Self::pacer).
    pub fn rate(self, distance: Duration) -> Self {
        self.pacer(Some(Arc::new(EvenPace::every(distance))))
    }

    /// Reads one page. Pages are counted from 1.
    ///
    /// # Errors
    ///
    /// What the last call failed with, when the patience was at its end.
    pub async fn read_page(&self, page_no: u32) -> Result<TaskPage, Error> {
        let page_no = page_no.max(1);
        let (reports, _) = Reports::new();
        let raw = self.fetch(page_no, self.page_size, reports).await?;
        Ok(self.sort_out(page_no, raw))
    }

    /// Reads all pages and hands them on in order, until `on_event` breaks off.
    ///
    /// The first page tells how many results there are, and the others are read several at a time. Without that number
    /// they are read one after the other, until one is short. A page without rows is the last, whatever was told.
    ///
    /// # Errors
    ///
    /// [`PageError`], when the patience with a page was at its end. The pages before it have been handed on.
    pub async fn read_all(
        &self,
        mut on_event: impl FnMut(SearchEvent) -> ControlFlow<()> + Send,
    ) -> Result<TaskReading, PageError> {
        let (reports, mut waits) = Reports::new();
        let mut reading = TaskReading::default();
        let mut novelty = Novelty::default();
        // How many pages there are, how large they are, and how many are read at a time.
        let (mut last, mut page_size, mut at_a_time) = (1, self.page_size, 1);
        let mut next = 1;
        'pages: while next <= last {
            let size = page_size;
            let fetches = (next..=last).map(|page_no| {
                let fetch = self.fetch(page_no, size, reports.clone());
                async move { (page_no, fetch.await) }
            });
            let mut pages = stream::iter(fetches).buffered(at_a_time);
            while let Some((page_no, page)) = next_page(&mut pages, &mut waits, &mut on_event, &mut reading).await {
                let raw = page.map_err(|source| PageError { page_no, source })?;
                let total = raw.total_size.and_then(|total| u64::try_from(total).ok());
                let rows = raw.len();
                if page_no == 1 {
                    reading.total = total;
                } else {
                    reading.total_changed |= total != reading.total;
                }
                let news = novelty.take(&raw, reading.total_changed);
                if news.search_repeats {
                    reading.repeats = true;
                    break 'pages;
                }
                let page = self.sort_out(page_no, raw);
                reading.take(&page, news.repeated);
                reading.calls = reports.calls.load(Ordering::Relaxed);
                if on_event(SearchEvent::Page(page)).is_break() {
                    reading.stopped = true;
                    break 'pages;
                }
                // A page without rows is the end, whatever the first one told; without a total, a short one is.
                if rows == 0 || (total.is_none() && rows < usize::from(page_size.get())) {
                    break 'pages;
                }
                if page_no == 1 {
                    // A platform that caps the page sends fewer than asked for. Asked for that many, it sends the same.
                    page_size = page_size.capped(rows);
                    last = total.map_or(u32::MAX, |total| {
                        u32::try_from(total.div_ceil(page_size.get().into())).unwrap_or(u32::MAX)
                    });
                    // Without a total, nobody knows how many pages can be asked for at a time.
                    at_a_time = if total.is_some() { self.concurrency.get() } else { 1 };
                }
            }
            // Of the first page alone it is not known before how many there are.
            match next {
                1 if !reading.stopped => next = 2,
                _ => break,
            }
        }
        reading.calls = reports.calls.load(Ordering::Relaxed);
        Ok(reading)
    }

    /// Sets rows of another job or organization apart.
    fn sort_out(&self, page_no: u32, raw: RawPage<TaskInfo>) -> TaskPage {
        let (job_id, org_id) = (self.job_id.as_str(), self.client.org_id().as_str());
        let other = |found: &Option<String>, asked: &str| found.as_deref().is_some_and(|found| found != asked);
        let (foreign, tasks) = raw
            .items
            .into_iter()
            .partition(|task: &TaskInfo| other(&task.job_id, job_id) || other(&task.org_id, org_id));
        TaskPage {
            page_no,
            tasks,
            foreign,
            unreadable: raw.unreadable,
            total_size: raw.total_size.and_then(|total| u64::try_from(total).ok()),
        }
    }

    /// One page. The future borrows nothing, so that many can be under way.
    fn fetch(
        &self,
        page_no: u32,
        page_size: PageSize,
        reports: Reports,
    ) -> impl Future<Output = Result<RawPage<TaskInfo>, Error>> + Send + use<> {
        let search = self.clone();
        async move {
            let read = read_in_parts(page_no.into(), page_size, |part, size| {
                search.read_patiently(page_no, part, size, &reports)
            });
            match search.deadline {
                None => read.await,
                Some(deadline) => tokio::time::timeout_at(deadline, read)
                    .await
                    .unwrap_or_else(|_| Err(out_of_time())),
            }
        }
    }

    /// Reads a page, or a part of it, as often as the patience says.
    async fn read_patiently(
        &self,
        page_no: u32,
        part: i64,
        size: PageSize,
        reports: &Reports,
    ) -> Result<RawPage<TaskInfo>, Error> {
        let (gateway, throttle) = (&self.gateway, &self.gateway.throttle);
        let mut attempts = 0;
        let mut since = None;
        loop {
            let pass = throttle.pass().await;
            if let Some(pacer) = &self.pacer {
                pacer.turn().await;
            }
            attempts += 1;
            reports.calls.fetch_add(1, Ordering::Relaxed);
            let error = match self.client.task_page(&self.expression, part, size).await {
                Ok(page) => {
                    gateway.answered.store(true, Ordering::Relaxed);
                    throttle.ended();
                    return Ok(page);
                }
                // It is read in parts.
                Err(error) if error.kind() == ErrorKind::AnswerTooLarge => {
                    throttle.ended();
                    return Err(error);
                }
                Err(error) => error,
            };
            let now = Instant::now();
            let throttled = if error.is_throttled() {
                throttle.refused(&pass)
            } else {
                0
            };
            let trouble = Trouble {
                attempts,
                throttled,
                since: now.saturating_duration_since(*since.get_or_insert(now)),
                time_left: self.deadline.map(|deadline| deadline.saturating_duration_since(now)),
                answered: gateway.answered.load(Ordering::Relaxed),
            };
            let asked_for = error.retry_after().is_some();
            let (why, wait) = self.patience.decide(error, &trouble, fastrand::f64())?;
            drop(pass);
            // Nobody listens if a single page is read.
            let _ = reports.waits.send(Waiting {
                why,
                wait,
                asked_for,
                page_no,
                attempts,
            });
            match why {
                // All others wait too.
                WaitReason::Throttled => throttle.hold(pace::later(now, wait)),
                WaitReason::TokenExpired | WaitReason::NotAnswered => tokio::time::sleep(wait).await,
            }
        }
    }
}

impl TaskReading {
    fn take(&mut self, page: &TaskPage, repeated: u64) {
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        self.rows += count(page.rows());
        self.foreign += count(page.foreign.len());
        self.unreadable += count(page.unreadable.len());
        self.repeated += repeated;
    }
}

/// The next page. What is waited for meanwhile is told; if that breaks off, there is none.
async fn next_page<T>(
    pages: &mut (impl Stream<Item = T> + Unpin),
    waits: &mut mpsc::UnboundedReceiver<Waiting>,
    on_event: &mut impl FnMut(SearchEvent) -> ControlFlow<()>,
    reading: &mut TaskReading,
) -> Option<T> {
    loop {
        // What is first is looked at first.
        match future::select(pin!(waits.recv()), pages.next()).await {
            Either::Left((Some(waiting), _)) => {
                if on_event(SearchEvent::Waiting(waiting)).is_break() {
                    reading.stopped = true;
                    return None;
                }
            }
            Either::Left((None, page)) => return page.await,
            Either::Right((page, _)) => return page,
        }
    }
}

fn out_of_time() -> Error {
    Error::new(ErrorKind::Timeout, "the time for the search ran out before its end")
        .with_reach(Reach::Refused)
        .with_note(Some("Give the search more time, or narrow it.".to_owned()))
}
