//! What people read: everything but data, on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Columns of a text that no terminal shows.
const COLUMNS: usize = 100;

/// Writes a line. One that cannot be written, such as to a terminal that has gone, stops nothing.
fn line(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

pub(crate) fn error(message: impl Display) {
    line(format_args!("{ERROR}error:{ERROR:#} {message}"));
}

pub(crate) fn warning(message: impl Display) {
    line(warning_line(message));
}

/// The line of a warning, for those who print it themselves.
pub(crate) fn warning_line(message: impl Display) -> String {
    format!("{WARNING}warning:{WARNING:#} {message}")
}

pub(crate) fn hint(message: impl Display) {
    line(format_args!("{HINT}hint:{HINT:#} {message}"));
}

pub(crate) fn note(message: impl Display) {
    line(message);
}

/// Writes a question, after which the answer is typed.
pub(crate) fn question(text: impl Display) {
    let mut out = anstream::stderr().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether standard error may have colours.
pub(crate) fn has_color() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether standard error is a terminal on which lines can be drawn anew.
pub(crate) fn can_redraw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The columns of standard error.
pub(crate) fn columns() -> usize {
    match ::console::Term::stderr().size_checked() {
        // Some terminals begin a new line when the last column is written, and Ctrl-C is shown as `^C` behind the cursor.
        Some((_, columns)) if columns > 20 => usize::from(columns) - 3,
        _ => COLUMNS,
    }
}
