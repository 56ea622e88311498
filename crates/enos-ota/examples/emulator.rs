//! Tests a program against the emulator: a gateway on this machine that needs no account, and that fails when it is told to.
//!
//! ```sh
//! cargo run --example emulator
//! ```

use std::error::Error;

use enos_ota::{Client, Credentials, DeviceKeys};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Emulator, Fault, Scope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    a_lost_answer_does_not_make_a_device_be_retried_twice().await
}

/// What could be a test of your program.
pub(crate) async fn a_lost_answer_does_not_make_a_device_be_retried_twice() -> Result<(), Box<dyn Error>> {
    // The first retry is carried out, and then the connection breaks.
    let fault = Fault::cut_after_applying().on(Scope::Action(Action::RetryTask));
    let emulator = Emulator::builder().fault(fault).start().await?;
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret())?)
        .org_id(emulator.org_id())
        .build()?;

    let devices = DeviceKeys::parse(["pump-01"])?;
    let error = client.retry_task(&DEMO_JOB_ID.parse()?, &devices).await.err();

    // The client has sent it again, and was told that the task is not failed: the lost call may have seen to that.
    assert!(error.is_some_and(|error| error.outcome_unknown() && error.code() == Some(24621)));
    let count = emulator.retry_count(DEMO_JOB_ID, "pump-01").ok_or("no such device")?;
    assert_eq!(count.applied, 1);
    emulator.shutdown().await;
    Ok(())
}
