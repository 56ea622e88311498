//! Text for people on standard output, laid out for the columns that there are.

use std::io::{self, IsTerminal as _};

use ::console::{Term, measure_text_width};

use crate::text::visible;

/// Fewer columns are not worth wrapping for.
const LEAST: usize = 40;
/// Of a terminal that does not say how wide it is.
const USUAL: usize = 80;
/// Lines of prose are not longer than this, however wide the terminal is.
const PROSE: usize = 100;

/// The columns of standard output; `None` if it is no terminal, so that nothing has to fit.
pub(crate) fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let columns = Term::stdout()
        .size_checked()
        .map_or(USUAL, |(_, columns)| usize::from(columns));
    Some(columns.max(LEAST))
}

/// A foreign or own text after a label, in lines that break between words and begin below the first word.
pub(crate) fn labelled(label: &str, text: &str) -> String {
    let most = columns().unwrap_or(PROSE).min(PROSE);
    wrapped(label, text, most)
}

fn wrapped(label: &str, text: &str, columns: usize) -> String {
    let margin = measure_text_width(label);
    let mut lines = label.to_owned();
    let mut column = margin;
    for word in visible(text).split_whitespace() {
        let width = measure_text_width(word);
        if column > margin && column + 1 + width > columns {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', margin));
            column = margin;
        }
        if column > margin {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words_and_aligned_below_its_first() {
        assert_eq!(
            wrapped("why  ", "the 升级 failed\u{1b}[2J again", 14),
            "why  the 升级\n     failed\\u{1b}[2J\n     again"
        );
        assert_eq!(wrapped("a ", "abcdefghijkl", 6), "a abcdefghijkl");
    }
}
