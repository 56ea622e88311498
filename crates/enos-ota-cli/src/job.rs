//! The job that a command is about.

use enos_ota::types::JobInfo;
use enos_ota::{JobId, JobStatus};
use enos_ota_emulator::DEMO_FLEET_JOB_ID;

use crate::args::{Connection, Keys, Target};
use crate::campaign::command_line;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// The job and the devices of a command line: without `--job-id`, the first name is the job if it looks like one.
pub(crate) fn and_devices(job_id: Option<&str>, keys: &Keys) -> (Option<String>, Keys) {
    let mut keys = keys.clone();
    if let Some(job_id) = job_id {
        return (Some(job_id.to_owned()), keys);
    }
    let first_is_job = keys.device_keys.first().is_some_and(|name| looks_like_a_job_id(name));
    (first_is_job.then(|| keys.device_keys.remove(0)), keys)
}

/// Ids of the platform are 24 hexadecimal digits in all of its samples.
pub(crate) fn looks_like_a_job_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The job that is given. With the emulator, all failed tasks are those of the demo fleet's big job.
pub(crate) fn job_id_of(given: Option<&str>, connection: &Connection, demo: bool) -> Result<JobId, Failure> {
    match given {
        Some(job_id) => parse_job_id(job_id),
        None if demo && connection.emulator => {
            console::note(format_args!(
                "no job is given: taking {DEMO_FLEET_JOB_ID}, the big one of the demo fleet"
            ));
            parse_job_id(DEMO_FLEET_JOB_ID)
        }
        None => Err(Failure::usage("no job was given")
            .with_hint("name it first, by its id of 24 hexadecimal digits, or give --job-id")
            .with_hint("enos-ota jobs list    lists the jobs")),
    }
}

pub(crate) fn parse_job_id(text: &str) -> Result<JobId, Failure> {
    text.parse().map_err(|_| {
        Failure::usage("the job id is empty").with_hint("give the id of an OTA job; `enos-ota jobs list` tells them")
    })
}

/// What the platform knows of a job. Questions and warnings gain from it; without it, all goes on as well.
pub(crate) async fn look_up(session: &Session, job_id: &JobId) -> Option<JobInfo> {
    session.client.get_job(job_id).await.ok()
}

/// `job 66f2... (Wind farm to 3.3.0) on apim.example.com (profile prod)`
pub(crate) fn described(job_id: &JobId, job: Option<&JobInfo>, session: &Session) -> String {
    let name = job
        .and_then(|job| job.name.as_ref()?.default_value.as_deref())
        .filter(|name| !name.is_empty())
        .map_or_else(String::new, |name| format!(" ({name})"));
    format!("job {}{name} on {}", job_id.as_str(), session.sources.place())
}

/// Whether the tasks of the job cannot be retried, because it does not run.
pub(crate) fn is_stopped(job: &JobInfo) -> bool {
    job.status == Some(JobStatus::Stopped)
}

/// A retry in a job that does not run, which the platform would refuse.
pub(crate) fn stopped(job_id: &JobId, target: &Target) -> Failure {
    Failure::new(
        Exit::Precondition,
        format!("the job {} is stopped, so its tasks cannot be retried", job_id.as_str()),
    )
    .with_hint(format!(
        "start it: {}",
        command_line::start_job(job_id.as_str(), target)
    ))
}
