//! How fast calls are made: by what the gateway announces, and else by trial.
//!
//! The gateway answers 429 above a quota of a second, minute, hour, day or month. It may announce quotas in headers.
//! What there is to learn is learned from how calls end:
//!
//! - *Throttled*: a quota is used up ([`quotas`]). Nothing starts until it is renewed. If that takes a second at most, the
//!   rate was too high ([`trial`]).
//! - *Slowly*: the gateway is busy ([`flight`]). The calls in flight are limited to what it does at a time.
//! - *Not at all*, many times in a row: it is down ([`outage`]). One call is made after the other, with growing waits.
//!
//! In between, calls follow each other evenly ([`spacing`]). What the user sets is a ceiling of all this.
//!
//! All of it is pure: nothing here reads a clock or sleeps. Times are counted from the beginning of the campaign; one that
//! lies before the last one counts as that.

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
pub(crate) use self::window::{Announced, Window};
use crate::wait::Wait;

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
pub(crate) struct RateSettings {
    /// Calls per second that are never exceeded. Less than one in a thousand seconds counts as that, NaN as no limit.
    pub(crate) rate: Option<f64>,
    /// Calls in flight that are never exceeded; 512 by default.
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

/// Why no call starts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// When the next one does.
    pub(crate) until: Duration,
    /// The quota that is used up, if it is known: calls in a window.
    pub(crate) quota: Option<(u64, Window)>,
}

/// Asked before each call, and told of each that starts and ends.
#[derive(Clone, Debug)]
pub(crate) struct RateControl {
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
    pub(crate) fn new(settings: RateSettings) -> Self {
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
    pub(crate) fn may_start(&mut self, now: Duration) -> Wait {
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
    pub(crate) fn started(&mut self, now: Duration) {
        let now = self.advance(now);
        self.in_flight = self.in_flight.saturating_add(1);
        self.spacing.take(now, self.trial.rate());
        self.trial.started();
        self.quotas.started();
        self.outage.started();
    }

    /// A call has ended that took so long, when the clock showed `wall_ms`, in milliseconds since 1970-01-01 UTC. The
    /// gateway's clock is better than that of this machine, if it is known: its windows begin by it.
    pub(crate) fn ended(
        &mut self,
        now: Duration,
        wall_ms: i64,
        took: Duration,
        result: CallResult,
        announced: &[Announced],
    ) {
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
                self.trial.accepted(sent);
                if let Some(episode) = self.quotas.accepted(sent) {
                    self.trial.throttled(now, episode);
                }
            }
            CallResult::Throttled { retry_after } => {
                self.outage.answered();
                self.quotas.throttled(now, sent, retry_after);
            }
            CallResult::Failed => {
                self.outage.failed(now, sent);
                self.quotas.failed(sent);
                // It may have counted.
                self.trial.accepted(sent);
            }
        }
    }

    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now.min(FOREVER));
        let paused = self.quotas.paused(self.now).is_some();
        self.trial.advance(self.now, self.flight.typical().filter(|_| !paused));
        self.now
    }

    /// Calls per second at present if there are enough to be made, over the windows of the quotas that are known.
    pub(crate) fn rate(&self) -> f64 {
        self.trial.rate().min(self.quotas.rate())
    }

    /// Calls that may be in flight at present.
    pub(crate) fn concurrency(&self) -> usize {
        let Some(typical) = self.flight.typical() else {
            return FIRST_CALLS.min(self.most_calls);
        };
        let needed = SPARE * self.trial.rate() * typical;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let needed = (needed.ceil() as usize).saturating_add(FIRST_CALLS);
        needed.min(self.flight.limit()).min(self.most_calls)
    }

    /// Until when no call starts, and which quota is the reason.
    pub(crate) fn paused(&self, now: Duration) -> Option<Pause> {
        let (until, quota) = self.quotas.paused(now)?;
        Some(Pause { until, quota })
    }
}
