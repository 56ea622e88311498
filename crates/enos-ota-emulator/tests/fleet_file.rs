//! Reading a fleet from JSON.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use enos_ota_emulator::{
    DEMO_FLEET_JOB_ID, Emulator, Fleet, FleetError, Job, ManualClock, StartError, Task, TaskInfo, TaskStatus, TaskTimes,
};

fn error(text: &str) -> FleetError {
    Fleet::from_json(text).unwrap_err()
}

/// A fleet whose only job has these tasks, each on a line of its own, the first on line 3.
fn tasks(tasks: &[&str]) -> String {
    format!(
        "{{ \"orgId\": \"o1\", \"jobs\": [\n{{ \"jobId\": \"j1\", \"tasks\": [\n{}\n] }}\n] }}",
        tasks.join(",\n")
    )
}

#[test]
fn the_demo_fleet_survives_being_written_and_read() {
    let demo = Fleet::demo();
    assert_eq!(Fleet::from_json(&demo.to_json()).unwrap(), demo);
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let fleet = Fleet::from_json(r#"{ "orgId": "o1", "jobs": [ { "jobId": "j1" } ] }"#).unwrap();
    assert_eq!(fleet, Fleet::new("o1").job(Job::started("j1")));
    let fleet = Fleet::from_json(&tasks(&[
        r#"{ "deviceKey": "d1", "status": "failed" }"#,
        r#"{ "deviceKey": "d2", "status": "upgrading" }"#,
    ]));
    let progress: Vec<i32> = fleet.unwrap().jobs()[0]
        .tasks()
        .iter()
        .map(Task::progress_or_default)
        .collect();
    assert_eq!(progress, [-1, 50]);
}

#[test]
fn an_error_tells_the_line_and_what_was_expected() {
    let fine = r#"{ "deviceKey": "d1", "status": "failed" }"#;
    for (bad, text) in [
        (
            r#"{ "deviceKey": "d2", "status": "broken" }"#,
            "unknown value `broken`, expected one of `init`, `published`, `upgrading`, `succeeded`, `failed` at line 4 column 39",
        ),
        (r#"{ "deviceKey": "d2" }"#, "missing field `status` at line 4 column 21"),
        (
            r#"{ "deviceKey": "d2", "status": "init", "x": 1 }"#,
            "unknown field `x`, expected one of `deviceKey`, `status`,",
        ),
        (
            r#"{ "deviceKey": 2, "status": "init" }"#,
            "invalid type: integer `2`, expected a string at line 4",
        ),
        (
            r#"{ "deviceKey": "", "status": "init" }"#,
            "a `deviceKey` is empty at line 4 column 37",
        ),
        (
            r#"{ "deviceKey": "d1", "status": "init" }"#,
            "the device key `d1` occurs twice in the job at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "failed", "progress": 3 }"#,
            "device `d2`: progress 3 does not go with status `failed`, expected a negative number at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "upgrading", "progress": 100 }"#,
            "expected 1 to 99 at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "init", "progress": 1 }"#,
            "expected 0 at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "succeeded", "progress": 1 }"#,
            "expected 100 at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "failed", "retryFailure": { "progress": 7 } }"#,
            "device `d2`: progress 7 of `retryFailure`, expected a negative number at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "failed", "retryOutcome": "succeeds", "retryFailure": {} }"#,
            "`retryFailure` does not go with `retryOutcome` `succeeds` at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "failed", "retryFailure": { "reason": "x" } }"#,
            "unknown field `reason`, expected `progress` or `desc` at line 4",
        ),
        (
            r#"{ "deviceKey": "d2", "status": "failed", "outcome": "fails" }"#,
            "`outcome` goes only with a task that is under way",
        ),
    ] {
        let error = error(&tasks(&[fine, bad]));
        assert!(error.to_string().contains(text), "{error}\n{text}");
        assert_eq!(error.line(), Some(4), "{error}");
        assert!(error.column().is_some());
    }
}

#[test]
fn a_job_of_the_wrong_form_is_refused() {
    let refused = error(r#"{ "orgId": "o1", "jobs": [ { "jobId": "j1", "tasks": {} } ] }"#).to_string();
    assert!(
        refused.contains("invalid type: map, expected an array of tasks at line 1"),
        "{refused}"
    );
    let refused = error(r#"{ "orgId": "o1", "jobs": [ { "jobId": "j1", "status": "running" } ] }"#).to_string();
    assert!(
        refused.contains("unknown value `running`, expected one of `started`, `stopped`"),
        "{refused}"
    );
}

#[test]
fn what_contradicts_itself_across_the_file_is_refused() {
    for (text, expected) in [
        (r#"{ "orgId": "" }"#, "`orgId` is empty"),
        (
            r#"{ "orgId": "o1", "deniedOrgIds": ["o1"] }"#,
            "`o1` is both `orgId` and in `deniedOrgIds`",
        ),
        (r#"{ "orgId": "o1", "jobs": [ {} ] }"#, "a job has no `jobId`"),
        (
            r#"{ "orgId": "o1", "jobs": [ { "jobId": "" } ] }"#,
            "a job has no `jobId`",
        ),
        (
            r#"{ "orgId": "o1", "jobs": [ { "jobId": "j" }, { "jobId": "j" } ] }"#,
            "the job id `j` occurs twice",
        ),
    ] {
        let error = error(text).to_string();
        assert_eq!(error, format!("the fleet is not valid: {expected}"));
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let error = error("{\n  \"orgId\": \"o1\",\n}");
    assert_eq!((error.line(), error.column()), (Some(3), Some(1)), "{error}");
}

#[tokio::test]
async fn a_fleet_made_in_code_is_checked_when_the_emulator_starts() {
    let job = Job::started("j1")
        .task(Task::failed("d1"))
        .task(Task::new("d1", TaskStatus::Init));
    let error = Emulator::builder()
        .fleet(Fleet::new("o1").job(job))
        .start()
        .await
        .unwrap_err();
    let StartError::Fleet(error) = error else {
        panic!("{error}")
    };
    assert_eq!(
        error.to_string(),
        "the fleet is not valid: the device key `d1` occurs twice in job `j1`"
    );
    assert_eq!(error.line(), None);
}

#[tokio::test]
async fn what_the_file_says_of_a_task_is_what_the_emulator_shows() {
    let text = tasks(&[r#"{
        "deviceKey": "d1", "status": "failed", "progress": -4, "desc": "why", "productKey": "p", "assetId": "a",
        "taskId": "t", "fromVersion": "1", "toVersion": "2", "updateTime": 5
    }"#]);
    let emulator = Emulator::builder()
        .fleet(Fleet::from_json(&text).unwrap())
        .start()
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(emulator.task("j1", "d1").unwrap()).unwrap(),
        serde_json::json!({
            "taskId": "t", "orgId": "o1", "assetId": "a", "productKey": "p", "deviceKey": "d1", "jobId": "j1",
            "fromVersion": "1", "toVersion": "2", "progress": -4, "desc": "why", "status": "failed", "updateTime": 5,
        })
    );
}

#[tokio::test]
async fn two_emulators_with_the_demo_fleet_show_the_same_times_and_ids() {
    // 00:00 and 23:59 of a day in UTC.
    let midnight = 1_700_006_400_000;
    let run = async |now| {
        let builder = Emulator::builder().clock(ManualClock::at_ms(now));
        let emulator = builder.start().await.unwrap();
        let ended = |task: &TaskInfo| matches!(task.status, Some(TaskStatus::Failed | TaskStatus::Succeeded));
        let mut tasks = emulator.tasks(DEMO_FLEET_JOB_ID);
        tasks.retain(ended);
        (emulator.job_info(DEMO_FLEET_JOB_ID).unwrap(), tasks)
    };
    let (job, tasks) = run(midnight).await;
    let yesterday = midnight - 86_400_000..midnight;
    assert_eq!(job.create_time.map(i64::from), Some(yesterday.start));
    assert!(tasks.len() > 500);
    let updated = |task: &TaskInfo| task.update_time.unwrap().get();
    assert!(tasks.iter().all(|task| yesterday.contains(&updated(task))));
    assert_eq!(run(midnight + 86_340_000).await, (job, tasks));
}

#[tokio::test]
async fn the_times_of_a_fleet_go_through_its_file() {
    let fleet = Fleet::new("o1").task_times(TaskTimes::DayBefore);
    let json = fleet.to_json();
    assert!(json.contains(r#""taskTimes": "dayBefore""#), "{json}");
    assert_eq!(Fleet::from_json(&json).unwrap(), fleet);
}
