//! Large fleets, and reports to look at.

use std::path::PathBuf;
use std::time::Instant;

use enos_ota_campaign::journal::{CallEnd, Journal, Record, Recovered};
use enos_ota_campaign::{Devices, Fate, Outcome, Plan, TaskFacts};
use enos_ota_report::Report;

use crate::story::{BEGUN, DAY, JOB, Story, VALVE, plan_of};
use crate::{attempts, everything};

/// A fleet in which everything happens, in calls of 200 devices. Nothing in it is random.
fn fleet(devices: usize) -> Plan {
    const REASONS: [Option<&str>; 11] = [
        Some("Download timed out after 600 s"),
        Some("升级失败：存储空间不足"),
        Some("Checksum mismatch: the image that was received is not the one that was announced by the platform"),
        Some("Battery below 20 %"),
        None,
        Some("فشل التحديث: لا توجد مساحة"),
        Some("Device was offline"),
        Some("<script>alert('reason')</script>"),
        Some("Flash write error at 0x08040000"),
        Some("\u{202e}reversed\u{7}"),
        Some("Cancelled by the device"),
    ];
    let mut list = Devices::new();
    for number in 0..devices {
        let mix = number * 7919 % 1009;
        let facts = TaskFacts {
            product_key: Some(["pump", "valve", "inverter-2000", "meter"][mix % 7 % 4]),
            from_version: Some(["2.3.0", "2.2.1", "1.9.7"][mix % 5 % 3]),
            to_version: Some("2.4.1"),
            // Small numbers more often than large ones.
            reason: REASONS[mix % 11 * (mix % 13) / 12],
            ..VALVE
        };
        list.push(&format!("depot-{:03}/device-{number:07}", mix % 100), &facts)
            .unwrap();
    }
    plan_of(JOB, "o15724234156531", list)
}

fn go_through(plan: &Plan, at: i64, finished: bool) -> Recovered {
    let keys: Vec<&str> = plan.devices.ids().map(|id| plan.devices.key(id)).collect();
    let mut story = Story::begin(plan, at);
    let mut tally = [0; 5];
    let planned = if finished { keys.len() } else { keys.len() * 9 / 10 };
    for (number, call) in keys[..planned].chunks(200).enumerate() {
        story.pass(if number % 40 == 39 { 9000 } else { 400 });
        let (rejected, rest) = call.split_at(call.len() * (number * 31 % 17) / 170);
        if !rejected.is_empty() {
            story.send(rejected, CallEnd::Refused);
            story.settle(rejected, Outcome::Rejected, Some(24_606), "Task not found");
            tally[1] += rejected.len();
        }
        let (skipped, rest) = rest.split_at(number * 13 % 7);
        story.settle(
            skipped,
            Outcome::Skipped,
            None,
            "3 retries were accepted before, and 3 allowed",
        );
        tally[2] += skipped.len();
        let (unknown, rest) = rest.split_at(number % 40 / 39 * 3);
        if !unknown.is_empty() {
            story.send(unknown, CallEnd::Lost);
            story.settle(unknown, Outcome::Unknown, None, "connection reset by peer");
            tally[3] += unknown.len();
        }
        story.send(rest, CallEnd::Accepted);
        tally[0] += rest.len();
        let (again, rest) = rest.split_at(rest.len() / 9);
        story.see(
            again,
            Fate::FailedAgain,
            Some(["No space left on the device", "Download timed out"][number % 2]),
        );
        let (still, rest) = rest.split_at(rest.len() / 40);
        story.see(still, Fate::StillFailed, None);
        let (gone, rest) = rest.split_at(rest.len() / 90);
        story.see(gone, Fate::Gone, None);
        let (under_way, rest) = rest.split_at(rest.len() / 12);
        story.see(under_way, Fate::UnderWay, None);
        story.see(&rest[..rest.len() - rest.len() / 30], Fate::Succeeded, None);
        if number == 4 {
            story.write(&Record::Wave {
                at: story.at,
                wave: 1,
                devices: tally[0],
                succeeded: 640,
                failed: 90,
                passed: true,
            });
        }
    }
    if finished {
        story.end("complete", tally);
    } else {
        story.sent(&keys[planned..planned + 100]).pass(100).resume();
        story.send(&keys[planned + 100..planned + 150], CallEnd::NotFailed);
    }
    story.read()
}

/// Leaves reports in the folder of the variable.
#[test]
#[ignore = "for a person to look at what it leaves"]
fn reports_are_left_to_look_at() {
    let Some(folder) = std::env::var_os("REPORT_TEST_FOLDER").map(PathBuf::from) else {
        return;
    };
    let plan = fleet(24_000);
    let first = go_through(&plan, BEGUN, true);
    let some = plan
        .devices
        .ids()
        .filter(|id| id.index() % 5 == 0 || id.index() > 21_000);
    let some = plan_of(JOB, "o15724234156531", plan.devices.retain_ids(some));
    let second = go_through(&some, BEGUN + DAY, false);
    let [(_, small), _] = attempts();
    for (name, journals) in [
        ("one", vec![("first.jsonl", first.clone())]),
        ("open", vec![("second.jsonl", second.clone())]),
        ("several", vec![("first.jsonl", first), ("second.jsonl", second)]),
        ("small", vec![("small.jsonl", small)]),
        ("all", vec![("all.jsonl", everything())]),
    ] {
        let report = Report::of(journals).unwrap().made_at(BEGUN + 2 * DAY);
        let create = |extension| std::fs::File::create(folder.join(name).with_extension(extension)).unwrap();
        report.write_table(create("txt"), 80).unwrap();
        report.write_json(create("json")).unwrap();
        report.write_csv(create("csv")).unwrap();
        report.write_html(create("html")).unwrap();
    }
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    format!("{}, {}", of("VmHWM"), of("VmRSS"))
}

/// To be run alone, in release: memory is that of the process. The first run leaves a journal at the path of the
/// variable, and further ones read it.
#[test]
#[ignore = "takes some seconds, and a quarter of a gigabyte of disk"]
fn a_million_devices_are_reported() {
    let Some(path) = std::env::var_os("REPORT_TEST_FILE").map(PathBuf::from) else {
        return;
    };
    if !path.exists() {
        go_through(&fleet(1_000_000), BEGUN, true);
        return;
    }
    let told = |what: &str, since: Instant| println!("{what}: {:.2} s, {}", since.elapsed().as_secs_f64(), memory());
    let since = Instant::now();
    let recovered = Journal::read(&path).unwrap();
    told("read", since);
    let since = Instant::now();
    let report = Report::of([("million.jsonl", recovered)]).unwrap();
    told("report", since);
    println!("{}", report.sentence());
    let since = Instant::now();
    report.write_table(std::io::sink(), 80).unwrap();
    told("table", since);
    let since = Instant::now();
    report.write_json(std::io::sink()).unwrap();
    told("json", since);
    let since = Instant::now();
    report.write_csv(std::io::sink()).unwrap();
    told("csv", since);
    {
        let since = Instant::now();
        report.write_html(std::io::sink()).unwrap();
        told("html", since);
    }
}
