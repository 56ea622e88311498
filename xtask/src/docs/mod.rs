//! The documentation as a web site of files: it needs no server, no other host, and no connection.
//!
//! `tools` gathers what comes from outside (the renderer of the reference, the signer as WebAssembly, the help of the
//! command line), [`build`] makes the site from it without touching a disk, and `serve` shows it while the sources are
//! edited.

mod codes;
mod html;
mod markdown;
mod ordered;
mod page;
mod reference;
mod search;
mod serve;
mod sign;
pub mod spec;
mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::check;
use crate::diagnostic::Report;
use crate::spec::{Document, LoadError};
use crate::workspace;
use html::add;
use page::{Meta, page};
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
    /// Write only the documents that the site has to download, into this folder. Fetches and compiles nothing.
    #[arg(long, value_name = "DIR", conflicts_with = "serve")]
    downloads: Option<PathBuf>,
}

/// The files of the site by their path in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the site is made from.
pub struct Inputs {
    /// The OpenAPI document.
    pub document: Document,
    /// The file `README.md`.
    pub readme: String,
    /// The file `CONTRIBUTING.md`.
    pub contributing: String,
    /// The file `docs/unknowns.md`.
    pub unknowns: String,
    /// The templates, style and scripts of `xtask/site`, by name.
    pub site: BTreeMap<String, String>,
    /// What comes from outside of the sources.
    pub outside: Outside,
}

/// What has to be fetched or compiled.
#[derive(Clone)]
pub struct Outside {
    /// The renderer of the reference: one script.
    pub redoc: String,
    /// The licences of what is in that script.
    pub redoc_licences: String,
    /// The signer as WebAssembly.
    pub signer: Vec<u8>,
    /// The help of each command of the command line: its words, and the text.
    pub help: Vec<(String, String)>,
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

/// Reads the sources of the workspace.
///
/// # Errors
///
/// A file cannot be read, or the OpenAPI document is wrong.
pub fn inputs(outside: &Outside) -> Result<Inputs, DocsError> {
    let root = workspace::root();
    let mut site = BTreeMap::new();
    let folder = root.join("xtask/site");
    for name in SITE {
        site.insert((*name).to_owned(), read(&folder.join(name))?);
    }
    Ok(Inputs {
        document: document()?,
        readme: read(&root.join("README.md"))?,
        contributing: read(&root.join("CONTRIBUTING.md"))?,
        unknowns: read(&root.join("docs/unknowns.md"))?,
        site,
        outside: outside.clone(),
    })
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

/// What `xtask/site` must hold.
const SITE: &[&str] = &[
    "index.html",
    "reference.js",
    "search.js",
    "sign.html",
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
    let mut index = Vec::new();

    for name in ["style.css", "theme.js", "search.js"] {
        files.insert(name.to_owned(), asset(inputs, name)?.into());
    }
    for (name, bytes) in spec::downloads(&inputs.document) {
        files.insert(format!("downloads/{name}"), bytes);
    }
    front(inputs, &mut files, &mut index)?;
    reference::pages(inputs, &mut files, &mut index)?;
    codes::pages(inputs, &mut files, &mut index);
    sign::pages(inputs, &mut files, &mut index)?;
    guides(inputs, &mut files, &mut index)?;
    files.insert("search-index.js".into(), search::script(&index).into());
    // GitHub Pages would take a file whose name begins with `_` for its own.
    files.insert(".nojekyll".into(), Vec::new());
    Ok(files)
}

fn asset(inputs: &Inputs, name: &str) -> Result<String, DocsError> {
    let text = inputs.site.get(name).cloned();
    text.ok_or_else(|| DocsError::Source(format!("xtask/site/{name} is missing")))
}

fn front(inputs: &Inputs, files: &mut Files, index: &mut Vec<Entry>) -> Result<(), DocsError> {
    let body = asset(inputs, "index.html")?;
    let operations = spec::operations(&inputs.document);
    let rows: Vec<_> = operations
        .iter()
        .map(|operation| {
            format!(
                "<tr><td><a href=\"reference.html#operation/{id}\">{summary}</a></td><td><code>{action}</code></td>\
                 <td><a download href=\"downloads/{id}.yaml\">YAML</a> <a download href=\"downloads/{id}.json\">JSON</a></td></tr>",
                id = html::escape(operation.id),
                summary = html::escape(operation.summary),
                action = html::escape(&operation.action()),
            )
        })
        .collect();
    let body = body.replace("{{operations}}", &rows.join("\n"));
    let meta = Meta {
        file: "index.html",
        title: "EnOS OTA jobs",
        description: "The OTA-job API of the EnOS IoT platform: reference, signing, error codes, command line and SDK.",
        policy: page::POLICY,
        scripts: &[],
    };
    index.push(Entry::new(
        "Start",
        "Start page",
        "index.html",
        "overview downloads OpenAPI YAML JSON",
    ));
    files.insert("index.html".into(), page(&meta, &body).into());
    Ok(())
}

fn guides(inputs: &Inputs, files: &mut Files, index: &mut Vec<Entry>) -> Result<(), DocsError> {
    let readme = |titles: &[&str]| markdown::sections("README.md", &inputs.readme, titles);
    let rust = readme(&["The SDK", "The crates", "Limits", "Licence"])?;
    let mut cli = readme(&["Try it", "The command line"])?;
    cli.push_str("\n## Reference\n\nWhat each command prints when it is asked for `--help`.\n");
    for (command, text) in &inputs.outside.help {
        add(
            &mut cli,
            format_args!("\n### `{command}`\n\n````text\n{}\n````\n", text.trim_end()),
        );
    }
    let mut document = markdown::sections("README.md", &inputs.readme, &["Edit the spec, regenerate the client"])?;
    document.push('\n');
    document.push_str(&markdown::sections(
        "CONTRIBUTING.md",
        &inputs.contributing,
        &["Editing the spec"],
    )?);
    let (unknowns_title, unknowns) = markdown::titled("docs/unknowns.md", &inputs.unknowns)?;
    for (file, title, description, text) in [
        (
            "guide-rust.html",
            "The Rust SDK",
            "Calling the OTA-job API from Rust.",
            rust,
        ),
        (
            "guide-cli.html",
            "The command line",
            "Retrying failed firmware upgrades from a shell.",
            cli,
        ),
        (
            "guide-spec.html",
            "The OpenAPI document",
            "Conventions and extensions of the document, and how to edit it.",
            document,
        ),
        (
            "unknowns.html",
            unknowns_title,
            "What the platform's pages leave open, what each answer would mean, and what the tool does about it.",
            unknowns.to_owned(),
        ),
    ] {
        let rendered = markdown::render(&text);
        let meta = Meta {
            file,
            title,
            description,
            policy: page::POLICY,
            scripts: &[],
        };
        let body = format!("<h1>{title}</h1>\n{}\n{}", rendered.contents(), rendered.html);
        index.push(Entry::new("Guide", title, file, description));
        for section in rendered.sections {
            let address = format!("{file}#{}", section.id);
            index.push(Entry::new(title, &section.title, &address, &section.text));
        }
        files.insert(file.to_owned(), page(&meta, &body).into());
    }
    Ok(())
}

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
