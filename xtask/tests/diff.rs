//! `cargo xtask diff` says what an edit of the document does to those who rely on it.
//!
//! A case is a patch of `diff/base.yaml`, `diff/NN-name.patch`, and what is said about it, `diff/NN-name.txt`. A hunk
//! of a patch begins with `@@`, and may name a line after which it applies; without one its lines are there only once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_raw_string_hashes)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value as Json;
use tempfile::TempDir;
use xtask::diff::{self, Client, Diff, Level, Marker, Options, Subject, changes};
use xtask::spec::Document;
use xtask::spec::tree::{Content, Node};

#[path = "diff/api.rs"]
mod api;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diff")
}

fn base() -> String {
    std::fs::read_to_string(folder().join("base.yaml")).unwrap()
}

/// The patched document of each case, by the name of the case.
fn cases() -> BTreeMap<String, String> {
    let base = base();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let patches = entries.filter(|path| path.extension().is_some_and(|extension| extension == "patch"));
    let case = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let head = patched(&name, &base, &std::fs::read_to_string(path).unwrap());
        (name, head)
    };
    patches.map(case).collect()
}

fn patched(name: &str, base: &str, patch: &str) -> String {
    let mut text = base.to_owned();
    for hunk in patch
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .chunk_by(|_, next| !next.starts_with("@@"))
    {
        let after = hunk[0].strip_prefix("@@").unwrap().trim();
        let lines = |sign: char| -> String {
            let lines = hunk[1..].iter().filter(|line| line.starts_with([sign, ' ', '\n']));
            lines
                .map(|line| line.strip_prefix([sign, ' ']).unwrap_or(line))
                .collect()
        };
        let (old, new) = (lines('-'), lines('+'));
        let start = if after.is_empty() {
            assert_eq!(text.matches(&old).count(), 1, "{name}: not there exactly once: {old:?}");
            0
        } else {
            text.find(&format!(" {after}\n"))
                .unwrap_or_else(|| panic!("{name}: no line {after:?}"))
        };
        let place = text[start..]
            .find(&old)
            .unwrap_or_else(|| panic!("{name}: not there: {old:?}"));
        text.replace_range(start + place..start + place + old.len(), &new);
    }
    assert_ne!(text, base, "{name} changes nothing");
    text
}

fn document(name: &str, text: String) -> Document {
    Document::parse(name.to_owned(), text).unwrap_or_else(|report| panic!("{name}: {report}"))
}

fn client(document: Document) -> Client {
    Client::generate(document).unwrap_or_else(|report| panic!("{report}"))
}

static BASE: LazyLock<Client> = LazyLock::new(|| client(document("base.yaml", base())));

/// The client of each case, which several tests look at.
static HEADS: LazyLock<BTreeMap<String, Client>> = LazyLock::new(|| {
    let heads = cases().into_iter();
    heads
        .map(|(name, text)| (name, client(document("head.yaml", text))))
        .collect()
});

/// What is said of the base document and another one.
fn compared(head: &str) -> Diff {
    diff::compare(&BASE, &client(document("head.yaml", head.to_owned())))
}

#[test]
fn every_case_has_its_report() {
    assert!(HEADS.len() >= 30, "{} cases", HEADS.len());
    for (name, head) in &*HEADS {
        let report = diff::compare(&BASE, head).to_string();
        let golden = snapbox::Data::read_from(&folder().join(format!("{name}.txt")), None);
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(report, golden.raw());
    }
}

/// A verdict on a document that no client can be generated from would be one on nothing.
#[test]
fn what_the_generator_refuses_has_no_verdict_but_its_report() {
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("head.yaml");
    let base_file = folder().join("base.yaml").to_str().unwrap().to_owned();
    let run = |base: &str, head: &Path| {
        diff::run(&Options {
            base: Some(base.to_owned()),
            head: Some(head.to_owned()),
            ..Options::default()
        })
    };
    let accepted = base().replace("summary: Stop a job", "summary: Stop one job");
    std::fs::write(&file, accepted).unwrap();
    assert!(run(&base_file, &file).is_ok());

    let mut heads = cases();
    // Two schemas that become the same Rust type, `PageInfo`.
    let colliding = base().replace(
        "\n    PageInfo:\n",
        "\n    page_info:\n      type: object\n    PageInfo:\n",
    );
    heads.insert("colliding names".to_owned(), colliding);
    // Two operations with the same answer, of which one takes another code for a success.
    let stop = base().find("operationId: stopJob").unwrap();
    let otherwise = base()[stop..].replacen("success: 0", "success: 200", 1);
    heads.insert("two envelopes".to_owned(), base()[..stop].to_owned() + &otherwise);
    let mut refused = Vec::new();
    for (name, text) in heads {
        std::fs::write(&file, &text).unwrap();
        let Err(report) = xtask::codegen::files(&Document::load(&file).unwrap()) else {
            continue;
        };
        let error = run(&base_file, &file).unwrap_err();
        assert_eq!(error.to_string(), report.to_string(), "{name}");
        // Nor can it be what others were built from.
        let error = run(file.to_str().unwrap(), &folder().join("base.yaml")).unwrap_err();
        assert_eq!(error.to_string(), report.to_string(), "{name}");
        refused.push(name);
    }
    assert_eq!(refused, ["colliding names", "two envelopes"]);
}

/// Cases in which a compiler sees less than the verdict says: what the program does at run time is another matter.
const UNSEEN: [&str; 4] = [
    // The type refuses texts and lists that it took.
    "27-list-with-a-maximum",
    "30-id-with-a-greater-limit",
    // The struct refuses answers that it took.
    "61-answer-closed",
    // No one knows what it means, so it may mean anything.
    "60-unknown-key",
];

#[test]
fn the_verdict_on_rust_is_that_of_the_generated_code() {
    let base = document("base.yaml", base());
    let base_api = api::api(&base).unwrap();
    let mut wrong = Vec::new();
    for (name, head) in cases() {
        let head_api = api::api(&document("head.yaml", head)).unwrap();
        let (said, seen) = (
            diff::compare(&BASE, &HEADS[&name]).rust(),
            api::level(&base_api, &head_api),
        );
        let is_right = if UNSEEN.contains(&name.as_str()) {
            said == Level::Breaking
        } else {
            said == seen || (said > seen && said < Level::Breaking)
        };
        if !is_right {
            let differing = |one: &api::Api, other: &api::Api| -> Vec<_> {
                let items = one.iter().filter(|(key, item)| other.get(*key) != Some(*item));
                items.map(|(key, item)| format!("{key}: {item}")).collect()
            };
            wrong.push(format!(
                "{name}: said {said}, seen {seen}\n  {:?}\n  {:?}",
                differing(&base_api, &head_api),
                differing(&head_api, &base_api)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever is edited or taken away, something is said about it.
#[test]
fn no_edit_goes_unnoticed() {
    let base = document("base.yaml", base());
    let mut silent = Vec::new();
    for what in [Edit::Value, Edit::Key] {
        for place in 0.. {
            let mut head = base.clone();
            let Some(edited) = edit(&mut head.root, what, &mut { place }) else {
                assert!(place > 1000, "only {place} edits");
                break;
            };
            // A key that is new is the same edit, from the other side.
            if changes(&base, &head).is_empty() || (what == Edit::Key && changes(&head, &base).is_empty()) {
                silent.push(edited);
            }
        }
    }
    assert!(silent.is_empty(), "nothing is said about {silent:#?}");
}

#[derive(Clone, Copy, PartialEq)]
enum Edit {
    /// A scalar becomes another.
    Value,
    /// A key is taken out.
    Key,
}

/// Edits the place that is so many places ahead, and says where it is.
fn edit(node: &mut Node, what: Edit, ahead: &mut usize) -> Option<String> {
    let line = node.at.line;
    match &mut node.content {
        Content::Map(entries) => {
            if what == Edit::Key {
                if *ahead < entries.len() {
                    let entry = entries.remove(*ahead);
                    return Some(format!("`{}` on line {}", entry.key, entry.at.line));
                }
                *ahead -= entries.len();
            }
            entries.iter_mut().find_map(|entry| edit(&mut entry.value, what, ahead))
        }
        Content::List(items) => items.iter_mut().find_map(|item| edit(item, what, ahead)),
        Content::Scalar(_) if what == Edit::Key => None,
        Content::Scalar(_) if *ahead > 0 => {
            *ahead -= 1;
            None
        }
        Content::Scalar(scalar) => {
            *scalar = match &*scalar {
                Json::String(text) => format!("{text}2").into(),
                Json::Number(number) => (number.as_i64().unwrap() + 1).into(),
                Json::Bool(is) => (!is).into(),
                _ => "something".into(),
            };
            Some(format!("{scalar} on line {line}"))
        }
    }
}

#[test]
fn a_document_says_the_same_as_itself_whatever_its_keys_are_sorted_by() {
    fn reversed(node: &Node) -> Node {
        let content = match &node.content {
            Content::Map(entries) => {
                let mut entries = entries.clone();
                entries.reverse();
                for entry in &mut entries {
                    entry.value = reversed(&entry.value);
                }
                Content::Map(entries)
            }
            Content::List(items) => Content::List(items.iter().map(reversed).collect()),
            Content::Scalar(scalar) => Content::Scalar(scalar.clone()),
        };
        Node { at: node.at, content }
    }
    let base = document("base.yaml", base());
    assert_eq!(diff::compare(&BASE, &BASE).changes, []);
    let mut head = base.clone();
    head.root = reversed(&base.root);
    // But for one thing: constructors take members in the order of the document.
    let changes = diff::compare(&BASE, &client(head)).changes;
    let texts: Vec<_> = changes.iter().map(|change| change.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "the required members of `PageRequest` are in another order",
            "the required members of `CreateJobRequest` are in another order",
        ]
    );
}

#[test]
fn an_addition_is_where_head_has_it_and_a_removal_where_base_had_it() {
    let base = base();
    let line = |text: &str, wanted: &str| 1 + text.lines().position(|line| line == wanted).unwrap();
    let (old, new) = ("        - code: 24616", "        - code: 24699");
    let head = base
        .replace("          name: JobHasStopped", "          name: JobRests")
        .replace(old, new);
    let diff = compared(&head);
    let found: Vec<_> = diff
        .changes
        .iter()
        .map(|change| (change.marker, change.file.as_str(), change.line))
        .collect();
    assert_eq!(
        found,
        [
            (Marker::Added, "head.yaml", line(&head, new)),
            (Marker::Removed, "base.yaml", line(&base, old)),
        ]
    );
    assert!(
        diff.changes
            .iter()
            .all(|change| change.subject == Subject::Codes("stopJob".to_owned()))
    );
}

/// A workspace in a repository of its own.
struct Workspace {
    folder: TempDir,
}

const MANIFEST: &str = "[workspace.package]\nversion = \"0.1.0\"\n";
const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n- Something.\n";

impl Workspace {
    /// With the base document committed.
    fn new() -> Self {
        let workspace = Self {
            folder: TempDir::new().unwrap(),
        };
        workspace.git(&["init", "--quiet", "--initial-branch=main"]);
        workspace.write("openapi/ota-jobs.yaml", &base());
        workspace.write("Cargo.toml", MANIFEST);
        workspace.write("CHANGELOG.md", CHANGELOG);
        workspace.commit();
        workspace
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit_spec(&self, from: &str, to: &str) {
        let text = base();
        assert!(text.contains(from), "{from:?}");
        self.write("openapi/ota-jobs.yaml", &text.replacen(from, to, 1));
    }

    /// Takes a code away, which programs may know by its name.
    fn break_spec(&self) {
        self.edit_spec("name: JobHasStopped", "name: JobRests");
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=A change"]);
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=Tester",
                "-c",
                "user.email=tester@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(self.folder.path())
            // Set within a hook, and then another repository is meant.
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    fn options(&self, base: Option<&str>, check: bool) -> Options {
        Options {
            root: self.folder.path().to_owned(),
            base: base.map(str::to_owned),
            head: None,
            check,
        }
    }

    fn diff(&self, base: Option<&str>) -> Diff {
        diff::run(&self.options(base, false)).unwrap().diff
    }

    fn error(&self, base: Option<&str>, check: bool) -> String {
        diff::run(&self.options(base, check)).unwrap_err().to_string()
    }

    /// What a breaking change still owes.
    fn owed(&self) -> String {
        diff::run(&self.options(Some("HEAD"), true)).unwrap().owed.join("\n")
    }
}

#[test]
fn base_is_what_was_committed_unless_another_revision_is_named() {
    let workspace = Workspace::new();
    assert_eq!(workspace.diff(None).changes, []);
    workspace.break_spec();
    let diff = workspace.diff(None);
    assert_eq!(
        (diff.base.as_str(), diff.rust()),
        ("HEAD:openapi/ota-jobs.yaml", Level::Breaking)
    );
    workspace.commit();
    assert_eq!(workspace.diff(None).changes, []);
    assert_eq!(workspace.diff(Some("HEAD~1")).rust(), Level::Breaking);
}

#[test]
fn base_is_where_a_branch_left_the_others() {
    let workspace = Workspace::new();
    workspace.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    workspace.break_spec();
    workspace.commit();
    let diff = workspace.diff(None);
    assert_eq!(diff.rust(), Level::Breaking);
    assert!(!diff.base.starts_with("HEAD"), "{}", diff.base);
}

#[test]
fn a_workspace_may_be_a_part_of_a_repository() {
    let repository = TempDir::new().unwrap();
    let workspace = Workspace::new();
    let inside = repository.path().join("part");
    std::fs::create_dir(&inside).unwrap();
    for name in ["openapi", "Cargo.toml", "CHANGELOG.md"] {
        std::fs::rename(workspace.folder.path().join(name), inside.join(name)).unwrap();
    }
    let whole = Workspace { folder: repository };
    whole.git(&["init", "--quiet", "--initial-branch=main"]);
    whole.commit();
    let options = Options {
        root: inside,
        ..whole.options(None, true)
    };
    assert_eq!(diff::run(&options).unwrap().diff.changes, []);
}

#[test]
fn a_base_that_cannot_be_had_is_an_error_that_says_why() {
    let workspace = Workspace::new();
    let error = workspace.error(Some("v9.9.9"), false);
    assert!(error.contains("`v9.9.9` is neither a file nor a revision"), "{error}");

    workspace.git(&["rm", "--quiet", "--cached", "openapi/ota-jobs.yaml"]);
    workspace.git(&["commit", "--quiet", "--message=Without it"]);
    let error = workspace.error(None, false);
    assert!(error.contains("HEAD has no openapi/ota-jobs.yaml"), "{error}");

    let nowhere = TempDir::new().unwrap();
    let options = Options {
        root: nowhere.path().to_owned(),
        ..workspace.options(None, false)
    };
    let error = diff::run(&options).unwrap_err().to_string();
    assert!(error.contains("is in no git repository"), "{error}");
}

#[test]
fn a_base_that_does_not_parse_is_reported_at_its_place() {
    let workspace = Workspace::new();
    workspace.edit_spec("openapi: 3.0.3", "openapi: [3.0.3");
    workspace.commit();
    workspace.write("openapi/ota-jobs.yaml", &base());
    let error = workspace.error(Some("HEAD"), false);
    assert!(error.contains("--> HEAD:openapi/ota-jobs.yaml:"), "{error}");
    assert!(error.contains("not valid YAML"), "{error}");

    workspace.write("openapi/ota-jobs.yaml", "- a list\n");
    let error = workspace.error(Some("HEAD~1"), false);
    assert!(
        error.starts_with("error: not an OpenAPI document: it is no mapping\n")
            && error.contains("openapi/ota-jobs.yaml:1:1\n"),
        "{error}"
    );
}

#[test]
fn a_breaking_change_owes_a_version_and_a_line_in_the_changelog() {
    let workspace = Workspace::new();
    assert_eq!(workspace.owed(), "");

    workspace.break_spec();
    snapbox::assert_data_eq!(
        workspace.owed(),
        snapbox::str![[r#"
error: the document breaks what was built from HEAD, but the version 0.1.0 does not say so
hint: set the versions of the workspace in Cargo.toml from 0.1.0 to 0.2.0, or take the change back
error: the document breaks what was built from HEAD, but CHANGELOG.md does not tell anyone
hint: add a line under `## Unreleased` that says what breaks and what to do about it
"#]]
    );

    workspace.write(
        "CHANGELOG.md",
        &CHANGELOG.replace("- Something.", "- Something.\n- `JobHasStopped` is `JobRests`."),
    );
    let owed = workspace.owed();
    assert!(
        owed.contains("from 0.1.0 to 0.2.0") && !owed.contains("CHANGELOG"),
        "{owed}"
    );

    workspace.write("Cargo.toml", &MANIFEST.replace("0.1.0", "0.1.1"));
    assert!(workspace.owed().contains("from 0.1.0 to 0.2.0"));

    workspace.write("Cargo.toml", &MANIFEST.replace("0.1.0", "0.2.0"));
    assert_eq!(workspace.owed(), "");

    workspace.write("CHANGELOG.md", CHANGELOG);
    let owed = workspace.owed();
    assert!(owed.contains("CHANGELOG.md does not tell"), "{owed}");
}

#[test]
fn a_change_that_breaks_nothing_owes_nothing() {
    let workspace = Workspace::new();
    workspace.edit_spec("summary: Stop a job", "summary: Stop one job");
    assert_eq!(workspace.owed(), "");
    assert_eq!(workspace.diff(None).rust(), Level::Patch);
}

#[test]
fn a_file_has_no_version_and_no_changelog_to_check() {
    let workspace = Workspace::new();
    let file = folder().join("base.yaml");
    let error = workspace.error(file.to_str(), true);
    assert!(error.contains("`--check` cannot compare with the file"), "{error}");
}

fn xtask(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("diff")
        .args(arguments)
        .current_dir(folder())
        .output()
        .unwrap()
}

#[test]
fn a_difference_is_no_failure() {
    let scratch = TempDir::new().unwrap();
    let head = scratch.path().join("head.yaml");
    std::fs::write(&head, base().replace("name: JobHasStopped", "name: JobRests")).unwrap();
    let output = xtask(&["--base", "base.yaml", "--head", head.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(
        report.contains("\nRust: breaking\n") && report.contains("\nWire: none\n"),
        "{report}"
    );

    let output = xtask(&["--base", "base.yaml", "--head", head.to_str().unwrap(), "--check"]);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

#[test]
fn json_tells_what_the_text_tells() {
    let scratch = TempDir::new().unwrap();
    let head = scratch.path().join("head.yaml");
    std::fs::write(&head, base().replace("name: JobHasStopped", "name: JobRests")).unwrap();
    let output = xtask(&[
        "--base",
        "base.yaml",
        "--head",
        head.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "xtask/diff/1");
    assert_eq!(report["rust"]["level"], "breaking");
    assert_eq!(report["wire"], serde_json::json!({ "level": "none", "reasons": [] }));
    let change = &report["changes"][0];
    assert_eq!(
        change["subject"],
        serde_json::json!({ "kind": "codes", "name": "stopJob" })
    );
    assert_eq!(change["marker"], "changed");
    assert_eq!(change["rust"]["level"], "breaking");
    assert_eq!(report["rust"]["reasons"][0]["why"], change["rust"]["why"]);
}
