//! The command line of the OTA-job API of the EnOS IoT platform.
//!
//! Data goes to standard output, everything else to standard error. Exit codes are decided in `exit.rs`.

mod args;
mod body;
mod campaign;
mod cancel;
mod commands;
mod config;
mod consent;
mod console;
mod demo;
mod device_keys;
mod exit;
mod failure;
mod interrupt;
mod job;
mod json;
mod layout;
mod limited;
mod listing;
mod log;
mod results;
mod session;
mod text;
mod upgrades;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Color, Command};
use crate::exit::Exit;
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // It repeats what was given, which may have been copied from anywhere. What is visible is wrong in the same way.
        Err(error) if error.use_stderr() => {
            let visible = std::env::args_os().map(|arg| text::visible(&arg.to_string_lossy()).into_owned());
            let error = Cli::try_parse_from(visible).err().unwrap_or(error);
            console::styled_text(error.render().ansi());
            return ExitCode::from(Exit::Usage.code());
        }
        Err(help) => help.exit(),
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    log::init(cli.verbose);
    match run(&cli.command) {
        Ok(exit) => exit.into(),
        // Whoever read our output has had enough of it.
        Err(failure) if failure.is_broken_pipe() => failure.exit.into(),
        Err(failure) => {
            console::error(&failure);
            if let Some(hint) = failure.hint() {
                console::hint(hint);
            }
            failure.exit.into()
        }
    }
}

fn run(command: &Command) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("the runtime could not be started: {error}")))?;
    runtime.block_on(async {
        interrupt::survive_file_size_limit();
        commands::run(command).await
    })
}
