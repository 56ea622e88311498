//! Every number of a report, computed a second time from the lines of the journals.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::too_many_lines,
    reason = "small numbers, as places in a drawing; and all kinds of lines are read in one place"
)]

use std::collections::{BTreeMap, HashMap};

use enos_ota_campaign::journal::{CallEnd, Recovered};
use enos_ota_campaign::{Fate, Outcome};
use enos_ota_report::Report;
use serde_json::Value;

use crate::page::{attribute, html_of, tags};
use crate::story::{BEGUN, PUMP, Story, VALVE, plan};
use crate::{csv_of, everything_story, json_of, table};

/// What is counted: the labels of the report for people.
type Counts = BTreeMap<&'static str, usize>;

#[derive(Clone, Debug, Default)]
struct Device {
    key: String,
    reason: Option<String>,
    /// As in CSV.
    outcome: &'static str,
    fate: Option<String>,
    sent_at: Option<i64>,
    code: Option<i64>,
    /// The wave in which it was sent last.
    wave: usize,
}

/// Reads a journal without any of the code that is tested.
#[derive(Debug, Default)]
struct Second {
    begun: i64,
    last_event: i64,
    devices: Vec<Device>,
    /// From some time on, so many stood there.
    course: Vec<(i64, Counts)>,
    /// Number, accepted devices of the wave, succeeded, failed again.
    waves: Vec<[usize; 4]>,
    waves_passed: bool,
    calls: BTreeMap<&'static str, usize>,
}

const OUTCOMES: [&str; 4] = ["accepted", "rejected", "skipped", "unknown"];

fn known(name: &str) -> &'static str {
    let names = [
        "accepted",
        "rejected",
        "skipped",
        "unknown",
        "notFailed",
        "lost",
        "throttled",
        "notSent",
        "tooMany",
        "refused",
    ];
    names.into_iter().find(|known| *known == name).unwrap()
}

impl Second {
    fn of(text: &str) -> Self {
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut second = Self {
            begun: lines[0]["at"].as_i64().unwrap(),
            ..Self::default()
        };
        second.last_event = second.begun;
        second.course.push((second.begun, Counts::new()));
        let mut calls: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut idle = false;
        let mut wave = 1;
        for line in &lines[1..] {
            let Some(record) = line["record"].as_str() else {
                second.devices.push(Device {
                    key: line["deviceKey"].as_str().unwrap().to_owned(),
                    reason: line["reason"].as_str().map(str::to_owned),
                    outcome: "waiting",
                    ..Device::default()
                });
                continue;
            };
            let keys: Vec<&str> = line["devices"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|key| key.as_str().unwrap())
                .collect();
            let mut carried: Vec<usize> = (0..second.devices.len())
                .filter(|index| keys.contains(&second.devices[*index].key.as_str()))
                .collect();
            let at = line["at"].as_i64().unwrap_or(0);
            match record {
                "planned" => continue,
                "resumed" => idle = true,
                "sent" => {
                    *second.calls.entry("sent").or_default() += 1;
                    *second.calls.entry("devices").or_default() += carried.len();
                    *second.calls.entry("noEnd").or_default() += 1;
                    for index in &carried {
                        let device = &mut second.devices[*index];
                        (device.outcome, device.sent_at, device.code, device.wave) = ("inDoubt", Some(at), None, wave);
                    }
                    calls.insert(line["call"].as_u64().unwrap(), carried.clone());
                }
                "answered" => {
                    let end = known(line["end"].as_str().unwrap());
                    *second.calls.entry(end).or_default() += 1;
                    *second.calls.entry("noEnd").or_default() -= 1;
                    carried = calls.remove(&line["call"].as_u64().unwrap()).unwrap();
                    for index in &carried {
                        let device = &mut second.devices[*index];
                        if OUTCOMES.contains(&device.outcome) {
                            continue;
                        }
                        device.outcome = match end {
                            "accepted" => "accepted",
                            "notFailed" => "suspect",
                            "lost" => "inDoubt",
                            _ => "waiting",
                        };
                        device.code = line["code"].as_i64();
                    }
                }
                "settled" => {
                    for index in &carried {
                        let device = &mut second.devices[*index];
                        if !OUTCOMES.contains(&device.outcome) {
                            device.outcome = known(line["outcome"].as_str().unwrap());
                            device.code = line["code"].as_i64();
                        }
                    }
                }
                "requeued" => carried
                    .iter()
                    .for_each(|index| second.devices[*index].outcome = "waiting"),
                "seen" => {
                    for index in &carried {
                        second.devices[*index].fate = line["fate"].as_str().map(str::to_owned);
                    }
                }
                "wave" => {
                    let number = |member: &str| usize::try_from(line[member].as_u64().unwrap()).unwrap();
                    let of_wave = second
                        .devices
                        .iter()
                        .filter(|device| device.wave == wave && device.outcome == "accepted");
                    // What is written is what can be counted.
                    assert_eq!(of_wave.count(), number("devices"));
                    second
                        .waves
                        .push([number("wave"), number("devices"), number("succeeded"), number("failed")]);
                    second.waves_passed = line["passed"] == true;
                    wave += 1;
                }
                "ended" => {}
                other => panic!("{other}"),
            }
            idle &= matches!(record, "resumed" | "ended");
            if !idle {
                second.last_event = second.last_event.max(at);
                let counts = second.counts();
                let at = second.course.last().unwrap().0.max(at);
                second.course.push((at, counts));
            }
        }
        second
    }

    /// The lines of the chart.
    fn counts(&self) -> Counts {
        let of = |outcome: &str| self.devices.iter().filter(|device| device.outcome == outcome).count();
        let mut counts: Counts = OUTCOMES.into_iter().map(|outcome| (outcome, of(outcome))).collect();
        counts.insert("succeeded", self.with_fate("accepted", "succeeded"));
        counts.insert("failed again", self.with_fate("accepted", "failedAgain"));
        counts
    }

    fn with_fate(&self, outcome: &str, fate: &str) -> usize {
        let of = self.devices.iter().filter(|device| device.outcome == outcome);
        of.filter(|device| device.fate.as_deref().unwrap_or("notSeen") == fate)
            .count()
    }

    fn with_outcome(&self, outcome: &str) -> usize {
        self.devices.iter().filter(|device| device.outcome == outcome).count()
    }

    /// What stood there from this time on.
    fn at(&self, at: i64) -> &Counts {
        &self.course.iter().rev().find(|(from, _)| *from <= at).unwrap().1
    }

    /// The waves with the one that was not judged: number, devices, devices so far, succeeded, failed again or gone.
    fn all_waves(&self) -> Vec<[usize; 5]> {
        let mut so_far = 0;
        let mut waves = Vec::new();
        for [number, devices, succeeded, failed] in &self.waves {
            so_far += devices;
            waves.push([*number, *devices, so_far, *succeeded, *failed]);
        }
        let next = self.waves.len() + 1;
        if self.waves_passed && self.devices.iter().any(|device| device.wave == next) {
            let of = |fates: &[&str]| {
                let of_wave = self
                    .devices
                    .iter()
                    .filter(|device| device.wave == next && device.outcome == "accepted");
                of_wave
                    .filter(|device| fates.is_empty() || fates.contains(&device.fate.as_deref().unwrap_or("")))
                    .count()
            };
            waves.push([
                next,
                of(&[]),
                so_far + of(&[]),
                of(&["succeeded"]),
                of(&["failedAgain", "gone"]),
            ]);
        }
        waves
    }
}

const FATES: [(&str, &str); 6] = [
    ("succeeded", "succeeded"),
    ("failedAgain", "failed again"),
    ("underWay", "under way"),
    ("stillFailed", "still failed"),
    ("gone", "gone"),
    ("notSeen", "not seen since"),
];

const OPEN: [(&str, &str); 3] = [("inDoubt", "in doubt"), ("suspect", "suspect"), ("waiting", "waiting")];

fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn second(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .unwrap()
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

fn digits(text: &str) -> usize {
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("{text:?}"))
}

fn check_json(second: &Second, json: &Value) {
    assert_eq!(json["devices"], second.devices.len());
    for outcome in OUTCOMES {
        assert_eq!(json["outcomes"][outcome], second.with_outcome(outcome), "{outcome}");
    }
    for (open, _) in OPEN {
        assert_eq!(json["open"][open], second.with_outcome(open), "{open}");
    }
    for (fate, _) in FATES {
        assert_eq!(json["fates"][fate], second.with_fate("accepted", fate), "{fate}");
        let of_unknown = json["fatesOfUnknown"][fate].as_u64().unwrap_or(0);
        if fate != "notSeen" {
            assert_eq!(of_unknown, second.with_fate("unknown", fate) as u64, "{fate}");
        }
    }
    for reason in json["reasons"].as_array().unwrap() {
        let of = second
            .devices
            .iter()
            .filter(|device| device.reason.as_deref() == reason["reason"].as_str());
        assert_eq!(reason["devices"], of.clone().count());
        assert_eq!(
            reason["outcomes"]["accepted"],
            of.filter(|device| device.outcome == "accepted").count()
        );
    }
    let failed = |device: &&Device| {
        let fate = device.fate.as_deref().unwrap_or("notSeen");
        device.outcome != "accepted" || matches!(fate, "failedAgain" | "stillFailed" | "gone")
    };
    let mut expected: Vec<&str> = second
        .devices
        .iter()
        .filter(failed)
        .map(|device| device.key.as_str())
        .collect();
    let mut failures: Vec<&str> = json["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["deviceKey"].as_str().unwrap())
        .collect();
    expected.sort_unstable();
    failures.sort_unstable();
    assert_eq!(failures, expected);

    let journal = &json["journals"][0];
    assert_eq!(journal["began"], rfc3339(second.begun));
    assert_eq!(journal["lastEntry"], rfc3339(second.last_event));
    for (name, count) in &second.calls {
        assert_eq!(journal["calls"][name], *count, "{name}");
    }
    let waves = journal["waves"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&journal["unjudgedWave"]])
        .filter(|wave| !wave.is_null());
    let waves: Vec<[u64; 5]> = waves
        .map(|wave| {
            ["wave", "devicesOfWave", "devices", "succeeded", "failedAgain"]
                .map(|member| wave[member].as_u64().unwrap())
        })
        .collect();
    let expected: Vec<_> = second
        .all_waves()
        .into_iter()
        .map(|wave| wave.map(|number| number as u64))
        .collect();
    assert_eq!(waves, expected);
}

fn check_csv(second: &Second, csv: &str) {
    let rows = csv::Reader::from_reader(csv.as_bytes())
        .into_records()
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    assert_eq!(rows.len(), second.devices.len());
    for (device, row) in second.devices.iter().zip(&rows) {
        assert_eq!(&row[0], device.key);
        assert_eq!(&row[6], device.outcome, "{}", device.key);
        let code = device.code.map(|code| code.to_string()).unwrap_or_default();
        assert_eq!(&row[7], code, "{}", device.key);
        let fate = match (device.outcome, device.fate.as_deref()) {
            ("accepted", fate) => fate.unwrap_or("notSeen"),
            ("unknown", Some(fate)) => fate,
            _ => "",
        };
        assert_eq!(&row[10], fate, "{}", device.key);
        assert_eq!(
            &row[12],
            device.sent_at.map(rfc3339).unwrap_or_default(),
            "{}",
            device.key
        );
    }
}

fn check_table(second: &Second, table: &str) {
    let outcomes = table
        .split("\nOUTCOMES\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let mut told = HashMap::new();
    let mut of = "";
    for line in outcomes.lines() {
        let (label, rest) = line.split_at(22);
        let label = label.trim_end();
        if !label.starts_with(' ') {
            of = label;
        }
        told.insert(
            (of, label.trim_start()),
            digits(rest.split_whitespace().next().unwrap()),
        );
    }
    for outcome in OUTCOMES {
        assert_eq!(told[&(outcome, outcome)], second.with_outcome(outcome), "{table}");
    }
    let watched = second.with_fate("accepted", "notSeen") < second.with_outcome("accepted");
    for (fate, label) in FATES {
        let expected = second.with_fate("accepted", fate) * usize::from(watched);
        assert_eq!(
            told.get(&("accepted", label)).copied().unwrap_or(0),
            expected,
            "{label}\n{table}"
        );
    }
    for (open, label) in OPEN {
        assert_eq!(
            told.get(&("open", label)).copied().unwrap_or(0),
            second.with_outcome(open),
            "{label}\n{table}"
        );
    }
    let waves: Vec<Vec<usize>> = table
        .split("\nwave ")
        .skip(1)
        .map(|wave| {
            let numbers = wave
                .split_whitespace()
                .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            numbers
                .take(5)
                .map(|word| digits(word.trim_end_matches([':', ','])))
                .collect()
        })
        .collect();
    assert_eq!(waves, second.all_waves(), "{table}");
    assert!(
        table.contains(&format!("\nlast event    {}", self::second(second.last_event))),
        "{table}"
    );
}

/// The cells of the rows of a table of the page.
fn rows_of<'a>(html: &'a str, caption: &str) -> Vec<Vec<&'a str>> {
    let Some((_, rest)) = html.split_once(&format!("aria-label=\"Table: {caption}\"")) else {
        return Vec::new();
    };
    let table = &rest[rest.find("<table>").unwrap()..=rest.find("</table>").unwrap() + "</table".len()];
    let mut rows = Vec::new();
    let mut row = Vec::new();
    for (tag, text) in tags(table) {
        match tag.split(' ').next().unwrap() {
            "tr" => row = Vec::new(),
            "th" | "td" => row.push(text),
            // The text of a cell may be in a span.
            "span" => *row.last_mut().unwrap() = text,
            "/tr" => rows.push(std::mem::take(&mut row)),
            _ => {}
        }
    }
    rows
}

fn check_page(second: &Second, html: &str) {
    // The tiles.
    let tiles = html
        .split_once("<ul class=\"tiles\">")
        .unwrap()
        .1
        .split_once("</ul>")
        .unwrap()
        .0;
    for tile in tiles.split("<li class=").skip(1) {
        let number = digits(tile.split_once("<b>").unwrap().1.split_once("</b>").unwrap().0);
        let label = tile.split_once("<span>").unwrap().1.split_once("</span>").unwrap().0;
        let fate = FATES.into_iter().find(|(_, fate)| *fate == label);
        let expected = match (label, fate) {
            ("devices", _) => second.devices.len(),
            ("open", _) => OPEN.into_iter().map(|(open, _)| second.with_outcome(open)).sum(),
            (_, Some((fate, _))) => second.with_fate("accepted", fate),
            (outcome, None) => second.with_outcome(outcome),
        };
        assert_eq!(number, expected, "{label}");
    }
    for row in rows_of(html, "What became of the devices").iter().skip(1) {
        if let Some(outcome) = OUTCOMES.into_iter().find(|outcome| *outcome == row[0]) {
            assert_eq!(digits(row[1]), second.with_outcome(outcome), "{row:?}");
        }
    }
    let waves: Vec<[usize; 5]> = rows_of(html, "Waves")
        .iter()
        .skip(1)
        .map(|row| [0, 2, 3, 4, 5].map(|cell| digits(row[cell])))
        .collect();
    assert_eq!(waves, second.all_waves());
    check_course(second, html);
}

/// The chart over time, and the table of it.
fn check_course(second: &Second, html: &str) {
    let rows = rows_of(html, "Devices over time");
    let Some((headings, rows)) = rows.split_first() else {
        // Nothing has happened.
        let last = second.counts();
        assert!(
            second.last_event == second.begun || last.values().all(|count| *count == 0),
            "{second:?}"
        );
        return;
    };
    let known: Vec<&'static str> = headings[1..]
        .iter()
        .map(|heading| *second.course[1].1.keys().find(|name| *name == heading).unwrap())
        .collect();
    assert!(
        rows.first().unwrap()[0] == self::second(second.begun)
            && rows.last().unwrap()[0] == self::second(second.last_event)
    );
    for row in rows {
        // The time is told to the second, in which there may be several points.
        let within = second
            .course
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| self::second(*at) == row[0]);
        let told: Vec<usize> = row[1..].iter().map(|cell| digits(cell)).collect();
        let points: Vec<Vec<usize>> = within
            .chain([second.last_event])
            .map(|at| {
                known
                    .iter()
                    .map(|name| second.at(at).get(name).copied().unwrap_or(0))
                    .collect()
            })
            .chain([vec![0; known.len()]])
            .collect();
        assert!(points.contains(&told), "{row:?} {points:?}");
    }

    // The lines themselves, in the order of the headings.
    let from = html.find("<svg class=\"chart lines\"").unwrap();
    let chart = html[from..].split_once("</figure>").unwrap().0;
    let paths: Vec<&str> = tags(chart)
        .into_iter()
        .filter_map(|(tag, _)| attribute(tag, "d"))
        .collect();
    assert_eq!(paths.len(), known.len());
    let most = second
        .course
        .iter()
        .flat_map(|(_, counts)| known.iter().map(|name| counts.get(name).copied().unwrap_or(0)))
        .max()
        .unwrap();
    let span = second.last_event - second.begun;
    for (path, name) in paths.into_iter().zip(known) {
        let steps: Vec<(f64, f64)> = path
            .split('H')
            .skip(1)
            .map(|step| step.split_once('V').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert!(
            steps[0].0 == 0.0 && (steps.last().unwrap().0 - 1000.0).abs() < 0.01,
            "{path}"
        );
        for (x, y) in steps {
            let devices = (1.0 - y / 240.0) * most as f64;
            let at = second.begun as f64 + x / 1000.0 * span as f64;
            // As exact as the drawing.
            let around = span as f64 / 50_000.0 + 1.0;
            let near = second
                .course
                .iter()
                .filter(|(from, _)| (*from as f64 - at).abs() <= around);
            let counts = near.map(|(_, counts)| counts).chain([second.at(at as i64)]);
            let mut counts = counts.map(|counts| counts.get(name).copied().unwrap_or(0) as f64);
            assert!(
                counts.any(|count| (count - devices).abs() < 0.01 + most as f64 / 2000.0),
                "{name} {x} {y}: {devices}"
            );
        }
    }
    // The axis ends at the greatest number.
    let up: Vec<&str> = chart
        .split("text-anchor=\"end\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert!(
        up.iter().any(|label| label.replace(',', "") == most.to_string()),
        "{up:?}"
    );
}

fn check(name: &str, (recovered, lines): (Recovered, String)) {
    let second = Second::of(&lines);
    let report = Report::of([(name, recovered)]).unwrap();
    check_json(&second, &json_of(&report));
    check_csv(&second, &csv_of(&report));
    check_table(&second, &table(&report));
    check_page(&second, &html_of(&report));
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("d{number:03}")).collect()
}

fn story(keys: &[String]) -> Story {
    let facts: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| (key.as_str(), if index % 3 == 0 { &PUMP } else { &VALVE }))
        .collect();
    Story::begin(&plan(&facts), BEGUN)
}

/// Seven devices, then fourteen, then the rest of a hundred and forty; a tenth of each fails again.
fn waves() -> Story {
    let keys = keys(140);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut story = story(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
    for (wave, members) in [&keys[..7], &keys[7..21], &keys[21..]].into_iter().enumerate() {
        for call in members.chunks(50) {
            story.pass(400).send(call, CallEnd::Accepted);
        }
        story.pass(2000).see(members, Fate::UnderWay, None);
        let (failed, rest) = members.split_at(members.len().div_ceil(10));
        for part in rest.chunks(20) {
            story.pass(2000).see(part, Fate::Succeeded, None);
        }
        story.pass(1500).see(failed, Fate::FailedAgain, Some("no space"));
        if wave < 2 {
            story.wave(wave + 1, members.len(), rest.len(), failed.len(), true);
        }
    }
    story.end("complete", [140, 0, 0, 0, 0]);
    story
}

#[test]
fn waves_are_counted_from_the_lines() {
    check("waves", waves().read_with_lines());
    let report = Report::of([("waves", waves().read())]).unwrap();
    let table = table(&report);
    for line in [
        "wave          1: 7 devices, 7 so far; 6 succeeded, 1 failed again or gone:",
        "wave          2: 14 devices, 21 so far; 12 succeeded, 2 failed again or gone:",
        "wave          3: 119 devices, 140 so far; 107 succeeded, 12 failed again or",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n{table}");
    }
    assert!(table.contains("15 of 140 devices need attention"), "{table}");
}

#[test]
fn a_resume_that_did_nothing_moves_no_point() {
    let mut again = waves();
    again.pass(150_000).resume();
    again.pass(300).end("complete", [140, 0, 0, 0, 0]);
    let (recovered, lines) = again.read_with_lines();
    let report = Report::of([("waves", recovered.clone())]).unwrap();
    check("waves", (recovered, lines));

    let before = html_of(&Report::of([("waves", waves().read())]).unwrap());
    let after = html_of(&report);
    let course = |html: &str| {
        html.split_once("<h2 id=\"time\">")
            .unwrap()
            .1
            .split_once("<h2 id=\"reasons\">")
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(course(&before), course(&after));
    let lead = |html: &str| {
        html.split_once("<p class=\"lead\">")
            .unwrap()
            .1
            .split_once(", by")
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(lead(&before), lead(&after));
}

#[test]
fn a_wave_that_failed_is_the_last_row() {
    let keys = keys(30);
    let mut story = story(&keys);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    story.pass(400).send(&keys[..10], CallEnd::Accepted);
    story
        .pass(9000)
        .see(&keys[..6], Fate::FailedAgain, Some("no space"))
        .see(&keys[6..7], Fate::Gone, None);
    story.see(&keys[7..9], Fate::Succeeded, None).wave(1, 10, 2, 7, false);
    story.end("waveFailed", [10, 0, 0, 0, 20]);
    check("failed", story.read_with_lines());
}

#[test]
fn lost_answers_are_counted_from_the_lines() {
    let keys = keys(40);
    let mut story = story(&keys);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    story.pass(400).send(&keys[..20], CallEnd::Lost);
    story.pass(2500).settle(
        &keys[..12],
        Outcome::Accepted,
        None,
        "a search shows that it was retried",
    );
    story
        .requeue(&keys[12..18])
        .settle(&keys[18..20], Outcome::Unknown, None, "no search could tell");
    story.pass(100).send(&keys[12..18], CallEnd::Accepted);
    // A search that is faster than the answer.
    story
        .pass(100)
        .sent(&keys[20..30])
        .pass(700)
        .settle(&keys[20..23], Outcome::Accepted, None, "seen");
    story.answer(CallEnd::Accepted);
    story
        .pass(100)
        .send(&keys[30..35], CallEnd::Throttled)
        .pass(5000)
        .send(&keys[30..35], CallEnd::NotFailed);
    story
        .settle(&keys[30..31], Outcome::Rejected, Some(24_621), "not failed")
        .requeue(&keys[31..35]);
    story.pass(50).send(&keys[31..35], CallEnd::Accepted);
    story
        .pass(9000)
        .see(&keys[18..19], Fate::Succeeded, None)
        .see(&keys[..4], Fate::StillFailed, None);
    story
        .pass(9000)
        .see(&keys[..3], Fate::FailedAgain, Some("no space"))
        .see(&keys[..1], Fate::Succeeded, None);
    story.end("interrupted", [32, 1, 0, 2, 5]);
    check("lost", story.read_with_lines());
}

#[test]
fn an_interrupted_journal_and_one_with_everything_are_counted_from_the_lines() {
    check("everything", everything_story().read_with_lines());
    let keys = keys(5);
    check("nothing", story(&keys).read_with_lines());
    let mut clock = story(&keys);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    // The clock is put back in between, and the process killed.
    clock
        .pass(60_000)
        .send(&keys[..2], CallEnd::Accepted)
        .pass(-50_000)
        .send(&keys[2..3], CallEnd::Accepted);
    clock.pass(1000).sent(&keys[3..]);
    check("clock", clock.read_with_lines());
}

/// Journals of chance: whatever may follow from one record to the next.
#[test]
fn journals_of_chance_are_counted_from_the_lines() {
    for seed in 0..60 {
        check("chance", chance(seed).read_with_lines());
    }
}

fn chance(seed: u64) -> Story {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |most: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % most
    };
    let all = keys(1 + below(40));
    let mut story = story(&all);
    let mut waiting: Vec<&str> = all.iter().map(String::as_str).collect();
    let (mut doubtful, mut accepted): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        story.pass(i64::try_from(below(3000)).unwrap());
        let some: Vec<&str> = waiting.drain(..(1 + below(8)).min(waiting.len())).collect();
        match below(9) {
            0..4 if !some.is_empty() => match below(5) {
                0 => {
                    story.send(&some, CallEnd::Lost);
                    doubtful.extend(&some);
                }
                1 => {
                    story.send(&some, CallEnd::NotFailed);
                    doubtful.extend(&some);
                }
                2 => {
                    story.send(&some, CallEnd::Throttled);
                    waiting.extend(&some);
                }
                _ => {
                    story.send(&some, CallEnd::Accepted);
                    accepted.extend(&some);
                }
            },
            4 if !doubtful.is_empty() => {
                let of = doubtful.split_off(below(doubtful.len()));
                match below(4) {
                    0 => drop(story.settle(&of, Outcome::Unknown, None, "no search could tell")),
                    1 => drop(story.settle(&of, Outcome::Rejected, Some(24_606), "Task not found")),
                    2 => {
                        story.settle(&of, Outcome::Accepted, None, "seen");
                        accepted.extend(&of);
                    }
                    _ => {
                        story.requeue(&of);
                        waiting.extend(&of);
                    }
                }
                waiting.extend(&some);
            }
            5..8 if !accepted.is_empty() => {
                let from = below(accepted.len());
                let of = &accepted[from..(from + 1 + below(5)).min(accepted.len())];
                story.see(of, Fate::ALL[below(5)], None);
                waiting.extend(&some);
            }
            8 => {
                story.resume();
                waiting.extend(&some);
            }
            _ => waiting.extend(&some),
        }
    }
    story
}
