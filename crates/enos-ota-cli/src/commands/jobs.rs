//! `enos-ota jobs`

mod show;

use std::io::{self, Write as _};

use enos_ota::enos_ota_client::operations::{CreateJob, DeleteJob, GetJob, SearchJobs, StartJob, StopJob};
use enos_ota::search::jobs;
use enos_ota::types::{CreateJobRequest, JobInfo};
use enos_ota::{Client, FirmwareId, JobId};
use serde::Serialize;
use serde_json::Value;

use crate::args::{
    Consent, Jobs, JobsChange, JobsCommand, JobsCreate, JobsDelete, JobsGet, JobsList, JobsStop, ObjectOutput,
};
use crate::body;
use crate::campaign::command_line;
use crate::confirm;
use crate::console;
use crate::curl::{self, Place};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{self, parse_job_id};
use crate::json;
use crate::listing::{self, Column, Row, Shown, date};
use crate::session::Session;
use crate::text::visible;

pub(crate) async fn run(args: &Jobs) -> Result<Exit, Failure> {
    match &args.command {
        JobsCommand::List(args) => list(args).await,
        JobsCommand::Get(args) => get(args).await,
        JobsCommand::Create(args) => create(args).await,
        JobsCommand::Start(args) => start(args).await,
        JobsCommand::Stop(args) => stop(args).await,
        JobsCommand::Delete(args) => delete(args).await,
    }
}

async fn list(args: &JobsList) -> Result<Exit, Failure> {
    let status = args.status.as_ref().map(|status| jobs::STATUS.equals(status));
    let job_type = args.job_type.as_ref().map(|job_type| jobs::TYPE.equals(job_type));
    let expression = args.listing.expression(status.into_iter().chain(job_type))?;
    let page_size = args.listing.page_size()?;
    if args.listing.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        let body = curl::search(expression.as_str(), page_size);
        return place.print(&SearchJobs::new(&org_id, &body)).await;
    }
    let session = Session::open(&args.target).await?;
    listing::print(
        &args.listing,
        "enos-ota/jobs/1",
        &session,
        session.client.job_pages(&expression, page_size),
    )
    .await
}

impl Row for JobInfo {
    const COLUMNS: &'static [Column] = &[
        Column {
            name: "jobId",
            heading: "JOB ID",
            width: 24,
            shown: Shown::Always,
        },
        Column {
            name: "status",
            heading: "STATUS",
            width: 8,
            shown: Shown::Always,
        },
        Column {
            name: "type",
            heading: "TYPE",
            width: 8,
            shown: Shown::Always,
        },
        Column {
            name: "createTime",
            heading: "CREATED",
            width: 20,
            shown: Shown::Always,
        },
        Column {
            name: "firmwareId",
            heading: "FIRMWARE ID",
            width: 24,
            shown: Shown::OnRequest,
        },
        Column {
            name: "firmwareVersion",
            heading: "VERSION",
            width: 8,
            shown: Shown::OnRequest,
        },
        Column {
            name: "name",
            heading: "NAME",
            width: 0,
            shown: Shown::Always,
        },
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            or_dash(self.job_id.clone()),
            or_dash(self.status.as_ref().map(ToString::to_string)),
            or_dash(self.type_.as_ref().map(ToString::to_string)),
            date(self.create_time),
            or_dash(self.firmware_id.clone()),
            or_dash(self.firmware_version.clone()),
            or_dash(self.name.as_ref().and_then(|name| name.default_value.clone())),
        ]
    }
}

async fn get(args: &JobsGet) -> Result<Exit, Failure> {
    let job_id = parse_job_id(args.job.text())?;
    if args.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        return place.print(&GetJob::new(&org_id, &job_id)).await;
    }
    let session = Session::open(&args.target).await?;
    let job = session
        .client
        .get_job(&job_id)
        .await
        .map_err(|error| session.failed(error))?;
    match args.output {
        ObjectOutput::Json => json::print(&mut io::stdout().lock(), &job)?,
        ObjectOutput::Text => show::show(&session, &args.target, &job_id, &job).await?,
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed<'a> {
    schema: &'static str,
    job_id: &'a JobId,
    change: &'static str,
    request_id: Option<&'a str>,
}

impl Changed<'_> {
    fn print(&self, output: ObjectOutput) -> Result<Exit, Failure> {
        let mut out = io::stdout().lock();
        match output {
            ObjectOutput::Json => json::print(&mut out, self)?,
            ObjectOutput::Text => writeln!(out, "{}  {}", self.change, visible(self.job_id.as_str()))?,
        }
        Ok(Exit::Success)
    }
}

async fn create(args: &JobsCreate) -> Result<Exit, Failure> {
    let firmware_id: FirmwareId = args
        .firmware_id
        .parse()
        .map_err(|_| Failure::usage("the firmware id is empty"))?;
    let job = parse_job(&body::read(&args.data)?)?;
    if args.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        return place.print(&CreateJob::new(&org_id, &firmware_id, &job)).await;
    }
    let session = Session::open(&args.target).await?;
    let created = session
        .client
        .create_job(&firmware_id, &job)
        .await
        .map_err(|error| session.failed(error))?;
    Changed {
        schema: "enos-ota/job-change/1",
        job_id: &created.job_id,
        change: "created",
        request_id: created.request_id.as_deref(),
    }
    .print(args.output)?;
    console::note(format_args!(
        "next: {}",
        visible(&command_line::start_job(created.job_id.as_str(), &args.target))
    ));
    Ok(Exit::Success)
}

/// Reads the description of a job. A member that the client would leave out is refused, not lost.
fn parse_job(text: &[u8]) -> Result<CreateJobRequest, Failure> {
    let bad = |error: serde_json::Error| Failure::usage(format!("--data: not the description of a job: {error}"));
    let given: Value = serde_json::from_slice(text).map_err(bad)?;
    let job: CreateJobRequest = serde_json::from_value(given.clone()).map_err(bad)?;
    let understood = serde_json::to_value(&job).map_err(io::Error::from)?;
    match first_lost(&given, &understood, "") {
        None => Ok(job),
        Some(path) => Err(
            Failure::usage(format!("--data: `{path}` is not a member of the description of a job")).with_hint(
                "the platform's page on Create OTA Job tells the members; `enos-ota help jobs create` has an example",
            ),
        ),
    }
}

/// The path of the first member that is given but was not understood.
fn first_lost(given: &Value, understood: &Value, path: &str) -> Option<String> {
    match (given, understood) {
        (Value::Object(given), Value::Object(understood)) => given.iter().find_map(|(name, value)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match understood.get(name) {
                Some(other) => first_lost(value, other, &path),
                // What is null may as well be absent.
                None => (!value.is_null()).then_some(path),
            }
        }),
        (Value::Array(given), Value::Array(understood)) => given
            .iter()
            .zip(understood)
            .enumerate()
            .find_map(|(index, (given, understood))| first_lost(given, understood, &format!("{path}[{index}]"))),
        _ => None,
    }
}

async fn change(
    args: &JobsChange,
    done: &'static str,
    call: impl AsyncFnOnce(&Client, &JobId) -> Result<enos_ota::Accepted, enos_ota::Error>,
) -> Result<Exit, Failure> {
    let job_id = parse_job_id(args.job.text())?;
    let session = Session::open(&args.target).await?;
    let accepted = call(&session.client, &job_id)
        .await
        .map_err(|error| session.failed(error))?;
    Changed {
        schema: "enos-ota/job-change/1",
        job_id: &job_id,
        change: done,
        request_id: accepted.request_id.as_deref(),
    }
    .print(args.output)
}

async fn start(args: &JobsChange) -> Result<Exit, Failure> {
    if args.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        let job_id = parse_job_id(args.job.text())?;
        return place.print(&StartJob::new(&org_id, &job_id)).await;
    }
    change(args, "started", Client::start_job).await
}

async fn stop(args: &JobsStop) -> Result<Exit, Failure> {
    if args.change.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.change.target)?;
        let job_id = parse_job_id(args.change.job.text())?;
        return place.print(&StopJob::new(&org_id, &job_id)).await;
    }
    ask(&args.consent, "stop", &args.change).await?;
    change(&args.change, "stopped", Client::stop_job).await
}

/// Asks with all that tells one job from another.
async fn ask(consent: &Consent, verb: &str, args: &JobsChange) -> Result<(), Failure> {
    let job_id = parse_job_id(args.job.text())?;
    confirm::can_ask(consent, &format!("{verb} the job {}", job_id.as_str()))?;
    if consent.yes {
        return Ok(());
    }
    let session = Session::open(&args.target).await?;
    let job = job::look_up(&session, &job_id).await;
    let described = job::described(&job_id, job.as_ref(), &session);
    confirm::ask(consent, &format!("{verb} {described}"))
}

async fn delete(args: &JobsDelete) -> Result<Exit, Failure> {
    if args.change.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.change.target)?;
        let job_id = parse_job_id(args.change.job.text())?;
        return place.print(&DeleteJob::new(&org_id, &job_id)).await;
    }
    ask(&args.consent, "delete", &args.change).await?;
    change(&args.change, "deleted", Client::delete_job).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_would_be_lost_is_named() {
        let lost = |text: &str| parse_job(text.as_bytes()).unwrap_err().to_string();
        let scope = r#""upgradeScope":{"type":"total"}"#;
        assert!(parse_job(format!(r#"{{"type":"upgrade",{scope},"retryPolicy":null}}"#).as_bytes()).is_ok());
        assert_eq!(
            lost(&format!(r#"{{"type":"upgrade",{scope},"upgradePolcy":"snapshot"}}"#)),
            "--data: `upgradePolcy` is not a member of the description of a job"
        );
        assert_eq!(
            lost(r#"{"type":"upgrade","upgradeScope":{"type":"partial","deviceKey":[]}}"#),
            "--data: `upgradeScope.deviceKey` is not a member of the description of a job"
        );
        assert!(lost("{}").contains("missing field"));
    }
}
