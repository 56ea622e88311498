//! `enos-ota resume`

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
    journals::check_target(&session, &recovered, connection.base_url.is_some())?;
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
