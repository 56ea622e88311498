//! How many requests the gateway lets through, and how it says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::faults::{FaultBody, RetryAfter};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Quota {
    pub(super) rule: Option<Rule>,
    /// The limits of the windows on the clock, in the order of [`Window::ALL`].
    pub(super) limits: [Option<u32>; 4],
    pub(super) headers: QuotaHeaders,
    pub(super) body: FaultBody,
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

    /// A limit for each whole hour. 0 counts as 1.
    #[must_use]
    pub fn per_hour(requests: u32) -> Self {
        Self::per(Window::Hour, requests)
    }

    /// A limit for each day in UTC. 0 counts as 1.
    #[must_use]
    pub fn per_day(requests: u32) -> Self {
        Self::per(Window::Day, requests)
    }

    /// A token bucket: a bucket that holds [`burst`](Self::burst) tokens is filled evenly with so many a second, and each
    /// request takes one. 0 counts as 1.
    #[must_use]
    pub fn per_second(requests: u32) -> Self {
        let per_second = requests.max(1);
        let burst = (per_second / 10).max(1);
        Self::off_the_clock(Rule::Bucket { per_second, burst })
    }

    /// Windows of one second, one after the other: so many requests are taken in each, however close together. 0 counts
    /// as 1. The windows of a manual clock are its whole seconds, those of real time begin with the emulator.
    #[must_use]
    pub fn windows(requests: u32) -> Self {
        Self::off_the_clock(Rule::Windows {
            requests: requests.max(1),
        })
    }

    fn on_the_clock() -> Self {
        Self {
            rule: None,
            limits: [None; 4],
            headers: QuotaHeaders::default(),
            body: FaultBody::Gateway,
            retry_after: None,
        }
    }

    fn off_the_clock(rule: Rule) -> Self {
        Self {
            rule: Some(rule),
            body: FaultBody::Empty,
            ..Self::on_the_clock()
        }
    }

    /// Adds a limit for each window of another kind; a request has to keep all limits. 0 counts as 1.
    #[must_use]
    pub fn and(mut self, window: Window, requests: u32) -> Self {
        self.limits[window as usize] = Some(requests.max(1));
        self
    }

    /// Sets the headers that tell the limits of windows on the clock: none by default.
    #[must_use]
    pub fn headers(mut self, headers: QuotaHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Sets how many requests a bucket takes at once after a while without any: a tenth of the requests a second by
    /// default, and at least 1. Windows have no such number.
    #[must_use]
    pub fn burst(mut self, requests: u32) -> Self {
        if let Some(Rule::Bucket { burst, .. }) = &mut self.rule {
            *burst = requests.max(1);
        }
        self
    }

    /// Sets the body of the refusal: the gateway's message for windows on the clock, otherwise none.
    #[must_use]
    pub fn body(mut self, body: FaultBody) -> Self {
        self.body = body;
        self
    }

    /// Sends the header `Retry-After` with the refusal. It says always the same, whatever is left, and replaces that of
    /// [`QuotaHeaders::RateLimit`].
    #[must_use]
    pub fn retry_after(mut self, after: RetryAfter) -> Self {
        self.retry_after = Some(after);
        self
    }
}

/// The JSON of a quota.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Form {
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
    headers: QuotaHeaders,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<FaultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<RetryAfter>,
}

impl From<Quota> for Form {
    fn from(quota: Quota) -> Self {
        let [second, minute, hour, day] = quota.limits;
        let (per_second, burst, windows) = match quota.rule {
            None => (None, None, None),
            Some(Rule::Bucket { per_second, burst }) => (Some(per_second), Some(burst), None),
            Some(Rule::Windows { requests }) => (None, None, Some(requests)),
        };
        Self {
            second,
            minute,
            hour,
            day,
            per_second,
            burst,
            windows,
            headers: quota.headers,
            body: Some(quota.body),
            retry_after: quota.retry_after,
        }
    }
}

impl TryFrom<Form> for Quota {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let limits = [form.second, form.minute, form.hour, form.day];
        let all = limits
            .into_iter()
            .chain([form.per_second, form.burst, form.windows])
            .flatten();
        if all.clone().count() == 0 {
            return Err("it has no limit".to_owned());
        }
        if all.clone().any(|limit| limit == 0) {
            return Err("a limit is 0, expected 1 or more".to_owned());
        }
        let quota = match (form.per_second, form.windows, form.burst) {
            (Some(_), Some(_), _) => return Err("`perSecond` and `windows` exclude each other".to_owned()),
            (None, _, Some(_)) => return Err("`burst` goes only with `perSecond`".to_owned()),
            (Some(per_second), None, None) => Self::per_second(per_second),
            (Some(per_second), None, Some(burst)) => Self::per_second(per_second).burst(burst),
            (None, Some(requests), None) => Self::windows(requests),
            (None, None, None) => Self::on_the_clock(),
        };
        Ok(Self {
            limits,
            headers: form.headers,
            body: form.body.unwrap_or(quota.body),
            retry_after: form.retry_after,
            ..quota
        })
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
mod tests {
    use super::*;

    #[test]
    fn text_names_the_windows_on_the_clock() {
        assert_eq!("50/s".parse(), Ok(Quota::per(Window::Second, 50)));
        let all = Quota::per(Window::Second, 1)
            .and(Window::Minute, 2)
            .and(Window::Hour, 3)
            .and(Window::Day, 4);
        assert_eq!("1/s, 2/m,3/h ,4/d".parse(), Ok(all));
        for text in ["", "50", "0/m", "5/w", "-1/m", "5/m,", "m/5", "4294967296/d"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_says_the_same_of_every_form() {
        for quota in [
            Quota::per_second(50).burst(7),
            Quota::windows(3).retry_after(RetryAfter::Seconds(1)),
            Quota::per_day(9)
                .and(Window::Minute, 2)
                .headers(QuotaHeaders::XRateLimit),
            Quota::per_second(5).and(Window::Hour, 100).body(FaultBody::Html),
        ] {
            let json = serde_json::to_string(&quota).unwrap();
            assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota, "{json}");
        }
    }

    #[test]
    fn json_that_contradicts_itself_is_refused() {
        for (json, reason) in [
            ("{}", "no limit"),
            (r#"{"minute":0}"#, "a limit is 0"),
            (r#"{"minute":1,"burst":2}"#, "`burst` goes only with `perSecond`"),
            (r#"{"perSecond":1,"windows":2}"#, "exclude each other"),
            (r#"{"month":1}"#, "unknown field `month`"),
        ] {
            let error = serde_json::from_str::<Quota>(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
