//! `enos-ota plan` and `enos-ota apply`

use std::io::{self, Write as _};
use std::path::Path;

use enos_ota_campaign::PlanError;
use enos_ota_campaign::drift;

use crate::args::{Apply, ObjectOutput, Output, Plan};
use crate::campaign::select::{self, LookUp};
use crate::campaign::{self, Display, Request};
use crate::cmd_retry::job_id_of;
use crate::consent;
use crate::console;
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::json;
use crate::session::{Session, parse_job_id};
use crate::text::{thousands, visible};

pub(crate) async fn plan(args: &Plan) -> Result<Exit, Failure> {
    let job_id = job_id_of(args.job_id.as_deref(), &args.target.connection, args.criteria.failed)?;
    let selection = select::selection(&args.keys, &args.criteria)?;
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
            anstream::AutoStream::auto(io::stdout().lock()).write_all(text.as_bytes())?;
        }
        ObjectOutput::Json => {
            let mut out = io::stdout().lock();
            json::print(&mut out, &chosen.plan.header())?;
        }
    }
    match &args.out {
        Some(path) => console::note(format_args!("plan: {}", visible(&path.to_string_lossy()))),
        None => console::hint("-o plan.jsonl writes the plan to a file, which `enos-ota apply` carries out"),
    }
    Ok(Exit::Success)
}

pub(crate) async fn apply(args: &Apply) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    let mut plan = load(&args.plan)?;
    let job_id = match &args.job_id {
        Some(job_id) => parse_job_id(job_id)?,
        None => plan.job_id.clone(),
    };
    if !args.dry_run && !connection.emulator {
        consent::can_ask(&args.consent, &format!("Carrying out {}", args.plan.display()))?;
    }
    let session = Session::open_in(&args.target, Some(&plan.org_id)).await?;
    plan.check_target(&job_id, session.client.org_id())
        .map_err(|problem| Failure::usage(format!("{}: {problem}", args.plan.display())))?;
    if let Some(chunk_size) = args.chunk_size {
        plan.chunk_size = chunk_size;
    }

    let mut display = Display::new(true);
    display.announce("comparing the plan with the platform");
    let reader = select::reader(&session, connection, args.how.rate, LookUp::Needed);
    let drift = drift::check_with(&reader, &plan, |progress| display.reading(&progress)).await;
    display.close();
    let drift = match drift {
        Ok(drift) => drift,
        Err(error) => {
            let failure = select::unread(&error, &session);
            unsent(args, &plan, &failure)?;
            return Err(failure);
        }
    };
    if let Some(text) = campaign::of_drift(&drift) {
        console::note(text);
    }
    if drift.share() > args.max_drift {
        let failure = Failure::new(
            Exit::NotAll,
            format!(
                "{} of {} devices of the plan ({:.1} %) can no longer be retried, and --max-drift allows {} %",
                thousands(drift.no_longer_failed.len() + drift.gone.len()),
                thousands(drift.planned),
                drift.share(),
                args.max_drift
            ),
        )
        .with_hint("make a new plan with `enos-ota plan`, or allow for more with --max-drift");
        unsent(args, &plan, &failure)?;
        return Err(failure);
    }
    let request = Request {
        how: &args.how,
        target: &args.target,
        output: args.output,
        dry_run: args.dry_run,
        lookup: true,
        selected: Some(&args.consent),
        drift: Some(&drift),
    };
    campaign::carry_out(&session, drift.trimmed(&plan).into(), &request).await
}

pub(crate) fn load(path: &Path) -> Result<enos_ota_campaign::Plan, Failure> {
    let plan = if path == Path::new("-") {
        enos_ota_campaign::Plan::read(io::stdin().lock(), "standard input")
    } else {
        enos_ota_campaign::Plan::load(path)
    };
    plan.map_err(|error| Failure::usage(with_causes(&error)))
}

/// Tells scripts that nothing was sent. A dry run gives no result of devices.
fn unsent(args: &Apply, plan: &enos_ota_campaign::Plan, failure: &Failure) -> Result<(), Failure> {
    if args.dry_run || args.output == Output::Text {
        return Ok(());
    }
    campaign::unsent(args.output, plan, &failure.to_string())
}
