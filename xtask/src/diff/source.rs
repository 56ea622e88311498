//! Where the two versions come from: files, or revisions of git.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::api::{self, Api};
use super::release::{Release, Version};
use crate::codegen;
use crate::diagnostic::{Diagnostic, Mark, Report};
use crate::failure::Failure;
use crate::generate::{GeneratedFile, generate};
use crate::spec::tree::Content;
use crate::spec::{Document, LoadError};
use crate::workspace;

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
    pub(super) fn find(named: Option<&str>, root: &Path) -> Result<Self, Failure> {
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

    /// The document and its client.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let name = match self {
            Self::File(path) => return head(path),
            Self::Revision { name, .. } => format!("{name}:{}", workspace::SPEC),
        };
        let document = Document::parse(name, self.required(workspace::SPEC)?);
        let document = openapi(document.map_err(LoadError::Wrong)?)?;
        // The checks of its time have accepted it; what they have come to refuse since must not forbid the comparison.
        let files = generate(&document);
        let files = files.map_err(|diagnostics| Report::new(document.source.clone(), diagnostics));
        Client::new(document, files)
    }

    /// What the files of a release say in base and in the workspace.
    pub(super) fn release(&self, root: &Path) -> Result<Release, Failure> {
        let base = match self {
            Self::File(path) => {
                let name = workspace::display(path);
                return Err(Failure::new(format!(
                    "error: `--check` cannot compare with the file {name}: it says nothing of the version and the \
                     changelog of its time\nhint: name a revision with `--base REV`, or leave `--check` out"
                )));
            }
            Self::Revision { name, .. } => name.clone(),
        };
        let version = |text: &str, name: String| {
            let message = format!("error: {name} has no `version` under `[workspace.package]`");
            Version::of_workspace(text).ok_or_else(|| Failure::new(message))
        };
        let read = |name: &str| {
            std::fs::read_to_string(root.join(name)).map_err(|error| LoadError::Unreadable(name.to_owned(), error))
        };
        let manifest = read(MANIFEST)?;
        let changelog = match read(CHANGELOG) {
            Err(LoadError::Unreadable(_, error)) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        Ok(Release {
            base_version: version(&self.required(MANIFEST)?, format!("{base}:{MANIFEST}"))?,
            version: version(&manifest, MANIFEST.to_owned())?,
            base_changelog: self.show(CHANGELOG)?.unwrap_or_default(),
            changelog,
            base,
        })
    }

    fn required(&self, path: &'static str) -> Result<String, Failure> {
        let Self::Revision { name, root } = self else {
            return Ok(String::new());
        };
        if let Some(text) = self.show(path)? {
            return Ok(text);
        }
        if git(root, &["rev-parse", "--git-dir"])?.is_none() {
            let root = root.display();
            return Err(Failure::new(format!(
                "error: {root} is in no git repository\nhint: name a file with `--base FILE`"
            )));
        }
        let commit = format!("{name}^{{commit}}");
        let found = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        Err(Failure::new(match found {
            Some(_) => format!("error: {name} has no {path}\nhint: name a later revision with `--base REV`"),
            None => format!(
                "error: `{name}` is neither a file nor a revision of this repository\n\
                 hint: a shallow clone lacks revisions; `git fetch --unshallow` gets them"
            ),
        }))
    }

    fn show(&self, path: &str) -> Result<Option<String>, Failure> {
        match self {
            Self::File(_) => Ok(None),
            // `./` counts from the folder of the command: the workspace may be a part of a repository only.
            Self::Revision { name, root } => git(root, &["show", "--end-of-options", &format!("{name}:./{path}")]),
        }
    }
}

const MANIFEST: &str = "Cargo.toml";
const CHANGELOG: &str = "CHANGELOG.md";

/// A document with the client that is generated from it.
pub struct Client {
    pub(super) document: Document,
    pub(super) api: Api,
}

impl Client {
    /// Checks a document and generates the client.
    ///
    /// # Errors
    ///
    /// What `cargo xtask codegen` says of the document.
    pub fn generate(document: Document) -> Result<Self, Failure> {
        let files = codegen::files(&document);
        Self::new(document, files)
    }

    fn new(document: Document, files: Result<Vec<GeneratedFile>, Report>) -> Result<Self, Failure> {
        let files = files.map_err(LoadError::Wrong)?;
        let unreadable = |error| Failure::new("error: the generated code cannot be read").because(error);
        let api = api::api(&files).map_err(unreadable)?;
        Ok(Self { document, api })
    }
}

/// The later version, or any file. No verdict is given on a document that no client can be generated from.
pub(super) fn head(path: &Path) -> Result<Client, Failure> {
    Client::generate(openapi(Document::load(path)?)?)
}

/// A document with nothing in it would be compared without complaint.
fn openapi(document: Document) -> Result<Document, Failure> {
    let problem = match &document.root.content {
        Content::Map(_) if document.root.get("paths").is_some() => return Ok(document),
        Content::Map(_) => "there is no `paths`",
        Content::List(_) | Content::Scalar(_) => "it is no mapping",
    };
    let diagnostic = Diagnostic::new(Mark::START, format!("not an OpenAPI document: {problem}"));
    let report = Report::new(document.source, vec![diagnostic]);
    Err(LoadError::Wrong(report).into())
}

/// What a command of git prints; `None` if it fails.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>, Failure> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| {
            Failure::new("error: git cannot be run\nhint: name a file with `--base FILE`").because(error)
        })?;
    let text = output.status.success().then_some(output.stdout);
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}
