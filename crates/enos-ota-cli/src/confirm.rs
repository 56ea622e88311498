//! Asking before something is done that cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _};

use crate::args::Consent;
use crate::console;
use crate::failure::Failure;

/// Refuses if the user has not said yes and cannot be asked.
pub(crate) fn can_ask(consent: &Consent, what: &str) -> Result<(), Failure> {
    if consent.yes || (io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "confirmation is needed to {what}, and there is no terminal to ask on"
    ))
    .with_hint("pass --yes"))
}

/// Asks whether to go on, unless the user has said so already. Anything but `y` or `yes` means no.
pub(crate) fn ask(consent: &Consent, what: &str) -> Result<(), Failure> {
    can_ask(consent, what)?;
    if consent.yes {
        return Ok(());
    }
    let (first, rest) = what.split_at(what.chars().next().map_or(0, char::len_utf8));
    console::question(format_args!("{}{rest}? [y/N] ", first.to_uppercase()));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Cancelled),
    }
}
