//! For a terminal.

use std::fmt::Write as _;
use std::io;

use super::Report;
use super::breakdown::Breakdown;
use super::calls::ENDS;
use super::groups::Groups;
use super::section::Section;
use super::tally::{Became, OPEN, Tally};
use super::text::{
    command, counted, duration, ending, left_out, number, percent, selection, shortened, time, visible, width,
};
use enos_ota_campaign::{Fate, Outcome};

/// So many groups of a breakdown are listed.
const GROUPS_SHOWN: usize = 15;
/// So many failures are listed.
pub(crate) const FAILURES_SHOWN: usize = 100;
const LEAST_WIDTH: usize = 60;

impl Report {
    /// Writes the report for a terminal with so many columns, without colours. Where they do not suffice for a reason or
    /// a message, it is cut, but no key of a device and no id of a request ever is.
    ///
    /// Of the failures the first 100 are listed, and for the others it is said where to find them.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_table<W: io::Write>(&self, out: W, columns: usize) -> io::Result<()> {
        let mut table = Table {
            out,
            columns: columns.max(LEAST_WIDTH),
        };
        table.wrapped("", &self.sentence())?;
        table.line("")?;
        table.fact("organization", self.org_id())?;
        for job in self.jobs() {
            table.fact("job", job)?;
        }
        if let Some(made) = self.made_ms {
            table.fact("made", &time(made))?;
        }
        if self.sections.len() > 1 {
            table.fact("journals", &number(self.sections.len()))?;
        }
        if self.repeated() > 0 {
            table.fact(
                "counted once",
                &format!(
                    "{} in several journals of a job, as they stand in the one begun last",
                    counted(self.repeated(), "device")
                ),
            )?;
        }
        for section in &self.sections {
            table.section(self, section)?;
        }
        table.breakdown(self.all())?;
        table.failures(self)?;
        table.out.flush()
    }
}

struct Table<W> {
    out: W,
    columns: usize,
}

/// Columns of numbers, each with its heading and what it counts.
type Column = (&'static str, fn(&Tally) -> usize);

const DETAILED: &[Column] = &[
    ("devices", |tally| tally.devices()),
    ("accepted", |tally| tally.outcome(Outcome::Accepted)),
    ("succeeded", |tally| tally.fate(Fate::Succeeded)),
    ("failed again", |tally| tally.fate(Fate::FailedAgain)),
    ("still failed", |tally| tally.fate(Fate::StillFailed)),
    ("gone", |tally| tally.fate(Fate::Gone)),
    ("rejected", |tally| tally.outcome(Outcome::Rejected)),
    ("unknown", |tally| tally.outcome(Outcome::Unknown)),
    ("skipped", |tally| tally.outcome(Outcome::Skipped)),
    ("open", Tally::open),
];

/// The same in fewer columns.
const COMPACT: &[Column] = &[
    ("devices", |tally| tally.devices()),
    ("accepted", |tally| tally.outcome(Outcome::Accepted)),
    ("succeeded", |tally| tally.fate(Fate::Succeeded)),
    ("failed or gone", |tally| {
        tally.fate(Fate::FailedAgain) + tally.fate(Fate::StillFailed) + tally.fate(Fate::Gone)
    }),
    ("not accepted", |tally| {
        tally.outcome(Outcome::Rejected) + tally.outcome(Outcome::Unknown) + tally.outcome(Outcome::Skipped)
    }),
    ("open", Tally::open),
];

/// Columns that a name has at least.
const LEAST_NAME: usize = 24;

impl<W: io::Write> Table<W> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", line.trim_end())
    }

    fn heading(&mut self, heading: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&heading.to_uppercase())
    }

    /// A text in as many lines as it takes, each after a margin of spaces but the first, which comes after `first`.
    fn wrapped(&mut self, first: &str, text: &str) -> io::Result<()> {
        let margin = width(first);
        let mut line = first.to_owned();
        for word in text.split(' ') {
            if width(&line) > margin && width(&line) + 1 + width(word) > self.columns {
                self.line(&line)?;
                line = " ".repeat(margin);
            }
            if width(&line) > margin {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line)
    }

    fn fact(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.wrapped(&format!("{name:<14}"), &visible(value))
    }

    fn section(&mut self, report: &Report, section: &Section) -> io::Result<()> {
        let recovered = &section.recovered;
        let begin = &recovered.begin;
        self.line("")?;
        self.wrapped("JOURNAL  ", &visible(&section.name))?;
        if report.jobs().len() > 1 {
            self.fact("job", recovered.plan.job_id.as_str())?;
        }
        self.fact("platform", &begin.base_url)?;
        for (index, (at, who)) in recovered.operators.iter().enumerate() {
            let name = if index == 0 { "begun" } else { "resumed" };
            self.fact(name, &format!("{} by {} with {}", time(*at), who.who, who.program))?;
            if !who.command.is_empty() {
                self.fact("", &command(&who.command))?;
            }
        }
        self.fact("selection", &selection(&begin.plan.selection).join(", "))?;
        if let Some(left_out) = left_out(&begin.plan.left_out) {
            self.fact("left out", &left_out)?;
        }
        if begin.plan.moved {
            self.fact("", "tasks came or went while they were read: some may be missing")?;
        }
        let how = recovered.ended.as_ref().map(|ended| ended.how.as_str());
        let took = duration(recovered.last_at_ms - begin.at_ms);
        self.fact(
            "last entry",
            &format!("{}, {took} after it was begun", time(recovered.last_at_ms)),
        )?;
        self.fact("end", &ending(how))?;
        if recovered.torn.is_some() {
            self.fact("", "the last line was cut off and does not count")?;
        }
        self.calls(section)?;
        for wave in &recovered.waves {
            let told = format!(
                "{} up to {}: {} succeeded, {} failed again; {}",
                wave.wave,
                counted(wave.devices, "device"),
                number(wave.succeeded),
                number(wave.failed),
                if wave.passed { "passed" } else { "stopped here" }
            );
            self.fact("wave", &told)?;
        }
        let open = section.own.tally.open();
        if open > 0 {
            self.fact("open", &format!("{}: resume it", counted(open, "device")))?;
        }
        if report.sections.len() > 1 {
            let told: Vec<_> = Became::ALL
                .into_iter()
                .map(|became| (section.own.tally.became(became), became.label()))
                .filter(|(devices, _)| *devices > 0)
                .map(|(devices, label)| format!("{} {label}", number(devices)))
                .collect();
            self.fact("devices", &told.join(", "))?;
        }
        if section.repeated() > 0 {
            let devices = counted(section.repeated(), "device");
            self.fact(
                "of these",
                &format!("{devices} in a later journal of the job, which counts"),
            )?;
        }
        if section.overlaps {
            self.fact(
                "note",
                "something was written here after that one was begun: see which is right",
            )?;
        }
        Ok(())
    }

    fn calls(&mut self, section: &Section) -> io::Result<()> {
        let calls = section.calls();
        let mut told = format!("{} with {}", number(calls.sent), counted(calls.devices, "device"));
        for ((.., label), count) in ENDS.iter().zip(calls.ends) {
            if count > 0 {
                let _ = write!(told, ", {} {label}", number(count));
            }
        }
        self.fact("calls", &told)?;
        if let (Some(mean), Some(longest)) = (calls.mean_ms, calls.longest_ms) {
            self.fact(
                "",
                &format!("{} each on average, {} at most", duration(mean), duration(longest)),
            )?;
        }
        Ok(())
    }

    fn breakdown(&mut self, all: &Breakdown) -> io::Result<()> {
        let tally = &all.tally;
        self.heading("outcomes")?;
        let row = |indent: &str, label: &str, devices: usize| {
            let label = format!("{indent}{label}");
            format!(
                "{label:<20}{:>11}{:>10}",
                number(devices),
                percent(devices, tally.devices())
            )
        };
        for outcome in Outcome::ALL {
            self.line(&row("", outcome.as_str(), tally.outcome(outcome)))?;
            for fate in Fate::ALL {
                if outcome == Outcome::Accepted && tally.was_watched() && tally.fate(fate) > 0 {
                    self.line(&row("  ", Became::of_fate(fate).label(), tally.fate(fate)))?;
                }
                if outcome == Outcome::Unknown && tally.fate_of_unknown(fate) > 0 {
                    self.line(&row("  ", Became::of_fate(fate).label(), tally.fate_of_unknown(fate)))?;
                }
            }
        }
        if tally.open() > 0 {
            self.line(&(row("", "open", tally.open()) + "  resume it"))?;
            for open in OPEN {
                self.line(&row("  ", open.label(), tally.became(open)))?;
            }
        }
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "(not known)".to_owned());
        self.groups(
            "reasons before, and what became of them",
            "reason",
            tally,
            &all.reasons,
            name,
        )?;
        self.groups("products", "product", tally, &all.products, name)?;
        self.groups("versions", "version", tally, &all.versions, |versions| {
            format!(
                "{} → {}",
                versions.from.as_deref().unwrap_or("?"),
                versions.to.as_deref().unwrap_or("?")
            )
        })?;
        if !all.new_reasons.rows.is_empty() {
            self.groups(
                "reasons of those that failed again",
                "reason",
                tally,
                &all.new_reasons,
                name,
            )?;
        }
        let messages = all.said();
        if !messages.rows.is_empty() {
            self.heading("what was said of those that were not accepted")?;
            let (first, others, rest) = messages.first(GROUPS_SHOWN);
            for (message, tally) in first {
                let code = message.code.map(|code| format!("{code} ")).unwrap_or_default();
                let text = message.text.as_deref().unwrap_or_default();
                let before = format!("{:>9}  {:<9} {code}", number(tally.devices()), message.became.label());
                self.cut(before, text)?;
            }
            if others > 0 {
                self.line(&format!(
                    "{:>9}  {} other messages",
                    number(rest.devices()),
                    number(others)
                ))?;
            }
        }
        Ok(())
    }

    /// A line whose last text is cut if it is too long.
    fn cut(&mut self, mut line: String, text: &str) -> io::Result<()> {
        let room = self.columns.saturating_sub(width(&line)).max(16);
        line.push_str(&shortened(&visible(text), room));
        self.line(&line)
    }

    fn groups<K>(
        &mut self,
        heading: &str,
        what: &str,
        tally: &Tally,
        groups: &Groups<K>,
        name: impl Fn(&K) -> String,
    ) -> io::Result<()> {
        self.heading(heading)?;
        let total = groups.total();
        let of = |columns: &'static [Column]| -> Vec<(Column, usize)> {
            columns
                .iter()
                .enumerate()
                // Those that are nothing but failed again need no columns for everything else.
                .filter(|(index, (_, count))| *index == 0 || (total.devices() == tally.devices() && count(&total) > 0))
                .map(|(_, column)| (*column, number(column.1(&total)).len().max(heading_width(column.0)) + 2))
                .collect()
        };
        let mut columns = of(DETAILED);
        if columns.iter().map(|(_, width)| width).sum::<usize>() + LEAST_NAME > self.columns {
            columns = of(COMPACT);
        }
        let (first, others, rest) = groups.first(GROUPS_SHOWN);
        // Headings of two words take two lines.
        for half in 0..2 {
            let mut line = String::new();
            for ((heading, _), width) in &columns {
                let (above, below) = heading.split_once(' ').unwrap_or(("", heading));
                let word = if half == 0 { above } else { below };
                let _ = write!(line, "{word:>width$}");
            }
            if half == 1 {
                line = format!("{line}  {what}");
            }
            if !line.trim().is_empty() {
                self.line(&line)?;
            }
        }
        let cells = |tally: &Tally| {
            let cells = columns.iter();
            let cells = cells.map(|((_, count), width)| format!("{:>width$}", number(count(tally))));
            cells.collect::<String>() + "  "
        };
        for (key, tally) in first {
            self.cut(cells(tally), &name(key))?;
        }
        if others > 0 {
            self.line(&format!("{}{} other {what}s", cells(&rest), number(others)))?;
        }
        Ok(())
    }

    fn failures(&mut self, report: &Report) -> io::Result<()> {
        let failures = report.tally().failures();
        if failures == 0 {
            return Ok(());
        }
        let shown = failures.min(FAILURES_SHOWN);
        let of = if shown < failures {
            format!("failures (the first {shown} of {})", number(failures))
        } else {
            "failures".to_owned()
        };
        self.heading(&of)?;
        for device in report.failures().take(FAILURES_SHOWN) {
            let mut line = format!("{:<13} {}  ", device.became.label(), visible(device.device_key));
            let accepted = device.became.outcome() == Outcome::Accepted.as_str();
            let said = if accepted { device.failed_again } else { device.message };
            if let Some(code) = device.code.filter(|_| !accepted) {
                let _ = write!(line, "{code} ");
            }
            self.cut(line, said.unwrap_or_default())?;
            let mut more = String::new();
            if let Some(request_id) = device.request_id {
                let _ = write!(more, "request {}  ", visible(request_id));
            }
            if report.sections.len() > 1 {
                let _ = write!(more, "in {}  ", visible(device.journal));
            }
            if let Some(reason) = device.facts.reason {
                self.cut(format!("{:<14}{more}before: ", ""), reason)?;
            } else if !more.is_empty() {
                self.line(&format!("{:<14}{more}", ""))?;
            }
        }
        if shown < failures {
            self.line(&format!(
                "… and {} more; --format csv or json has all",
                number(failures - shown)
            ))?;
        }
        Ok(())
    }
}

fn heading_width(heading: &str) -> usize {
    heading.split(' ').map(str::len).max().unwrap_or(0)
}
