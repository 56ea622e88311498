//! For a terminal.

use std::fmt::Write as _;
use std::io;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table};
use enos_ota_campaign::{Fate, Outcome};

use crate::Report;
use crate::breakdown::Breakdown;
use crate::columns::{COLUMNS, Column};
use crate::facts::{COMMAND, facts};
use crate::groups::Groups;
use crate::outcomes::outcomes;
use crate::section::Section;
use crate::tally::Tally;
use crate::text::{self, counted, number, percent, shortened, time, visible, width};
use crate::waves::waves;

/// So many groups of a breakdown are listed.
const GROUPS_SHOWN: usize = 15;
/// So many failures are listed.
const FAILURES_SHOWN: usize = 100;
const LEAST_WIDTH: usize = 60;
/// Columns that a name has at least.
const LEAST_NAME: usize = 24;
/// Columns between two columns of a table.
const GAP: u16 = 2;

impl Report {
    /// Writes the report for a terminal with so many columns, without colours. Where they do not suffice for a reason or
    /// a message, it is cut, but no key of a device and no id of a request ever is.
    ///
    /// Of the failures the first 100 are listed, and for the others it is said where to find them. What could not be seen
    /// in a foreign text is shown as an escape such as `\u{202e}`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_table<W: io::Write>(&self, out: W, columns: usize) -> io::Result<()> {
        let mut writer = Writer {
            out,
            columns: columns.max(LEAST_WIDTH),
        };
        writer.wrapped("", &self.sentence())?;
        writer.line("")?;
        writer.fact("organization", self.org_id())?;
        for job in self.jobs() {
            writer.fact("job", job)?;
        }
        if let Some(made) = self.made_ms {
            writer.fact("made", &time(made))?;
        }
        if self.sections.len() > 1 {
            writer.fact("journals", &number(self.sections.len()))?;
        }
        if self.repeated() > 0 {
            let devices = counted(self.repeated(), "device");
            let told = format!("{devices} in several journals of a job, as they stand in the one begun last");
            writer.fact("counted once", &told)?;
        }
        for section in &self.sections {
            writer.section(self, section)?;
        }
        writer.breakdown(self.all())?;
        writer.failures(self)?;
        writer.out.flush()
    }
}

struct Writer<W> {
    out: W,
    columns: usize,
}

/// The same as [`COLUMNS`] in fewer columns.
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

fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A row of one line, in which a text that does not fit is cut.
fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

impl<W: io::Write> Writer<W> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", line.trim_end())
    }

    fn heading(&mut self, heading: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&heading.to_uppercase())
    }

    /// A table without lines, as wide as the terminal at most.
    fn table(&mut self, header: Option<Vec<Cell>>, rows: Vec<Vec<Cell>>) -> io::Result<()> {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.columns).unwrap_or(u16::MAX).saturating_add(GAP))
            .set_truncation_indicator("…");
        if let Some(header) = header {
            table.set_header(header);
        }
        table.add_rows(rows.into_iter().map(one_line));
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        for line in table.lines() {
            self.line(&line)?;
        }
        Ok(())
    }

    /// A text in as many lines as it takes, each after a margin of spaces but the first, which comes after `first`. No
    /// word is broken, so that paths and commands can be copied.
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
        self.line("")?;
        self.wrapped("JOURNAL  ", &visible(&section.name))?;
        for (name, fact) in facts(section, report.jobs().len() > 1, report.sections.len() > 1) {
            let name = if name == COMMAND { "" } else { name };
            self.fact(name, &fact)?;
        }
        for wave in waves(&section.recovered) {
            let told = format!(
                "{}: {}, {} so far; {} succeeded, {} failed again or gone: {}",
                wave.number,
                counted(wave.devices, "device"),
                number(wave.so_far),
                number(wave.succeeded),
                number(wave.failed),
                wave.verdict()
            );
            self.fact("wave", &told)?;
        }
        Ok(())
    }

    fn breakdown(&mut self, all: &Breakdown) -> io::Result<()> {
        let tally = &all.tally;
        self.outcomes(tally)?;
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "(not known)".to_owned());
        let before = "reasons before, and what became of them";
        self.groups(before, "reason", tally, &all.reasons, name)?;
        self.groups("products", "product", tally, &all.products, name)?;
        self.groups("versions", "version", tally, &all.versions, |versions| {
            text::versions(versions.from.as_deref(), versions.to.as_deref())
        })?;
        if !all.new_reasons.rows.is_empty() {
            let again = "reasons of those that failed again";
            self.groups(again, "reason", tally, &all.new_reasons, name)?;
        }
        self.messages(all)
    }

    fn outcomes(&mut self, tally: &Tally) -> io::Result<()> {
        self.heading("outcomes")?;
        let rows = outcomes(tally).into_iter().map(|line| {
            let indent = if line.is_part { "  " } else { "" };
            let note = if line.label == "open" { "resume it" } else { "" };
            vec![
                // As wide in every report.
                Cell::new(format!("{:<20}", format!("{indent}{}", line.label))),
                right(number(line.devices)),
                right(percent(line.devices, tally.devices())),
                Cell::new(note),
            ]
        });
        let rows = rows.collect();
        self.table(None, rows)
    }

    /// What was said of devices that were not accepted.
    fn messages(&mut self, all: &Breakdown) -> io::Result<()> {
        let (first, others, of_others) = all.said(GROUPS_SHOWN);
        if first.is_empty() {
            return Ok(());
        }
        self.heading("what was said of those that were not accepted")?;
        let rows = first.into_iter().map(|(message, tally)| {
            let code = message.code.map(|code| format!("{code} ")).unwrap_or_default();
            let text = visible(message.text.as_deref().unwrap_or_default());
            vec![
                right(number(tally.devices())),
                Cell::new(message.became.label()),
                Cell::new(code + &text),
            ]
        });
        let mut rows: Vec<_> = rows.collect();
        if others > 0 {
            let told = format!("{} other messages", number(others));
            rows.push(vec![right(number(of_others)), Cell::new(""), Cell::new(told)]);
        }
        self.table(None, rows)
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
        // Those that are nothing but failed again need no columns for everything else.
        let all = total.devices() == tally.devices();
        let of = |columns: &[Column]| -> Vec<Column> {
            let columns = columns.iter().enumerate();
            let columns = columns.filter(|(index, (_, count))| *index == 0 || (all && count(&total) > 0));
            columns.map(|(_, column)| *column).collect()
        };
        let room = |columns: &[Column]| -> usize {
            let widths = columns.iter().map(|(heading, count)| {
                let words = heading.split(' ').map(str::len).max().unwrap_or(0);
                number(count(&total)).len().max(words) + usize::from(GAP)
            });
            widths.sum()
        };
        let mut columns = of(&COLUMNS);
        if room(&columns) + LEAST_NAME > self.columns {
            columns = of(COMPACT);
        }
        // Headings of two words take two lines.
        let two_lines = columns.iter().any(|(heading, _)| heading.contains(' '));
        let heading = |heading: &str| match heading.split_once(' ') {
            Some((above, below)) => format!("{above}\n{below}"),
            None if two_lines => format!("\n{heading}"),
            None => heading.to_owned(),
        };
        let mut header: Vec<_> = columns.iter().map(|(name, _)| right(heading(name))).collect();
        header.push(Cell::new(heading(what)));
        let row = |tally: &Tally, name: &str| {
            let mut cells: Vec<_> = columns.iter().map(|(_, count)| right(number(count(tally)))).collect();
            cells.push(Cell::new(visible(name)));
            cells
        };
        let (first, others, rest) = groups.first(GROUPS_SHOWN);
        let mut rows: Vec<_> = first.iter().map(|(key, tally)| row(tally, &name(key))).collect();
        if others > 0 {
            rows.push(row(&rest, &counted(others, &format!("other {what}"))));
        }
        self.table(Some(header), rows)
    }

    /// A line whose last text is cut if it is too long.
    fn cut(&mut self, mut line: String, text: &str) -> io::Result<()> {
        let room = self.columns.saturating_sub(width(&line)).max(16);
        line.push_str(&shortened(&visible(text), room));
        self.line(&line)
    }

    fn failures(&mut self, report: &Report) -> io::Result<()> {
        let failures = report.tally().failures();
        if failures == 0 {
            return Ok(());
        }
        self.heading("failures")?;
        let shown = failures.min(FAILURES_SHOWN);
        let mut told = report.attention();
        if shown < failures {
            let _ = write!(told, "; the first {shown} are listed, --format csv or json has all");
        }
        self.wrapped("", &told)?;
        for device in report.failures().take(FAILURES_SHOWN) {
            let mut line = format!("{:<13} {}  ", device.became.label(), visible(device.device_key));
            let (code, said) = device.blame();
            if let Some(code) = code {
                let _ = write!(line, "{code} ");
            }
            self.cut(line, said.unwrap_or_default())?;
            let mut more = String::new();
            if let Some(request_id) = device.standing.request_id {
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
        Ok(())
    }
}
