//! The command line of `cargo xtask diff`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Options, run};
use crate::failure::Failure;

/// What to compare, and how to say it.
#[derive(Args)]
pub struct Arguments {
    /// The earlier version, a file or a git revision [default: where this branch left origin/main, or else HEAD].
    #[arg(long, value_name = "REV|FILE")]
    base: Option<String>,
    /// The later version, if not the document of the workspace.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// How to print the changes.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Fail if a breaking change comes without a version that says so or without a line in CHANGELOG.md.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line a change, and the verdicts.
    Text,
    /// One object.
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// There is nothing to compare.
pub fn command(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let outcome = run(&Options {
        base: arguments.base.clone(),
        head: arguments.head.clone(),
        check: arguments.check,
        ..Options::default()
    })?;
    let text = match arguments.format {
        Format::Text => outcome.diff.to_string(),
        Format::Json => format!("{:#}\n", outcome.diff.to_json()),
    };
    // Whoever closes the pipe has seen enough; the exit code says the rest.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    for owed in &outcome.owed {
        eprintln!("{owed}");
    }
    let is_paid = outcome.owed.is_empty();
    Ok(if is_paid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
