//! `enos-ota doctor`

mod certificate;
mod probe;
mod report;
mod route;
mod service;
mod walk;

use std::io::Write as _;

use crate::args::{Doctor, ObjectOutput};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;

pub(crate) async fn run(args: &Doctor) -> Result<Exit, Failure> {
    let report = walk::walk(&args.target).await;
    let mut out = anstream::stdout().lock();
    match args.output {
        ObjectOutput::Json => json::print(&mut out, &report.object())?,
        ObjectOutput::Text => out.write_all(report.text().as_bytes())?,
    }
    out.flush()?;
    let exit = report.exit();
    if let Some(step) = report.stopped_at() {
        // The report may have gone into a file.
        console::error(format_args!("stopped at `{}`", step.name()));
    }
    Ok(exit)
}
