//! What quotas are counted over, and what answers say about them.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a quota is counted over. Windows begin on the clock, in UTC, as those of the Kong gateway do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// How long it lasts; a month counts as 31 days.
    #[must_use]
    pub fn length(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Month => Duration::from_hours(31 * 24),
        }
    }

    /// The shortest window that lasts so long.
    pub(crate) fn that_lasts(time: Duration) -> Self {
        let windows = [Self::Second, Self::Minute, Self::Hour, Self::Day];
        windows
            .into_iter()
            .find(|window| time <= window.length())
            .unwrap_or(Self::Month)
    }

    /// How long after `from` the next window begins by a clock that showed so many milliseconds since 1970-01-01 UTC at
    /// some time.
    pub(crate) fn rest(self, (time, wall_ms): (Duration, i64), from: Duration) -> Duration {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let wall_ms = wall_ms.saturating_add(ms(from).saturating_sub(ms(time)));
        let length = ms(self.length());
        let rest = match self {
            Self::Second | Self::Minute | Self::Hour | Self::Day => length.saturating_sub(wall_ms.rem_euclid(length)),
            Self::Month => next_month_ms(wall_ms).map_or(length, |next| next.saturating_sub(wall_ms)),
        };
        Duration::from_millis(rest.unsigned_abs())
    }
}

fn next_month_ms(wall_ms: i64) -> Option<i64> {
    let day = Timestamp::from_millisecond(wall_ms)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .date();
    let next = day.last_of_month().tomorrow().ok()?;
    Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// What an answer says about one quota, in its headers `X-RateLimit-*-<Window>` or `RateLimit-*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// `None` for the headers `RateLimit-*`, which name no window.
    pub window: Option<Window>,
    /// Calls in a window.
    pub limit: Option<u64>,
    /// Calls that are left in this one.
    pub remaining: Option<u64>,
    /// How long until it ends.
    pub reset: Option<Duration>,
}
