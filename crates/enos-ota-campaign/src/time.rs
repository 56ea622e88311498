//! The time of a campaign, which can be another than that of the machine.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::{Clock, SystemClock};
use tokio::time::Instant;

/// A clock that only moves when it is told to, for rehearsals and tests.
pub trait VirtualClock: fmt::Debug + Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;

    /// Moves the clock on.
    fn advance(&self, by: Duration);
}

/// Where a campaign takes the time from.
///
/// In virtual time no wait takes any: when a campaign has nothing to do but wait, the clock is moved on. Calls that are
/// under way are waited for first, as they take no virtual time.
#[derive(Clone, Debug)]
pub struct Time(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real {
        start: Instant,
        clock: Arc<dyn Clock>,
    },
    Virtual {
        start_ms: i64,
        clock: Arc<dyn VirtualClock>,
    },
}

impl Time {
    /// The time of the machine.
    #[must_use]
    pub fn real() -> Self {
        Self::of_clock(Arc::new(SystemClock))
    }

    /// Waits in real time, with timestamps of this clock.
    #[must_use]
    pub fn of_clock(clock: Arc<dyn Clock>) -> Self {
        Self(Kind::Real {
            start: Instant::now(),
            clock,
        })
    }

    /// A clock that is moved instead of waited for.
    #[must_use]
    pub fn simulated(clock: Arc<dyn VirtualClock>) -> Self {
        Self(Kind::Virtual {
            start_ms: clock.now_ms(),
            clock,
        })
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        match &self.0 {
            Kind::Real { clock, .. } => clock.now_ms(),
            Kind::Virtual { clock, .. } => clock.now_ms(),
        }
    }

    /// Time since the beginning. It never goes back, whatever the wall clock does.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.0 {
            Kind::Real { start, .. } => start.elapsed(),
            Kind::Virtual { start_ms, clock } => {
                Duration::from_millis(u64::try_from(clock.now_ms().saturating_sub(*start_ms)).unwrap_or(0))
            }
        }
    }

    /// Waits until so long after the beginning.
    pub(crate) fn sleep_until(&self, at: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.0 {
            Kind::Real { start, .. } => match start.checked_add(at) {
                Some(at) => Box::pin(tokio::time::sleep_until(at)),
                // Longer than a clock can tell.
                None => Box::pin(std::future::pending()),
            },
            Kind::Virtual { clock, .. } => {
                let (clock, time) = (Arc::clone(clock), self.clone());
                Box::pin(async move {
                    // A whole millisecond, as the clock knows no less: the wait must not be too short.
                    let wait = at.saturating_sub(time.elapsed());
                    clock.advance(Duration::from_millis(
                        u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
                    ));
                })
            }
        }
    }

    /// Whether waits take no real time, so that one must not begin while a call is under way.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self.0, Kind::Virtual { .. })
    }
}
