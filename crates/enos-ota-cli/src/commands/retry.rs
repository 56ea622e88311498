//! `enos-ota retry`

use std::io::{self, IsTerminal as _, Write as _};

use enos_ota::JobId;
use enos_ota::enos_ota_client::operations::RetryTask;
use enos_ota::types::RetryTaskRequest;

use crate::args::{Connection, Keys, Retry};
use crate::campaign::select::{self, LookUp};
use crate::campaign::{self, Display, Request};
use crate::confirm;
use crate::console;
use crate::curl::Place;
use crate::demo;
use crate::device_keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job;
use crate::session::Session;

pub(crate) async fn run(args: &Retry) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    let failed = args.criteria.failed;
    let (job_id, keys) = job::and_devices(args.job_id.as_deref(), &args.keys);
    if job_id.is_none() && connection.emulator && !failed && keys.is_empty() {
        return explain_the_demo_fleet();
    }
    let job_id = job::job_id_of(job_id.as_deref(), connection, failed)?;
    if args.curl.print_curl {
        return print_curl(args, &job_id, &keys).await;
    }
    if failed && !args.dry_run && !connection.emulator {
        confirm::can_ask(
            &args.consent,
            &format!("retry the failed tasks of the job {}", job_id.as_str()),
        )?;
    }
    let selection = select::selection(&keys, &args.criteria)?;
    let session = Session::open(&args.target).await?;
    let needs_facts = campaign::needs_facts(&args.how);
    if args.no_lookup && needs_facts {
        return Err(Failure::usage(
            "--canary, --waves, --max-attempts and --permanent-reason need to know of the devices, which --no-lookup does \
             without",
        )
        .with_hint("leave --no-lookup out"));
    }
    let look_up = if args.no_lookup {
        LookUp::No
    } else if failed || args.dry_run || needs_facts {
        LookUp::Needed
    } else {
        LookUp::Wanted
    };
    let reader = select::reader(&session, connection, args.how.rate, look_up);
    let mut display = Display::new(select::takes_time(&selection, args.chunk_size));
    let chosen = select::read(
        &session,
        &reader,
        &job_id,
        selection,
        args.chunk_size,
        look_up,
        &mut display,
    )
    .await;
    display.close();
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(select::Unread { failure, devices }) => {
            // Scripts get their object whatever happens.
            let plan = select::unread_plan(&session, &job_id, args.chunk_size, devices);
            campaign::unsent(args.output, &plan, &failure.to_string())?;
            return Err(failure);
        }
    };
    let request = Request {
        how: &args.how,
        target: &args.target,
        output: args.output,
        dry_run: args.dry_run,
        lookup: look_up != LookUp::No,
        selected: failed.then_some(&args.consent),
        drift: None,
    };
    campaign::carry_out(&session, chosen, &request).await
}

/// The calls alone: which devices have failed is for a search to say, and what became of a call for the platform.
async fn print_curl(args: &Retry, job_id: &JobId, keys: &Keys) -> Result<Exit, Failure> {
    if args.criteria.failed {
        return Err(
            Failure::usage("--print-curl needs the devices by name").with_hint(format!(
                "enos-ota tasks list --job-id {} --status failed --print-curl    prints the search for them",
                job_id.as_str()
            )),
        );
    }
    let (place, org_id) = Place::of_target(&args.target)?;
    for keys in device_keys::of(keys)?.chunks(args.chunk_size) {
        let body = RetryTaskRequest::new(keys);
        place.print(&RetryTask::new(&org_id, job_id, &body)).await?;
    }
    Ok(Exit::Success)
}

fn explain_the_demo_fleet() -> Result<Exit, Failure> {
    let explanation = demo::explanation();
    if io::stdout().is_terminal() {
        write!(io::stdout(), "{explanation}")?;
        return Ok(Exit::Success);
    }
    console::note(explanation);
    job::job_id_of(None, &Connection::default(), false).map(|_| Exit::Usage)
}
