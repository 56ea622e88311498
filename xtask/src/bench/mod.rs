//! `cargo xtask bench`: runs the benchmarks of the repository, and writes what they measured into one place.

mod results;

use std::fs;
use std::process::{Command, Stdio};

use clap::Args;

use crate::failure::Failure;
use crate::workspace;
use results::{Results, Table};

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Arguments {
    /// Fewer rounds and smaller fleets.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = BENCHES.map(|(name, ..)| name))]
    only: Vec<String>,
}

/// Its name, its command, what `--quick` adds to that, and what it needs besides cargo.
type Bench = (&'static str, &'static str, &'static str, &'static [&'static str]);

const SDK: &str = "cargo bench --quiet --package enos-ota --bench overhead --";
const FLEET: &str = "cargo bench --quiet --package enos-ota-campaign --bench fleet --";
const EMULATOR: &str = "cargo bench --quiet --package enos-ota-emulator --bench million";
const BENCHES: [Bench; 4] = [
    ("sdk", SDK, "--quick", &[]),
    ("fleet", FLEET, "100000", &[]),
    ("emulator", EMULATOR, "", &[]),
    ("codegen", "python3 ci/bench-codegen", "3", &["python3", "java"]),
];

/// What no benchmark of this repository measures, so that nobody takes its absence for a good result.
const NEVER_MEASURED: [&str; 7] = [
    "calls against raw hyper, a client of openapi-generator, and PyPI enos-poseidon",
    "calls against Python requests and aiohttp, Node undici, and Java HttpClient",
    "calls over TLS, and over HTTP/2",
    "processor time and allocations per call",
    "instructions per signature",
    "the whole command `enos-ota retry` against curl",
    "code generation from 500 operations",
];

/// Runs the benchmarks, one after the other, and writes `bench.md`, `bench.json` and `bench-chart.json`.
///
/// # Errors
///
/// If a benchmark fails or measures nothing, or the results cannot be written.
pub fn command(arguments: &Arguments) -> Result<(), Failure> {
    let (mut tables, mut missing) = (Vec::new(), Vec::new());
    let load_before = load();
    for (name, command, quick, needs) in BENCHES {
        let lacking = needs.iter().find(|program| !is_there(program));
        let why = if arguments.only.is_empty() || arguments.only.iter().any(|only| only == name) {
            lacking.map(|program| format!("{program} is not on this machine"))
        } else {
            Some("it was left out by --only".to_owned())
        };
        match why {
            Some(why) => missing.push([format!("the benchmark `{name}`"), why]),
            None if arguments.quick => tables.extend(run(name, &format!("{command} {quick}"))?),
            None => tables.extend(run(name, command)?),
        }
    }
    missing.extend(NEVER_MEASURED.map(|what| [what, "no benchmark of this repository measures it"].map(str::to_owned)));
    let results = Results {
        revision: output_of("git", &["describe", "--always", "--dirty"]),
        compiler: output_of("rustc", &["--version"]),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        load: [load_before, load()],
        quick: arguments.quick,
        tables,
        missing,
    };
    let out = workspace::root().join("target/bench");
    for (name, text) in [
        ("bench.md", results.markdown()),
        ("bench.json", results.json()),
        ("bench-chart.json", results.chart()),
    ] {
        let path = out.join(name);
        fs::create_dir_all(&out)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).because(error))?;
    }
    print!("{}", results.markdown());
    eprintln!("written to {}", workspace::display(&out));
    Ok(())
}

fn run(bench: &str, command: &str) -> Result<Vec<Table>, Failure> {
    eprintln!("running {command}");
    let failed = |why: &str| Failure::new(format!("`{command}` {why}"));
    let mut words = command.split_whitespace();
    let told = Command::new(words.next().unwrap_or_default())
        .args(words)
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed("cannot be started").because(error))?;
    if !told.status.success() {
        return Err(failed("failed"));
    }
    let tables = results::tables(bench, &String::from_utf8_lossy(&told.stdout));
    if tables.is_empty() {
        return Err(failed("printed no result"));
    }
    Ok(tables)
}

/// Whether a program can be started, whatever it thinks of the option.
fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// What a program says, or nothing.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let told = Command::new(program)
        .args(arguments)
        .current_dir(workspace::root())
        .output();
    told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// How many programs wanted a processor in the last minute, where the system tells it.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
