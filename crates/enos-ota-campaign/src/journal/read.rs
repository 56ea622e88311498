//! Reads and checks a journal.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::begin::{Begin, Planned};
use super::chain::Chain;
use super::error::JournalError;
use super::record::{JOURNAL_SCHEMA, Record};
use super::replay::{Recovered, Replay, TornTail};
use crate::device_line::DeviceLine;
use crate::devices::Devices;
use crate::plan::Plan;

const BUFFER: usize = 1 << 20;
/// No line is longer, in bytes: that of a million devices with long keys takes less.
const LONGEST_LINE: u64 = 256 << 20;
/// How every journal begins, of whichever schema.
const MAGIC: &[u8] = br#"{"record":"begin","schema":"enos-ota/journal/"#;

/// Where a journal can be continued.
#[derive(Debug)]
pub(super) struct End {
    pub(super) chain: Chain,
    /// Length of all whole lines.
    pub(super) length: u64,
    /// Whether nothing but the line feed of the last line is missing.
    pub(super) needs_line_feed: bool,
}

/// Reads a journal from its beginning.
pub(super) fn read(path: &Path, file: &File) -> Result<(Recovered, End), JournalError> {
    read_lines(path, file, LONGEST_LINE)
}

fn read_lines(path: &Path, file: &File, longest_line: u64) -> Result<(Recovered, End), JournalError> {
    let mut lines = Lines {
        path,
        longest_line,
        from: BufReader::with_capacity(BUFFER, file),
        line: Vec::new(),
        number: 0,
        end: End {
            chain: Chain::default(),
            length: 0,
            needs_line_feed: false,
        },
        torn: None,
    };
    let begin = begin(&mut lines)?;
    let plan = plan(&mut lines, &begin)?;
    let mut replay = Replay::new(begin, plan);
    while lines.advance()? {
        let record: Record<'_> = serde_json::from_slice(&lines.line).map_err(|error| lines.not_understood(error))?;
        replay.record(&record).map_err(|problem| lines.contradiction(problem))?;
    }
    Ok((replay.finish(lines.torn), lines.end))
}

fn begin(lines: &mut Lines<'_>) -> Result<Begin, JournalError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }

    let path = lines.path;
    let start = lines.from.fill_buf().map_err(|error| unreadable(path, error))?;
    // Before the first line is looked for in what may be a film.
    if !start.starts_with(MAGIC) {
        return Err(JournalError::NotAJournal {
            path: path.into(),
            empty: start.is_empty(),
        });
    }
    // The schema before the chain, which may be another one in a newer schema.
    let read = lines.read()?;
    if let Ok(Schema { schema }) = serde_json::from_slice(&lines.line)
        && schema != JOURNAL_SCHEMA
    {
        return Err(JournalError::NewerSchema {
            path: path.into(),
            schema,
        });
    }
    if !lines.check(read)? {
        return Err(lines.incomplete(None));
    }
    serde_json::from_slice(&lines.line).map_err(|error| lines.not_understood(error))
}

fn plan(lines: &mut Lines<'_>, begin: &Begin) -> Result<Plan, JournalError> {
    let mut devices = Devices::new();
    for _ in 0..begin.plan.devices {
        if !lines.advance()? {
            return Err(lines.incomplete(Some(begin)));
        }
        let line: DeviceLine<'_> = serde_json::from_slice(&lines.line).map_err(|error| lines.not_understood(error))?;
        match line.push_to(&mut devices) {
            Ok((_, true)) => {}
            Ok((_, false)) => {
                return Err(lines.contradiction(format!("device {:?} is in the plan twice", line.device_key)));
            }
            Err(error) => return Err(lines.contradiction(error.to_string())),
        }
    }
    if !lines.advance()? {
        return Err(lines.incomplete(Some(begin)));
    }
    let planned: Planned = serde_json::from_slice(&lines.line).map_err(|error| lines.not_understood(error))?;
    if planned.devices != begin.plan.devices || planned.sha256 != begin.plan.sha256 {
        return Err(lines.contradiction("the plan ends with other devices than it began with".to_owned()));
    }
    Plan::of_header(begin.plan.clone(), devices).map_err(|source| JournalError::Plan {
        path: lines.path.into(),
        source: Arc::new(source),
    })
}

struct Lines<'a> {
    path: &'a Path,
    longest_line: u64,
    from: BufReader<&'a File>,
    /// The line, without its line feed.
    line: Vec<u8>,
    number: u64,
    end: End,
    torn: Option<TornTail>,
}

/// What was read for a line.
#[derive(Clone, Copy, Debug)]
struct Read {
    bytes: u64,
    line_feed: bool,
}

impl Lines<'_> {
    /// Goes to the next line and checks that it follows from the one before it. `false` after the last whole one.
    fn advance(&mut self) -> Result<bool, JournalError> {
        let read = self.read()?;
        if read.bytes == 0 {
            self.number -= 1;
            return Ok(false);
        }
        self.check(read)
    }

    fn read(&mut self) -> Result<Read, JournalError> {
        self.line.clear();
        self.number += 1;
        let bytes = (&mut self.from)
            .take(self.longest_line)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| unreadable(self.path, error))?;
        if bytes as u64 == self.longest_line && self.line.last() != Some(&b'\n') {
            return Err(JournalError::LongLine {
                path: self.path.into(),
                line: self.number,
                bytes: self.longest_line,
            });
        }
        let line_feed = self.line.pop_if(|last| *last == b'\n').is_some();
        Ok(Read {
            // No line is longer than memory.
            bytes: bytes as u64,
            line_feed,
        })
    }

    /// `false` for a last line that is torn.
    fn check(&mut self, read: Read) -> Result<bool, JournalError> {
        if self.end.chain.follow(&self.line) {
            self.end.length += read.bytes;
            self.end.needs_line_feed = !read.line_feed;
            return Ok(true);
        }
        let ahead = self.from.fill_buf().map_err(|error| unreadable(self.path, error))?;
        if ahead.is_empty() && self.is_torn(read.line_feed) {
            self.torn = Some(TornTail {
                bytes: read.bytes,
                line: self.number,
            });
            return Ok(false);
        }
        Err(JournalError::Edited {
            path: self.path.into(),
            line: self.number,
        })
    }

    /// Whether the last line is what a power failure leaves of one. An edit leaves a line that is whole, or two in one.
    fn is_torn(&self, line_feed: bool) -> bool {
        match serde_json::from_slice::<IgnoredAny>(&self.line) {
            // The beginning of an object is no object.
            Ok(_) => false,
            // Blocks that never reached the disk may be zeros, with others after them.
            Err(error) => !line_feed || error.is_eof() || self.line.contains(&0),
        }
    }

    /// The chain holds, so the program that wrote the line meant it so.
    fn not_understood(&self, error: serde_json::Error) -> JournalError {
        #[derive(Deserialize)]
        struct Kind {
            record: String,
        }

        JournalError::NewerRecord {
            path: self.path.into(),
            line: self.number,
            kind: serde_json::from_slice::<Kind>(&self.line)
                .map(|kind| kind.record)
                .unwrap_or_default(),
            source: Arc::new(error),
        }
    }

    fn contradiction(&self, problem: String) -> JournalError {
        JournalError::Contradiction {
            path: self.path.into(),
            line: self.number,
            problem,
        }
    }

    fn incomplete(&self, begin: Option<&Begin>) -> JournalError {
        JournalError::Incomplete {
            path: self.path.into(),
            line: self.number,
            devices: begin.map(|begin| begin.plan.devices),
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> JournalError {
    JournalError::io(path, "read", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_only_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let line = |length: usize| [MAGIC, &b"x".repeat(length - MAGIC.len())].concat();
        for (bytes, is_long) in [(line(300), true), ([&line(299)[..], b"\n"].concat(), false)] {
            std::fs::write(&path, bytes).unwrap();
            let error = read_lines(&path, &File::open(&path).unwrap(), 300).unwrap_err();
            let long = matches!(
                error,
                JournalError::LongLine {
                    line: 1,
                    bytes: 300,
                    ..
                }
            );
            assert_eq!(long, is_long, "{error}");
        }
    }
}
