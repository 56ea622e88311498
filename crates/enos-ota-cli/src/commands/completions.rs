//! `enos-ota completions`

use std::io::{self, Write as _};

use crate::args::{self, Completions};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "enos-ota", &mut script);
    // The library would panic where the reader has gone.
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Success)
}
