//! `enos-ota emulator`

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use enos_ota::text::with_causes;
use enos_ota_emulator::{Emulator, Fleet, QuotaHeaders, StartError};

use crate::args;
use crate::config::unreadable;
use crate::console;
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::text::shell_word;

pub(crate) async fn run(args: &args::Emulator) -> Result<Exit, Failure> {
    let fleet = match &args.fleet {
        None => Fleet::demo(),
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| unreadable("fleet file", file, &error))?;
            Fleet::from_json(&text).map_err(|error| {
                Failure::usage(format!("{}: {}", file.display(), with_causes(&error)))
                    .with_hint("`enos-ota emulator --print-fleet` prints a fleet in the form that is expected")
            })?
        }
    };
    let mut out = io::stdout();
    if args.print_fleet {
        writeln!(out, "{}", fleet.to_json())?;
        return Ok(Exit::Success);
    }
    if args.background {
        return in_background();
    }
    let mut interrupts = Interrupts::listen()?;
    let emulator = start(args, fleet).await?;
    // A shell reads the second form, in which only assignments count.
    let comment = if args.print_config { "# " } else { "" };
    writeln!(out, "{comment}listening on http://{}", emulator.addr())?;
    if args.print_config {
        for (name, value) in [
            (&env::BASE_URL, emulator.base_url()),
            (&env::APP_KEY, emulator.app_key()),
            (&env::APP_SECRET, emulator.app_secret()),
            (&env::ORG_ID, emulator.org_id()),
        ] {
            writeln!(out, "export {name}={}", shell_word(value))?;
        }
    }
    out.flush()?;
    if emulator.addr().ip().is_loopback() {
        console::note(
            "An emulator, not for production: state is in memory, and anyone on this machine can use it. Ctrl-C ends it.",
        );
    } else {
        console::warning("other machines can reach this emulator: anyone there can read and change its state");
        console::note("An emulator, not for production: state is in memory. Ctrl-C ends it.");
    }
    interrupts.next().await;
    emulator.shutdown().await;
    Ok(Exit::Success)
}

/// Starts the same command without `--background`, and passes on what it prints once it listens.
fn in_background() -> Result<Exit, Failure> {
    let cannot = |error: io::Error| Failure::new(Exit::Internal, format!("the emulator could not be started: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command
        .args(std::env::args_os().skip(1).filter(|arg| arg != "--background"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Ctrl-C in the shell is not meant for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(cannot)?;
    let last = format!("export {}=", env::ORG_ID.name);
    let mut out = io::stdout().lock();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line = line.map_err(cannot)?;
        writeln!(out, "{line}")?;
        if line.starts_with(&last) {
            writeln!(out, "export ENOS_EMULATOR_PID={}", child.id())?;
            out.flush()?;
            return Ok(Exit::Success);
        }
    }
    let end = child.wait_with_output().map_err(cannot)?;
    let told = String::from_utf8_lossy(&end.stderr);
    let told = told.lines().find_map(|line| line.strip_prefix("error: "));
    Err(Failure::usage(
        told.unwrap_or("the emulator ended before it listened").to_owned(),
    ))
}

async fn start(args: &args::Emulator, fleet: Fleet) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder()
        .fleet(fleet)
        .listen(args.listen)
        .allow_remote(args.allow_remote)
        .nodes(usize::from(args.nodes));
    if let Some(quota) = args.quota {
        builder = builder.quota(quota.headers(match args.quota_headers {
            args::QuotaHeaders::None => QuotaHeaders::None,
            args::QuotaHeaders::XRateLimit => QuotaHeaders::XRateLimit,
            args::QuotaHeaders::RateLimit => QuotaHeaders::RateLimit,
        }));
    }
    builder.start().await.map_err(|error| {
        let hint = match &error {
            StartError::NotLoopback(_) => "give --allow-remote to allow it",
            _ => "give an address of this machine with --listen; port 0 takes a free port",
        };
        Failure::usage(format!(
            "the emulator cannot listen on {}: {}",
            args.listen,
            with_causes(&error)
        ))
        .with_hint(hint)
    })
}
