//! What the site needs from outside: it is fetched or compiled into `target`, and never committed.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{DocsError, Outside, read};
use crate::workspace;

/// The renderer of the reference, Redoc, with a lock file. Its version 3 does not install by itself; other renderers are
/// two to four times the size.
const REDOC: &str = "xtask/redoc";
/// What `npm ci` installs, with the hash of every package.
const LOCK: &str = "package-lock.json";
const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn gather() -> Result<Outside, DocsError> {
    let (redoc, redoc_licences) = redoc()?;
    Ok(Outside {
        redoc,
        redoc_licences,
        signer: signer()?,
        help: help()?,
    })
}

fn redoc() -> Result<(String, String), DocsError> {
    let source = workspace::root().join(REDOC);
    let folder = workspace::root().join("target/docs-tools/redoc");
    let package = folder.join("node_modules/redoc");
    let script = package.join("bundles/redoc.standalone.js");
    let lock = read(&source.join(LOCK))?;
    // Written last, so that an installation that was broken off is made again.
    let installed = folder.join("installed.json");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&lock) {
        eprintln!("installing redoc");
        fs::create_dir_all(&folder).map_err(|error| DocsError::Io(folder.clone(), error))?;
        for name in ["package.json", LOCK] {
            let from = source.join(name);
            fs::copy(&from, folder.join(name)).map_err(|error| DocsError::Io(from, error))?;
        }
        run(Command::new("npm")
            .args([
                "ci",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder))?;
        fs::write(&installed, lock).map_err(|error| DocsError::Io(installed, error))?;
    }
    let own = read(&package.join("LICENSE"))?;
    let others = read(&package.join("bundles/redoc.standalone.js.LICENSE.txt"))?;
    Ok((read(&script)?, format!("{own}\n\n{others}")))
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
