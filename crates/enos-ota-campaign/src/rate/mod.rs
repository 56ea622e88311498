//! How fast calls are made: the interface, on the old pace for now.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::pace::{self, Pace, PaceSettings, Start};
use crate::wait::Wait;

/// What the user sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateSettings {
    /// Calls per second that are never exceeded.
    pub(crate) rate: Option<f64>,
    /// Calls in flight that are never exceeded.
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// The longest `Retry-After` that is waited for.
    pub(crate) longest_retry_after: Duration,
}

/// How a call ended, as far as the rate depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// The platform answered, be it with a refusal of what was asked for.
    Answered,
    /// HTTP 429.
    Throttled {
        /// What the gateway asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer, or one of something before a platform that is down.
    Failed,
}

/// What a quota is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Window {
    Second,
    Minute,
    Hour,
    Day,
    Month,
}

/// What an answer says about one quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// `None` for the headers `RateLimit-*`, which name no window.
    pub(crate) window: Option<Window>,
    pub(crate) limit: Option<u64>,
    pub(crate) remaining: Option<u64>,
    /// How long until the window ends.
    pub(crate) reset: Option<Duration>,
}

/// Why no call is made at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) until: Duration,
    /// The quota that is used up, if it is known: calls in a window.
    pub(crate) quota: Option<(u64, Window)>,
}

/// Asked before each call, and told of each that starts and ends.
#[derive(Clone, Debug)]
pub(crate) struct RateControl(Pace);

impl RateControl {
    pub(crate) fn new(settings: RateSettings) -> Self {
        Self(Pace::new(PaceSettings {
            rate: settings.rate,
            concurrency: settings.concurrency,
            longest_retry_after: settings.longest_retry_after,
            ..PaceSettings::default()
        }))
    }

    /// Whether a call may start.
    pub(crate) fn may_start(&mut self, now: Duration) -> Wait {
        match self.0.may_start(now) {
            Start::Now => Wait::Now,
            Start::At(at) => Wait::Until(at),
            Start::WhenOneEnds => Wait::NextEnd,
        }
    }

    /// A call has started.
    pub(crate) fn started(&mut self, now: Duration) {
        self.0.started(now);
    }

    /// A call has ended that took so long; `wall_ms` is the time of the clock, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn ended(
        &mut self,
        now: Duration,
        _wall_ms: i64,
        took: Duration,
        result: CallResult,
        _announced: &[Announced],
    ) {
        let end = match result {
            CallResult::Answered => pace::CallEnd::Answered,
            CallResult::Throttled { retry_after } => pace::CallEnd::Throttled { retry_after },
            CallResult::Failed => pace::CallEnd::Failed,
        };
        self.0.ended(now, took, end);
    }

    /// Calls per second at present, over the windows of the quotas that are known.
    pub(crate) fn rate(&self) -> f64 {
        self.0.rate()
    }

    /// Calls in flight at most, at present.
    pub(crate) fn concurrency(&self) -> usize {
        self.0.concurrency()
    }

    /// Until when no call starts, and which quota is the reason.
    pub(crate) fn paused(&self, now: Duration) -> Option<Pause> {
        let until = self.0.throttled_until()?;
        (now < until).then_some(Pause { until, quota: None })
    }
}
