//! `action=search` and `action=searchTask` over real HTTP.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines
)]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::{Job as Call, token};
use enos_ota_emulator::{
    Action, DEMO_JOB_ID, DEMO_ORG_ID, Emulator, Fleet, Job, JobType, ManualClock, Outcome, Pace, Task, TaskStatus,
};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;

async fn start_with(fleet: Fleet) -> (Emulator, String) {
    let builder = Emulator::builder().fleet(fleet).clock(ManualClock::at_ms(NOW));
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, token)
}

async fn send(emulator: &Emulator, token: &str, action: &str, body: &Value) -> Value {
    let call = Call::action(emulator, token, action).body(body.to_string());
    call.send(emulator).await.json()
}

fn texts(answer: &Value, member: &str) -> Vec<String> {
    let data = answer["data"].as_array().unwrap_or_else(|| panic!("{answer}"));
    data.iter()
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}

fn jobs() -> Fleet {
    Fleet::new("o1")
        .job(
            Job::started("a")
                .name("Pump to 2")
                .product_key("pump")
                .firmware_id("f1")
                .firmware_version("2")
                .firmware_name("pump firmware")
                .create_time(NOW - 3),
        )
        .job(
            Job::stopped("b")
                .name("Meter to 2")
                .product_key("meter")
                .firmware_id("f2")
                .firmware_version("2")
                .create_time(NOW - 1),
        )
        .job(
            Job::started("c")
                .product_key("pump")
                .firmware_id("f3")
                .firmware_version("3")
                .job_type(JobType::Verify)
                .create_time(NOW - 2),
        )
        .job(Job::started("d").org_id("o2").product_key("pump"))
}

#[tokio::test]
async fn jobs_are_found_by_what_is_documented_the_latest_first() {
    let (emulator, token) = start_with(jobs()).await;
    for (expression, expected) in [
        ("", vec!["b", "c", "a"]),
        ("productKey='pump'", vec!["c", "a"]),
        ("productKey in ('meter', 'pump')", vec!["b", "c", "a"]),
        ("firmwareId='f1'", vec!["a"]),
        ("firmwareId in ('f1','f3','f9')", vec!["c", "a"]),
        ("firmwareVersion='2'", vec!["b", "a"]),
        ("firmwareVersion in ('3')", vec!["c"]),
        ("type='verify'", vec!["c"]),
        ("type='upgrade' and status='started'", vec!["a"]),
        ("status='stopped' or type='verify'", vec!["b", "c"]),
        ("status='stopped' or type='verify' and productKey='meter'", vec!["b"]),
        ("status='started' and status='stopped'", vec![]),
        ("name like 'ump'", vec!["a"]),
        ("name like 'to 2'", vec!["b", "a"]),
        ("name like 'pump'", vec![]),
        ("name like '%'", vec![]),
        ("name.zh_CN like 'Meter'", vec!["b"]),
        ("name.default like 'Meter'", vec!["b"]),
        ("firmwareName like 'firm'", vec!["a"]),
        ("firmwareName.defaultValue like 'firm'", vec!["a"]),
    ] {
        let found = send(&emulator, &token, "search", &json!({ "expression": expression })).await;
        assert_eq!(texts(&found, "jobId"), expected, "{expression}");
        assert_eq!(
            found["pagination"],
            json!({ "pageNo": 1, "pageSize": 10, "totalSize": expected.len(), "sortedBy": null })
        );
    }
}

#[tokio::test]
async fn a_name_is_found_in_its_languages() {
    let (emulator, token) = start_with(Fleet::new("o1")).await;
    let body = json!({
        "name": { "defaultValue": "plain", "i18nValue": { "zh_CN": "chinese", "ja_JP": "japanese" } },
        "type": "verify", "upgradeScope": { "type": "partial" },
    });
    let create = Call::action(&emulator, &token, "create").with("firmwareId", "f");
    assert_eq!(create.body(body.to_string()).send(&emulator).await.code(), 0);
    for (expression, found) in [
        ("name like 'plain'", true),
        ("name like 'chinese'", true),
        ("name like 'japanese'", true),
        ("name.default like 'plain'", true),
        ("name.default like 'chinese'", false),
        ("name.zh_CN like 'chinese'", true),
        ("name.zh_CN like 'plain'", false),
        ("name.en_US like 'plain'", true),
        ("name.en_US like 'chinese'", false),
    ] {
        let answer = send(&emulator, &token, "search", &json!({ "expression": expression })).await;
        assert_eq!(answer["pagination"]["totalSize"], i32::from(found), "{expression}");
    }
}

#[tokio::test]
async fn of_jobs_of_the_same_millisecond_the_later_one_is_first() {
    let (emulator, token) = start_with(Fleet::new("o1").job(Job::started("a")).job(Job::started("b"))).await;
    let create = Call::action(&emulator, &token, "create").with("firmwareId", "f");
    let body = json!({ "type": "verify", "upgradeScope": { "type": "partial" } }).to_string();
    let created = create.body(body).send(&emulator).await.json()["data"]["jobId"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = send(&emulator, &token, "search", &json!({})).await;
    assert_eq!(texts(&found, "jobId"), [created.as_str(), "b", "a"]);
}

#[tokio::test]
async fn a_job_is_found_as_get_shows_it() {
    let (emulator, token) = start_with(Fleet::demo()).await;
    let found = send(
        &emulator,
        &token,
        "search",
        &json!({ "expression": "status='started' and productKey='pump-controller'" }),
    )
    .await;
    let got = Call::action(&emulator, &token, "get")
        .with("jobId", DEMO_JOB_ID)
        .send(&emulator)
        .await;
    assert_eq!(found["data"], json!([got.json()["data"]]));
}

fn tasks() -> Fleet {
    Fleet::new("o1")
        .job(
            Job::started("j1")
                .versions("1", "2")
                .task(Task::failed("d1").desc("Cancelled by user"))
                .task(Task::failed("d2").desc("it's \"broken\""))
                .task(Task::succeeded("d3"))
                .task(Task::init("d4").versions("0", "2")),
        )
        .job(
            Job::stopped("j2")
                .versions("2", "3")
                .task(Task::init("d1"))
                .task(Task::failed("d5")),
        )
        .job(Job::started("j9").org_id("o2").task(Task::failed("d9")))
}

#[tokio::test]
async fn tasks_are_found_by_what_is_documented() {
    let (emulator, token) = start_with(tasks()).await;
    for (expression, expected) in [
        ("", vec!["j1/d1", "j1/d2", "j1/d3", "j1/d4", "j2/d1", "j2/d5"]),
        ("jobId='j1'", vec!["j1/d1", "j1/d2", "j1/d3", "j1/d4"]),
        ("jobId in ('j2','j9','j7')", vec!["j2/d1", "j2/d5"]),
        ("jobId='j9'", vec![]),
        ("jobId='j1' and status='failed'", vec!["j1/d1", "j1/d2"]),
        ("status='failed'", vec!["j1/d1", "j1/d2", "j2/d5"]),
        ("status in ('init', 'succeeded')", vec!["j1/d3", "j1/d4", "j2/d1"]),
        (
            "status='failed' or status in ('succeeded','x')",
            vec!["j1/d1", "j1/d2", "j1/d3", "j2/d5"],
        ),
        ("status='failed' and status='init'", vec![]),
        (
            "status='failed' and status in ('init','failed')",
            vec!["j1/d1", "j1/d2", "j2/d5"],
        ),
        (
            "jobId='j1' and status='failed' or status='init'",
            vec!["j1/d1", "j1/d2", "j1/d4", "j2/d1"],
        ),
        ("status='failed' and toVersion='2'", vec!["j1/d1", "j1/d2"]),
        (
            "status='failed' and desc='' or status='init' and fromVersion='0'",
            vec!["j1/d4", "j2/d5"],
        ),
        ("deviceKey='d1'", vec!["j1/d1", "j2/d1"]),
        (
            "deviceKey in ('d5','d4','d1','x')",
            vec!["j1/d1", "j1/d4", "j2/d1", "j2/d5"],
        ),
        ("deviceKey in ('d5','d4','d1') and jobId='j1'", vec!["j1/d1", "j1/d4"]),
        (
            "deviceKey in ('d5','d4','d1') and status='init'",
            vec!["j1/d4", "j2/d1"],
        ),
        ("deviceKey='d1' and deviceKey='d2'", vec![]),
        ("fromVersion='0'", vec!["j1/d4"]),
        ("fromVersion in ('0','2')", vec!["j1/d4", "j2/d1", "j2/d5"]),
        ("toVersion='3'", vec!["j2/d1", "j2/d5"]),
        ("toVersion in ('2')", vec!["j1/d1", "j1/d2", "j1/d3", "j1/d4"]),
        ("desc='Cancelled by user'", vec!["j1/d1"]),
        (
            "desc in (\"Cancelled by user\", '')",
            vec!["j1/d1", "j1/d3", "j1/d4", "j2/d1", "j2/d5"],
        ),
        (
            "jobId='j1' or status='init'",
            vec!["j1/d1", "j1/d2", "j1/d3", "j1/d4", "j2/d1"],
        ),
        (
            "jobId='j2' and status='init' or jobId='j1' and deviceKey='d3'",
            vec!["j1/d3", "j2/d1"],
        ),
        ("deviceKey='d1' or status='succeeded'", vec!["j1/d1", "j1/d3", "j2/d1"]),
        (
            "deviceKey='d4' or deviceKey in ('d1','d4')",
            vec!["j1/d1", "j1/d4", "j2/d1"],
        ),
        ("jobId='j1' and jobId='j2'", vec![]),
    ] {
        let found = send(&emulator, &token, "searchTask", &json!({ "expression": expression })).await;
        let ids: Vec<String> = texts(&found, "jobId")
            .iter()
            .zip(texts(&found, "deviceKey"))
            .map(|(job, device)| format!("{job}/{device}"))
            .collect();
        assert_eq!(ids, expected, "{expression}");
        assert_eq!(found["pagination"]["totalSize"], expected.len(), "{expression}");
    }
}

#[tokio::test]
async fn a_task_is_shown_with_all_that_the_pages_list() {
    let (emulator, token) = start_with(Fleet::demo()).await;
    let expression = format!("jobId='{DEMO_JOB_ID}' and deviceKey='pump-04'");
    let found = send(&emulator, &token, "searchTask", &json!({ "expression": expression })).await;
    let task = common::task(&emulator, DEMO_JOB_ID, "pump-04");
    assert_eq!(
        found["data"],
        json!([{
            "taskId": task.task_id, "orgId": DEMO_ORG_ID, "assetId": task.asset_id, "productKey": "pump-controller",
            "deviceKey": "pump-04", "jobId": DEMO_JOB_ID, "fromVersion": "2.3.0", "toVersion": "2.4.1",
            "progress": -3, "desc": "Failed to verify the firmware: checksum mismatch", "status": "failed",
            "updateTime": task.update_time,
        }])
    );
}

#[tokio::test]
async fn pages_are_cut_where_they_should_be() {
    let fleet = Fleet::new("o1")
        .job(Job::stopped("j1").with_tasks((0..7).map(|n| Task::failed(format!("a{n}")))))
        .job(Job::stopped("j2").with_tasks((0..5).map(|n| Task::failed(format!("b{n}")))));
    let (emulator, token) = start_with(fleet).await;
    let page = async |expression: &str, number: Value, size: Value| {
        let body = json!({ "expression": expression, "pagination": { "pageNo": number, "pageSize": size } });
        let found = send(&emulator, &token, "searchTask", &body).await;
        assert_eq!(found["pagination"]["totalSize"], 12);
        texts(&found, "deviceKey").join(" ")
    };
    // One goes through all tasks, the other does not look at them.
    for expression in ["", "status='failed'"] {
        let all = "a0 a1 a2 a3 a4 a5 a6 b0 b1 b2 b3 b4";
        assert_eq!(page(expression, json!(1), json!(200)).await, all);
        assert_eq!(page(expression, json!(1), json!(12)).await, all);
        assert_eq!(page(expression, json!(1), json!(5)).await, "a0 a1 a2 a3 a4");
        assert_eq!(page(expression, json!(2), json!(5)).await, "a5 a6 b0 b1 b2");
        assert_eq!(page(expression, json!(3), json!(5)).await, "b3 b4");
        assert_eq!(page(expression, json!(4), json!(5)).await, "");
        assert_eq!(page(expression, json!(8), json!(1)).await, "b0");
        assert_eq!(page(expression, json!(i64::MAX), json!(200)).await, "");
        assert_eq!(page(expression, json!("2"), json!("5")).await, "a5 a6 b0 b1 b2");
    }
}

#[tokio::test]
async fn what_may_be_left_out_of_a_search_has_its_default() {
    let (emulator, token) = start_with(Fleet::demo()).await;
    for body in [
        "",
        "{}",
        r#"{"expression":null,"pagination":null}"#,
        r#"{"pagination":{"pageNo":1,"sorters":[]}}"#,
    ] {
        let call = Call::action(&emulator, &token, "searchTask").body(body);
        let found = call.send(&emulator).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), 10, "{body}");
        assert_eq!(
            found["pagination"],
            json!({ "pageNo": 1, "pageSize": 10, "totalSize": 628, "sortedBy": null })
        );
    }
}

#[tokio::test]
async fn a_search_that_cannot_be_understood_is_99400_with_the_reason() {
    let (emulator, token) = start_with(Fleet::demo()).await;
    let page = |number: Value, size: Value| json!({ "pagination": { "pageNo": number, "pageSize": size } });
    for action in ["search", "searchTask"] {
        for (body, text) in [
            (json!({ "expression": 7 }), "expression:  expression is not text"),
            (
                json!({ "expression": "status='failed" }),
                "expression:  expression has a value without the ' at its end",
            ),
            (
                json!({ "expression": "status like 'f'" }),
                if action == "search" {
                    "expression:  expression has `like`, expected = after status"
                } else {
                    "expression:  expression has `like`, expected = or in after status"
                },
            ),
            (json!({ "pagination": [] }), "pagination:  pagination is not an object"),
            (
                json!({ "pagination": {} }),
                "pagination.pageNo:pagination.pageNo is missing",
            ),
            (
                page(json!(0), json!(1)),
                "pagination.pageNo:  pagination.pageNo is less than 1",
            ),
            (
                page(json!(-1), json!(1)),
                "pagination.pageNo:  pagination.pageNo is less than 1",
            ),
            (
                page(json!(1.5), json!(1)),
                "pagination.pageNo:  pagination.pageNo is not a whole number",
            ),
            (
                page(json!("x"), json!(1)),
                "pagination.pageNo:  pagination.pageNo is not a whole number",
            ),
            (
                page(json!(1), json!(0)),
                "pagination.pageSize:  pagination.pageSize is not in 1 to 200",
            ),
            (
                page(json!(1), json!(201)),
                "pagination.pageSize:  pagination.pageSize is not in 1 to 200",
            ),
            (
                json!({ "pagination": { "pageNo": 1, "sorters": [{ "field": "createTime" }] } }),
                "pagination.sorters:  pagination.sorters is not supported",
            ),
            (json!([]), "body:  body is not a JSON object"),
        ] {
            let answer = send(&emulator, &token, action, &body).await;
            let expected = format!("Invalid Argument {text}");
            assert_eq!(
                (&answer["code"], &answer["msg"], &answer["data"]),
                (&json!(99400), &json!(expected), &Value::Null)
            );
            assert!(answer.get("pagination").is_none());
        }
        let answer = send(&emulator, &token, action, &json!({ "expression": "x='1'" })).await;
        let fields = if action == "search" {
            "productKey, firmwareId, firmwareVersion, firmwareName, name, type, status"
        } else {
            "jobId, deviceKey, fromVersion, toVersion, status, desc"
        };
        let expected = format!("Invalid Argument expression:  expression has the field `x`, expected one of {fields}");
        assert_eq!(answer["msg"], expected);
    }
}

#[tokio::test]
async fn the_journal_tells_what_was_searched_for() {
    let (emulator, token) = start_with(Fleet::demo()).await;
    let body = json!({ "expression": "status='failed'", "pagination": { "pageNo": 2, "pageSize": 3 } });
    send(&emulator, &token, "searchTask", &body).await;
    let record = emulator.requests().pop().unwrap();
    assert_eq!(record.action, Some(Action::SearchTask));
    let search = record.search.unwrap();
    assert_eq!(
        (
            search.expression.as_str(),
            search.page_no,
            search.page_size,
            search.total_size
        ),
        ("status='failed'", 2, 3, Some(162))
    );

    let keys = vec!["'pümp-01'"; 200].join(",");
    let body = json!({ "expression": format!("deviceKey in ({keys})") });
    send(&emulator, &token, "searchTask", &body).await;
    let expression = emulator.requests().pop().unwrap().search.unwrap().expression;
    assert_eq!(expression.chars().count(), 1001);
    assert!(expression.starts_with("deviceKey in ('pümp-01',") && expression.ends_with('…'));
}

#[tokio::test]
async fn a_search_by_status_follows_the_clock() {
    let clock = ManualClock::at_ms(NOW);
    let job = Job::started("j1").with_tasks((0..20).map(|n| Task::init(format!("d{n}")).outcome(Outcome::Succeeds)));
    let second = Duration::from_secs(1);
    let builder = Emulator::builder().fleet(Fleet::new("o1").job(job.maximum_concurrency(15)));
    let builder = builder
        .clock(clock.clone())
        .pace(Pace::new(second, second, second).exact());
    let emulator = builder.start().await.unwrap();
    let token = token(&emulator).await;
    for (seconds, status, total) in [
        (0, "init", 20),
        (1, "published", 15),
        (2, "upgrading", 15),
        (3, "succeeded", 15),
    ] {
        clock.set_ms(NOW + seconds * 1000);
        let body = json!({ "expression": format!("status='{status}'") });
        let found = send(&emulator, &token, "searchTask", &body).await;
        assert_eq!(found["pagination"]["totalSize"], total, "{status}");
    }
}

#[tokio::test]
async fn a_job_of_a_hundred_thousand_tasks_is_read_page_by_page() {
    let tasks = (0..100_000).map(|n| {
        let status = if n % 100 == 0 {
            TaskStatus::Failed
        } else {
            TaskStatus::Succeeded
        };
        Task::new(format!("device-{n}"), status)
    });
    let fleet = Fleet::new("o1")
        .job(Job::started("j1").with_tasks(tasks))
        .job(Job::started("j2"));
    let (emulator, token) = start_with(fleet).await;
    let mut seen = HashSet::new();
    let page = |number: usize, expression: &str| json!({ "expression": expression, "pagination": { "pageNo": number, "pageSize": 200 } });
    for number in 1.. {
        let found = send(
            &emulator,
            &token,
            "searchTask",
            &page(number, "jobId='j1' and status='failed'"),
        )
        .await;
        assert_eq!(found["pagination"]["totalSize"], 1000);
        let keys = texts(&found, "deviceKey");
        if keys.is_empty() {
            assert_eq!(number, 6);
            break;
        }
        assert_eq!(keys.len(), 200);
        seen.extend(keys);
    }
    assert_eq!(seen.len(), 1000);
    let last = send(&emulator, &token, "searchTask", &page(500, "jobId='j1'")).await;
    assert_eq!(texts(&last, "deviceKey").last().unwrap(), "device-99999");
    assert_eq!(last["pagination"]["totalSize"], 100_000);
    let keys: Vec<String> = (0..1000).map(|n| format!("'device-{}'", n * 7)).collect();
    let named = format!("jobId='j1' and deviceKey in ({})", keys.join(","));
    let found = send(&emulator, &token, "searchTask", &page(5, &named)).await;
    assert_eq!(texts(&found, "deviceKey").last().unwrap(), "device-6993");
}
