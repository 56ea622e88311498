//! Trying a plan out before it is carried out: the same plan, the same code, on an emulator in this process.
//!
//! The emulator is given the tasks of the job as they are now. Time is virtual, so a campaign that would take hours is
//! over in seconds, and nothing is sent to the platform but the searches that read the tasks.
//!
//! What a rehearsal predicts is what this program will do: which calls, how many, and what it makes of the answers. How
//! the devices fare is an assumption, [`Assumptions`], and so is the platform's behaviour where none is documented.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::{Expression, ValueError, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, Clock, Credentials, DeviceKey, Error, Integer, JobStatus, SearchEvent};
use enos_ota_emulator as emulated;
use enos_ota_emulator::{Emulator, Fault, Fleet, Job, ManualClock, MixedList, StartError, Task, TaskStatus, Waits};

use crate::campaign::{Campaign, Running};
use crate::plan::Plan;
use crate::settings::Settings;
use crate::time::{Time, VirtualClock};

/// What nobody can know beforehand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Assumptions {
    /// How many of a hundred devices succeed after their retry; the others fail again as they failed before. The same
    /// devices each time. 100 by default.
    pub success_percent: f64,
    /// What the platform does with a list in which not every task is failed.
    pub mixed_list: MixedList,
    /// What goes wrong on the way.
    pub faults: Vec<Fault>,
    /// How far reads are behind. 2 s by default, as documented.
    pub stale_reads: Duration,
    /// Seed of the faults that strike at random.
    pub seed: u64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            success_percent: 100.0,
            mixed_list: MixedList::default(),
            faults: Vec::new(),
            stale_reads: Duration::from_secs(2),
            seed: 0,
        }
    }
}

/// A job on an emulator in this process, as it was on the platform when it was read.
#[derive(Debug)]
pub struct Stage {
    emulator: Emulator,
    client: Client,
    clock: Arc<StageClock>,
}

/// Why a rehearsal cannot begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The job or its tasks could not be read.
    Read(Error),
    /// The id of the job cannot stand in a search.
    JobId(ValueError),
    /// The emulator did not start.
    Emulator(StartError),
}

impl fmt::Display for RehearsalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "the tasks of the job could not be read",
            Self::JobId(_) => "the tasks of the job cannot be searched for",
            Self::Emulator(_) => "the emulator for the rehearsal did not start",
        })
    }
}

impl std::error::Error for RehearsalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::JobId(error) => Some(error),
            Self::Emulator(error) => Some(error),
        }
    }
}

impl From<Error> for RehearsalError {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl Stage {
    /// Reads the job of a plan, with all its tasks, and sets an emulator up with them.
    ///
    /// # Errors
    ///
    /// If the job cannot be read, or the emulator does not start.
    pub async fn set(client: &Client, plan: &Plan, assumptions: Assumptions) -> Result<Self, RehearsalError> {
        let info = client.get_job(&plan.job_id).await?;
        let job = match info.status {
            Some(JobStatus::Stopped) => Job::stopped(plan.job_id.as_str()),
            _ => Job::started(plan.job_id.as_str()),
        };
        let job = match info.maximum_concurrency.and_then(|most| u32::try_from(most.get()).ok()) {
            Some(most) => job.maximum_concurrency(most),
            None => job,
        };
        let of_job = tasks::JOB_ID
            .equals(plan.job_id.as_str())
            .map_err(RehearsalError::JobId)?;
        let mut all = Vec::new();
        client
            .task_search(&plan.job_id, &Expression::all([of_job]))
            .read_all(|event| {
                // A task that cannot be read, or is another job's, plays no part.
                if let SearchEvent::Page(page) = event {
                    let tasks = page.tasks.into_iter();
                    all.extend(tasks.filter_map(|task| as_task(task, assumptions.success_percent)));
                }
                ControlFlow::Continue(())
            })
            .await
            .map_err(|error| error.source)?;
        // Where the tasks moved while they were read, some came twice.
        all.sort_by(|a, b| a.device_key().cmp(b.device_key()));
        all.dedup_by(|a, b| a.device_key() == b.device_key());
        Self::of_job(client, job.with_tasks(all), assumptions).await
    }

    async fn of_job(client: &Client, job: Job, assumptions: Assumptions) -> Result<Self, RehearsalError> {
        let clock = ManualClock::starting_now();
        let builder = Emulator::builder()
            .fleet(Fleet::new(client.org_id().as_str()).job(job))
            .clock(clock.clone())
            .waits(Waits::OnClock)
            .mixed_list(assumptions.mixed_list)
            .stale_reads(assumptions.stale_reads)
            .seed(assumptions.seed);
        let builder = assumptions
            .faults
            .into_iter()
            .fold(builder, emulated::EmulatorBuilder::fault);
        let emulator = builder.start().await.map_err(RehearsalError::Emulator)?;
        let clock = Arc::new(StageClock(clock));
        let client = Client::builder()
            .base_url(emulator.base_url())
            .credentials(Credentials::new(emulator.app_key(), emulator.app_secret())?)
            .org_id(client.org_id().as_str())
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .build()?;
        Ok(Self {
            emulator,
            client,
            clock,
        })
    }

    /// Carries a plan out, on the emulator.
    ///
    /// # Panics
    ///
    /// As [`Campaign::start`].
    #[must_use]
    pub fn begin(&self, plan: Plan, settings: Settings) -> Running {
        self.campaign(plan, settings).start()
    }

    /// The campaign that [`begin`](Self::begin) starts.
    #[must_use]
    pub fn campaign(&self, plan: Plan, settings: Settings) -> Campaign {
        let clock = Arc::clone(&self.clock) as Arc<dyn VirtualClock>;
        Campaign::new(&self.client, plan, settings).time(Time::simulated(clock))
    }

    /// The emulator, with the truth about each device.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// A client of the emulator.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn as_task(task: TaskInfo, success_percent: f64) -> Option<Task> {
    let key = task.device_key.filter(|key| key.parse::<DeviceKey>().is_ok())?;
    let status = task.status.as_ref().map_or("failed", |status| status.as_str());
    // One that no page lists is not failed, and that is all that matters here.
    let status = TaskStatus::KNOWN
        .iter()
        .find(|known| known.as_str() == status)
        .unwrap_or(&TaskStatus::Upgrading);
    let succeeds = share_of(&key) * 100.0 < success_percent;
    let mut shown = Task::new(key, status.clone()).retry_outcome(if succeeds {
        emulated::Outcome::Succeeds
    } else {
        emulated::Outcome::Fails
    });
    if let Some(progress) = task
        .progress
        .map(Integer::get)
        .and_then(|progress| i32::try_from(progress).ok())
    {
        shown = shown.as_shown(progress);
    }
    if let Some(desc) = task.desc {
        shown = shown.desc(desc);
    }
    if let Some(product_key) = task.product_key {
        shown = shown.product_key(product_key);
    }
    if let (Some(from), Some(to)) = (task.from_version, task.to_version) {
        shown = shown.versions(from, to);
    }
    if let Some(time) = task.update_time {
        shown = shown.update_time(time.get());
    }
    Some(shown)
}

/// A number from 0 to 1 that is always the same for a key.
fn share_of(key: &str) -> f64 {
    // FNV-1a, finished so that keys which differ in their last digit do not lie side by side.
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// The emulator's clock, for the client's signatures and the campaign's waits.
#[derive(Debug)]
struct StageClock(ManualClock);

impl Clock for StageClock {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.0)
    }

    fn unique_ms(&self) -> i64 {
        self.0.advance(Duration::from_millis(1));
        emulated::Clock::now_ms(&self.0)
    }
}

impl VirtualClock for StageClock {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.0)
    }

    fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}
