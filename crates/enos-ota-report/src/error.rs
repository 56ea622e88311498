//! Why there is no report.

use std::fmt;

use crate::text;

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// No journal was given.
    NoJournals,
    /// Two journals are of different organizations.
    OtherOrg {
        /// One journal, and its organization.
        one: (String, String),
        /// Another one, and its organization.
        other: (String, String),
    },
    /// A journal was given twice, or one of the two is a copy.
    Twice {
        /// The first name.
        one: String,
        /// The second name.
        other: String,
    },
    /// Numbers that should be equal are not.
    Sums {
        /// The journal; `None` for all of them together.
        journal: Option<String>,
        /// What was summed up.
        what: String,
        /// Its sum.
        sum: usize,
        /// What the sum should be.
        expected: usize,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJournals => f.write_str("a report needs a journal; name one or several"),
            Self::OtherOrg { one, other } => write!(
                f,
                "{} is of organization {}, and {} of {}; make a report of each organization",
                one.0, one.1, other.0, other.1
            ),
            Self::Twice { one, other } => write!(
                f,
                "{one} and {other} begin with the same line, so one is the other or a copy of it; leave one out"
            ),
            Self::Sums {
                journal,
                what,
                sum,
                expected,
            } => write!(
                f,
                "{}: {what} add up to {sum}, and not to {expected}; no report is made of numbers that contradict each \
                 other: keep the journals and report this as a defect of the program",
                journal.as_deref().unwrap_or("all journals together")
            ),
        }
    }
}

impl std::error::Error for ReportError {}

/// That a sum over a journal, or over all of them, is what it should be.
pub(crate) fn check_sum(journal: Option<&str>, what: &str, sum: usize, expected: usize) -> Result<(), ReportError> {
    if sum == expected {
        return Ok(());
    }
    Err(ReportError::Sums {
        journal: journal.map(|name| text::visible(name).into_owned()),
        what: what.to_owned(),
        sum,
        expected,
    })
}
