//! What is different on a terminal. `script` lends one.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Gateway, run};
use enos_ota_emulator::{DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Fault, Fleet, Job, RetryAfter, Scope, Task};

/// The output on a terminal of so many columns, standard output and standard error together.
fn on_terminal(gateway: &Gateway, columns: u16, pager: &str, args: &[&str]) -> String {
    let mut script = common::terminal::on_terminal(gateway, &format!("stty cols {columns} rows 24"), args);
    script.env("TERM", "xterm").env("NO_COLOR", "1").env("PAGER", pager);
    let end = run(&mut script);
    assert_eq!(end.code, Some(0), "{end:?}");
    end.stdout.replace('\r', "")
}

#[test]
fn a_list_fits_the_terminal_and_breaks_between_words() {
    let key = "气泵-0001";
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks([
        Task::failed(key).desc("the device has no flash space left for the new firmware"),
        Task::failed("pump-2").desc("timed out"),
    ]));
    let gateway = Gateway::start_with(|builder| builder.fleet(fleet));
    let list = on_terminal(&gateway, 72, "cat", &["tasks", "list", "--job-id", "j1"]);
    let lines: Vec<_> = list.lines().collect();
    assert!(
        lines.iter().all(|line| ::console::measure_text_width(line) <= 72),
        "{list}"
    );
    assert!(lines[0].contains("UPDATED"), "{list}");
    let words: Vec<_> = list.split_whitespace().collect();
    for word in ["气泵-0001", "flash", "firmware", "timed"] {
        assert!(words.contains(&word), "{word} in {list}");
    }
    let at = |line: &str| line.find("failed").map(|at| ::console::measure_text_width(&line[..at]));
    let columns: Vec<_> = lines.iter().filter_map(|line| at(line)).collect();
    assert!(columns.len() == 2 && columns[0] == columns[1], "{list}");
}

#[test]
fn a_list_goes_through_the_pager_unless_told_otherwise() {
    let gateway = Gateway::start();
    let list = ["jobs", "list"];
    let paged = on_terminal(&gateway, 100, "sed s/^/paged:/", &list);
    assert!(paged.contains("paged:JOB ID"), "{paged}");
    let plain = on_terminal(&gateway, 100, "sed s/^/paged:/", &["jobs", "list", "--no-pager"]);
    assert!(plain.starts_with("JOB ID"), "{plain}");
    let json = on_terminal(&gateway, 100, "sed s/^/paged:/", &["jobs", "list", "--output", "json"]);
    assert!(json.starts_with('{'), "{json}");
    let without = on_terminal(&gateway, 100, "no-such-pager", &list);
    assert!(without.starts_with("JOB ID"), "{without}");
    let early = on_terminal(&gateway, 100, "true", &list);
    assert!(!early.contains("error"), "{early}");
}

#[test]
fn long_help_goes_through_the_pager() {
    let gateway = Gateway::start();
    let help = on_terminal(&gateway, 100, "sed s/^/paged:/", &["retry", "--help"]);
    assert!(help.contains("paged:Usage: enos-ota retry"), "{help}");
    let plain = on_terminal(&gateway, 100, "sed s/^/paged:/", &["retry", "--help", "--no-pager"]);
    assert!(plain.contains("\nUsage: enos-ota retry"), "{plain}");
}

#[test]
fn an_answer_is_laid_out_for_a_person() {
    let gateway = Gateway::start();
    let org_id = format!("orgId={}", gateway.emulator.org_id());
    let job_id = format!("jobId={DEMO_JOB_ID}");
    let api = [
        "api",
        "GET",
        "/connect-service/v2.1/ota-jobs",
        "--query",
        "action=get",
        "--query",
        &org_id,
        "--query",
        &job_id,
    ];
    let answer = on_terminal(&gateway, 100, "cat", &api);
    assert!(answer.starts_with("{\n  \"code\": 0,\n"), "{answer}");
    assert_eq!(gateway.run(api).stdout.lines().count(), 1);
}

#[test]
fn a_job_is_shown_with_its_tasks_and_the_next_step() {
    let gateway = Gateway::start();
    let shown = gateway.run(["jobs", "get", DEMO_JOB_ID]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for text in [
        "name          Pump controllers to 2.4.1\n",
        "status        started\n",
        "tasks         24\n",
        "10   42%  failed\n",
    ] {
        assert!(shown.stdout.contains(text), "expected `{text}` in {}", shown.stdout);
    }
    let retry = format!("hint: enos-ota retry --job-id {DEMO_JOB_ID} --failed --dry-run");
    assert!(shown.stderr.contains(&retry), "{}", shown.stderr);
    let stopped = gateway.run(["jobs", "get", DEMO_STOPPED_JOB_ID]);
    assert!(
        stopped
            .stderr
            .contains(&format!("enos-ota jobs start {DEMO_STOPPED_JOB_ID}")),
        "{stopped:?}"
    );
    let quiet = gateway.run(["jobs", "get", DEMO_STOPPED_JOB_ID, "--quiet"]);
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (stopped.stdout, ""));
}

#[test]
fn messages_are_broken_between_words_and_commands_can_be_copied() {
    let gateway = Gateway::start();
    let shown = on_terminal(&gateway, 50, "cat", &["jobs", "get", DEMO_JOB_ID]);
    let hint = shown
        .lines()
        .skip_while(|line| !line.starts_with("hint: "))
        .collect::<Vec<_>>();
    assert!(hint.len() > 1 && hint.iter().all(|line| line.len() <= 50), "{shown}");
    let command = hint.join("\n").replace(" \\\n      ", " ");
    assert!(
        command.contains(&format!("enos-ota retry --job-id {DEMO_JOB_ID} --failed --dry-run")),
        "{shown}"
    );
    let dry = [
        "retry",
        "--job-id",
        DEMO_JOB_ID,
        "--failed",
        "--dry-run",
        "--canary",
        "10%",
    ];
    let shown = on_terminal(&gateway, 50, "cat", &dry);
    // What was drawn and taken away again is on the first line.
    let mut lines = shown.lines().skip(1);
    assert!(lines.all(|line| ::console::measure_text_width(line) <= 50), "{shown}");
}

#[test]
fn somebody_who_waits_is_told_so() {
    let gateway = Gateway::start();
    let slow = || Fault::latency(std::time::Duration::from_millis(1500)).on(Scope::Jobs);
    gateway.emulator.faults().push(slow());
    let shown = on_terminal(&gateway, 80, "cat", &["jobs", "list"]);
    assert!(shown.starts_with("no answer yet\n"), "{shown}");
    gateway.emulator.faults().push(slow());
    let quiet = on_terminal(&gateway, 80, "cat", &["jobs", "list", "--quiet"]);
    assert!(quiet.starts_with("JOB ID"), "{quiet}");
    // It is the wait between the attempts that takes its time.
    let later = Fault::throttled(Some(RetryAfter::Seconds(2)));
    gateway.emulator.faults().push(later.on(Scope::Jobs));
    let shown = on_terminal(&gateway, 80, "cat", &["jobs", "list"]);
    assert!(shown.starts_with("no answer yet, attempt 2 of 5\n"), "{shown}");
}

#[test]
fn the_help_fits_80_columns() {
    let gateway = Gateway::start();
    for args in [&["-h"][..], &["--help"], &["retry", "--help"]] {
        let help = on_terminal(&gateway, 80, "cat", args);
        let examples =
            |line: &&str| line.trim_start().starts_with("enos-ota ") || line.trim_start().starts_with("http");
        for line in help.lines().filter(|line| !examples(line)) {
            assert!(::console::measure_text_width(line) <= 80, "{line}");
        }
    }
}

#[test]
fn columns_can_be_chosen_sorted_and_written_for_a_spreadsheet() {
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks([
        Task::failed("pump-9").desc("=1+1"),
        Task::failed("pump-10").desc("b, c"),
        Task::failed("=pump").desc("a"),
    ]));
    let gateway = Gateway::start_with(|builder| builder.fleet(fleet));
    let list = |more: &[&str]| gateway.run([&["tasks", "list", "--job-id", "j1"], more].concat());
    let csv = list(&["-o", "csv", "--columns", "device-key,reason", "--sort", "-reason"]);
    assert_eq!((csv.code, csv.stderr.as_str()), (Some(0), ""), "{csv:?}");
    assert_eq!(
        csv.stdout,
        "deviceKey,reason\npump-10,\"b, c\"\n'=pump,a\npump-9,'=1+1\n"
    );
    let text = list(&["--columns", "REASON,deviceKey", "--sort", "device-key"]);
    assert_eq!(text.stdout.lines().next(), Some("REASON  DEVICE KEY"));
    let unknown = list(&["--columns", "colour"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(
        unknown.stderr.contains("the columns are deviceKey, status"),
        "{unknown:?}"
    );
    assert!(
        gateway
            .run(["tasks", "list", "--job-id", "j1", "--quiet"])
            .stderr
            .is_empty()
    );
}
