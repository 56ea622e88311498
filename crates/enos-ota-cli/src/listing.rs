//! Lists of jobs and tasks, in the forms that people and scripts read.

use std::io::Write as _;

use enos_ota::search::{Criterion, Expression, Subject, ValueError};
use enos_ota::{Error, Page, PageSize, UnreadableRow};
use futures_util::{Stream, TryStreamExt as _};
use serde::Serialize;

use crate::args::{ListOutput, Listing};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::pager::Out;
use crate::session::Session;
use crate::table::Table;
pub(crate) use crate::table::{Column, Row, Shown};
use crate::text::visible;

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
    session: &Session,
    mut pages: impl Stream<Item = Result<Page<T>, Error>> + Unpin,
) -> Result<Exit, Failure> {
    let limit = listing.limit.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let mut table = Table::new::<T>(listing)?;
    let mut out = Out::of(listing.output);
    let mut kept = Vec::new();
    let mut count = 0;
    let mut total = None;
    let mut changed = false;
    let mut unreadable = Unreadable::default();
    // If there is nothing to list, such as for a failure, standard output stays empty.
    while count < limit
        && let Some(page) = pages.try_next().await.map_err(|error| session.failed(error))?
    {
        total = page.total_size.or(total);
        changed |= page.total_changed;
        unreadable.take(page.unreadable);
        let mut cells = Vec::new();
        for item in page.items.into_iter().take(limit - count) {
            count += 1;
            match listing.output {
                ListOutput::Text | ListOutput::Csv => cells.push(item.cells()),
                ListOutput::Jsonl => json::print(&mut out, &item)?,
                ListOutput::Json => kept.push(item),
            }
        }
        if matches!(listing.output, ListOutput::Text | ListOutput::Csv) {
            table.page(&mut out, cells)?;
        }
        out.flush()?;
    }
    table.end(&mut out)?;
    let total_size = total.unwrap_or_else(|| i64::try_from(count).unwrap_or(i64::MAX));
    if listing.output == ListOutput::Json {
        let whole = Whole {
            schema,
            total_size,
            items: &kept,
            unreadable: &unreadable.kept,
        };
        json::print(&mut out, &whole)?;
    }
    out.close()?;
    unreadable.warn();
    if changed {
        console::warning("the list changed while it was read: some items may be missing and others there twice");
    }
    if listing.output == ListOutput::Text {
        let odd = match unreadable.count {
            0 => String::new(),
            count => format!(", and {count} that could not be read"),
        };
        console::note(format_args!("{count} of {total_size}{odd}"));
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, T> {
    schema: &'static str,
    total_size: i64,
    items: &'a [T],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unreadable: &'a [OddRow],
}

/// A row that could not be read, in the output for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OddRow {
    position: u64,
    device_key: Option<String>,
    job_id: Option<String>,
    why: String,
    raw: String,
}

/// So many rows that could not be read are named, each with a line.
pub(crate) const NAMED_ROWS: usize = 10;
/// So many are kept for the output for programs.
const KEPT_ROWS: usize = 1000;

/// The rows of a list that could not be read.
#[derive(Default)]
struct Unreadable {
    count: usize,
    lines: Vec<String>,
    kept: Vec<OddRow>,
}

impl Unreadable {
    fn take(&mut self, rows: Vec<UnreadableRow>) {
        for row in rows {
            self.count += 1;
            if self.lines.len() < NAMED_ROWS {
                self.lines.push(unreadable(&row));
            }
            if self.kept.len() < KEPT_ROWS {
                self.kept.push(OddRow {
                    position: row.position,
                    device_key: row.device_key,
                    job_id: row.job_id,
                    why: row.why,
                    raw: row.raw,
                });
            }
        }
    }

    fn warn(&self) {
        for line in &self.lines {
            console::warning(line);
        }
        if self.count > self.lines.len() {
            console::warning(format_args!("{} more could not be read", self.count - self.lines.len()));
        }
    }
}

/// What to say of a row that could not be read.
pub(crate) fn unreadable(row: &UnreadableRow) -> String {
    let of = match (&row.device_key, &row.job_id) {
        (Some(key), _) => format!(" of the device {}", visible(key)),
        (None, Some(job_id)) => format!(" of the job {}", visible(job_id)),
        (None, None) => String::new(),
    };
    format!(
        "row {}{of} could not be read and is left out: {}",
        row.position.saturating_add(1),
        visible(&row.why)
    )
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

    #[test]
    fn a_row_that_cannot_be_read_is_named_on_one_line() {
        let body = r#"{"code":0,"data":[{"deviceKey":"a\u001b[31m","desc":{}}],"pagination":{"totalSize":1}}"#;
        let mut rows = Unreadable::default();
        for _ in 0..NAMED_ROWS + 2 {
            rows.take(read_oddly(body));
        }
        assert_eq!(
            rows.lines[0],
            "row 1 of the device a\\u{1b}[31m could not be read and is left out: invalid type: map, expected a string"
        );
        assert_eq!((rows.lines.len(), rows.count), (NAMED_ROWS, NAMED_ROWS + 2));
    }

    /// The rows of an answer that cannot be read, as a client finds them.
    fn read_oddly(body: &'static str) -> Vec<UnreadableRow> {
        use std::io::{Read as _, Write as _};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let token = r#"{"status":0,"data":{"accessToken":"token","expire":7200}}"#;
            for body in [token, body] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        let client = enos_ota::Client::builder()
            .base_url(format!("http://{address}"))
            .credentials(enos_ota::Credentials::new("key", "secret").unwrap())
            .org_id("o1")
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let page = runtime.block_on(client.search_tasks(&Expression::raw(""), 1, PageSize::default()));
        page.unwrap().unreadable
    }
}
