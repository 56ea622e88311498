//! `POST /jobs/JOB_ID/retries` with a JSON list of device keys, on port 8080 of this machine.

use std::env;
use std::error::Error;

use enos_ota::{Client, Credentials};

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
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, enos_ota_examples::service::router(client)).await?;
    Ok(())
}
