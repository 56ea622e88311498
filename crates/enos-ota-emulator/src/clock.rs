//! Where the emulator takes the time from.
//!
//! Everything that depends on time (the 15-minute window of a timestamp, the life of a token, the progress of a
//! task) asks a [`Clock`], so that a test can move the time by hours without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of the current time.
///
/// A latency or a slow body does not use it: those wait in real time, because the client on the other end of the socket
/// does, unless [`Waits`](crate::Waits) says otherwise.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;

    /// This clock as one that can be moved, if it is one. `POST /_emulator/clock/advance` works only then.
    fn as_manual(&self) -> Option<&ManualClock> {
        None
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // A machine whose clock stands before 1970 is treated as standing at 1970.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, to_ms)
    }
}

/// A clock that stands still until it is told to move. Clones are handles to the same clock.
///
/// ```
/// use std::time::Duration;
/// use enos_ota_emulator::{Clock, ManualClock};
///
/// let clock = ManualClock::at_ms(1_700_000_000_000);
/// let handle = clock.clone();
/// handle.advance(Duration::from_secs(2));
/// assert_eq!(clock.now_ms(), 1_700_000_002_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `ms` milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn at_ms(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    /// A clock that stands at the present time: right for a client that stamps its requests with the system's time.
    #[must_use]
    pub fn starting_now() -> Self {
        Self::at_ms(SystemClock.now_ms())
    }

    /// Sets the clock, backward too.
    pub fn set_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        // `update` fails only if the function says so.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(now.saturating_add(to_ms(by)))
        });
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn as_manual(&self) -> Option<&ManualClock> {
        Some(self)
    }
}

/// A clock that differs from another by a fixed time.
pub(crate) struct SkewedClock {
    pub(crate) inner: Box<dyn Clock>,
    pub(crate) skew_ms: i64,
}

impl Clock for SkewedClock {
    fn now_ms(&self) -> i64 {
        self.inner.now_ms().saturating_add(self.skew_ms)
    }

    fn as_manual(&self) -> Option<&ManualClock> {
        self.inner.as_manual()
    }
}

/// Milliseconds of a duration; a duration too long for the type is as long as the type allows.
pub(crate) fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
