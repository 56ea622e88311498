//! Past campaigns: listed from their journals, taken by name, and cleared.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::Gateway;
use enos_ota_emulator::{DEMO_JOB_ID, DEMO_STOPPED_JOB_ID};

fn retried(gateway: &Gateway, job_id: &str, device: &str) {
    gateway.run(["retry", "--job-id", job_id, device, "--no-verify"]);
}

/// One campaign that is finished, and one that a job which does not run has stopped.
fn two_campaigns() -> Gateway {
    let gateway = Gateway::start();
    retried(&gateway, DEMO_STOPPED_JOB_ID, "meter-01");
    retried(&gateway, DEMO_JOB_ID, "pump-01");
    gateway
}

#[test]
fn campaigns_are_listed_with_their_state_and_what_is_open() {
    let gateway = two_campaigns();
    let list = gateway.run(["campaigns", "--output", "json"]);
    let list = list.json();
    assert_eq!(list["schema"], "enos-ota/campaigns/1");
    let campaigns = list["campaigns"].as_array().unwrap();
    let of = |job: &str| campaigns.iter().find(|campaign| campaign["jobId"] == job).unwrap();
    let (finished, stopped) = (of(DEMO_JOB_ID), of(DEMO_STOPPED_JOB_ID));
    assert_eq!(
        (&finished["state"], &finished["open"]),
        (&"finished".into(), &0.into()),
        "{list}"
    );
    assert_eq!(
        (&stopped["state"], &stopped["open"]),
        (&"stopped".into(), &1.into()),
        "{list}"
    );
    assert_eq!(finished["baseUrl"], gateway.emulator.base_url());
    assert_eq!(finished["summary"]["accepted"], 1);
    let text = gateway.run(["campaigns", "--columns", "state,jobId,open", "--sort", "state"]);
    let rows: Vec<_> = text
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    assert_eq!(
        rows[1..],
        [["finished", DEMO_JOB_ID, "0"], ["stopped", DEMO_STOPPED_JOB_ID, "1"]]
    );
    assert!(
        text.last_line().starts_with("next: enos-ota resume 20"),
        "{}",
        text.stderr
    );
}

#[test]
fn a_campaign_is_taken_by_its_name_or_as_the_last() {
    let gateway = two_campaigns();
    let list = gateway.run(["campaigns", "--output", "json"]).json();
    let path = list["campaigns"][0]["journal"].as_str().unwrap();
    let name = std::path::Path::new(path).file_stem().unwrap().to_str().unwrap();
    for journal in [name, &format!("{name}.jsonl"), "--last"] {
        let report = gateway.run(["report", journal]);
        assert_eq!(report.code, Some(0), "{journal}: {report:?}");
        let watched = gateway.run(["watch", journal, "--watch-timeout", "0"]);
        assert_ne!(watched.code, Some(2), "{journal}: {watched:?}");
    }
    assert_eq!(gateway.run(["report", name, "--last"]).code, Some(2));
    let end = gateway.run(["report", "--last"]);
    assert!(end.stderr.contains("taking the last, "), "{}", end.stderr);
}

#[test]
fn finished_campaigns_are_cleared_only_if_the_user_agrees() {
    let gateway = two_campaigns();
    let journals = gateway.folder.path().join("state/enos-ota/journals");
    let count = || fs::read_dir(&journals).unwrap().count();
    let unasked = gateway.run(["campaigns", "prune"]);
    assert_eq!((unasked.code, count()), (Some(2), 2), "{unasked:?}");
    assert!(unasked.stderr.contains("pass --yes"), "{}", unasked.stderr);
    let young = gateway.run(["campaigns", "prune", "--older-than", "1d", "--yes"]);
    assert_eq!((young.code, count()), (Some(0), 2), "{young:?}");
    let pruned = gateway.run(["campaigns", "prune", "--yes"]);
    assert_eq!((pruned.code, count()), (Some(0), 1), "{pruned:?}");
    assert!(
        pruned.stdout.starts_with("removed  ") && pruned.stdout.contains(DEMO_JOB_ID),
        "{}",
        pruned.stdout
    );
}

#[test]
fn a_journal_that_cannot_be_read_is_listed_as_such_and_kept() {
    let gateway = two_campaigns();
    let file = gateway.folder.path().join("state/enos-ota/journals/x.jsonl");
    fs::write(&file, "{}\n").unwrap();
    let list = gateway.run(["campaigns"]);
    assert!(list.stdout.contains("unreadable"), "{list:?}");
    assert!(list.stderr.contains("warning: "), "{list:?}");
    assert_eq!(gateway.run(["campaigns", "prune", "--yes"]).code, Some(0));
    assert!(file.exists());
}
