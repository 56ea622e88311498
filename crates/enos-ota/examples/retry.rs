//! Retries the failed tasks of some devices, and says what to do if that is refused.
//!
//! ```sh
//! export ENOS_BASE_URL=https://apim-gateway.example.com ENOS_APP_KEY=... ENOS_APP_SECRET=... ENOS_ORG_ID=...
//! cargo run --example retry -- JOB_ID DEVICE_KEY...
//! ```

use std::env;
use std::error::Error;

use enos_ota::{Client, Credentials, DeviceKeys, JobId, RetryTaskErrorCode};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .base_url(env::var("ENOS_BASE_URL")?)
        .credentials(Credentials::new(
            env::var("ENOS_APP_KEY")?,
            env::var("ENOS_APP_SECRET")?,
        )?)
        .org_id(env::var("ENOS_ORG_ID")?)
        .build()?;
    let mut arguments = env::args().skip(1);
    let job = arguments.next().ok_or("no job id was given")?.parse()?;
    let devices = DeviceKeys::parse(arguments)?;
    println!("{}", retry(&client, &job, &devices).await?);
    Ok(())
}

/// Retries the tasks, and says how that went.
pub(crate) async fn retry(client: &Client, job: &JobId, devices: &DeviceKeys) -> Result<String, enos_ota::Error> {
    let error = match client.retry_task(job, devices).await {
        Ok(accepted) => return Ok(format!("accepted, attempts: {}", accepted.attempts)),
        Err(error) => error,
    };
    match error.code_of::<RetryTaskErrorCode>() {
        // Whether the others of the list were retried is not documented.
        Some(RetryTaskErrorCode::TaskNotFailed) => Ok("a task of the list has not failed".to_owned()),
        Some(RetryTaskErrorCode::JobNotRunning) => Ok("the job is stopped: start it first".to_owned()),
        _ if error.outcome_unknown() => Ok(format!("{error}: search the tasks before you try again")),
        // Everything else; `error.remedy()` says what to do.
        _ => Err(error),
    }
}
