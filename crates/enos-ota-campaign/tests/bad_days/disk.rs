//! A disk that is full.

use std::path::Path;

use enos_ota_campaign::journal::{CallEnd, Journal};
use enos_ota_emulator::{MixedList, Pace};

use crate::process::{InTime, Process, Told};
use crate::stage::{Chosen, Stage, fleet, plan, settings};

const DEVICES: usize = 160;

impl Stage {
    /// Goes on with the campaign in a process whose files may have so many blocks, and tells how it ended.
    async fn go_on_limited(&self, blocks: u64) -> (String, String) {
        let orders = self.orders(None, InTime::Virtual);
        let told = tokio::task::spawn_blocking(move || {
            let mut process = Process::start_limited(&orders, Some(blocks));
            process.opened();
            process.next()
        });
        match told.await.unwrap() {
            Some(Told::Ended { how, message, .. }) => (how, message),
            other => panic!("{other:?}"),
        }
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_disk_is_full_nothing_more_is_sent_and_with_space_the_campaign_goes_on() {
    for more in 0..12 {
        let mixed = [MixedList::Refuse, MixedList::Partial][more % 2];
        let chosen = [Chosen::Named, Chosen::Failed][more / 2 % 2];
        let stage = Stage::set(mixed, |builder| builder.fleet(fleet(DEVICES)).pace(Pace::frozen())).await;
        // Lists so short that the records take more room than the plan: whether a block has 512 bytes or 1 KiB, the disk
        // is full somewhere between.
        let path = stage.begin(&plan(chosen, DEVICES, 2), &settings()).await;
        let planned = length(&path);
        let blocks = planned.div_ceil(512) + 1 + more as u64;
        // The second process has no more room than the first.
        for _ in 0..2 {
            let (how, message) = stage.go_on_limited(blocks).await;
            assert_eq!(how, "journal", "{message}");
            assert!(
                message.contains("FileTooLarge") || message.contains("File too large"),
                "{message}"
            );
            // All calls that were written down have been made, and no others.
            let recovered = Journal::read(&path).unwrap();
            assert_eq!(recovered.torn, None);
            assert_eq!(stage.emulator.counters().retry_calls, recovered.calls.len() as u64);
            let unanswered = recovered.calls_that_ended(None);
            assert!(unanswered <= 8, "{unanswered}");
            assert!(recovered.calls_that_ended(Some(CallEnd::Lost)) == 0);
        }
        stage.complete().await;
    }
}

/// How many bytes this process has written that will never reach the disk, because they were taken back before.
#[cfg(target_os = "linux")]
fn taken_back() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("cancelled_write_bytes: "));
    line.unwrap().parse().unwrap()
}

/// The system tells of a page that is taken back whether it had been on the disk. A process of its own, as it counts for
/// all of one.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "a part of another test"]
async fn take_back_a_record() {
    use enos_ota_campaign::journal::{BeginDetails, Record};

    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = std::path::PathBuf::from(folder);
    let file = std::fs::File::create(folder.join("unsynced")).unwrap();
    std::io::Write::write_all(&mut &file, &vec![b'x'; 100_000]).unwrap();
    let before = taken_back();
    file.set_len(0).unwrap();
    // Some file systems have no disk.
    let counts = taken_back() > before;

    let path = folder.join("journal.jsonl");
    let plan = plan(Chosen::Failed, 5000, 5000);
    let journal = Journal::create(&path, &plan, BeginDetails::default()).unwrap();
    let planned = length(&path);
    let record = Record::Sent {
        call: 1,
        at: 0,
        not_failed: false,
        unseen: false,
        last_seen: Vec::new(),
        apart: Vec::new(),
        devices: plan.devices.ids().map(|id| plan.devices.key(id).into()).collect(),
    };
    journal.append(&record).await.unwrap();
    assert!(length(&path) > planned + 50_000);
    let before = taken_back();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(planned)
        .unwrap();
    println!("told: {counts} {}", taken_back() - before);
}

#[cfg(target_os = "linux")]
const FOLDER: &str = "BAD_DAY_FOLDER";

#[cfg(target_os = "linux")]
#[test]
fn a_record_that_is_told_to_be_written_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::take_back_a_record", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, told) = text.split_once("told: ").unwrap_or_else(|| panic!("{text}"));
    let (counts, lost) = told.lines().next().unwrap().split_once(' ').unwrap();
    if counts == "true" {
        assert_eq!(lost, "0", "bytes were told to be on the disk, and were not");
    }
}
