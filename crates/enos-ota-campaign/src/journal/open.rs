//! Opens files that are there already.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::error::JournalError;

/// Opens a journal. What is no regular file is refused, and never waited for: to open a FIFO blocks until somebody opens
/// its other end.
pub(super) fn journal(path: &Path, write: bool) -> Result<File, JournalError> {
    let file = without_waiting(path, write).map_err(|error| JournalError::io(path, "open", error))?;
    let metadata = file
        .metadata()
        .map_err(|error| JournalError::io(path, "look at", error))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(JournalError::NotAJournal {
            path: path.into(),
            empty: false,
        })
    }
}

/// Opens whatever has this name.
pub(super) fn without_waiting(path: &Path, write: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for write in [false, true] {
            let error = journal(&fifo, write).unwrap_err();
            assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
        }
        let error = journal(folder.path(), false).unwrap_err();
        assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    }
}
