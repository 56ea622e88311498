//! For a browser.

mod charts;

use std::fmt::{self, Write as _};
use std::io;

use super::breakdown::{Breakdown, Message, Versions};
use super::calls::ENDS;
use super::groups::Groups;
use super::section::Section;
use super::tally::{Became, OPEN, Tally};
use super::text::{command, counted, duration, ending, left_out, number, percent, selection, time, visible};
use super::timeline::{FOLLOWED, Line, points, thinned};
use super::{DeviceReport, Report};
use charts::{Part, Row, bars, lines};
use enos_ota_campaign::{Fate, Outcome};

/// What a browser may load for the page: nothing. Styles are in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("style.css");

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
    /// Texts of devices and of the platform are shown with what could not be seen in them, such as control characters
    /// and marks of direction, replaced by `�`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_html<W: io::Write>(&self, mut out: W) -> io::Result<()> {
        out.write_all(Page::of(self).text.as_bytes())?;
        out.flush()
    }
}

/// A text that can stand in HTML: what cannot be seen is replaced, and what means something there is escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// When all of it was, and whose work.
fn lead(report: &Report) -> String {
    let begun = report
        .sections
        .iter()
        .map(|section| section.recovered.begin.at_ms)
        .min();
    let last = report.sections.iter().map(|section| section.recovered.last_at_ms).max();
    let (Some(begun), Some(last)) = (begun, last) else {
        return String::new();
    };
    let mut people: Vec<&str> = Vec::new();
    for (_, operator) in report.sections.iter().flat_map(|section| &section.recovered.operators) {
        if !people.contains(&operator.who.as_str()) {
            people.push(&operator.who);
        }
    }
    let (first, more) = people.split_at(people.len().min(3));
    let mut people = first.iter().map(|who| foreign(who)).collect::<Vec<_>>().join(", ");
    if !more.is_empty() {
        let _ = write!(people, " and {} more", more.len());
    }
    let journals = match report.sections.len() {
        1 => String::new(),
        several => format!("{}, ", counted(several, "journal")),
    };
    format!("{journals}{} to {}, by {people}", time(begun), time(last))
}

/// A text of somebody else, which may run from right to left and does not turn round what stands beside it.
fn foreign(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// A share that is not broken before its sign.
fn share(part: usize, whole: usize) -> String {
    escape(&percent(part, whole)).replace(' ', "\u{a0}")
}

fn foreign_or(text: Option<&str>, otherwise: &str) -> String {
    text.map_or_else(|| otherwise.to_owned(), foreign)
}

struct Page {
    text: String,
    /// Ids and names of the sections so far.
    contents: Vec<(&'static str, &'static str)>,
}

/// A column of numbers: its heading, and what it counts.
type Column = (&'static str, fn(&Tally) -> usize);

const COLUMNS: [Column; 11] = [
    ("devices", |tally| tally.devices()),
    ("accepted", |tally| tally.outcome(Outcome::Accepted)),
    ("succeeded", |tally| tally.fate(Fate::Succeeded)),
    ("under way", |tally| tally.fate(Fate::UnderWay)),
    ("failed again", |tally| tally.fate(Fate::FailedAgain)),
    ("still failed", |tally| tally.fate(Fate::StillFailed)),
    ("gone", |tally| tally.fate(Fate::Gone)),
    ("rejected", |tally| tally.outcome(Outcome::Rejected)),
    ("unknown", |tally| tally.outcome(Outcome::Unknown)),
    ("skipped", |tally| tally.outcome(Outcome::Skipped)),
    ("open", Tally::open),
];

impl Page {
    fn of(report: &Report) -> Self {
        let mut body = Self {
            text: String::new(),
            contents: Vec::new(),
        };
        body.outcomes(report);
        body.over_time(report);
        let all = report.all();
        body.groups(
            "reasons",
            "Reasons before, and what became of them",
            "reason",
            &all.reasons,
            |reason| foreign_or(reason.as_deref(), "not known"),
            |reason| reason.clone().unwrap_or_else(|| "not known".to_owned()),
        );
        body.groups(
            "products",
            "Products",
            "product",
            &all.products,
            |product| foreign_or(product.as_deref(), "not known"),
            |product| product.clone().unwrap_or_else(|| "not known".to_owned()),
        );
        body.groups(
            "versions",
            "Versions",
            "version",
            &all.versions,
            |Versions { from, to }| {
                format!(
                    "{} → {}",
                    foreign_or(from.as_deref(), "?"),
                    foreign_or(to.as_deref(), "?")
                )
            },
            |Versions { from, to }| format!("{} → {}", from.as_deref().unwrap_or("?"), to.as_deref().unwrap_or("?")),
        );
        body.said(all);
        body.journals(report);
        body.failures(report);
        Self::around(report, &body)
    }

    /// The page around its sections.
    fn around(report: &Report, body: &Self) -> Self {
        let mut page = Self {
            text: String::new(),
            contents: Vec::new(),
        };
        let jobs = report.jobs();
        let title = match jobs.as_slice() {
            [job] => format!("Retries of job {}", escape(job)),
            jobs => format!("Retries of {}", counted(jobs.len(), "job")),
        };
        page.add(format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta name=\"description\" content=\"{}\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">Skip to content</a>\n<header>\n<p class=\"brand\">EnOS OTA jobs</p>\n\
             <nav aria-label=\"Contents\">\n<ul>\n",
            escape(&report.sentence()),
        ));
        for (id, name) in &body.contents {
            page.add(format_args!("<li><a href=\"#{id}\">{name}</a></li>\n"));
        }
        page.add(format_args!(
            "</ul>\n</nav>\n</header>\n<main id=\"main\" tabindex=\"-1\">\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
            lead(report)
        ));
        page.state(report);
        page.tiles(report.tally());
        page.text.push_str(&body.text);
        page.add(format_args!(
            "</main>\n<footer>\n<p>Organization {}",
            foreign(report.org_id())
        ));
        if let Some(made) = report.made_ms {
            page.add(format_args!(". Made on {}", time(made)));
        }
        page.add(format_args!(
            ". All times in UTC. Shares are rounded down. This page loads nothing and runs no script.</p>\n</footer>\n\
             </body>\n</html>\n"
        ));
        page
    }

    fn add(&mut self, text: fmt::Arguments<'_>) {
        // Writing into a string fails only if something that is written does, and nothing here does.
        let _ = self.text.write_fmt(text);
    }

    fn heading(&mut self, id: &'static str, short: &'static str, heading: &str) {
        self.contents.push((id, short));
        self.add(format_args!("<h2 id=\"{id}\">{heading}</h2>\n"));
    }

    /// Whether somebody has to do something.
    fn state(&mut self, report: &Report) {
        let tally = report.tally();
        let stopped = |section: &&Section| {
            section
                .recovered
                .ended
                .as_ref()
                .is_some_and(|end| end.how != "complete")
        };
        let (class, told) = if tally.open() > 0 {
            let told = format!(
                "<strong>{} open:</strong> {}. Until then, nothing here is final.",
                counted(tally.open(), "device"),
                escape(&report.resume())
            );
            ("open", told)
        } else if let Some(section) = report.sections.iter().rev().find(stopped) {
            let how = section.recovered.ended.as_ref().map(|ended| ended.how.as_str());
            (
                "stopped",
                format!("<strong>Ended early:</strong> {}.", escape(&ending(how))),
            )
        } else if tally.failures() > 0 {
            let told = format!(
                "<strong>{}</strong> to look after, of {}: see <a href=\"#failures\">the failures</a>.",
                counted(tally.failures(), "device"),
                number(tally.devices())
            );
            ("stopped", told)
        } else {
            (
                "done",
                "<strong>Done:</strong> there is no device to look after.".to_owned(),
            )
        };
        self.add(format_args!("<p class=\"state {class}\">{told}</p>\n"));
    }

    fn tiles(&mut self, tally: &Tally) {
        self.add(format_args!("<ul class=\"tiles\">\n"));
        let mut tile = |class: &str, devices: usize, label: &str| {
            let share = if class.is_empty() {
                String::new()
            } else {
                format!(" <small>{}</small>", share(devices, tally.devices()))
            };
            self.add(format_args!(
                "<li class=\"{class}\"><b>{}</b> <span>{label}</span>{share}</li>\n",
                number(devices)
            ));
        };
        tile("", tally.devices(), "devices");
        tile("notSeen", tally.outcome(Outcome::Accepted), "accepted");
        for (class, became, always) in [
            ("succeeded", Became::Succeeded, tally.was_watched()),
            ("failedAgain", Became::FailedAgain, tally.was_watched()),
            ("stillFailed", Became::StillFailed, false),
            ("rejected", Became::Rejected, true),
            ("unknown", Became::Unknown, false),
            ("skipped", Became::Skipped, false),
        ] {
            let devices = tally.became(became);
            if always || devices > 0 {
                tile(class, devices, became.label());
            }
        }
        if tally.open() > 0 {
            tile("open", tally.open(), "open");
        }
        self.add(format_args!("</ul>\n"));
    }

    fn outcomes(&mut self, report: &Report) {
        let tally = report.tally();
        self.heading("outcomes", "Outcomes", "What became of the devices");
        if report.repeated() > 0 {
            self.add(format_args!(
                "<p>{} in several journals of the same job and counted once, as they stand in the journal that was \
                 begun last.</p>\n",
                counted(report.repeated(), "device")
            ));
        }
        let row = Row { label: None, tally };
        let title = "What became of the devices";
        self.text.push_str(&bars(title, &report.sentence(), tally, &[row]));
        self.begin_table("What became of the devices", &["outcome", "devices", "share"], 1..3);
        let mut row = |class: &str, sub: bool, label: &str, devices: usize, meaning: &str| {
            let sub = if sub { " class=\"sub\"" } else { "" };
            self.add(format_args!(
                "<tr><th scope=\"row\"{sub}><span class=\"dot {class}\">{label}</span> <small>{meaning}</small></th>\
                 <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
                number(devices),
                share(devices, tally.devices())
            ));
        };
        for outcome in Outcome::ALL {
            let (class, meaning) = match outcome {
                Outcome::Accepted => (
                    "notSeen",
                    "the platform accepted the retry, or a search showed that the task had left “failed”",
                ),
                Outcome::Rejected => ("rejected", "the platform refused the retry"),
                Outcome::Skipped => ("skipped", "not sent, or surely not retried, and it will not be"),
                Outcome::Unknown => ("unknown", "sent, and whether it was retried could not be found out"),
            };
            row(class, false, outcome.as_str(), tally.outcome(outcome), meaning);
            for fate in Fate::ALL {
                let devices = match outcome {
                    Outcome::Accepted if tally.was_watched() => tally.fate(fate),
                    Outcome::Unknown => tally.fate_of_unknown(fate),
                    _ => 0,
                };
                if devices > 0 {
                    let (class, meaning) = of_fate(fate);
                    row(class, true, Became::of_fate(fate).label(), devices, meaning);
                }
            }
        }
        if tally.open() > 0 {
            row(
                "open",
                false,
                "open",
                tally.open(),
                "without an outcome yet: resume the journal",
            );
            for (open, meaning) in OPEN.into_iter().zip([
                "sent, and the answer was lost or never written down: it may have been retried",
                "in a call that was refused for one of its devices, and it is not known yet for which",
                "not sent yet",
            ]) {
                row("open", true, open.label(), tally.became(open), meaning);
            }
        }
        self.end_table();
    }

    fn over_time(&mut self, report: &Report) {
        let mut begun = false;
        for section in &report.sections {
            let recovered = &section.recovered;
            let shown: Vec<(usize, Line)> = FOLLOWED
                .into_iter()
                .enumerate()
                .filter(|(_, line)| line.is_followed(recovered, &section.own.tally))
                .collect();
            let all = points(recovered, &section.own.tally, POINTS);
            let description = format!(
                "From {} to {}.",
                time(recovered.begin.at_ms),
                time(recovered.last_at_ms)
            );
            let chart = lines("Devices over time", &description, &shown, &all);
            if chart.is_empty() {
                continue;
            }
            if !begun {
                begun = true;
                self.heading("time", "Over time", "Over time");
                self.add(format_args!(
                    "<p class=\"note\">How many devices had come to what, in UTC.</p>\n"
                ));
            }
            if report.sections.len() > 1 {
                self.add(format_args!("<h3>{}</h3>\n", foreign(&section.name)));
            }
            if shown.iter().any(|(_, line)| line.is_seen()) {
                self.add(format_args!(
                    "<p class=\"note\">What searches showed afterwards is dashed: it is told when a wave was judged, and \
                     at the end.</p>\n"
                ));
            }
            self.text.push_str(&chart);
            let headings: Vec<_> = std::iter::once("until")
                .chain(shown.iter().map(|(_, line)| line.label()))
                .collect();
            self.begin_table(
                &caption("Devices over time", report, section),
                &headings,
                1..headings.len(),
            );
            for point in thinned(&all, POINTS_TOLD) {
                self.add(format_args!(
                    "<tr><th scope=\"row\" class=\"key\">{}</th>",
                    time(point.at_ms)
                ));
                for (place, _) in &shown {
                    self.add(format_args!(
                        "<td class=\"number\">{}</td>",
                        number(point.devices[*place])
                    ));
                }
                self.add(format_args!("</tr>\n"));
            }
            self.end_table();
        }
    }

    fn groups<K>(
        &mut self,
        id: &'static str,
        heading: &str,
        what: &str,
        groups: &Groups<K>,
        html: impl Fn(&K) -> String,
        plain: impl Fn(&K) -> String,
    ) {
        let short = match id {
            "reasons" => "Reasons",
            "products" => "Products",
            _ => "Versions",
        };
        let total = groups.total();
        if total.devices() == 0 {
            return;
        }
        self.heading(id, short, heading);
        let (first, others, of_others) = groups.first(BARS);
        let mut rows: Vec<_> = first
            .iter()
            .map(|(key, tally)| Row {
                label: Some(plain(key)),
                tally,
            })
            .collect();
        if others > 0 {
            rows.push(Row {
                label: Some(counted(others, &format!("other {what}"))),
                tally: &of_others,
            });
        }
        let description = format!("Devices by {what} and by what became of them; the table after it has the numbers.");
        self.text.push_str(&bars(heading, &description, &total, &rows));

        let columns: Vec<Column> = COLUMNS.into_iter().filter(|(_, count)| count(&total) > 0).collect();
        let headings: Vec<_> = std::iter::once(what)
            .chain(columns.iter().map(|(heading, _)| *heading))
            .collect();
        self.begin_table(heading, &headings, 1..headings.len());
        let mut row = |name: &str, tally: &Tally| {
            self.add(format_args!("<tr><th scope=\"row\" class=\"text\">{name}</th>"));
            for (_, count) in &columns {
                self.add(format_args!("<td class=\"number\">{}</td>", number(count(tally))));
            }
            self.add(format_args!("</tr>\n"));
        };
        let (first, others, of_others) = groups.first(ROWS);
        for (key, tally) in first {
            row(&html(key), tally);
        }
        if others > 0 {
            row(&counted(others, &format!("other {what}")), &of_others);
        }
        self.end_table();
    }

    /// What was said of devices that were not accepted, and why others failed again.
    fn said(&mut self, all: &Breakdown) {
        let messages = all.said();
        if !messages.rows.is_empty() {
            self.heading("messages", "Refusals", "Why devices were not accepted");
            self.begin_table(
                "Why devices were not accepted",
                &["outcome", "devices", "code", "message"],
                1..3,
            );
            let (first, others, of_others) = messages.first(ROWS);
            for (Message { became, code, text }, tally) in first {
                self.add(format_args!(
                    "<tr><th scope=\"row\" class=\"key\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
                     <td class=\"text\">{}</td></tr>\n",
                    dot(*became),
                    number(tally.devices()),
                    code.map(|code| code.to_string()).unwrap_or_default(),
                    foreign_or(text.as_deref(), "")
                ));
            }
            if others > 0 {
                self.add(format_args!(
                    "<tr><th scope=\"row\" class=\"key\">{}</th><td class=\"number\">{}</td><td></td><td></td></tr>\n",
                    counted(others, "other message"),
                    number(of_others.devices()),
                ));
            }
            self.end_table();
        }
        if !all.new_reasons.rows.is_empty() {
            self.heading("again", "Failed again", "Why devices failed again");
            self.begin_table("Why devices failed again", &["reason", "devices"], 1..2);
            let (first, others, of_others) = all.new_reasons.first(ROWS);
            let mut row = |reason: &str, devices| {
                self.add(format_args!(
                    "<tr><th scope=\"row\" class=\"text\">{reason}</th><td class=\"number\">{}</td></tr>\n",
                    number(devices)
                ));
            };
            for (reason, tally) in first {
                row(&foreign_or(reason.as_deref(), "not known"), tally.devices());
            }
            if others > 0 {
                row(&counted(others, "other reason"), of_others.devices());
            }
            self.end_table();
        }
    }

    fn journals(&mut self, report: &Report) {
        let heading = if report.sections.len() == 1 {
            "Journal"
        } else {
            "Journals"
        };
        self.heading("journals", heading, heading);
        for section in &report.sections {
            self.journal(report, section);
        }
    }

    fn journal(&mut self, report: &Report, section: &Section) {
        let recovered = &section.recovered;
        let begin = &recovered.begin;
        self.add(format_args!("<h3>{}</h3>\n<dl>\n", foreign(&section.name)));
        self.fact("Job", &foreign(recovered.plan.job_id.as_str()));
        self.fact("Platform", &foreign(&begin.base_url));
        for (index, (at, who)) in recovered.operators.iter().enumerate() {
            let name = if index == 0 { "Begun" } else { "Resumed" };
            let mut told = format!(
                "<p>{} by {} with {}</p>",
                time(*at),
                foreign(&who.who),
                foreign(&who.program)
            );
            if !who.command.is_empty() {
                let _ = write!(told, "<p><code>{}</code></p>", escape(&command(&who.command)));
            }
            self.fact(name, &told);
        }
        let chosen = selection(&begin.plan.selection).join(", ");
        let mut chosen = escape(&chosen);
        if begin.plan.moved {
            chosen.push_str(" (tasks came or went while they were read: some may be missing)");
        }
        self.fact("Selection", &chosen);
        if let Some(left_out) = left_out(&begin.plan.left_out) {
            self.fact("Left out", &escape(&left_out));
        }
        let took = duration(recovered.last_at_ms - begin.at_ms);
        self.fact(
            "Last entry",
            &format!("{}, {took} after it was begun", time(recovered.last_at_ms)),
        );
        let how = recovered.ended.as_ref().map(|ended| ended.how.as_str());
        let mut end = escape(&ending(how));
        if recovered.torn.is_some() {
            end.push_str("; the last line was cut off and does not count");
        }
        self.fact("End", &end);
        let open = section.own.tally.open();
        if open > 0 {
            self.fact("Open", &format!("{}: resume it", counted(open, "device")));
        }
        if report.sections.len() > 1 {
            let told: Vec<_> = Became::ALL
                .into_iter()
                .map(|became| (section.own.tally.became(became), became.label()))
                .filter(|(devices, _)| *devices > 0)
                .map(|(devices, label)| format!("{} {label}", number(devices)))
                .collect();
            self.fact("Devices", &told.join(", "));
        }
        if section.repeated() > 0 {
            let mut told = format!(
                "{} in a later journal of the job, which counts",
                counted(section.repeated(), "device")
            );
            if section.overlaps {
                told.push_str("; but something was written here after that one was begun: see which is right");
            }
            self.fact("Of these", &told);
        }
        self.add(format_args!("</dl>\n"));
        self.waves(report, section);
        self.calls(report, section);
        // The same settings for a person to read and to copy from.
        if let Ok(settings) = serde_json::to_string_pretty(&begin.settings) {
            // With its line breaks, which are no device's.
            let settings: Vec<_> = settings.lines().map(escape).collect();
            self.add(format_args!(
                "<details>\n<summary>Settings</summary>\n<pre>{}</pre>\n</details>\n",
                settings.join("\n")
            ));
        }
    }

    fn fact(&mut self, name: &str, html: &str) {
        self.add(format_args!("<dt>{name}</dt><dd>{html}</dd>\n"));
    }

    fn waves(&mut self, report: &Report, section: &Section) {
        if section.recovered.waves.is_empty() {
            return;
        }
        self.add(format_args!("<h4>Waves</h4>\n"));
        self.begin_table(
            &caption("Waves", report, section),
            &[
                "wave",
                "judged",
                "devices so far",
                "succeeded",
                "failed again",
                "verdict",
            ],
            2..5,
        );
        for wave in &section.recovered.waves {
            self.add(format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"key\">{}</td><td class=\"number\">{}</td>\
                 <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
                wave.wave,
                time(wave.at_ms),
                number(wave.devices),
                number(wave.succeeded),
                number(wave.failed),
                if wave.passed { "passed" } else { "not passed" }
            ));
        }
        self.end_table();
    }

    fn calls(&mut self, report: &Report, section: &Section) {
        let calls = section.calls();
        if calls.sent == 0 {
            return;
        }
        self.add(format_args!("<h4>Calls</h4>\n"));
        self.begin_table(&caption("Calls", report, section), &["calls", "number"], 1..2);
        let mut row = |label: &str, sub: &str, value: &str| {
            self.add(format_args!(
                "<tr><th scope=\"row\" class=\"{sub}\">{label}</th><td class=\"number\">{value}</td></tr>\n"
            ));
        };
        row("sent", "", &number(calls.sent));
        for ((.., label), count) in ENDS.iter().zip(calls.ends) {
            if count > 0 {
                row(label, "sub", &number(count));
            }
        }
        row("devices in them", "", &number(calls.devices));
        if let (Some(mean), Some(longest)) = (calls.mean_ms, calls.longest_ms) {
            row("time of a call on average", "", &duration(mean));
            row("time of the longest", "", &duration(longest));
        }
        if let (Some(first), Some(last)) = (calls.first_sent_ms, calls.last_ended_ms) {
            row("from the first to the end of the last", "", &duration(last - first));
        }
        self.end_table();
    }

    fn failures(&mut self, report: &Report) {
        let failures = report.tally().failures();
        self.heading("failures", "Failures", "Failures");
        if failures == 0 {
            self.add(format_args!("<p>There are none.</p>\n"));
            return;
        }
        self.add(format_args!(
            "<p>Devices that somebody has to look after, the most serious first."
        ));
        if failures > FAILURES_SHOWN {
            self.add(format_args!(
                " These are the first {} of {}; <code>--format csv</code> or <code>json</code> has all.",
                number(FAILURES_SHOWN),
                number(failures)
            ));
        }
        self.add(format_args!("</p>\n"));
        let several_jobs = report.jobs().len() > 1;
        let several = report.sections.len() > 1;
        let mut headings = vec![
            "device",
            "outcome",
            "code",
            "message, or new reason",
            "request id",
            "reason before",
        ];
        headings.extend(["product", "versions"]);
        headings.extend(several_jobs.then_some("job"));
        headings.extend(several.then_some("journal"));
        self.begin_table("Failures", &headings, 2..3);
        for device in report.failures().take(FAILURES_SHOWN) {
            self.failure(&device, several_jobs, several);
        }
        self.end_table();
    }

    fn failure(&mut self, device: &DeviceReport<'_>, several_jobs: bool, several: bool) {
        let facts = &device.facts;
        let accepted = device.became.outcome() == Outcome::Accepted.as_str();
        // That the retry was accepted is not what is wrong with a device that failed again.
        let code = device.code.filter(|_| !accepted).map(|code| code.to_string());
        let said = if accepted { device.failed_again } else { device.message };
        self.add(format_args!(
            "<tr><th scope=\"row\" class=\"key\">{}</th><td class=\"key\">{}</td><td class=\"number\">{}</td>\
             <td class=\"text\">{}</td><td class=\"key\">{}</td><td class=\"text\">{}</td><td class=\"key\">{}</td>\
             <td class=\"key\">{} → {}</td>",
            foreign(device.device_key),
            dot(device.became),
            code.unwrap_or_default(),
            foreign_or(said, ""),
            foreign_or(device.request_id, ""),
            foreign_or(facts.reason, ""),
            foreign_or(facts.product_key, ""),
            foreign_or(facts.from_version, "?"),
            foreign_or(facts.to_version, "?"),
        ));
        if several_jobs {
            self.add(format_args!("<td class=\"key\">{}</td>", foreign(device.job_id)));
        }
        if several {
            self.add(format_args!("<td class=\"text\">{}</td>", foreign(device.journal)));
        }
        self.add(format_args!("</tr>\n"));
    }

    /// A table that can be scrolled sideways, also by keyboard.
    fn begin_table(&mut self, name: &str, headings: &[&str], numbers: std::ops::Range<usize>) {
        self.add(format_args!(
            "<div class=\"table\" role=\"region\" aria-label=\"Table: {name}\" tabindex=\"0\">\n<table>\n<thead><tr>"
        ));
        for (index, heading) in headings.iter().enumerate() {
            let class = if numbers.contains(&index) {
                " class=\"number\""
            } else {
                ""
            };
            self.add(format_args!("<th scope=\"col\"{class}>{heading}</th>"));
        }
        self.add(format_args!("</tr></thead>\n<tbody>\n"));
    }

    fn end_table(&mut self) {
        self.add(format_args!("</tbody>\n</table>\n</div>\n"));
    }
}

fn caption(what: &str, report: &Report, section: &Section) -> String {
    if report.sections.len() > 1 {
        format!("{what}, {}", escape(&section.name))
    } else {
        what.to_owned()
    }
}

fn dot(became: Became) -> String {
    let class = Part::of(became).map_or("", |part| part.0);
    format!("<span class=\"dot {class}\">{}</span>", became.label())
}

fn of_fate(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Succeeded => ("succeeded", "the upgrade succeeded"),
        Fate::FailedAgain => ("failedAgain", "the upgrade failed again"),
        Fate::UnderWay => ("underWay", "the task has left “failed” and has not ended"),
        Fate::StillFailed => (
            "stillFailed",
            "the task is still “failed”, unchanged, although the retry was accepted",
        ),
        Fate::Gone => ("stillFailed", "the job has no task for the device any more"),
        Fate::NotSeen => ("notSeen", "no search has looked"),
    }
}
