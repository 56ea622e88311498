//! A file that only one process writes to.

use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;

/// A file with its lock.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    /// Locks the file; `None` if it is locked already.
    pub(super) fn try_new(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // To close the file is not enough: where a program is about to be started, its process has the file open as well
        // for a moment, and would keep the lock.
        let _ = self.0.unlock();
    }
}
