//! `enos-ota jobs`, `tasks` and `api` against a gateway.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::{Finished, Gateway, SECRET, run_with_input};
use enos_ota_emulator::{DEMO_FLEET_JOB_ID, DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Fault, Fleet, Job, Scope, Task};
use serde_json::{Value, json};

const UNKNOWN_JOB_ID: &str = "000000000000000000000000";

#[track_caller]
fn succeeded(end: Finished) -> Finished {
    assert_eq!(end.code, Some(0), "{end:?}");
    end
}

fn device_keys(result: &Value) -> Vec<&str> {
    result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["deviceKey"].as_str().unwrap())
        .collect()
}

#[test]
fn jobs_are_listed_in_the_platforms_own_field_names() {
    let gateway = Gateway::start();
    let result = succeeded(gateway.run(["jobs", "list", "--output", "json"])).json();
    assert_eq!(
        (&result["schema"], &result["totalSize"]),
        (&json!("enos-ota/jobs/1"), &json!(3))
    );
    let ids: Vec<_> = result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["jobId"].as_str().unwrap())
        .collect();
    assert!(
        [DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, DEMO_FLEET_JOB_ID]
            .iter()
            .all(|id| ids.contains(id)),
        "{ids:?}"
    );

    let result = succeeded(gateway.run(["jobs", "list", "--status", "stopped", "--output", "json"])).json();
    assert_eq!(result["items"][0]["jobId"], DEMO_STOPPED_JOB_ID);
    let table = succeeded(gateway.run(["jobs", "list", "--status", "started"]));
    assert!(
        table.stdout.starts_with("JOB ID  ") && table.stdout.contains(DEMO_JOB_ID),
        "{}",
        table.stdout
    );
    assert_eq!((table.stdout.lines().count(), table.last_line()), (3, "2 of 2"));
}

#[test]
fn tasks_are_read_to_the_last_page() {
    let fleet =
        Fleet::new("o1").job(Job::started("j1").with_tasks((0..137).map(|n| Task::failed(format!("pump-{n:03}")))));
    let gateway = Gateway::start_with(|builder| builder.fleet(fleet));
    let list = ["tasks", "list", "--job-id", "j1", "--page-size", "20", "--output"];
    let result = succeeded(gateway.run(list.iter().chain(&["json"]))).json();
    assert_eq!(
        (&result["schema"], &result["totalSize"]),
        (&json!("enos-ota/tasks/1"), &json!(137))
    );
    let mut keys = device_keys(&result);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 137);

    let end = succeeded(gateway.run(list.iter().chain(&["jsonl", "--limit", "30"])));
    assert_eq!(end.stdout.lines().count(), 30);
    let result = succeeded(gateway.run(list.iter().chain(&["json", "--limit", "5"]))).json();
    assert_eq!((device_keys(&result).len(), &result["totalSize"]), (5, &json!(137)));
}

#[test]
fn tasks_are_selected_by_status_device_and_expression() {
    let gateway = Gateway::start();
    let list = |more: &[&str]| {
        let args = ["tasks", "list", "--output", "json"];
        succeeded(gateway.run(args.iter().chain(more))).json()
    };
    let of_job = ["--job-id", DEMO_JOB_ID];
    assert_eq!(list(&[&of_job[..], &["--status", "failed"]].concat())["totalSize"], 10);
    assert_eq!(
        list(&[&of_job[..], &["--status", "failed", "--status", "succeeded"]].concat())["totalSize"],
        18
    );
    let result = list(&[&of_job[..], &["--device-key", "pump-01", "--device-key", "pump-11"]].concat());
    assert_eq!(device_keys(&result).len(), 2);
    let result = list(&[&of_job[..], &["--expression", "desc='Cancelled by user'"]].concat());
    assert_eq!(device_keys(&result), ["pump-10"]);
    let expression = format!("jobId='{DEMO_JOB_ID}' and desc='Cancelled by user'");
    assert_eq!(device_keys(&list(&["--expression", &expression])), ["pump-10"]);
}

#[test]
fn a_value_that_would_have_to_be_escaped_is_refused_before_anything_is_sent() {
    let gateway = Gateway::start();
    let end = gateway.run(["tasks", "list", "--job-id", "j' or status='failed"]);
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
    assert!(end.stderr.contains("not documented"), "{}", end.stderr);
    let end = gateway.run([
        "tasks",
        "list",
        "--job-id",
        "j",
        "--expression",
        "status='init' or status='failed'",
    ]);
    assert!(
        end.code == Some(2) && end.stderr.contains("--expression contains `or`"),
        "{end:?}"
    );
    assert!(gateway.emulator.requests().is_empty());
}

#[test]
fn a_text_of_the_platform_does_not_reach_the_terminal_as_a_control_sequence() {
    let fleet = Fleet::new("o1").job(Job::started("j1").task(Task::failed("pump-01").desc("\u{1b}[2Jwiped\u{7}")));
    let gateway = Gateway::start_with(|builder| builder.fleet(fleet));
    let end = succeeded(gateway.run(["tasks", "list", "--job-id", "j1"]));
    assert!(
        end.stdout.contains("[2Jwiped") && !end.stdout.contains('\u{1b}'),
        "{}",
        end.stdout
    );
}

#[test]
fn a_job_lives_from_create_to_delete() {
    let gateway = Gateway::start();
    let description = json!({
        "type": "upgrade", "upgradePolicy": "snapshot", "enableUpgradeRequest": false, "upgradeTimeout": 600,
        "upgradeScope": {"type": "partial", "deviceKeys": ["pump-01", "pump-02"]},
    });
    let mut command = gateway.command([
        "jobs",
        "create",
        "--firmware-id",
        "f1",
        "--data",
        "@-",
        "--output",
        "json",
    ]);
    let created = succeeded(run_with_input(&mut command, description.to_string().as_bytes())).json();
    let id = created["jobId"].as_str().unwrap();
    assert_eq!(created["change"], "created");

    let job = succeeded(gateway.run(["jobs", "get", id, "--output", "json"])).json();
    assert_eq!((&job["status"], &job["firmwareId"]), (&json!("stopped"), &json!("f1")));
    assert_eq!(
        succeeded(gateway.run(["jobs", "start", id])).stdout,
        format!("started  {id}\n")
    );
    let again = gateway.run(["jobs", "start", id]);
    assert!(
        again.code == Some(4) && again.stderr.contains("24615 Job has started"),
        "{again:?}"
    );

    let refused = gateway.run(["jobs", "delete", id, "--yes"]);
    assert!(
        refused.code == Some(4) && refused.stderr.contains("24618"),
        "{refused:?}"
    );
    let unasked = gateway.run(["jobs", "stop", id]);
    assert!(
        unasked.code == Some(2) && unasked.stderr.contains("hint: pass --yes"),
        "{unasked:?}"
    );
    succeeded(gateway.run(["jobs", "stop", id, "--yes"]));
    let unasked = gateway.run(["jobs", "delete", id]);
    assert!(
        unasked.code == Some(2) && unasked.stderr.contains("hint: pass --yes"),
        "{unasked:?}"
    );
    assert!(gateway.emulator.job(id).is_some());
    succeeded(gateway.run(["jobs", "delete", id, "--yes"]));
    let gone = gateway.run(["jobs", "get", id]);
    assert!(
        gone.code == Some(4) && gone.stderr.contains("24404 Job not found"),
        "{gone:?}"
    );
}

#[test]
fn a_description_with_a_mistake_is_refused_before_anything_is_sent() {
    let gateway = Gateway::start();
    fs::write(gateway.folder.path().join("job.json"), "{\"type\":\"upgrade\",").unwrap();
    for (data, message) in [
        ("@job.json", "not the description of a job"),
        ("@missing.json", "the body file missing.json cannot be read"),
        (
            r#"{"type":"upgrade","upgradeScope":{"type":"total"},"retryPolcy":{}}"#,
            "`retryPolcy` is not a member",
        ),
    ] {
        let end = gateway.run(["jobs", "create", "--firmware-id", "f1", "--data", data]);
        assert!(end.code == Some(2) && end.stderr.contains(message), "{end:?}");
    }
    assert!(gateway.emulator.requests().is_empty());
}

#[test]
fn a_job_whose_creation_was_not_answered_is_not_created_twice() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Jobs));
    let data = r#"{"type":"upgrade","upgradePolicy":"snapshot","enableUpgradeRequest":false,
        "upgradeScope":{"type":"partial","deviceKeys":["pump-01"]}}"#;
    let end = gateway.run(["jobs", "create", "--firmware-id", "f1", "--data", data]);
    assert!(
        end.code == Some(5) && end.stderr.contains("may have been carried out"),
        "{end:?}"
    );
    assert_eq!(gateway.emulator.jobs().len(), 4);
}

#[test]
fn tasks_are_cancelled_with_consent_only() {
    let gateway = Gateway::start();
    let cancel = ["tasks", "cancel", "--job-id", DEMO_JOB_ID, "--output", "json"];
    let unasked = gateway.run(cancel.iter().chain(&["pump-23"]));
    assert!(
        unasked.code == Some(2) && unasked.stderr.contains("--yes"),
        "{unasked:?}"
    );
    assert!(gateway.emulator.requests().is_empty());

    let result = succeeded(gateway.run(cancel.iter().chain(&["--yes", "pump-23"]))).json();
    assert_eq!(
        (&result["schema"], &result["summary"]["accepted"]),
        (&json!("enos-ota/cancel/1"), &json!(1))
    );
    let task = gateway.emulator.task(DEMO_JOB_ID, "pump-23").unwrap();
    assert_eq!(task.desc.as_deref(), Some("Cancelled by user"));

    let end = gateway.run(cancel.iter().chain(&["--yes", "pump-11"]));
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(end.json()["devices"][0]["code"], 24620);
}

#[test]
fn any_other_call_is_signed_sent_once_and_printed() {
    let gateway = Gateway::start();
    let org = format!("orgId={}", gateway.emulator.org_id());
    let get = |job_id: &str| {
        let job = format!("jobId={job_id}");
        gateway.run([
            "api",
            "get",
            "/connect-service/v2.1/ota-jobs",
            "--query",
            "action=get",
            "--query",
            &org,
            "--query",
            &job,
        ])
    };
    let answer = succeeded(get(DEMO_JOB_ID)).json();
    assert_eq!(
        (&answer["code"], &answer["data"]["jobId"]),
        (&json!(0), &json!(DEMO_JOB_ID))
    );
    let end = get(UNKNOWN_JOB_ID);
    // What the platform answered is printed all the same.
    assert_eq!(end.json()["code"], 24404);
    assert!(
        end.code == Some(1) && end.stderr.contains("error: 24404 Job not found"),
        "{end:?}"
    );
    let end = get("a b+c");
    assert_eq!(
        end.json()["code"],
        24404,
        "blanks and plus signs are signed as they are sent"
    );

    gateway.emulator.kill_tokens();
    gateway.emulator.faults().push(Fault::http(503).on(Scope::Jobs));
    let before = gateway.emulator.counters().job_calls;
    let end = get(DEMO_JOB_ID);
    assert_eq!(
        (end.code, gateway.emulator.counters().job_calls - before),
        (Some(5), 1),
        "{end:?}"
    );
    assert!(!format!("{end:?}").contains(SECRET));

    for (args, message) in [
        (
            ["api", "get", "no-slash"],
            "the path `no-slash` has no slash at its beginning",
        ),
        (["api", "g e t", "/x"], "`g e t` is not an HTTP method"),
    ] {
        let end = gateway.run(args);
        assert!(end.code == Some(2) && end.stderr.contains(message), "{end:?}");
    }
}
