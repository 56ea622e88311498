//! `enos-ota resume`

use crate::args::Resume;
use crate::campaign::{self, journals};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{counted, thousands, visible};

pub(crate) async fn run(args: &Resume) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => journals::last()?,
    };
    let (journal, recovered) = journals::open(&path)?;
    let session = Session::open_in(&args.target, Some(&recovered.plan.org_id)).await?;
    journals::check_target(&session, &recovered, connection.base_url.is_some())?;
    if recovered.torn.is_some() {
        console::warning("the last line of the journal was cut off, as by a power failure; it does not count");
    }
    let requested = counted(recovered.summary().requested, "device");
    let stand = match recovered.open() {
        0 => format!("{requested}, all settled: none is sent again"),
        open => format!(
            "{requested}: {} settled before, {} to go",
            thousands(recovered.summary().settled()),
            thousands(open)
        ),
    };
    console::note(format_args!("journal: {}\n{stand}", visible(&path.to_string_lossy())));
    campaign::resume(&session, journal, recovered, &args.target, args.output).await
}
