//! What a call does when the gateway calls its token dead.
//!
//! A gateway may have several nodes, and a token that one has just made may be unknown to the next for a while. That is
//! inferred: the gateway speaks like Kong, whose nodes cache. So a dead token is passing trouble, unless it keeps on.

use std::time::Duration;

use crate::retry::{RetryPolicy, part_of};

/// How often a call has met a dead token, and how often it still may.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    replaced: u32,
    waited: u32,
}

/// How many tokens a call sees replaced at the most.
const MOST_REPLACEMENTS: u32 = 3;
/// How often a call waits for the gateway to learn of a token, at the most.
const MOST_WAITS: u32 = 5;

impl Deaths {
    /// How many times the call has been sent again because of it.
    pub(crate) fn resent(&self) -> u32 {
        self.replaced + self.waited
    }

    /// The wait before the call is sent again, or `None` if that is no use or the call has no time for it.
    ///
    /// The waits are those of the policy, but at least half as long as they may be, so that no node is asked in quick
    /// succession: with its defaults 3 to 6.2 s together.
    ///
    /// `replaced`: the next token is another one. `jitter` is a random number from 0 to 1.
    pub(crate) fn next(
        &mut self,
        replaced: bool,
        policy: &RetryPolicy,
        left: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if replaced {
            self.replaced += 1;
            return (self.replaced <= MOST_REPLACEMENTS).then_some(Duration::ZERO);
        }
        if self.waited >= MOST_WAITS {
            return None;
        }
        self.waited += 1;
        let longest = policy.longest_wait_after(self.waited);
        let wait = part_of(longest, f64::midpoint(1.0, jitter));
        left.is_none_or(|left| wait < left).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_both_budgets_end() {
        let policy = RetryPolicy::default();
        let mut deaths = Deaths::default();
        let waits: Vec<_> = std::iter::from_fn(|| deaths.next(false, &policy, None, 1.0)).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200].map(Duration::from_millis));
        let replacements = std::iter::from_fn(|| deaths.next(true, &policy, None, 1.0));
        assert_eq!(replacements.collect::<Vec<_>>(), [Duration::ZERO; 3]);
    }

    #[test]
    fn a_wait_that_outlasts_the_call_is_not_begun() {
        let policy = RetryPolicy::default();
        let next = |replaced, left, jitter| {
            let left = Some(Duration::from_millis(left));
            Deaths::default().next(replaced, &policy, left, jitter)
        };
        assert_eq!(next(false, 150, 1.0), None);
        assert_eq!(next(false, 150, 0.0), Some(Duration::from_millis(100)));
        assert_eq!(next(true, 0, 0.0), Some(Duration::ZERO));
    }
}
