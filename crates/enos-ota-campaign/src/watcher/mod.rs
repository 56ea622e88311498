//! Follows tasks of a job to their end, whoever has started them, and changes nothing.

mod look;
mod rounds;
mod run;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::{Criterion, Expression, Tasks, tasks};
use enos_ota::{Client, Error, JobId, SearchEvent, TaskSearch, TaskStatus, Waiting};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::devices::{DeviceId, Devices, TaskFacts};
use crate::outcome::Fate;
use crate::selection::SelectError;
use crate::state::{Interner, Symbol};
use look::{Look, LookEnd};
use rounds::Rounds;

/// Follows the tasks of a job to their end.
///
/// It searches for the tasks in rounds, and tells what has changed. The less happens, the longer the waits between the
/// rounds, from 2 s to 30 s. A task that has ended is asked for no more.
///
/// - A task that is not failed any more, or is failed and has changed, has moved since its device was given. A failed
///   task is *unchanged* if its `updateTime` is the one that [`TaskFacts::updated_ms`] has, by the same clock of the
///   platform. If that was not given, a failed task has failed. No time of this machine is compared with one of the
///   platform.
/// - An unchanged failed task ([`Fate::StillFailed`]) is told after three looks, because reads may be about two seconds
///   behind (documented), and it is followed on: a retry may still reach it.
/// - A row that cannot be read, or is of another job, proves nothing of any device.
///
/// ```no_run
/// # async fn example(client: enos_ota::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use enos_ota_campaign::{WatchEvent, Watcher};
///
/// let mut watcher = Watcher::of_unfinished(&client, &"5ed758ca49f032b4663063aa".parse()?)
///     .await?
///     .timeout(Duration::from_mins(90));
/// while let Some(event) = watcher.next().await {
///     match event {
///         WatchEvent::Moved { device, status, progress } => {
///             println!("{}: {status} {progress:?}", watcher.devices().key(device));
///         }
///         WatchEvent::Seen { devices, fate, reason } => println!("{} {fate}: {reason:?}", devices.len()),
///         _ => {}
///     }
/// }
/// println!("{} have not ended ({:?})", watcher.unfinished().count(), watcher.end());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Watcher {
    job_id: JobId,
    of_job: Criterion<Tasks>,
    devices: Arc<Devices>,
    search: TaskSearch,
    concurrency: NonZeroUsize,
    rounds: Rounds,
    states: Vec<State>,
    texts: Interner,
    fates: [usize; Fate::ALL.len()],
    begun: Option<Instant>,
    /// What is left of the round to ask.
    round: Option<Round>,
    open: FuturesUnordered<BoxFuture<'static, (Look, LookEnd)>>,
    waits: (mpsc::UnboundedSender<Waiting>, mpsc::UnboundedReceiver<Waiting>),
    /// So many devices are named in a search.
    names: usize,
    /// The platform does not search by device key.
    whole_job: bool,
    /// A search was answered, so that the next ones may be made together.
    proven: bool,
    calls: u64,
    events: VecDeque<WatchEvent>,
    end: Option<WatchEnd>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    fate: Fate,
    reason: Symbol,
    status: Symbol,
    progress: Option<i64>,
    /// How often the task was seen to be failed and unchanged.
    unchanged: u8,
}

struct Round {
    looks: Vec<Look>,
    calls_before: u64,
    news: bool,
}

/// Something that a [`Watcher`] has seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A task that has not ended has another status or progress than when it was seen last.
    Moved {
        /// The device.
        device: DeviceId,
        /// How far the upgrade has come.
        status: TaskStatus,
        /// In percent; negative if the upgrade has failed.
        progress: Option<i64>,
    },
    /// What is known of devices has changed. A [final](Fate::is_final) fate is the end of them.
    Seen {
        /// The devices.
        devices: Vec<DeviceId>,
        /// What was seen.
        fate: Fate,
        /// Why they failed, in words of the platform or the device.
        reason: Option<Arc<str>>,
    },
    /// The platform is not as expected, and the watcher goes another way from now on. For people.
    Learned(Arc<str>),
    /// A search waits, because the gateway asks for fewer calls or does not answer.
    Waiting(Waiting),
}

/// Why a [`Watcher`] has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEnd {
    /// All tasks have ended.
    AllEnded,
    /// The [timeout](Watcher::timeout) has passed.
    TimeIsUp,
    /// A search failed, after the patience of [`TaskSearch::patience`].
    Failed(Error),
}

/// What is known of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sight<'a> {
    /// Whether and how its upgrade has ended.
    pub fate: Fate,
    /// Why it failed, in words of the platform or the device.
    pub reason: Option<&'a str>,
    /// The status of its task when it was seen last.
    pub status: Option<&'a str>,
    /// Its progress then, in percent; negative if it has failed.
    pub progress: Option<i64>,
}

/// So many devices are named in one search of those that have ended. Not documented: how many it takes.
const NAMES: usize = 1_000;
/// So many if all tasks come back, which is what fits one page.
const NAMES_OF_A_PAGE: usize = 200;
/// So many once the platform has refused more.
const FEW_NAMES: usize = 20;
/// A task that is seen so often to be failed and unchanged is believed to be.
const STILL_FAILED_AFTER: u8 = 3;
/// How long a search that is under way when the time is up is waited for.
const GRACE: Duration = Duration::from_millis(800);

impl Watcher {
    /// Prepares to follow the tasks of these devices.
    ///
    /// # Errors
    ///
    /// [`SelectError::JobId`] if the job id cannot stand in a search.
    pub fn new(client: &Client, job_id: &JobId, devices: Devices) -> Result<Self, SelectError> {
        let mut fates = [0; Fate::ALL.len()];
        fates[position(Fate::NotSeen)] = devices.len();
        Ok(Self {
            job_id: job_id.clone(),
            of_job: tasks::JOB_ID.equals(job_id.as_str()).map_err(SelectError::JobId)?,
            search: client.task_search(job_id, &Expression::all([])),
            concurrency: NonZeroUsize::MIN.saturating_add(7),
            rounds: Rounds::new(),
            states: vec![State::default(); devices.len()],
            texts: Interner::default(),
            fates,
            begun: None,
            round: None,
            open: FuturesUnordered::new(),
            waits: mpsc::unbounded_channel(),
            names: NAMES,
            whole_job: false,
            proven: false,
            calls: 0,
            events: VecDeque::new(),
            end: None,
            devices: Arc::new(devices),
        })
    }

    /// Prepares to follow all tasks of a job that are `init`, `published` or `upgrading` now. Reads them first.
    ///
    /// # Errors
    ///
    /// [`SelectError`] if they cannot be read, or if the job id cannot stand in a search.
    pub async fn of_unfinished(client: &Client, job_id: &JobId) -> Result<Self, SelectError> {
        let of_job = tasks::JOB_ID.equals(job_id.as_str()).map_err(SelectError::JobId)?;
        let unfinished = tasks::STATUS
            .is_in(["init", "published", "upgrading"])
            .map_err(SelectError::JobId)?;
        let search = client.task_search(job_id, &Expression::all([of_job, unfinished]));
        let mut devices = Devices::new();
        let mut full = None;
        let reading = search
            .read_all(|event| {
                let SearchEvent::Page(page) = event else {
                    return ControlFlow::Continue(());
                };
                let keys = page.tasks.iter().filter_map(|task| task.device_key.as_deref());
                for key in keys.filter(|key| !key.is_empty()) {
                    if let Err(error) = devices.push(key, &TaskFacts::default()) {
                        full = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })
            .await
            .map_err(|error| crate::selection::unread(job_id, error))?;
        if let Some(error) = full {
            return Err(SelectError::Devices(error));
        }
        let mut watcher = Self::new(client, job_id, devices)?;
        watcher.calls = reading.calls;
        Ok(watcher)
    }

    /// Sets how long to watch, from the first [`next`](Self::next) on. Without a limit by default. There is always one
    /// round. The last one begins 2 s before the end; a search that takes longer is given up within a second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rounds.set_deadline(timeout);
        self
    }

    /// Sets the shortest and the longest wait between two rounds. 2 s and 30 s by default.
    pub fn waits(mut self, shortest: Duration, longest: Duration) -> Self {
        self.rounds.set_waits(shortest, longest);
        self
    }

    /// Sets whether tasks that have not ended are looked at in every round, so that [`WatchEvent::Moved`] is told. `true`
    /// by default; with `false`, a round over a large fleet takes a fifth of the calls or less.
    pub fn stages(mut self, stages: bool) -> Self {
        self.rounds.set_stages(stages);
        self
    }

    /// Sets how many searches are made at a time. 8 by default.
    pub fn concurrency(mut self, searches: NonZeroUsize) -> Self {
        self.concurrency = searches;
        self
    }

    /// Says what is known of a device from elsewhere. No event tells it again, and one that has ended is not asked for.
    ///
    /// # Panics
    ///
    /// If the device is not of this list.
    pub fn already(&mut self, device: DeviceId, fate: Fate, reason: Option<&str>) {
        self.set_fate(device, fate, reason);
    }

    /// The devices that are followed.
    #[must_use]
    pub fn devices(&self) -> &Arc<Devices> {
        &self.devices
    }

    /// What is known of a device.
    ///
    /// # Panics
    ///
    /// If the device is not of this list.
    #[must_use]
    pub fn sight(&self, device: DeviceId) -> Sight<'_> {
        let state = &self.states[device.index()];
        Sight {
            fate: state.fate,
            reason: self.texts.get(state.reason),
            status: self.texts.get(state.status),
            progress: state.progress,
        }
    }

    /// Devices by fate, in the order of [`Fate::ALL`].
    #[must_use]
    pub fn fates(&self) -> [usize; Fate::ALL.len()] {
        self.fates
    }

    /// The devices that have not ended, as far as is known.
    pub fn unfinished(&self) -> impl Iterator<Item = DeviceId> {
        self.devices.ids().filter(|id| !self.states[id.index()].fate.is_final())
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Why it has ended; `None` before [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn end(&self) -> Option<&WatchEnd> {
        self.end.as_ref()
    }
}

fn position(fate: Fate) -> usize {
    Fate::ALL.iter().position(|other| *other == fate).unwrap_or(0)
}
