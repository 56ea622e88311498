//! Where the two versions come from: files, or revisions of git.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release::{Release, Version};
use crate::codegen;
use crate::diagnostic::{Diagnostic, Mark, Report};
use crate::spec::tree::Content;
use crate::spec::{Document, LoadError};
use crate::workspace;

/// Why there is nothing to compare.
#[derive(Debug)]
pub enum DiffError {
    /// A document cannot be read or parsed.
    Spec(LoadError),
    /// `git` could not be started.
    NoGit(std::io::Error),
    /// The workspace is in no repository, so that there is no earlier version.
    NoRepository(PathBuf),
    /// Neither a file nor a revision.
    NoRevision(String),
    /// The revision does not have the file.
    NotInRevision {
        /// The revision.
        revision: String,
        /// The file, relative to the workspace.
        path: &'static str,
    },
    /// `--check` needs a revision, for what else the revision says.
    CheckOfFile(String),
    /// No version can be read from this `Cargo.toml`.
    NoVersion(String),
}

impl fmt::Display for DiffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(f),
            Self::NoGit(_) => write!(f, "error: git cannot be run\nhint: name a file with `--base FILE`"),
            Self::NoRepository(root) => write!(
                f,
                "error: {} is in no git repository\nhint: name a file with `--base FILE`",
                root.display()
            ),
            Self::NoRevision(name) => write!(
                f,
                "error: `{name}` is neither a file nor a revision of this repository\n\
                 hint: a shallow clone lacks revisions; `git fetch --unshallow` gets them"
            ),
            Self::NotInRevision { revision, path } => write!(
                f,
                "error: {revision} has no {path}\nhint: name a later revision with `--base REV`"
            ),
            Self::CheckOfFile(name) => write!(
                f,
                "error: `--check` cannot compare with the file {name}: it says nothing of the version and the \
                 changelog of its time\nhint: name a revision with `--base REV`, or leave `--check` out"
            ),
            Self::NoVersion(name) => write!(f, "error: {name} has no `version` under `[workspace.package]`"),
        }
    }
}

impl std::error::Error for DiffError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spec(error) => error.source(),
            Self::NoGit(error) => Some(error),
            Self::NoRepository(_)
            | Self::NoRevision(_)
            | Self::NotInRevision { .. }
            | Self::CheckOfFile(_)
            | Self::NoVersion(_) => None,
        }
    }
}

/// The earlier version.
pub(super) enum Base {
    /// A file.
    File(PathBuf),
    /// A revision of the repository that the workspace is in.
    Revision {
        /// The name by which `git` knows it.
        name: String,
        /// The workspace.
        root: PathBuf,
    },
}

impl Base {
    /// What a person has named, or else the last state that others have seen.
    pub(super) fn find(named: Option<&str>, root: &Path) -> Result<Self, DiffError> {
        let root = root.to_owned();
        if let Some(name) = named {
            let path = Path::new(name);
            return Ok(if path.is_file() {
                Self::File(path.to_owned())
            } else {
                let name = name.to_owned();
                Self::Revision { name, root }
            });
        }
        let merge_base = git(&root, &["merge-base", "origin/main", "HEAD"])?;
        let name = match merge_base.as_deref().map(str::trim) {
            // Short enough to read; git finds a longer one if this should ever be ambiguous in the repository.
            Some(commit) => git(&root, &["rev-parse", "--short", commit])?.map(|short| short.trim().to_owned()),
            None => None,
        };
        let name = name.unwrap_or_else(|| "HEAD".to_owned());
        Ok(Self::Revision { name, root })
    }

    /// The document. That of a revision is taken as it is: the generator of its time has accepted it.
    pub(super) fn document(&self) -> Result<Document, DiffError> {
        let document = match self {
            Self::File(path) => return head(path),
            Self::Revision { name, .. } => {
                let text = self.required(workspace::SPEC)?;
                let name = format!("{name}:{}", workspace::SPEC);
                Document::parse(name, text).map_err(|report| DiffError::Spec(LoadError::Wrong(report)))?
            }
        };
        openapi(document)
    }

    /// What the files of a release say in base and in the workspace.
    pub(super) fn release(&self, root: &Path) -> Result<Release, DiffError> {
        let base = match self {
            Self::File(path) => return Err(DiffError::CheckOfFile(workspace::display(path))),
            Self::Revision { name, .. } => name.clone(),
        };
        let version = |text: &str, name: String| Version::of_workspace(text).ok_or(DiffError::NoVersion(name));
        let manifest = std::fs::read_to_string(root.join(MANIFEST))
            .map_err(|error| DiffError::Spec(LoadError::Unreadable(MANIFEST.to_owned(), error)))?;
        let changelog = match std::fs::read_to_string(root.join(CHANGELOG)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|error| DiffError::Spec(LoadError::Unreadable(CHANGELOG.to_owned(), error)))?,
        };
        Ok(Release {
            base_version: version(&self.required(MANIFEST)?, format!("{base}:{MANIFEST}"))?,
            version: version(&manifest, MANIFEST.to_owned())?,
            base_changelog: self.show(CHANGELOG)?.unwrap_or_default(),
            changelog,
            base,
        })
    }

    fn required(&self, path: &'static str) -> Result<String, DiffError> {
        let Self::Revision { name, root } = self else {
            return Ok(String::new());
        };
        if let Some(text) = self.show(path)? {
            return Ok(text);
        }
        if git(root, &["rev-parse", "--git-dir"])?.is_none() {
            return Err(DiffError::NoRepository(root.clone()));
        }
        let commit = format!("{name}^{{commit}}");
        let revision = name.clone();
        Err(
            match git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])? {
                Some(_) => DiffError::NotInRevision { revision, path },
                None => DiffError::NoRevision(revision),
            },
        )
    }

    fn show(&self, path: &str) -> Result<Option<String>, DiffError> {
        match self {
            Self::File(_) => Ok(None),
            // `./` counts from the folder of the command: the workspace may be a part of a repository only.
            Self::Revision { name, root } => git(root, &["show", "--end-of-options", &format!("{name}:./{path}")]),
        }
    }
}

const MANIFEST: &str = "Cargo.toml";
const CHANGELOG: &str = "CHANGELOG.md";

/// The later version, or any file. No verdict is given on a document that no client can be generated from.
pub(super) fn head(path: &Path) -> Result<Document, DiffError> {
    let document = openapi(Document::load(path).map_err(DiffError::Spec)?)?;
    match codegen::files(&document) {
        Ok(_) => Ok(document),
        Err(report) => Err(DiffError::Spec(LoadError::Wrong(report))),
    }
}

/// A document with nothing in it would be compared without complaint.
fn openapi(document: Document) -> Result<Document, DiffError> {
    let problem = match &document.root.content {
        Content::Map(_) if document.root.get("paths").is_some() => return Ok(document),
        Content::Map(_) => "there is no `paths`",
        Content::List(_) | Content::Scalar(_) => "it is no mapping",
    };
    let diagnostic = Diagnostic::new(Mark::START, format!("not an OpenAPI document: {problem}"));
    let report = Report::new(document.source, vec![diagnostic]);
    Err(DiffError::Spec(LoadError::Wrong(report)))
}

/// What a command of git prints; `None` if it fails.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>, DiffError> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(DiffError::NoGit)?;
    let text = output.status.success().then_some(output.stdout);
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}
