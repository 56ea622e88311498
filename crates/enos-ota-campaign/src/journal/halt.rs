//! Lets a test kill the process at a chosen byte of the journal: the writer stands still there for ever.

use std::io::{self, Write as _};

use super::lock::Locked;

/// Where the writer stands still. Records are counted from when this is ordered.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// So many records are in the file, and so many bytes of the next one, but at the most all of it but its line feed.
    /// What belongs to the same batch is not on the disk.
    Writing {
        /// Whole records.
        records: usize,
        /// Bytes of the record after them.
        bytes: usize,
    },
    /// The batch with this record is on the disk, and nobody has been told.
    Synced {
        /// Number of the record, from 1.
        record: usize,
    },
}

/// How far the writer had come when it stands still.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Halted {
    /// The length that is on the disk.
    pub synced: u64,
    /// The length of which everyone has been told.
    pub told: u64,
}

pub(super) type Reached = Box<dyn FnOnce(Halted) + Send>;

/// An order to stand still.
pub(super) struct Standstill {
    pub(super) at: Halt,
    pub(super) reached: Reached,
    /// Records since the order.
    pub(super) written: usize,
}

impl Standstill {
    /// Told of a batch, by where its lines end, before it is written.
    pub(super) fn before(&mut self, file: &Locked, lines: &[u8], ends: &[usize], synced: u64) -> io::Result<()> {
        if let Halt::Writing { records, bytes } = self.at
            && let Some(index) = records.checked_sub(self.written)
            && let Some(end) = ends.get(index)
        {
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            let cut = start + bytes.min(end - start - 1);
            (&**file).write_all(&lines[..cut])?;
            self.stand_still(Halted { synced, told: synced });
        }
        Ok(())
    }

    /// Told that a batch is on the disk.
    pub(super) fn after(&mut self, count: usize, halted: Halted) {
        self.written += count;
        if let Halt::Synced { record } = self.at
            && record <= self.written
        {
            self.stand_still(halted);
        }
    }

    fn stand_still(&mut self, halted: Halted) {
        std::mem::replace(&mut self.reached, Box::new(|_| ()))(halted);
        loop {
            std::thread::park();
        }
    }
}

impl std::fmt::Debug for Standstill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standstill")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
