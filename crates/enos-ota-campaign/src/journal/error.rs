//! What can be wrong with a journal.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::JOURNAL_SCHEMA;
use crate::plan::PlanProblem;

/// What to do with a journal that cannot be believed.
const RESTORE: &str =
    "restore the file from a copy, or look up the failed tasks anew with `enos-ota plan --failed` and begin again";

/// Why a journal cannot be begun, read or written.
///
/// `Display` names the file, and the line if it is one, and says what to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// There is a file of this name already; it was left as it is.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process is beginning a campaign with this journal at this moment.
    Beginning {
        /// The journal that is about to be.
        path: PathBuf,
    },
    /// Another process, or another part of this one, has the journal open for writing.
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses to create, open, lock, read or repair the file.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was about to be done: "create", "open", "read".
        doing: &'static str,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// A record did not reach the disk. From then on nothing is written: every later record gets this error.
    Broken {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// The journal has been closed.
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// The file does not begin as a journal does.
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// Whether there is nothing in it at all.
        empty: bool,
    },
    /// The journal is of a schema that this version does not know.
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema.
        schema: String,
    },
    /// The journal is whole, but has a line that this version does not know.
    NewerRecord {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Kind of the record; empty if the line has none.
        kind: String,
        /// What cannot be understood.
        source: Arc<serde_json::Error>,
    },
    /// The file ends before the list of devices does. A journal is there only with all of its devices, so this is a
    /// copy that was not finished, or somebody cut it.
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The last line, from 1.
        line: u64,
        /// Devices that the first line announces, if that is whole.
        devices: Option<usize>,
    },
    /// The plan in the journal is not valid.
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Arc<PlanProblem>,
    },
    /// A line does not follow from the one before it.
    Edited {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A line is longer than any line of a journal.
    LongLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// How many bytes of it were read: no line has so many.
        bytes: u64,
    },
    /// A line says what cannot be after the lines before it.
    Contradiction {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What it says.
        problem: String,
    },
}

impl JournalError {
    pub(super) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        // A locked file cannot be read on Windows (ERROR_LOCK_VIOLATION), also not by this process.
        if cfg!(windows) && source.raw_os_error() == Some(33) {
            return Self::Locked { path: path.into() };
        }
        Self::Io {
            path: path.into(),
            doing,
            source: Arc::new(source),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Exists { path }
            | Self::Beginning { path }
            | Self::Locked { path }
            | Self::Io { path, .. }
            | Self::Broken { path, .. }
            | Self::Closed { path }
            | Self::NotAJournal { path, .. }
            | Self::NewerSchema { path, .. }
            | Self::NewerRecord { path, .. }
            | Self::Incomplete { path, .. }
            | Self::Plan { path, .. }
            | Self::Edited { path, .. }
            | Self::LongLine { path, .. }
            | Self::Contradiction { path, .. } => path,
        }
    }

    /// The line that is wrong, from 1, if it is one.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::NotAJournal { .. } | Self::NewerSchema { .. } | Self::Plan { .. } => Some(1),
            Self::NewerRecord { line, .. }
            | Self::Incomplete { line, .. }
            | Self::Edited { line, .. }
            | Self::LongLine { line, .. }
            | Self::Contradiction { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether there is no room left on the disk, or in the quota, for the journal.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Broken { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            ),
            _ => false,
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())?;
        if let Some(line) = self.line() {
            write!(f, ", line {line}")?;
        }
        match self {
            Self::Exists { .. } => f.write_str(
                ": the file is there already, and a journal is never overwritten; resume this campaign, or name another \
                 file",
            ),
            Self::Beginning { .. } => f.write_str(
                ": another process is beginning this campaign; let it go on, or name another file",
            ),
            Self::Locked { .. } => f.write_str(
                ": another process has the journal open and goes on with this campaign; wait for its end, or stop it",
            ),
            Self::Io { doing, .. } if self.is_full() => write!(
                f,
                ": cannot {doing} the journal, because the disk or the quota is full; free some space and try again"
            ),
            Self::Io { doing: "open", source, .. } if source.kind() == io::ErrorKind::NotFound => {
                f.write_str(": there is no journal of this name; name that of a campaign, or begin one")
            }
            Self::Io { doing, .. } => write!(
                f,
                ": cannot {doing} the journal; see to it that the file and its folder can be read and written, on a \
                 disk of this machine"
            ),
            Self::Broken { .. } if self.is_full() => f.write_str(
                ": a record could not be written, because the disk or the quota is full; nothing is written any more. \
                 Free some space, then resume the campaign",
            ),
            Self::Broken { .. } => f.write_str(
                ": a record could not be written; nothing is written any more. See to the disk, then resume the campaign",
            ),
            Self::Closed { .. } => f.write_str(": the journal is closed; open it again to write to it"),
            Self::NotAJournal { empty: true, .. } => {
                f.write_str(": a journal was expected, but the file is empty; delete it, or name another file")
            }
            Self::NotAJournal { empty: false, .. } => write!(
                f,
                ": a journal was expected, which begins with {{\"record\":\"begin\",\"schema\":\"{JOURNAL_SCHEMA}\"; \
                 name another file"
            ),
            Self::NewerSchema { schema, .. } => write!(
                f,
                ": the journal is of schema {schema}, and this version reads {JOURNAL_SCHEMA}: a newer enos-ota wrote \
                 it; use that one"
            ),
            Self::NewerRecord { kind, .. } => write!(
                f,
                ": this version cannot read the record {kind:?}: a newer enos-ota wrote it; use that one"
            ),
            Self::Incomplete { devices: Some(devices), .. } => write!(
                f,
                ": the journal ends here, before the end of its list of {devices} devices, so it is no whole file; \
                 {RESTORE}"
            ),
            Self::Incomplete { devices: None, .. } => {
                write!(f, ": the journal ends within its first line, so it is no whole file; {RESTORE}")
            }
            Self::Plan { .. } => write!(f, ": the plan of the campaign cannot be used; {RESTORE}"),
            Self::Edited { .. } => write!(
                f,
                ": the line does not follow from the one before it: it was edited, or lines are missing, doubled or \
                 moved; {RESTORE}"
            ),
            Self::LongLine { bytes, .. } => write!(
                f,
                ": the line is longer than the {bytes} bytes that a line of a journal may have; {RESTORE}"
            ),
            Self::Contradiction { problem, .. } => {
                write!(f, ": {problem}, so this cannot be the record of one campaign; {RESTORE}")
            }
        }
    }
}

impl StdError for JournalError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Broken { source, .. } => Some(source.as_ref()),
            Self::Plan { source, .. } => Some(source.as_ref()),
            Self::NewerRecord { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: io::ErrorKind) -> Arc<io::Error> {
        Arc::new(kind.into())
    }

    #[test]
    fn an_error_names_the_file_says_one_thing_and_leaves_the_next_to_its_source() {
        let path = PathBuf::from("state/j.jsonl");
        let json = || Arc::new(serde_json::from_str::<u8>("x").unwrap_err());
        let errors = [
            JournalError::Exists { path: path.clone() },
            JournalError::Beginning { path: path.clone() },
            JournalError::Locked { path: path.clone() },
            JournalError::io(&path, "open", io::ErrorKind::NotFound.into()),
            JournalError::io(&path, "write", io::ErrorKind::StorageFull.into()),
            JournalError::Broken {
                path: path.clone(),
                source: io(io::ErrorKind::Other),
            },
            JournalError::Broken {
                path: path.clone(),
                source: io(io::ErrorKind::QuotaExceeded),
            },
            JournalError::Closed { path: path.clone() },
            JournalError::NotAJournal {
                path: path.clone(),
                empty: true,
            },
            JournalError::NotAJournal {
                path: path.clone(),
                empty: false,
            },
            JournalError::NewerSchema {
                path: path.clone(),
                schema: "enos-ota/journal/2".to_owned(),
            },
            JournalError::NewerRecord {
                path: path.clone(),
                line: 7,
                kind: "paused".to_owned(),
                source: json(),
            },
            JournalError::Incomplete {
                path: path.clone(),
                line: 3,
                devices: Some(5),
            },
            JournalError::Incomplete {
                path: path.clone(),
                line: 1,
                devices: None,
            },
            JournalError::Edited {
                path: path.clone(),
                line: 4,
            },
            JournalError::LongLine {
                path: path.clone(),
                line: 9,
                bytes: 300,
            },
            JournalError::Contradiction {
                path: path.clone(),
                line: 8,
                problem: "call 1 is answered twice".to_owned(),
            },
        ];
        for error in errors {
            println!("{error}");
            let text = error.to_string();
            assert!(text.starts_with("state/j.jsonl"), "{text}");
            // What is the matter, and what to do.
            assert!(text.contains("; ") || text.contains(". "), "{text}");
            if let Some(line) = error.line() {
                assert!(text.starts_with(&format!("state/j.jsonl, line {line}: ")), "{text}");
            }
            if let Some(source) = error.source() {
                assert!(!text.contains(&source.to_string()), "{text}");
            }
            assert_eq!(error.is_full(), text.contains("is full"), "{text}");
        }
    }
}
