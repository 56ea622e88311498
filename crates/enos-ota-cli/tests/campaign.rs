//! Retries of whole fleets by the program: selection, plans, canaries, journals, interrupts.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Finished, Gateway, finished, run, run_with_input};
use enos_ota_emulator::{Action, Fault, Fleet, Job, Outcome, Pace, Scope, Task};
use serde_json::{Value, json};

const JOB: &str = "j1";

fn key(number: usize) -> String {
    format!("pump-{number:03}")
}

/// A gateway with one job of failed tasks, of which every tenth fails again after a retry.
fn fleet_of(devices: usize) -> Gateway {
    fleet_with(devices, |number, task| match number % 10 {
        0 => task.retry_outcome(Outcome::Fails),
        _ => task.retry_outcome(Outcome::Succeeds),
    })
}

fn fleet_with(devices: usize, task: impl Fn(usize, Task) -> Task) -> Gateway {
    let tasks = (0..devices).map(|number| {
        let (progress, reason) = match number % 4 {
            0 => (-4, "Not enough flash space"),
            1 => (-2, "Download timed out"),
            _ => (-2, "Download failed"),
        };
        task(
            number,
            Task::failed(key(number))
                .progress(progress)
                .desc(reason)
                .versions(if number < 20 { "1.0" } else { "1.1" }, "2.0"),
        )
    });
    let job = Job::started(JOB).with_tasks(tasks).maximum_concurrency(100_000);
    let fast = Pace::new(
        Duration::from_millis(200),
        Duration::from_millis(200),
        Duration::from_millis(600),
    );
    Gateway::start_with(|builder| builder.fleet(Fleet::new("o1").job(job)).pace(fast))
}

impl Gateway {
    /// `retry --job-id j1 --failed --yes --output json` and more.
    fn retry_failed(&self, more: &[&str]) -> Finished {
        let args = ["retry", "--job-id", JOB, "--failed", "--yes", "--output", "json"];
        self.run(args.iter().chain(more))
    }

    /// How often each retry was carried out, by how many devices.
    fn applied(&self, devices: usize) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        for number in 0..devices {
            let count = self.emulator.retry_count(JOB, &key(number)).unwrap().applied;
            *counts.entry(count).or_default() += 1;
        }
        counts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The sums are right: those of the summary are those of the devices, and none is there twice.
#[track_caller]
fn adds_up(result: &Value) {
    let summary = &result["summary"];
    let devices = result["devices"].as_array().unwrap();
    let mut keys: Vec<_> = devices
        .iter()
        .map(|device| device["deviceKey"].as_str().unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), devices.len());
    assert_eq!(summary["requested"], devices.len());
    for outcome in ["accepted", "rejected", "skipped", "unknown"] {
        let count = devices.iter().filter(|device| device["outcome"] == outcome).count();
        assert_eq!(summary[outcome], count, "{outcome}: {summary}");
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[test]
fn all_failed_tasks_that_meet_the_criteria_are_retried_once() {
    let gateway = fleet_of(60);
    let exclude = gateway.path("exclude.txt");
    fs::write(&exclude, "pump-001\npump-005\n").unwrap();
    let result = gateway.retry_failed(&[
        "--reason",
        "download*",
        "--not-reason",
        "*failed",
        "--from-version",
        "1.0",
        "--cause",
        "download",
        "--since",
        "30d",
        "--exclude-file",
        exclude.to_str().unwrap(),
        "--no-verify",
    ]);
    assert_eq!(result.code, Some(0), "{result:?}");
    let result = result.json();
    adds_up(&result);
    let keys: Vec<_> = result["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["deviceKey"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["pump-009", "pump-013", "pump-017"]);
    assert_eq!(gateway.applied(60), BTreeMap::from([(0, 57), (1, 3)]));

    let none = gateway.retry_failed(&["--reason", "no such reason"]);
    assert_eq!(none.code, Some(0), "{none:?}");
    assert_eq!(
        (none.json()["summary"]["requested"].as_u64(), none.last_line()),
        (
            Some(0),
            "nothing to retry in the job j1: 57 tasks are failed, and none of them meets the criteria"
        )
    );
    assert!(
        none.stderr.contains("Left out: 57 failed for other reasons."),
        "{}",
        none.stderr
    );
}

#[test]
fn a_job_that_is_not_there_has_no_failed_tasks_and_is_told_all_the_same() {
    let gateway = fleet_of(4);
    let retry = |job: &str| {
        gateway.run([
            "retry",
            "--failed",
            "--yes",
            "--output",
            "json",
            "--request-attempts",
            "1",
            "--job-id",
            job,
        ])
    };
    let end = retry("no-such-job");
    assert_eq!(end.code, Some(4), "{end:?}");
    assert!(end.stderr.contains("24404 Job not found"), "{}", end.stderr);
    assert_eq!(end.json()["summary"]["requested"], 0);

    gateway
        .emulator
        .faults()
        .push(Fault::http(503).on(Scope::Action(Action::SearchTask)).forever());
    let end = retry(JOB);
    assert_eq!((end.code, &end.json()["devices"]), (Some(5), &json!([])), "{end:?}");
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

#[test]
fn a_dry_run_shows_what_there_is_and_sends_nothing() {
    let gateway = fleet_of(40);
    let args = ["retry", "--job-id", JOB, "--failed", "--dry-run", "--canary", "10%"];
    let end = gateway.run(args);
    assert_eq!(end.code, Some(0), "{end:?}");
    for text in [
        "40 devices of the job j1, in 1 call of up to 200",
        "20   50%  Download failed",
        "1.0 → 2.0",
        "First 4 of them; more only if 50 % of these succeed within 2 h.",
    ] {
        assert!(end.stdout.contains(text), "{text}: {}", end.stdout);
    }
    let header = gateway.run(args.iter().chain(&["--output", "json"])).json();
    assert_eq!(
        (
            &header["schema"],
            &header["devices"],
            &header["reasons"]["Download failed"]
        ),
        (&json!("enos-ota/plan/1"), &json!(40), &json!(20))
    );
    // Named devices are looked up, so that it can be told which will be refused.
    let named = gateway.run(["retry", "--job-id", JOB, "--dry-run", "pump-001", "stranger"]);
    let refused = "will be refused: stranger (the job has no task for it)";
    assert!(named.stdout.contains(refused), "{}", named.stdout);
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
    assert!(!gateway.path("state").exists());
}

#[test]
fn nothing_is_retried_without_consent() {
    let gateway = fleet_of(10);
    let plan = gateway.path("plan.jsonl");
    let plan = plan.to_str().unwrap();
    assert_eq!(
        gateway.run(["plan", "--job-id", JOB, "--failed", "-o", plan]).code,
        Some(0)
    );
    for args in [
        &["retry", "--job-id", JOB, "--failed", "--output", "json"][..],
        &["apply", plan, "--output", "json"],
    ] {
        let end = gateway.run(args);
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
        assert!(
            end.stderr.contains("confirmation is needed to ") && end.stderr.contains("--yes"),
            "{}",
            end.stderr
        );
    }
    for args in [
        &["retry", "--job-id", JOB, "--failed", "pump-001"][..],
        &["retry", "--job-id", JOB, "--reason", "x", "pump-001"],
        &["retry", "--job-id", JOB, "--failed", "--yes", "--since", "soon"],
        &["retry", "--job-id", JOB, "--failed", "--yes", "--canary", "0"],
        &[
            "retry", "--job-id", JOB, "--failed", "--yes", "--canary", "1", "--waves", "2",
        ],
        &[
            "retry",
            "--job-id",
            JOB,
            "--failed",
            "--yes",
            "--max-attempts",
            "1",
            "--history",
            "nowhere",
        ],
    ] {
        let end = gateway.run(args);
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{args:?}: {end:?}");
    }
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

#[test]
fn a_plan_is_written_reviewed_and_applied() {
    let gateway = fleet_of(40);
    let plan = gateway.path("plan.jsonl");
    let plan = plan.to_str().unwrap();
    let make = ["plan", "--job-id", JOB, "--failed", "--chunk-size", "15", "-o", plan];
    let end = gateway.run(make.iter().chain(&["--output", "json"]));
    assert_eq!(end.code, Some(0), "{end:?}");
    let text = fs::read_to_string(plan).unwrap();
    assert_eq!(end.stdout.trim_end(), text.lines().next().unwrap());
    assert_eq!(text.lines().count(), 41);

    let again = gateway.run(make);
    assert!(again.code == Some(2) && again.stderr.contains("--force"), "{again:?}");
    assert_eq!(gateway.run(make.iter().chain(&["--force"])).code, Some(0));
    // The same on standard output, but for the time.
    let piped = gateway.run(["plan", "--job-id", JOB, "--failed", "-o", "-"]);
    assert_eq!(
        piped.stdout.lines().skip(1).collect::<Vec<_>>(),
        text.lines().skip(1).collect::<Vec<_>>()
    );

    fs::write(gateway.path("edited.jsonl"), text.replace("pump-007", "pump-777")).unwrap();
    for (args, message) in [
        (
            vec!["apply", "edited.jsonl", "--yes"],
            "changed since the plan was made",
        ),
        (vec!["apply", plan, "--yes", "--job-id", "j2"], "the plan is for job j1"),
        (
            vec!["apply", plan, "--yes", "--org-id", "o2"],
            "the plan is for organization o1",
        ),
        (vec!["apply", "missing.jsonl", "--yes"], "could not be read"),
    ] {
        let end = gateway.run(&args);
        assert!(end.code == Some(2) && end.stderr.contains(message), "{args:?}: {end:?}");
    }
    assert_eq!(gateway.emulator.counters().retry_calls, 0);

    let mut command = gateway.command(["apply", "-", "--yes", "--output", "json", "--no-verify"]);
    let end = run_with_input(&mut command, text.as_bytes());
    assert_eq!(end.code, Some(0), "{end:?}");
    adds_up(&end.json());
    assert_eq!(gateway.applied(40), BTreeMap::from([(1, 40)]));
    let mut sizes: Vec<_> = gateway
        .emulator
        .requests()
        .iter()
        .filter_map(|request| request.device_keys)
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 15, 15]);
}

#[cfg(unix)]
#[test]
fn plans_and_reports_are_for_their_owner_and_not_named_like_a_form() {
    use std::os::unix::fs::PermissionsExt as _;
    let gateway = fleet_of(4);
    for (args, option) in [
        (&["plan", "--job-id", JOB, "--failed", "-o"][..], "--output"),
        (&["report", "j.jsonl", "-o"], "--output"),
    ] {
        for form in ["json", "csv", "html", "text"] {
            let end = gateway.run(args.iter().chain(&[form]));
            assert_eq!(end.code, Some(2), "{end:?}");
            let message = format!("did you mean {option} {form}? To write a file of this name: ./{form}");
            assert!(end.stderr.contains(&message), "{}", end.stderr);
            assert!(!gateway.path(form).exists());
        }
    }
    assert_eq!(
        gateway.retry_failed(&["--journal", "j.jsonl", "--no-verify"]).code,
        Some(0)
    );
    let script = [
        format!("plan --job-id {JOB} --failed -o ./json"),
        "report j.jsonl --format html -o page".to_owned(),
    ];
    for words in script {
        let end = run(&mut in_a_shell(&gateway, "umask 000", &words));
        assert_eq!(end.code, Some(0), "{end:?}");
    }
    for name in ["json", "page"] {
        assert_eq!(
            fs::metadata(gateway.path(name)).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn a_plan_that_the_fleet_has_left_behind_is_trimmed_or_refused() {
    let gateway = fleet_of(40);
    let plan = gateway.path("plan.jsonl");
    let plan = plan.to_str().unwrap();
    assert_eq!(
        gateway.run(["plan", "--job-id", JOB, "--failed", "-o", plan]).code,
        Some(0)
    );
    let others = ["pump-001", "pump-002", "pump-003", "pump-004"];
    let args = ["retry", "--job-id", JOB, "--no-verify"];
    assert_eq!(gateway.run(args.iter().chain(&others)).code, Some(0));

    let end = gateway.run(["apply", plan, "--yes", "--output", "json"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(
        end.stderr.contains("4 of 40 devices of the plan (10.0 %)") && end.stderr.contains("--max-drift"),
        "{}",
        end.stderr
    );
    let result = end.json();
    adds_up(&result);
    assert_eq!(result["summary"]["skipped"], 40);

    let looked = gateway.run(["apply", plan, "--dry-run", "--max-drift", "10%"]);
    assert!(
        looked.code == Some(0) && looked.stderr.contains("4  no longer failed, and left out"),
        "{looked:?}"
    );
    let end = gateway.run([
        "apply",
        plan,
        "--yes",
        "--max-drift",
        "10%",
        "--output",
        "json",
        "--no-verify",
    ]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(
        (&result["summary"]["requested"], &result["drift"]["noLongerFailed"]),
        (&json!(36), &json!(4))
    );
    assert_eq!(gateway.applied(40), BTreeMap::from([(1, 40)]));
}

#[test]
fn a_canary_that_passes_lets_the_others_follow() {
    let gateway = fleet_of(40);
    let end = gateway.retry_failed(&["--canary", "10", "--watch"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(
        result["fates"],
        json!({"succeeded": 36, "failedAgain": 4, "underWay": 0, "stillFailed": 0, "gone": 0, "notSeen": 0})
    );
    let again = result["devices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|device| device["fate"] == "failedAgain");
    assert!(again.unwrap()["reason"].is_string(), "{again:?}");
    for text in [
        "canary: 10 devices",
        "canary passed: ",
        "the others: 30 devices",
        "36 succeeded, 4 failed again",
    ] {
        assert!(end.stderr.contains(text), "{text}: {}", end.stderr);
    }
    assert_eq!(
        end.last_line(),
        "error: 40 devices retried: 36 succeeded, 4 failed again"
    );
    assert!(
        end.stderr
            .contains("hint: to retry all failed tasks of the job: enos-ota retry --job-id j1 --failed\n"),
        "{}",
        end.stderr
    );
    assert_eq!(gateway.applied(40), BTreeMap::from([(1, 40)]));
}

#[test]
fn a_watched_retry_succeeds_only_if_every_upgrade_does() {
    let good = fleet_with(10, |_, task| task.retry_outcome(Outcome::Succeeds));
    for more in [&["--watch"][..], &["--canary", "2"], &["--canary", "2", "--watch"]] {
        let gateway = fleet_with(10, |_, task| task.retry_outcome(Outcome::Succeeds));
        let end = gateway.retry_failed(more);
        assert_eq!(end.code, Some(0), "{more:?}: {end:?}");
        assert!(
            end.last_line().starts_with("10 devices retried: "),
            "{}",
            end.last_line()
        );
    }
    let plan = good.path("plan.jsonl");
    let plan = plan.to_str().unwrap();
    assert_eq!(
        good.run(["plan", "--job-id", JOB, "--failed", "-o", plan]).code,
        Some(0)
    );
    let end = good.run(["apply", plan, "--yes", "--watch"]);
    assert_eq!(
        (end.code, end.last_line()),
        (Some(0), "10 devices retried: 10 succeeded"),
        "{end:?}"
    );

    let bad = || {
        fleet_with(10, |number, task| match number {
            0 => task.retry_outcome(Outcome::Fails),
            _ => task.retry_outcome(Outcome::Succeeds),
        })
    };
    let gateway = bad();
    let end = gateway.retry_failed(&["--canary", "9"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(
        end.last_line().starts_with("error: 10 devices retried: "),
        "{}",
        end.last_line()
    );
    assert_eq!(bad().retry_failed(&[]).code, Some(0));

    // The time is up before the upgrades have ended.
    let gateway = bad();
    let end = gateway.retry_failed(&["--watch", "--watch-timeout", "0"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(
        end.last_line().starts_with("error: 10 devices retried: "),
        "{}",
        end.last_line()
    );
}

#[test]
fn a_resumed_campaign_that_watches_tells_how_the_upgrades_ended() {
    let gateway = fleet_of(20);
    let journal = gateway.path("journal.jsonl");
    let journal = journal.to_str().unwrap();
    let end = gateway.retry_failed(&["--watch", "--watch-timeout", "0", "--journal", journal]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let text = fs::read_to_string(journal).unwrap();
    assert!(text.contains("\"watch\""), "{text}");
    let end = gateway.run(["resume", journal]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(
        end.last_line().starts_with("error: 20 devices retried: "),
        "{}",
        end.last_line()
    );
}

#[test]
fn a_search_that_repeats_its_first_page_is_no_list_of_the_failed_tasks() {
    let gateway = fleet_of(300);
    gateway.emulator.faults().push(
        Fault::repeat_first_page(100_000)
            .on(Scope::Action(Action::SearchTask))
            .forever(),
    );
    let retry = gateway.retry_failed(&[]);
    let plan = gateway.run(["plan", "--job-id", JOB, "--failed"]);
    let dry = gateway.run(["retry", "--job-id", JOB, "--failed", "--dry-run"]);
    let list = gateway.run(["tasks", "list", "--job-id", JOB]);
    for end in [&retry, &plan, &dry, &list] {
        assert_eq!(end.code, Some(5), "{end:?}");
    }
    for end in [retry, plan, dry] {
        assert!(
            end.stderr
                .contains("tasks whatever page is asked for; the others are missing")
                && end.stderr.contains("hint: nothing was sent; "),
            "{}",
            end.stderr
        );
    }
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

#[test]
fn upgrades_that_nobody_could_see_have_not_succeeded() {
    // Each answer to the search after the retry is a page that nobody can read.
    for (fault, why, permission) in [
        (Fault::html_page(200), "web page", false),
        (Fault::code(99403, "Denied resource"), "99403 Denied resource", true),
    ] {
        let gateway = fleet_of(20);
        gateway
            .emulator
            .faults()
            .push(fault.on(Scope::Action(Action::SearchTask)).forever());
        let mut args = vec![
            "retry",
            "--job-id",
            JOB,
            "--no-lookup",
            "--watch",
            "--watch-timeout",
            "3",
        ];
        let keys: Vec<_> = (0..20).map(key).collect();
        args.extend(keys.iter().map(String::as_str));
        let end = gateway.run(args);
        assert_eq!(end.code, Some(1), "{end:?}");
        let told = "warning: 20 of 20 devices accepted were not seen to have left `failed`: ";
        assert!(end.stderr.contains(told) && end.stderr.contains(why), "{}", end.stderr);
        assert!(permission || !end.stderr.contains("permission"), "{}", end.stderr);
        assert_eq!(end.last_line(), "error: 20 devices retried: 20 not looked at");
    }
}

#[test]
fn a_canary_that_fails_spares_the_others() {
    let gateway = fleet_with(40, |_, task| task.retry_outcome(Outcome::Fails));
    let end = gateway.retry_failed(&["--canary", "10%"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(
        (
            &result["summary"]["accepted"],
            &result["summary"]["skipped"],
            &result["ending"]
        ),
        (&json!(4), &json!(36), &json!("waveFailed"))
    );
    assert!(end.stderr.contains("canary failed: 0 of 4 succeeded"), "{}", end.stderr);
    assert!(
        end.stderr.contains("hint: to go on: enos-ota resume "),
        "{}",
        end.stderr
    );
    assert!(end.last_line().starts_with("error: stopped; "), "{}", end.stderr);
    assert_eq!(gateway.applied(40), BTreeMap::from([(0, 36), (1, 4)]));
}

#[test]
fn too_many_refusals_stop_the_rest() {
    let gateway = fleet_of(200);
    let keys: Vec<_> = (0..400)
        .map(|number| {
            if number % 2 == 0 {
                key(number / 2)
            } else {
                format!("stranger-{number}")
            }
        })
        .collect();
    fs::write(gateway.path("keys.txt"), keys.join("\n")).unwrap();
    let end = gateway.run([
        "retry",
        "--job-id",
        JOB,
        "--device-keys-file",
        "keys.txt",
        "--chunk-size",
        "20",
        "--concurrency",
        "1",
        "--abort-above",
        "10%",
        "--min-sample",
        "30",
        "--output",
        "json",
        "--no-verify",
    ]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(result["ending"], "tooManyRefused");
    assert!(result["summary"]["skipped"].as_u64() > Some(0), "{}", result["summary"]);
    assert!(end.stderr.contains(" were refused"), "{}", end.stderr);
}

#[test]
fn a_refused_list_costs_only_the_guilty_devices() {
    let gateway = fleet_of(60);
    let args = ["retry", "--job-id", JOB, "--no-verify"];
    assert_eq!(gateway.run(args.iter().chain(&["pump-007", "pump-042"])).code, Some(0));
    let keys: Vec<_> = (0..60).map(key).collect();
    fs::write(gateway.path("keys.txt"), keys.join("\n")).unwrap();
    let end = gateway.run(args.iter().chain(&["--device-keys-file", "keys.txt"]));
    assert_eq!(end.code, Some(1), "{end:?}");
    let mut lines: Vec<_> = end.stdout.lines().collect();
    lines.sort_unstable();
    // Of more than 50 devices, only those that were not accepted are listed.
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("rejected  pump-007  24621 ") && lines[1].starts_with("rejected  pump-042  24621 "),
        "{lines:?}"
    );
    assert!(
        end.stderr.contains("error: 60 devices: 58 accepted, 2 rejected"),
        "{}",
        end.stderr
    );
    assert_eq!(gateway.applied(60), BTreeMap::from([(1, 60)]));
}

#[test]
fn jsonl_has_each_device_once_and_then_the_summary() {
    let gateway = fleet_of(120);
    let args = [
        "retry",
        "--job-id",
        JOB,
        "--failed",
        "--yes",
        "--output",
        "jsonl",
        "--chunk-size",
        "7",
        "--watch",
    ];
    let end = gateway.run(args);
    assert_eq!(end.code, Some(1), "{end:?}");
    let lines: Vec<Value> = end
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, devices) = lines.split_last().unwrap();
    let mut keys: Vec<_> = devices.iter().map(|line| line["deviceKey"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..120).map(key).collect::<Vec<_>>());
    assert_eq!(
        (&last["summary"]["accepted"], &last["fates"]["succeeded"]),
        (&json!(120), &json!(108))
    );
}

/// A campaign that takes a while: one device a call, and every answer takes its time.
fn begin_slow(gateway: &Gateway, output: &str) -> Child {
    gateway.emulator.faults().push(
        Fault::delay_answer(Duration::from_millis(40))
            .on(Scope::Action(Action::RetryTask))
            .forever(),
    );
    let journal = gateway.path("journal.jsonl");
    let args = [
        "retry",
        "--job-id",
        JOB,
        "--failed",
        "--yes",
        "--chunk-size",
        "2",
        "--concurrency",
        "3",
        "--journal",
        journal.to_str().unwrap(),
        "--output",
        output,
    ];
    let child = gateway.spawn(&args);
    wait_until("some calls", || gateway.emulator.counters().retry_calls >= 10);
    child
}

#[test]
fn an_interrupted_campaign_is_drained_and_resumed_to_the_end() {
    let gateway = fleet_of(200);
    let child = begin_slow(&gateway, "json");
    signal(&child, "-INT");
    let end = finished(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(130), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(
        (&result["summary"]["unknown"], &result["ending"]),
        (&json!(0), &json!("interrupted"))
    );
    let accepted = result["summary"]["accepted"].as_u64().unwrap();
    assert!((1..200).contains(&accepted), "{accepted}");
    assert!(
        end.last_line().starts_with("error: interrupted; 200 devices: "),
        "{}",
        end.last_line()
    );
    let hint = end
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("hint: to go on: "))
        .unwrap();
    let words: Vec<_> = hint.split(' ').collect();
    assert_eq!(words[..2], ["enos-ota", "resume"]);

    gateway.emulator.faults().clear();
    let end = gateway.run(words[1..].iter().chain(&["--output", "json"]));
    assert_eq!(end.code, Some(0), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(result["summary"]["accepted"], 200);
    assert_eq!(gateway.applied(200), BTreeMap::from([(1, 200)]));
}

#[test]
fn term_and_hup_drain_as_ctrl_c_does() {
    for (name, code) in [("-TERM", 143), ("-HUP", 129)] {
        let gateway = fleet_of(200);
        let child = begin_slow(&gateway, "json");
        signal(&child, name);
        let end = finished(child.wait_with_output().unwrap());
        assert_eq!(end.code, Some(code), "{name}: {end:?}");
        let result = end.json();
        adds_up(&result);
        assert_eq!(
            (&result["summary"]["unknown"], &result["ending"]),
            (&json!(0), &json!("interrupted"))
        );
        assert!(
            end.stderr.contains("hint: to go on: enos-ota resume "),
            "{}",
            end.stderr
        );
        assert!(
            end.last_line().starts_with("error: interrupted; 200 devices: "),
            "{}",
            end.last_line()
        );
        gateway.emulator.faults().clear();
        let journal = gateway.path("journal.jsonl");
        assert_eq!(gateway.run(["resume", journal.to_str().unwrap()]).code, Some(0));
        assert_eq!(gateway.applied(200), BTreeMap::from([(1, 200)]));
    }
}

#[test]
fn a_second_signal_of_any_kind_abandons_the_calls_under_way() {
    let gateway = fleet_of(20);
    gateway.emulator.faults().push(
        Fault::delay_answer(Duration::from_secs(30))
            .on(Scope::Action(Action::RetryTask))
            .forever(),
    );
    let child = gateway.spawn(&["retry", "--job-id", JOB, "--failed", "--yes", "--output", "json"]);
    wait_until("the call", || gateway.emulator.counters().retry_calls > 0);
    let began = Instant::now();
    signal(&child, "-TERM");
    // The kernel may merge two signals of one kind that come at once, but not two of different kinds.
    signal(&child, "-INT");
    let end = finished(child.wait_with_output().unwrap());
    assert!(matches!(end.code, Some(143 | 130)), "{end:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(end.json()["summary"]["unknown"], 20);
}

/// A command of the gateway as a shell runs it, after some preparation.
#[cfg(unix)]
fn in_a_shell(gateway: &Gateway, preparation: &str, words: &str) -> Command {
    let script = format!("{preparation}; exec '{}' {words}", env!("CARGO_BIN_EXE_enos-ota"));
    let given = gateway.command(["token"]);
    let mut command = Command::new("sh");
    command
        .env_clear()
        .arg("-c")
        .arg(script)
        .current_dir(gateway.folder.path());
    command.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_for_the_size_of_files_is_an_error_and_no_sudden_death() {
    let gateway = fleet_of(200);
    let end = run(&mut in_a_shell(
        &gateway,
        "ulimit -f 8",
        "retry --job-id j1 --failed --yes --journal j.jsonl",
    ));
    assert_eq!(end.code, Some(6), "{end:?}");
    assert!(
        end.stderr.contains("error: ") && end.stderr.contains("j.jsonl"),
        "{}",
        end.stderr
    );
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

/// `nohup` lets a program ignore that its terminal goes.
#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_that_was_to_be_ignored_is_ignored() {
    let gateway = fleet_of(200);
    gateway.emulator.faults().push(
        Fault::delay_answer(Duration::from_millis(40))
            .on(Scope::Action(Action::RetryTask))
            .forever(),
    );
    let words = "retry --job-id j1 --failed --yes --chunk-size 5 --concurrency 3 --no-verify --no-journal";
    let mut command = in_a_shell(&gateway, "trap '' HUP", words);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("some calls", || gateway.emulator.counters().retry_calls >= 5);
    signal(&child, "-HUP");
    let end = finished(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn a_killed_campaign_is_resumed_without_retrying_a_device_twice() {
    // One that fails again before it is looked at could have been retried by somebody else.
    let gateway = fleet_with(200, |_, task| task.retry_outcome(Outcome::Succeeds));
    let mut child = begin_slow(&gateway, "jsonl");
    let journal = gateway.path("journal.jsonl");
    let journal = journal.to_str().unwrap();
    // Two processes do not go on with one campaign.
    let second = gateway.run(["resume", journal]);
    assert!(
        second.code == Some(2) && second.stderr.contains("another process has the journal open"),
        "{second:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    gateway.emulator.faults().clear();

    // Under another address, the same keys may be other devices.
    let elsewhere = run(gateway
        .command(["resume", journal])
        .env("ENOS_BASE_URL", "https://other.invalid"));
    assert!(
        elsewhere.code == Some(2) && elsewhere.stderr.contains("the journal was begun at http://127.0.0.1:"),
        "{elsewhere:?}"
    );
    let end = gateway.run(["resume", journal, "--output", "jsonl"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    // Those that were settled before are told too.
    assert_eq!(end.stdout.lines().count(), 201);
    assert_eq!(gateway.applied(200), BTreeMap::from([(1, 200)]));
    let text = fs::read_to_string(journal).unwrap();
    assert!(text.contains("\"program\":\"enos-ota ") && !text.contains(common::SECRET));
}

#[test]
fn a_watch_follows_the_accepted_devices_of_a_journal() {
    let gateway = fleet_of(40);
    let journal = gateway.path("journal.jsonl");
    let journal = journal.to_str().unwrap();
    assert_eq!(
        gateway.retry_failed(&["--journal", journal, "--no-verify"]).code,
        Some(0)
    );
    let before = fs::read(journal).unwrap();
    let end = gateway.run(["watch", journal, "--output", "json"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let result = end.json();
    assert_eq!(
        (
            &result["schema"],
            &result["summary"]["followed"],
            &result["summary"]["succeeded"],
            &result["summary"]["failedAgain"]
        ),
        (&json!("enos-ota/watch/1"), &json!(40), &json!(36), &json!(4))
    );
    assert_eq!(end.last_line(), "error: 40 devices: 36 succeeded, 4 failed");
    assert_eq!(fs::read(journal).unwrap(), before, "a watch only reads");

    let end = gateway.run(["watch", "--job-id", JOB, "pump-001", "pump-002"]);
    assert_eq!(
        (end.code, end.stdout.as_str(), end.last_line()),
        (
            Some(0),
            "succeeded pump-001\nsucceeded pump-002\n",
            "2 devices: 2 succeeded"
        ),
        "{end:?}"
    );
    let end = gateway.run(["watch", "--job-id", JOB, "--output", "jsonl"]);
    assert_eq!((end.code, end.last_line()), (Some(0), "no device to follow"), "{end:?}");
    assert_eq!(gateway.applied(40), BTreeMap::from([(1, 40)]));
}

#[test]
fn a_watch_that_is_terminated_tells_how_far_it_has_come() {
    let tasks = (0..4).map(|number| Task::failed(key(number)).progress(-2));
    let job = Job::started(JOB).with_tasks(tasks);
    let hour = Duration::from_hours(1);
    let gateway = Gateway::start_with(|builder| {
        builder
            .fleet(Fleet::new("o1").job(job))
            .pace(Pace::new(hour, hour, hour))
    });
    let end = gateway.retry_failed(&["--journal", "j.jsonl", "--no-verify"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let searches = gateway.emulator.requests().len();
    let child = gateway.spawn(&["watch", "j.jsonl", "--output", "json"]);
    wait_until("a search", || gateway.emulator.requests().len() > searches + 1);
    signal(&child, "-TERM");
    let end = finished(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(143), "{end:?}");
    assert_eq!(end.json()["summary"]["followed"], 4);
    assert!(
        end.last_line().starts_with("error: interrupted; 4 devices: "),
        "{}",
        end.last_line()
    );
}

#[test]
fn a_watch_follows_a_campaign_that_goes_on() {
    let gateway = fleet_of(60);
    let child = begin_slow(&gateway, "json");
    let end = gateway.run([
        "watch",
        gateway.path("journal.jsonl").to_str().unwrap(),
        "--output",
        "jsonl",
    ]);
    let campaign = finished(child.wait_with_output().unwrap());
    assert_eq!(campaign.code, Some(0), "{campaign:?}");
    assert_eq!(end.code, Some(1), "{end:?}");
    let lines: Vec<Value> = end
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 61, "{end:?}");
    assert_eq!(
        (&lines[60]["summary"]["succeeded"], &lines[60]["summary"]["failedAgain"]),
        (&json!(54), &json!(6))
    );
}

#[test]
fn devices_that_had_their_attempts_are_skipped() {
    let gateway = fleet_with(20, |_, task| task.retry_outcome(Outcome::Fails));
    let watch = ["--watch", "--max-attempts", "1"];
    assert_eq!(gateway.retry_failed(&watch).json()["summary"]["accepted"], 20);
    let end = gateway.retry_failed(&watch);
    assert_eq!(end.code, Some(1), "{end:?}");
    let result = end.json();
    adds_up(&result);
    assert_eq!(result["summary"]["skipped"], 20);
    assert_eq!(
        result["devices"][0]["message"],
        "not sent: 1 retry was accepted before to upgrade it to 2.0, and 1 allowed"
    );
    let end = gateway.retry_failed(&["--permanent-reason", "*flash*", "--no-verify"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(
        (&end.json()["summary"]["accepted"], &end.json()["summary"]["skipped"]),
        (&json!(15), &json!(5))
    );
}

#[test]
fn a_journal_is_where_it_was_asked_for_and_never_overwritten() {
    let gateway = fleet_of(8);
    let named = |args: &[&str]| {
        let all = ["retry", "--job-id", JOB, "--no-verify"];
        gateway.command(all.iter().chain(args))
    };
    let end = run(named(&["pump-001"]).env("ENOS_JOURNAL_DIR", gateway.path("journals")));
    assert_eq!(end.code, Some(0), "{end:?}");
    let journal = fs::read_dir(gateway.path("journals"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        end.stderr.lines().next(),
        Some(format!("journal: {}", journal.display()).as_str())
    );
    let end = run(&mut named(&[
        "pump-002",
        "--journal",
        journal.to_str().unwrap(),
        "--output",
        "json",
    ]));
    assert!(
        end.code == Some(2) && end.stderr.contains("never overwritten"),
        "{end:?}"
    );
    assert_eq!(gateway.applied(8), BTreeMap::from([(0, 7), (1, 1)]));

    let end = run(&mut named(&["pump-002", "--no-journal", "--output", "json"]));
    assert_eq!((end.code, &end.json()["journal"]), (Some(0), &Value::Null), "{end:?}");
    // A folder that cannot be: a file is in its place.
    let end = run(named(&["pump-003", "--output", "json"]).env("ENOS_JOURNAL_DIR", &journal));
    assert_eq!(end.code, Some(6), "{end:?}");
    assert_eq!(end.json()["summary"]["skipped"], 1);
    assert!(end.stderr.contains("--no-journal"), "{}", end.stderr);
}
