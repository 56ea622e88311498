//! For a browser.

mod axis;
mod chart;
mod journal;

use std::borrow::Cow;
use std::io;

use askama::Template;
use enos_ota_campaign::Outcome;

use crate::breakdown::Breakdown;
use crate::columns::{COLUMNS, Column};
use crate::describe::ending;
use crate::groups::Groups;
use crate::outcomes::{Line, outcomes};
use crate::tally::{Became, Tally};
use crate::text::{counted, number, percent, time, visible};
use crate::timeline::{points, thinned};
use crate::{DeviceReport, Report};
use chart::{Bars, Lines, class};
use journal::Journal;

/// So many groups are in a chart.
const BARS: usize = 8;
/// So many groups are in a table.
const ROWS: usize = 100;
/// So many failures are listed.
const FAILURES_SHOWN: usize = 1000;
/// So many points in time are in a chart, and in the table of it.
const POINTS: usize = 160;
const POINTS_TOLD: usize = 12;

impl Report {
    /// Writes a page for a browser: one file, that loads nothing from anywhere and runs no script.
    ///
    /// It has charts with a table of their numbers beside each, is light or dark as the system is, fits a phone and can
    /// be printed. Of the failures, the first 1,000 are listed.
    ///
    /// Texts of devices and of the platform are shown with escapes such as `\u{202e}` for what could not be seen in them.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_html<W: io::Write>(&self, mut out: W) -> io::Result<()> {
        Page::of(self).write_into(&mut out)?;
        out.flush()
    }
}

/// Everything on the page. Texts have no markup: the template escapes them.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: String,
    sentence: String,
    lead: Lead<'a>,
    notices: Vec<Notice<'a>>,
    tiles: Vec<Tile>,
    repeated: Option<String>,
    all: Bars,
    outcomes: Vec<OutcomeRow>,
    courses: Vec<Course<'a>>,
    groups: Vec<GroupsView<'a>>,
    refusals: Vec<Refusal<'a>>,
    again: Vec<(Name<'a>, String)>,
    journals: Vec<Journal<'a>>,
    failures: Vec<Failure<'a>>,
    /// How many of how many are listed, if not all are.
    listed: Option<(String, String)>,
    org_id: Cow<'a, str>,
    made: Option<String>,
}

/// When all of it was, and whose work.
struct Lead<'a> {
    journals: Option<String>,
    from: String,
    to: String,
    people: Vec<Cow<'a, str>>,
    more: usize,
}

/// What a reader has to know first.
struct Notice<'a> {
    class: &'static str,
    strong: String,
    /// A journal of which it is said.
    journal: Option<Cow<'a, str>>,
    rest: String,
    see_failures: bool,
}

/// A number in the head of the page.
struct Tile {
    class: &'static str,
    devices: String,
    label: &'static str,
    share: Option<String>,
}

struct OutcomeRow {
    line: Line,
    devices: String,
    share: String,
}

/// How a journal went over time.
struct Course<'a> {
    /// If there are several.
    journal: Option<Cow<'a, str>>,
    from: String,
    to: String,
    lines: Lines,
    headings: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

/// A foreign text or two with an arrow between, or our own words.
struct Name<'a> {
    foreign: Vec<Cow<'a, str>>,
    own: String,
}

impl<'a> Name<'a> {
    fn own(text: String) -> Self {
        let foreign = Vec::new();
        Self { foreign, own: text }
    }

    fn of(text: Option<&'a str>) -> Self {
        text.map_or_else(
            || Self::own("not known".to_owned()),
            |text| Self {
                foreign: vec![visible(text)],
                own: String::new(),
            },
        )
    }

    fn versions(from: Option<&'a str>, to: Option<&'a str>) -> Self {
        Self {
            foreign: [from, to].map(|version| visible(version.unwrap_or("?"))).to_vec(),
            own: String::new(),
        }
    }

    fn plain(&self) -> String {
        match self.foreign.as_slice() {
            [] => self.own.clone(),
            texts => texts.join(" → "),
        }
    }
}

/// Devices by what they have in common.
struct GroupsView<'a> {
    id: &'static str,
    short: &'static str,
    heading: &'static str,
    what: &'static str,
    bars: Bars,
    headings: Vec<&'static str>,
    rows: Vec<(Name<'a>, Vec<String>)>,
}

/// Devices that were not accepted, for the same reason.
struct Refusal<'a> {
    class: &'static str,
    label: Cow<'a, str>,
    devices: String,
    code: String,
    message: Cow<'a, str>,
}

struct Failure<'a> {
    device_key: Cow<'a, str>,
    job_id: Option<Cow<'a, str>>,
    journal: Option<Cow<'a, str>>,
    class: &'static str,
    label: &'static str,
    code: String,
    said: Cow<'a, str>,
    request_id: Option<Cow<'a, str>>,
    reason: Cow<'a, str>,
    product: Cow<'a, str>,
    versions: Name<'a>,
}

/// A share that is not broken before its sign.
fn share(part: usize, whole: usize) -> String {
    percent(part, whole).replace(' ', "\u{a0}")
}

fn foreign(text: Option<&str>) -> Cow<'_, str> {
    visible(text.unwrap_or_default())
}

impl<'a> Page<'a> {
    fn of(report: &'a Report) -> Self {
        let tally = report.tally();
        let all = report.all();
        let several = report.sections.len() > 1;
        Self {
            title: match report.jobs().as_slice() {
                [job] => format!("Retries of job {}", visible(job)),
                jobs => format!("Retries of {}", counted(jobs.len(), "job")),
            },
            sentence: report.sentence(),
            lead: lead(report),
            notices: notices(report),
            tiles: tiles(tally),
            repeated: (report.repeated() > 0).then(|| counted(report.repeated(), "device")),
            all: Bars::of(tally, vec![(None, tally)]),
            outcomes: outcome_rows(tally),
            courses: report
                .sections
                .iter()
                .filter_map(|section| {
                    let recovered = &section.recovered;
                    let shown = Lines::shown(&section.own.tally);
                    let points = points(recovered, POINTS);
                    Some(Course {
                        journal: several.then(|| visible(&section.name)),
                        from: time(recovered.begin.at_ms),
                        to: time(recovered.last_event_ms),
                        lines: Lines::of(&shown, &points)?,
                        headings: shown.iter().map(|(_, line)| line.label()).collect(),
                        rows: thinned(&points, POINTS_TOLD)
                            .iter()
                            .map(|point| {
                                let counts = shown.iter().map(|(place, _)| number(point.devices[*place]));
                                (time(point.at_ms), counts.collect())
                            })
                            .collect(),
                    })
                })
                .collect(),
            groups: groups(all),
            refusals: refusals(all),
            again: again(all),
            journals: report
                .sections
                .iter()
                .map(|section| Journal::of(section, report.jobs().len() > 1, several))
                .collect(),
            failures: report
                .failures()
                .take(FAILURES_SHOWN)
                .map(|device| failure(&device, report.jobs().len() > 1, several))
                .collect(),
            listed: (tally.failures() > FAILURES_SHOWN).then(|| (number(FAILURES_SHOWN), number(tally.failures()))),
            org_id: visible(report.org_id()),
            made: report.made_ms.map(time),
        }
    }
}

fn lead(report: &Report) -> Lead<'_> {
    let sections = || report.sections.iter().map(|section| &section.recovered);
    let mut people: Vec<&str> = Vec::new();
    for (_, operator) in sections().flat_map(|recovered| &recovered.operators) {
        if !people.contains(&operator.who.as_str()) {
            people.push(&operator.who);
        }
    }
    let journals = report.sections.len();
    Lead {
        journals: (journals > 1).then(|| counted(journals, "journal")),
        from: time(sections().map(|recovered| recovered.begin.at_ms).min().unwrap_or(0)),
        to: time(sections().map(|recovered| recovered.last_event_ms).max().unwrap_or(0)),
        more: people.len().saturating_sub(3),
        people: people.into_iter().take(3).map(visible).collect(),
    }
}

fn notices(report: &Report) -> Vec<Notice<'_>> {
    let tally = report.tally();
    let ended_early = report.sections.iter().rev().find_map(|section| {
        let ended = section.recovered.ended.as_ref();
        ended.filter(|ended| ended.how != "complete")
    });
    let mut notices = vec![if tally.open() > 0 {
        Notice {
            class: "open",
            strong: format!("{} open:", counted(tally.open(), "device")),
            journal: None,
            rest: format!("{}. Until then, nothing here is final.", report.resume()),
            see_failures: false,
        }
    } else if let Some(ended) = ended_early {
        Notice {
            class: "stopped",
            strong: "Ended early:".to_owned(),
            journal: None,
            rest: format!("{}.", ending(Some(&ended.how))),
            see_failures: false,
        }
    } else if tally.failures() > 0 {
        Notice {
            class: "stopped",
            strong: report.attention(),
            journal: None,
            rest: String::new(),
            see_failures: true,
        }
    } else {
        Notice {
            class: "done",
            strong: "Done:".to_owned(),
            journal: None,
            rest: "no device needs attention.".to_owned(),
            see_failures: false,
        }
    }];
    for section in &report.sections {
        if let Some(torn) = &section.recovered.torn {
            notices.push(Notice {
                class: "open",
                strong: "Cut off:".to_owned(),
                journal: Some(visible(&section.name)),
                rest: crate::describe::torn(torn),
                see_failures: false,
            });
        }
    }
    notices
}

fn tiles(tally: &Tally) -> Vec<Tile> {
    let tile = |class, devices, label| Tile {
        // No colour of alarm for nothing.
        class: if devices > 0 { class } else { "none" },
        devices: number(devices),
        label,
        share: (!str::is_empty(class)).then(|| share(devices, tally.devices())),
    };
    let mut tiles = vec![
        tile("", tally.devices(), "devices"),
        tile("notSeen", tally.outcome(Outcome::Accepted), "accepted"),
    ];
    for (became, always) in [
        (Became::Succeeded, tally.was_watched()),
        (Became::FailedAgain, tally.was_watched()),
        (Became::StillFailed, false),
        (Became::Rejected, true),
        (Became::Unknown, false),
        (Became::Skipped, false),
    ] {
        let devices = tally.became(became);
        if always || devices > 0 {
            tiles.push(tile(class(became), devices, became.label()));
        }
    }
    if tally.open() > 0 {
        tiles.push(tile("open", tally.open(), "open"));
    }
    tiles
}

fn outcome_rows(tally: &Tally) -> Vec<OutcomeRow> {
    let rows = outcomes(tally).into_iter().map(|line| OutcomeRow {
        share: share(line.devices, tally.devices()),
        devices: number(line.devices),
        line,
    });
    rows.collect()
}

fn groups(all: &Breakdown) -> Vec<GroupsView<'_>> {
    let reason = |reason| Name::of(Option::as_deref(reason));
    let views = [
        view(
            "reasons",
            "Reasons",
            "Reasons before, and what became of them",
            "reason",
            &all.reasons,
            reason,
        ),
        view("products", "Products", "Products", "product", &all.products, reason),
        view(
            "versions",
            "Versions",
            "Versions",
            "version",
            &all.versions,
            |versions| Name::versions(versions.from.as_deref(), versions.to.as_deref()),
        ),
    ];
    views.into_iter().flatten().collect()
}

fn view<'a, K>(
    id: &'static str,
    short: &'static str,
    heading: &'static str,
    what: &'static str,
    groups: &'a Groups<K>,
    name: impl Fn(&'a K) -> Name<'a>,
) -> Option<GroupsView<'a>> {
    let total = groups.total();
    if total.devices() == 0 {
        return None;
    }
    let columns: Vec<Column> = COLUMNS.into_iter().filter(|(_, count)| count(&total) > 0).collect();
    let cells = |tally: &Tally| columns.iter().map(|(_, count)| number(count(tally))).collect();
    let other = |others| counted(others, &format!("other {what}"));
    let (first, others, of_others) = groups.first(BARS);
    let mut bars: Vec<_> = first
        .iter()
        .map(|(key, tally)| (Some(name(key).plain()), tally))
        .collect();
    if others > 0 {
        bars.push((Some(other(others)), &of_others));
    }
    let bars = Bars::of(&total, bars);
    let (first, others, of_others) = groups.first(ROWS);
    let mut rows: Vec<_> = first.iter().map(|(key, tally)| (name(key), cells(tally))).collect();
    if others > 0 {
        rows.push((Name::own(other(others)), cells(&of_others)));
    }
    Some(GroupsView {
        id,
        short,
        heading,
        what,
        bars,
        headings: columns.iter().map(|(heading, _)| *heading).collect(),
        rows,
    })
}

fn refusals(all: &Breakdown) -> Vec<Refusal<'_>> {
    let (first, others, of_others) = all.said(ROWS);
    let mut rows: Vec<_> = first
        .into_iter()
        .map(|(message, tally)| Refusal {
            class: class(message.became),
            label: message.became.label().into(),
            devices: number(tally.devices()),
            code: message.code.map(|code| code.to_string()).unwrap_or_default(),
            message: foreign(message.text.as_deref()),
        })
        .collect();
    if others > 0 {
        rows.push(Refusal {
            class: "",
            label: counted(others, "other message").into(),
            devices: number(of_others),
            code: String::new(),
            message: Cow::Borrowed(""),
        });
    }
    rows
}

fn again(all: &Breakdown) -> Vec<(Name<'_>, String)> {
    let (first, others, of_others) = all.new_reasons.first(ROWS);
    let rows = first
        .iter()
        .map(|(reason, tally)| (Name::of(reason.as_deref()), number(tally.devices())));
    let mut rows: Vec<_> = rows.collect();
    if others > 0 {
        rows.push((Name::own(counted(others, "other reason")), number(of_others.devices())));
    }
    rows
}

fn failure<'a>(device: &DeviceReport<'a>, several_jobs: bool, several: bool) -> Failure<'a> {
    let facts = &device.facts;
    let (code, said) = device.blame();
    Failure {
        device_key: visible(device.device_key),
        job_id: several_jobs.then(|| visible(device.job_id)),
        journal: several.then(|| visible(device.journal)),
        class: class(device.became),
        label: device.became.label(),
        code: code.map(|code| code.to_string()).unwrap_or_default(),
        said: foreign(said),
        request_id: device.request_id.map(visible),
        reason: foreign(facts.reason),
        product: foreign(facts.product_key),
        versions: Name::versions(facts.from_version, facts.to_version),
    }
}
