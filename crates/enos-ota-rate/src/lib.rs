#![doc = include_str!("../README.md")]

mod flight;
mod outage;
mod quotas;
mod spacing;
mod trial;
mod window;

use std::num::NonZeroUsize;
use std::time::Duration;

use self::flight::Flight;
use self::outage::Outage;
use self::quotas::{FOREVER, Quotas};
use self::spacing::Spacing;
use self::trial::Trial;
pub use self::window::{Announced, Window};

/// Calls in flight if the user sets no limit. More connections than that are more than a process may have on many systems.
const MOST_CALLS: usize = 512;
/// Calls in flight before the first one is answered, and more than those needed for the rate.
const FIRST_CALLS: usize = 8;
/// How many times the calls may be in flight that are needed for the rate. Some take longer than others.
const SPARE: f64 = 2.0;
/// The lowest limit of a user that is kept to, in calls per second.
const LEAST_CEILING: f64 = 1e-3;

/// What the user sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSettings {
    /// Calls per second that are never exceeded. Less than one in a thousand seconds counts as that, NaN as no limit.
    pub rate: Option<f64>,
    /// Calls in flight that are never exceeded; 512 by default.
    pub concurrency: Option<NonZeroUsize>,
    /// The longest `Retry-After` that is waited for, 5 minutes by default. It does not shorten the wait for a window that
    /// is known to be used up.
    pub longest_retry_after: Duration,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: None,
            longest_retry_after: Duration::from_mins(5),
        }
    }
}

/// Whether something may begin now, and when to ask again if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It may begin.
    Now,
    /// Not before this time. A call that ends earlier may change it.
    Until(Duration),
    /// When one of the calls in flight has ended.
    NextEnd,
}

/// How a call ended, as far as the rate depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The server answered, be it with a refusal of what was asked for.
    Answered,
    /// HTTP 429.
    Throttled {
        /// The `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No answer, or one of something before a server that is down.
    Failed,
}

/// Why no call starts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When the next one does.
    pub until: Duration,
    /// The quota that is used up, if it is known: calls in a window.
    pub quota: Option<(u64, Window)>,
}

/// Decides when the next call starts.
#[derive(Clone, Debug)]
pub struct RateControl {
    most_calls: usize,
    now: Duration,
    in_flight: usize,
    spacing: Spacing,
    trial: Trial,
    quotas: Quotas,
    flight: Flight,
    outage: Outage,
}

impl RateControl {
    /// The rate control before the first call.
    #[must_use]
    pub fn new(settings: RateSettings) -> Self {
        let most_calls = settings.concurrency.map_or(MOST_CALLS, NonZeroUsize::get);
        let ceiling = settings.rate.filter(|rate| !rate.is_nan());
        Self {
            most_calls,
            now: Duration::ZERO,
            in_flight: 0,
            spacing: Spacing::default(),
            trial: Trial::new(ceiling.map_or(f64::INFINITY, |rate| rate.max(LEAST_CEILING))),
            quotas: Quotas::new(settings.longest_retry_after),
            flight: Flight::new(most_calls),
            outage: Outage::default(),
        }
    }

    /// Whether a call may start. If so, tell [`started`](Self::started) and ask again: several may be due at a time.
    pub fn may_start(&mut self, now: Duration) -> Wait {
        let now = self.advance(now);
        for wait in [
            self.quotas.may_start(now, self.in_flight),
            self.outage.may_start(now, self.in_flight),
        ] {
            if wait != Wait::Now {
                return wait;
            }
        }
        if self.in_flight >= self.concurrency() {
            self.flight.full();
            return Wait::NextEnd;
        }
        let due = self.spacing.due(self.trial.rate());
        if now < due { Wait::Until(due) } else { Wait::Now }
    }

    /// A call has started.
    pub fn started(&mut self, now: Duration) {
        let now = self.advance(now);
        self.in_flight = self.in_flight.saturating_add(1);
        self.spacing.take(now, self.trial.rate());
        self.trial.started();
        self.quotas.started();
        self.outage.started();
    }

    /// A call has ended that took so long, when the clock showed `wall_ms`, in milliseconds since 1970-01-01 UTC. The
    /// gateway's clock (the header `Date`) is better than that of this machine: windows begin by it.
    ///
    /// `announced` is what the answer said about quotas; nothing of an earlier answer is to be told again.
    pub fn ended(&mut self, now: Duration, wall_ms: i64, took: Duration, result: CallResult, announced: &[Announced]) {
        let now = self.advance(now);
        let sent = now.saturating_sub(took);
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(limit) = self.quotas.ended(now, wall_ms, sent, self.in_flight, announced) {
            self.trial.announced(limit);
        }
        match result {
            CallResult::Answered => {
                self.outage.answered();
                self.flight.answered(now, took, self.in_flight);
                if let Some(episode) = self.quotas.accepted(sent) {
                    self.trial.throttled(now, episode);
                }
                self.trial.accepted(sent, self.quotas.is_throttling());
            }
            CallResult::Throttled { retry_after } => {
                self.outage.answered();
                self.quotas.throttled(now, sent, retry_after);
            }
            CallResult::Failed => {
                self.outage.failed(now, sent);
                self.quotas.failed(sent);
                // It may have counted.
                self.trial.accepted(sent, self.quotas.is_throttling());
            }
        }
    }

    /// A call that has started will never end, because nobody waits for it any more. It may have counted.
    pub fn abandoned(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now.min(FOREVER));
        let throttling = self.quotas.is_throttling();
        self.trial
            .advance(self.now, self.flight.typical().filter(|_| !throttling));
        self.now
    }

    /// Calls per second at present if there are enough to be made, over the windows of the quotas that are known.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.trial.rate().min(self.quotas.rate())
    }

    /// Calls that may be in flight at present.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        let Some(typical) = self.flight.typical() else {
            return FIRST_CALLS.min(self.most_calls);
        };
        let needed = SPARE * self.trial.rate() * typical;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let needed = (needed.ceil() as usize).saturating_add(FIRST_CALLS);
        needed.min(self.flight.limit()).min(self.most_calls)
    }

    /// Until when no call starts, and which quota is the reason.
    #[must_use]
    pub fn paused(&self, now: Duration) -> Option<Pause> {
        let (until, quota) = self.quotas.paused(now)?;
        Some(Pause { until, quota })
    }
}
