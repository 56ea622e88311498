//! `enos-ota plan`

use std::io::{self, Write as _};
use std::path::Path;

use enos_ota::text::with_causes;
use enos_ota_campaign::PlanError;

use crate::args::{ObjectOutput, Plan};
use crate::campaign::select::{self, LookUp};
use crate::campaign::{self, Display, command_line};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job;
use crate::json;
use crate::session::Session;
use crate::text::visible;

pub(crate) async fn run(args: &Plan) -> Result<Exit, Failure> {
    let (job_id, keys) = job::and_devices(args.job_id.as_deref(), &args.keys);
    let job_id = job::job_id_of(job_id.as_deref(), &args.target.connection, args.criteria.failed)?;
    let selection = select::selection(&keys, &args.criteria)?;
    let session = Session::open(&args.target).await?;
    let mut display = Display::new(true);
    let chosen = select::read(
        &session,
        &select::reader(&session, &args.target.connection, None, LookUp::Needed),
        &job_id,
        selection,
        args.chunk_size,
        if args.no_lookup { LookUp::No } else { LookUp::Needed },
        &mut display,
    )
    .await;
    display.close();
    let chosen = chosen.map_err(|unread| unread.failure)?;
    match &args.out {
        Some(path) if path == Path::new("-") => {
            chosen.plan.write(io::stdout().lock())?;
            console::note(campaign::overview_of(&chosen, console::columns()).trim_end());
            return Ok(Exit::Success);
        }
        Some(path) => {
            chosen.plan.save(path, args.force).map_err(|error| {
                let failure = Failure::new(
                    match error {
                        PlanError::Exists(_) => Exit::Usage,
                        _ => Exit::Internal,
                    },
                    with_causes(&error),
                );
                match error {
                    PlanError::Exists(_) => failure.with_hint("--force overwrites it"),
                    _ => failure,
                }
            })?;
        }
        None => {}
    }
    match args.output {
        ObjectOutput::Text => {
            let text = campaign::overview_of(&chosen, campaign::columns_of_output());
            anstream::AutoStream::auto(io::stdout().lock()).write_all(campaign::fold_for_output(&text).as_bytes())?;
        }
        ObjectOutput::Json => {
            let mut out = io::stdout().lock();
            json::print(&mut out, &chosen.plan.header())?;
        }
    }
    match &args.out {
        Some(path) => {
            console::note(format_args!("plan: {}", visible(&path.to_string_lossy())));
            if !chosen.plan.devices.is_empty() {
                let command =
                    |name| visible(&command_line::with_plan(name, path, &args.target.connection)).into_owned();
                console::note(format_args!(
                    "next: {}\n      {}",
                    command("rehearse"),
                    command("apply")
                ));
            }
        }
        None if chosen.plan.devices.is_empty() => {}
        None => console::hint("-o plan.jsonl writes the plan to a file, which `enos-ota apply` carries out"),
    }
    Ok(Exit::Success)
}
