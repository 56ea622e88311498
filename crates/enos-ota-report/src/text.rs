//! Numbers, times and foreign texts, for people.

use std::borrow::Cow;

pub(crate) use enos_ota::text::{is_hidden, visible};
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar as _;

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

/// `1.0.0 → 2.0.0`
pub(crate) fn versions(from: Option<&str>, to: Option<&str>) -> String {
    format!("{} → {}", from.unwrap_or("?"), to.unwrap_or("?"))
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
