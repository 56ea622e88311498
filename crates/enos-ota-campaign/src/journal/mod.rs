//! What was done, written down before and after.
//!
//! A journal is the memory of a campaign, from which another process can go on with it, and its audit trail. It is a
//! file of JSON Lines to which lines are only ever added:
//!
//! 1. a [`Begin`]: the plan, who began the campaign, when, and with which settings;
//! 2. the devices of the plan, one a line, as in a plan file;
//! 3. `{"record":"planned","devices":2,"sha256":"…"}`, with the hash of the [plan](crate::PlanHeader::sha256);
//! 4. the [`Record`]s.
//!
//! Every line ends in a member `"chain"`, the first 16 hex digits of SHA-256 over the `chain` of the line before and
//! the line without its own. [`Journal::open`] and [`Journal::read`] refuse a journal in which a line was edited, or is
//! missing, doubled or moved, and name the line; only lines that were cut off at the end are not missed. The chain is
//! no signature: it shows mistakes, not forgeries.
//!
//! Only the last line may be half there, after a power failure. Nobody was told that it is written, so it does not
//! count.

mod begin;
mod chain;
mod create;
mod error;
mod halt;
mod lock;
mod open;
mod read;
mod record;
mod replay;
mod writer;

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::plan::Plan;
use lock::Locked;
use writer::Writer;

pub use begin::{Begin, BeginDetails};
pub use error::JournalError;
#[doc(hidden)]
pub use halt::{Halt, Halted};
pub use record::{CallEnd, JOURNAL_SCHEMA, Keys, LastSeen, Operator, Record};
pub use replay::{CallLog, Change, Changed, Ended, Recovered, SettledLog, TornTail, WaveLog};

/// A journal that is open for writing. A clone writes to the same journal.
///
/// It is locked as long as it is open, so no two processes go on with one campaign. The lock is one of the operating
/// system: it goes with the process, however that ends.
///
/// If a record cannot be written, nothing is written any more: every later record, and the end, gets the same error.
///
/// When the last clone is dropped without [`close`](Self::close), what is queued is still written, but nobody learns if
/// that fails.
#[derive(Clone, Debug)]
pub struct Journal {
    writer: Arc<Writer>,
}

impl Journal {
    /// Begins a journal with a plan. Blocks until all of it is on the disk, some seconds for a million devices.
    ///
    /// The file, which only its owner may read, is there with the whole plan or not at all. Folders that are missing are
    /// created.
    ///
    /// # Errors
    ///
    /// If there is a file of this name, another process is about to create it, or it cannot be written.
    pub fn create(path: &Path, plan: &Plan, begin: BeginDetails) -> Result<Self, JournalError> {
        let new = create::create(path, plan, begin)?;
        Self::start(path, new.file, new.chain, new.length)
    }

    /// Opens a journal to go on with it, and tells what is in it. Blocks until it is read.
    ///
    /// A line that is only half there, at the end, is cut off; [`Recovered::torn`] tells of it.
    ///
    /// # Errors
    ///
    /// If another process has it open, it cannot be read or repaired, it is no journal or one of a newer version, or it
    /// is not as it was written.
    pub fn open(path: &Path) -> Result<(Self, Recovered), JournalError> {
        let file = open::journal(path, true)?;
        let Some(file) = Locked::try_new(file).map_err(|error| JournalError::io(path, "lock", error))? else {
            return Err(JournalError::Locked { path: path.into() });
        };
        let (recovered, mut end) = read::read(path, &file)?;
        repair(&file, &mut end, recovered.torn.is_some())
            .map_err(|error| JournalError::io(path, "repair the end of", error))?;
        Ok((Self::start(path, file, end.chain, end.length)?, recovered))
    }

    /// Tells what is in a journal, also while a campaign writes to it. Blocks until it is read.
    ///
    /// Nothing is changed, and a line that is only half there, at the end, does not count. On Windows, a journal cannot
    /// be read while it is open for writing.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no journal or one of a newer version, or is not as it was written.
    pub fn read(path: &Path) -> Result<Recovered, JournalError> {
        let file = open::journal(path, false)?;
        read::read(path, &file).map(|(recovered, _)| recovered)
    }

    fn start(path: &Path, file: Locked, chain: chain::Chain, length: u64) -> Result<Self, JournalError> {
        Ok(Self {
            writer: Arc::new(Writer::start(path, file, chain, length)?),
        })
    }

    /// Writes a record. It is on the disk when this returns.
    ///
    /// Records are written in the order in which they are appended, also those of
    /// [`append_soon`](Self::append_soon). If the future is dropped after it was polled, the record may be written
    /// nevertheless.
    ///
    /// # Errors
    ///
    /// If this record, or an earlier one, cannot be written, or the journal is closed.
    pub async fn append(&self, record: &Record<'_>) -> Result<(), JournalError> {
        self.writer.append(record).await
    }

    /// Queues a record without waiting until it is on the disk. It never blocks.
    ///
    /// An error shows with the next [`append`](Self::append) or [`close`](Self::close).
    pub fn append_soon(&self, record: &Record<'_>) {
        self.writer.append_soon(record);
    }

    /// Queues a record, and says how many records are on the disk once this one is: see [`written`](Self::written).
    pub(crate) fn queue(&self, record: &Record<'_>) -> u64 {
        self.writer.append_soon(record)
    }

    /// How many records are on the disk since the journal was opened.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.writer.written()
    }

    /// Whether megabytes wait for a slow disk, so that no more should be made for now.
    pub(crate) fn is_behind(&self) -> bool {
        self.writer.is_behind()
    }

    /// Closes the journal for all clones. When this returns, all records are on the disk and the lock is released.
    ///
    /// # Errors
    ///
    /// If any record could not be written.
    pub async fn close(self) -> Result<(), JournalError> {
        self.writer.close().await
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Makes the writer stand still for ever at some point, for tests that kill the process there. `reached` is told when
    /// it does.
    #[doc(hidden)]
    pub fn halt(&self, at: Halt, reached: impl FnOnce(Halted) + Send + 'static) {
        self.writer.halt(at, Box::new(reached));
    }

    /// How often records were brought to the disk, for tests and benchmarks.
    #[doc(hidden)]
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.writer.syncs()
    }
}

/// Makes the file end with its last whole line.
fn repair(mut file: &File, end: &mut read::End, torn: bool) -> io::Result<()> {
    if torn {
        file.set_len(end.length)?;
    }
    file.seek(SeekFrom::Start(end.length))?;
    if end.needs_line_feed {
        // An editor took it away, or the power went just before it. The line itself is whole.
        file.write_all(b"\n")?;
        end.length += 1;
    }
    if torn || end.needs_line_feed {
        file.sync_all()?;
    }
    Ok(())
}
