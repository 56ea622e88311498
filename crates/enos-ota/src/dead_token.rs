//! What a call does when the gateway calls its token dead.
//!
//! A gateway may have several nodes, and a token that one has just made may be unknown to the next for a while. That is
//! inferred: the gateway speaks like Kong, whose nodes cache. So a dead token is passing trouble, unless it keeps on.

use std::time::Duration;

use crate::retry::{RetryPolicy, part_of};
use crate::token::Death;

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
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a gateway may call every token dead before no call waits for it any more.
const PATIENCE: Duration = Duration::from_secs(30);

impl Deaths {
    /// How many times the call has been sent again because of it.
    pub(crate) fn resent(&self) -> u32 {
        self.replaced + self.waited
    }

    /// Whether the call is sent again after that wait.
    pub(crate) fn allow(&mut self, death: Death, wait: Duration, left: Option<Duration>) -> bool {
        let (count, most) = if death.replaced {
            (&mut self.replaced, MOST_REPLACEMENTS)
        } else {
            (&mut self.waited, MOST_WAITS)
        };
        if *count >= most || death.lasted.saturating_add(wait) > PATIENCE || left.is_some_and(|left| wait >= left) {
            return false;
        }
        *count += 1;
        true
    }
}

/// How long no call is sent after the gateway has called a token dead.
///
/// The first token is replaced at once. Then the waits are those of the policy, at most 5 s, but at least three quarters
/// of what they may be, so that no node is asked in quick succession. They double with every token that is called dead,
/// in whatever call, until one is accepted. `jitter` is a random number from 0 to 1.
pub(crate) fn wait_after(death: Death, policy: &RetryPolicy, jitter: f64) -> Duration {
    if death.replaced && death.times <= 1 {
        return Duration::ZERO;
    }
    let longest = policy.longest_wait_after(death.times.saturating_sub(1).max(1));
    part_of(longest.min(LONGEST_WAIT), 1.0 - (1.0 - jitter) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(replaced: bool, times: u32) -> Death {
        Death {
            replaced,
            times,
            lasted: Duration::ZERO,
        }
    }

    #[test]
    fn waits_double_up_to_five_seconds() {
        let policy = RetryPolicy::default();
        let waits = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|times| wait_after(death(times == 1, times), &policy, 1.0));
        assert_eq!(
            waits,
            [0, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration::from_millis)
        );
        let least = wait_after(death(false, 1), &policy, 0.0);
        assert_eq!(least, Duration::from_millis(150));
    }

    #[test]
    fn both_budgets_end() {
        for (replaced, most) in [(true, MOST_REPLACEMENTS), (false, MOST_WAITS)] {
            let mut deaths = Deaths::default();
            let allowed = std::iter::repeat_with(|| deaths.allow(death(replaced, 1), Duration::ZERO, None));
            let allowed = allowed.take(20).filter(|allowed| *allowed).count();
            assert_eq!(allowed, usize::try_from(most).unwrap());
        }
    }

    #[test]
    fn nothing_is_waited_for_longer_than_the_call_or_the_patience_lasts() {
        let allows = |lasted, left| {
            let death = Death {
                lasted: Duration::from_secs(lasted),
                ..death(false, 2)
            };
            Deaths::default().allow(death, Duration::from_secs(2), left)
        };
        assert!(allows(28, None) && !allows(29, None));
        assert!(allows(0, Some(Duration::from_secs(3))) && !allows(0, Some(Duration::from_secs(2))));
    }
}
