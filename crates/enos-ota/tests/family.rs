//! All nine operations against the emulator: what they return, how searches are read, and what is repeated.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::server::{Reply, Script, Server};
use common::{Facts, client, job};

use enos_ota::search::{Expression, jobs, tasks};
use enos_ota::types::{CreateJobRequest, UpgradeScope};
use enos_ota::{
    CancelTaskErrorCode, Client, DeviceKey, DeviceKeys, ErrorKind, FailureCause, GetJobErrorCode, JobStatus, JobType,
    PageSize, StartJobErrorCode, TaskStatus,
};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Emulator, EmulatorBuilder, Fault, Fleet, Job, ManualClock, Scope, Task};
use futures_util::TryStreamExt as _;

async fn start(builder: EmulatorBuilder) -> (Emulator, Client) {
    let emulator = builder.start().await.unwrap();
    let client = common::emulated(&emulator).org_id(emulator.org_id()).build().unwrap();
    (emulator, client)
}

fn job_request() -> CreateJobRequest {
    let scope = UpgradeScope::new()
        .with_type("partial")
        .with_device_keys(["pump-01".parse::<DeviceKey>().unwrap()]);
    CreateJobRequest::new(JobType::Upgrade, scope)
        .with_upgrade_policy("snapshot")
        .with_enable_upgrade_request(false)
}

#[tokio::test]
async fn a_job_goes_through_every_operation() {
    let (_emulator, client) = start(Emulator::builder()).await;
    let created = client.create_job(&"f1".parse().unwrap(), &job_request()).await.unwrap();
    let id = created.job_id;
    assert_eq!(client.get_job(&id).await.unwrap().status, Some(JobStatus::Stopped));
    assert!(client.start_job(&id).await.unwrap().request_id.is_some());
    let error = client.start_job(&id).await.unwrap_err();
    assert_eq!(error.code_of(), Some(StartJobErrorCode::JobHasStarted));

    let devices = DeviceKeys::parse(["pump-01"]).unwrap();
    client.cancel_task(&id, &devices).await.unwrap();
    let error = client.cancel_task(&id, &devices).await.unwrap_err();
    assert_eq!(error.code_of(), Some(CancelTaskErrorCode::TaskNotCancelable));
    let of_job = Expression::from(tasks::JOB_ID.equals(id.as_str()).unwrap());
    let page = client.search_tasks(&of_job, 1, PageSize::default()).await.unwrap();
    assert_eq!(page.items[0].status, Some(TaskStatus::Failed));
    client.retry_task(&id, &devices).await.unwrap();

    client.stop_job(&id).await.unwrap();
    client.delete_job(&id).await.unwrap();
    let error = client.get_job(&id).await.unwrap_err();
    assert_eq!(error.code_of(), Some(GetJobErrorCode::JobNotFound));
    assert_eq!(error.kind(), ErrorKind::Precondition);
}

#[tokio::test]
async fn a_stream_reads_every_page_once_and_no_more() {
    let fleet =
        Fleet::new("o1").job(Job::started("j1").with_tasks((0..120).map(|n| Task::failed(format!("d-{n:03}")))));
    let (emulator, client) = start(Emulator::builder().fleet(fleet)).await;
    let of_job = Expression::from(tasks::JOB_ID.equals("j1").unwrap());
    let pages: Vec<_> = client
        .task_pages(&of_job, PageSize::new(40).unwrap())
        .try_collect()
        .await
        .unwrap();
    let mut keys: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.items)
        .map(|task| task.device_key.clone())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!((pages.len(), keys.len()), (3, 120));
    assert!(
        pages
            .iter()
            .all(|page| page.total_size == Some(120) && !page.total_changed)
    );
    assert_eq!(emulator.counters().job_calls, 3);
}

#[tokio::test]
async fn a_list_that_moves_while_it_is_read_says_so() {
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks((0..6).map(|n| Task::failed(format!("d-{n}")))));
    let (_emulator, client) = start(Emulator::builder().fleet(fleet)).await;
    let failed = Expression::all([
        tasks::JOB_ID.equals("j1").unwrap(),
        tasks::STATUS.equals("failed").unwrap(),
    ]);
    let mut pages = client.task_pages(&failed, PageSize::new(2).unwrap());
    assert!(!pages.try_next().await.unwrap().unwrap().total_changed);
    client
        .retry_task(&"j1".parse().unwrap(), &DeviceKeys::parse(["d-0", "d-1"]).unwrap())
        .await
        .unwrap();
    assert!(pages.try_next().await.unwrap().unwrap().total_changed);
}

#[tokio::test]
async fn what_the_platform_sends_otherwise_than_documented_is_still_read() {
    let (_emulator, client) = start(Emulator::builder().integers_as_text(true)).await;
    let job = client.get_job(&DEMO_JOB_ID.parse().unwrap()).await.unwrap();
    // The demo has it null, as the published sample.
    assert_eq!(job.upgrade_policy, None);
    assert_eq!(job.maximum_concurrency.map(enos_ota::Integer::get), Some(300));
    let task = tasks::DEVICE_KEY.equals("pump-04").unwrap();
    let page = client.search_tasks(&task.into(), 1, PageSize::default()).await.unwrap();
    let progress = page.items[0].progress.unwrap().get();
    assert_eq!(FailureCause::of_progress(progress), Some(FailureCause::Verification));
    assert_eq!(page.total_size, Some(1));
}

#[tokio::test]
async fn what_has_an_effect_each_time_is_not_sent_again_after_its_answer_was_lost() {
    let (emulator, client) = start(Emulator::builder()).await;
    emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Action(Action::Create)));
    let error = client
        .create_job(&"f1".parse().unwrap(), &job_request())
        .await
        .unwrap_err();
    assert!(error.outcome_unknown() && error.attempts() == 1, "{error:?}");
    assert_eq!(emulator.jobs().len(), 4);
    // What surely had no effect may be sent again.
    emulator
        .faults()
        .push(Fault::throttled(None).on(Scope::Action(Action::Create)));
    client.create_job(&"f1".parse().unwrap(), &job_request()).await.unwrap();
    assert_eq!(emulator.jobs().len(), 5);
}

#[tokio::test]
async fn a_read_is_repeated_and_has_no_outcome_to_be_unknown() {
    let (emulator, client) = start(Emulator::builder()).await;
    let id = DEMO_JOB_ID.parse().unwrap();
    emulator.faults().push(Fault::cut_after_applying().on(Scope::Jobs));
    client.get_job(&id).await.unwrap();
    emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Jobs).forever());
    let error = client.get_job(&id).await.unwrap_err();
    assert!(
        !error.outcome_unknown() && error.is_retryable() && error.attempts() == 5,
        "{error:?}"
    );
}

#[tokio::test]
async fn a_lost_answer_to_a_start_leaves_open_who_started_the_job() {
    let (emulator, client) = start(Emulator::builder().clock(ManualClock::starting_now())).await;
    let running = Expression::from(jobs::STATUS.equals("stopped").unwrap());
    let page = client.search_jobs(&running, 1, PageSize::default()).await.unwrap();
    let id = page.items[0].job_id.as_deref().unwrap().parse().unwrap();
    emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Action(Action::Start)));
    let error = client.start_job(&id).await.unwrap_err();
    assert_eq!(error.code_of(), Some(StartJobErrorCode::JobHasStarted));
    assert!(error.outcome_unknown());
    assert_eq!(client.get_job(&id).await.unwrap().status, Some(JobStatus::Started));
}

#[tokio::test]
async fn a_success_without_what_was_asked_for_is_malformed() {
    let server = Server::start(Script::default().calls([Reply::json(r#"{"code":0,"msg":"OK"}"#)])).await;
    let error = client(&server.url()).get_job(&job()).await.unwrap_err();
    let malformed = Facts {
        operation: Some("getJob"),
        ..Facts::refused(ErrorKind::MalformedAnswer)
    };
    malformed.assert(&error);

    // The job may be there all the same.
    let server = Server::start(Script::default().calls([Reply::code(0)])).await;
    let firmware = "f1".parse().unwrap();
    let error = client(&server.url())
        .create_job(&firmware, &job_request())
        .await
        .unwrap_err();
    let malformed = Facts {
        operation: Some("createJob"),
        ..Facts::refused(ErrorKind::MalformedAnswer)
            .request_id("request-1")
            .outcome_unknown()
    };
    malformed.assert(&error);
}
