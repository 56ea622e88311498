//! A running emulator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::builder::EmulatorBuilder;
use crate::faults::FaultQueue;
use crate::gateway::quota::Quota;
use crate::journal::{Counters, RequestRecord};
use crate::model::{JobInfo, JobState, RetryCount, TaskInfo};
use crate::readings::Readings;
use crate::shared::Shared;
use crate::state::Switch;

/// A running emulator. It stops when this is dropped, or with [`shutdown`](Emulator::shutdown).
///
/// All that is read here is read past the faults and without HTTP: a test can see what really became of a request.
pub struct Emulator {
    pub(crate) shared: Arc<Shared>,
    pub(crate) base_url: String,
    pub(crate) org_id: String,
    pub(crate) credentials: (String, String),
    /// The server stops when this is dropped.
    pub(crate) close: watch::Sender<bool>,
    pub(crate) server: JoinHandle<()>,
}

impl Emulator {
    /// Sets up an emulator.
    #[must_use]
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::new()
    }

    /// The URL to give to a client on this machine: `http://HOST:PORT`, without a slash at the end. If the emulator listens
    /// on all addresses (0.0.0.0), this is the loopback one.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The address on which it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// The app key (access key) of the only application.
    #[must_use]
    pub fn app_key(&self) -> &str {
        &self.credentials.0
    }

    /// The app secret of the only application.
    #[must_use]
    pub fn app_secret(&self) -> &str {
        &self.credentials.1
    }

    /// The organization of the fleet.
    #[must_use]
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// The faults that are yet to strike.
    #[must_use]
    pub fn faults(&self) -> &FaultQueue {
        &self.shared.faults
    }

    /// The present time by the emulator's clock, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.shared.now()
    }

    /// The jobs, with the number of tasks in each state.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobState> {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.job_states(now)
    }

    /// A job, with the number of its tasks in each state.
    #[must_use]
    pub fn job(&self, job_id: &str) -> Option<JobState> {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.job_state(job_id, now)
    }

    /// A job as `get` shows it.
    #[must_use]
    pub fn job_info(&self, job_id: &str) -> Option<JobInfo> {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.present_info(job_id, now)
    }

    /// The tasks of a job; none if there is no such job.
    #[must_use]
    pub fn tasks(&self, job_id: &str) -> Vec<TaskInfo> {
        let (mut inner, now) = self.shared.lock_now();
        inner
            .world
            .tasks(job_id, now, usize::MAX)
            .into_iter()
            .map(|(task, _)| task)
            .collect()
    }

    /// The task of a device in a job.
    #[must_use]
    pub fn task(&self, job_id: &str, device_key: &str) -> Option<TaskInfo> {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.task(job_id, device_key, now)
    }

    /// How often a device was retried. `applied` is 1 if the device was retried exactly once.
    #[must_use]
    pub fn retry_count(&self, job_id: &str, device_key: &str) -> Option<RetryCount> {
        self.shared.lock().world.retry_count(job_id, device_key)
    }

    /// Starts a job; false if there is no such job.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn start_job(&self, job_id: &str) -> bool {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.force_job(job_id, Switch::Start, now)
    }

    /// Stops a job, so that its tasks stand still; false if there is no such job.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn stop_job(&self, job_id: &str) -> bool {
        let (mut inner, now) = self.shared.lock_now();
        inner.world.force_job(job_id, Switch::Stop, now)
    }

    /// How it reads what is not documented.
    #[must_use]
    pub fn readings(&self) -> Readings {
        self.shared.readings
    }

    /// Sets or lifts the limit of how many calls are taken. It counts from here: a new bucket is full, and of a window on
    /// the clock nothing is used up.
    pub fn set_quota(&self, quota: Option<Quota>) {
        self.shared.gate.set(quota, &self.shared.clock);
    }

    /// The limit of how many calls are taken, if there is one.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.shared.gate.quota()
    }

    /// Makes all access tokens die, as if they had expired.
    pub fn kill_tokens(&self) {
        self.shared.lock().tokens.kill();
    }

    /// How often the emulator has been asked for what.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters
    }

    /// The requests that the emulator has received, oldest first; only the last 10,000. Those to `/_emulator` are not
    /// among them.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.journal.records()
    }

    /// Stops the emulator. Connections are closed, whatever they are at; when this returns, the port is free.
    pub async fn shutdown(self) {
        self.close.send_replace(true);
        // An error would be a panic of the server's own loop, and there is nothing left to be done about it.
        let _ = self.server.await;
    }
}

/// Where a client on this machine reaches what listens on an address.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the secret, though it is none: what is printed here ends up in logs, and habits are formed.
        f.debug_struct("Emulator")
            .field("base_url", &self.base_url)
            .field("app_key", &self.credentials.0)
            .field("org_id", &self.org_id)
            .finish_non_exhaustive()
    }
}
