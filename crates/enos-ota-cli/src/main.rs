//! The command line of the OTA-job API of the EnOS IoT platform.
//!
//! Data goes to standard output, everything else to standard error. Exit codes are decided in `exit.rs`.

mod args;
mod body;
mod calls;
mod campaign;
mod cancel;
mod commands;
mod config;
mod confirm;
mod console;
mod curl;
mod demo;
mod device_keys;
mod env;
mod exit;
mod failure;
mod interrupt;
mod job;
mod json;
mod keyring;
mod layout;
mod limited;
mod listing;
mod log;
mod pager;
mod results;
mod session;
mod table;
mod text;
mod upgrades;

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, FromArgMatches as _};

use crate::args::{Cli, Color, Command};
use crate::exit::Exit;
use crate::failure::Failure;

fn main() -> ExitCode {
    let (cli, wants_json) = match parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        // It repeats what was given, which may have been copied from anywhere. What is visible is wrong in the same way.
        Err(error) if error.use_stderr() => {
            let visible = std::env::args_os().map(|arg| text::visible(&arg.to_string_lossy()).into_owned());
            let error = parse(visible.map(Into::into)).err().unwrap_or(error);
            console::styled_text(error.render().ansi());
            return ExitCode::from(Exit::Usage.code());
        }
        Err(help) => return show(&help),
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    if cli.no_pager {
        pager::switch_off();
    }
    if cli.quiet {
        console::be_quiet();
    }
    log::init(cli.verbose);
    match run(&cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if wants_json {
                failure.print_object();
            }
            console::failure(&failure);
            failure.exit().into()
        }
    }
}

/// The help or the version. Nothing has been parsed that could say how to show it.
fn show(help: &clap::Error) -> ExitCode {
    let is_given = |option: &str| std::env::args_os().any(|word| word == option);
    if is_given("--no-pager") || help.kind() == ErrorKind::DisplayVersion {
        pager::switch_off();
    }
    let text = help.render();
    let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let text = if color {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    match pager::show(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::from(error).exit().into(),
    }
}

/// The command line, and whether it asks for JSON.
fn parse(words: impl Iterator<Item = OsString>) -> Result<(Cli, bool), clap::Error> {
    let matches = args::command().try_get_matches_from(words).map_err(without_detour)?;
    Ok((Cli::from_arg_matches(&matches)?, wants_json(&matches)))
}

fn wants_json(matches: &ArgMatches) -> bool {
    if let Some((_, matches)) = matches.subcommand() {
        return wants_json(matches);
    }
    let is_json = |form: &OsStr| form == "json" || form == "jsonl";
    ["output", "format"]
        .into_iter()
        .filter_map(|id| matches.try_get_raw(id).ok().flatten())
        .any(|mut forms| forms.any(is_json))
}

/// Takes away the tip to write a misspelt option behind `--`, which is never what was meant.
fn without_detour(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument && error.get(ContextKind::SuggestedArg).is_none() {
        error.remove(ContextKind::Suggested);
    }
    error
}

fn run(command: &Command) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("the runtime could not be started: {error}")))?;
    runtime.block_on(async {
        interrupt::survive_file_size_limit();
        if std::io::stderr().is_terminal() && !console::is_quiet() && !log::is_verbose() {
            tokio::spawn(calls::tell_of_waiting());
        }
        commands::run(command).await
    })
}
