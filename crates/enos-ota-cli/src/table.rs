//! Lists as tables: fitted to a terminal, in columns of fixed widths for a file, or as CSV.

use std::cmp::Ordering;
use std::io::{self, Write};

use ::console::measure_text_width;
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, Width};
use enos_ota_report::harmless;

use crate::args::{ListOutput, Listing};
use crate::failure::Failure;
use crate::layout;
use crate::text::visible;

/// When a column is shown that nobody has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Always,
    /// On a terminal, and in CSV.
    ToPeople,
    /// In CSV alone.
    OnRequest,
}

pub(crate) struct Column {
    /// As the platform calls it.
    pub(crate) name: &'static str,
    pub(crate) heading: &'static str,
    /// Where there is no terminal, the column is at least as wide.
    pub(crate) width: usize,
    pub(crate) shown: Shown,
}

/// How an item looks in a table.
pub(crate) trait Row {
    const COLUMNS: &'static [Column];

    /// One for each column.
    fn cells(&self) -> Vec<String>;
}

/// The columns between two columns.
const GAP: usize = 2;
/// No column of a terminal is made narrower, nor is one that is not.
const NARROW: usize = 8;

pub(crate) struct Table {
    form: ListOutput,
    columns: Vec<&'static Column>,
    /// The places of the columns among the cells of a row.
    places: Vec<usize>,
    /// The place of the column to sort by, and whether it descends.
    sort: Option<(usize, bool)>,
    /// Of a terminal.
    terminal: Option<usize>,
    /// Of the first page, which decides for all.
    widths: Vec<usize>,
    begun: bool,
    /// What is to be sorted.
    waiting: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<T: Row>(listing: &Listing) -> Result<Self, Failure> {
        let terminal = layout::columns();
        let places = places::<T>(listing, terminal.is_some())?;
        let sort = match &listing.sort {
            Some(sort) => {
                let (name, descends) = sort
                    .strip_prefix('-')
                    .map_or((sort.as_str(), false), |name| (name, true));
                Some((place::<T>("--sort", name)?, descends))
            }
            None => None,
        };
        Ok(Self {
            form: listing.output,
            columns: places.iter().map(|place| &T::COLUMNS[*place]).collect(),
            places,
            sort,
            terminal,
            widths: Vec::new(),
            begun: false,
            waiting: Vec::new(),
        })
    }

    /// Writes the rows of a page, after the headings if it is the first; rows that are to be sorted wait.
    pub(crate) fn page(&mut self, out: &mut impl Write, rows: Vec<Vec<String>>) -> io::Result<()> {
        if self.sort.is_some() {
            self.waiting.extend(rows);
            return Ok(());
        }
        self.write(out, &rows)
    }

    /// Writes what has waited.
    pub(crate) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some((place, descends)) = self.sort else {
            return Ok(());
        };
        let mut rows = std::mem::take(&mut self.waiting);
        rows.sort_by(|one, other| {
            let order = compare(&one[place], &other[place]);
            if descends { order.reverse() } else { order }
        });
        if rows.is_empty() {
            Ok(())
        } else {
            self.write(out, &rows)
        }
    }

    fn write(&mut self, out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
        let headings: Vec<_> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
        let rows = rows.iter().map(|row| {
            self.places
                .iter()
                .map(|place| visible(&row[*place]).into_owned())
                .collect()
        });
        let mut lines: Vec<Vec<String>> = rows.collect();
        let is_first = !std::mem::replace(&mut self.begun, true);
        match (self.form, self.terminal) {
            (ListOutput::Csv, _) => {
                let names: Vec<_> = self.columns.iter().map(|column| column.name.to_owned()).collect();
                write_csv(out, is_first.then_some(&names), &lines)
            }
            (_, Some(columns)) => {
                if is_first {
                    lines.insert(0, headings);
                    self.widths = widths(&lines, columns);
                }
                write_fitted(out, &self.widths, lines)
            }
            (_, None) => {
                if is_first {
                    lines.insert(0, headings);
                }
                lines.iter().try_for_each(|line| write_plain(out, &self.columns, line))
            }
        }
    }
}

/// The columns that were asked for, or the usual ones.
fn places<T: Row>(listing: &Listing, terminal: bool) -> Result<Vec<usize>, Failure> {
    let all = 0..T::COLUMNS.len();
    match listing.columns.as_slice() {
        [] => Ok(all
            .filter(|place| match T::COLUMNS[*place].shown {
                Shown::Always => true,
                Shown::ToPeople => terminal || listing.output == ListOutput::Csv,
                Shown::OnRequest => listing.output == ListOutput::Csv,
            })
            .collect()),
        [one] if one == "all" => Ok(all.collect()),
        names => names.iter().map(|name| place::<T>("--columns", name)).collect(),
    }
}

/// `jobId`, `job-id` and `JOB ID` are the same column.
fn place<T: Row>(option: &str, name: &str) -> Result<usize, Failure> {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let wanted = plain(name);
    let is_it = |column: &Column| plain(column.name) == wanted || plain(column.heading) == wanted;
    T::COLUMNS.iter().position(is_it).ok_or_else(|| {
        let names: Vec<_> = T::COLUMNS.iter().map(|column| column.name).collect();
        Failure::usage(format!("{option}: there is no column `{name}`"))
            .with_hint(format!("the columns are {}", names.join(", ")))
    })
}

/// Numbers by their size, before texts by their characters. What is not there comes last.
fn compare(one: &str, other: &str) -> Ordering {
    let key = |text: &str| {
        let number: Option<i64> = text.parse().ok();
        (text == "-", number.is_none(), number)
    };
    key(one).cmp(&key(other)).then_with(|| one.cmp(other))
}

/// The widths that the lines take, but no more than there is room for: the widest column gives way first, and no word is
/// broken as long as another column has several.
fn widths(lines: &[Vec<String>], columns: usize) -> Vec<usize> {
    let count = lines.first().map_or(0, Vec::len);
    let widest = |place: usize, of: fn(&str) -> usize| lines.iter().map(|line| of(&line[place])).max().unwrap_or(0);
    let longest_word = |text: &str| text.split_whitespace().map(measure_text_width).max().unwrap_or(0);
    let mut widths: Vec<_> = (0..count)
        .map(|place| widest(place, measure_text_width).max(1))
        .collect();
    let words: Vec<_> = (0..count)
        .map(|place| widest(place, longest_word).max(NARROW))
        .collect();
    let room = columns.saturating_sub(GAP * count.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let widest_above = |least: &dyn Fn(usize) -> usize| {
            let above = (0..count).filter(|place| widths[*place] > least(*place));
            above.max_by_key(|place| widths[*place])
        };
        match widest_above(&|place| words[place]).or_else(|| widest_above(&|_| NARROW)) {
            Some(place) => widths[place] -= 1,
            None => break,
        }
    }
    widths
}

/// Wraps cells between words, in columns of these widths.
fn write_fitted(out: &mut impl Write, widths: &[usize], lines: Vec<Vec<String>>) -> io::Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING).add_rows(lines);
    let last = widths.len().saturating_sub(1);
    for (place, (column, width)) in table.column_iter_mut().zip(widths).enumerate() {
        let gap = if place == last { 0 } else { GAP };
        column.set_padding((0, u16::try_from(gap).unwrap_or(0)));
        let width = u16::try_from(width + gap).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

fn write_plain(out: &mut impl Write, columns: &[&Column], cells: &[String]) -> io::Result<()> {
    let last = cells.len().saturating_sub(1);
    let mut line = String::new();
    for (place, (cell, column)) in cells.iter().zip(columns).enumerate() {
        line.push_str(cell);
        if place < last {
            let filling = column.width.saturating_sub(measure_text_width(cell)) + GAP;
            line.extend(std::iter::repeat_n(' ', filling));
        }
    }
    writeln!(out, "{}", line.trim_end())
}

fn write_csv(out: &mut impl Write, names: Option<&Vec<String>>, lines: &[Vec<String>]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    // What is not there is empty, and no text is taken for a formula.
    let cell = |text: &String| {
        if text == "-" {
            String::new()
        } else {
            plain_or_harmless(text)
        }
    };
    for line in names.into_iter().chain(lines) {
        writer.write_record(line.iter().map(cell)).map_err(io::Error::other)?;
    }
    writer.flush()
}

/// A number is none either, though it may begin with a minus.
fn plain_or_harmless(text: &str) -> String {
    if text.parse::<i64>().is_ok() {
        return text.to_owned();
    }
    harmless(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(lines: &[&[&str]], columns: usize) -> Vec<String> {
        let lines: Vec<Vec<_>> = lines
            .iter()
            .map(|line| line.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        let mut out = Vec::new();
        write_fitted(&mut out, &widths(&lines, columns), lines).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_table_fits_and_breaks_between_words() {
        let lines: &[&[&str]] = &[
            &["KEY", "REASON"],
            &["pump-01", "升级失败 the device has no flash space left"],
        ];
        assert_eq!(
            fitted(lines, 32),
            [
                "KEY      REASON",
                "pump-01  升级失败 the device has",
                "         no flash space left",
            ]
        );
        assert_eq!(
            fitted(lines, 80)[1],
            "pump-01  升级失败 the device has no flash space left"
        );
    }

    #[test]
    fn a_word_is_broken_only_where_nothing_else_gives_way() {
        let lines: &[&[&str]] = &[&["2026-11-27T18:23:29Z", "no space left"]];
        assert_eq!(
            fitted(lines, 32),
            ["2026-11-27T18:23:29Z  no space", "                      left"]
        );
        assert_eq!(fitted(lines, 20), ["2026-11-27  no space", "T18:23:29Z  left"]);
    }

    #[test]
    fn wide_characters_keep_the_columns_below_each_other() {
        let lines = fitted(&[&["KEY", "TO"], &["泵-01", "2"], &["pump-1", "3"]], 80);
        assert_eq!(lines, ["KEY     TO", "泵-01   2", "pump-1  3"]);
    }

    #[test]
    fn numbers_are_sorted_by_size_and_what_is_missing_last() {
        let mut cells = ["b", "-", "10", "9", "-2", "a"];
        cells.sort_by(|one, other| compare(one, other));
        assert_eq!(cells, ["-2", "9", "10", "a", "b", "-"]);
    }
}
