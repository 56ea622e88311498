//! What each operation puts on the wire, byte by byte.

#![allow(clippy::unwrap_used)]

mod common;

use std::error::Error as StdError;

use enos_ota_client::operations::{
    CancelTask, CreateJob, DeleteJob, GetJob, Operation, RetryTask, SearchJobs, SearchTasks, StartJob, StopJob,
};
use enos_ota_client::types::{
    AssetTreeScope, CancelTaskRequest, CreateJobRequest, PageRequest, RetryPolicy, RetryTaskRequest, SchedulePolicy,
    SearchRequest, StringI18n, UpgradeScope,
};
use enos_ota_client::{
    Authorize, Authorizer, Client, DeviceKey, DeviceKeys, Effect, Envelope as _, FirmwareId, JobId, JobType, OrgId,
    UpgradePolicy, UpgradeScopeType, reqwest,
};

use crate::common::{PUBLISHED_ANSWER, Server, header, ok};

struct Signer;

impl Authorize for Signer {
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
        request.headers_mut().insert("apim-accesstoken", "a-token".parse()?);
        Ok(())
    }
}

/// Line, content type and body of the request.
struct Sent {
    line: String,
    content_type: Option<String>,
    body: String,
}

async fn sent<O: Operation>(operation: O) -> Sent {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let client = Client::new(&server.base_url, Authorizer::new(Signer));
    let answer = operation.send(&client).await.unwrap();
    assert_eq!((answer.code(), answer.message()), (0, Some("OK")));

    let request = server.request.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(header(head, "apim-accesstoken"), Some("a-token"));
    assert_eq!(header(head, "accept"), Some("application/json"));
    Sent {
        line: head.lines().next().unwrap().to_owned(),
        content_type: header(head, "content-type").map(str::to_owned),
        body: body.to_owned(),
    }
}

async fn with_body<O: Operation>(operation: O, line: &str, body: &str) {
    let sent = sent(operation).await;
    assert_eq!(sent.line, line);
    assert_eq!(sent.body, body);
    assert_eq!(sent.content_type.as_deref(), Some("application/json"));
}

async fn without_body<O: Operation>(operation: O, line: &str) {
    let sent = sent(operation).await;
    assert_eq!(sent.line, line);
    assert_eq!(sent.body, "");
    assert_eq!(sent.content_type, None);
}

fn organization() -> OrgId {
    "yourOrgId".parse().unwrap()
}

fn job() -> JobId {
    "yourJobId".parse().unwrap()
}

fn keys() -> DeviceKeys {
    DeviceKeys::parse(["deviceKey1", "deviceKey2"]).unwrap()
}

#[tokio::test]
async fn a_job_is_created() {
    let firmware: FirmwareId = "yourFirmwareId".parse().unwrap();
    let scope = UpgradeScope::new()
        .with_type(UpgradeScopeType::Partial)
        .with_version_numbers(["2.3.0"])
        .with_device_keys(keys().iter().cloned());
    let body = CreateJobRequest::new(JobType::Upgrade, scope)
        .with_name(StringI18n::new().with_default_value("Pumps").with_i18n_value([]))
        .with_upgrade_policy(UpgradePolicy::Snapshot)
        .with_enable_upgrade_request(false)
        .with_upgrade_timeout(7200)
        .with_maximum_concurrency(300);
    with_body(
        CreateJob::new(&organization(), &firmware, &body),
        "POST /connect-service/v2.1/ota-jobs?action=create&firmwareId=yourFirmwareId&orgId=yourOrgId HTTP/1.1",
        r#"{"enableUpgradeRequest":false,"maximumConcurrency":300,"name":{"defaultValue":"Pumps","i18nValue":{}},"type":"upgrade","upgradePolicy":"snapshot","upgradeScope":{"deviceKeys":["deviceKey1","deviceKey2"],"type":"partial","versionNumbers":["2.3.0"]},"upgradeTimeout":7200}"#,
    )
    .await;
}

fn values(key: &str, values: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    [(key.to_owned(), values)].into_iter().collect()
}

/// What the vendor's Python sample sends too, with numbers for its texts.
#[test]
fn a_job_may_have_everything() {
    let tree = AssetTreeScope::new().with_tree_id("tree").with_included_notes("");
    let device: DeviceKey = "deviceKey1".parse().unwrap();
    let scope = UpgradeScope::new()
        .with_type("partial")
        .with_device_keys([device])
        .with_attributes(values("Int_Attribute", serde_json::json!([100, 1000])))
        .with_tags(values("site", serde_json::json!(["north"])))
        .with_asset_trees([tree])
        .with_asset_ids(vec!["assetId1"]);
    let body = CreateJobRequest::new("verify".into(), scope)
        .with_retry_policy(
            RetryPolicy::new()
                .with_enable_retry(true)
                .with_retry_interval(10)
                .with_retry_count(5),
        )
        .with_schedule_policy(
            SchedulePolicy::new()
                .with_is_repeat_daily(true)
                .with_start_timestamp(1_591_142_400_000_i64)
                .with_end_timestamp(1_591_228_799_000_i64)
                .with_timezone_offset_in_minutes(480),
        );
    assert_eq!(
        serde_json::to_value(&body).unwrap(),
        serde_json::json!({
            "type": "verify",
            "upgradeScope": {
                "type": "partial",
                "deviceKeys": ["deviceKey1"],
                "attributes": {"Int_Attribute": [100, 1000]},
                "tags": {"site": ["north"]},
                "assetTrees": [{"treeId": "tree", "includedNotes": ""}],
                "assetIds": ["assetId1"],
            },
            "retryPolicy": {"enableRetry": true, "retryInterval": 10, "retryCount": 5},
            "schedulePolicy": {
                "isRepeatDaily": true,
                "startTimestamp": 1_591_142_400_000_i64,
                "endTimestamp": 1_591_228_799_000_i64,
                "timezoneOffsetInMinutes": 480,
            },
        })
    );
}

#[tokio::test]
async fn a_job_is_read() {
    without_body(
        GetJob::new(&organization(), &job()),
        "GET /connect-service/v2.1/ota-jobs?action=get&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
    )
    .await;
}

#[tokio::test]
async fn jobs_are_searched() {
    let body = SearchRequest::new()
        .with_expression("status='started'")
        .with_pagination(PageRequest::new(1, 50));
    with_body(
        SearchJobs::new(&organization(), &body),
        "POST /connect-service/v2.1/ota-jobs?action=search&orgId=yourOrgId HTTP/1.1",
        r#"{"expression":"status='started'","pagination":{"pageNo":1,"pageSize":50}}"#,
    )
    .await;
}

#[tokio::test]
async fn tasks_are_searched() {
    let body = SearchRequest::new().with_expression("jobId='yourJobId' and status='failed'");
    with_body(
        SearchTasks::new(&organization(), &body),
        "POST /connect-service/v2.1/ota-jobs?action=searchTask&orgId=yourOrgId HTTP/1.1",
        r#"{"expression":"jobId='yourJobId' and status='failed'"}"#,
    )
    .await;
}

#[tokio::test]
async fn a_search_without_criteria_has_an_empty_body() {
    with_body(
        SearchTasks::new(&organization(), &SearchRequest::default()),
        "POST /connect-service/v2.1/ota-jobs?action=searchTask&orgId=yourOrgId HTTP/1.1",
        "{}",
    )
    .await;
}

#[tokio::test]
async fn a_job_is_started() {
    without_body(
        StartJob::new(&organization(), &job()),
        "POST /connect-service/v2.1/ota-jobs?action=start&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
    )
    .await;
}

#[tokio::test]
async fn a_job_is_stopped() {
    without_body(
        StopJob::new(&organization(), &job()),
        "POST /connect-service/v2.1/ota-jobs?action=stop&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
    )
    .await;
}

#[tokio::test]
async fn a_job_is_deleted() {
    without_body(
        DeleteJob::new(&organization(), &job()),
        "POST /connect-service/v2.1/ota-jobs?action=delete&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
    )
    .await;
}

#[tokio::test]
async fn tasks_are_cancelled() {
    with_body(
        CancelTask::new(&organization(), &job(), &CancelTaskRequest::new(keys())),
        "POST /connect-service/v2.1/ota-jobs?action=cancelTask&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
        r#"{"deviceKeys":["deviceKey1","deviceKey2"]}"#,
    )
    .await;
}

#[tokio::test]
async fn tasks_are_retried() {
    with_body(
        RetryTask::new(&organization(), &job(), &RetryTaskRequest::new(keys())),
        "POST /connect-service/v2.1/ota-jobs?action=retryTask&jobId=yourJobId&orgId=yourOrgId HTTP/1.1",
        r#"{"deviceKeys":["deviceKey1","deviceKey2"]}"#,
    )
    .await;
}

/// A wrong effect makes the SDK send twice what must be sent once.
#[test]
fn an_operation_says_what_a_repetition_does() {
    fn facts<O: Operation>() -> (&'static str, &'static str, Effect) {
        (O::OPERATION_ID, O::ACTION, O::EFFECT)
    }
    let facts = [
        facts::<CreateJob<'_>>(),
        facts::<GetJob<'_>>(),
        facts::<SearchJobs<'_>>(),
        facts::<SearchTasks<'_>>(),
        facts::<StartJob<'_>>(),
        facts::<StopJob<'_>>(),
        facts::<DeleteJob<'_>>(),
        facts::<CancelTask<'_>>(),
        facts::<RetryTask<'_>>(),
    ];
    assert_eq!(
        facts,
        [
            ("createJob", "create", Effect::EachTime),
            ("getJob", "get", Effect::None),
            ("searchJobs", "search", Effect::None),
            ("searchTasks", "searchTask", Effect::None),
            ("startJob", "start", Effect::CompareAndSet),
            ("stopJob", "stop", Effect::CompareAndSet),
            ("deleteJob", "delete", Effect::CompareAndSet),
            ("cancelTask", "cancelTask", Effect::CompareAndSet),
            ("retryTask", "retryTask", Effect::CompareAndSet),
        ]
    );
}
