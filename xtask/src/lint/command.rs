//! The command line of `cargo xtask lint`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::render::{Format, summary};
use super::{Finding, Severity, lint_and_generate};
use crate::diagnostic::{Report, SourceFile};
use crate::spec::{Document, LoadError};
use crate::workspace;

/// What to look at, and how to print what is found.
#[derive(Args)]
pub struct Arguments {
    /// How to print what is found.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The OpenAPI document, if not the one of the workspace.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Fail on these too.
    #[arg(long, value_enum)]
    deny: Option<Deny>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Deny {
    /// What may have a reason.
    Warnings,
}

/// Runs the command.
///
/// # Errors
///
/// The file cannot be read. What is wrong in it is printed, and no error.
pub fn command(arguments: &Arguments) -> Result<ExitCode, LoadError> {
    let path = arguments
        .spec
        .clone()
        .unwrap_or_else(|| workspace::root().join(workspace::SPEC));
    let (source, findings) = match Document::load(&path) {
        Ok(document) => {
            let findings = lint_and_generate(&document);
            (document.source, findings)
        }
        Err(LoadError::Wrong(report)) => not_yaml(&report),
        Err(error @ LoadError::Unreadable(..)) => return Err(error),
    };
    let text = arguments.format.render(&source, &findings);
    // Whoever closes the pipe has seen enough; the exit code says the rest.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    eprintln!("{}: {}", source.name, summary(&findings));
    let is_failure = |finding: &Finding| finding.severity == Severity::Error || arguments.deny.is_some();
    Ok(if findings.iter().any(is_failure) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn not_yaml(report: &Report) -> (SourceFile, Vec<Finding>) {
    let findings = report.diagnostics().iter().map(|diagnostic| Finding {
        diagnostic: diagnostic.clone(),
        rule: "yaml",
        severity: Severity::Error,
    });
    (report.source().clone(), findings.collect())
}
