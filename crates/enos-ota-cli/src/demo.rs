//! The emulator inside this program, for `--emulator`.

use std::fmt::Write as _;

use enos_ota::text::with_causes;
use enos_ota::{Client, ClientBuilder, Credentials};
use enos_ota_emulator::{Emulator, Fleet, Job, Task};

use crate::exit::Exit;
use crate::failure::Failure;

/// The one command to try.
pub(crate) const COMMAND: &str = "enos-ota retry --emulator --failed --watch";

/// So many failed devices of a job are listed; a big job has too many for a screen.
const LISTED: usize = 10;

pub(crate) async fn start() -> Result<Emulator, Failure> {
    Emulator::builder().fleet(Fleet::demo()).start().await.map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("the emulator did not start: {}", with_causes(&error)),
        )
    })
}

pub(crate) fn client_of(emulator: &Emulator) -> Result<ClientBuilder, Failure> {
    let credentials = Credentials::new(emulator.app_key(), emulator.app_secret())?;
    Ok(Client::builder().base_url(emulator.base_url()).credentials(credentials))
}

/// What the demo fleet is, and commands that work with it.
pub(crate) fn explanation() -> String {
    let fleet = Fleet::demo();
    let mut text = String::from(
        "The emulator inside this program has a demo fleet, made anew for every run.\n\
         No account is needed, and nothing leaves this machine. Its jobs:\n",
    );
    for job in fleet.jobs() {
        describe(&mut text, job);
    }
    if let Some((job, failed)) = fleet
        .jobs()
        .iter()
        .map(|job| (job, job.failed_device_keys().collect::<Vec<_>>()))
        .find(|(job, failed)| job.status().as_str() == "started" && !failed.is_empty())
    {
        let healthy = job
            .tasks()
            .iter()
            .map(Task::device_key)
            .find(|key| !failed.contains(key));
        let command = format!("enos-ota retry --emulator --job-id {}", job.job_id());
        let _ = write!(
            text,
            "\nRetry two failed devices:\n  {command} {}\n",
            failed.iter().take(2).copied().collect::<Vec<_>>().join(" ")
        );
        if let Some(healthy) = healthy {
            let _ = write!(
                text,
                "\nSee what is answered for a device that has not failed:\n  {command} {healthy}\n"
            );
        }
    }
    text.push_str("\nRetry all that have failed, and watch:\n  enos-ota retry --emulator --failed --watch\n");
    text
}

fn describe(text: &mut String, job: &Job) {
    let tasks = job.tasks();
    let _ = write!(
        text,
        "\n  {}  {}, {}, {} devices\n",
        job.job_id(),
        job.display_name(),
        job.status().as_str(),
        tasks.len()
    );
    let failed: Vec<&Task> = tasks.iter().filter(|task| task.status().as_str() == "failed").collect();
    let (listed, rest) = failed.split_at(failed.len().min(LISTED));
    let width = listed
        .iter()
        .map(|task| task.device_key().len())
        .max()
        .unwrap_or(0)
        .max(8);
    for task in listed {
        let _ = writeln!(text, "    {:<width$}  failed: {}", task.device_key(), task.reason());
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "    and {} more", rest.len());
    }
}
