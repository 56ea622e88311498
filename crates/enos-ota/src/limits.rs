//! The rate limits that a gateway announces in the headers of its answers.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// The time in which calls are counted against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Window {
    /// One second.
    Second,
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day.
    Day,
    /// One month.
    Month,
}

impl Window {
    /// All of them, from the shortest to the longest.
    pub const ALL: [Self; 5] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// How long the window is; of a month, the longest.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
            Self::Month => 31 * 24 * 60 * 60,
        })
    }

    /// The end of the headers' names, as the HTTP library writes them.
    fn suffix(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// One limit, as an answer announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// The window of `X-RateLimit-*`; `None` of the headers `RateLimit-*`, which do not name theirs.
    pub window: Option<Window>,
    /// How many calls the window allows.
    pub limit: Option<u64>,
    /// How many calls were left of them when the gateway answered.
    pub remaining: Option<u64>,
    /// When the window ends, counted from the answer. Only `RateLimit-Reset` says so. Any number of seconds, perhaps
    /// more than a clock can express: add it with `checked_add` only.
    pub reset: Option<Duration>,
}

/// What the latest answer that announced any limit announced.
///
/// The platform documents that the owner of an API can limit its calls by the minute, hour, day or month, over all APIs
/// of a group together, and neither a number nor a header. The headers are **inferred**: the texts of the gateway's
/// refusals are those of Kong, which sends `X-RateLimit-Limit-Minute`, `X-RateLimit-Remaining-Minute` and the like on
/// every answer, and since its version 2 also `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`, unless
/// they are hidden. Also inferred from Kong: windows begin on the clock (a whole minute, hour or day in UTC), and each
/// node of the gateway may lag behind with its count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// The limits, those with a window first, from the shortest to the longest. Never empty.
    pub limits: Vec<RateLimit>,
    /// When the answer came.
    pub observed_at: Instant,
    /// How many answers have announced limits so far, this one included. It tells a new announcement from a known one.
    pub announcements: u64,
}

impl RateLimits {
    /// The limit that is counted in a window, if it was announced.
    #[must_use]
    pub fn of_window(&self, window: Window) -> Option<&RateLimit> {
        self.limits.iter().find(|limit| limit.window == Some(window))
    }
}

/// Reads the announcement in an answer's headers. Empty, and not allocated, if there is none.
pub(crate) fn announced(headers: &HeaderMap) -> Vec<RateLimit> {
    // Most gateways hide them, or have none.
    if !headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("ratelimit-") || name.starts_with("x-ratelimit-")
    }) {
        return Vec::new();
    }
    let number = |name: &str| headers.get(name).and_then(|value| integer(value.as_bytes()));
    let windows = Window::ALL.map(|window| RateLimit {
        window: Some(window),
        limit: number(&format!("x-ratelimit-limit-{}", window.suffix())),
        remaining: number(&format!("x-ratelimit-remaining-{}", window.suffix())),
        reset: None,
    });
    let unnamed = RateLimit {
        window: None,
        limit: number("ratelimit-limit"),
        remaining: number("ratelimit-remaining"),
        reset: number("ratelimit-reset").map(Duration::from_secs),
    };
    windows
        .into_iter()
        .chain([unnamed])
        .filter(|limit| limit.limit.is_some() || limit.remaining.is_some() || limit.reset.is_some())
        .collect()
}

/// The number at the beginning of a header: some gateways add how it is counted, as in `100, 100;w=60`.
fn integer(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii_start();
    let end = value
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, rest) = value.split_at(end);
    let ends = rest
        .trim_ascii_start()
        .first()
        .is_none_or(|byte| matches!(byte, b',' | b';'));
    if digits.is_empty() || !ends {
        return None;
    }
    let digit = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit & 15));
    Some(digits.iter().fold(0, digit))
}

/// The latest announcement, shared by the clones of a client.
#[derive(Debug, Default)]
pub(crate) struct Announcements(Mutex<Option<RateLimits>>);

impl Announcements {
    /// Notes what an answer announces. Without an announcement this takes no lock.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        let limits = announced(headers);
        if limits.is_empty() {
            return;
        }
        // Nothing panics while the lock is held.
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let announcements = latest.as_ref().map_or(0, |latest| latest.announcements);
        *latest = Some(RateLimits {
            limits,
            observed_at: Instant::now(),
            announcements: announcements.saturating_add(1),
        });
    }

    pub(crate) fn latest(&self) -> Option<RateLimits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Vec<RateLimit> {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        announced(&headers.collect())
    }

    fn windowed(window: Window, limit: impl Into<Option<u64>>, remaining: impl Into<Option<u64>>) -> RateLimit {
        RateLimit {
            window: Some(window),
            limit: limit.into(),
            remaining: remaining.into(),
            reset: None,
        }
    }

    #[test]
    fn both_forms_are_read_and_every_window() {
        let limits = of(&[
            ("x-ratelimit-remaining-day", "7"),
            ("x-ratelimit-limit-day", "10000"),
            ("x-ratelimit-limit-minute", "600"),
            ("x-ratelimit-remaining-minute", "0"),
            ("x-ratelimit-limit-second", "20"),
            ("x-ratelimit-remaining-hour", "3"),
            ("x-ratelimit-limit-month", "1"),
            ("ratelimit-limit", "600"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "41"),
        ]);
        let unnamed = RateLimit {
            window: None,
            limit: Some(600),
            remaining: Some(0),
            reset: Some(Duration::from_secs(41)),
        };
        assert_eq!(
            limits,
            [
                windowed(Window::Second, 20, None),
                windowed(Window::Minute, 600, 0),
                windowed(Window::Hour, None, 3),
                windowed(Window::Day, 10000, 7),
                windowed(Window::Month, 1, None),
                unnamed,
            ]
        );
    }

    #[test]
    fn an_answer_without_an_announcement_announces_nothing() {
        assert!(of(&[]).is_empty());
        assert!(of(&[("content-type", "text/plain"), ("retry-after", "5")]).is_empty());
        assert!(of(&[("x-ratelimit-limit-fortnight", "5")]).is_empty());
    }

    #[test]
    fn a_value_that_is_no_number_counts_as_absent_and_a_huge_one_is_cut() {
        for (value, number) in [
            ("100", Some(100)),
            (" 100 ", Some(100)),
            ("100, 100;w=60", Some(100)),
            ("100;w=60", Some(100)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("1e3", None),
            ("NaN", None),
            ("unlimited", None),
        ] {
            assert_eq!(integer(value.as_bytes()), number, "{value}");
        }
    }
}
