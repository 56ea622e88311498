//! How fast tasks move.

use std::time::Duration;

use crate::clock::to_ms;

/// How long a task stays in each state before the next one.
///
/// The times are averages: each device is up to half again as fast or as slow as told, always the same for the same
/// device key. [`exact`](Pace::exact) turns that off.
///
/// A real fleet needs minutes to hours. The default is made for watching: 1 s as `init`, 1 s as `published`, so that a
/// retried device reports progress after 1 to 3 s, and 18 s as `upgrading`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    init_ms: i64,
    published_ms: i64,
    upgrading_ms: i64,
    spread: bool,
    frozen: bool,
}

impl Pace {
    /// A pace of the given average times in the states `init`, `published` and `upgrading`.
    #[must_use]
    pub fn new(init: Duration, published: Duration, upgrading: Duration) -> Self {
        // A century is the limit, so that sums of these cannot overflow.
        let ms = |duration| to_ms(duration).min(3_155_760_000_000);
        Self {
            init_ms: ms(init),
            published_ms: ms(published),
            upgrading_ms: ms(upgrading),
            spread: true,
            frozen: false,
        }
    }

    /// Tasks never move: a task stays in the state that it was put into. For tests that run on the system's clock.
    #[must_use]
    pub fn frozen() -> Self {
        Self {
            frozen: true,
            ..Self::default()
        }
    }

    /// Every device takes exactly the given times.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.spread = false;
        self
    }

    pub(super) fn is_frozen(self) -> bool {
        self.frozen
    }

    /// The times of one device, from its hash.
    pub(super) fn steps(self, hash: u64) -> Steps {
        let scale = |ms: i64, shift: u32| {
            if !self.spread {
                return ms;
            }
            // 50 to 150 percent, from other bits of the hash for each state.
            let percent = 50 + i64::try_from((hash >> shift) % 101).unwrap_or(50);
            ms / 100 * percent + ms % 100 * percent / 100
        };
        let published = scale(self.init_ms, 0);
        let upgrading = published + scale(self.published_ms, 16);
        let done = upgrading + scale(self.upgrading_ms, 32);
        Steps {
            published,
            upgrading,
            done,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(18))
    }
}

/// When a task that became `init` at 0 reaches each further state, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    pub(super) published: i64,
    pub(super) upgrading: i64,
    pub(super) done: i64,
}
