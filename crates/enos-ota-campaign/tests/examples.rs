//! The example does what it says.
#![allow(clippy::unwrap_used, missing_docs, dead_code, unreachable_pub)]

#[path = "../examples/retry_fleet.rs"]
mod retry_fleet;

use std::time::Duration;

use enos_ota::{Client, Credentials};
use enos_ota_campaign::{Fate, Settings};
use enos_ota_emulator::{Emulator, Fleet, Job, Outcome, Pace, Task};
use tempfile::TempDir;

const JOB: &str = "66f2a1c0d4e5b6a798011e07";

#[tokio::test]
async fn a_fleet_is_retried_and_followed_to_its_end() {
    let tasks = (0..30).map(|number| {
        let outcome = if number < 3 { Outcome::Fails } else { Outcome::Succeeds };
        Task::failed(format!("pump-{number:02}")).retry_outcome(outcome)
    });
    let at_once = Duration::from_millis(1);
    let emulator = Emulator::builder()
        .fleet(Fleet::new("o1").job(Job::started(JOB).with_tasks(tasks)))
        .pace(Pace::new(at_once, at_once, at_once))
        .start()
        .await
        .unwrap();
    let client = Client::builder()
        .base_url(emulator.base_url())
        .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
        .org_id("o1")
        .build()
        .unwrap();
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let mut settings = Settings::default();
    settings.watch = Some(Duration::from_mins(1));
    settings.lag = Duration::ZERO;
    let finished = retry_fleet::retry_fleet(&client, JOB.parse().unwrap(), &journal, settings)
        .await
        .unwrap();
    assert_eq!(finished.table.summary().accepted, 30);
    assert_eq!(finished.table.count_of(Fate::Succeeded), 27);
    assert_eq!(finished.table.count_of(Fate::FailedAgain), 3);
    assert!(std::fs::metadata(&journal).unwrap().len() > 0);
}
