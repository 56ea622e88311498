//! The nodes of a gateway: several, each of which learns late of what another has done.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Spreads requests over nodes. That the gateway has several is inferred from what it seems to be, Kong.
#[derive(Debug)]
pub(crate) struct Nodes {
    count: usize,
    next: AtomicUsize,
}

impl Nodes {
    /// So many nodes; 0 counts as 1.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count: count.max(1),
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The node for the next request: one after the other.
    pub(crate) fn take(&self) -> usize {
        // It wraps around after more requests than any run makes, and then one node may get two in a row.
        self.next.fetch_add(1, Ordering::Relaxed) % self.count
    }
}
