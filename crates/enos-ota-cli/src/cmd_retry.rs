//! `enos-ota retry`

use std::io::{self, IsTerminal as _, Write as _};

use crate::args::Retry;
use crate::chunks::{self, Action};
use crate::console;
use crate::demo;
use crate::device_keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, parse_job_id};

pub(crate) async fn run(args: &Retry) -> Result<Exit, Failure> {
    let Some(job_id) = &args.job_id else {
        return explain_what_is_missing(args);
    };
    let job_id = parse_job_id(job_id)?;
    let devices = device_keys::of(&args.devices)?;
    let session = Session::open(&args.target).await?;
    chunks::run(Action::Retry, &session.client, &job_id, &devices, &args.devices).await
}

fn explain_what_is_missing(args: &Retry) -> Result<Exit, Failure> {
    if args.target.connection.emulator && args.devices.device_keys.is_empty() && args.devices.device_keys_file.is_none()
    {
        let explanation = demo::explanation();
        if io::stdout().is_terminal() {
            write!(io::stdout(), "{explanation}")?;
            return Ok(Exit::Success);
        }
        console::note(explanation);
    }
    Err(Failure::usage("no job was given").with_hint("give the id of the OTA job with --job-id"))
}
