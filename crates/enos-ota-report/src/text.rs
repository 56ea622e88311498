//! Numbers, times and foreign texts, for people.

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_width::UnicodeWidthChar as _;

use enos_ota_campaign::{Criteria, Exclusion, LeftOut, Pattern, Selection};

/// A text that a device or the platform wrote, so that it can neither steer a terminal nor reorder what stands around
/// it: what is not to be seen becomes `�`, and a line break or tab a space.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| seen(character) == character) {
        Cow::Borrowed(text)
    } else {
        text.chars().map(seen).collect::<String>().into()
    }
}

fn seen(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        _ if character.is_control() => char::REPLACEMENT_CHARACTER,
        // Marks of direction, characters without width, and the copy of ASCII that is never shown. Joiners stay, as
        // scripts need them.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

/// The columns that a text takes in a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// The beginning of a text, in so many columns at the most, with `…` if something is left out.
pub(crate) fn shortened(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut taken = 0;
    let mut kept = String::new();
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken >= columns {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept.into()
}

/// `1,234,567`
pub(crate) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 device`, `1,234 devices`. The word is given for one.
pub(crate) fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {word}{plural}", number(count))
}

/// A share, rounded down: not all is never 100 %, and something never 0 %.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let thousandths = part as u128 * 1000 / whole as u128;
    match thousandths {
        0 if part > 0 => "< 0.1 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

/// `2026-01-02 03:04:05 UTC`
pub(crate) fn time(ms: i64) -> String {
    timestamp(ms).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time as in RFC 3339; the first or last one that can be written, if it is before or after all of them.
pub(crate) fn rfc3339(ms: i64) -> String {
    timestamp(ms).to_string()
}

fn timestamp(ms: i64) -> Timestamp {
    let limit = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(limit)
}

/// `2 h 5 min`, `10 min 3 s`, `3.2 s`, `85 ms`
pub(crate) fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let (seconds, minutes, hours, days) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{seconds}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A command line as it could be given to a POSIX shell.
pub(crate) fn command(arguments: &[String]) -> String {
    let quoted: Vec<_> = arguments
        .iter()
        .map(|argument| {
            let plain = !argument.is_empty()
                && argument
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c));
            if plain {
                argument.clone()
            } else {
                format!("'{}'", argument.replace('\'', r"'\''"))
            }
        })
        .collect();
    visible(&quoted.join(" ")).into_owned()
}

/// How a campaign ended, by the word that its journal has for it. `None` if it has not.
pub(crate) fn ending(how: Option<&str>) -> Cow<'_, str> {
    Cow::Borrowed(match how {
        None => "has not ended: it is still running, or was cut off",
        Some("complete") => "complete: all that was planned was done",
        Some("stopped") => "stopped by an error after which further calls made no sense",
        Some("gaveUp") => "gave up, as the gateway answered nothing for too long",
        Some("tooManyRefused") => "stopped, as too many devices were refused",
        Some("waveFailed") => "stopped, as not enough devices of a wave succeeded in time",
        Some("interrupted") => "interrupted",
        Some("journal") => "stopped, as the journal could not be written",
        Some("panicked") => "stopped by a defect of the program",
        Some(other) => return visible(other),
    })
}

/// How the devices were chosen, each criterion for itself.
pub(crate) fn selection(selection: &Selection) -> Vec<String> {
    let mut told = Vec::new();
    match selection {
        Selection::Failed(criteria) => {
            told.push("all failed tasks of the job".to_owned());
            of_criteria(criteria, &mut told);
        }
        Selection::Named(named) => {
            told.push(format!("{} named by a person", counted(named.given(), "device")));
            if named.repeated() > 0 {
                told.push(format!("{} of them named again", number(named.repeated())));
            }
        }
        _ => told.push("in a way that this program does not know".to_owned()),
    }
    told.extend(selection.exclude().map(excluded));
    told
}

fn of_criteria(criteria: &Criteria, told: &mut Vec<String>) {
    fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
        texts
            .map(|text| format!("“{}”", visible(text)))
            .collect::<Vec<_>>()
            .join(" or ")
    }

    for (patterns, what) in [
        (&criteria.reason, "with a reason like"),
        (&criteria.not_reason, "without a reason like"),
    ] {
        if !patterns.is_empty() {
            told.push(format!("{what} {}", list(patterns.iter().map(Pattern::as_str))));
        }
    }
    for (versions, what) in [
        (&criteria.from_version, "upgraded from"),
        (&criteria.to_version, "upgraded to"),
    ] {
        if !versions.is_empty() {
            told.push(format!("{what} {}", list(versions.iter().map(String::as_str))));
        }
    }
    if !criteria.cause.is_empty() {
        let causes = criteria.cause.iter().map(ToString::to_string);
        told.push(format!("with the cause {}", causes.collect::<Vec<_>>().join(" or ")));
    }
    if let Some(since) = criteria.since_ms {
        told.push(format!("changed since {}", time(since)));
    }
    told.push(
        if criteria.include_cancelled {
            "also those that a person cancelled"
        } else {
            "not those that a person cancelled"
        }
        .to_owned(),
    );
}

fn excluded(exclusion: &Exclusion) -> String {
    format!("without {} of a list", counted(exclusion.len(), "device"))
}

/// What was read and left out, if anything was.
pub(crate) fn left_out(left_out: &LeftOut) -> Option<String> {
    let reasons: Vec<_> = [
        (left_out.unreadable, "that could not be read"),
        (left_out.no_key, "without a device key"),
        (left_out.other, "not asked for"),
        (left_out.excluded, "on the list of those to leave out"),
        (left_out.cancelled, "cancelled by a person"),
        (left_out.by_version, "of other versions"),
        (left_out.by_time, "changed before"),
        (left_out.by_cause, "failed for another cause"),
        (left_out.by_reason, "failed for another reason"),
    ]
    .into_iter()
    .filter(|(tasks, _)| *tasks > 0)
    .map(|(tasks, why)| format!("{} {why}", number(tasks)))
    .collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_seen_is_shown_as_such() {
        assert_eq!(visible("no space"), Cow::Borrowed("no space"));
        assert_eq!(visible("a\x1b[31mb\r\nc\td\0"), "a�[31mb  c d�");
        assert_eq!(visible("pump\u{202e}10-\u{2066}x\u{200b}y\u{e0041}"), "pump�10-�x�y�");
        // What scripts need stays.
        assert_eq!(visible("升级失败 نقص क्\u{200d}ष"), "升级失败 نقص क्\u{200d}ष");
    }

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("升级失败了", 6), "升级…");
        assert_eq!(width("升级失败"), 8);
    }

    #[test]
    fn numbers_are_grouped_and_shares_rounded_down() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(number),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(counted(1, "device") + &counted(2, "call"), "1 device2 calls");
        assert_eq!(percent(999_999, 1_000_000), "99.9 %");
        assert_eq!(percent(1, 1_000_000), "< 0.1 %");
        assert_eq!(percent(5, 5), "100.0 %");
        assert_eq!((percent(0, 5), percent(0, 0)), ("0.0 %".to_owned(), "–".to_owned()));
    }

    #[test]
    fn times_are_told_in_utc_and_durations_in_two_units() {
        assert_eq!(time(1_767_323_045_123), "2026-01-02 03:04:05 UTC");
        assert_eq!(rfc3339(1_767_323_045_123), "2026-01-02T03:04:05.123Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-30T22:00:00.999999999Z");
        assert_eq!(
            [-5, 85, 3_250, 603_000, 7_500_000, 90_000_000].map(duration),
            ["0 ms", "85 ms", "3.2 s", "10 min 3 s", "2 h 5 min", "1 d 1 h"]
        );
    }

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        let arguments = ["enos-ota", "retry", "--reason", "*it's*", "", "a\x1bb"].map(str::to_owned);
        assert_eq!(command(&arguments), r"enos-ota retry --reason '*it'\''s*' '' 'a�b'");
    }
}
