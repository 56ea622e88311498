//! `enos-ota resume`

use enos_ota_campaign::journal::Recovered;

use crate::args::Resume;
use crate::campaign::{self, journals};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{counted, visible};

pub(crate) async fn run(args: &Resume) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    let (journal, recovered) = journals::open(&args.journal)?;
    let session = Session::open_in(&args.target, Some(&recovered.plan.org_id)).await?;
    check_target(&session, &recovered, connection.base_url.is_some())?;
    if recovered.torn.is_some() {
        console::warning("the last line of the journal was cut off, as by a power failure; it does not count");
    }
    console::note(format_args!(
        "journal: {}\nof {}, {} settled before, and {} to go",
        visible(&args.journal.to_string_lossy()),
        counted(recovered.summary().requested, "device"),
        counted(recovered.summary().settled(), "device"),
        counted(recovered.open(), "device"),
    ));
    campaign::resume(&session, journal, recovered, &args.target, args.output).await
}

/// Refuses to go on at another gateway or in another organization, where the same keys may be other devices.
pub(crate) fn check_target(session: &Session, recovered: &Recovered, base_url_was_given: bool) -> Result<(), Failure> {
    let before = recovered.begin.base_url.trim_end_matches('/');
    if before != session.base_url && !base_url_was_given {
        return Err(Failure::usage(format!(
            "the journal was begun at {before}, and the calls would go to {}",
            session.base_url
        ))
        .with_hint(format!(
            "set the base URL to {before}; or give --base-url, if another one leads to the same organization"
        )));
    }
    recovered
        .plan
        .check_target(&recovered.plan.job_id, session.client.org_id())
        .map_err(|problem| Failure::usage(problem.to_string()))
}
