//! How many requests the gateway lets through, and how it says so.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::faults::{FaultBody, RetryAfter};
use crate::setters::setters;

/// A limit of the requests to `/connect-service/v2.1/ota-jobs`. What is over it is answered 429 before anything else is
/// looked at: the request has no effect, and no [`Fault`](crate::Fault) strikes it.
///
/// The platform's API guide documents the 429, and that the owner of an API group sets limits by minute, hour, day or
/// month. It publishes no number. The rest follows the Kong gateway, whose texts the platform uses (inferred):
///
/// - the body is `{"message":"API rate limit exceeded"}`;
/// - windows are fixed and begin on the clock: with each whole second, minute, hour or day in UTC;
/// - a refused request does not count;
/// - [`QuotaHeaders`] tell the limits, or nothing does.
///
/// ```
/// use enos_ota_emulator::{Quota, QuotaHeaders, Window};
///
/// let minute = Quota::per_minute(600);
/// // Both hold.
/// let both = Quota::per_minute(600).and(Window::Hour, 10_000).headers(QuotaHeaders::RateLimit);
/// // The same in text, as `enos-ota emulator --quota` takes it.
/// assert_eq!("600/m,10000/h".parse(), Ok(both.headers(QuotaHeaders::None)));
/// ```
///
/// Two more forms have no windows on the clock, for clients that have to find out a limit of any kind. They are refused
/// with an empty body, and no header tells them:
///
/// ```
/// use enos_ota_emulator::{FaultBody, Quota, RetryAfter};
///
/// // 50 requests a second, and 5 at once after a while without any.
/// let bucket = Quota::per_second(50);
/// // 50 at any time within a second, and then none until the next second begins.
/// let windows = Quota::windows(50).retry_after(RetryAfter::Seconds(1)).body(FaultBody::Json);
/// # let _ = (bucket, windows);
/// ```
///
/// The token service has no quota here. Windows on the clock follow the emulator's clock. The two other forms follow a
/// [`ManualClock`](crate::ManualClock) if the emulator has one, and otherwise real time, which no change of the system's
/// clock moves. Of several [nodes](crate::EmulatorBuilder::nodes) each has its own count of the windows on the clock,
/// and learns of the others' requests late; the two other forms are counted in one place.
///
/// Over HTTP, `PUT /_emulator/quota` takes this JSON, in which every member is optional:
/// `{"second": N, "minute": N, "hour": N, "day": N, "headers": "none"|"xRateLimit"|"rateLimit",
/// "perSecond": N, "burst": N, "windows": N, "body": "gateway"|"plain"|"json"|"html"|"empty",
/// "retryAfter": {"seconds": N}}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quota {
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hour: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<u32>,
    pub(super) headers: QuotaHeaders,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<FaultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<RetryAfter>,
}

/// A limit that has no windows on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Bucket { per_second: u32, burst: u32 },
    Windows { requests: u32 },
}

/// A stretch of time on the clock for which a [`Quota`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Window {
    /// A whole second.
    Second,
    /// A whole minute.
    Minute,
    /// A whole hour.
    Hour,
    /// A day in UTC.
    Day,
}

impl Window {
    /// All windows, from the shortest to the longest.
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// The length in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "s" => Some(Self::Second),
            "m" => Some(Self::Minute),
            "h" => Some(Self::Hour),
            "d" => Some(Self::Day),
            _ => None,
        }
    }
}

/// Which headers tell a client of a [`Quota`]. What EnOS sends is not documented; these are the ways of Kong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QuotaHeaders {
    /// None: Kong with `hide_client_headers`. The hardest case for a client, so the default.
    #[default]
    None,
    /// `X-RateLimit-Limit-Minute` and `X-RateLimit-Remaining-Minute` (or `-Second`, `-Hour`, `-Day`) on every answer, and
    /// no `Retry-After`: Kong 1.
    XRateLimit,
    /// The same, and on every answer `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) of the
    /// window that has least left; on a 429 also `Retry-After` (seconds): Kong 2 and later.
    RateLimit,
}

impl Quota {
    /// A limit for each window of one kind on the clock. 0 counts as 1.
    #[must_use]
    pub fn per(window: Window, requests: u32) -> Self {
        Self::on_the_clock().and(window, requests)
    }

    /// A limit for each whole minute. 0 counts as 1.
    #[must_use]
    pub fn per_minute(requests: u32) -> Self {
        Self::per(Window::Minute, requests)
    }

    /// A token bucket: a bucket that holds [`burst`](Self::burst) tokens is filled evenly with so many a second, and each
    /// request takes one. 0 counts as 1.
    #[must_use]
    pub fn per_second(requests: u32) -> Self {
        Self {
            per_second: Some(requests.max(1)),
            body: Some(FaultBody::Empty),
            ..Self::default()
        }
    }

    /// Windows of one second, one after the other: so many requests are taken in each, however close together. 0 counts
    /// as 1. The windows of a manual clock are its whole seconds, those of real time begin with the emulator.
    #[must_use]
    pub fn windows(requests: u32) -> Self {
        Self {
            windows: Some(requests.max(1)),
            body: Some(FaultBody::Empty),
            ..Self::default()
        }
    }

    fn on_the_clock() -> Self {
        Self {
            body: Some(FaultBody::Gateway),
            ..Self::default()
        }
    }

    /// The limits of the windows on the clock, in the order of [`Window::ALL`].
    pub(super) fn limits(&self) -> [Option<u32>; 4] {
        [self.second, self.minute, self.hour, self.day]
    }

    pub(super) fn rule(&self) -> Option<Rule> {
        let bucket = self.per_second.map(|per_second| Rule::Bucket {
            per_second,
            burst: self.burst.unwrap_or(per_second / 10).max(1),
        });
        bucket.or(self.windows.map(|requests| Rule::Windows { requests }))
    }

    /// The body of a refusal: that of the gateway for windows on the clock, otherwise none.
    pub(super) fn refusal_body(&self) -> FaultBody {
        let usual = if self.rule().is_some() {
            FaultBody::Empty
        } else {
            FaultBody::Gateway
        };
        self.body.unwrap_or(usual)
    }

    setters! {
        /// Adds a limit for each window of another kind; a request has to keep all limits. 0 counts as 1.
        and(self, window: Window, requests: u32) {
            let limit = match window {
                Window::Second => &mut self.second,
                Window::Minute => &mut self.minute,
                Window::Hour => &mut self.hour,
                Window::Day => &mut self.day,
            };
            *limit = Some(requests.max(1));
        }

        /// Sets the headers that tell the limits of windows on the clock: none by default.
        headers(self, headers: QuotaHeaders) { self.headers = headers; }

        /// Sets how many requests a bucket takes at once after a while without any: a tenth of the requests a second by
        /// default, and at least 1. Windows have no such number.
        burst(self, requests: u32) {
            if self.per_second.is_some() {
                self.burst = Some(requests.max(1));
            }
        }

        /// Sets the body of the refusal: the gateway's message for windows on the clock, otherwise none.
        body(self, body: FaultBody) { self.body = Some(body); }

        /// Sends the header `Retry-After` with the refusal. It says always the same, whatever is left, and replaces that of
        /// [`QuotaHeaders::RateLimit`].
        retry_after(self, after: RetryAfter) { self.retry_after = Some(after); }
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut quota = Self::deserialize(deserializer)?;
        quota.body = Some(quota.refusal_body());
        let limits = quota
            .limits()
            .into_iter()
            .chain([quota.per_second, quota.burst, quota.windows]);
        let limits: Vec<u32> = limits.flatten().collect();
        if limits.is_empty() {
            return Err(D::Error::custom("it has no limit"));
        }
        if limits.contains(&0) {
            return Err(D::Error::custom("a limit is 0, expected 1 or more"));
        }
        match (quota.per_second, quota.windows, quota.burst) {
            (Some(_), Some(_), _) => Err(D::Error::custom("`perSecond` and `windows` exclude each other")),
            (None, _, Some(_)) => Err(D::Error::custom("`burst` goes only with `perSecond`")),
            (Some(_), None, _) | (None, _, None) => Ok(quota),
        }
    }
}

/// Why a text is no [`Quota`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaError(String);

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no limit, expected a number of 1 or more and s, m, h or d, like 600/m",
            self.0
        )
    }
}

impl std::error::Error for QuotaError {}

impl FromStr for Quota {
    type Err = QuotaError;

    /// Reads limits of windows on the clock, like `600/m` or `600/m,10000/h`; `s`, `m`, `h` and `d` stand for a second, a
    /// minute, an hour and a day.
    fn from_str(text: &str) -> Result<Self, QuotaError> {
        text.split(',').try_fold(Self::on_the_clock(), |quota, part| {
            let limit = part.trim().split_once('/').and_then(|(requests, letter)| {
                let requests = requests.parse::<u32>().ok().filter(|requests| *requests > 0)?;
                Some((Window::from_letter(letter)?, requests))
            });
            let (window, requests) = limit.ok_or_else(|| QuotaError(part.trim().to_owned()))?;
            Ok(quota.and(window, requests))
        })
    }
}

#[cfg(test)]
mod tests;
