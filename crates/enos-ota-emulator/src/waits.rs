//! How the emulator waits when it is told to.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::ManualClock;

/// How an emulator waits: for [`EmulatorBuilder::latency`](crate::EmulatorBuilder::latency) and for the faults
/// `latency`, `delayAnswer` and `slowBody`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Waits {
    /// In real time, whatever its clock, because the client on the other end of the socket does.
    #[default]
    RealTime,
    /// By moving its [`ManualClock`] forward at once, so that nothing ever waits: for a rehearsal in which all time is
    /// that of the clock.
    ///
    /// Each wait moves the clock by its whole length. Requests that would have waited side by side wait one after the
    /// other: ten with a latency of 100 ms take a second. Since the gateway refuses a timestamp that is 15 minutes off
    /// its clock, a client should take the time from the same clock ([`Emulator::now_ms`](crate::Emulator::now_ms)).
    OnClock,
}

/// [`Waits`], with the clock.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    RealTime,
    OnClock(ManualClock),
}

impl Waiting {
    /// Waits so long. Not at all for a duration of 0, which tokio would round up to a millisecond.
    pub(crate) async fn wait(&self, time: Duration) {
        match self {
            _ if time.is_zero() => {}
            Self::RealTime => sleep(time).await,
            Self::OnClock(clock) => clock.advance(time),
        }
    }

    /// The same, counted from a moment that has passed.
    pub(crate) async fn wait_since(&self, begin: Instant, time: Duration) {
        match self {
            _ if time.is_zero() => {}
            // A time that lies beyond what an `Instant` can tell never comes.
            Self::RealTime => match begin.checked_add(time) {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            },
            Self::OnClock(clock) => clock.advance(time),
        }
    }
}

/// Comes back once `limit` has passed in real time, also if a test has stopped or moved tokio's.
pub(crate) async fn late(since: std::time::Instant, limit: Duration) {
    while let Some(left) = limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
        tokio::time::sleep(left).await;
    }
}
