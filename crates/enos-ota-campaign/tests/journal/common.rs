//! Plans, records and files for the tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use enos_ota_campaign::journal::{BeginDetails, CallEnd, Journal, Keys, Operator, Record};
use enos_ota_campaign::{Devices, Plan, Selection, TaskFacts};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) fn key(number: usize) -> String {
    format!("pump-{number:06}")
}

pub(crate) fn keys(numbers: impl IntoIterator<Item = usize>) -> Keys<'static> {
    numbers.into_iter().map(|number| key(number).into()).collect()
}

pub(crate) fn plan(count: usize) -> Plan {
    let mut devices = Devices::new();
    for number in 0..count {
        let facts = TaskFacts {
            product_key: Some("pump"),
            from_version: Some("2.3.0"),
            to_version: Some("2.4.1"),
            reason: Some("no \"space\" left"),
            progress: (number % 3 > 0).then_some(-4),
            updated_ms: Some(1_767_323_045_000),
            ..TaskFacts::default()
        };
        devices.push(&key(number), &facts).unwrap();
    }
    Plan::new(
        "5ed758ca49f032b4663063aa".parse().unwrap(),
        "o1".parse().unwrap(),
        Selection::default(),
        200.try_into().unwrap(),
        1_767_323_045_678,
        devices,
    )
}

pub(crate) fn details() -> BeginDetails {
    BeginDetails {
        base_url: "https://gateway.example".to_owned(),
        by: operator("ann@host"),
        at_ms: 1_000,
        settings: serde_json::json!({"canary": 5}),
    }
}

pub(crate) fn operator(who: &str) -> Operator {
    Operator {
        who: who.to_owned(),
        command: vec!["enos-ota".to_owned(), "retry".to_owned()],
        program: "enos-ota 0.1.0".to_owned(),
    }
}

pub(crate) fn sent(call: u64, numbers: impl IntoIterator<Item = usize>) -> Record<'static> {
    Record::Sent {
        call,
        at: 2_000,
        not_failed: false,
        unseen: false,
        last_seen: Vec::new(),
        apart: Vec::new(),
        devices: keys(numbers),
    }
}

pub(crate) fn answered(call: u64, end: CallEnd) -> Record<'static> {
    Record::Answered {
        call,
        at: 3_000,
        end,
        code: Some(0),
        message: Some("OK".into()),
        request_id: Some(format!("r{call}").into()),
    }
}

pub(crate) fn resumed() -> Record<'static> {
    Record::Resumed {
        at: 4_000,
        by: operator("bob@host"),
    }
}

/// A folder that goes away, and a name in it.
pub(crate) fn in_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

/// Begins a journal and closes it after these records.
pub(crate) async fn write(path: &Path, plan: &Plan, records: &[Record<'_>]) {
    let journal = Journal::create(path, plan, details()).unwrap();
    for record in records {
        journal.append_soon(record);
    }
    journal.close().await.unwrap();
}

/// Ties JSON objects together as a journal does, from what its documentation says.
pub(crate) fn chained(objects: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut text = String::new();
    let mut chain = String::new();
    for object in objects {
        let object = object.as_ref();
        let hash = Sha256::digest(format!("{chain}{object}"));
        chain.clear();
        for byte in &hash[..8] {
            write!(chain, "{byte:02x}").unwrap();
        }
        let open = object.strip_suffix('}').unwrap();
        writeln!(text, "{open},\"chain\":\"{chain}\"}}").unwrap();
    }
    text
}

/// The lines of a journal without their chains.
pub(crate) fn objects(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| format!("{}}}", &line[..line.len() - r#","chain":"0123456789abcdef"}"#.len()]))
        .collect()
}
