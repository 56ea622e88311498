//! When a search may make its next call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Says when the next call of a search may begin.
///
/// Searches that share one share its pace. It is asked before every call, also before one that is made again.
pub trait Pacer: fmt::Debug + Send + Sync + 'static {
    /// Resolves when the next call may begin.
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Calls at even distances.
#[derive(Debug)]
pub struct EvenPace {
    every: Duration,
    next: Mutex<Option<Instant>>,
}

impl EvenPace {
    /// At most one call in each stretch of this length.
    #[must_use]
    pub fn every(distance: Duration) -> Self {
        Self {
            every: distance,
            next: Mutex::new(None),
        }
    }

    /// Takes the next free place, and tells how long it is till then.
    fn take(&self) -> Duration {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mine = next.map_or(now, |next| next.max(now));
        // A distance beyond what a clock can tell never ends: the next place is as far as it goes.
        *next = Some(later(mine, self.every));
        mine.saturating_duration_since(now)
    }
}

impl Pacer for EvenPace {
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = self.take();
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A time that is later by so much, or as late as is known to be possible.
pub(crate) fn later(than: Instant, by: Duration) -> Instant {
    /// Some 30 years.
    const FAR: Duration = Duration::from_hours(24 * 365 * 30);
    than.checked_add(by).or_else(|| than.checked_add(FAR)).unwrap_or(than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_begin_at_even_distances_and_a_pause_is_not_made_up_for() {
        let pace = EvenPace::every(Duration::from_millis(100));
        let begun = Instant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed().as_millis(), 200);
        tokio::time::advance(Duration::from_secs(5)).await;
        pace.turn().await;
        pace.turn().await;
        assert_eq!(begun.elapsed().as_millis(), 5_300);
    }

    #[tokio::test(start_paused = true)]
    async fn no_distance_overflows() {
        let pace = EvenPace::every(Duration::MAX);
        pace.turn().await;
        drop(pace.turn());
        assert!(pace.take() > Duration::from_secs(1_000_000));
    }
}
