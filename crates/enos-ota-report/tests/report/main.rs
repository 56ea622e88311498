//! Reports on journals that were really written.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod page;
mod scale;
mod story;
mod sums;

use enos_ota_campaign::journal::{CallEnd, Journal, Recovered};
use enos_ota_campaign::{Devices, Fate, Outcome, TaskFacts};
use enos_ota_report::{Became, REPORT_SCHEMA, Report, ReportError};
use serde_json::{Value, json};
use story::{BEGUN, DAY, JOB, OTHER_JOB, PUMP, Story, VALVE, plan, plan_of};

/// One device of everything: twelve in all, and three of them open.
fn everything_story() -> Story {
    let all: Vec<String> = (1..=12).map(|number| format!("d{number:02}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let facts: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(index, key)| (*key, if index % 2 == 0 { &VALVE } else { &PUMP }))
        .collect();
    let mut story = Story::begin(&plan(&facts), BEGUN);
    story.pass(1000).send(&all[..6], CallEnd::Accepted);
    story.pass(1000).send(&all[6..7], CallEnd::Refused);
    story.settle(&all[6..7], Outcome::Rejected, Some(24_606), "Task not found");
    story.send(&all[7..8], CallEnd::Lost);
    story.settle(&all[7..8], Outcome::Unknown, None, "connection reset");
    story.settle(&all[8..9], Outcome::Skipped, None, "3 retries were accepted before");
    story.send(&all[11..], CallEnd::Throttled);
    story.pass(5000).resume();
    story.send(&all[10..11], CallEnd::NotFailed);
    story.pass(1000).see(&all[..1], Fate::Succeeded, None);
    story.see(&all[1..2], Fate::UnderWay, None);
    story.see(&all[3..4], Fate::FailedAgain, Some("升级失败：no space"));
    story.see(&all[4..5], Fate::StillFailed, None);
    story.see(&all[5..6], Fate::Gone, None);
    story.sent(&all[9..10]);
    story
}

fn everything() -> Recovered {
    everything_story().read()
}

fn table(report: &Report) -> String {
    let mut out = Vec::new();
    report.write_table(&mut out, 80).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(report: &Report) -> Value {
    let mut out = Vec::new();
    report.write_json(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn csv_of(report: &Report) -> String {
    let mut out = Vec::new();
    report.write_csv(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn rows_of(report: &Report) -> Vec<Vec<String>> {
    csv::Reader::from_reader(csv_of(report).as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// The devices of a report with what each has come to.
fn standings(report: &Report) -> Vec<(&str, Became)> {
    report
        .devices()
        .map(|device| (device.device_key, device.became))
        .collect()
}

#[test]
fn every_device_has_come_to_one_thing_and_open_ones_are_not_skipped() {
    let report = Report::of([("campaign.jsonl", everything())]).unwrap();
    for became in Became::ALL {
        assert_eq!(report.tally().became(became), 1, "{became:?}");
    }
    assert_eq!(report.tally().outcome(Outcome::Accepted), 6);
    assert_eq!(report.tally().open(), 3);
    assert_eq!(
        report.sentence(),
        "12 devices of job 5ed758ca49f032b4663063aa: 6 accepted (1 succeeded, 1 failed again, 1 under way, 1 still \
         failed, 1 gone, 1 not seen since), 1 rejected, 1 unknown, 1 skipped, 3 open: resume it"
    );
    let failures: Vec<_> = report
        .failures()
        .map(|device| (device.device_key, device.became))
        .collect();
    assert_eq!(
        failures,
        [
            ("d07", Became::Rejected),
            ("d04", Became::FailedAgain),
            ("d05", Became::StillFailed),
            ("d06", Became::Gone),
            ("d08", Became::Unknown),
            ("d10", Became::InDoubt),
            ("d11", Became::Suspect),
            ("d09", Became::Skipped),
            ("d12", Became::Waiting),
        ]
    );
    let rejected = report.failures().next().unwrap();
    assert_eq!(
        (
            rejected.standing.code,
            rejected.standing.message,
            rejected.standing.request_id
        ),
        (Some(24_606), Some("Task not found"), Some("request-2"))
    );
}

#[test]
fn a_table_fits_a_terminal_and_tells_everything() {
    let report = Report::of([("campaign.jsonl", everything())])
        .unwrap()
        .made_at(BEGUN + DAY);
    let table = table(&report);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let expected = "\
12 devices of job 5ed758ca49f032b4663063aa: 6 accepted (1 succeeded, 1 failed
";
    assert!(table.starts_with(expected), "{table}");
    for line in [
        "organization  o1",
        "made          2026-01-03 03:04:05 UTC",
        "JOURNAL  campaign.jsonl",
        "begun         2026-01-02 03:04:05 UTC by ops@depot with enos-ota 0.1.0",
        "              enos-ota retry 5ed758ca49f032b4663063aa --not-reason '*flash*'",
        "resumed       2026-01-02 03:04:13 UTC by night@depot with enos-ota 0.1.0",
        "selection     all failed tasks of the job, without a reason like “*flash*”, not",
        "end           has not ended: it is still running, or was cut off",
        "open          3 devices: resume it",
        "accepted              6  50.0 %",
        "  failed again        1   8.3 %",
        "  in doubt            1   8.3 %",
        "open                  3  25.0 %  resume it",
        "9 of 12 devices need attention",
        "rejected      d07  24606 Task not found",
        "              request request-2  before: download timed out",
        "failed again  d04  升级失败：no space",
        "skipped       d09  3 retries were accepted before",
        "waiting       d12  429 Too many requests",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n\n{table}");
    }
    assert!(!table.contains("d01"), "{table}");
}

#[test]
fn json_has_the_members_that_are_documented() {
    let report = Report::of([("campaign.jsonl", everything())])
        .unwrap()
        .made_at(BEGUN + DAY);
    let json = json_of(&report);
    let members = |value: &Value| {
        let mut members: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        members.sort_unstable();
        members.join(" ")
    };
    assert_eq!(
        members(&json),
        "devices failedAgainReasons failures fates jobIds journals made messages open orgId outcomes products reasons \
         repeated schema sentence versions"
    );
    assert_eq!(json["schema"], REPORT_SCHEMA);
    assert_eq!(json["made"], "2026-01-03T03:04:05Z");
    assert_eq!(
        json["outcomes"],
        json!({"accepted": 6, "rejected": 1, "skipped": 1, "unknown": 1})
    );
    assert_eq!(json["open"], json!({"inDoubt": 1, "suspect": 1, "waiting": 1}));
    assert_eq!(
        json["fates"],
        json!({"succeeded": 1, "failedAgain": 1, "underWay": 1, "stillFailed": 1, "gone": 1, "notSeen": 1})
    );
    assert_eq!(json["reasons"][0]["reason"], Value::Null);
    assert_eq!(json["reasons"][1]["reason"], "download timed out");
    assert_eq!(json["reasons"][1]["outcomes"]["accepted"], 3);
    assert_eq!(members(&json["products"][0]), "devices fates open outcomes productKey");
    assert_eq!(
        members(&json["versions"][0]),
        "devices fates fromVersion open outcomes toVersion"
    );
    assert_eq!(
        json["failedAgainReasons"],
        json!([{"reason": "升级失败：no space", "devices": 1}])
    );
    let refusal = json!({"outcome": "rejected", "code": 24_606, "message": "Task not found", "devices": 1});
    assert!(json["messages"].as_array().unwrap().contains(&refusal), "{json:#}");

    let journal = &json["journals"][0];
    assert_eq!(
        members(journal),
        "baseUrl began calls chunkSize counted devices ended failedAgainReasons fates jobId journal lastEntry leftOut \
         messages moved open operators outcomes overlaps planCreated products reasons resumes selection settings torn \
         tornTail unjudgedWave versions waves"
    );
    assert_eq!(journal["ended"], Value::Null);
    assert_eq!(journal["operators"][1]["who"], "night@depot");
    assert_eq!(journal["selection"], json!({"failed": {"notReason": ["*flash*"]}}));
    let calls = &journal["calls"];
    assert_eq!(
        members(calls),
        "accepted devices firstSent lastEnded longestMs lost meanMs noEnd notFailed notSent refused sent throttled \
         tooMany"
    );
    for (end, count) in [
        ("sent", 6),
        ("accepted", 1),
        ("throttled", 1),
        ("noEnd", 1),
        ("devices", 11),
        ("meanMs", 250),
    ] {
        assert_eq!(calls[end], count, "{end}");
    }
    assert_eq!(
        json["failures"][0],
        json!({
            "deviceKey": "d07", "jobId": JOB, "productKey": "valve", "fromVersion": "1.0.0", "toVersion": "2.0.0",
            "reason": "download timed out", "outcome": "rejected", "code": 24_606, "message": "Task not found",
            "requestId": "request-2", "fate": null, "failedAgainReason": null, "sentAt": "2026-01-02T03:04:07.25Z",
            "journal": "campaign.jsonl"
        })
    );
    assert_eq!(json["failures"][1]["fate"], "failedAgain");
    assert_eq!(json["failures"][5]["sentAt"], "2026-01-02T03:04:14.25Z");
    assert_eq!(json["failures"].as_array().unwrap().len(), 9);
}

#[test]
fn csv_has_every_device_and_comes_back_as_it_was() {
    let report = Report::of([("campaign.jsonl", everything())]).unwrap();
    let csv = csv_of(&report);
    assert_eq!(
        csv.lines().next().unwrap(),
        "deviceKey,jobId,productKey,fromVersion,toVersion,reason,outcome,code,message,requestId,fate,\
         failedAgainReason,sentAt,journal"
    );
    assert_eq!(
        csv.lines().nth(1).unwrap(),
        format!(
            "d01,{JOB},valve,1.0.0,2.0.0,download timed out,accepted,0,OK,request-1,succeeded,,2026-01-02T03:04:06Z,campaign.jsonl"
        )
    );
    let rows = rows_of(&report);
    assert_eq!(rows.len(), 12);
    let outcomes: Vec<_> = rows.iter().map(|row| row[6].as_str()).collect();
    assert_eq!(outcomes[..6], ["accepted"; 6]);
    assert_eq!(
        outcomes[6..],
        ["rejected", "unknown", "skipped", "inDoubt", "suspect", "waiting"]
    );
    // A fate only where it means something.
    let fates: Vec<_> = rows.iter().map(|row| row[10].as_str()).collect();
    assert_eq!(fates[..3], ["succeeded", "underWay", "notSeen"]);
    assert_eq!(fates[6..], [""; 6]);
}

const EVIL: &str =
    "=HYPERLINK(\"http://evil\")\r\n<script>alert('1')</script>\u{202e}txt\x1b[31m\u{9b}\u{202e},\"quoted\"";

fn evil() -> Report {
    let facts = TaskFacts {
        product_key: Some("<b>pump</b>"),
        from_version: Some("+1"),
        to_version: Some("'2'"),
        reason: Some(EVIL),
        ..VALVE
    };
    let mut story = Story::begin(&plan(&[("@evil\"><img src=x onerror=alert(1)>", &facts)]), BEGUN);
    let keys = ["@evil\"><img src=x onerror=alert(1)>"];
    story.pass(500).send(&keys, CallEnd::Refused);
    story.settle(&keys, Outcome::Rejected, Some(-1), EVIL);
    Report::of([("<journal>&.jsonl", story.read())]).unwrap()
}

#[test]
fn texts_of_devices_are_harmless_in_a_spreadsheet_and_a_terminal() {
    let rows = rows_of(&evil());
    assert_eq!(rows[0][0], "'@evil\"><img src=x onerror=alert(1)>");
    assert_eq!(rows[0][3], "'+1");
    assert_eq!(rows[0][4], "''2'");
    assert_eq!(
        rows[0][5],
        format!(
            "'{}",
            EVIL.replace('\x1b', r"\u{1b}")
                .replace('\u{9b}', r"\u{9b}")
                .replace('\u{202e}', r"\u{202e}")
        )
    );
    // A number is no text of a device.
    assert_eq!(rows[0][7], "-1");

    let mut table = Vec::new();
    evil().write_table(&mut table, 200).unwrap();
    let table = String::from_utf8(table).unwrap();
    assert!(!table.contains(['\x1b', '\u{9b}', '\r', '\u{202e}']), "{table}");
    assert!(
        table.contains(r"\u{d}\u{a}<script>alert('1')</script>\u{202e}txt\u{1b}[31m"),
        "{table}"
    );

    // JSON has the text as it was.
    assert_eq!(json_of(&evil())["failures"][0]["reason"], EVIL);
    // But a terminal that shows the JSON neither obeys nor hides anything.
    let mut json = Vec::new();
    evil().write_json(&mut json).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(
        !json.contains(['\x1b', '\u{9b}', '\u{202e}']) && json.contains(r"\u009b\u202e"),
        "{json}"
    );
}

fn ten(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("d{number}")).collect()
}

/// Two attempts at the same job: what failed again in the first, and something new.
fn attempts() -> [(&'static str, Recovered); 2] {
    let (one, two) = (ten(0..8), ten(4..10));
    let (one, two): (Vec<_>, Vec<_>) = (
        one.iter().map(String::as_str).collect(),
        two.iter().map(String::as_str).collect(),
    );
    let facts: Vec<_> = one.iter().map(|key| (*key, &VALVE)).collect();
    let mut first = Story::begin(&plan(&facts), BEGUN);
    first.send(&one, CallEnd::Accepted).pass(60_000);
    first.see(&one[..4], Fate::Succeeded, None);
    first.see(&one[4..], Fate::FailedAgain, Some("no space"));
    first.end("complete", [8, 0, 0, 0, 0]);

    let again = TaskFacts {
        reason: Some("no space"),
        ..VALVE
    };
    let facts: Vec<_> = two.iter().map(|key| (*key, &again)).collect();
    let mut second = Story::begin(&plan(&facts), BEGUN + DAY);
    second.send(&two[..5], CallEnd::Accepted).pass(60_000);
    second.see(&two[..3], Fate::Succeeded, None);
    second.end("interrupted", [5, 0, 0, 0, 1]);
    [("first.jsonl", first.read()), ("second.jsonl", second.read())]
}

#[test]
fn a_device_in_several_journals_of_a_job_counts_as_it_stands_in_the_last() {
    let [first, second] = attempts();
    // In whichever order they are given.
    let report = Report::of([second, first]).unwrap();
    let names: Vec<_> = report.journals().map(|(name, tally)| (name, tally.devices())).collect();
    assert_eq!(names, [("first.jsonl", 8), ("second.jsonl", 6)]);
    assert_eq!(report.repeated(), 4);
    assert_eq!(report.tally().devices(), 10);
    assert_eq!(report.tally().became(Became::Succeeded), 4 + 3);
    assert_eq!(report.tally().became(Became::FailedAgain), 0);
    assert_eq!(
        report.sentence(),
        "10 devices of job 5ed758ca49f032b4663063aa in 2 journals: 9 accepted (7 succeeded, 2 not seen since), 1 open: \
         resume second.jsonl"
    );
    let mut keys: Vec<_> = report.devices().map(|device| device.device_key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 10);
    assert!(standings(&report).contains(&("d9", Became::Waiting)));

    let json = json_of(&report);
    assert_eq!(json["repeated"], 4);
    assert_eq!(json["journals"][0]["counted"], 4);
    assert_eq!(json["journals"][0]["fates"]["failedAgain"], 4);
    assert_eq!(json["journals"][0]["ended"]["how"], "complete");
    assert_eq!(json["journals"][0]["overlaps"], false);
    let table = table(&report);
    assert!(
        table.contains("counted once  4 devices in several journals of a job"),
        "{table}"
    );
    assert!(table.contains("of these      4 devices in a later journal"), "{table}");
    assert_eq!(rows_of(&report).len(), 10);
}

#[test]
fn a_journal_that_went_on_beside_a_later_one_is_pointed_out() {
    let one = Story::begin(&plan(&[("a", &VALVE)]), BEGUN);
    let mut one = one;
    one.pass(2 * DAY).resume().send(&["a"], CallEnd::Accepted);
    let mut two = Story::begin(&plan(&[("a", &VALVE)]), BEGUN + DAY);
    two.send(&["a"], CallEnd::Throttled);
    let report = Report::of([("one", one.read()), ("two", two.read())]).unwrap();
    assert_eq!(standings(&report), [("a", Became::Waiting)]);
    assert_eq!(json_of(&report)["journals"][0]["overlaps"], true);
    assert!(table(&report).contains("note          something was written here after that one was begun"));
}

#[test]
fn a_line_that_was_cut_off_is_told_everywhere() {
    let (_, lines) = everything_story().read_with_lines();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jsonl");
    std::fs::write(&path, &lines[..lines.len() - 30]).unwrap();
    let report = Report::of([("cut.jsonl", Journal::read(&path).unwrap())]).unwrap();

    let line = lines.lines().count();
    let bytes = lines.lines().last().unwrap().len() + 1 - 30;
    let json = &json_of(&report)["journals"][0];
    assert_eq!(json["torn"], true);
    assert_eq!(json["tornTail"], json!({"line": line, "bytes": bytes}));
    let told = format!("its last line, number {line} with {bytes} bytes, is not whole and does not count");
    let table = table(&report).replace("\n              ", " ");
    assert!(table.contains(&format!("\ncut off       {told}")), "{table}");
    let html = page::html_of(&report);
    let notice = format!("<strong>Cut off:</strong> <bdi>cut.jsonl</bdi>: {told}");
    assert!(html.contains(&notice), "{html}");

    let whole = json_of(&Report::of([("whole.jsonl", everything())]).unwrap());
    assert_eq!(whole["journals"][0]["tornTail"], Value::Null);
}

#[test]
fn times_and_numbers_that_no_clock_has_are_told_without_trouble() {
    let mut story = Story::begin(&plan(&[("a", &VALVE), ("b", &VALVE)]), i64::MIN + 1);
    story.send(&["a"], CallEnd::Accepted);
    story.at = i64::MAX - 1000;
    story.send(&["b"], CallEnd::Accepted).see(&["b"], Fate::Succeeded, None);
    story
        .wave(usize::MAX, usize::MAX, usize::MAX, usize::MAX, true)
        .resume();
    let report = Report::of([("a", story.read())]).unwrap();
    assert_eq!(report.tally().became(Became::Succeeded), 1);
    table(&report);
    json_of(&report);
    csv_of(&report);
    page::html_of(&report);
}

#[test]
fn a_device_of_two_jobs_counts_twice() {
    let mut devices = Devices::new();
    devices.push("a", &VALVE).unwrap();
    let one = Story::begin(&plan_of(JOB, "o1", devices.clone()), BEGUN);
    let two = Story::begin(&plan_of(OTHER_JOB, "o1", devices), BEGUN + 1);
    let report = Report::of([("one", one.read()), ("two", two.read())]).unwrap();
    assert_eq!((report.tally().devices(), report.repeated()), (2, 0));
    assert_eq!(
        report.sentence(),
        "2 devices of 2 jobs in 2 journals: 2 open: resume their journals"
    );
}

#[test]
fn what_does_not_belong_together_is_refused() {
    assert_eq!(Report::of::<&str>([]).unwrap_err(), ReportError::NoJournals);

    let [first, _] = attempts();
    let copy = ("copy.jsonl", first.1.clone());
    let twice = Report::of([first, copy]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "first.jsonl and copy.jsonl begin with the same line, so one is the other or a copy of it; leave one out"
    );

    let mut devices = Devices::new();
    devices.push("a", &VALVE).unwrap();
    let one = Story::begin(&plan_of(JOB, "o1", devices.clone()), BEGUN);
    let two = Story::begin(&plan_of(JOB, "o2", devices), BEGUN + 1);
    let other = Report::of([("one", one.read()), ("two", two.read())]).unwrap_err();
    assert_eq!(
        other.to_string(),
        "one is of organization o1, and two of o2; make a report of each organization"
    );
}

#[test]
fn numbers_that_contradict_each_other_are_never_told() {
    let tampered = |tamper: fn(&mut Recovered)| {
        let [(name, mut recovered), _] = attempts();
        tamper(&mut recovered);
        Report::of([(name, recovered)]).unwrap_err().to_string()
    };
    let end = "; no report is made of numbers that contradict each other: keep the journals and report this as a \
               defect of the program";
    assert_eq!(
        tampered(|recovered| recovered.ended.as_mut().unwrap().summary.accepted = 5),
        format!(
            "first.jsonl: the accepted devices, one by one, against the end of the journal, add up to 8, and not to 5{end}"
        )
    );
    assert_eq!(
        tampered(|recovered| recovered.ended.as_mut().unwrap().open = 1),
        format!("first.jsonl: the open devices, against the end of the journal, add up to 0, and not to 1{end}")
    );
}
