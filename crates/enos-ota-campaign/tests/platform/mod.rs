//! The emulator and a client for it.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use enos_ota::{Client, Credentials, RetryPolicy};
use enos_ota_campaign::{Devices, Reader};
use enos_ota_emulator::{Emulator, EmulatorBuilder, Fleet};

pub(crate) async fn start(fleet: Fleet) -> (Emulator, Client) {
    start_with(Emulator::builder().fleet(fleet)).await
}

pub(crate) async fn start_with(builder: EmulatorBuilder) -> (Emulator, Client) {
    let emulator = builder.start().await.unwrap();
    let waits = Duration::from_millis(1);
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
        .org_id(emulator.org_id())
        .retry_policy(RetryPolicy::default().with_waits(waits, waits))
        .build()
        .unwrap();
    (emulator, client)
}

/// A reader that does not wait.
pub(crate) fn reader(client: &Client) -> Reader<'_> {
    Reader::new(client).reread_wait(Duration::ZERO)
}

/// The keys of the devices, in their order.
pub(crate) fn keys(devices: &Devices) -> Vec<String> {
    devices.ids().map(|id| devices.key(id).to_owned()).collect()
}
