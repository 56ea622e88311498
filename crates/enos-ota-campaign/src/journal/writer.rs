//! Writes records in the order of a queue, and tells each writer when its record is on the disk.
//!
//! A thread of its own takes all records that have queued up, writes them with one call, syncs once and tells all who
//! wait. Meanwhile the next ones queue up. So the more records there are at a time, the fewer syncs each needs.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Notify, oneshot, watch};

use super::chain::Chain;
use super::error::JournalError;
use super::halt::{Halt, Halted, Reached, Standstill};
use super::lock::Locked;
use super::record::Record;

/// So many bytes may queue up, and then one record more: some seconds of work for a slow disk.
const QUEUE: usize = 8 << 20;
/// A buffer that grew beyond this for one large record is not kept.
const KEPT: usize = 1 << 20;

type Waiter = oneshot::Sender<Result<(), JournalError>>;

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For those that wait to queue: there is room again.
    room: Notify,
    /// How many records are on the disk.
    written: watch::Sender<u64>,
    syncs: AtomicU64,
    standstill: Mutex<Option<Standstill>>,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// How many records were ever queued.
    queued: u64,
    /// No record is taken any more.
    closing: bool,
    /// The thread has let go of the file.
    closed: bool,
    broken: Option<JournalError>,
    closers: Vec<Waiter>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The records as JSON objects, one after the other.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    waiters: Vec<Waiter>,
}

enum Queued {
    /// With the number of the record, from 1.
    Yes(u64),
    /// The queue is full.
    No(Option<Waiter>),
}

impl Writer {
    /// Starts the thread. The file is positioned at its end.
    pub(super) fn start(path: &Path, file: Locked, chain: Chain, length: u64) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared {
            path: path.into(),
            state: Mutex::default(),
            work: Condvar::new(),
            room: Notify::new(),
            written: watch::Sender::new(0),
            syncs: AtomicU64::new(0),
            standstill: Mutex::new(None),
        });
        let out = Out {
            file,
            chain,
            synced: length,
            lines: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("enos-ota-journal".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run(out)
            })
            .map_err(|error| JournalError::io(path, "start a thread for", error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(super) fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    pub(super) fn halt(&self, at: Halt, reached: Reached) {
        *self.shared.standstill() = Some(Standstill {
            at,
            reached,
            written: 0,
        });
    }

    pub(super) async fn append(&self, record: &Record<'_>) -> Result<(), JournalError> {
        let (waiter, written) = oneshot::channel();
        let mut waiter = Some(waiter);
        loop {
            let mut room = pin!(self.shared.room.notified());
            // From here on no notice is missed.
            room.as_mut().enable();
            match self.shared.queue(record, waiter, true)? {
                Queued::Yes(_) => break,
                Queued::No(again) => waiter = again,
            }
            room.await;
        }
        // The thread answers as long as it lives, and it lives as long as this handle.
        written.await.unwrap_or_else(|_| Err(self.shared.is_closed()))
    }

    /// Queues a record whatever waits already, and gives back its number, counted from 1.
    pub(super) fn append_soon(&self, record: &Record<'_>) -> u64 {
        match self.shared.queue(record, None, false) {
            Ok(Queued::Yes(number)) => number,
            // An error is that of the next record that is waited for, and of the end.
            Ok(Queued::No(_)) | Err(_) => u64::MAX,
        }
    }

    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.shared.written.subscribe()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.shared.lock().is_full()
    }

    pub(super) async fn close(&self) -> Result<(), JournalError> {
        let (closer, end) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return state.result();
            }
            state.closing = true;
            state.closers.push(closer);
            self.shared.work.notify_one();
        }
        end.await.unwrap_or_else(|_| Err(self.shared.is_closed()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // Else the end of the process could come before the last records are written.
            let _ = thread.join();
        }
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.queue.bytes.len() >= QUEUE && !self.closing && self.broken.is_none()
    }

    fn result(&self) -> Result<(), JournalError> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics that holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standstill(&self) -> MutexGuard<'_, Option<Standstill>> {
        self.standstill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> JournalError {
        JournalError::Closed {
            path: self.path.clone(),
        }
    }

    fn queue(&self, record: &Record<'_>, waiter: Option<Waiter>, only_if_room: bool) -> Result<Queued, JournalError> {
        thread_local! {
            static OBJECT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        OBJECT.with_borrow_mut(|object| {
            object.clear();
            let json = serde_json::to_writer(&mut *object, record);
            let mut state = self.lock();
            state.result()?;
            if state.closing {
                return Err(self.is_closed());
            }
            if let Err(error) = json {
                // Never, as all of a record can be JSON. But a record that is missing must not be passed over.
                let error = self.broken(error.into());
                state.broken = Some(error.clone());
                return Err(error);
            }
            if only_if_room && state.is_full() {
                return Ok(Queued::No(waiter));
            }
            state.queue.bytes.extend_from_slice(object);
            let end = state.queue.bytes.len();
            state.queue.ends.push(end);
            state.queue.waiters.extend(waiter);
            state.queued += 1;
            let number = state.queued;
            drop(state);
            object.clear();
            object.shrink_to(KEPT);
            self.work.notify_one();
            Ok(Queued::Yes(number))
        })
    }

    fn broken(&self, error: io::Error) -> JournalError {
        JournalError::Broken {
            path: self.path.clone(),
            source: Arc::new(error),
        }
    }

    /// The thread.
    fn run(&self, mut out: Out) {
        let mut batch = Queue::default();
        loop {
            let mut state = self.lock();
            while state.queue.ends.is_empty() && !state.closing {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.queue.ends.is_empty() {
                break;
            }
            std::mem::swap(&mut state.queue, &mut batch);
            let mut result = state.result();
            drop(state);
            self.room.notify_waiters();

            if result.is_ok()
                && let Err(error) = out.write(&batch, &self.syncs, self.standstill().as_mut())
            {
                let error = self.broken(error);
                self.lock().broken = Some(error.clone());
                result = Err(error);
            }
            if result.is_ok() {
                let count = batch.ends.len() as u64;
                self.written.send_modify(|written| *written += count);
            }
            batch.ends.clear();
            batch.bytes.clear();
            batch.bytes.shrink_to(KEPT);
            for waiter in batch.waiters.drain(..) {
                // Who has gone meanwhile does not need to know.
                let _ = waiter.send(result.clone());
            }
        }
        // With it goes the lock.
        drop(out);
        let mut state = self.lock();
        state.closed = true;
        let result = state.result();
        for closer in std::mem::take(&mut state.closers) {
            let _ = closer.send(result.clone());
        }
    }
}

/// The end of the file.
#[derive(Debug)]
struct Out {
    file: Locked,
    chain: Chain,
    /// The length that is on the disk.
    synced: u64,
    lines: Vec<u8>,
}

impl Out {
    /// Whether the file is still there, and as long as what was written. Somebody may have removed or cut it: what was
    /// written is lost then, and nothing more must be sent.
    fn check(&self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        if metadata.len() != self.synced {
            return Err(io::Error::other(format!(
                "somebody has changed the file: it has {} bytes, expected {}",
                metadata.len(),
                self.synced
            )));
        }
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&metadata) == 0 {
            return Err(io::Error::other("somebody has removed the file"));
        }
        Ok(())
    }

    fn write(&mut self, batch: &Queue, syncs: &AtomicU64, mut standstill: Option<&mut Standstill>) -> io::Result<()> {
        let mut start = 0;
        let mut ends = Vec::new();
        for end in &batch.ends {
            self.chain.seal(&batch.bytes[start..*end], &mut self.lines);
            start = *end;
            if standstill.is_some() {
                ends.push(self.lines.len());
            }
        }
        if let Some(standstill) = &mut standstill {
            standstill.before(&self.file, &self.lines, &ends, self.synced)?;
        }
        self.check()?;
        let done = (&*self.file)
            .write_all(&self.lines)
            .and_then(|()| self.file.sync_data());
        if done.is_ok() {
            syncs.fetch_add(1, Ordering::Relaxed);
            let told = self.synced;
            self.synced += self.lines.len() as u64;
            if let Some(standstill) = standstill {
                let synced = self.synced;
                standstill.after(batch.ends.len(), Halted { synced, told });
            }
        } else {
            // So that no half line stays, and none of which nobody was told that it is written. If this fails as well,
            // the half line is found when the journal is opened.
            let _ = self.file.set_len(self.synced).and_then(|()| self.file.sync_data());
        }
        self.lines.clear();
        self.lines.shrink_to(KEPT);
        done
    }
}
