//! What the site needs from outside: it is compiled into `target`, and never committed.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{DocsError, Outside, read};
use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn gather() -> Result<Outside, DocsError> {
    let manifest = read(&workspace::root().join("Cargo.toml"))?;
    let manifest: toml::Table =
        toml::from_str(&manifest).map_err(|error| DocsError::Source(format!("Cargo.toml: {error}")))?;
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let named = |key| Some(package?.get(key)?.as_str()?.to_owned());
    Ok(Outside {
        signer: signer()?,
        help: help()?,
        version: named("version").unwrap_or_default(),
        date: date()?,
        repository: named("repository"),
    })
}

/// The day that the pages bear: two builds of one commit are the same.
fn date() -> Result<String, DocsError> {
    let Ok(seconds) = std::env::var("SOURCE_DATE_EPOCH") else {
        let day = run(Command::new("git").args(["log", "-1", "--format=%cs"]))?;
        return Ok(day.trim().to_owned());
    };
    let moment = seconds
        .trim()
        .parse()
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let moment =
        moment.ok_or_else(|| DocsError::Tool(format!("SOURCE_DATE_EPOCH is no number of seconds: `{seconds}`")))?;
    Ok(moment.strftime("%F").to_string())
}

fn signer() -> Result<Vec<u8>, DocsError> {
    let library = run(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if !Path::new(library.trim()).exists() {
        run(Command::new("rustup").args(["target", "add", TARGET]))?;
    }
    run(cargo()
        .args(["build", "--quiet", "--locked", "--package", "enos-ota-sign-web"])
        .args(["--profile", "wasm", "--target", TARGET]))?;
    let path = target_folder().join(TARGET).join("wasm/enos_ota_sign_web.wasm");
    fs::read(&path).map_err(|error| DocsError::Io(path, error))
}

/// The help of every command, found by asking each for its own commands.
fn help() -> Result<Vec<(String, String)>, DocsError> {
    run(cargo().args(["build", "--quiet", "--locked", "--package", "enos-ota-cli"]))?;
    let program = target_folder()
        .join("debug")
        .join(format!("enos-ota{}", std::env::consts::EXE_SUFFIX));
    let mut pages = Vec::new();
    let mut waiting = VecDeque::from([Vec::<String>::new()]);
    while let Some(words) = waiting.pop_front() {
        let text = run(Command::new(&program).args(&words).arg("--help").env("NO_COLOR", "1"))?;
        for command in commands(&text) {
            let mut words = words.clone();
            words.push(command.to_owned());
            waiting.push_back(words);
        }
        let name: Vec<_> = std::iter::once("enos-ota")
            .chain(words.iter().map(String::as_str))
            .collect();
        pages.push((name.join(" "), text));
    }
    // Each command before its own commands.
    pages.sort();
    Ok(pages)
}

/// The names under `Commands:`, save `help` itself.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

fn target_folder() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), Into::into)
}

fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(program)
}

/// Runs a program at the top of the workspace, and returns what it prints.
fn run(command: &mut Command) -> Result<String, DocsError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let line = format!("{program} {}", arguments.join(" "));
    let output = command
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| DocsError::Tool(format!("`{line}` could not be started: {error}")))?;
    if !output.status.success() {
        return Err(DocsError::Tool(format!("`{line}` failed: {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_read_off_the_help() {
        let help = "Says it\n\nCommands:\n  list  Lists\n  get   Gets,\n        and more\n  help  Helps\n\nOptions:\n  -h  x\n";
        assert_eq!(commands(help).collect::<Vec<_>>(), ["list", "get"]);
    }
}
