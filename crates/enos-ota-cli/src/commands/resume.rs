//! `enos-ota resume`

use enos_ota_campaign::journal::Recovered;

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
        Some(path) => journals::locate(path),
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
        0 => {
            let settled = match recovered.summary().requested {
                1 => "the device is settled".to_owned(),
                _ => format!("all {requested} are settled"),
            };
            let then = if watches(&recovered) {
                "following the upgrades"
            } else {
                "nothing to send"
            };
            format!("{settled}; {then}")
        }
        open => format!(
            "{requested}: {} settled before, {} to go",
            thousands(recovered.summary().settled()),
            thousands(open)
        ),
    };
    console::note(format_args!("journal: {}\n{stand}", visible(&path.to_string_lossy())));
    campaign::resume(&session, journal, recovered, &args.target, args.output).await
}

/// Whether the campaign follows upgrades to their end.
fn watches(recovered: &Recovered) -> bool {
    recovered
        .begin
        .settings
        .get("watch")
        .is_some_and(|watch| !watch.is_null())
}
