//! `enos-ota apply`

use enos_ota_campaign::{Plan, drift};

use crate::args::{Apply, Output};
use crate::campaign::select::{self, LookUp};
use crate::campaign::{self, Display, Request, plan_file};
use crate::confirm;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::parse_job_id;
use crate::session::Session;
use crate::text::thousands;

pub(crate) async fn run(args: &Apply) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    let mut plan = plan_file::load(&args.plan)?;
    let job_id = match &args.job_id {
        Some(job_id) => parse_job_id(job_id)?,
        None => plan.job_id.clone(),
    };
    if !args.dry_run && !connection.emulator {
        confirm::can_ask(&args.consent, &format!("carry out {}", args.plan.display()))?;
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

/// Tells scripts that nothing was sent. A dry run gives no result of devices.
fn unsent(args: &Apply, plan: &Plan, failure: &Failure) -> Result<(), Failure> {
    if args.dry_run || args.output == Output::Text {
        return Ok(());
    }
    campaign::unsent(args.output, plan, &failure.to_string())
}
