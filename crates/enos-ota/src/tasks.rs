//! Operations on tasks: the runs of a job on single devices.

use std::sync::Arc;

use enos_ota_client::operations::{CancelTask, RetryTask, SearchTasks};
use enos_ota_client::types::{CancelTaskRequest, RetryTaskRequest, TaskInfo};
use enos_ota_client::{DeviceKeys, JobId};
use futures_util::Stream;

use crate::client::{Accepted, Client, Success};
use crate::error::Error;
use crate::jobs::search_request;
use crate::pages::{Page, PageSize, Pager, RawPage, read_in_parts};
use crate::rows::RowByRow;
use crate::search::{Expression, Tasks};

impl Client {
    /// Restarts the failed tasks of the given devices.
    ///
    /// The job must be running, and only tasks whose status is `failed` can be retried. How many devices a call may
    /// carry is not documented. The list is borrowed, and was checked when it was made.
    ///
    /// If an answer is lost, the request is sent again: a task that the lost attempt has retried is no longer failed,
    /// so the platform refuses to retry it twice. That refusal (24621) then does not mean that the first attempt
    /// failed, and [`Error::outcome_unknown`] says so.
    ///
    /// Source: [Retry OTA Task, 2.4.4][page].
    ///
    /// # Errors
    ///
    /// [`Error::code_of`] gives a [`RetryTaskErrorCode`](crate::RetryTaskErrorCode): `JobNotFound` (24404),
    /// `JobNotRunning` (24617), `TaskNotFailed` (24621) or one of the common codes. Whether one device whose task has
    /// not failed makes the platform refuse the whole list is not documented.
    ///
    /// ```no_run
    /// # async fn example(client: enos_ota::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use enos_ota::DeviceKeys;
    ///
    /// let devices = DeviceKeys::parse(["deviceKey1", "deviceKey2"])?;
    /// let accepted = client.retry_task(&"5ed758ca49f032b4663063aa".parse()?, &devices).await?;
    /// println!("accepted as {:?}", accepted.request_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/retry_ota_task.html
    pub async fn retry_task(&self, job_id: &JobId, devices: &DeviceKeys) -> Result<Accepted, Error> {
        let body = RetryTaskRequest {
            device_keys: devices.clone(),
        };
        self.call(&RetryTask::new(self.org_id(), job_id, &body))
            .await
            .map(Success::accepted)
    }

    /// Cancels the tasks of the given devices that have not begun to upgrade.
    ///
    /// The job must be running, and only tasks whose status is `init` or `published` can be cancelled. Inferred from the
    /// vendor's Python sample: a cancelled task becomes `failed`, with the text `Cancelled by user`, so a later retry of
    /// all failed tasks revives it.
    ///
    /// Source: [Cancel OTA Task, 2.4.0][page].
    ///
    /// # Errors
    ///
    /// [`CancelTaskErrorCode`](crate::CancelTaskErrorCode): `JobNotFound` (24404), `JobNotRunning` (24617),
    /// `TaskNotCancelable` (24620) or one of the common codes.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/cancel_ota_task.html
    pub async fn cancel_task(&self, job_id: &JobId, devices: &DeviceKeys) -> Result<Accepted, Error> {
        let body = CancelTaskRequest {
            device_keys: devices.clone(),
        };
        self.call(&CancelTask::new(self.org_id(), job_id, &body))
            .await
            .map(Success::accepted)
    }

    /// Returns one page of the tasks that meet an expression. Pages are counted from 1.
    ///
    /// It may be about two seconds behind after many changes. Source: [Search Device Task, 2.4.0][page]. See
    /// [`task_pages`](Self::task_pages) to read them all, and [`task_search`](Self::task_search) to read many.
    ///
    /// A row that cannot be read does not cost its page: see [`Page::unreadable`]. If the answer is larger than is read,
    /// the same rows are read with further calls for smaller pages.
    ///
    /// # Errors
    ///
    /// One of the common codes, or [`ErrorKind::MalformedAnswer`](crate::ErrorKind::MalformedAnswer) if the answer
    /// neither has tasks nor says that there are none.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/search_device_task.html
    pub async fn search_tasks(
        &self,
        expression: &Expression<Tasks>,
        page_no: u32,
        page_size: PageSize,
    ) -> Result<Page<TaskInfo>, Error> {
        let page_no = page_no.max(1).into();
        Ok(self
            .tasks_of(expression.as_str(), page_no, page_size)
            .await?
            .into_page(page_no, false))
    }

    /// Reads all tasks that meet an expression, page by page.
    ///
    /// The stream ends after the last page or the first error. [`Page::total_changed`] tells when the total has changed
    /// while it was read: a retry while you read the failed tasks makes the pages move under you. A search that repeats
    /// itself, page after page, is an error ([`ErrorKind::MalformedAnswer`](crate::ErrorKind::MalformedAnswer)).
    ///
    /// ```no_run
    /// # async fn example(client: enos_ota::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use enos_ota::PageSize;
    /// use enos_ota::search::{Expression, tasks};
    /// use futures_util::TryStreamExt as _;
    ///
    /// let failed = Expression::all([
    ///     tasks::JOB_ID.equals("5ed758ca49f032b4663063aa")?,
    ///     tasks::STATUS.equals("failed")?,
    /// ]);
    /// let mut pages = client.task_pages(&failed, PageSize::default());
    /// while let Some(page) = pages.try_next().await? {
    ///     for task in page.items {
    ///         println!("{:?}: {:?}", task.device_key, task.desc);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn task_pages(
        &self,
        expression: &Expression<Tasks>,
        page_size: PageSize,
    ) -> impl Stream<Item = Result<Page<TaskInfo>, Error>> + Send + Unpin + use<> {
        let (client, expression) = (self.clone(), Arc::<str>::from(expression.as_str()));
        let fetch = move |page_no, page_size| {
            let (client, expression) = (client.clone(), Arc::clone(&expression));
            async move { client.tasks_of(&expression, page_no, page_size).await }
        };
        Box::pin(Pager::new(page_size, fetch).into_stream())
    }

    async fn tasks_of(&self, expression: &str, page_no: i64, page_size: PageSize) -> Result<RawPage<TaskInfo>, Error> {
        read_in_parts(page_no, page_size, async |page_no, page_size| {
            self.task_page(expression, page_no, page_size).await
        })
        .await
    }

    /// One page, with one call.
    pub(crate) async fn task_page(
        &self,
        expression: &str,
        page_no: i64,
        page_size: PageSize,
    ) -> Result<RawPage<TaskInfo>, Error> {
        let body = search_request(expression, page_no, page_size);
        let search = RowByRow(SearchTasks::new(self.org_id(), &body));
        RawPage::new(self.call(&search).await?.response, page_no, page_size)
    }
}
