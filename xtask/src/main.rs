//! `cargo xtask`: see the library of this package.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use xtask::codegen::{self, Options};
use xtask::failure::Failure;
use xtask::{bench, diff, docs, lint, new_operation};

/// Maintenance of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate the client from the OpenAPI document.
    Codegen(Codegen),
    /// Say what is wrong with the OpenAPI document, and what is missing in it.
    Lint(lint::command::Arguments),
    /// Add the skeleton of an operation to the OpenAPI document.
    NewOperation(new_operation::Arguments),
    /// Say what changed between two versions of the OpenAPI document, and what that does to programs.
    Diff(diff::Arguments),
    /// Build the documentation as a web site in target/site.
    Docs(docs::Arguments),
    /// Run the benchmarks, and write all results into target/bench.
    Bench(bench::Arguments),
}

#[derive(Args)]
struct Codegen {
    /// Change nothing; fail and print a diff if the generated files are not what they should be.
    #[arg(long)]
    check: bool,
    /// The OpenAPI document, if not the one of the workspace.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The folder of the generated files, if not the one of the workspace.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result: Result<_, Box<dyn Error>> = match Cli::parse().command {
        Command::Codegen(arguments) => run(&arguments).map_err(Into::into),
        Command::Lint(arguments) => lint::command::command(&arguments).map_err(Into::into),
        Command::NewOperation(arguments) => new_operation::command(&arguments).map_err(Into::into),
        Command::Diff(arguments) => diff::command(&arguments).map_err(Into::into),
        Command::Docs(arguments) => docs::command(&arguments).map_err(Into::into),
        Command::Bench(arguments) => bench::command(&arguments)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Codegen) -> Result<ExitCode, Failure> {
    let mut options = Options::default();
    let mut command = vec!["cargo xtask codegen".to_owned()];
    if let Some(spec) = &arguments.spec {
        command.push(format!("--spec {}", spec.display()));
        options.spec.clone_from(spec);
    }
    if let Some(out) = &arguments.out {
        command.push(format!("--out {}", out.display()));
        options.out.clone_from(out);
    }
    if !arguments.check {
        let changes = codegen::run(&options)?;
        for change in &changes {
            eprintln!("{change}");
        }
        if changes.is_empty() {
            eprintln!("up to date");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let changes = codegen::plan(&options)?;
    if changes.is_empty() {
        eprintln!("up to date");
        return Ok(ExitCode::SUCCESS);
    }
    let mut stdout = std::io::stdout().lock();
    for change in &changes {
        // Whoever closes the pipe has seen enough; the exit code says the rest.
        let _ = stdout.write_all(change.diff().as_bytes());
    }
    eprintln!("error: the generated files are not what the document says");
    eprintln!("hint: run `{}` and commit what it writes", command.join(" "));
    Ok(ExitCode::FAILURE)
}
