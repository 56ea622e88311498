//! The client for programs that are not asynchronous.
//!
//! [`Client`] has the methods of [`crate::Client`], and each waits for its end. It has a thread of its own that looks after
//! connections and timers; many threads can make calls with clones of one client at a time.
//!
//! ```no_run
//! use enos_ota::{Client, Credentials, DeviceKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .base_url("https://apim-gateway.example.com")
//!     .credentials(Credentials::new("my-app-key", std::env::var("ENOS_APP_SECRET")?)?)
//!     .org_id("o15724268424841")
//!     .build_blocking()?;
//! let devices = DeviceKeys::parse(["deviceKey1", "deviceKey2"])?;
//! let accepted = client.retry_task(&"5ed758ca49f032b4663063aa".parse()?, &devices)?;
//! println!("accepted as {:?}", accepted.request_id);
//! # Ok(())
//! # }
//! ```
//!
//! Whatever has no method here takes [`Client::block_on`]: a [`TaskSearch`](crate::TaskSearch), for one.
//!
//! In asynchronous code, these methods fail with [`ErrorKind::Config`]: they would keep the runtime from its work.

use std::future::Future;
use std::sync::Arc;

use enos_ota_client::types::{CreateJobRequest, JobInfo, TaskInfo};
use enos_ota_client::{DeviceKeys, FirmwareId, JobId, OrgId};
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::client::Accepted;
use crate::error::{Error, ErrorKind};
use crate::jobs::Created;
use crate::limits::RateLimits;
use crate::pages::{Page, PageSize};
use crate::raw::{RawAnswer, RawRequest};
use crate::retry::RetryPolicy;
use crate::search::{Expression, Jobs, Tasks};

/// A [`crate::Client`] whose methods wait for their end. Made by
/// [`ClientBuilder::build_blocking`](crate::ClientBuilder::build_blocking).
///
/// Clones are cheap, and share connections and the access token.
#[derive(Clone, Debug)]
pub struct Client {
    client: crate::Client,
    driver: Driver,
}

/// A [`crate::RawClient`] whose methods wait for their end. Made by
/// [`ClientBuilder::build_raw_blocking`](crate::ClientBuilder::build_raw_blocking).
#[derive(Clone, Debug)]
pub struct RawClient {
    client: crate::RawClient,
    driver: Driver,
}

/// A runtime on a thread of its own, which ends with the last clone.
///
/// A runtime that ran only during calls would not see that the gateway has closed an idle connection, and the next call
/// would be lost on it.
#[derive(Clone, Debug)]
struct Driver {
    handle: Handle,
    _alive: Arc<oneshot::Sender<()>>,
}

impl Driver {
    fn start() -> Result<Self, Error> {
        let failed =
            |error| Error::new(ErrorKind::Internal, "the thread of the client did not start").with_source(error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("enos-ota".to_owned())
            .spawn(move || {
                // Nothing is ever sent: it ends when the sender is dropped.
                let _ = runtime.block_on(ended);
            })
            .map_err(failed)?;
        Ok(Self {
            handle,
            _alive: Arc::new(alive),
        })
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        if Handle::try_current().is_ok() {
            return Err(Error::new(
                ErrorKind::Config,
                "a blocking client was used in asynchronous code; use the other one there",
            ));
        }
        Ok(self.handle.block_on(future))
    }
}

impl Client {
    pub(crate) fn new(client: crate::Client) -> Result<Self, Error> {
        Ok(Self {
            client,
            driver: Driver::start()?,
        })
    }

    fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.driver.block_on(call)?
    }

    /// Waits for something of the asynchronous client, such as `client.as_async().token_source().token()`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] in asynchronous code.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        self.driver.block_on(future)
    }

    /// The asynchronous client within.
    #[must_use]
    pub fn as_async(&self) -> &crate::Client {
        &self.client
    }

    /// As [`crate::Client::org_id`].
    #[must_use]
    pub fn org_id(&self) -> &OrgId {
        self.client.org_id()
    }

    /// As [`crate::Client::in_org`].
    #[must_use]
    pub fn in_org(&self, org_id: OrgId) -> Self {
        Self {
            client: self.client.in_org(org_id),
            driver: self.driver.clone(),
        }
    }

    /// As [`crate::Client::with_retry_policy`].
    #[must_use]
    pub fn with_retry_policy(&self, policy: RetryPolicy) -> Self {
        Self {
            client: self.client.with_retry_policy(policy),
            driver: self.driver.clone(),
        }
    }

    /// As [`crate::Client::retry_policy`].
    #[must_use]
    pub fn retry_policy(&self) -> &RetryPolicy {
        self.client.retry_policy()
    }

    /// As [`crate::Client::rate_limits`].
    #[must_use]
    pub fn rate_limits(&self) -> Option<RateLimits> {
        self.client.rate_limits()
    }

    /// As [`crate::Client::retry_task`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn retry_task(&self, job_id: &JobId, devices: &DeviceKeys) -> Result<Accepted, Error> {
        self.wait(self.client.retry_task(job_id, devices))
    }

    /// As [`crate::Client::cancel_task`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn cancel_task(&self, job_id: &JobId, devices: &DeviceKeys) -> Result<Accepted, Error> {
        self.wait(self.client.cancel_task(job_id, devices))
    }

    /// As [`crate::Client::search_tasks`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn search_tasks(
        &self,
        expression: &Expression<Tasks>,
        page_no: u32,
        page_size: PageSize,
    ) -> Result<Page<TaskInfo>, Error> {
        self.wait(self.client.search_tasks(expression, page_no, page_size))
    }

    /// As [`crate::Client::task_pages`].
    pub fn task_pages(
        &self,
        expression: &Expression<Tasks>,
        page_size: PageSize,
    ) -> impl Iterator<Item = Result<Page<TaskInfo>, Error>> + Send + use<> {
        self.pages(self.client.task_pages(expression, page_size))
    }

    /// As [`crate::Client::create_job`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn create_job(&self, firmware_id: &FirmwareId, job: &CreateJobRequest) -> Result<Created, Error> {
        self.wait(self.client.create_job(firmware_id, job))
    }

    /// As [`crate::Client::get_job`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn get_job(&self, job_id: &JobId) -> Result<JobInfo, Error> {
        self.wait(self.client.get_job(job_id))
    }

    /// As [`crate::Client::search_jobs`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn search_jobs(
        &self,
        expression: &Expression<Jobs>,
        page_no: u32,
        page_size: PageSize,
    ) -> Result<Page<JobInfo>, Error> {
        self.wait(self.client.search_jobs(expression, page_no, page_size))
    }

    /// As [`crate::Client::job_pages`].
    pub fn job_pages(
        &self,
        expression: &Expression<Jobs>,
        page_size: PageSize,
    ) -> impl Iterator<Item = Result<Page<JobInfo>, Error>> + Send + use<> {
        self.pages(self.client.job_pages(expression, page_size))
    }

    /// As [`crate::Client::start_job`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn start_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.wait(self.client.start_job(job_id))
    }

    /// As [`crate::Client::stop_job`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn stop_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.wait(self.client.stop_job(job_id))
    }

    /// As [`crate::Client::delete_job`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.wait(self.client.delete_job(job_id))
    }

    fn pages<T>(&self, pages: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Pages<T> {
        Pages {
            pages: Some(Box::pin(pages)),
            driver: self.driver.clone(),
        }
    }
}

/// The pages of a search.
struct Pages<T> {
    /// `None` after an error that ends them.
    pages: Option<BoxStream<'static, Result<T, Error>>>,
    driver: Driver,
}

impl<T> Iterator for Pages<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.driver.block_on(self.pages.as_mut()?.next()) {
            Ok(page) => page,
            Err(error) => {
                self.pages = None;
                Some(Err(error))
            }
        }
    }
}

impl RawClient {
    pub(crate) fn new(client: crate::RawClient) -> Result<Self, Error> {
        Ok(Self {
            client,
            driver: Driver::start()?,
        })
    }

    /// As [`crate::RawClient::send`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn send(&self, request: &RawRequest) -> Result<RawAnswer, Error> {
        self.driver.block_on(self.client.send(request))?
    }
}
