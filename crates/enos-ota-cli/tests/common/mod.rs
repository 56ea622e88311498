//! What the tests of the program share: a gateway to call, and the program itself as a child process.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

pub mod terminal;

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use enos_ota_emulator::{Emulator, EmulatorBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const SECRET: &str = "a-Secret-that-must-not-be-seen";
pub const APP_KEY: &str = "5acb82e7-a11e-4300-9164-c8b20b638e8b";

/// An emulator, and a folder for the files of a test.
pub struct Gateway {
    pub emulator: Emulator,
    pub folder: TempDir,
    runtime: Runtime,
}

impl Gateway {
    pub fn start() -> Self {
        Self::start_with(|builder| builder)
    }

    pub fn start_with(settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let builder = settings(Emulator::builder().credentials(APP_KEY, SECRET));
        let emulator = runtime.block_on(builder.start()).unwrap();
        Self {
            emulator,
            folder: TempDir::new().unwrap(),
            runtime,
        }
    }

    /// The program with this gateway's settings in its environment.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Command {
        let mut command = program(self.folder.path());
        command
            .args(args)
            .env("ENOS_BASE_URL", self.emulator.base_url())
            .env("ENOS_APP_KEY", APP_KEY)
            .env("ENOS_APP_SECRET", SECRET)
            .env("ENOS_ORG_ID", self.emulator.org_id());
        command
    }

    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Finished {
        run(&mut self.command(args))
    }
}

/// The program with an empty environment, but for a home folder in which there is nothing.
pub fn program(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enos-ota"));
    command
        .env_clear()
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_STATE_HOME", home.join("state"))
        .current_dir(home);
    for name in ["SYSTEMROOT", "PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The object on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// The last line on standard error.
    pub fn last_line(&self) -> &str {
        self.stderr.trim_end().lines().last().unwrap_or_default()
    }
}

pub fn run(command: &mut Command) -> Finished {
    let output = command.stdin(Stdio::null()).output().unwrap();
    finished(output)
}

pub fn run_with_input(command: &mut Command, input: &[u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read, which is not what these tests look at.
    let _ = child.stdin.take().unwrap().write_all(input);
    finished(child.wait_with_output().unwrap())
}

pub fn finished(output: std::process::Output) -> Finished {
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
