//! `enos-ota tasks`

use enos_ota::enos_ota_client::operations::{CancelTask, SearchTasks};
use enos_ota::search::{Criterion, EqualsOrIn, Field, ValueError, tasks};
use enos_ota::types::{CancelTaskRequest, TaskInfo};
use enos_ota::{FailureCause, Integer};

use crate::args::{Tasks, TasksCancel, TasksCommand, TasksList};
use crate::cancel;
use crate::confirm;
use crate::curl::{self, Place};
use crate::device_keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job;
use crate::listing::{self, Column, Row, Shown, date};
use crate::session::Session;

pub(crate) async fn run(args: &Tasks) -> Result<Exit, Failure> {
    match &args.command {
        TasksCommand::List(args) => list(args).await,
        TasksCommand::Cancel(args) => cancel_tasks(args).await,
    }
}

async fn list(args: &TasksList) -> Result<Exit, Failure> {
    let expression = args.listing.expression(criteria(args))?;
    let page_size = args.listing.page_size()?;
    if args.listing.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        let body = curl::search(expression.as_str(), page_size);
        return place.print(&SearchTasks::new(&org_id, &body)).await;
    }
    let session = Session::open(&args.target).await?;
    listing::print(
        &args.listing,
        "enos-ota/tasks/1",
        &session,
        session.client.task_pages(&expression, page_size),
    )
    .await
}

fn criteria(args: &TasksList) -> impl Iterator<Item = Result<Criterion<enos_ota::search::Tasks>, ValueError>> {
    let one_of = |field: Field<_, EqualsOrIn>, values: &[String]| match values {
        [] => None,
        [value] => Some(field.equals(value)),
        several => Some(field.is_in(several)),
    };
    let job_id = args
        .job_id
        .as_ref()
        .or(args.job.as_ref())
        .map(|job_id| tasks::JOB_ID.equals(job_id));
    [
        job_id,
        one_of(tasks::STATUS, &args.status),
        one_of(tasks::DEVICE_KEY, &args.device_key),
    ]
    .into_iter()
    .flatten()
}

impl Row for TaskInfo {
    const COLUMNS: &'static [Column] = &[
        Column {
            name: "deviceKey",
            heading: "DEVICE KEY",
            width: 16,
            shown: Shown::Always,
        },
        Column {
            name: "status",
            heading: "STATUS",
            width: 9,
            shown: Shown::Always,
        },
        Column {
            name: "progress",
            heading: "PROGRESS",
            width: 8,
            shown: Shown::Always,
        },
        Column {
            name: "fromVersion",
            heading: "FROM",
            width: 8,
            shown: Shown::Always,
        },
        Column {
            name: "toVersion",
            heading: "TO",
            width: 8,
            shown: Shown::Always,
        },
        Column {
            name: "updateTime",
            heading: "UPDATED",
            width: 20,
            shown: Shown::ToPeople,
        },
        Column {
            name: "jobId",
            heading: "JOB ID",
            width: 24,
            shown: Shown::OnRequest,
        },
        Column {
            name: "taskId",
            heading: "TASK ID",
            width: 24,
            shown: Shown::OnRequest,
        },
        Column {
            name: "productKey",
            heading: "PRODUCT KEY",
            width: 16,
            shown: Shown::OnRequest,
        },
        Column {
            name: "assetId",
            heading: "ASSET ID",
            width: 16,
            shown: Shown::OnRequest,
        },
        Column {
            name: "reason",
            heading: "REASON",
            width: 0,
            shown: Shown::Always,
        },
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let progress = self.progress.map(Integer::get);
        // A reason in words says more than the number of a cause.
        let reason = self.desc.clone().filter(|desc| !desc.is_empty()).or_else(|| {
            progress
                .and_then(FailureCause::of_progress)
                .map(|cause| cause.to_string())
        });
        vec![
            or_dash(self.device_key.clone()),
            or_dash(self.status.as_ref().map(ToString::to_string)),
            or_dash(progress.map(|progress| progress.to_string())),
            or_dash(self.from_version.clone()),
            or_dash(self.to_version.clone()),
            date(self.update_time),
            or_dash(self.job_id.clone()),
            or_dash(self.task_id.clone()),
            or_dash(self.product_key.clone()),
            or_dash(self.asset_id.clone()),
            or_dash(reason),
        ]
    }
}

async fn cancel_tasks(args: &TasksCancel) -> Result<Exit, Failure> {
    let (job_id, keys) = job::and_devices(args.job_id.as_deref(), &args.keys);
    let job_id = job::job_id_of(job_id.as_deref(), &args.target.connection, false)?;
    let devices = device_keys::of(&keys)?;
    if args.curl.print_curl {
        let (place, org_id) = Place::of_target(&args.target)?;
        for keys in devices.chunks(args.chunk_size) {
            let body = CancelTaskRequest::new(keys);
            place.print(&CancelTask::new(&org_id, &job_id, &body)).await?;
        }
        return Ok(Exit::Success);
    }
    let count = devices.len();
    let tasks = if count == 1 {
        "the task of 1 device"
    } else {
        &format!("the tasks of {count} devices")
    };
    confirm::ask(&args.consent, &format!("cancel {tasks} in the job {}", job_id.as_str()))?;
    let session = Session::open(&args.target).await?;
    cancel::run(&session, &job_id, &devices, args.chunk_size, args.output).await
}
