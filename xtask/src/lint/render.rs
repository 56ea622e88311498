//! Findings as text, as JSON, and as GitHub takes them.

use std::fmt::{self, Write as _};

use annotate_snippets::Level;
use clap::ValueEnum;
use serde_json::{Value as Json, json};

use super::{Finding, Severity};
use crate::diagnostic::{SourceFile, render};

/// How to print findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the lines of the document, for people.
    Human,
    /// An array with an object for each finding.
    Json,
    /// Workflow commands, which GitHub shows beside the lines of a change.
    Github,
}

impl Format {
    /// All findings in this format, with a line feed at the end if there is anything.
    #[must_use]
    pub fn render(self, source: &SourceFile, findings: &[Finding]) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = match self {
            Self::Human => human(&mut text, source, findings),
            Self::Json => json(&mut text, source, findings),
            Self::Github => github(&mut text, source, findings),
        };
        text
    }
}

fn human(text: &mut String, source: &SourceFile, findings: &[Finding]) -> fmt::Result {
    for finding in findings {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        writeln!(
            text,
            "{}\n",
            render(source, level, Some(finding.rule), &finding.diagnostic)
        )?;
    }
    Ok(())
}

fn json(text: &mut String, source: &SourceFile, findings: &[Finding]) -> fmt::Result {
    let finding = |finding: &Finding| {
        let diagnostic = &finding.diagnostic;
        json!({
            "rule": finding.rule,
            "severity": finding.severity.name(),
            "file": source.name,
            "line": diagnostic.at.line,
            "column": diagnostic.at.column,
            "message": diagnostic.message,
            "expected": diagnostic.expected,
            "hint": diagnostic.hint,
            "snippet": source.line(diagnostic.at.line),
        })
    };
    let array: Json = findings.iter().map(finding).collect();
    writeln!(text, "{array:#}")
}

fn github(text: &mut String, source: &SourceFile, findings: &[Finding]) -> fmt::Result {
    for finding in findings {
        let diagnostic = &finding.diagnostic;
        let mut message = diagnostic.message.clone();
        for (name, more) in [("expected", &diagnostic.expected), ("hint", &diagnostic.hint)] {
            if let Some(more) = more {
                let _ = write!(message, "\n{name}: {more}");
            }
        }
        writeln!(
            text,
            "::{} file={},line={},col={},title={}::{}",
            finding.severity,
            property(&source.name),
            diagnostic.at.line,
            diagnostic.at.column,
            finding.rule,
            data(&message)
        )?;
    }
    Ok(())
}

/// What a workflow command would take for its own syntax is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// "2 errors and 1 warning".
pub(super) fn summary(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let number = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} and {}",
        number(count(Severity::Error), "error"),
        number(count(Severity::Warning), "warning")
    )
}
