//! The job that a command is about.

use enos_ota::JobId;
use enos_ota_emulator::DEMO_FLEET_JOB_ID;

use crate::args::Connection;
use crate::failure::Failure;

/// The job that is given. With the emulator, all failed tasks are those of the demo fleet's big job.
pub(crate) fn job_id_of(given: Option<&str>, connection: &Connection, demo: bool) -> Result<JobId, Failure> {
    match given {
        Some(job_id) => parse_job_id(job_id),
        None if demo && connection.emulator => parse_job_id(DEMO_FLEET_JOB_ID),
        None => Err(Failure::usage("no job was given")
            .with_hint("give the id of the OTA job with --job-id; `enos-ota jobs list` lists them")),
    }
}

pub(crate) fn parse_job_id(text: &str) -> Result<JobId, Failure> {
    text.parse().map_err(|_| {
        Failure::usage("the job id is empty").with_hint("give the id of an OTA job; `enos-ota jobs list` tells them")
    })
}
