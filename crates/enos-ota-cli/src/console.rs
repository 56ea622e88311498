//! What people read: everything but data, on standard error.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

pub(crate) fn error(message: impl Display) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {message}");
}

pub(crate) fn warning(message: impl Display) {
    anstream::eprintln!("{WARNING}warning:{WARNING:#} {message}");
}

pub(crate) fn hint(message: impl Display) {
    anstream::eprintln!("{HINT}hint:{HINT:#} {message}");
}

pub(crate) fn note(message: impl Display) {
    anstream::eprintln!("{message}");
}
