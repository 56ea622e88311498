//! `enos-ota rehearse`

use std::path::Path;

use enos_ota::text::with_causes;
use enos_ota_campaign::rehearsal::{Assumptions, RehearsalError, Stage};
use enos_ota_emulator::Fault;

use crate::args::Rehearse;
use crate::campaign::{self, plan_file};
use crate::config::unreadable;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::limited;
use crate::session::Session;
use crate::text::{counted, visible};

pub(crate) async fn run(args: &Rehearse) -> Result<Exit, Failure> {
    if args.how.journal.is_some() {
        return Err(Failure::usage("a rehearsal writes no journal").with_hint("leave --journal out"));
    }
    let mut plan = plan_file::load(&args.plan)?;
    if let Some(chunk_size) = args.chunk_size {
        plan.chunk_size = chunk_size;
    }
    let mut assumptions = Assumptions::default();
    assumptions.success_percent = args.assume_success;
    assumptions.mixed_list = args.mixed_list.into();
    assumptions.seed = args.seed;
    if let Some(file) = &args.faults {
        assumptions.faults = faults(file)?;
    }
    let session = Session::open_in(&args.target, Some(&plan.org_id)).await?;
    plan.check_target(&plan.job_id, session.client.org_id())
        .map_err(|problem| Failure::usage(format!("{}: {problem}", args.plan.display())))?;
    console::note(format_args!(
        "rehearsal: {} of the job {} are retried on an emulator in this program; of the platform, the tasks are only read",
        counted(plan.devices.len(), "device"),
        visible(plan.job_id.as_str())
    ));
    let stage = Stage::set(&session.client, &plan, assumptions)
        .await
        .map_err(|error| Failure::new(exit_of(&error), with_causes(&error)))?;
    campaign::rehearse(&session, &stage, plan, &args.how, &args.target, args.output).await
}

fn exit_of(error: &RehearsalError) -> Exit {
    match error {
        RehearsalError::Read(error) => Exit::of_error(error),
        RehearsalError::JobId(_) => Exit::Usage,
        _ => Exit::Internal,
    }
}

fn faults(file: &Path) -> Result<Vec<Fault>, Failure> {
    let text = limited::text(file, limited::BODY).map_err(|error| unreadable("file with faults", file, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{}: {error}", file.display())).with_hint(
            "expected is an array of faults, such as [{\"scope\": {\"action\": \"retryTask\"}, \"times\": null, \
             \"probability\": 0.1, \"fault\": {\"kind\": \"cutAfterApplying\"}}]",
        )
    })
}
