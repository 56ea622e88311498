//! An operation comes into the document as a skeleton, and into the client once the skeleton is filled in.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;
use xtask::workspace;

/// A copy of the real document.
struct Scratch {
    folder: TempDir,
}

impl Scratch {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::copy(workspace::root().join(workspace::SPEC), folder.path().join("spec.yaml")).unwrap();
        Self { folder }
    }

    fn spec(&self) -> PathBuf {
        self.folder.path().join("spec.yaml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.spec()).unwrap()
    }

    fn fill_in(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "not there: {from:?}");
        std::fs::write(self.spec(), text.replace(from, to)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .args(["--spec", "spec.yaml"])
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stdout}{stderr}");
    }

    /// Rule and line of each finding.
    fn findings(&self) -> Vec<(String, String)> {
        let output = self.run(&["lint", "--format", "json"]);
        let findings: Json = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Json| value.as_str().unwrap().trim().to_owned();
        let findings = findings.as_array().unwrap().iter();
        findings
            .map(|found| (text(&found["rule"]), text(&found["snippet"])))
            .collect()
    }

    /// What is to be written for any operation.
    fn fill_in_what_all_have(&self) {
        for (from, to) in [
            ("tags: [TODO]", "tags: [tasks]"),
            (
                "TODO: what it does, what must hold before, and what the answer carries.",
                "Holds tasks back.",
            ),
            (
                "- TODO: begin with \"Not documented\" what no page says, and with \"Inferred\" what follows from samples.",
                "- Not documented: the error codes; only the common ones are known.",
            ),
            ("TODO: version and title of the page", "EnOS 9.0.0: Pause OTA Task"),
            (
                "https://support.enos-iot.com/TODO",
                "https://support.enos-iot.com/docs/pause",
            ),
            ("TODO: the published sample", "The published sample"),
            ("x-available-since: TODO", "x-available-since: 9.0.0"),
            ("versions: TODO", "versions: 9.0.0"),
            ("permission: TODO", "permission: The permission to pause"),
        ] {
            self.fill_in(from, to);
        }
    }

    fn generated(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("out").join(file)).unwrap()
    }
}

#[test]
fn an_operation_goes_all_the_way_from_skeleton_to_client() {
    let scratch = Scratch::new();
    let before = scratch.text();
    scratch.succeeds(&[
        "new-operation",
        "pauseTask",
        "--method",
        "post",
        "--summary",
        "Pause tasks: all",
    ]);

    // Nothing that was there has changed, and whatever is to be filled in is reported.
    let after = scratch.text();
    let added: Vec<_> = similar::TextDiff::from_lines(&before, &after)
        .iter_all_changes()
        .filter(|change| change.tag() != similar::ChangeTag::Equal)
        .map(|change| (change.tag(), change.value().to_owned()))
        .collect();
    assert!(
        added.iter().all(|(tag, _)| *tag == similar::ChangeTag::Insert),
        "{added:?}"
    );
    let findings = scratch.findings();
    for (_, line) in added.iter().filter(|(_, line)| line.contains("TODO")) {
        assert!(
            findings.iter().any(|(_, found)| found == line.trim()),
            "{line}{findings:?}"
        );
    }
    assert!(findings.contains(&("operation-codes".to_owned(), "x-error-codes: []".to_owned())));

    scratch.fill_in_what_all_have();
    for (from, to) in [
        ("x-effect: TODO", "x-effect: compare-and-set"),
        ("TODO: what the body is for.", "Why they are paused."),
        ("TODO: what the body says.", "Why tasks are paused."),
        ("TODO: a member, and what it means.", "The reason."),
        ("todo: TODO", "reason: maintenance"),
        ("[todo]", "[reason]"),
        ("        todo:\n", "        reason:\n"),
        ("example: TODO", "example: maintenance"),
    ] {
        scratch.fill_in(from, to);
    }
    scratch.succeeds(&["lint", "--deny", "warnings"]);
    scratch.succeeds(&["codegen", "--out", "out"]);
    let client = scratch.generated("client.rs");
    syn::parse_file(&client).unwrap();
    assert!(client.contains("pub async fn pause_task"), "no method");
    assert!(client.contains("action=pauseTask"), "no action");
    assert!(client.contains("pub struct PauseTaskRequest"), "no body");
}

#[test]
fn an_operation_that_reads_has_no_body_and_no_effect() {
    let scratch = Scratch::new();
    let arguments = [
        "new-operation",
        "countTasks",
        "--method",
        "get",
        "--summary",
        "Count tasks",
        "--action",
        "count",
    ];
    scratch.succeeds(&arguments);
    scratch.fill_in_what_all_have();
    scratch.succeeds(&["lint", "--deny", "warnings"]);
    assert!(
        scratch
            .text()
            .contains("#action=count:\n    get:\n      operationId: countTasks\n")
    );
}

#[test]
fn what_is_there_already_or_cannot_be_a_name_is_refused() {
    let scratch = Scratch::new();
    let before = scratch.text();
    for (name, action, why) in [
        ("retryTask", "again", "`retryTask` is there already"),
        (
            "again",
            "retryTask",
            "an operation with the action `retryTask` is there already",
        ),
        ("RetryTask", "again", "`RetryTask` cannot be the name of an operation"),
        ("retry-task", "again", "`retry-task` cannot be the name"),
        ("again", "a b", "`a b` cannot be the name"),
    ] {
        let output = scratch.run(&[
            "new-operation",
            name,
            "--method",
            "post",
            "--summary",
            "Again",
            "--action",
            action,
        ]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.contains(why), "{stderr}");
    }
    assert_eq!(scratch.text(), before);
}
