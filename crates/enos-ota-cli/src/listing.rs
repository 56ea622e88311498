//! Lists of jobs and tasks, in the forms that people and scripts read.

use std::io::{self, BufWriter, Write};

use enos_ota::search::{Criterion, Expression, Subject, ValueError};
use enos_ota::{Error, Page, PageSize};
use futures_util::{Stream, TryStreamExt as _};
use serde::Serialize;

use crate::args::{ListOutput, Listing};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::text::visible;

/// How an item looks in a table.
pub(crate) trait Row {
    /// Headings and least widths of the columns. The last column is as wide as it is.
    const COLUMNS: &'static [(&'static str, usize)];

    fn cells(&self) -> Vec<String>;
}

impl Listing {
    /// The criteria of the options, and the expression that was given beside them.
    pub(crate) fn expression<S: Subject>(
        &self,
        criteria: impl IntoIterator<Item = Result<Criterion<S>, ValueError>>,
    ) -> Result<Expression<S>, Failure> {
        let criteria: Vec<_> = criteria
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::usage(error.to_string()))?;
        let of_options = Expression::all(criteria);
        match self.expression.as_deref().map(str::trim) {
            None | Some("") => Ok(of_options),
            Some(given) if of_options.as_str().is_empty() => Ok(Expression::raw(given)),
            Some(given) if has_or(given) => Err(Failure::usage(
                "--expression contains `or`, and it is not documented how the platform takes that together with `and`",
            )
            .with_hint("write all criteria into --expression, and drop the other options")),
            Some(given) => Ok(Expression::raw(format!("{of_options} and {given}"))),
        }
    }

    pub(crate) fn page_size(&self) -> Result<PageSize, Failure> {
        Ok(PageSize::new(self.page_size)?)
    }
}

/// Reads the pages and writes their items.
pub(crate) async fn print<T: Row + Serialize>(
    listing: &Listing,
    schema: &'static str,
    mut pages: impl Stream<Item = Result<Page<T>, Error>> + Unpin,
) -> Result<Exit, Failure> {
    let limit = listing.limit.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut kept = Vec::new();
    let mut count = 0;
    let mut total = None;
    let mut changed = false;
    if listing.output == ListOutput::Text {
        let headings: Vec<_> = T::COLUMNS.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        write_row::<T>(&mut out, &headings)?;
    }
    while count < limit
        && let Some(page) = pages.try_next().await?
    {
        total = page.total_size.or(total);
        changed |= page.total_changed;
        for item in page.items.into_iter().take(limit - count) {
            count += 1;
            match listing.output {
                ListOutput::Text => write_row::<T>(&mut out, &item.cells())?,
                ListOutput::Jsonl => {
                    json::print(&mut out, &item)?;
                }
                ListOutput::Json => kept.push(item),
            }
        }
        out.flush()?;
    }
    let total_size = total.unwrap_or_else(|| i64::try_from(count).unwrap_or(i64::MAX));
    if listing.output == ListOutput::Json {
        let whole = Whole {
            schema,
            total_size,
            items: &kept,
        };
        json::print(&mut out, &whole)?;
        out.flush()?;
    }
    if changed {
        console::warning("the list changed while it was read: some items may be missing and others there twice");
    }
    if listing.output == ListOutput::Text {
        console::note(format_args!("{count} of {total_size}"));
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, T> {
    schema: &'static str,
    total_size: i64,
    items: &'a [T],
}

fn write_row<T: Row>(out: &mut impl Write, cells: &[String]) -> io::Result<()> {
    let last = cells.len().saturating_sub(1);
    let mut line = String::new();
    for (index, (cell, (_, width))) in cells.iter().zip(T::COLUMNS).enumerate() {
        let cell = visible(cell);
        line.push_str(&cell);
        if index < last {
            let filling = width.saturating_sub(cell.chars().count()) + 2;
            line.extend(std::iter::repeat_n(' ', filling));
        }
    }
    writeln!(out, "{}", line.trim_end())
}

/// A time in milliseconds since 1970, as a date that sorts.
pub(crate) fn date(ms: Option<enos_ota::Integer>) -> String {
    let Some(timestamp) = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms.get()).ok()) else {
        return "-".to_owned();
    };
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether an expression joins criteria by `or`: the word outside of any quotes.
fn has_or(expression: &str) -> bool {
    let mut quote = None;
    let outside: String = expression
        .chars()
        .map(|c| match quote {
            Some(open) if c == open => {
                quote = None;
                ' '
            }
            Some(_) => '_',
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                ' '
            }
            None => c,
        })
        .collect();
    outside.split_whitespace().any(|word| word.eq_ignore_ascii_case("or"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_or_is_one_only_outside_of_quotes() {
        assert!(has_or("status='failed' or status='init'") && has_or("a='1'OR b='2'"));
        assert!(!has_or("desc='this or that'") && !has_or("orgId='o'") && !has_or("desc=\"a or 'b'\""));
    }
}
