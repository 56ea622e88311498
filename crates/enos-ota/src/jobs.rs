//! Operations on jobs.

use std::sync::Arc;

use enos_ota_client::operations::{CreateJob, DeleteJob, GetJob, SearchJobs, StartJob, StopJob};
use enos_ota_client::types::{CreateJobRequest, JobInfo, PageRequest, SearchRequest};
use enos_ota_client::{Envelope as _, FirmwareId, JobId, Operation as _};
use futures_util::Stream;
use http::StatusCode;

use crate::client::{Accepted, Client, Success};
use crate::error::{Error, ErrorKind, Reach};
use crate::pages::{Page, PageSize, Pager, RawPage, read_in_parts};
use crate::rows::RowByRow;
use crate::search::{Expression, Jobs};

/// A job that was just created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The job. Inferred from the vendor's samples: it is stopped, and has to be started.
    pub job_id: JobId,
    /// The id under which the platform keeps the call in its own records.
    pub request_id: Option<String>,
}

impl Client {
    /// Creates a job that upgrades devices to a firmware, or that verifies the firmware on a few of them.
    ///
    /// The request is not sent again after its answer was lost, since every repetition would create a job of its own.
    ///
    /// Source: [Create OTA Job, 2.4.4][page].
    ///
    /// # Errors
    ///
    /// Not documented, but for the common codes. If [`Error::outcome_unknown`] says so, search the jobs before you try
    /// again.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/create_ota_job.html
    pub async fn create_job(&self, firmware_id: &FirmwareId, job: &CreateJobRequest) -> Result<Created, Error> {
        let success = self.call(&CreateJob::new(self.org_id(), firmware_id, job)).await?;
        let (answer, attempts) = (success.response, success.attempts);
        let request_id = answer.request_id().map(str::to_owned);
        let job_id = answer.data.and_then(|data| data.job_id);
        match job_id {
            Some(job_id) => Ok(Created { job_id, request_id }),
            None => {
                Err(without_data("job id", request_id).in_operation(CreateJob::OPERATION_ID, attempts, Reach::Unknown))
            }
        }
    }

    /// Returns a job.
    ///
    /// It may be about two seconds behind after many changes. Source: [Get OTA Job, 2.4.4][page].
    ///
    /// # Errors
    ///
    /// [`GetJobErrorCode::JobNotFound`](crate::GetJobErrorCode) (24404), or one of the common codes.
    ///
    /// [page]: https://support-cn5.envisioniot.com/docs/connection-api/en/2.4.4/oldversion/get_ota_job.html
    pub async fn get_job(&self, job_id: &JobId) -> Result<JobInfo, Error> {
        let success = self.call(&GetJob::new(self.org_id(), job_id)).await?;
        let (answer, attempts) = (success.response, success.attempts);
        let request_id = answer.request_id().map(str::to_owned);
        answer.data.ok_or_else(|| {
            // A read leaves nothing open.
            without_data("job", request_id).in_operation(GetJob::OPERATION_ID, attempts, Reach::Refused)
        })
    }

    /// Returns one page of the jobs that meet an expression, the latest first. Pages are counted from 1.
    ///
    /// A row that cannot be read does not cost its page: see [`Page::unreadable`]. If the answer is larger than is read,
    /// the same rows are read with further calls for smaller pages.
    ///
    /// Source: [Search OTA Job, 2.4.4][page]. See [`job_pages`](Self::job_pages) to read them all.
    ///
    /// # Errors
    ///
    /// One of the common codes, or [`ErrorKind::MalformedAnswer`] if the answer neither has jobs nor says that there are
    /// none.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/search_ota_job.html
    pub async fn search_jobs(
        &self,
        expression: &Expression<Jobs>,
        page_no: u32,
        page_size: PageSize,
    ) -> Result<Page<JobInfo>, Error> {
        let page_no = page_no.max(1).into();
        Ok(self
            .jobs_of(expression.as_str(), page_no, page_size)
            .await?
            .into_page(page_no, false))
    }

    /// Reads all jobs that meet an expression, page by page, the latest first.
    ///
    /// The stream ends after the last page or the first error. [`Page::total_changed`] tells when the total has changed
    /// while it was read. A search that repeats itself, page after page, is an error
    /// ([`ErrorKind::MalformedAnswer`]).
    pub fn job_pages(
        &self,
        expression: &Expression<Jobs>,
        page_size: PageSize,
    ) -> impl Stream<Item = Result<Page<JobInfo>, Error>> + Send + Unpin + use<> {
        let (client, expression) = (self.clone(), Arc::<str>::from(expression.as_str()));
        let fetch = move |page_no, page_size| {
            let (client, expression) = (client.clone(), Arc::clone(&expression));
            async move { client.jobs_of(&expression, page_no, page_size).await }
        };
        Box::pin(Pager::new(page_size, fetch).into_stream())
    }

    async fn jobs_of(&self, expression: &str, page_no: i64, page_size: PageSize) -> Result<RawPage<JobInfo>, Error> {
        read_in_parts(page_no, page_size, async |page_no, page_size| {
            let body = search_request(expression, page_no, page_size);
            let search = RowByRow(SearchJobs::new(self.org_id(), &body));
            RawPage::new(self.call(&search).await?.response, page_no, page_size)
        })
        .await
    }

    /// Starts a stopped job.
    ///
    /// Source: [Start OTA Job, 2.4.0][page].
    ///
    /// # Errors
    ///
    /// [`StartJobErrorCode`](crate::StartJobErrorCode): `JobNotFound` (24404), `JobHasStarted` (24615: the job is in the
    /// state that you want), or one of the common codes.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/start_ota_job.html
    pub async fn start_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.call(&StartJob::new(self.org_id(), job_id))
            .await
            .map(Success::accepted)
    }

    /// Stops a running job. Its tasks can then be neither retried nor cancelled.
    ///
    /// Source: [Stop OTA Job, 2.3.0][page].
    ///
    /// # Errors
    ///
    /// [`StopJobErrorCode`](crate::StopJobErrorCode): `JobNotFound` (24404), `JobHasStopped` (24616: the job is in the
    /// state that you want), or one of the common codes.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.3.0/stop_ota_job.html
    pub async fn stop_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.call(&StopJob::new(self.org_id(), job_id))
            .await
            .map(Success::accepted)
    }

    /// Deletes a stopped job. It cannot be brought back.
    ///
    /// Source: [Delete OTA Job, 2.4.0][page].
    ///
    /// # Errors
    ///
    /// [`DeleteJobErrorCode`](crate::DeleteJobErrorCode): `JobNotFound` (24404), `JobRunning` (24618), or one of the
    /// common codes.
    ///
    /// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/delete_ota_job.html
    pub async fn delete_job(&self, job_id: &JobId) -> Result<Accepted, Error> {
        self.call(&DeleteJob::new(self.org_id(), job_id))
            .await
            .map(Success::accepted)
    }
}

pub(crate) fn search_request(expression: &str, page_no: i64, page_size: PageSize) -> SearchRequest {
    SearchRequest {
        // Without criteria, the member is left out: whether an empty one is taken is not documented.
        expression: Some(expression).filter(|text| !text.is_empty()).map(str::to_owned),
        pagination: Some(PageRequest {
            page_no,
            page_size: page_size.get().into(),
        }),
    }
}

fn without_data(what: &str, request_id: Option<String>) -> Error {
    Error::new(
        ErrorKind::MalformedAnswer,
        format!("the answer reports success, but has no {what} in it"),
    )
    .with_status(StatusCode::OK)
    .with_request_id(request_id)
}
