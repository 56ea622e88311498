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

/// A text of lines, in which those that are too long are broken between words. A command is broken so that a shell reads it
/// as one all the same.
pub(crate) fn fold(text: &str, columns: usize) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| fold_line(line, columns)).collect();
    lines.join("\n")
}

fn fold_line(line: &str, columns: usize) -> String {
    if measure_text_width(line) <= columns {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    let margin = margin_of(line, indent);
    let mut folded = " ".repeat(indent);
    let (mut column, mut gap, mut in_command) = (indent, 0, false);
    for (index, word) in line[indent..].split(' ').enumerate() {
        gap += usize::from(index > 0);
        if word.is_empty() {
            // What is set apart from a command is none of its words.
            in_command = false;
            continue;
        }
        let width = measure_text_width(word);
        let room = columns.saturating_sub(if in_command { CONTINUED.len() } else { 0 });
        if column > margin && column + gap + width > room {
            folded.push_str(if in_command { CONTINUED } else { "" });
            folded.push('\n');
            (column, gap) = (0, margin);
        }
        folded.extend(std::iter::repeat_n(' ', gap));
        folded.push_str(word);
        column += gap + width;
        gap = 0;
        in_command |= word == "enos-ota";
    }
    // Behind a question, the answer is typed.
    folded.extend(std::iter::repeat_n(' ', gap));
    folded
}

/// How a shell is told that the command goes on.
const CONTINUED: &str = " \\";

/// Where the further lines begin: below the text behind `hint:` and the like, else a little to the right.
fn margin_of(line: &str, indent: usize) -> usize {
    let first = line[indent..].split(' ').next().unwrap_or_default();
    match ::console::strip_ansi_codes(first).as_ref() {
        label @ ("error:" | "warning:" | "hint:" | "next:") => indent + label.len() + 1,
        _ => indent + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words_and_commands_stay_whole() {
        assert_eq!(
            fold(
                "hint: to go on: enos-ota resume /a/b.jsonl --profile prod\n  12  not broken",
                32
            ),
            "hint: to go on: enos-ota \\\n      resume /a/b.jsonl \\\n      --profile prod\n  12  not broken"
        );
        assert_eq!(
            fold("\u{1b}[1merror:\u{1b}[0m one two three four", 18),
            "\u{1b}[1merror:\u{1b}[0m one two\n       three four"
        );
        assert_eq!(
            fold("run enos-ota jobs list    lists the jobs", 30),
            "run enos-ota jobs list    lists\n  the jobs".replace("    lists\n  the", "\n  lists the")
        );
        assert_eq!(
            fold("/a-path-that-is-too-long-for-it", 9),
            "/a-path-that-is-too-long-for-it"
        );
    }

    #[test]
    fn a_text_is_wrapped_between_words_and_aligned_below_its_first() {
        assert_eq!(
            wrapped("why  ", "the 升级 failed\u{1b}[2J again", 14),
            "why  the 升级\n     failed\\u{1b}[2J\n     again"
        );
        assert_eq!(wrapped("a ", "abcdefghijkl", 6), "a abcdefghijkl");
    }
}
