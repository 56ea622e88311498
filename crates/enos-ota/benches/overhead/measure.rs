//! Batches of calls, and ratios that hold on a machine whose speed drifts.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// One side of a comparison. A clone must be cheap.
pub(crate) trait Call: Clone + Send + Sync + 'static {
    /// Makes one call, and panics if it fails.
    fn call(&self) -> impl Future<Output = ()> + Send;
}

/// Makes some calls, of which so many are under way at once, and tells how long they took.
pub(crate) fn drive(runtime: &Runtime, side: &impl Call, concurrent: usize, calls: u64) -> Duration {
    runtime.block_on(async {
        let started = Instant::now();
        if concurrent == 1 {
            for _ in 0..calls {
                side.call().await;
            }
        } else {
            let taken = Arc::new(AtomicU64::new(0));
            let mut tasks = JoinSet::new();
            for _ in 0..concurrent {
                let (side, taken) = (side.clone(), Arc::clone(&taken));
                tasks.spawn(async move {
                    while taken.fetch_add(1, Ordering::Relaxed) < calls {
                        side.call().await;
                    }
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.expect("no call fails");
            }
        }
        started.elapsed()
    })
}

/// How fast one side is, as a share of the speed of the other. Shown as two cells of a table.
pub(crate) struct Ratio {
    median: f64,
    quartiles: (f64, f64),
}

impl Ratio {
    /// Measures in rounds of one batch of each side, one right after the other.
    ///
    /// Whatever slows the machine down for longer than a round slows both sides down alike, and what hits one batch is
    /// an outlier that the median drops. The order changes with every round, lest a side profit from its place.
    pub(crate) fn of_rounds(rounds: usize, one: impl Fn(u64) -> Duration, other: impl Fn(u64) -> Duration) -> Self {
        // Short enough that few batches are interrupted by another program of the machine.
        const BATCH: Duration = Duration::from_millis(5);
        // Doubling until a batch is long enough warms up both sides, too.
        let mut size = 64;
        while one(size).min(other(size)) < BATCH {
            size *= 2;
        }
        let mut ratios: Vec<f64> = (0..rounds)
            .map(|round| {
                let (one, other) = if round % 2 == 0 {
                    let one = one(size);
                    (one, other(size))
                } else {
                    let other = other(size);
                    (one(size), other)
                };
                other.as_secs_f64() / one.as_secs_f64()
            })
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let at = |quarter: usize| ratios.get(quarter * (rounds - 1) / 4).copied().unwrap_or(f64::NAN);
        Self {
            median: at(2),
            quartiles: (at(1), at(3)),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.quartiles;
        write!(f, "{:.2} | {low:.2} to {high:.2}", self.median)
    }
}
