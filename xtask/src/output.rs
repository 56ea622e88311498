//! Comparing generated files with a folder, and writing them to it.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::failure::Failure;
use crate::generate::{GeneratedFile, MARKER};
use crate::workspace;

/// What to do to one file of the folder.
#[derive(Debug)]
pub struct Change {
    path: PathBuf,
    before: Option<String>,
    after: Option<String>,
}

fn unusable(path: &Path, cause: std::io::Error) -> Failure {
    let path = workspace::display(path);
    Failure::new(format!("{path}: error: cannot be read or written")).because(cause)
}

/// The folder holds a file that this program has not made, and must not remove.
fn foreign(path: &Path) -> Failure {
    let path = workspace::display(path);
    Failure::new(format!(
        "{path}: error: not a generated file, but in the folder for them; move it elsewhere"
    ))
}

/// What must happen to the folder so that it holds these files and nothing else.
///
/// # Errors
///
/// The folder cannot be read, or holds a file that was not generated.
pub fn changes(folder: &Path, files: &[GeneratedFile]) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        let before = read(&path)?;
        if before.as_deref() != Some(file.text.as_bytes()) {
            let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            changes.push(Change {
                path,
                before,
                after: Some(file.text.clone()),
            });
        }
    }
    for path in others(folder, files)? {
        let text = String::from_utf8_lossy(&read(&path)?.unwrap_or_default()).into_owned();
        if !text.lines().next().unwrap_or_default().contains(MARKER) {
            return Err(foreign(&path));
        }
        changes.push(Change {
            path,
            before: Some(text),
            after: None,
        });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// What is in the folder beside these files. Hidden files are no business of ours.
fn others(folder: &Path, files: &[GeneratedFile]) -> Result<Vec<PathBuf>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(folder, error)),
    };
    let mut others = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unusable(folder, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.path().is_dir() {
            return Err(foreign(&entry.path()));
        }
        if !name.starts_with('.') && !files.iter().any(|file| file.name == name) {
            others.push(entry.path());
        }
    }
    Ok(others)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path, error)),
    }
}

impl Change {
    /// Makes the change. A reader of the file sees the old text or the new, never a part.
    ///
    /// # Errors
    ///
    /// The file cannot be written or removed.
    pub fn apply(&self) -> Result<(), Failure> {
        self.try_apply().map_err(|error| unusable(&self.path, error))
    }

    fn try_apply(&self) -> std::io::Result<()> {
        let Some(after) = &self.after else {
            return std::fs::remove_file(&self.path);
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = new_file(folder)?;
        file.write_all(after.as_bytes())?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// The change as a unified diff.
    #[must_use]
    pub fn diff(&self) -> String {
        let name = workspace::display(&self.path);
        let side = |letter, text: &Option<String>| match text {
            Some(_) => format!("{letter}/{name}"),
            None => "/dev/null".to_owned(),
        };
        TextDiff::from_lines(
            self.before.as_deref().unwrap_or_default(),
            self.after.as_deref().unwrap_or_default(),
        )
        .unified_diff()
        .header(&side('a', &self.before), &side('b', &self.after))
        .to_string()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.after.is_some() { "wrote" } else { "removed" };
        write!(f, "{verb} {}", workspace::display(&self.path))
    }
}

/// A temporary file beside its target, readable by those who may read any new file.
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The process's umask takes its part off.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
