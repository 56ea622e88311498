//! *Retry OTA Task*.

use enos_ota_client::operations::RetryTask;
use enos_ota_client::types::RetryTaskRequest;
use enos_ota_client::{DeviceKeys, Envelope as _, JobId};

use crate::client::Client;
use crate::error::Error;

/// The platform has accepted a request.
///
/// That says nothing of single devices: the platform answers no result for them. Search the tasks of the job to learn
/// what became of each, not sooner than two seconds later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Accepted {
    /// The id under which the platform keeps the call in its own records.
    pub request_id: Option<String>,
    /// How many times the request was sent.
    pub attempts: u32,
}

impl Client {
    /// Sends the failed tasks of the given devices round again.
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
        let success = self.call(&RetryTask::new(self.org_id(), job_id, &body)).await?;
        Ok(Accepted {
            request_id: success.response.request_id().map(str::to_owned),
            attempts: success.attempts,
        })
    }
}
