//! Retries every failed task of a job, keeps a journal, and follows the upgrades to their end.
//!
//! ```sh
//! export ENOS_BASE_URL=https://apim-gateway.example.com ENOS_APP_KEY=... ENOS_APP_SECRET=... ENOS_ORG_ID=...
//! cargo run --example retry_fleet -- JOB_ID journal.jsonl
//! ```

// Settings and details can gain members, so that they are made by changing the default.
#![allow(clippy::field_reassign_with_default)]

use std::env;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use enos_ota::{Client, Clock as _, Credentials, JobId, SystemClock};
use enos_ota_campaign::journal::{BeginDetails, Journal};
use enos_ota_campaign::{Campaign, Event, Fate, Finished, Outcome, Plan, Selection, Settings};

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
    let arguments: Vec<_> = env::args().collect();
    let [_, job, journal] = arguments.as_slice() else {
        return Err("expected a job id and the name of a journal".into());
    };
    let mut settings = Settings::default();
    settings.watch = Some(Duration::from_hours(2));
    let finished = retry_fleet(&client, job.parse()?, Path::new(journal), settings).await?;
    let summary = finished.table.summary();
    println!("{} of {} devices accepted", summary.accepted, summary.requested);
    println!("{} upgrades succeeded", finished.table.count_of(Fate::Succeeded));
    Ok(())
}

/// Retries all that have failed but for a reason that a person has given, which is to cancel them.
pub(crate) async fn retry_fleet(
    client: &Client,
    job: JobId,
    journal: &Path,
    settings: Settings,
) -> Result<Finished, Box<dyn Error>> {
    // All is read before anything is retried: a retried task leaves the list.
    let selection = Selection::default();
    let selected = selection.read(client, &job, |_| ()).await?;
    let devices_a_call = NonZeroUsize::new(200).ok_or("200 is not zero")?;
    let (org, now) = (client.org_id().clone(), SystemClock.now_ms());
    let plan = Plan::of_selected(job, org, selection, devices_a_call, now, selected);

    // What is done is written down before and after. If this process dies, `Campaign::resume` goes on from the journal.
    let mut details = BeginDetails::default();
    details.settings = serde_json::to_value(&settings)?;
    let journal = Journal::create(journal, &plan, details)?;

    let mut running = Campaign::new(client, plan, settings).journal(journal).start();
    while let Some(event) = running.next_event().await {
        match event {
            Event::Settled {
                devices,
                outcome: Outcome::Accepted,
                ..
            } => println!("{} devices accepted", devices.len()),
            Event::Settled {
                devices,
                outcome,
                message,
                ..
            } => println!("{} devices {outcome}: {}", devices.len(), message.unwrap_or_default()),
            Event::Seen { devices, fate, .. } if fate.is_final() => println!("{} devices {fate}", devices.len()),
            _ => {}
        }
    }
    Ok(running.finish().await?)
}
