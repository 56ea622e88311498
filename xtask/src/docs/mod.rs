//! The documentation as a web site of files: it needs no server, no other host, and no connection.
//!
//! `book` gathers the pages as Markdown: those of `docs/`, and those made from the OpenAPI document and from the help of the
//! command line. [`build`] makes the site of them without touching a disk. `tools` gathers what must be compiled first, and
//! `serve` shows the site while its sources are edited.

mod book;
mod codes;
mod commands;
mod highlight;
mod html;
mod markdown;
mod operations;
mod ordered;
mod page;
mod samples;
mod search;
mod serve;
pub mod spec;
mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use crate::check;
use crate::diagnostic::Report;
use crate::spec::{Document, LoadError};
use crate::workspace;
use book::{Book, InBook};
use html::add;
use search::Entry;

/// What `cargo xtask docs` is asked for.
#[derive(Args)]
pub struct Arguments {
    /// Serve the site on this machine, and build it anew when a source changes.
    #[arg(long)]
    serve: bool,
    /// The port to serve on.
    #[arg(long, default_value_t = 8000, requires = "serve")]
    port: u16,
    /// Write only the documents and samples that the site has to download, into this folder. Compiles nothing.
    #[arg(long, value_name = "DIR", conflicts_with = "serve")]
    downloads: Option<PathBuf>,
}

/// The files of the site by their path in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the site is made from.
pub struct Inputs {
    /// The OpenAPI document.
    pub document: Document,
    /// The texts and drawings of the pages, by path from the top of the workspace.
    pub sources: BTreeMap<String, String>,
    /// The style and scripts of `xtask/site`, by name.
    pub site: BTreeMap<String, String>,
    /// What comes from outside of the sources.
    pub outside: Outside,
}

/// What has to be compiled, or asked of git.
#[derive(Clone)]
pub struct Outside {
    /// The signer as WebAssembly.
    pub signer: Vec<u8>,
    /// The help of each command of the command line: its words, and the text.
    pub help: Vec<(String, String)>,
    /// The version of the workspace.
    pub version: String,
    /// The day of the last commit, or that of `SOURCE_DATE_EPOCH`.
    pub date: String,
    /// The address of the repository, if the workspace names one.
    pub repository: Option<String>,
}

/// Why there is no site.
#[derive(Debug)]
pub enum DocsError {
    /// The OpenAPI document could not be used.
    Spec(LoadError),
    /// A source has not what a page is made from.
    Source(String),
    /// A file could not be read or written.
    Io(PathBuf, std::io::Error),
    /// A program failed.
    Tool(String),
    /// Watching or serving failed.
    Serve(String),
}

impl fmt::Display for DocsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(f),
            Self::Source(what) | Self::Tool(what) | Self::Serve(what) => write!(f, "error: {what}"),
            Self::Io(path, _) => write!(f, "{}: error: cannot be read or written", workspace::display(path)),
        }
    }
}

impl std::error::Error for DocsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spec(error) => error.source(),
            Self::Io(_, error) => Some(error),
            Self::Source(_) | Self::Tool(_) | Self::Serve(_) => None,
        }
    }
}

/// Runs `cargo xtask docs`.
///
/// # Errors
///
/// A source is wrong, a tool fails, or the site cannot be written.
pub fn command(arguments: &Arguments) -> Result<ExitCode, DocsError> {
    if let Some(folder) = &arguments.downloads {
        put(folder, &spec::downloads(&document()?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let outside = tools::gather()?;
    let folder = workspace::root().join("target/site");
    if arguments.serve {
        serve::run(&outside, &folder, arguments.port)?;
        return Ok(ExitCode::SUCCESS);
    }
    let files = build(&inputs(&outside)?)?;
    write(&folder, &files)?;
    let bytes: usize = files.values().map(Vec::len).sum();
    eprintln!("{} files, {} KiB", files.len(), bytes / 1024);
    println!("{}", folder.join("index.html").display());
    Ok(ExitCode::SUCCESS)
}

/// The folders that sources are read from, with the ends of the names of those that are.
const SOURCES: &[(&str, &[&str])] = &[
    ("", &["md"]),
    ("docs", &["md", "svg", "toml"]),
    ("docs/schemas", &["json"]),
    ("openapi", &["arazzo.yaml"]),
    ("xtask/site", &["md"]),
];

/// Reads the sources of the workspace.
///
/// # Errors
///
/// A file cannot be read, or the OpenAPI document is wrong.
pub fn inputs(outside: &Outside) -> Result<Inputs, DocsError> {
    let root = workspace::root();
    let mut sources = BTreeMap::new();
    for (folder, ends) in SOURCES {
        for (name, path) in listed(&root.join(folder))? {
            if ends.iter().any(|end| name.ends_with(&format!(".{end}"))) {
                let key = format!("{folder}/{name}");
                sources.insert(key.trim_start_matches('/').to_owned(), read(&path)?);
            }
        }
    }
    let mut site = BTreeMap::new();
    for name in SITE {
        site.insert((*name).to_owned(), read(&root.join("xtask/site").join(name))?);
    }
    Ok(Inputs {
        document: document()?,
        sources,
        site,
        outside: outside.clone(),
    })
}

/// The files of a folder, by name.
fn listed(folder: &Path) -> Result<BTreeMap<String, PathBuf>, DocsError> {
    let failed = |error| DocsError::Io(folder.to_owned(), error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            found.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    Ok(found)
}

/// The OpenAPI document, if nothing is wrong with it.
fn document() -> Result<Document, DocsError> {
    let document = Document::load(&workspace::root().join(workspace::SPEC)).map_err(DocsError::Spec)?;
    let wrong = check::check(&document);
    if wrong.is_empty() {
        Ok(document)
    } else {
        let report = Report::new(document.source, wrong);
        Err(DocsError::Spec(LoadError::Wrong(report)))
    }
}

/// What `xtask/site` must hold, beside the page about signing and the test.
const SITE: &[&str] = &[
    "copy.js",
    "favicon.svg",
    "search.js",
    "sign.js",
    "style.css",
    "theme.js",
];

fn read(path: &Path) -> Result<String, DocsError> {
    fs::read_to_string(path).map_err(|error| DocsError::Io(path.to_owned(), error))
}

/// Makes the site. The same inputs make the same bytes.
///
/// # Errors
///
/// A source has not what a page is made from.
pub fn build(inputs: &Inputs) -> Result<Files, DocsError> {
    let mut files = Files::new();
    for (name, text) in &inputs.site {
        files.insert(name.clone(), text.clone().into());
    }
    for (name, bytes) in spec::downloads(&inputs.document) {
        files.insert(format!("downloads/{name}"), bytes);
    }
    for (path, text) in &inputs.sources {
        if let Some(name) = path
            .strip_prefix("docs/")
            .filter(|name| ["svg", "json"].iter().any(|end| book::has_extension(name, end)))
        {
            files.insert(name.to_owned(), text.clone().into());
        } else if let Some(name) = path.strip_prefix("openapi/") {
            files.insert(format!("downloads/{name}"), text.clone().into());
        }
    }
    let Outside {
        version,
        date,
        repository,
        signer,
        ..
    } = &inputs.outside;
    let book = Book::new(inputs)?;
    let footer = page::footer(&book, version, date, repository.as_deref());
    let signer = STANDARD.encode(signer);
    let mut index = Vec::new();
    let mut llms = LLMS.to_owned();
    let mut group = "";
    for (at, page) in book.pages.iter().enumerate() {
        // Within the page, since one that was opened as a file may not fetch another file.
        let text = page.text.replace("{{signer}}", &signer);
        let rendered = markdown::render(&text, &InBook { book: &book, page });
        for section in &rendered.sections {
            index.push(if section.title.is_empty() {
                Entry::new(
                    &page.group,
                    &page.found_as,
                    &format!("{}.html", page.name),
                    &section.text,
                )
            } else {
                let address = format!("{}.html#{}", page.name, section.id);
                Entry::new(&page.title, &section.title, &address, &section.text)
            });
        }
        if page.group != group {
            group = &page.group;
            add(&mut llms, format_args!("\n## {group}\n\n"));
        }
        add(
            &mut llms,
            format_args!("- [{}]({}.md): {}\n", page.title, page.name, page.description),
        );
        files.insert(
            format!("{}.html", page.name),
            page::page(&book, at, &rendered, &footer).into(),
        );
        files.insert(format!("{}.md", page.name), book.plain(page).into());
    }
    // Of equally good finds the first is shown first: a code is best explained on the page of codes.
    index.sort_by_key(|entry| !entry.is_on("codes.html"));
    files.insert("404.html".into(), page::missing(&book, &footer).into());
    files.insert("llms.txt".into(), llms.into());
    files.insert("search-index.js".into(), search::script(&index).into());
    // GitHub Pages would take a file whose name begins with `_` for its own.
    files.insert(".nojekyll".into(), Vec::new());
    Ok(files)
}

/// The beginning of `llms.txt`, by the convention of <https://llmstxt.org>.
const LLMS: &str = "# enos-ota

> Tools for the OTA-job API of the EnOS IoT platform: a command line that retries failed firmware upgrades, a Rust SDK, an OpenAPI \
document, and an emulator. Nothing has been run against the vendor's cloud; what no page of the platform says is marked as \
inferred or not documented.

The whole API is in [ota-jobs.json](downloads/ota-jobs.json), an OpenAPI 3.0.3 document.
";

/// Writes the site, and removes from its folder what is no longer part of it.
fn write(folder: &Path, files: &Files) -> Result<(), DocsError> {
    put(folder, files)?;
    sweep(folder, folder, files)
}

fn put(folder: &Path, files: &Files) -> Result<(), DocsError> {
    for (name, bytes) in files {
        let path = folder.join(name);
        let failed = |error| DocsError::Io(path.clone(), error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        if fs::read(&path).ok().as_deref() != Some(bytes) {
            fs::write(&path, bytes).map_err(failed)?;
        }
    }
    Ok(())
}

fn sweep(root: &Path, folder: &Path, files: &Files) -> Result<(), DocsError> {
    let failed = |error| DocsError::Io(folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sweep(root, &path, files)?;
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            if !files.contains_key(&name) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
    }
    Ok(())
}
