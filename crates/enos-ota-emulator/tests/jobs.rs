//! `action=create`, `get`, `start`, `stop` and `delete` over real HTTP.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines
)]

mod common;

use std::time::Duration;

use common::{Job, Reply, token};
use enos_ota_emulator::{
    Action, DEMO_DENIED_ORG_ID, DEMO_JOB_ID, DEMO_ORG_ID, DEMO_STOPPED_JOB_ID, Emulator, Fault, Fleet, Job as FleetJob,
    JobStatus, JobType, ManualClock, Scope, Task, TaskStatus, UpgradePolicy,
};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;

async fn start_with(fleet: Fleet) -> (Emulator, String, ManualClock) {
    let clock = ManualClock::at_ms(NOW);
    let builder = Emulator::builder().fleet(fleet).clock(clock.clone());
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, token, clock)
}

async fn emulator() -> (Emulator, String) {
    let (emulator, token, _) = start_with(Fleet::demo()).await;
    (emulator, token)
}

fn call(emulator: &Emulator, token: &str, action: &str, job_id: &str) -> Job {
    Job::action(emulator, token, action).with("jobId", job_id)
}

/// The least that an upgrade job needs.
fn upgrade() -> Value {
    json!({
        "type": "upgrade",
        "upgradeScope": { "type": "partial", "deviceKeys": ["d1"] },
        "upgradePolicy": "snapshot",
        "enableUpgradeRequest": false,
    })
}

async fn create(emulator: &Emulator, token: &str, firmware_id: &str, body: &Value) -> Reply {
    let call = Job::action(emulator, token, "create").with("firmwareId", firmware_id);
    call.body(body.to_string()).send(emulator).await
}

fn msg(reply: &Reply) -> String {
    reply.json()["msg"].as_str().unwrap().to_owned()
}

/// Changes one member of a body, given as a JSON pointer; null takes it away.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(member);
    } else {
        parent.insert(member.to_owned(), value);
    }
    body
}

#[tokio::test]
async fn a_job_of_the_fleet_is_shown_with_all_that_the_pages_list() {
    let (emulator, token) = emulator().await;
    let reply = call(&emulator, &token, "get", DEMO_JOB_ID).send(&emulator).await;
    let answer = reply.json();
    assert_eq!((&answer["code"], &answer["msg"]), (&json!(0), &json!("OK")));
    assert!(answer.get("pagination").is_none());
    let firmware_id = answer["data"]["firmwareId"].clone();
    assert_eq!(firmware_id.as_str().unwrap().len(), 24);
    assert_eq!(
        answer["data"],
        json!({
            "orgId": DEMO_ORG_ID, "productKey": "pump-controller", "jobId": DEMO_JOB_ID,
            "name": { "defaultValue": "Pump controllers to 2.4.1", "i18nValue": {} },
            "firmwareId": firmware_id, "firmwareVersion": "2.4.1", "firmwareName": null,
            "type": "upgrade", "enableUpgradeRequest": false, "upgradePolicy": null,
            "upgradeScope": { "type": "total", "versionNumbers": ["2.3.0"], "deviceKeys": null },
            "upgradeTimeout": 7200, "retryPolicy": null, "schedulePolicy": null, "maximumConcurrency": 300,
            "status": "started", "createTime": 1_699_833_600_000_i64,
        })
    );
    let stopped = call(&emulator, &token, "get", DEMO_STOPPED_JOB_ID)
        .send(&emulator)
        .await;
    assert_eq!(
        [
            &stopped.json()["data"]["status"],
            &stopped.json()["data"]["upgradePolicy"]
        ],
        ["stopped", "snapshot"]
    );
}

#[tokio::test]
async fn a_job_of_the_fleet_is_shown_as_the_file_says() {
    let text = r#"{ "orgId": "o1", "jobs": [ {
        "jobId": "j1", "type": "verify", "firmwareId": "f1", "firmwareVersion": "9", "firmwareName": "pump firmware",
        "upgradePolicy": "incremental", "enableUpgradeRequest": true, "upgradeTimeout": 300, "maximumConcurrency": 7,
        "createTime": 5
    } ] }"#;
    let fleet = Fleet::from_json(text).unwrap();
    let built = FleetJob::started("j1")
        .job_type(JobType::Verify)
        .firmware_id("f1")
        .firmware_version("9")
        .firmware_name("pump firmware")
        .upgrade_policy(UpgradePolicy::Incremental)
        .enable_upgrade_request(true)
        .upgrade_timeout(300)
        .maximum_concurrency(7)
        .create_time(5);
    assert_eq!(fleet, Fleet::new("o1").job(built));
    assert_eq!(Fleet::from_json(&fleet.to_json()).unwrap(), fleet);
    let (emulator, token, _) = start_with(fleet).await;
    let data = call(&emulator, &token, "get", "j1").send(&emulator).await.json()["data"].clone();
    for (member, value) in [
        ("type", json!("verify")),
        ("firmwareId", json!("f1")),
        ("firmwareVersion", json!("9")),
        (
            "firmwareName",
            json!({ "defaultValue": "pump firmware", "i18nValue": {} }),
        ),
        ("upgradePolicy", json!("incremental")),
        ("enableUpgradeRequest", json!(true)),
        ("upgradeTimeout", json!(300)),
        ("maximumConcurrency", json!(7)),
        ("createTime", json!(5)),
        ("name", Value::Null),
    ] {
        assert_eq!(data[member], value, "{member}");
    }
}

#[test]
fn a_fleet_with_settings_that_the_platform_would_refuse_is_refused() {
    let job = |member: &str| format!(r#"{{ "orgId": "o1", "jobs": [ {{ "jobId": "j1", {member} }} ] }}"#);
    for (member, text) in [
        (
            r#""upgradeTimeout": 299"#,
            "`upgradeTimeout` is 299, expected 300 to 172800",
        ),
        (
            r#""upgradeTimeout": 172801"#,
            "`upgradeTimeout` is 172801, expected 300 to 172800",
        ),
        (
            r#""maximumConcurrency": 0"#,
            "`maximumConcurrency` is 0, expected 1 or more",
        ),
        (r#""firmwareId": """#, "`firmwareId` is empty"),
    ] {
        let error = Fleet::from_json(&job(member)).unwrap_err().to_string();
        assert_eq!(error, format!("the fleet is not valid: job `j1`: {text}"));
    }
    for member in [
        r#""upgradeTimeout": 300"#,
        r#""upgradeTimeout": 172800"#,
        r#""maximumConcurrency": 1"#,
    ] {
        Fleet::from_json(&job(member)).unwrap();
    }
    let error = Fleet::from_json(&job(r#""type": "update""#)).unwrap_err().to_string();
    assert!(
        error.contains("unknown value `update`, expected one of `upgrade`, `verify`"),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_have_the_documented_code_and_text() {
    let (emulator, token) = emulator().await;
    let (started, stopped, absent) = (DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, "5ed758ca49f032b4663063aa");
    for (action, job_id, code, text) in [
        ("start", started, 24615, "Job has started"),
        ("stop", stopped, 24616, "Job has stopped"),
        ("delete", started, 24618, "Not allowed to delete running job"),
        ("cancelTask", stopped, 24617, "Job not running"),
        ("retryTask", stopped, 24617, "Job not running"),
        ("get", absent, 24404, "Job not found"),
        ("start", absent, 24404, "Job not found"),
        ("stop", absent, 24404, "Job not found"),
        ("delete", absent, 24404, "Job not found"),
        ("cancelTask", absent, 24404, "Job not found"),
        ("retryTask", absent, 24404, "Job not found"),
        ("get", "", 99400, "Invalid Argument jobId:jobId is missing"),
        ("start", "", 99400, "Invalid Argument jobId:jobId is missing"),
        ("stop", "", 99400, "Invalid Argument jobId:jobId is missing"),
        ("delete", "", 99400, "Invalid Argument jobId:jobId is missing"),
        ("cancelTask", "", 99400, "Invalid Argument jobId:jobId is missing"),
    ] {
        let mut call = call(&emulator, &token, action, job_id);
        if action.ends_with("Task") {
            call = call.body(r#"{"deviceKeys":["pump-01"]}"#);
        }
        let reply = call.send(&emulator).await;
        let id = reply.json()["requestId"].clone();
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({ "code": code, "msg": text, "requestId": id, "data": null })),
            "{action}"
        );
    }
    assert_eq!(emulator.jobs(), Emulator::builder().start().await.unwrap().jobs());
}

#[tokio::test]
async fn every_action_checks_the_organization_first() {
    let (emulator, token) = emulator().await;
    for action in Action::ALL {
        let call = Job::action(&emulator, &token, action.as_str()).body("no JSON");
        for (call, code, text) in [
            (
                call.clone().without("orgId"),
                99400,
                "Invalid Argument orgId:orgId is missing",
            ),
            (
                call.clone().with("orgId", "o1"),
                99400,
                "Invalid Argument orgId:  orgId does not exist",
            ),
            (
                call.clone().with("orgId", DEMO_DENIED_ORG_ID),
                99403,
                "Denied resource:  orgId o15580000000000",
            ),
        ] {
            let reply = call.send(&emulator).await;
            assert_eq!((reply.code(), msg(&reply).as_str()), (code, text), "{action}");
        }
    }
}

#[tokio::test]
async fn a_job_of_another_organization_is_not_found() {
    let fleet = Fleet::new("o1")
        .job(FleetJob::stopped("j1"))
        .job(FleetJob::stopped("j2").org_id("o2"));
    let (emulator, token, _) = start_with(fleet).await;
    for action in ["get", "start", "stop", "delete"] {
        let reply = call(&emulator, &token, action, "j2").send(&emulator).await;
        assert_eq!(reply.code(), 24404, "{action}");
    }
    let own = call(&emulator, &token, "get", "j2").with("orgId", "o2");
    assert_eq!(own.send(&emulator).await.json()["data"]["orgId"], "o2");
}

#[tokio::test]
async fn a_job_is_started_stopped_and_deleted() {
    let (emulator, token) = emulator().await;
    let send = async |action| {
        call(&emulator, &token, action, DEMO_STOPPED_JOB_ID)
            .send(&emulator)
            .await
    };
    let status = || emulator.job(DEMO_STOPPED_JOB_ID).map(|job| job.status);
    let reply = send("start").await;
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.text,
        format!(r#"{{"code":0,"msg":"OK","requestId":"{id}","data":null}}"#)
    );
    assert_eq!(status(), Some(JobStatus::Started));
    assert_eq!(send("start").await.code(), 24615);
    assert_eq!(send("delete").await.code(), 24618);
    assert_eq!(send("stop").await.code(), 0);
    assert_eq!(status(), Some(JobStatus::Stopped));
    assert_eq!(send("stop").await.code(), 24616);
    assert_eq!(send("delete").await.code(), 0);
    assert_eq!(status(), None);
    for action in ["get", "start", "stop", "delete"] {
        assert_eq!(send(action).await.code(), 24404, "{action}");
    }
    assert_eq!(common::tasks(&emulator, DEMO_STOPPED_JOB_ID), []);
    assert_eq!(emulator.retry_count(DEMO_STOPPED_JOB_ID, "meter-01"), None);
}

#[tokio::test]
async fn an_empty_object_is_as_good_as_no_body() {
    let (emulator, token) = emulator().await;
    let send = async |action, body: &str| {
        let call = call(&emulator, &token, action, DEMO_STOPPED_JOB_ID).body(body);
        call.send(&emulator).await.code()
    };
    for body in ["[]", "null", "no JSON", "7"] {
        for action in ["get", "start", "stop", "delete"] {
            assert_eq!(send(action, body).await, 99400, "{action} {body}");
        }
    }
    for action in ["get", "start", "stop", "delete"] {
        assert_eq!(send(action, "{}").await, 0, "{action}");
    }
}

#[tokio::test]
async fn get_takes_get_and_post_and_the_others_take_post_only() {
    let (emulator, token) = emulator().await;
    for action in Action::ALL {
        let mut wrong = Job::action(&emulator, &token, action.as_str());
        let allowed = if action == Action::Get {
            wrong.method = reqwest::Method::POST;
            let post = wrong.clone().with("jobId", DEMO_JOB_ID).body("{}");
            assert_eq!(post.send(&emulator).await.code(), 0);
            wrong.method = reqwest::Method::PUT;
            "GET"
        } else {
            wrong.method = reqwest::Method::GET;
            "POST"
        };
        let reply = wrong.send(&emulator).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allowed)), "{action}");
    }
}

#[tokio::test]
async fn a_created_job_is_stopped_and_has_a_task_for_each_device() {
    let (emulator, token, clock) = start_with(Fleet::demo()).await;
    clock.advance(Duration::from_millis(1));
    let body = json!({
        "name": { "defaultValue": "to 3.0", "i18nValue": { "zh_CN": "三" } },
        "type": "upgrade",
        "upgradeScope": {
            "type": "partial", "versionNumbers": ["2.3.0"], "deviceKeys": ["pump-01", "pump-11", "new-1", "new-1"],
            "attributes": { "site": ["north"] }, "tags": null,
        },
        "upgradePolicy": "incremental",
        "enableUpgradeRequest": true,
        "upgradeTimeout": "600",
        "retryPolicy": { "enableRetry": true, "retryInterval": "10", "retryCount": 5 },
        "schedulePolicy": { "isRepeatDaily": true, "startTimestamp": 1, "endTimestamp": "2", "x": "y" },
        "maximumConcurrency": "2",
        "someday": "unknown",
    });
    let reply = create(&emulator, &token, "firmware-1", &body).await;
    let job_id = reply.json()["data"]["jobId"].as_str().unwrap().to_owned();
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.text,
        format!(r#"{{"code":0,"msg":"OK","requestId":"{id}","data":{{"jobId":"{job_id}"}}}}"#)
    );
    assert!(
        job_id.len() == 24 && job_id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{job_id}"
    );
    assert_eq!(
        call(&emulator, &token, "get", &job_id).send(&emulator).await.json()["data"],
        json!({
            "orgId": DEMO_ORG_ID, "productKey": null, "jobId": job_id,
            "name": { "defaultValue": "to 3.0", "i18nValue": { "zh_CN": "三" } },
            "firmwareId": "firmware-1", "firmwareVersion": "1.1.0", "firmwareName": null,
            "type": "upgrade", "enableUpgradeRequest": true, "upgradePolicy": "incremental",
            "upgradeScope": {
                "type": "partial", "versionNumbers": ["2.3.0"], "deviceKeys": ["pump-01", "pump-11", "new-1", "new-1"],
                "attributes": { "site": ["north"] },
            },
            "upgradeTimeout": 600,
            "retryPolicy": { "enableRetry": true, "retryInterval": 10, "retryCount": 5 },
            "schedulePolicy": { "isRepeatDaily": true, "startTimestamp": 1, "endTimestamp": 2 },
            "maximumConcurrency": 2, "status": "stopped", "createTime": NOW + 1,
        })
    );
    let tasks: Vec<_> = common::tasks(&emulator, &job_id)
        .into_iter()
        .map(|task| {
            (
                task.device_key,
                task.product_key,
                task.from_version,
                task.to_version,
                task.status,
            )
        })
        .collect();
    let task = |key: &str, product: &str, from: &str| {
        (
            key.to_owned(),
            product.to_owned(),
            from.to_owned(),
            "1.1.0".to_owned(),
            TaskStatus::Init,
        )
    };
    assert_eq!(
        tasks,
        [
            task("pump-01", "pump-controller", "2.3.0"),
            // It has been upgraded by the other job.
            task("pump-11", "pump-controller", "2.4.1"),
            task("new-1", "demoProduct", "2.3.0"),
        ]
    );
    let record = emulator
        .requests()
        .into_iter()
        .find(|record| record.action == Some(Action::Create))
        .unwrap();
    assert_eq!(
        (record.device_keys, record.applied, record.created_job_id),
        (Some(4), 3, Some(job_id.clone()))
    );

    assert_eq!(emulator.job_info(&job_id).unwrap().status, Some(JobStatus::Stopped));
    clock.advance(Duration::from_mins(1));
    assert_eq!(emulator.job(&job_id).unwrap().tally.init, 3);
    assert_eq!(
        call(&emulator, &token, "start", &job_id).send(&emulator).await.code(),
        0
    );
    clock.advance(Duration::from_mins(2));
    let tally = emulator.job(&job_id).unwrap().tally;
    assert_eq!(tally.succeeded + tally.failed, 3, "{tally:?}");
}

#[tokio::test]
async fn an_unsaid_setting_of_a_created_job_has_its_documented_default() {
    let (emulator, token) = emulator().await;
    let verify = json!({ "type": "verify", "upgradeScope": { "type": "partial", "deviceKeys": ["pump-01"] } });
    let reply = create(&emulator, &token, "f", &verify).await;
    let info = emulator
        .job_info(reply.json()["data"]["jobId"].as_str().unwrap())
        .unwrap();
    let numbers = [info.upgrade_timeout, info.maximum_concurrency].map(|number| number.unwrap().get());
    assert_eq!(numbers, [7200, 300]);
    assert_eq!(
        (info.type_, info.upgrade_policy, info.enable_upgrade_request),
        (Some(JobType::Verify), None, None)
    );
    assert_eq!((info.name, info.retry_policy, info.schedule_policy), (None, None, None));
}

#[tokio::test]
async fn a_total_scope_takes_the_known_devices_of_the_product_and_version() {
    let fleet = Fleet::new("o1")
        .job(
            FleetJob::stopped("pumps")
                .product_key("pump")
                .versions("1", "2")
                .firmware_id("pump-2")
                .task(Task::failed("p1").asset_id("asset-p1"))
                .task(Task::succeeded("p2"))
                .task(Task::init("p3").versions("0", "2")),
        )
        .job(
            FleetJob::stopped("meters")
                .product_key("meter")
                .versions("1", "2")
                .task(Task::init("m1")),
        )
        .job(
            FleetJob::stopped("elsewhere")
                .org_id("o2")
                .product_key("pump")
                .task(Task::init("p9")),
        );
    let (emulator, token, _) = start_with(fleet).await;
    let keys = async |firmware_id: &str, scope: Value| -> Vec<String> {
        let reply = create(&emulator, &token, firmware_id, &with(upgrade(), "/upgradeScope", scope)).await;
        let tasks = common::tasks(&emulator, reply.json()["data"]["jobId"].as_str().unwrap());
        tasks.into_iter().map(|task| task.device_key).collect()
    };
    let total = |versions: Value| json!({ "type": "total", "versionNumbers": versions });
    assert_eq!(keys("pump-2", total(json!(null))).await, ["p1", "p2", "p3"]);
    assert_eq!(keys("pump-2", total(json!(["1"]))).await, ["p1"]);
    assert_eq!(keys("pump-2", total(json!(["1", "2"]))).await, ["p1", "p2"]);
    assert_eq!(keys("unknown", total(json!([]))).await, ["p1", "p2", "p3", "m1"]);
    let named = json!({ "type": "total", "productKey": "meter" });
    assert_eq!(keys("unknown", named).await, ["m1"]);

    // A device does not vanish with the job that it was in.
    for job_id in ["pumps", "meters"] {
        assert_eq!(
            call(&emulator, &token, "delete", job_id).send(&emulator).await.code(),
            0
        );
    }
    for job in emulator.jobs().into_iter().filter(|job| job.org_id == "o1") {
        assert_eq!(
            call(&emulator, &token, "delete", &job.job_id)
                .send(&emulator)
                .await
                .code(),
            0
        );
    }
    assert_eq!(keys("unknown", total(json!(null))).await, ["p1", "p2", "p3", "m1"]);
    let created = emulator.jobs().into_iter().find(|job| job.org_id == "o1").unwrap();
    assert_eq!(common::task(&emulator, &created.job_id, "p1").asset_id, "asset-p1");
    assert_eq!(common::task(&emulator, &created.job_id, "p2").from_version, "2");
}

#[tokio::test]
async fn the_firmware_of_another_job_brings_product_version_and_name() {
    let job = FleetJob::started("j1")
        .product_key("pump")
        .firmware_id("f")
        .firmware_version("7")
        .firmware_name("seven");
    let (emulator, token, _) = start_with(Fleet::new("o1").job(job)).await;
    let reply = create(&emulator, &token, "f", &upgrade()).await;
    let job_id = reply.json()["data"]["jobId"].as_str().unwrap().to_owned();
    let info = emulator.job_info(&job_id).unwrap();
    assert_eq!(
        (
            info.product_key.as_deref(),
            info.firmware_version.as_deref(),
            info.firmware_name.unwrap().default_value.as_deref()
        ),
        (Some("pump"), Some("7"), Some("seven"))
    );
    assert_eq!(common::task(&emulator, &job_id, "d1").to_version, "7");
}

#[tokio::test]
async fn an_argument_of_create_that_is_missing_or_not_valid_is_named() {
    let (emulator, token) = emulator().await;
    let before = emulator.jobs().len();
    for (pointer, value, text) in [
        ("/type", json!(null), "type:type is missing"),
        ("/type", json!("update"), "type:  type is not upgrade or verify"),
        ("/type", json!(1), "type:  type is not text"),
        ("/upgradeScope", json!(null), "upgradeScope:upgradeScope is missing"),
        (
            "/upgradeScope",
            json!("total"),
            "upgradeScope:  upgradeScope is not an object",
        ),
        (
            "/upgradeScope/type",
            json!(null),
            "upgradeScope.type:upgradeScope.type is missing",
        ),
        (
            "/upgradeScope/type",
            json!("all"),
            "upgradeScope.type:  upgradeScope.type is not total or partial",
        ),
        (
            "/upgradeScope/deviceKeys",
            json!("d1"),
            "upgradeScope.deviceKeys:  upgradeScope.deviceKeys is not a list",
        ),
        (
            "/upgradeScope/deviceKeys",
            json!(["d1", ""]),
            "upgradeScope.deviceKeys:  upgradeScope.deviceKeys has an element that is not a device key",
        ),
        (
            "/upgradeScope/versionNumbers",
            json!([1]),
            "upgradeScope.versionNumbers:  upgradeScope.versionNumbers has an element that is not a version",
        ),
        ("/upgradePolicy", json!(null), "upgradePolicy:upgradePolicy is missing"),
        (
            "/upgradePolicy",
            json!("upgrade"),
            "upgradePolicy:  upgradePolicy is not snapshot or incremental",
        ),
        (
            "/enableUpgradeRequest",
            json!(null),
            "enableUpgradeRequest:enableUpgradeRequest is missing",
        ),
        (
            "/enableUpgradeRequest",
            json!("false"),
            "enableUpgradeRequest:  enableUpgradeRequest is neither true nor false",
        ),
        (
            "/upgradeTimeout",
            json!(299),
            "upgradeTimeout:  upgradeTimeout is not in 300 to 172800",
        ),
        (
            "/upgradeTimeout",
            json!(172_801),
            "upgradeTimeout:  upgradeTimeout is not in 300 to 172800",
        ),
        (
            "/upgradeTimeout",
            json!("299"),
            "upgradeTimeout:  upgradeTimeout is not in 300 to 172800",
        ),
        (
            "/upgradeTimeout",
            json!("ten"),
            "upgradeTimeout:  upgradeTimeout is not a whole number",
        ),
        (
            "/upgradeTimeout",
            json!(300.5),
            "upgradeTimeout:  upgradeTimeout is not a whole number",
        ),
        (
            "/maximumConcurrency",
            json!(0),
            "maximumConcurrency:  maximumConcurrency is not in 1 to 2147483647",
        ),
        (
            "/maximumConcurrency",
            json!([]),
            "maximumConcurrency:  maximumConcurrency is not a whole number",
        ),
        ("/name", json!("job"), "name:  name is not an object"),
        ("/name", json!({}), "name.defaultValue:name.defaultValue is missing"),
        (
            "/name",
            json!({ "defaultValue": "x", "i18nValue": { "zh_CN": 1 } }),
            "name.i18nValue.zh_CN:  name.i18nValue.zh_CN is not text",
        ),
        ("/retryPolicy", json!(5), "retryPolicy:  retryPolicy is not an object"),
        (
            "/retryPolicy",
            json!({ "retryCount": "many" }),
            "retryPolicy.retryCount:  retryPolicy.retryCount is not a whole number",
        ),
        (
            "/schedulePolicy",
            json!({ "isRepeatDaily": 1 }),
            "schedulePolicy.isRepeatDaily:  schedulePolicy.isRepeatDaily is neither true nor false",
        ),
    ] {
        let reply = create(&emulator, &token, "f", &with(upgrade(), pointer, value)).await;
        let expected = format!("Invalid Argument {text}");
        assert_eq!((reply.code(), msg(&reply)), (99400, expected));
    }
    let verify = json!({ "type": "verify", "upgradeScope": { "type": "total" } });
    assert_eq!(
        msg(&create(&emulator, &token, "f", &verify).await),
        "Invalid Argument upgradeScope.type:  upgradeScope.type is not partial, as a verify job needs it"
    );
    for body in ["", "[]", "no JSON"] {
        let call = Job::action(&emulator, &token, "create")
            .with("firmwareId", "f")
            .body(body);
        let reply = call.send(&emulator).await;
        assert_eq!(
            msg(&reply),
            "Invalid Argument body:  body is not a JSON object",
            "{body}"
        );
    }
    let reply = create(&emulator, &token, "", &upgrade()).await;
    assert_eq!(msg(&reply), "Invalid Argument firmwareId:firmwareId is missing");
    assert_eq!(emulator.jobs().len(), before);
    for timeout in [json!(300), json!("172800")] {
        assert_eq!(
            create(&emulator, &token, "f", &with(upgrade(), "/upgradeTimeout", timeout))
                .await
                .code(),
            0
        );
    }
}

#[tokio::test]
async fn whole_numbers_can_be_answered_as_text() {
    let emulator = Emulator::builder()
        .clock(ManualClock::at_ms(NOW))
        .integers_as_text(true)
        .start()
        .await
        .unwrap();
    let token = token(&emulator).await;
    let job = call(&emulator, &token, "get", DEMO_JOB_ID).send(&emulator).await.json();
    assert_eq!(job["code"], 0);
    assert_eq!(
        [
            &job["data"]["upgradeTimeout"],
            &job["data"]["maximumConcurrency"],
            &job["data"]["createTime"]
        ],
        ["7200", "300", "1699833600000"]
    );
    assert_eq!(job["data"]["enableUpgradeRequest"], false);
    let tasks = Job::action(&emulator, &token, "searchTask")
        .send(&emulator)
        .await
        .json();
    let updated = common::task(&emulator, DEMO_JOB_ID, "pump-01").update_time.to_string();
    assert_eq!(
        [&tasks["data"][0]["progress"], &tasks["data"][0]["updateTime"]],
        ["-2", updated.as_str()]
    );
    assert_eq!(
        tasks["pagination"],
        json!({ "pageNo": "1", "pageSize": "10", "totalSize": "628", "sortedBy": null })
    );
}

#[tokio::test]
async fn calls_are_counted_by_action() {
    let (emulator, token) = emulator().await;
    emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Action(Action::Start)));
    let start = call(&emulator, &token, "start", DEMO_STOPPED_JOB_ID);
    start.try_send(&emulator).await.unwrap_err();
    assert_eq!(start.send(&emulator).await.code(), 24615);
    for _ in 0..3 {
        call(&emulator, &token, "get", DEMO_JOB_ID).send(&emulator).await;
    }
    let actions = emulator.counters().actions;
    let count = |action| (actions.of(action).calls, actions.of(action).succeeded);
    assert_eq!(
        (count(Action::Start), count(Action::Get), count(Action::Stop)),
        ((2, 1), (3, 3), (0, 0))
    );
    let state = common::get(&emulator, "/_emulator/state").await.json();
    assert_eq!(
        state["counters"]["actions"]["start"],
        json!({ "calls": 2, "succeeded": 1 })
    );
    assert_eq!(
        state["counters"]["actions"]["searchTask"],
        json!({ "calls": 0, "succeeded": 0 })
    );
}

#[tokio::test]
async fn a_code_that_a_fault_answers_has_the_text_of_the_action() {
    let (emulator, token) = emulator().await;
    for (action, code, text) in [
        (Action::Start, 24615, "Job has started"),
        (Action::Stop, 24616, "Job has stopped"),
        (Action::Delete, 24618, "Not allowed to delete running job"),
        (
            Action::CancelTask,
            24620,
            "Only init or published tasks can be canceled",
        ),
        (Action::RetryTask, 24621, "Only failed tasks can be retried"),
        (Action::Get, 24404, "Job not found"),
        (Action::Search, 24500, "OTA service internal error"),
        (Action::SearchTask, 99404, "Object not found"),
        (Action::Create, 99500, "Internal Server Error"),
        (Action::Create, 24615, ""),
    ] {
        emulator.faults().push(Fault::code(code, ""));
        let reply = Job::action(&emulator, &token, action.as_str()).send(&emulator).await;
        assert_eq!((reply.code(), msg(&reply).as_str()), (code, text), "{action}");
    }
}
