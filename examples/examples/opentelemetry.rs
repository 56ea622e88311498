//! Retries a device, and sends the trace of it to a collector on this machine.

use std::env;
use std::error::Error;

use enos_ota::{Client, Credentials, DeviceKeys};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let traces = enos_ota_examples::telemetry::install("http://127.0.0.1:4318/v1/traces")?;
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
    let result = client.retry_task(&job, &DeviceKeys::parse(arguments)?).await;
    tokio::task::spawn_blocking(move || traces.shutdown()).await??;
    println!("{:?}", result?);
    Ok(())
}
