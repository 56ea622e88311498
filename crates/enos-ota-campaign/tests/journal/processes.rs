//! Other processes: one that has the lock, one that is killed, one whose disk is full.
//!
//! Each is this test program again, with one of the ignored tests, which do nothing without their variable.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use enos_ota_campaign::journal::{Journal, JournalError, Record};

use crate::common::{details, in_folder, operator, plan, sent};

const FILE: &str = "JOURNAL_TEST_FILE";
const DEVICES: usize = 5_000;

fn file() -> Option<PathBuf> {
    std::env::var_os(FILE).map(Into::into)
}

/// This program, with one test.
fn command(test: &str, path: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        // More than the plan takes, and less than the records: in units of 512 bytes or of 1 KiB.
        .args(["-c", r#"trap '' XFSZ; ulimit -f "$1"; shift; exec "$@""#, "sh"])
        .arg(match test {
            "fill_the_disk" => "2500",
            "begin_on_a_full_disk" => "100",
            _ => "unlimited",
        })
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("processes::{test}"),
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FILE, path)
        .stdout(Stdio::piped());
    command
}

/// What a test told with [`tell`].
fn told(line: &str) -> Option<&str> {
    // The test program writes the name of the test before it.
    line.split_once("told: ").map(|(_, told)| told)
}

fn tell(what: &str) {
    println!("told: {what}");
}

fn run(name: &str, path: &Path) -> Vec<String> {
    let output = command(name, path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(told).map(str::to_owned).collect()
}

#[test]
#[ignore = "a part of another test"]
fn try_to_open() {
    let Some(path) = file() else { return };
    match Journal::open(&path) {
        Ok(_) => tell("opened"),
        Err(error) => tell(&error.to_string()),
    }
}

#[tokio::test]
async fn another_process_does_not_get_a_journal_that_is_open() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(1), details()).unwrap();
    let expected = JournalError::Locked { path: path.clone() }.to_string();
    assert_eq!(run("try_to_open", &path), [expected]);
    journal.close().await.unwrap();
    assert_eq!(run("try_to_open", &path), ["opened"]);
}

/// Appends calls of one device each, several at a time, and notes which are on the disk.
async fn append(
    journal: &Journal,
    filler: usize,
    acknowledged: impl Fn(u64) + Send + Sync + 'static,
) -> Vec<JournalError> {
    let acknowledged = Arc::new(acknowledged);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (journal, acknowledged) = (journal.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for number in (task..DEVICES).step_by(8) {
                    let call = number as u64 + 1;
                    journal.append(&sent(call, [number])).await?;
                    acknowledged(call);
                    if filler > 0 {
                        journal.append_soon(&Record::Resumed {
                            at: 3_000,
                            by: operator(&"x".repeat(filler)),
                        });
                    }
                }
                Ok(())
            })
        })
        .collect();
    let mut errors = Vec::new();
    for task in tasks {
        errors.extend(task.await.unwrap().err());
    }
    errors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of another test"]
async fn append_until_killed() {
    let Some(path) = file() else { return };
    let journal = Journal::create(&path, &plan(DEVICES), details()).unwrap();
    append(&journal, 0, |call| tell(&call.to_string())).await;
    tell("end");
    std::thread::sleep(std::time::Duration::from_mins(1));
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    for calls in [1, 50, 400] {
        let (_folder, path) = in_folder();
        let mut child = command("append_until_killed", &path).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut acknowledged = BTreeSet::new();
        let mut note = |line: String| acknowledged.extend(told(&line).and_then(|told| told.parse::<u64>().ok()));
        lines.by_ref().take(calls + 4).for_each(&mut note);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it could say until it was killed.
        lines.for_each(note);
        assert!(!acknowledged.is_empty());

        // The lock has gone with the process.
        let (_journal, recovered) = Journal::open(&path).unwrap();
        let written: BTreeSet<_> = recovered.calls.iter().map(|call| call.call).collect();
        assert!(written.is_superset(&acknowledged));
        // At the most those that were under way.
        assert!(written.len() <= acknowledged.len() + 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of another test"]
async fn fill_the_disk() {
    let Some(path) = file() else { return };
    let journal = Journal::create(&path, &plan(DEVICES), details()).unwrap();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let errors = append(&journal, 1_000, {
        let acknowledged = Arc::clone(&acknowledged);
        move |call| acknowledged.lock().unwrap().push(call)
    })
    .await;
    for call in &*acknowledged.lock().unwrap() {
        tell(&call.to_string());
    }
    // Every task gets the same error, and so does everyone after.
    assert_eq!(errors.len(), 8);
    journal.append_soon(&sent(9_999, [0]));
    let last = journal.append(&sent(10_000, [0])).await.unwrap_err();
    let closed = journal.clone().close().await.unwrap_err();
    for error in errors.iter().chain([&last, &closed]) {
        assert!(
            matches!(error, JournalError::Broken { .. }) && error.is_full(),
            "{error:?}"
        );
        assert_eq!(error.to_string(), last.to_string());
    }
    tell(&last.to_string());
}

#[test]
fn what_was_acknowledged_is_there_after_the_disk_was_full() {
    let (_folder, path) = in_folder();
    let told = run("fill_the_disk", &path);
    let (error, calls) = told.split_last().unwrap();
    assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    assert!(error.contains("is full"), "{error}");
    let acknowledged: BTreeSet<u64> = calls.iter().map(|call| call.parse().unwrap()).collect();
    assert!(acknowledged.len() > 8, "{acknowledged:?}");

    // No half line has stayed, and nothing that was not acknowledged.
    let (_journal, recovered) = Journal::open(&path).unwrap();
    assert_eq!(recovered.torn, None);
    let written: BTreeSet<_> = recovered.calls.iter().map(|call| call.call).collect();
    assert_eq!(written, acknowledged);
}

#[test]
fn a_plan_for_which_the_disk_is_too_small_leaves_nothing() {
    let (_folder, path) = in_folder();
    let told = run("begin_on_a_full_disk", &path);
    assert!(told[0].contains("is full"), "{told:?}");
    assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 0);
}

#[test]
#[ignore = "a part of another test"]
fn begin_on_a_full_disk() {
    let Some(path) = file() else { return };
    let error = Journal::create(&path, &plan(DEVICES), details()).unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }) && error.is_full(), "{error:?}");
    tell(&error.to_string());
}
