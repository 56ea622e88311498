//! Text for people: numbers, widths, bars and histograms.

use std::borrow::Cow;
use std::fmt::Write as _;

use ::console::{measure_text_width, truncate_str};
pub(crate) use enos_ota::text::visible;

/// `1,234,567`
pub(crate) fn thousands(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 device`, `1,234 devices`
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(count))
}

/// A share in percent: 100 only if it is all, and 0 only if it is nothing.
pub(crate) fn percent(part: usize, whole: usize) -> usize {
    if part == 0 || whole == 0 {
        return 0;
    }
    let most = if part >= whole { 100 } else { 99 };
    (part.saturating_mul(100).saturating_add(whole / 2) / whole).clamp(1, most)
}

/// Makes a foreign text visible where some characters may stay as they are.
pub(crate) fn visible_but_for(text: &str, may_stay: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hides = |character| is_hidden(character) && !may_stay(character);
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if hides(character) {
            shown.push_str(&visible(character.encode_utf8(&mut [0; 4])));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether [`visible`] shows a character as an escape.
pub(crate) fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(visible(character.encode_utf8(&mut [0; 4])), Cow::Owned(_))
}

/// A foreign text that takes no more columns than this.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    truncate_str(&visible(text), columns, "…").into_owned()
}

/// The same, filled up with blanks.
pub(crate) fn fit_to(text: &str, columns: usize) -> String {
    let mut text = fit(text, columns);
    let filling = columns.saturating_sub(measure_text_width(&text));
    text.extend(std::iter::repeat_n(' ', filling));
    text
}

/// Joins as many of the parts as there is room for.
pub(crate) fn join_fitting(parts: impl IntoIterator<Item = String>, columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let gap = if line.is_empty() { 0 } else { 2 };
        if measure_text_width(&line) + gap + measure_text_width(&part) > columns {
            break;
        }
        line.push_str(&"  "[..gap]);
        line.push_str(&part);
    }
    line
}

/// A bar of one glyph for each part, in the order given; what is left is filled up with the last.
pub(crate) fn stacked_bar(parts: &[(usize, char)], rest: char, whole: usize, columns: usize) -> String {
    let mut bar = String::new();
    let (mut sum, mut drawn) = (0, 0);
    for (count, glyph) in parts {
        sum += count;
        let end = (sum * columns).checked_div(whole).unwrap_or(0).min(columns);
        // Even one in a million can be seen.
        let end = if *count > 0 {
            end.max(drawn + 1).min(columns)
        } else {
            end
        };
        bar.extend(std::iter::repeat_n(*glyph, end.saturating_sub(drawn)));
        drawn = end.max(drawn);
    }
    bar.extend(std::iter::repeat_n(rest, columns - drawn));
    bar
}

/// Counts as lines with bars, the greatest first. What has no room is summed up in the last line.
pub(crate) fn histogram(counts: &[(String, usize)], columns: usize, lines: usize) -> Vec<String> {
    const BAR: usize = 24;
    let whole: usize = counts.iter().map(|(_, count)| count).sum();
    let (shown, rest) = if counts.len() > lines {
        counts.split_at(lines.saturating_sub(1))
    } else {
        (counts, &counts[..0])
    };
    let greatest = shown.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let digits = thousands(whole).len();
    // The number, the share, and blanks between the columns.
    let taken = digits + 2 + 4 + 2;
    let room = columns.saturating_sub(taken);
    let longest = shown
        .iter()
        .map(|(name, _)| measure_text_width(name))
        .max()
        .unwrap_or(0);
    // A reason says more than a bar does.
    let bar = room.saturating_sub(longest + 2).min(BAR);
    let bar = if bar < 4 { 0 } else { bar };
    let name_columns = longest.min(if bar == 0 { room } else { room - bar - 2 });
    let mut text: Vec<_> = shown
        .iter()
        .map(|(name, count)| {
            let line = format!(
                "{:>digits$}  {:>3}%  {}  {}",
                thousands(*count),
                percent(*count, whole),
                fit_to(name, name_columns),
                "█".repeat((count * bar).div_ceil(greatest.max(1)).min(bar)),
            );
            line.trim_end().to_owned()
        })
        .collect();
    if !rest.is_empty() {
        let devices: usize = rest.iter().map(|(_, count)| count).sum();
        text.push(format!(
            "{:>digits$}  {:>3}%  {} others",
            thousands(devices),
            percent(devices, whole),
            thousands(rest.len())
        ));
    }
    text
}

/// A word that a shell of the Unix kind reads as it stands.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(is_hidden) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // What is not to be seen is written as an escape, which bash, zsh and ksh read.
    let mut quoted = String::from("$'");
    for character in word.chars() {
        match character {
            '\'' | '\\' => quoted.extend(['\\', character]),
            _ if is_hidden(character) => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\U{:08x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_are_never_rounded_to_all_or_nothing() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(
            (percent(0, 9), percent(1, 1000), percent(999, 1000), percent(7, 7)),
            (0, 1, 99, 100)
        );
        assert_eq!(
            (counted(1, "device"), counted(1000, "call")),
            ("1 device".into(), "1,000 calls".into())
        );
    }

    #[test]
    fn texts_are_cut_by_the_columns_that_they_take() {
        assert_eq!(fit("升级失败", 5), "升级…");
        assert_eq!(fit_to("ab\u{1b}[2J", 14), "ab\\u{1b}[2J   ");
        assert_eq!(join_fitting(["abc".into(), "de".into(), "f".into()], 7), "abc  de");
    }

    #[test]
    fn what_could_steer_a_terminal_is_hidden_and_what_may_stay_stays() {
        for character in ['\n', '\u{7f}', '\u{9b}', '\u{202e}', '\u{200b}', '\u{3164}'] {
            assert!(is_hidden(character), "{character:?}");
        }
        assert!(!"pump-01 Zähler 升级 \u{301}".contains(is_hidden));
        assert_eq!(visible_but_for("a\n\u{1b}", |c| c == '\n'), "a\n\\u{1b}");
    }

    #[test]
    fn a_bar_shows_even_a_single_device() {
        assert_eq!(stacked_bar(&[(1, '#'), (1, 'x')], '.', 1_000_000, 5), "#x...");
        assert_eq!(stacked_bar(&[(5, '#'), (5, 'x')], '.', 10, 4), "##xx");
        assert_eq!(stacked_bar(&[(0, '#')], '.', 0, 3), "...");
    }

    #[test]
    fn a_histogram_fits_and_sums_up_what_has_no_room() {
        let counts = vec![
            ("timed out".to_owned(), 1500),
            ("no space".to_owned(), 500),
            ("x".to_owned(), 3),
            ("y".to_owned(), 2),
        ];
        let lines = histogram(&counts, 40, 3);
        assert_eq!(
            lines,
            [
                "1,500   75%  timed out  ████████████████",
                "  500   25%  no space   ██████",
                "    5    1%  2 others",
            ]
        );
        assert!(
            histogram(&counts, 20, 9)
                .iter()
                .all(|line| measure_text_width(line) <= 20)
        );
    }

    #[test]
    fn a_word_for_a_shell_is_quoted_if_need_be() {
        assert_eq!(shell_word("/var/lib/a-1.jsonl"), "/var/lib/a-1.jsonl");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a'\u{1b}\u{202e}"), r"$'a\'\U0000001b\U0000202e'");
    }
}
