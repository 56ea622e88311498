//! For a browser.

mod axis;
mod chart;

use std::borrow::Cow;
use std::io;

use askama::Template;
use enos_ota_campaign::Outcome;

use crate::Report;
use crate::breakdown::Breakdown;
use crate::columns::{COLUMNS, Column};
use crate::describe::ending;
use crate::facts::{COMMAND, facts};
use crate::groups::Groups;
use crate::outcomes::outcomes;
use crate::section::Section;
use crate::tally::{Became, Tally};
use crate::text::{self, counted, time, visible};
use crate::timeline::{Line, Point, points, thinned};
use crate::waves::waves;
use chart::{Bars, Lines, class};

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
    report: &'a Report,
    /// All devices, each once a job.
    all: &'a Breakdown,
    tally: &'a Tally,
    courses: Vec<Course<'a>>,
    groups: Vec<GroupsView>,
}

/// How a journal went over time.
struct Course<'a> {
    section: &'a Section,
    /// What is followed, each with its place in a point.
    shown: Vec<(usize, Line)>,
    points: Vec<Point>,
    lines: Lines,
}

/// What devices have in common: a text of theirs, or our own words.
struct Name {
    text: String,
    is_foreign: bool,
}

/// Devices by what they have in common.
struct GroupsView {
    id: &'static str,
    short: &'static str,
    heading: &'static str,
    what: &'static str,
    bars: Bars,
    columns: Vec<Column>,
    rows: Vec<(Name, Tally)>,
}

impl Name {
    fn own(text: String) -> Self {
        let is_foreign = false;
        Self { text, is_foreign }
    }

    fn of(text: Option<&str>) -> Self {
        text.map_or_else(|| Self::own("not known".to_owned()), Self::foreign)
    }

    fn foreign(text: &str) -> Self {
        Self {
            text: visible(text).into_owned(),
            is_foreign: true,
        }
    }
}

/// A share that is not broken before its sign.
fn share(part: usize, whole: usize) -> String {
    text::percent(part, whole).replace(' ', "\u{a0}")
}

impl<'a> Page<'a> {
    fn of(report: &'a Report) -> Self {
        let all = report.all();
        Self {
            report,
            all,
            tally: &all.tally,
            courses: report.sections.iter().filter_map(course).collect(),
            groups: groups(all),
        }
    }

    fn several(&self) -> bool {
        self.report.sections.len() > 1
    }

    fn several_jobs(&self) -> bool {
        self.report.jobs().len() > 1
    }

    /// What became of all devices.
    fn bars(&self) -> Bars {
        Bars::of(self.tally, vec![(None, self.tally)])
    }

    fn title(&self) -> String {
        match self.report.jobs().as_slice() {
            [job] => format!("Retries of job {}", visible(job)),
            jobs => format!("Retries of {}", counted(jobs.len(), "job")),
        }
    }

    /// From when to when all of it was.
    fn period(&self) -> (String, String) {
        let sections = || self.report.sections.iter().map(|section| &section.recovered);
        let from = sections().map(|recovered| recovered.begin.at_ms).min();
        let to = sections().map(|recovered| recovered.last_event_ms).max();
        (time(from.unwrap_or(0)), time(to.unwrap_or(0)))
    }

    /// Whose work it was.
    fn people(&self) -> Vec<&str> {
        let mut people: Vec<&str> = Vec::new();
        for (_, operator) in self
            .report
            .sections
            .iter()
            .flat_map(|section| &section.recovered.operators)
        {
            if !people.contains(&operator.who.as_str()) {
                people.push(&operator.who);
            }
        }
        people
    }

    /// What a reader has to know first: its class, and in words. Without more words, the failures say more.
    fn state(&self) -> (&'static str, String, String) {
        let mut sections = self.report.sections.iter().rev();
        let ended_early = sections.find_map(|section| {
            let ended = section.recovered.ended.as_ref();
            ended.filter(|ended| ended.how != "complete")
        });
        let open = self.tally.open();
        if open > 0 {
            let rest = format!(" {}. Until then, nothing here is final.", self.report.resume());
            ("open", format!("{} open:", counted(open, "device")), rest)
        } else if let Some(ended) = ended_early {
            let rest = format!(" {}.", ending(Some(&ended.how)));
            ("stopped", "Ended early:".to_owned(), rest)
        } else if self.tally.failures() > 0 {
            ("stopped", self.report.attention(), String::new())
        } else {
            ("done", "Done:".to_owned(), " no device needs attention.".to_owned())
        }
    }

    /// The numbers in the head of the page, each with its class.
    fn tiles(&self) -> Vec<(&'static str, usize, &'static str)> {
        let tally = self.tally;
        let accepted = tally.outcome(Outcome::Accepted);
        let mut tiles = vec![("", tally.devices(), "devices"), ("notSeen", accepted, "accepted")];
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
                tiles.push((class(became), devices, became.label()));
            }
        }
        if tally.open() > 0 {
            tiles.push(("open", tally.open(), "open"));
        }
        tiles
    }

    /// What the tables of a journal are called after, if there are several.
    fn caption(&self, section: &'a Section) -> Cow<'a, str> {
        if self.several() {
            visible(&section.name)
        } else {
            Cow::Borrowed("")
        }
    }

    /// The devices to look after, the most serious first, by job.
    fn keys_by_job(&self) -> Vec<(&'a str, String)> {
        let jobs = self.report.jobs().into_iter();
        let lists = jobs.map(|job| {
            let failures = self.report.failures().take(FAILURES_SHOWN);
            let keys: Vec<_> = failures
                .filter(|device| device.job_id == job)
                .map(|device| visible(device.device_key))
                .collect();
            (job, keys.join("\n"))
        });
        lists.filter(|(_, keys)| !keys.is_empty()).collect()
    }
}

impl Course<'_> {
    fn description(&self) -> String {
        let recovered = &self.section.recovered;
        format!(
            "From {} to {}.",
            time(recovered.begin.at_ms),
            time(recovered.last_event_ms)
        )
    }
}

/// The settings of a campaign as in its journal, made safe line by line.
fn settings(section: &Section) -> String {
    let settings = serde_json::to_string_pretty(&section.recovered.begin.settings).unwrap_or_default();
    settings.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn course(section: &Section) -> Option<Course<'_>> {
    let shown = Lines::shown(&section.own.tally);
    let points = points(&section.recovered, POINTS);
    let lines = Lines::of(&shown, &points)?;
    Some(Course {
        section,
        shown,
        points,
        lines,
    })
}

fn groups(all: &Breakdown) -> Vec<GroupsView> {
    let named = |name: &Option<String>| Name::of(name.as_deref());
    let before = "Reasons before, and what became of them";
    let views = [
        view(["reasons", "Reasons", before, "reason"], &all.reasons, named),
        view(["products", "Products", "Products", "product"], &all.products, named),
        view(
            ["versions", "Versions", "Versions", "version"],
            &all.versions,
            |versions| Name::foreign(&text::versions(versions.from.as_deref(), versions.to.as_deref())),
        ),
    ];
    views.into_iter().flatten().collect()
}

fn view<K>(
    [id, short, heading, what]: [&'static str; 4],
    groups: &Groups<K>,
    name: impl Fn(&K) -> Name,
) -> Option<GroupsView> {
    let total = groups.total();
    if total.devices() == 0 {
        return None;
    }
    let first = |count| -> Vec<(Name, Tally)> {
        let (first, others, of_others) = groups.first(count);
        let mut rows: Vec<_> = first.iter().map(|(key, tally)| (name(key), *tally)).collect();
        if others > 0 {
            rows.push((Name::own(counted(others, &format!("other {what}"))), of_others));
        }
        rows
    };
    let bars = first(BARS);
    let bars = bars.iter().map(|(name, tally)| (Some(name.text.as_str()), tally));
    Some(GroupsView {
        id,
        short,
        heading,
        what,
        bars: Bars::of(&total, bars.collect()),
        columns: COLUMNS.into_iter().filter(|(_, count)| count(&total) > 0).collect(),
        rows: first(ROWS),
    })
}
