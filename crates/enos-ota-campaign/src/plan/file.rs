//! The file of a plan.

use std::error::Error as StdError;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{PLAN_SCHEMA, Plan, PlanHeader, PlanProblem};
use crate::device_line::DeviceLine;
use crate::devices::Devices;

/// Why a plan could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlanError {
    /// The file could not be read.
    Read {
        /// The file.
        name: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The file could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file is there already.
    Exists(PathBuf),
    /// The file is empty, or its first line is not a header.
    NoHeader {
        /// The file.
        name: String,
        /// What is wrong with the line; `None` if there is none.
        source: Option<LineError>,
    },
    /// A line after the first is not a device.
    NotADevice {
        /// The file.
        name: String,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// The file is one, and what it says is not right.
    Problem {
        /// The file.
        name: String,
        /// The number of the line, from 1; `None` if it is of no single line.
        line: Option<usize>,
        /// What is not right.
        problem: PlanProblem,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { name, .. } => write!(f, "the plan {name} could not be read"),
            Self::Write { path, .. } => write!(f, "the plan {} could not be written", path.display()),
            Self::Exists(path) => write!(
                f,
                "the plan {} is there already, and is not overwritten unless asked; choose another name",
                path.display()
            ),
            Self::NoHeader { name, source: None } => write!(
                f,
                "{name} is empty, and a plan was expected; give a plan file, or make one"
            ),
            Self::NoHeader { name, .. } => write!(
                f,
                "{name}, line 1: this is not the header of a plan, which has `\"schema\":\"{PLAN_SCHEMA}\"`; give a plan \
                 file, or make one"
            ),
            Self::NotADevice { name, line, .. } => write!(
                f,
                "{name}, line {line}: this is not a device of a plan, and `{{\"deviceKey\":\"…\",…}}` was expected; make a \
                 new plan, and to leave devices out, give a file of their keys (--exclude-file)"
            ),
            Self::Problem {
                name,
                line: Some(line),
                problem,
            } => write!(f, "{name}, line {line}: {problem}"),
            Self::Problem { name, problem, .. } => write!(f, "{name}: {problem}"),
        }
    }
}

impl StdError for PlanError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::NoHeader { source, .. } => source.as_ref().map(|source| source as &(dyn StdError + 'static)),
            Self::NotADevice { source, .. } => Some(source),
            // Its text is part of this one's.
            Self::Problem { problem, .. } => problem.source(),
            Self::Exists(_) => None,
        }
    }
}

/// What is wrong with a line, as the JSON parser says it.
#[derive(Debug)]
pub struct LineError(serde_json::Error);

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parser was given one line, so its "line 1" would only confuse.
        let text = self.0.to_string();
        match text.rsplit_once(" at line ") {
            Some((problem, _)) if self.0.column() > 0 => write!(f, "{problem} (column {})", self.0.column()),
            _ => f.write_str(&text),
        }
    }
}

impl StdError for LineError {}

/// Far more than a header with many reasons takes. What has no line feeds must not fill the memory.
const LONGEST_LINE: u64 = 16 << 20;

impl Plan {
    /// Writes the plan. See [`Plan`] for the form.
    ///
    /// # Errors
    ///
    /// If the writer fails.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        let mut to = BufWriter::new(to);
        serde_json::to_writer(&mut to, &self.header())?;
        to.write_all(b"\n")?;
        for id in self.devices.sorted_ids() {
            serde_json::to_writer(&mut to, &DeviceLine::of(&self.devices, id))?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    /// Writes the plan to a file: the whole, or nothing. Another file is written first and gets the name when it is
    /// complete and on the disk.
    ///
    /// # Errors
    ///
    /// If there is such a file and it is not to be overwritten, or if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<(), PlanError> {
        let path = path.as_ref();
        let failed = |source| PlanError::Write {
            path: path.to_owned(),
            source,
        };
        // Before the work is done, and once more when the name is given.
        if !overwrite && fs::symlink_metadata(path).is_ok() {
            return Err(PlanError::Exists(path.to_owned()));
        }
        let Some(name) = path.file_name() else {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this names no file",
            )));
        };
        let mut unfinished = std::ffi::OsString::from(".");
        unfinished.push(name);
        unfinished.push(format!(".{}.tmp", std::process::id()));
        let unfinished = path.with_file_name(unfinished);
        let result = self.write_to_new(&unfinished).and_then(|()| {
            if overwrite {
                fs::rename(&unfinished, path)
            } else {
                name_if_free(&unfinished, path)
            }
        });
        if let Err(error) = result {
            let _ = fs::remove_file(&unfinished);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists if !overwrite => PlanError::Exists(path.to_owned()),
                _ => failed(error),
            });
        }
        sync_folder_of(path);
        Ok(())
    }

    fn write_to_new(&self, path: &Path) -> io::Result<()> {
        // One that is left over from a process of the same number is of no use to anybody. It may be a link as well.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It names a fleet.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        self.write(&file)?;
        file.sync_all()
    }

    /// Reads a plan from a file.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the file, the line, what was expected there, and what to do.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, PlanError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| PlanError::Read {
            name: name.clone(),
            source,
        })?;
        Self::read(BufReader::new(file), &name)
    }

    /// Reads a plan. `name` is told in errors.
    ///
    /// # Errors
    ///
    /// As [`Plan::load`].
    pub fn read(mut from: impl BufRead, name: &str) -> Result<Self, PlanError> {
        let mut line = Vec::new();
        let mut number = 0;
        let mut header: Option<PlanHeader> = None;
        let mut devices = Devices::new();
        loop {
            line.clear();
            let failed = |source| PlanError::Read {
                name: name.to_owned(),
                source,
            };
            let read = from
                .by_ref()
                .take(LONGEST_LINE + 1)
                .read_until(b'\n', &mut line)
                .map_err(failed)?;
            if read == 0 {
                break;
            }
            number += 1;
            if read as u64 > LONGEST_LINE {
                return Err(failed(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!(
                        "line {number} is longer than {} MiB, which is the limit",
                        LONGEST_LINE >> 20
                    ),
                )));
            }
            // Some editors put a byte order mark there.
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            let at_line = |problem| PlanError::Problem {
                name: name.to_owned(),
                line: Some(number),
                problem,
            };
            if header.is_none() {
                header = Some(read_header(text, name)?);
            } else if !text.is_empty() {
                let device: DeviceLine<'_> = serde_json::from_slice(text).map_err(|source| PlanError::NotADevice {
                    name: name.to_owned(),
                    line: number,
                    source: LineError(source),
                })?;
                let (_, new) = device
                    .push_to(&mut devices)
                    .map_err(|source| at_line(PlanProblem::Device(source)))?;
                if !new {
                    return Err(at_line(PlanProblem::Repeated(device.device_key.into_owned())));
                }
            }
        }
        let Some(header) = header else {
            return Err(PlanError::NoHeader {
                name: name.to_owned(),
                source: None,
            });
        };
        Self::of_header(header, devices).map_err(|problem| PlanError::Problem {
            name: name.to_owned(),
            line: None,
            problem,
        })
    }
}

/// The schema is looked at before anything else: the header of another one may be of any form.
fn read_header(line: &[u8], name: &str) -> Result<PlanHeader, PlanError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let not_one = |source| PlanError::NoHeader {
        name: name.to_owned(),
        source: Some(LineError(source)),
    };
    let Schema { schema } = serde_json::from_slice(line).map_err(not_one)?;
    if schema != PLAN_SCHEMA {
        return Err(PlanError::Problem {
            name: name.to_owned(),
            line: Some(1),
            problem: PlanProblem::Schema(schema),
        });
    }
    serde_json::from_slice(line).map_err(not_one)
}

/// Gives a file another name that no file has: `rename` would overwrite.
fn name_if_free(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links. That there was no such file was seen before.
        Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(from, to),
        Err(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Makes the name last through a power failure, where the system can: the content is on the disk already.
fn sync_folder_of(path: &Path) {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
}
