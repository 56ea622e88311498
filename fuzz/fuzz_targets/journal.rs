//! Any file is a journal or an error. What is read from a journal adds up, and makes a report in every form.
//!
//! The first byte says whether the lines are tied together as a journal's are. If not, the chain finds nearly every change.
#![no_main]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use enos_ota_campaign::journal::Journal;
use enos_ota_report::Report;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("enos-ota-fuzz-{}.jsonl", std::process::id()))
});

/// Appends to every line that ends in a brace what ties it to those before it.
fn chained(text: &str) -> String {
    let mut out = String::new();
    let mut chain = String::new();
    for line in text.lines() {
        let Some(open) = line.strip_suffix('}') else {
            out.push_str(line);
            continue;
        };
        let hash = Sha256::digest(format!("{chain}{line}"));
        chain.clear();
        for byte in &hash[..8] {
            let _ = write!(chain, "{byte:02x}");
        }
        let _ = writeln!(out, "{open},\"chain\":\"{chain}\"}}");
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((how, bytes)) = data.split_first() else {
        return;
    };
    let bytes = match std::str::from_utf8(bytes) {
        Ok(text) if how % 8 != 7 => chained(text).into_bytes(),
        _ => bytes.to_vec(),
    };
    std::fs::write(&*FILE, bytes).expect("the file can be written");
    let told = match Journal::read(&FILE) {
        Ok(told) => told,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let summary = told.summary();
    assert_eq!(summary.settled() + told.open(), summary.requested);
    let Ok(report) = Report::of([("journal.jsonl", told)]) else {
        return;
    };
    let mut out = Vec::new();
    report.write_json(&mut out).expect("memory takes every byte");
    let _: serde_json::Value = serde_json::from_slice(&out).expect("the report is JSON");
    report.write_csv(&mut out).expect("memory takes every byte");
    report.write_table(&mut out, 80).expect("memory takes every byte");
    let _ = report.sentence();
});
