//! What is added to the help of the commands: groups of commands, and the variables that stand for options.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use clap::{Command, CommandFactory as _};

use super::Cli;
use crate::env;

/// The commands, in groups.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Fleets",
        &[
            "retry",
            "plan",
            "rehearse",
            "apply",
            "resume",
            "watch",
            "campaigns",
            "report",
        ],
    ),
    ("API", &["jobs", "tasks", "api"]),
    (
        "Tools",
        &[
            "login",
            "profiles",
            "config",
            "doctor",
            "explain",
            "sign",
            "token",
            "emulator",
            "completions",
            "man",
            "version",
        ],
    ),
];

/// The command line, with all that is made of it: use this in place of `Cli::command()`.
pub(crate) fn command() -> Command {
    let command = with_variables(Cli::command());
    let groups = groups(&command);
    command
        .help_template(format!(
            "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{HEADING}Options:{HEADING:#}\n{{options}}{{after-help}}"
        ))
        .after_long_help(format!("{}\n\n{}", environment(), super::AFTER_LONG_HELP))
}

const HEADING: Style = AnsiColor::Green.on_default().bold();
const NAME: Style = AnsiColor::Cyan.on_default().bold();

/// The commands with what they do, by group.
fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{HEADING}{title}:{HEADING:#}");
        for subcommand in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {NAME}{:<13}{NAME:#}{about}", subcommand.get_name());
        }
        text.push('\n');
    }
    text
}

/// Every variable, as a part of the help.
fn environment() -> String {
    let mut text = String::from("Environment variables:");
    for variable in env::ALL {
        let _ = write!(text, "\n  {:<27}  {}", variable.name, variable.help);
    }
    text
}

/// Adds the name of its variable to the help of each option that has one.
fn with_variables(command: Command) -> Command {
    let command = command.mut_subcommands(with_variables);
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    let ids: Vec<_> = options.map(|arg| arg.get_id().clone()).collect();
    ids.into_iter().fold(command, |command, id| {
        let Some(variable) = env::ALL.iter().find(|variable| variable.option == Some(id.as_str())) else {
            return command;
        };
        command.mut_arg(id, |arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(format!("{help} [env: {}]", variable.usage()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_is_in_one_group() {
        let command = command();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            let groups = GROUPS
                .iter()
                .filter(|(_, names)| names.contains(&subcommand.get_name()));
            assert_eq!(groups.count(), 1, "{}", subcommand.get_name());
        }
    }

    #[test]
    fn every_option_that_a_variable_speaks_of_is_there() {
        fn has(command: &Command, id: &str) -> bool {
            command.get_arguments().any(|arg| arg.get_id() == id)
                || command.get_subcommands().any(|command| has(command, id))
        }
        let command = command();
        for variable in env::ALL {
            assert!(variable.option.is_none_or(|id| has(&command, id)), "{variable}");
        }
    }
}
