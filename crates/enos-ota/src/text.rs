//! Texts that somebody else wrote: made safe to show, and free of secrets.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use crate::secret::redact;

/// An error and its causes on one line. A cause that only repeats what stands before it is left out.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Makes a text of the platform, a device or a file safe to show to a person.
///
/// Characters that act on a terminal, change the direction of the text around them, or cannot be seen are written as
/// escapes such as `\u{202e}`; all others stay. So a text cannot move the cursor, and a device key cannot pose as
/// another. Line breaks and tabs are escaped too: the result is one line. For a file that programs read (JSON, a
/// journal), keep the text itself.
///
/// Escaped are control characters (C0, C1 and DEL), bidirectional marks, overrides and isolates, zero-width and other
/// invisible characters, line and paragraph separators, and tags. A backslash is not, so the way back is ambiguous.
///
/// ```
/// use enos_ota::text::visible;
///
/// assert_eq!(visible("pump-01"), "pump-01");
/// assert_eq!(visible("pump\u{202e}10-\x1b[31m"), r"pump\u{202e}10-\u{1b}[31m");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some((start, _)) = text.char_indices().find(|&(_, c)| is_hidden(c)) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..start]);
    for c in text[start..].chars() {
        if is_hidden(c) {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a character cannot be seen, or acts on the text around it: whether [`visible`] writes it as an escape.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // Most texts are plain, and most characters of the others.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        // C1 controls and the soft hyphen.
        '\u{80}'..='\u{9f}' | '\u{ad}'
        // The Arabic letter mark, and blanks that fonts do not draw.
        | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
        // Zero-width characters and marks of direction.
        | '\u{200b}'..='\u{200f}'
        // Line and paragraph separators, embeddings and overrides.
        | '\u{2028}'..='\u{202e}'
        // The word joiner, invisible operators, isolates, and deprecated controls of format.
        | '\u{2060}'..='\u{206f}'
        // The byte order mark, and marks of annotations.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags.
        | '\u{e0000}'..='\u{e007f}')
}

/// A length of time for people: rounded, in the units that they would use.
pub(crate) fn duration(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    match tenths {
        0..10 => format!("{} ms", time.as_millis()),
        10..1200 if tenths.is_multiple_of(10) => format!("{} s", tenths / 10),
        10..1200 => format!("{}.{} s", tenths / 10, tenths % 10),
        1200..36_000 => match (tenths / 600, tenths % 600 / 10) {
            (minutes, 0) => format!("{minutes} min"),
            (minutes, seconds) => format!("{minutes} min {seconds} s"),
        },
        _ => match (tenths / 36_000, tenths % 36_000 / 600) {
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        },
    }
}

/// The day of a time in seconds since 1970-01-01 UTC, as `2020-01-31`.
pub(crate) fn date(seconds: u64) -> String {
    // Days since 0000-03-01, so that a leap day is the last of its year (the calendar repeats every 400 years).
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year_of_era + next_year)
}

/// The one place where a foreign text becomes part of an error or a trace: secrets go last, when nothing is left in
/// the text that could hide them, and what remains can be shown.
///
/// A gateway may well repeat in its complaint what it was sent, and in any spelling. Where a secret stands in the text
/// under an encoding, nothing of the text is kept.
pub(crate) fn shown(text: &str, secrets: &[&str]) -> String {
    // A secret that the end of what was read cuts in the middle of a character.
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let plain: String = text.chars().filter(|&c| !is_hidden(c)).collect();
    let redacted = redact(&plain, secrets);
    if spells_a_secret(&redacted, secrets) {
        return HIDDEN.to_owned();
    }
    if redacted == plain {
        visible(text).into_owned()
    } else {
        redacted
    }
}

/// Stands for a text that repeats a secret in another spelling.
const HIDDEN: &str = "(not shown, because it repeats a secret)";

/// Whether a secret can be read in a text, although not letter by letter: with blanks in it, percent-encoded, escaped
/// for JSON or HTML, or in capitals.
fn spells_a_secret(text: &str, secrets: &[&str]) -> bool {
    /// Fewer characters would be found by chance.
    const SHORTEST: usize = 8;
    let folded = fold(text);
    secrets
        .iter()
        .map(|secret| fold(secret))
        .any(|secret| secret.len() >= SHORTEST && folded.contains(&secret))
}

/// The letters and digits of a text, without the escapes between them, in lower case.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((decoded, length)) = escape(rest) {
            out.extend(decoded.filter(|c| c.is_alphanumeric()));
            rest = &rest[length..];
        } else {
            if c.is_alphanumeric() {
                out.extend(c.to_lowercase());
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out.to_lowercase()
}

/// The character that an escape at the beginning of a text stands for, and the length of the escape.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok();
    if let Some(rest) = text.strip_prefix('%') {
        return Some((char::from_u32(hex(rest.get(..2)?)?), 3));
    }
    if let Some(rest) = text.strip_prefix("\\u") {
        return Some((char::from_u32(hex(rest.get(..4)?)?), 6));
    }
    if let Some(rest) = text.strip_prefix('\\') {
        return rest.chars().next().map(|c| (None, 1 + c.len_utf8()));
    }
    let entity = text.strip_prefix('&')?;
    let end = entity.bytes().take(10).position(|byte| byte == b';')?;
    let name = &entity[..end];
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => hex(digits)?,
            None => number.parse().ok()?,
        },
        None if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !name.is_empty() => 0,
        None => return None,
    };
    Some((char::from_u32(code), end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_the_calendar_has_it() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (1_580_428_800, "2020-01-31"),
            (1_582_934_400, "2020-02-29"),
            (951_782_400, "2000-02-29"),
            (4_107_542_400, "2100-03-01"),
            (4_107_542_399, "2100-02-28"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(date(seconds), day);
        }
        assert_eq!(date(u64::MAX), "584554051223-11-09");
    }

    #[test]
    fn what_cannot_be_seen_is_written_as_an_escape() {
        for (text, shown) in [
            ("", ""),
            ("pump-01 größer 描述 👍", "pump-01 größer 描述 👍"),
            (r"C:\temp", r"C:\temp"),
            ("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}"),
            ("a\r\nb\tc\0", r"a\u{d}\u{a}b\u{9}c\u{0}"),
            ("\u{7f}\u{9b}31m\u{85}", r"\u{7f}\u{9b}31m\u{85}"),
            ("\u{202a}\u{202e}\u{2066}\u{2069}", r"\u{202a}\u{202e}\u{2066}\u{2069}"),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            ("\u{200b}\u{200d}\u{2060}\u{feff}", r"\u{200b}\u{200d}\u{2060}\u{feff}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{ad}\u{3164}\u{e0041}", r"\u{ad}\u{3164}\u{e0041}"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert!(matches!(visible("nothing to do"), Cow::Borrowed(_)));
    }

    #[test]
    fn durations_are_rounded() {
        for (ms, text) in [
            (0, "0 ms"),
            (949, "949 ms"),
            (950, "1 s"),
            (2_000, "2 s"),
            (29_583, "29.6 s"),
            (119_949, "119.9 s"),
            (119_951, "2 min"),
            (125_400, "2 min 5 s"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), text, "{ms}");
        }
        assert!(duration(Duration::MAX).contains(" h"));
    }

    #[test]
    fn a_secret_is_found_between_characters_that_hide_it() {
        for text in [
            "bad t0ken+of/the-tests=!",
            "bad t0ken\u{1}+of/the-tests=!",
            "bad \u{202e}t0k\u{200b}en+of\u{ad}/the-te\u{7f}sts=!",
            "bad t0ken\n+of/the-tests=!",
        ] {
            assert_eq!(shown(text, &["t0ken+of/the-tests="]), "bad ***!");
        }
    }

    #[test]
    fn a_text_with_a_secret_in_another_spelling_is_not_shown() {
        for text in [
            "https://login.example.com/?token=t0ken%2Bof%2Fthe-tests%3D",
            "bad t0ken +of /the -tests =",
            r#"{"token":"t0ken\u002bof\/the-tests="}"#,
            r#"{"token":"t0k\u0001en\u002bof\/the-tests="}"#,
            "bad t0ken&#43;of&#x2F;the-tests&equals;",
            "BAD T0KEN+OF/THE-TESTS=",
            "%74%30ken+of/the-tests=",
        ] {
            assert_eq!(shown(text, &["t0ken+of/the-tests="]), HIDDEN, "{text}");
        }
        for text in ["100 % of &this; and \\ that", "%zz %", "&", "&#x;", "\\", "\\u12", "%é"] {
            assert_eq!(shown(text, &["t0ken+of/the-tests="]), text);
        }
    }
}
