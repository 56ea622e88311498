//! How often devices were retried before, and how often they may be.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::devices::{DeviceId, TaskFacts};
use crate::journal::{Journal, JournalError, Recovered};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::selection::Patterns;

/// How often the devices of a plan were retried before, as far as a folder of journals tells.
///
/// A retry counts if it was accepted: the platform answered so, or the answer was lost and a search showed later that
/// the task had left `failed`. A call that was throttled, refused or never sent has changed nothing, and of one whose
/// end is unknown nobody can tell; these do not count.
///
/// A retry counts for a device of the plan if it was made in the same organization and was to upgrade the same device to
/// the same version, whatever the job: a job that was set up anew gives no device new attempts. Where one of the two
/// versions is not known, as with devices that a person named, it counts if the job is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    attempts: Vec<u32>,
    journals: usize,
    passed_over: usize,
}

impl History {
    /// Reads all journals in a folder: the files `*.jsonl` that begin as a journal does. Folders in it are not looked
    /// into. A folder that is not there has no journals. Blocks until all are read.
    ///
    /// One journal at a time is in memory.
    ///
    /// # Errors
    ///
    /// If the folder or a file cannot be read, or a journal is damaged or of a newer version. It is not passed over, as
    /// devices would be given more attempts than they have.
    pub fn read(folder: impl AsRef<Path>, plan: &Plan) -> Result<Self, HistoryError> {
        let folder = folder.as_ref();
        let mut history = Self {
            attempts: vec![0; plan.devices.len()],
            ..Self::default()
        };
        for path in journals_in(folder)? {
            match Journal::read(&path) {
                Ok(journal) => history.count(&journal, plan),
                Err(JournalError::NotAJournal { .. }) => history.passed_over += 1,
                Err(source) => {
                    return Err(HistoryError::Journal {
                        folder: folder.to_owned(),
                        source,
                    });
                }
            }
        }
        Ok(history)
    }

    fn count(&mut self, journal: &Recovered, plan: &Plan) {
        self.journals += 1;
        if journal.plan.org_id != plan.org_id {
            return;
        }
        let same_job = journal.plan.job_id == plan.job_id;
        for then in journal.plan.devices.ids() {
            if journal.standing(then).outcome != Some(Outcome::Accepted) {
                continue;
            }
            let Some(now) = plan.devices.find(journal.plan.devices.key(then)) else {
                continue;
            };
            let versions = (
                journal.plan.devices.facts(then).to_version,
                plan.devices.facts(now).to_version,
            );
            let counts = match versions {
                (Some(then), Some(now)) => then == now,
                _ => same_job,
            };
            if counts && let Some(attempts) = self.attempts.get_mut(now.index()) {
                *attempts = attempts.saturating_add(1);
            }
        }
    }

    /// How many retries of a device of the plan were accepted.
    #[must_use]
    pub fn attempts(&self, id: DeviceId) -> u32 {
        self.attempts.get(id.index()).copied().unwrap_or(0)
    }

    /// How many journals there are, those of other organizations among them.
    #[must_use]
    pub fn journals(&self) -> usize {
        self.journals
    }

    /// How many files `*.jsonl` are no journals, such as plans.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }
}

/// The files `*.jsonl` of a folder, in the order of their names, so that an error is the same each time.
fn journals_in(folder: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let failed = |source| HistoryError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Why the retries of earlier campaigns cannot be counted.
#[derive(Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// The folder cannot be read.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A journal in it cannot be read.
    Journal {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with the journal; it names the file.
        source: JournalError,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { folder, .. } => write!(
                f,
                "the retries of earlier campaigns cannot be counted: the folder {} cannot be read",
                folder.display()
            ),
            Self::Journal { folder, .. } => write!(
                f,
                "the retries of earlier campaigns cannot be counted: a journal in {} cannot be read; restore it, or move \
                 it to another folder if its retries need not count",
                folder.display()
            ),
        }
    }
}

impl StdError for HistoryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Folder { source, .. } => Some(source),
            Self::Journal { source, .. } => Some(source),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(reason: Option<&'a str>, to_version: Option<&'a str>) -> TaskFacts<'a> {
        TaskFacts {
            to_version,
            reason,
            ..TaskFacts::default()
        }
    }

    #[test]
    fn without_a_limit_all_devices_are_retried() {
        let budget = Budget::default();
        assert!(budget.verdict(&facts(Some("no space"), None), u32::MAX).is_allowed());
    }

    #[test]
    fn a_device_has_so_many_attempts() {
        let budget = Budget {
            max_attempts: Some(2),
            ..Budget::default()
        };
        let of_version = facts(None, Some("2.4.1"));
        assert_eq!(budget.verdict(&of_version, 1), BudgetVerdict::Allowed);
        let exhausted = budget.verdict(&of_version, 2);
        assert!(matches!(
            exhausted,
            BudgetVerdict::Exhausted {
                used: 2,
                allowed: 2,
                ..
            }
        ));
        assert_eq!(
            exhausted.to_string(),
            "2 retries were accepted before to upgrade it to 2.4.1, and 2 allowed"
        );
        let none = Budget {
            max_attempts: Some(1),
            ..Budget::default()
        };
        assert_eq!(
            none.verdict(&facts(None, None), 1).to_string(),
            "1 retry was accepted before, and 1 allowed"
        );
    }

    #[test]
    fn what_no_retry_mends_is_not_retried() {
        let budget = Budget {
            max_attempts: Some(1),
            permanent_reasons: Patterns::parse(["*flash space*", "*unsupported*"]).unwrap(),
        };
        let permanent = budget.verdict(&facts(Some("Not enough FLASH space"), None), 5);
        assert_eq!(
            permanent.to_string(),
            "failed for a reason that no retry mends (`*flash space*`): Not enough FLASH space"
        );
        assert!(budget.verdict(&facts(None, None), 0).is_allowed());
        let all = Budget {
            permanent_reasons: Patterns::parse(["*"]).unwrap(),
            ..Budget::default()
        };
        assert_eq!(
            all.verdict(&facts(None, None), 0).to_string(),
            "failed without a reason, which no retry mends (`*`)"
        );
    }
}
