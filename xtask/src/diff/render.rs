//! The report, for people and for programs.

use std::fmt;

use serde_json::{Value as Json, json};

use super::change::{Change, Diff, Impact, Level, Side};

/// More reasons than this are no longer read; the lines above have them all.
const REASONS: usize = 10;

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut subject = None;
        for change in &self.changes {
            if subject != Some(&change.subject) {
                if subject.is_some() {
                    writeln!(f)?;
                }
                writeln!(f, "{}", change.subject)?;
                subject = Some(&change.subject);
            }
            writeln!(f, "  {change}")?;
        }
        if self.changes.is_empty() {
            writeln!(f, "{} says the same as {}", self.head, self.base)?;
        }
        writeln!(f)?;
        self.verdict(f, "Rust", self.rust(), |change| &change.rust)?;
        self.verdict(f, "Wire", self.wire(), |change| &change.wire)
    }
}

impl Diff {
    fn verdict(&self, f: &mut fmt::Formatter<'_>, of: &str, level: Level, side: Side) -> fmt::Result {
        writeln!(f, "{of}: {level}")?;
        let reasons: Vec<_> = self.reasons(side).collect();
        for (change, impact) in reasons.iter().take(REASONS) {
            writeln!(f, "  {}:{}: {}: {}", change.file, change.line, change.text, impact.why)?;
        }
        match reasons.len().saturating_sub(REASONS) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }

    /// The report for programs.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let verdict = |level: Level, side: Side| {
            let reason = |(change, impact): (&Change, &Impact)| {
                let Change { file, line, text, .. } = change;
                json!({ "file": file, "line": line, "text": text, "why": impact.why })
            };
            json!({ "level": level, "reasons": self.reasons(side).map(reason).collect::<Json>() })
        };
        json!({
            "schema": "xtask/diff/1",
            "base": self.base,
            "head": self.head,
            "rust": verdict(self.rust(), |change| &change.rust),
            "wire": verdict(self.wire(), |change| &change.wire),
            "changes": self.changes,
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            marker,
            text,
            file,
            line,
            rust,
            wire,
            ..
        } = self;
        write!(
            f,
            "{marker} {file}:{line}: {text} [rust: {}, wire: {}]",
            rust.level, wire.level
        )
    }
}
