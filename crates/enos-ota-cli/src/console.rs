//! What people read: everything but data, on standard error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

use crate::env;
use crate::failure::Failure;
use crate::layout;
use crate::text::{visible, visible_but_for};

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
    let _ = writeln!(anstream::stderr().lock(), "{}", fitted(&text.to_string()));
}

/// A text in lines that the terminal does not break in the middle of a word.
fn fitted(text: &str) -> Cow<'_, str> {
    if io::stderr().is_terminal() {
        layout::fold(text, columns()).into()
    } else {
        text.into()
    }
}

/// A message without styles, on one line: whatever it quotes is made visible.
fn plain(message: impl Display) -> String {
    visible(&message.to_string()).into_owned()
}

/// A text of lines with styles: no other control sequence gets through. What it quotes has to be made visible before.
pub(crate) fn with_styles(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        safe.push_str(&visible_but_for(before, |character| character == '\n'));
        let length = style_at(sequence);
        // Of anything else, the escape alone is taken, and shown.
        let (taken, after) = sequence.split_at(length.unwrap_or(1));
        match length {
            Some(_) => safe.push_str(taken),
            None => safe.push_str(&visible(taken)),
        }
        rest = after;
    }
    safe.push_str(&visible_but_for(rest, |character| character == '\n'));
    safe
}

/// The length of the sequence that sets a style, if the text begins with one: `ESC [ digits m`.
fn style_at(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("\u{1b}[")?;
    let end = digits.find(|character: char| !(character.is_ascii_digit() || character == ';'))?;
    digits[end..].starts_with('m').then_some(2 + end + 1)
}

/// Writes a text that has its styles and line feeds.
pub(crate) fn styled_text(text: impl Display) {
    let _ = write!(anstream::stderr().lock(), "{}", fitted(&with_styles(&text.to_string())));
}

pub(crate) fn error(message: impl Display) {
    line(format_args!("{ERROR}error:{ERROR:#} {}", plain(message)));
}

pub(crate) fn warning(message: impl Display) {
    line(warning_line(message));
}

/// The line of a warning, for those who print it themselves.
pub(crate) fn warning_line(message: impl Display) -> String {
    format!("{WARNING}warning:{WARNING:#} {}", plain(message))
}

static QUIET: AtomicBool = AtomicBool::new(false);

/// For `--quiet`: warnings, errors and questions are left, and the hints of errors.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

pub(crate) fn hint(message: impl Display) {
    line(format_args!("{HINT}hint:{HINT:#} {}", plain(message)));
}

/// What went wrong, and what to do. Nothing is said if nobody reads the output any more.
pub(crate) fn failure(failure: &Failure) {
    match failure {
        Failure::ReaderGone => {}
        // No error: it is what the user wanted.
        Failure::Cancelled => line(failure),
        Failure::Call(_) | Failure::Told { .. } => {
            error(failure);
            failure.hints().iter().for_each(hint);
        }
    }
}

pub(crate) fn note(message: impl Display) {
    if is_quiet() {
        return;
    }
    line(with_styles(&message.to_string()));
}

/// Writes a question, after which the answer is typed.
pub(crate) fn question(text: impl Display) {
    let mut out = anstream::stderr().lock();
    let _ = write!(out, "{}", fitted(&plain(text))).and_then(|()| out.flush());
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
    io::stderr().is_terminal() && env::TERM.raw().is_none_or(|term| term != "dumb")
}

/// The columns of standard error.
pub(crate) fn columns() -> usize {
    match ::console::Term::stderr().size_checked() {
        // Some terminals begin a new line when the last column is written, and Ctrl-C is shown as `^C` behind the cursor.
        Some((_, columns)) if columns > 20 => usize::from(columns) - 3,
        _ => COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_control_sequences_only_styles_get_through() {
        let text = format!("{} b\n\u{1b}[2J\u{1b}]0;x\u{7}\u{1b}[3\u{9b}m", styled(GOOD, "a"));
        assert_eq!(
            with_styles(&text),
            "\u{1b}[32ma\u{1b}[0m b\n\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}[3\\u{9b}m"
        );
        assert_eq!(plain("a\u{1b}[31m\nhint: b"), "a\\u{1b}[31m\\u{a}hint: b");
    }
}
