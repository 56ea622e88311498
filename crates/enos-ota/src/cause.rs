//! Why an upgrade failed, as far as the progress of its task tells.

use std::fmt;

/// The cause that a negative progress stands for.
///
/// The platform's pages say only that a negative progress means failure. The numbers are those that the vendor's device
/// SDKs report; that they come through unchanged is inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCause {
    /// -1: the device gave no cause.
    Unspecified,
    /// -2: the device could not download the firmware.
    Download,
    /// -3: the device found that the firmware is not what it should be.
    Verification,
    /// -4: the device could not write the firmware to its storage.
    Writing,
    /// -5: the device ignored the upgrade.
    Ignored,
    /// Any other negative number: devices may report numbers of their own.
    Other(i64),
}

impl FailureCause {
    /// The cause that a task's progress stands for; `None` if it is not negative.
    #[must_use]
    pub fn of_progress(progress: i64) -> Option<Self> {
        Some(match progress {
            0.. => return None,
            -1 => Self::Unspecified,
            -2 => Self::Download,
            -3 => Self::Verification,
            -4 => Self::Writing,
            -5 => Self::Ignored,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspecified => f.write_str("unspecified"),
            Self::Download => f.write_str("download failed"),
            Self::Verification => f.write_str("verification failed"),
            Self::Writing => f.write_str("writing failed"),
            Self::Ignored => f.write_str("ignored by the device"),
            Self::Other(number) => write!(f, "cause {number} of the device"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_negative_progress_has_a_cause() {
        assert_eq!(FailureCause::of_progress(0), None);
        assert_eq!(FailureCause::of_progress(100), None);
        assert_eq!(FailureCause::of_progress(-2), Some(FailureCause::Download));
        assert_eq!(FailureCause::of_progress(-77), Some(FailureCause::Other(-77)));
    }
}
