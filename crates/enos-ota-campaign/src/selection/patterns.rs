//! Patterns for the reasons of failed tasks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern for a whole text: `*` stands for any number of characters, `?` for exactly one, and every other character
/// for itself, whether small or capital.
///
/// Brackets, braces and backslashes have no meaning of their own, since the reasons that devices report contain them. A
/// character is a Unicode scalar value, so `升级??` matches `升级失败`.
///
/// ```
/// use enos_ota_campaign::Pattern;
///
/// let pattern: Pattern = "*flash space*".parse()?;
/// assert!(pattern.matches("Failed to write the firmware: not enough FLASH space"));
/// # Ok::<(), enos_ota_campaign::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pattern {
    text: String,
    /// The pattern, each character folded by [`folded`].
    folded: Vec<char>,
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    ///
    /// If it is empty: it would match only tasks without a reason, which hardly anybody means.
    pub fn new(text: impl Into<String>) -> Result<Self, PatternError> {
        let text = text.into();
        if text.is_empty() {
            return Err(PatternError(()));
        }
        let mut folded = Vec::new();
        for character in text.chars().map(folded_char) {
            // Several `*` mean no more than one.
            if character != '*' || folded.last() != Some(&'*') {
                folded.push(character);
            }
        }
        Ok(Self { text, folded })
    }

    /// The pattern, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern stands for this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut pattern = self.folded.as_slice();
        let mut text = text.chars();
        // Where to go on if the characters after the last `*` do not fit: that `*` then stands for one more.
        let mut again = None;
        loop {
            if let Some((&'*', rest)) = pattern.split_first() {
                pattern = rest;
                again = Some((rest, text.clone()));
                continue;
            }
            match (pattern.split_first(), text.next()) {
                (None, None) => return true,
                (Some((wanted, rest)), Some(found)) if *wanted == '?' || *wanted == folded_char(found) => {
                    pattern = rest;
                }
                _ => {
                    let Some((after, mut from)) = again.take() else {
                        return false;
                    };
                    if from.next().is_none() {
                        return false;
                    }
                    text = from.clone();
                    pattern = after;
                    again = Some((after, from));
                }
            }
        }
    }
}

/// A character without the difference between small and capital letters. One whose small letter is several characters
/// stays as it is.
fn folded_char(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut small = character.to_lowercase();
    match (small.next(), small.next()) {
        (Some(small), None) => small,
        _ => character,
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A pattern is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError(());

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pattern for reasons is empty; expected a text, in which `*` stands for any characters, as in `*timed out*`")
    }
}

impl std::error::Error for PatternError {}

/// Patterns of which one is enough. Without any, nothing matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Checks patterns.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`].
    pub fn parse<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Result<Self, PatternError> {
        patterns
            .into_iter()
            .map(Pattern::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Pattern> {
        self.0.iter()
    }

    /// The first pattern that stands for this reason. A task without a reason has the empty text, for which only `*`
    /// stands.
    #[must_use]
    pub fn find(&self, reason: Option<&str>) -> Option<&Pattern> {
        let reason = reason.unwrap_or_default();
        self.0.iter().find(|pattern| pattern.matches(reason))
    }

    /// Whether a pattern stands for this reason; see [`find`](Self::find).
    #[must_use]
    pub fn matches(&self, reason: Option<&str>) -> bool {
        self.find(reason).is_some()
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_pattern_stands_for_the_whole_text() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "x"),
            ("**", ""),
            ("timeout", "TimeOut"),
            ("*timed out*", "Upgrade timed out after 7200 s"),
            ("a*b*c", "a-b-b-c"),
            ("a*bc", "abbbc"),
            ("?", "é"),
            ("升级??", "升级失败"),
            ("ÄRGER*", "ärger mit dem Netz"),
            ("[12] {a,b} \\n", "[12] {A,B} \\N"),
            ("a/*/b", "a/b/b"),
            ("*a/b", "x/a/b"),
            ("a*\n?", "a\r\nb"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("timeout", "timeouts"),
            ("timeout", "a timeout"),
            ("?", ""),
            ("?", "ab"),
            ("a?c", "ac"),
            ("[ab]", "a"),
            ("{a,b}", "a"),
            ("a/**/b", "a/b"),
            ("*x", "xy"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let (pattern, text) = ("*a".repeat(200) + "b", "a".repeat(20_000));
        assert!(!matches(&pattern, &text));
    }

    #[test]
    fn a_task_without_a_reason_has_the_empty_text() {
        let all = Patterns::parse(["x", "*"]).unwrap();
        assert!(all.matches(None) && all.matches(Some("")));
        assert!(!Patterns::parse(["?*", "x"]).unwrap().matches(None));
        assert!(!Patterns::default().matches(None));
        assert!(Pattern::new("").is_err());
        assert!(serde_json::from_str::<Patterns>(r#"["a",""]"#).is_err());
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"["x","*"]"#);
    }

    /// The definition, without any cleverness.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => plain(rest, text) || (!text.is_empty() && plain(pattern, &text[1..])),
            (['?', rest @ ..], [_, after @ ..]) => plain(rest, after),
            ([wanted, rest @ ..], [found, after @ ..]) => wanted == found && plain(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*?é]{1,8}", text in "[abé]{0,10}") {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), plain(&p, &t));
        }
    }
}
