//! What is said before and after a plan is carried out: which devices, why none, and what comes next.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::terminal::on_terminal;
use common::{Finished, Gateway, finished};
use enos_ota_emulator::{DEMO_JOB_ID, DEMO_STOPPED_JOB_ID};

#[track_caller]
fn contains(text: &str, expected: &str) {
    assert!(text.contains(expected), "expected `{expected}` in {text}");
}

/// Runs a command on a terminal, and types an answer.
fn answered(gateway: &Gateway, args: &[&str], answer: &str) -> Finished {
    let mut script = on_terminal(gateway, "stty cols 200 rows 24 -echo", args);
    let mut child = script
        .envs([("TERM", "dumb"), ("NO_COLOR", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    finished(child.wait_with_output().unwrap())
}

#[test]
fn devices_that_will_be_refused_are_named_with_the_reason() {
    let gateway = Gateway::start();
    let devices = ["retry", DEMO_JOB_ID, "nosuch-dev", "pump-01", "pump-11"];
    let refused = "will be refused: pump-11 (its task is not failed); nosuch-dev (the job has no task for it)\n";
    let dry = gateway.run(devices.iter().chain(&["--dry-run"]));
    contains(&dry.stdout, refused);
    assert!(!dry.stdout.contains("not known"), "{}", dry.stdout);
    assert_eq!(
        dry.last_line(),
        format!("next: enos-ota retry {DEMO_JOB_ID} nosuch-dev pump-01 pump-11")
    );
    let alone = gateway.run(["retry", DEMO_JOB_ID, "nosuch-dev"]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    contains(
        &alone.stderr,
        "will be refused: nosuch-dev (the job has no task for it)\n",
    );
}

#[test]
fn a_dry_run_that_would_do_nothing_names_no_next_step() {
    let gateway = Gateway::start();
    let dry = gateway.run(["retry", DEMO_JOB_ID, "nosuch-dev", "--dry-run"]);
    assert!(!dry.stderr.contains("next:"), "{dry:?}");
    let none = gateway.run([
        "retry",
        "--job-id",
        DEMO_JOB_ID,
        "--failed",
        "--reason",
        "nothing*",
        "--dry-run",
    ]);
    assert_eq!((none.code, none.stderr.contains("next:")), (Some(0), false), "{none:?}");
    contains(&none.stdout, "Why they failed\n");
    contains(
        &none.stdout,
        "10 tasks are failed, and none of them meets the criteria\n",
    );
}

#[test]
fn a_job_that_is_stopped_is_told_before_the_plan() {
    let gateway = Gateway::start();
    let start = format!("hint: start it: enos-ota jobs start {DEMO_STOPPED_JOB_ID}\n");
    let retry = ["retry", "--job-id", DEMO_STOPPED_JOB_ID, "--failed"];
    let end = gateway.run(retry.iter().chain(&["--yes"]));
    assert_eq!((end.code, end.stdout.as_str()), (Some(4), ""), "{end:?}");
    contains(
        &end.stderr,
        &format!("error: the job {DEMO_STOPPED_JOB_ID} is stopped, so its tasks cannot be retried\n{start}"),
    );
    assert!(!end.stderr.contains("Why they failed"), "{}", end.stderr);
    let dry = gateway.run(retry.iter().chain(&["--dry-run"]));
    assert_eq!(dry.code, Some(0), "{dry:?}");
    contains(&dry.stderr, "is stopped, so its tasks cannot be retried\n");
    contains(&dry.stderr, &start);
    assert!(!dry.stderr.contains("next:"), "{}", dry.stderr);
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
    // Scripts get what the platform says of each device.
    let json = gateway.run(retry.iter().chain(&["--yes", "--output", "json"])).json();
    assert_eq!(json["devices"][0]["code"], 24617, "{json}");
}

#[test]
fn a_plan_ends_with_the_commands_that_rehearse_and_apply_it() {
    let gateway = Gateway::start();
    let end = gateway.run(["plan", "--job-id", DEMO_JOB_ID, "--failed", "-o", "p.jsonl"]);
    contains(
        &end.stderr,
        "plan: p.jsonl\nnext: enos-ota rehearse p.jsonl\n      enos-ota apply p.jsonl\n",
    );
}

#[test]
fn a_new_job_ends_with_the_command_that_starts_it() {
    let gateway = Gateway::start();
    let job =
        r#"{"type":"upgrade","upgradeScope":{"type":"total"},"upgradePolicy":"snapshot","enableUpgradeRequest":false}"#;
    let end = gateway.run([
        "jobs",
        "create",
        "--firmware-id",
        "5ed758ca49f032b4663063ff",
        "--data",
        job,
        "--output",
        "json",
    ]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let id = end.json()["jobId"].as_str().unwrap().to_owned();
    assert_eq!(end.stderr, format!("next: enos-ota jobs start {id}\n"));
}

#[test]
fn a_question_names_the_job_and_the_platform_and_no_is_no_error() {
    let gateway = Gateway::start();
    let place = gateway.emulator.base_url().replace("http://", "");
    let on = format!("(Pump controllers to 2.4.1) on {place} (base URL from ENOS_BASE_URL)? [y/N]");
    let end = answered(&gateway, &["retry", "--job-id", DEMO_JOB_ID, "--failed"], "n\n");
    assert_eq!(end.code, Some(1), "{end:?}");
    contains(&end.stdout, &format!("Retry 9 devices of job {DEMO_JOB_ID} {on}"));
    contains(&end.stdout, "Cancelled; nothing was sent.");
    assert!(!end.stdout.contains("error"), "{}", end.stdout);
    let end = answered(&gateway, &["jobs", "stop", DEMO_JOB_ID], "n\n");
    contains(&end.stdout, &format!("Stop job {DEMO_JOB_ID} {on}"));
    let end = answered(&gateway, &["jobs", "stop", DEMO_JOB_ID], "y\n");
    contains(&end.stdout, "stopped  ");
}

#[test]
fn a_campaign_in_which_all_is_settled_says_that_there_is_nothing_to_send() {
    let gateway = Gateway::start();
    let devices = ["retry", "--job-id", DEMO_JOB_ID, "pump-01", "pump-02"];
    assert_eq!(gateway.run(devices).code, Some(0));
    let end = gateway.run(["resume"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    contains(&end.stderr, "all 2 devices are settled; nothing to send\n");
}
