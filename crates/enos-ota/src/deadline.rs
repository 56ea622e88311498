//! Deadlines that no number can push beyond what the clock can express.

use std::time::Duration;

use tokio::time::Instant;

/// The end of the time that something may take.
///
/// A limit comes from a caller, and a wait from the wire: either may be any number. A deadline too far ahead for the
/// clock to express is none, since nobody will be there to see it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of what begins now; `None` for no limit.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// How much time is left; `None` if there is no limit.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Waits for a future, and gives it up at the deadline.
    pub(crate) async fn hold<F: Future>(self, future: F) -> Option<F::Output> {
        match self.0 {
            Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
            None => Some(future.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_the_clock_cannot_express_is_none() {
        assert_eq!(Deadline::after(Some(Duration::MAX)), Deadline::after(None));
        assert_eq!(Deadline::after(Some(Duration::MAX)).left(), None);
        assert_eq!(Deadline::after(Some(Duration::MAX)).hold(async { 1 }).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_outlasts_a_deadline_is_given_up() {
        let deadline = Deadline::after(Some(Duration::from_secs(2)));
        assert_eq!(deadline.left(), Some(Duration::from_secs(2)));
        let begun = Instant::now();
        assert_eq!(deadline.hold(std::future::pending::<()>()).await, None);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert_eq!(deadline.left(), Some(Duration::ZERO));
    }
}
