//! Retries of earlier campaigns are counted from their journals.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::borrow::Cow;
use std::error::Error as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use enos_ota_campaign::journal::{BeginDetails, CallEnd, Journal, Keys, Record};
use enos_ota_campaign::{Budget, Devices, History, Outcome, Plan, Selection, TaskFacts};

const DEVICES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A plan for devices that are all upgraded to one version; `None` stands for devices that a person named.
fn plan(org: &str, job: &str, to_version: Option<&str>, keys: &[&str]) -> Plan {
    let mut devices = Devices::new();
    for key in keys {
        let facts = TaskFacts {
            to_version,
            ..TaskFacts::default()
        };
        devices.push(key, &facts).unwrap();
    }
    Plan::new(
        job.parse().unwrap(),
        org.parse().unwrap(),
        Selection::default(),
        NonZeroUsize::MIN,
        0,
        devices,
    )
}

fn keys(keys: &[&'static str]) -> Keys<'static> {
    keys.iter().copied().map(Cow::Borrowed).collect()
}

fn sent(call: u64, devices: &[&'static str]) -> Record<'static> {
    Record::Sent {
        call,
        at: 1,
        not_failed: false,
        unseen: false,
        last_seen: Vec::new(),
        apart: Vec::new(),
        devices: keys(devices),
    }
}

fn answered(call: u64, end: CallEnd) -> Record<'static> {
    Record::Answered {
        call,
        at: 2,
        end,
        code: None,
        message: None,
        request_id: None,
    }
}

fn settled(outcome: Outcome, devices: &[&'static str]) -> Record<'static> {
    Record::Settled {
        at: 3,
        outcome,
        code: None,
        message: None,
        request_id: None,
        elsewhere: false,
        devices: keys(devices),
    }
}

async fn journal(folder: &Path, name: &str, plan: &Plan, records: &[Record<'_>]) {
    let journal = Journal::create(&folder.join(name), plan, BeginDetails::default()).unwrap();
    for record in records {
        journal.append(record).await.unwrap();
    }
    journal.close().await.unwrap();
}

fn attempts(history: &History, plan: &Plan) -> Vec<u32> {
    plan.devices.ids().map(|id| history.attempts(id)).collect()
}

#[tokio::test]
async fn only_accepted_retries_count() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan("o1", "j1", Some("2"), &DEVICES);
    let records = [
        sent(1, &["a", "b"]),
        answered(1, CallEnd::Accepted),
        // The answer was lost, and a search showed what became of it.
        sent(2, &["c", "d"]),
        answered(2, CallEnd::Lost),
        settled(Outcome::Accepted, &["c"]),
        settled(Outcome::Unknown, &["d"]),
        sent(3, &["e"]),
        answered(3, CallEnd::Throttled),
        sent(4, &["f"]),
        answered(4, CallEnd::NotFailed),
        settled(Outcome::Rejected, &["f"]),
        settled(Outcome::Skipped, &["g"]),
        // The process died before the answer came.
        sent(5, &["h"]),
    ];
    journal(folder.path(), "1.jsonl", &plan, &records).await;
    let history = History::read(folder.path(), &plan).unwrap();
    assert_eq!(attempts(&history, &plan), [1, 1, 1, 0, 0, 0, 0, 0]);

    // Those of several campaigns add up, and for another order of the devices.
    journal(
        folder.path(),
        "2.jsonl",
        &plan,
        &[sent(1, &["h", "a"]), answered(1, CallEnd::Accepted)],
    )
    .await;
    let history = History::read(folder.path(), &plan).unwrap();
    assert_eq!(attempts(&history, &plan), [2, 1, 1, 0, 0, 0, 0, 1]);
    assert_eq!((history.journals(), history.passed_over()), (2, 0));

    let budget = Budget {
        max_attempts: Some(2),
        ..Budget::default()
    };
    let allowed: Vec<_> = plan
        .devices
        .ids()
        .filter(|id| {
            budget
                .verdict(&plan.devices.facts(*id), history.attempts(*id))
                .is_allowed()
        })
        .map(|id| plan.devices.key(id))
        .collect();
    assert_eq!(allowed, ["b", "c", "d", "e", "f", "g", "h"]);
}

#[tokio::test]
async fn a_retry_counts_for_the_same_version_in_the_same_organization() {
    let folder = tempfile::tempdir().unwrap();
    let accepted = [sent(1, &["a"]), answered(1, CallEnd::Accepted)];
    for (name, plan) in [
        ("same.jsonl", plan("o1", "j1", Some("2"), &["x", "a"])),
        ("other-job.jsonl", plan("o1", "j2", Some("2"), &["a"])),
        ("other-org.jsonl", plan("o2", "j1", Some("2"), &["a"])),
        ("other-version.jsonl", plan("o1", "j1", Some("3"), &["a"])),
        ("named.jsonl", plan("o1", "j1", None, &["a"])),
        ("named-other-job.jsonl", plan("o1", "j2", None, &["a"])),
    ] {
        journal(folder.path(), name, &plan, &accepted).await;
    }
    let of = |plan: &Plan| {
        let history = History::read(folder.path(), plan).unwrap();
        assert_eq!(history.journals(), 6);
        attempts(&history, plan)
    };
    // same, other-job, named
    assert_eq!(of(&plan("o1", "j1", Some("2"), &["a", "b"])), [3, 0]);
    // other-version, named
    assert_eq!(of(&plan("o1", "j1", Some("3"), &["a"])), [2]);
    // Of a named device it is not known, so the job decides: same, other-version, named
    assert_eq!(of(&plan("o1", "j1", None, &["a"])), [3]);
    assert_eq!(of(&plan("o3", "j1", Some("2"), &["a"])), [0]);
}

#[tokio::test]
async fn what_is_no_journal_is_passed_over_and_a_damaged_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan("o1", "j1", Some("2"), &["a"]);
    let accepted = [sent(1, &["a"]), answered(1, CallEnd::Accepted)];
    journal(folder.path(), "b.jsonl", &plan, &accepted).await;
    plan.save(folder.path().join("plan.jsonl"), false).unwrap();
    fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    fs::write(folder.path().join("other.txt"), "anything").unwrap();
    fs::create_dir(folder.path().join("old.jsonl")).unwrap();
    let history = History::read(folder.path(), &plan).unwrap();
    assert_eq!(attempts(&history, &plan), [1]);
    assert_eq!((history.journals(), history.passed_over()), (1, 2));

    // A last line that is only half there does not count, and is no damage.
    let path = folder.path().join("b.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    assert_eq!(attempts(&History::read(folder.path(), &plan).unwrap(), &plan), [0]);

    fs::write(&path, text.replace(r#""call":1"#, r#""call":7"#)).unwrap();
    let error = History::read(folder.path(), &plan).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the retries of earlier campaigns cannot be counted: a journal in "),
        "{error}"
    );
    let source = error.source().unwrap().to_string();
    assert!(source.contains("b.jsonl, line "), "{source}");
}

#[test]
fn a_folder_that_is_not_there_has_no_journals() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan("o1", "j1", Some("2"), &["a"]);
    let history = History::read(folder.path().join("none"), &plan).unwrap();
    assert_eq!((history.journals(), attempts(&history, &plan)), (0, vec![0]));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = History::read(&file, &plan).unwrap_err();
    assert!(
        error.to_string().ends_with("cannot be read") && error.source().is_some(),
        "{error}"
    );
}
