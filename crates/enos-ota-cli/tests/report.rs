//! `enos-ota report`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::Gateway;
use enos_ota_emulator::{Fleet, Job, Task};

const JOB: &str = "j1";

/// A gateway, and the journal of a retry of three devices.
fn retried() -> (Gateway, String) {
    let tasks = (0..3).map(|number| Task::failed(format!("pump-{number}")));
    let job = Job::started(JOB).with_tasks(tasks);
    let gateway = Gateway::start_with(|builder| builder.fleet(Fleet::new("o1").job(job)));
    let journal = gateway.folder.path().join("journal.jsonl");
    let journal = journal.to_str().unwrap().to_owned();
    let run = gateway.run(["retry", "--job-id", JOB, "--failed", "--yes", "--journal", &journal]);
    assert_eq!(run.code, Some(0), "{run:#?}");
    (gateway, journal)
}

#[test]
fn a_journal_that_is_cut_off_is_warned_of_in_every_format() {
    let (gateway, journal) = retried();
    let whole = gateway.run(["report", &journal]);
    assert!(!whole.stderr.contains("warning"), "{whole:#?}");

    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 20]).unwrap();
    let line = text.lines().count();
    for format in ["table", "json", "csv", "html"] {
        let run = gateway.run(["report", &journal, "--format", format]);
        assert_eq!(run.code, Some(0), "{run:#?}");
        let warning = format!("warning: {journal} is cut off: line {line}, with");
        assert!(run.stderr.contains(&warning), "{run:#?}");
    }
}

#[cfg(unix)]
#[test]
fn a_report_in_a_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let (gateway, journal) = retried();
    let out = gateway.folder.path().join("report.html");
    let run = gateway.run(["report", &journal, "--format", "html", "-o", out.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
}
