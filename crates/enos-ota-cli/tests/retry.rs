//! `enos-ota retry` against a gateway: outcomes, exit codes, and the forms of the result.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::time::Duration;

use common::{Finished, Gateway, SECRET, run, run_with_input};
use enos_ota_emulator::{
    Action, DEMO_DENIED_ORG_ID, DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Fault, FaultBody, MixedList, RetryAfter, Scope,
};
use serde_json::{Value, json};

const UNKNOWN_JOB_ID: &str = "000000000000000000000000";

/// Retries one failed device with `--output json`, and without waiting long for a gateway that fails.
fn retry_one(gateway: &Gateway, more: &[&str]) -> Finished {
    let args = [
        "retry",
        "--output",
        "json",
        "--request-attempts",
        "1",
        "--timeout",
        "2",
        "--no-lookup",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
    ];
    gateway.run(args.iter().chain(more))
}

fn with_fault(fault: Fault) -> Gateway {
    let gateway = Gateway::start();
    gateway.emulator.faults().push(fault.forever());
    gateway
}

fn on_retry(fault: Fault) -> Gateway {
    with_fault(fault.on(Scope::Jobs))
}

#[test]
fn accepted_devices_are_reported_as_the_contract_says() {
    let gateway = Gateway::start();
    let end = gateway.run([
        "retry",
        "--output",
        "json",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-02",
    ]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let mut result = end.json();
    let id = result["devices"][0]["requestId"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 36), "{id}");
    assert_eq!(result["devices"][1]["requestId"].take(), id);
    let journal = result["journal"].take();
    let journal = journal.as_str().unwrap();
    assert!(fs::metadata(journal).unwrap().is_file(), "{journal}");
    assert_eq!(end.stderr, format!("journal: {journal}\n2 devices: 2 accepted\n"));
    assert_eq!(
        result,
        json!({
            "schema": "enos-ota/retry/1", "jobId": DEMO_JOB_ID, "orgId": gateway.emulator.org_id(),
            "summary": {"requested": 2, "accepted": 2, "rejected": 0, "skipped": 0, "unknown": 0},
            "ending": "complete",
            "fates": {"succeeded": 0, "failedAgain": 0, "underWay": 2, "stillFailed": 0, "gone": 0, "notSeen": 0},
            "elsewhere": 0,
            "calls": {"retries": 1, "searches": 1, "throttled": 0, "lost": 0, "refused": 0},
            "journal": null,
            "devices": [
                {"deviceKey": "pump-01", "outcome": "accepted", "code": 0, "message": null, "requestId": null, "fate": "underWay"},
                {"deviceKey": "pump-02", "outcome": "accepted", "code": 0, "message": null, "requestId": null, "fate": "underWay"},
            ],
        })
    );
    for device in ["pump-01", "pump-02"] {
        assert_eq!(gateway.emulator.retry_count(DEMO_JOB_ID, device).unwrap().applied, 1);
    }
}

#[test]
fn jsonl_prints_each_device_and_then_the_summary() {
    let gateway = Gateway::start();
    let end = gateway.run([
        "retry",
        "--output",
        "jsonl",
        "--chunk-size",
        "1",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-11",
    ]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let mut lines: Vec<Value> = end
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    // In whichever order the two calls are answered.
    lines[..2].sort_by_key(|line| line["deviceKey"].to_string());
    assert_eq!(
        (&lines[0]["deviceKey"], &lines[0]["outcome"]),
        (&json!("pump-01"), &json!("accepted"))
    );
    assert_eq!(
        (&lines[1]["deviceKey"], &lines[1]["code"]),
        (&json!("pump-11"), &json!(24621))
    );
    assert_eq!(
        lines[2]["summary"],
        json!({"requested": 2, "accepted": 1, "rejected": 1, "skipped": 0, "unknown": 0})
    );
}

/// One way in which a call ends, and what the program makes of it.
struct Case {
    name: &'static str,
    gateway: Gateway,
    args: &'static [&'static str],
    exit: i32,
    outcome: &'static str,
    code: Option<i64>,
    message: &'static str,
}

fn case(
    name: &'static str,
    gateway: Gateway,
    exit: i32,
    (outcome, code): (&'static str, Option<i64>),
    message: &'static str,
) -> Case {
    Case {
        name,
        gateway,
        args: &[],
        exit,
        outcome,
        code,
        message,
    }
}

/// What is wrong about the end of a case, if anything is.
fn is_wrong(case: &Case) -> Option<String> {
    let mut args = vec!["retry", "--output", "json", "--request-attempts", "1", "--no-lookup"];
    args.extend(case.args);
    for (option, value) in [("--job-id", DEMO_JOB_ID), ("--timeout", "2")] {
        if !case.args.contains(&option) {
            args.extend([option, value]);
        }
    }
    if !case.args.contains(&"pump-11") {
        args.push("pump-01");
    }
    let end = case.gateway.run(args);
    let device = &end.json()["devices"][0];
    let message = device["message"].as_str().unwrap_or_default();
    let got = (end.code, device["outcome"].as_str(), device["code"].as_i64());
    let told = end.stderr.contains("hint: ") && !end.last_line().ends_with(" accepted");
    let right = got == (Some(case.exit), Some(case.outcome), case.code) && message.contains(case.message) && told;
    (!right).then(|| format!("{}: {got:?} {message}\n{}\n", case.name, end.stderr))
}

#[test]
#[allow(clippy::too_many_lines)] // A table is as long as what it lists.
fn every_answer_has_its_outcome_code_and_exit_code() {
    let (rejected, skipped, unknown) = ("rejected", "skipped", "unknown");
    let fresh = Gateway::start;
    let token = |fault: Fault| with_fault(fault.on(Scope::TokenGet));
    let cases = [
        Case {
            args: &["--job-id", UNKNOWN_JOB_ID],
            ..case("24404", fresh(), 4, (rejected, Some(24404)), "Job not found")
        },
        Case {
            args: &["--job-id", DEMO_STOPPED_JOB_ID],
            ..case("24617", fresh(), 4, (rejected, Some(24617)), "Job not running")
        },
        Case {
            args: &["pump-11"],
            ..case(
                "24621",
                fresh(),
                1,
                (rejected, Some(24621)),
                "Only failed tasks can be retried",
            )
        },
        Case {
            args: &["--org-id", "nobody"],
            ..case("99400", fresh(), 4, (rejected, Some(99400)), "orgId does not exist")
        },
        Case {
            args: &["--org-id", DEMO_DENIED_ORG_ID],
            ..case("99403", fresh(), 3, (rejected, Some(99403)), "Denied resource")
        },
        case(
            "99404",
            on_retry(Fault::code(99404, "gone")),
            4,
            (rejected, Some(99404)),
            "gone",
        ),
        case(
            "99500",
            on_retry(Fault::code(99500, " Internal Server Error")),
            5,
            (unknown, Some(99500)),
            "Internal Server Error",
        ),
        case(
            "24500",
            on_retry(Fault::code(24500, "OTA")),
            5,
            (unknown, Some(24500)),
            "OTA",
        ),
        case(
            "a code that no page lists",
            on_retry(Fault::code(31337, "what?")),
            1,
            (rejected, Some(31337)),
            "what?",
        ),
        case(
            "1001 for ever",
            token(Fault::token_status(1001, "again")),
            5,
            (skipped, None),
            "not sent: 1001",
        ),
        case(
            "1002",
            token(Fault::token_status(1002, "no such key")),
            3,
            (skipped, None),
            "not sent: 1002",
        ),
        case(
            "1003",
            token(Fault::token_status(1003, "bad")),
            3,
            (skipped, None),
            "not sent: 1003",
        ),
        case(
            "1004",
            token(Fault::token_status(1004, "bad")),
            3,
            (skipped, None),
            "not sent: 1004",
        ),
        case(
            "1005",
            token(Fault::token_status(1005, "oops")),
            5,
            (skipped, None),
            "not sent: 1005",
        ),
        case(
            "1202",
            token(Fault::token_status(1202, "empty")),
            3,
            (skipped, None),
            "not sent: 1202",
        ),
        case(
            "1203 for ever",
            on_retry(Fault::token_status(1203, "old")),
            3,
            (skipped, None),
            "not sent: old",
        ),
        case(
            "1204",
            token(Fault::token_status(1204, "no")),
            3,
            (skipped, None),
            "not sent: 1204",
        ),
        case(
            "apim_status 4011",
            on_retry(Fault::apim_status(4011)),
            3,
            (skipped, None),
            "4011",
        ),
        case(
            "apim_status 4012",
            on_retry(Fault::apim_status(4012)),
            3,
            (skipped, None),
            "4012",
        ),
        case("HTTP 401", on_retry(Fault::http(401)), 3, (skipped, None), "HTTP 401"),
        case("HTTP 403", on_retry(Fault::http(403)), 3, (rejected, None), "HTTP 403"),
        case("HTTP 404", on_retry(Fault::http(404)), 5, (rejected, None), "HTTP 404"),
        case(
            "HTTP 429 that asks for more than is waited",
            on_retry(Fault::throttled(Some(RetryAfter::Seconds(301)))),
            5,
            (skipped, None),
            "HTTP 429",
        ),
        case("HTTP 500", on_retry(Fault::http(500)), 5, (unknown, None), "HTTP 500"),
        case(
            "HTTP 502 with a page",
            on_retry(Fault::html_page(502)),
            5,
            (unknown, None),
            "HTTP 502",
        ),
        case(
            "HTTP 503",
            on_retry(Fault::http_body(503, FaultBody::Json)),
            5,
            (unknown, None),
            "HTTP 503",
        ),
        case(
            "a web page",
            on_retry(Fault::html_page(200)),
            5,
            (unknown, None),
            "web page",
        ),
        case(
            "no body",
            on_retry(Fault::empty_body(200)),
            5,
            (unknown, None),
            "no body",
        ),
        case(
            "a cut-off body",
            on_retry(Fault::truncated_body()),
            5,
            (unknown, None),
            "broke off",
        ),
        case(
            "a huge body",
            on_retry(Fault::big_body(50)),
            5,
            (unknown, None),
            "larger than 8192 KiB",
        ),
        case(
            "a redirect",
            on_retry(Fault::redirect("https://example.invalid/")),
            5,
            (rejected, None),
            "redirect to https://example.invalid/",
        ),
        Case {
            args: &["--timeout", "1"],
            ..case(
                "a slow body",
                on_retry(Fault::slow_body(1, Duration::from_millis(400))),
                5,
                (unknown, None),
                "did not answer",
            )
        },
        case(
            "cut before",
            on_retry(Fault::cut_before_applying()),
            5,
            (unknown, None),
            "broke before the answer came",
        ),
        case(
            "cut after",
            on_retry(Fault::cut_after_applying()),
            5,
            (unknown, None),
            "broke before the answer came",
        ),
    ];
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| scope.spawn(|| is_wrong(case))).collect();
        running.into_iter().filter_map(|case| case.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_gateway_that_cannot_be_reached_is_told_apart() {
    let gateway = Gateway::start();
    let with_base_url = |url: &str| {
        run(gateway
            .command([
                "retry",
                "--output",
                "json",
                "--request-attempts",
                "1",
                "--job-id",
                DEMO_JOB_ID,
                "pump-01",
            ])
            .env("ENOS_BASE_URL", url))
    };
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, message) in [
        (
            "https://no-such-host.invalid".to_owned(),
            "no address was found for the host name `no-such-host.invalid`",
        ),
        (format!("http://{unused}"), "connection refused"),
        // The emulator does not speak TLS.
        (
            gateway.emulator.base_url().replace("http:", "https:"),
            "the port does not speak TLS",
        ),
    ] {
        let end = with_base_url(&url);
        let device = &end.json()["devices"][0];
        assert_eq!(
            (end.code, device["outcome"].as_str()),
            (Some(5), Some("skipped")),
            "{url}: {end:#?}"
        );
        assert!(device["message"].as_str().unwrap().contains(message), "{end:#?}");
    }
}

#[test]
fn wrong_credentials_exit_with_3_and_skip_every_device() {
    let gateway = Gateway::start();
    let end = run(gateway
        .command([
            "retry",
            "--output",
            "json",
            "--job-id",
            DEMO_JOB_ID,
            "pump-01",
            "pump-02",
        ])
        .env("ENOS_APP_SECRET", "wrong"));
    assert_eq!(end.code, Some(3), "{end:?}");
    let result = end.json();
    assert_eq!(result["summary"]["skipped"], 2);
    assert_eq!(result["devices"][0]["code"], Value::Null);
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

#[test]
fn what_was_never_sent_leaves_no_journal_and_is_told_once() {
    for more in [&[][..], &["--no-lookup"]] {
        let gateway = Gateway::start();
        let args = ["retry", "--job-id", DEMO_JOB_ID, "pump-01"];
        let mut command = gateway.command(args.iter().chain(more));
        let end = run(command.env("ENOS_APP_SECRET", "wrong"));
        assert_eq!((end.code, end.stdout.as_str()), (Some(3), ""), "{end:?}");
        assert_eq!(end.stderr.matches("error:").count(), 1, "{}", end.stderr);
        assert!(!end.stderr.contains("resume"), "{}", end.stderr);
        assert!(!gateway.folder.path().join("state").exists(), "{end:?}");
    }

    // There was a journal, because the gateway might have been reached in time.
    let gateway = Gateway::start();
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let args = [
        "retry",
        "--job-id",
        DEMO_JOB_ID,
        "--request-attempts",
        "1",
        "--no-lookup",
        "pump-01",
    ];
    let end = run(gateway.command(args).env("ENOS_BASE_URL", format!("http://{unused}")));
    assert_eq!(end.code, Some(5), "{end:?}");
    assert!(
        end.stderr.contains("nothing was sent, so the journal was removed") && !end.stderr.contains("resume"),
        "{}",
        end.stderr
    );
    let journals = gateway.folder.path().join("state/enos-ota/journals");
    assert_eq!(fs::read_dir(journals).unwrap().count(), 0);
}

#[test]
fn an_outage_is_told_with_status_attempts_and_time() {
    let args = ["retry", "--job-id", DEMO_JOB_ID, "--timeout", "2", "pump-01"];
    let gateway = on_retry(Fault::http(503));
    let end = gateway.run(args.iter().chain(&["--no-lookup"]));
    assert_eq!(end.code, Some(5), "{end:?}");
    assert!(
        end.stderr.contains("error: ") && end.stderr.contains("503") && end.stderr.contains("; gave up after "),
        "{}",
        end.stderr
    );
    // Found out by the search, before anything was sent.
    let gateway = on_retry(Fault::http(503));
    let end = gateway.run(args);
    assert!(end.code == Some(5) && end.stderr.contains("503"), "{end:?}");
    assert!(!end.stderr.contains("resume"), "{}", end.stderr);
    assert_eq!(gateway.emulator.counters().retry_calls, 0);
}

#[test]
fn an_organization_that_is_not_there_is_named() {
    let gateway = Gateway::start();
    for more in [&[][..], &["--no-lookup"]] {
        let args = ["retry", "--job-id", DEMO_JOB_ID, "--org-id", "nobody", "pump-01"];
        let end = gateway.run(args.iter().chain(more));
        assert_eq!(end.code, Some(4), "{end:?}");
        for text in ["organization nobody", gateway.emulator.base_url(), "from --org-id"] {
            assert!(end.stderr.contains(text), "{text}: {}", end.stderr);
        }
        assert!(!end.stderr.contains("resume"), "{}", end.stderr);
    }
}

#[test]
fn named_devices_are_looked_up_before_they_are_sent() {
    let actions_of = |args: &[&str]| {
        let gateway = Gateway::start();
        let retry = ["retry", "--job-id", DEMO_JOB_ID, "--no-verify", "pump-01"];
        let end = gateway.run(retry.iter().chain(args));
        assert_eq!(end.code, Some(0), "{end:?}");
        let requests = gateway.emulator.requests();
        requests.iter().filter_map(|request| request.action).collect::<Vec<_>>()
    };
    assert_eq!(actions_of(&[]), [Action::SearchTask, Action::RetryTask]);
    assert_eq!(actions_of(&["--no-lookup"]), [Action::RetryTask]);

    // Who may not search may still retry.
    let gateway = Gateway::start();
    gateway.emulator.faults().push(
        Fault::code(99403, "Denied resource")
            .on(Scope::Action(Action::SearchTask))
            .forever(),
    );
    let end = gateway.run(["retry", "--job-id", DEMO_JOB_ID, "--no-verify", "pump-01"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(
        end.stderr.contains("the devices could not be looked up: "),
        "{}",
        end.stderr
    );
    let end = gateway.run([
        "retry",
        "--job-id",
        DEMO_JOB_ID,
        "--no-lookup",
        "--canary",
        "1",
        "pump-01",
    ]);
    assert!(
        end.code == Some(2) && end.stderr.contains("leave --no-lookup out"),
        "{end:?}"
    );
}

#[test]
fn a_base_url_may_end_in_a_slash() {
    let gateway = Gateway::start();
    let end = run(gateway
        .command(["retry", "--job-id", DEMO_JOB_ID, "pump-01"])
        .env("ENOS_BASE_URL", format!("{}/", gateway.emulator.base_url())));
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn more_devices_than_one_call_takes_go_in_several_calls() {
    let gateway = Gateway::start();
    let file = gateway.folder.path().join("keys.txt");
    fs::write(&file, "pump-01\npump-02\npump-03\npump-04\npump-05\n").unwrap();
    let end = gateway.run([
        "retry",
        "--chunk-size",
        "2",
        "--job-id",
        DEMO_JOB_ID,
        "--device-keys-file",
        file.to_str().unwrap(),
    ]);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(
        end.stdout
            .lines()
            .filter(|line| line.starts_with("accepted  pump-0"))
            .count(),
        5
    );
    let mut sizes: Vec<_> = gateway
        .emulator
        .requests()
        .iter()
        .filter_map(|request| request.device_keys)
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 2]);
    assert_eq!(gateway.emulator.counters().token_gets, 1);
}

#[test]
fn what_follows_a_call_that_stops_the_run_is_skipped_and_told() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::code(24617, "Job not running").on(Scope::Jobs).forever());
    let end = gateway.run([
        "retry",
        "--chunk-size",
        "1",
        "--concurrency",
        "1",
        "--output",
        "json",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-02",
        "pump-03",
    ]);
    assert_eq!(end.code, Some(4), "{end:?}");
    let result = end.json();
    assert_eq!(
        result["summary"],
        json!({"requested": 3, "accepted": 0, "rejected": 1, "skipped": 2, "unknown": 0})
    );
    assert!(
        result["devices"][2]["message"]
            .as_str()
            .unwrap()
            .starts_with("not sent, because an earlier call failed")
    );
    assert_eq!(gateway.emulator.counters().retry_calls, 1);
}

#[test]
fn a_refused_list_does_not_hold_up_the_next_one() {
    let gateway = Gateway::start();
    let end = gateway.run([
        "retry",
        "--chunk-size",
        "1",
        "--output",
        "json",
        "--job-id",
        DEMO_JOB_ID,
        "pump-11",
        "pump-01",
    ]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(end.json()["summary"]["accepted"], 1);
}

#[test]
fn a_lost_answer_is_looked_up_and_nothing_is_sent_twice() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Action(Action::RetryTask)));
    gateway
        .emulator
        .faults()
        .push(Fault::cut_before_applying().on(Scope::Action(Action::RetryTask)));
    let end = gateway.run([
        "retry",
        "--output",
        "json",
        "--concurrency",
        "1",
        "--chunk-size",
        "1",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-02",
    ]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let result = end.json();
    let looked_up = |device: &&Value| {
        device["message"] == "the answer was lost; a search shows that the task was retried" && device["code"].is_null()
    };
    assert_eq!(
        result["devices"].as_array().unwrap().iter().filter(looked_up).count(),
        1,
        "{result}"
    );
    assert_eq!(result["calls"]["lost"], 2, "{result}");
    for device in ["pump-01", "pump-02"] {
        assert_eq!(gateway.emulator.retry_count(DEMO_JOB_ID, device).unwrap().applied, 1);
    }
}

#[test]
fn an_answer_that_nobody_can_look_up_leaves_the_device_unknown() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::cut_after_applying().on(Scope::Action(Action::RetryTask)));
    gateway.emulator.faults().push(
        Fault::code(99403, "Denied resource")
            .on(Scope::Action(Action::SearchTask))
            .forever(),
    );
    let end = gateway.run(["retry", "--output", "json", "--job-id", DEMO_JOB_ID, "pump-01"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(end.json()["devices"][0]["outcome"], "unknown");
    assert!(
        end.stderr
            .contains("devices cannot be looked up: 99403 Denied resource")
            && end.stderr.contains("may have been retried"),
        "{}",
        end.stderr
    );
}

#[test]
fn a_gateway_that_recovers_in_time_costs_nothing_but_time() {
    let gateway = Gateway::start_with(|builder| builder.mixed_list(MixedList::Partial));
    gateway
        .emulator
        .faults()
        .push(Fault::http(503).on(Scope::Jobs).times(2));
    gateway.emulator.faults().push(Fault::kill_token().on(Scope::Jobs));
    let end = gateway.run(["retry", "--job-id", DEMO_JOB_ID, "pump-01"]);
    assert_eq!(
        (end.code, end.last_line()),
        (Some(0), "1 device: 1 accepted"),
        "{end:?}"
    );
}

#[test]
fn device_keys_come_from_standard_input() {
    let gateway = Gateway::start();
    let mut command = gateway.command(["retry", "--job-id", DEMO_JOB_ID, "--device-keys-file", "-"]);
    let end = run_with_input(
        &mut command,
        b"\xef\xbb\xbf# failed pumps\r\npump-01\r\n\r\npump-02\r\npump-01\r\n",
    );
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(end.stdout, "accepted  pump-01\naccepted  pump-02\n");
    assert!(
        end.stderr.contains("warning: 1 repeated device key was left out"),
        "{}",
        end.stderr
    );
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let gateway = Gateway::start();
    let job = ["--job-id", DEMO_JOB_ID];
    fs::write(gateway.folder.path().join("bad.csv"), "pump-01\n\"pump-02\",failed\n").unwrap();
    fs::write(gateway.folder.path().join("empty.txt"), "# nothing\n").unwrap();
    for (args, message) in [
        (vec!["pump-01"], "no job was given"),
        (vec!["--job-id", "", "pump-01"], "the job id is empty"),
        (job.to_vec(), "no device keys were given"),
        (
            [&job[..], &["--device-keys-file", "missing.txt"]].concat(),
            "the device key file missing.txt cannot be read",
        ),
        (
            [&job[..], &["--device-keys-file", "empty.txt"]].concat(),
            "no device keys were given",
        ),
        (
            [&job[..], &["--device-keys-file", "bad.csv"]].concat(),
            "bad.csv, line 2: `\"pump-02\",failed` is not a device key",
        ),
        (
            [&job[..], &["--device-keys-file", "bad.csv", "pump-01"]].concat(),
            "devices are named, and --device-keys-file names bad.csv too",
        ),
        (
            [&job[..], &["--chunk-size", "0", "pump-01"]].concat(),
            "invalid value '0' for '--chunk-size <N>': expected a whole number from 1",
        ),
        (
            [&job[..], &["--failed", "--canary", "1", "--canary-success", "0.9"]].concat(),
            "'--canary-success <PERCENT>': did you mean 90%?",
        ),
        (
            [&job[..], &["--failed", "--canary", "0.05"]].concat(),
            "'--canary <N|PERCENT>': did you mean 5%?",
        ),
        (
            [&job[..], &["--failed", "--abort-above", "0.05"]].concat(),
            "'--abort-above <PERCENT>': did you mean 5%?",
        ),
        (
            [&job[..], &["--failed", "--waves", "1%,0.5"]].concat(),
            "'--waves <SIZES>': `0.5`: did you mean 50%?",
        ),
        (
            [&job[..], &["--failed", "--waves", "50%,10%"]].concat(),
            "so the sizes must ascend, and 10% follows 50%",
        ),
        (
            [&job[..], &["--rate", "-1", "pump-01"]].concat(),
            "invalid value '-1' for '--rate <RATE>'",
        ),
        (
            [&job[..], &["--rate", "1/h", "pump-01"]].concat(),
            "the slowest rate is 0.001 calls per second",
        ),
        (
            [&job[..], &["--timeout", "soon", "pump-01"]].concat(),
            "'--timeout <DURATION>': expected a duration from 1s to 24h",
        ),
        (
            [&job[..], &["pump-01,pump-02", "pump-03"]].concat(),
            "did you mean: pump-01 pump-02",
        ),
        (
            [&job[..], &["pump-01", ""]].concat(),
            "device key 2: a device key cannot be empty",
        ),
        (
            [&job[..], &["--emulator", "--base-url", "http://127.0.0.1:1", "pump-01"]].concat(),
            "cannot be used with",
        ),
    ] {
        let end = gateway.run([&["retry"], &args[..]].concat());
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{args:?}: {end:?}");
        assert!(end.stderr.contains(message), "{args:?}: {}", end.stderr);
    }
    assert!(gateway.emulator.requests().is_empty());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let gateway = Gateway::start();
    let mut child = gateway
        .command(["retry", "--job-id", DEMO_JOB_ID, "pump-01"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let end = common::finished(child.wait_with_output().unwrap());
    assert_eq!((end.code, end.stderr.contains("error:")), (Some(0), false), "{end:?}");
}

#[test]
fn no_secret_is_in_any_output_however_verbose() {
    let bodies = [FaultBody::Plain, FaultBody::Html];
    let mut faults = vec![
        Fault::code(99500, "boom"),
        Fault::token_status(1003, "bad"),
        Fault::apim_status(4011),
        Fault::throttled(Some(RetryAfter::Seconds(301))),
        Fault::truncated_body(),
        Fault::big_body(10),
        Fault::empty_body(200),
        Fault::cut_before_applying(),
        Fault::cut_after_applying(),
        Fault::redirect("https://example.invalid/"),
    ];
    for status in [200, 401, 403, 404, 500, 502, 503] {
        faults.extend(bodies.map(|body| Fault::http_body(status, body)));
    }
    let shows_no_secret = |fault: &Fault| {
        for scope in [Scope::TokenGet, Scope::Jobs] {
            let gateway = with_fault(fault.clone().on(scope));
            let end = retry_one(&gateway, &["-vvv"]);
            assert_ne!(end.code, Some(0), "{fault:?}: {end:?}");
            let output = format!("{}{}", end.stdout, end.stderr);
            assert!(!output.contains(SECRET), "{output}");
            // The emulator's tokens begin so, and both hashes are 64 digits long.
            assert!(!output.contains("emulator-"), "{output}");
            let longest = output.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
            assert!(longest < Some(64), "{output}");
        }
    };
    std::thread::scope(|scope| {
        for fault in &faults {
            scope.spawn(|| shows_no_secret(fault));
        }
    });
}

/// A slim container has none, and what runs on this machine alone needs none.
#[cfg(target_os = "linux")]
#[test]
fn a_gateway_on_this_machine_needs_no_certificates() {
    let gateway = Gateway::start();
    let end = run(gateway
        .command(["retry", "--job-id", DEMO_JOB_ID, "pump-01"])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", gateway.folder.path()));
    assert_eq!(end.code, Some(0), "{end:?}");
    let end = run(gateway
        .command(["token"])
        .env("ENOS_BASE_URL", "https://h.invalid")
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", gateway.folder.path()));
    assert!(end.code == Some(2) && end.stderr.contains("ca-certificates"), "{end:?}");
}
