//! Brings a journal into being: whole, or not at all.
//!
//! It is written under another name, `NAME.partial`, and gets its own when the plan is on the disk. The lock is taken
//! before the first byte is written and belongs to the file, not to its name, so there is no moment at which another
//! process could take the new journal for one that nobody writes to.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::begin::{Begin, BeginDetails, Planned};
use super::chain::Chain;
use super::error::JournalError;
use super::lock::Locked;
use super::open;
use crate::device_line::DeviceLine;
use crate::plan::Plan;

const BUFFER: usize = 1 << 20;

/// A new journal, locked, at the end of its plan.
#[derive(Debug)]
pub(super) struct New {
    pub(super) file: Locked,
    pub(super) chain: Chain,
    pub(super) length: u64,
}

pub(super) fn create(path: &Path, plan: &Plan, details: BeginDetails) -> Result<New, JournalError> {
    // Before hundreds of megabytes are written. `publish` looks again.
    if is_there(path) {
        return Err(JournalError::Exists { path: path.into() });
    }
    let folder = folder_of(path);
    create_folders(folder).map_err(|error| JournalError::io(folder, "create the folder of", error))?;

    let mut partial = OsString::from(path);
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let claimed = claim(path, &partial)?;
    let made = write_plan(&claimed.file, plan, details)
        .map_err(|error| JournalError::io(&partial, "write", error))
        .and_then(|end| publish(&partial, path).map(|()| end))
        .and_then(|end| {
            sync_folder(folder).map_err(|error| JournalError::io(folder, "sync the folder of", error))?;
            Ok(end)
        });
    match made {
        Ok((chain, length)) => Ok(New {
            file: claimed.file,
            chain,
            length,
        }),
        Err(error) => {
            // Half a plan is of use to nobody. If it cannot be removed, the next attempt does.
            let _ = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// The file that becomes the journal, with its lock.
struct Claimed {
    file: Locked,
    /// A file of the same name that a crash had left. Its lock is kept so that a process that has opened it, and waits
    /// for its turn, does not take the new file for a leftover.
    _leftover: Option<Locked>,
}

/// Creates the partial file. One that a crash left is removed and not truncated, as it may have a second name: when the
/// crash came between the two steps of `publish`, it is a journal.
fn claim(path: &Path, partial: &Path) -> Result<Claimed, JournalError> {
    let beginning = || JournalError::Beginning { path: path.into() };
    let io = |doing| move |error| JournalError::io(partial, doing, error);
    let mut leftover = None;
    // Every round but the last finds that another process was faster with one step.
    for _ in 0..16 {
        match open_new(partial) {
            Ok(file) => {
                let Some(file) = Locked::try_new(file).map_err(io("lock"))? else {
                    return Err(beginning());
                };
                if is_at(&file, partial).map_err(io("look at"))? {
                    return Ok(Claimed {
                        file,
                        _leftover: leftover,
                    });
                }
            }
            // A link would be opened where it leads, and what is there is not ours.
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists
                    && partial.symlink_metadata().is_ok_and(|found| !found.is_file()) =>
            {
                return Err(io("create")(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something that is no regular file has this name; remove it, or choose another journal",
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let old = match open::without_waiting(partial, true) {
                    Ok(old) => old,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(io("open")(error)),
                };
                let Some(old) = Locked::try_new(old).map_err(io("lock"))? else {
                    return Err(beginning());
                };
                // Its writer may have given it the final name just before it let go of the lock.
                if is_there(path) {
                    return Err(JournalError::Exists { path: path.into() });
                }
                if is_at(&old, partial).map_err(io("look at"))? {
                    std::fs::remove_file(partial).map_err(io("replace"))?;
                    leftover = Some(old);
                }
            }
            Err(error) => return Err(io("create")(error)),
        }
    }
    Err(beginning())
}

fn write_plan(file: &File, plan: &Plan, details: BeginDetails) -> io::Result<(Chain, u64)> {
    let mut sealed = Sealed {
        file,
        chain: Chain::default(),
        length: 0,
        object: Vec::new(),
        lines: Vec::with_capacity(BUFFER + (BUFFER >> 4)),
    };
    let begin = Begin::new(plan, details);
    sealed.line(&begin)?;
    for id in plan.devices.ids() {
        sealed.line(&DeviceLine::of(&plan.devices, id))?;
    }
    sealed.line(&Planned {
        devices: begin.plan.devices,
        sha256: begin.plan.sha256,
    })?;
    sealed.flush()?;
    file.sync_all()?;
    Ok((sealed.chain, sealed.length))
}

struct Sealed<'a> {
    file: &'a File,
    chain: Chain,
    length: u64,
    object: Vec<u8>,
    lines: Vec<u8>,
}

impl Sealed<'_> {
    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.object.clear();
        serde_json::to_writer(&mut self.object, line)?;
        self.chain.seal(&self.object, &mut self.lines);
        if self.lines.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.lines)?;
        self.length += self.lines.len() as u64;
        self.lines.clear();
        Ok(())
    }
}

/// Gives the file its final name, unless there is a file of that name.
///
/// A rename would replace such a file, and to look beforehand leaves a gap. A second link is made in one step, or not
/// at all if the name is taken; then the first name goes. Between the two, and after a crash there, the journal has both
/// names, which does no harm.
fn publish(partial: &Path, path: &Path) -> Result<(), JournalError> {
    match std::fs::hard_link(partial, path) {
        Ok(()) => {
            // If it stays, the next campaign of this name removes it.
            let _ = std::fs::remove_file(partial);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(JournalError::Exists { path: path.into() }),
        // Some file systems have no links: FAT, some of the network.
        Err(_) => publish_without_link(partial, path),
    }
}

/// Takes the name with an empty file, which only one process can create, and puts the journal in its place. A crash in
/// between leaves the empty file; [`JournalError::NotAJournal`] says what to do with it.
fn publish_without_link(partial: &Path, path: &Path) -> Result<(), JournalError> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            JournalError::Exists { path: path.into() }
        } else {
            JournalError::io(path, "create", error)
        }
    };
    drop(open_new(path).map_err(failed)?);
    std::fs::rename(partial, path).map_err(|error| {
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

fn is_there(path: &Path) -> bool {
    // Also if it is a link to nowhere.
    path.symlink_metadata().is_ok()
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether this file is still the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let held = file.metadata()?;
    match path.symlink_metadata() {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Without a number of the file to compare, the lock alone has to do.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates the folders that are not there, for this user only.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
    builder.create(folder)?;
    // A new folder is on the disk when the one that names it is.
    missing
        .into_iter()
        .try_for_each(|folder| sync_folder(folder_of(folder)))
}

/// Brings the names in a folder to the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot, and need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_with_links_and_without() {
        for publish in [publish, publish_without_link] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            std::fs::write(at("a.partial"), "a").unwrap();
            std::fs::write(at("b.partial"), "b").unwrap();
            publish(&at("a.partial"), &at("a")).unwrap();
            let error = publish(&at("b.partial"), &at("a")).unwrap_err();
            assert!(matches!(error, JournalError::Exists { .. }), "{error}");
            assert_eq!(std::fs::read(at("a")).unwrap(), b"a");
            assert!(!at("a.partial").exists() && at("b.partial").exists());

            let error = publish(&at("c.partial"), &at("c")).unwrap_err();
            assert!(matches!(error, JournalError::Io { .. }), "{error}");
            assert!(!at("c").exists());
        }
    }
}
