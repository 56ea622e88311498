//! When something can be done, as every part that schedules calls says it.

use std::time::Duration;

/// When something can be done. Times are counted from the beginning of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Now.
    Now,
    /// Not before this time, unless a call ends.
    Until(Duration),
    /// Not before a call that is in flight ends.
    NextEnd,
    /// Not any more: there is nothing left to do.
    Never,
}

impl Wait {
    /// The one that comes first.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::Until(one), Self::Until(other)) => Self::Until(one.min(other)),
            (Self::Until(at), _) | (_, Self::Until(at)) => Self::Until(at),
            (Self::NextEnd, _) | (_, Self::NextEnd) => Self::NextEnd,
            (Self::Never, Self::Never) => Self::Never,
        }
    }
}

/// What a scheduler has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// This, at once.
    Do(T),
    /// Nothing before this.
    Wait(Wait),
}

impl From<enos_ota_rate::Wait> for Wait {
    fn from(wait: enos_ota_rate::Wait) -> Self {
        match wait {
            enos_ota_rate::Wait::Now => Self::Now,
            enos_ota_rate::Wait::Until(at) => Self::Until(at),
            enos_ota_rate::Wait::NextEnd => Self::NextEnd,
        }
    }
}
