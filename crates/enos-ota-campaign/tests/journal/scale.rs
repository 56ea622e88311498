//! A million devices. To be run alone, in release, with `--ignored --nocapture`: memory is that of the process.

use std::path::{Path, PathBuf};
use std::time::Instant;

use enos_ota_campaign::journal::{CallEnd, Journal};

use crate::common::{answered, details, in_folder, plan, sent};

const DEVICES: usize = 1_000_000;
const A_CALL: usize = 200;

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    format!("{}, {}", of("VmHWM"), of("VmRSS"))
}

fn told(what: &str, since: Instant) {
    println!("{what}: {:.2} s, {}", since.elapsed().as_secs_f64(), memory());
}

/// Leaves a journal at the path of the variable, or in a folder that goes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some seconds, and a quarter of a gigabyte of disk"]
async fn a_million_devices_are_written() {
    let (_folder, path) = in_folder();
    let path = std::env::var_os("JOURNAL_TEST_FILE").map_or(path, PathBuf::from);
    let since = Instant::now();
    let plan = plan(DEVICES);
    told("plan", since);
    let since = Instant::now();
    let journal = Journal::create(&path, &plan, details()).unwrap();
    told("create", since);

    let since = Instant::now();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for call in (task..DEVICES / A_CALL).step_by(16) {
                    let number = call as u64 + 1;
                    let devices = call * A_CALL..(call + 1) * A_CALL;
                    journal.append(&sent(number, devices)).await.unwrap();
                    journal.append_soon(&answered(number, CallEnd::Accepted));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let syncs = journal.syncs();
    journal.close().await.unwrap();
    told("5,000 calls", since);
    println!("{syncs} syncs, {} bytes", path.metadata().unwrap().len());
    if std::env::var_os("JOURNAL_TEST_FILE").is_none() {
        drop(plan);
        open(&path);
    }
}

#[test]
#[ignore = "needs the journal of the test before"]
fn a_million_devices_are_read() {
    if let Some(path) = std::env::var_os("JOURNAL_TEST_FILE") {
        open(Path::new(&path));
    }
}

fn open(path: &Path) {
    let since = Instant::now();
    let (_journal, recovered) = Journal::open(path).unwrap();
    told("open", since);
    assert_eq!(recovered.summary().accepted, DEVICES);
    assert_eq!(recovered.calls.len(), DEVICES / A_CALL);
}
