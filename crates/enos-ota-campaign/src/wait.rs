//! When to ask again.

use std::time::Duration;

/// Whether something may begin now, and when to ask again if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may begin.
    Now,
    /// Not before this time, counted from the beginning of the campaign. A call that ends earlier may change it.
    Until(Duration),
    /// When one of the calls in flight has ended.
    NextEnd,
}
