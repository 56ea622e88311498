//! How often devices were retried before, and how often they may be.

use std::fmt;

use crate::devices::TaskFacts;
use crate::selection::Patterns;

/// Which devices are not to be retried any more. By default, all are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// How many retries to one version a device is given, those of earlier campaigns among them.
    pub max_attempts: Option<u32>,
    /// Reasons for which a device is not retried at all: no retry mends a device without enough storage.
    pub permanent_reasons: Patterns,
}

/// Whether a device is to be retried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetVerdict {
    /// It is.
    Allowed,
    /// It was retried as often as is allowed.
    Exhausted {
        /// Its accepted retries.
        used: u32,
        /// How many are allowed.
        allowed: u32,
        /// The version that they were to upgrade it to, if it is known.
        to_version: Option<String>,
    },
    /// It failed for a reason that no retry mends.
    Permanent {
        /// The reason; empty if the task has none.
        reason: String,
        /// The pattern that stands for it.
        pattern: String,
    },
}

impl BudgetVerdict {
    /// Whether the device is to be retried.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }
}

impl fmt::Display for BudgetVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("to be retried"),
            Self::Exhausted {
                used,
                allowed,
                to_version,
            } => {
                let retries = if *used == 1 { "retry was" } else { "retries were" };
                write!(f, "{used} {retries} accepted before")?;
                if let Some(version) = to_version {
                    write!(f, " to upgrade it to {version}")?;
                }
                write!(f, ", and {allowed} allowed")
            }
            Self::Permanent { reason, pattern } if reason.is_empty() => {
                write!(f, "failed without a reason, which no retry mends (`{pattern}`)")
            }
            Self::Permanent { reason, pattern } => {
                write!(f, "failed for a reason that no retry mends (`{pattern}`): {reason}")
            }
        }
    }
}

impl Budget {
    /// Whether a device with these facts and so many accepted retries is to be retried. The reason is looked at first.
    #[must_use]
    pub fn verdict(&self, facts: &TaskFacts<'_>, attempts: u32) -> BudgetVerdict {
        if let Some(pattern) = self.permanent_reasons.find(facts.reason) {
            return BudgetVerdict::Permanent {
                reason: facts.reason.unwrap_or_default().to_owned(),
                pattern: pattern.as_str().to_owned(),
            };
        }
        match self.max_attempts {
            Some(allowed) if attempts >= allowed => BudgetVerdict::Exhausted {
                used: attempts,
                allowed,
                to_version: facts.to_version.map(str::to_owned),
            },
            _ => BudgetVerdict::Allowed,
        }
    }
}
