//! The OpenAPI document: reading it, and looking things up in it.

pub mod lower;
pub mod model;
pub mod tree;

use std::path::Path;

use crate::diagnostic::{Report, SourceFile};
use crate::workspace;
use lower::METHODS;
use tree::{Content, Entry, Node};

/// The document as it was written.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub source: SourceFile,
    /// Its content.
    pub root: Node,
}

/// An operation where it is.
#[derive(Clone, Copy, Debug)]
pub struct PlacedOperation<'a> {
    /// The path that it belongs to.
    pub path: &'a Entry,
    /// Its method, with all that is under it.
    pub method: &'a Entry,
    /// What is under its method.
    pub node: &'a Node,
}

impl<'a> PlacedOperation<'a> {
    /// `operationId`; empty if it has none.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.node.text("operationId").unwrap_or_default()
    }
}

/// Why a document could not be used.
#[derive(Debug)]
pub enum LoadError {
    /// The file could not be read.
    Unreadable(String, std::io::Error),
    /// The file is wrong.
    Wrong(Report),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(name, _) => write!(f, "{name}: error: the file cannot be read"),
            Self::Wrong(report) => report.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Wrong(_) => None,
        }
    }
}

impl Document {
    /// Reads and parses a file. Only its YAML is checked; [`crate::check`] does the rest.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not YAML.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let name = workspace::display(path);
        let text = std::fs::read_to_string(path).map_err(|error| LoadError::Unreadable(name.clone(), error))?;
        Self::parse(name, text).map_err(LoadError::Wrong)
    }

    /// Parses a text.
    ///
    /// # Errors
    ///
    /// The text is not YAML.
    pub fn parse(name: String, text: String) -> Result<Self, Report> {
        let source = SourceFile { name, text };
        match tree::parse(&source.text) {
            Ok(root) => Ok(Self { source, root }),
            Err(diagnostic) => Err(Report::new(source, vec![*diagnostic])),
        }
    }

    /// All operations in the order of the document.
    pub fn operations(&self) -> impl Iterator<Item = PlacedOperation<'_>> {
        self.root.entries_of("paths").iter().flat_map(|path| {
            let entries = path.value.entries().iter();
            let methods = entries.filter(|entry| METHODS.contains(&entry.key.as_str()));
            methods.map(move |method| PlacedOperation {
                path,
                method,
                node: &method.value,
            })
        })
    }

    /// The schema components.
    #[must_use]
    pub fn schemas(&self) -> &[Entry] {
        let schemas = self.root.find(&["components", "schemas"]);
        schemas.map(Node::entries).unwrap_or_default()
    }

    /// The value that a local reference (`#/components/schemas/JobId`) points to.
    #[must_use]
    pub fn target(&self, reference: &str) -> Option<&Node> {
        let pointer = reference.strip_prefix("#/")?;
        pointer.split('/').try_fold(&self.root, |node, key| {
            node.get(&key.replace("~1", "/").replace("~0", "~"))
        })
    }

    /// Follows references until there is a value. `None` if one leads nowhere or in a circle.
    #[must_use]
    pub fn resolve<'a>(&'a self, node: &'a Node) -> Option<&'a Node> {
        let mut node = node;
        // No sane document chains more references than this; a circle ends here.
        for _ in 0..16 {
            match node.text("$ref") {
                Some(reference) => node = self.target(reference)?,
                None => return Some(node),
            }
        }
        None
    }

    /// The parameters of an operation, those of its path item first, as written: some may be references. A parameter
    /// of the operation replaces one of the path item with the same name and place.
    #[must_use]
    pub fn parameters<'a>(&'a self, path_item: &'a Node, operation: &'a Node) -> Vec<&'a Node> {
        let own = operation.items_of("parameters");
        let inherited = path_item.items_of("parameters");
        let identity = |node: &'a Node| {
            self.resolve(node)
                .map(|parameter| (parameter.text("name"), parameter.text("in")))
        };
        let kept = inherited
            .iter()
            .filter(|one| !own.iter().any(|other| identity(other) == identity(one)));
        kept.chain(own).collect()
    }

    /// Name and value of a parameter that a caller could not choose: a required query parameter with one value.
    #[must_use]
    pub fn fixed_value<'a>(&'a self, parameter: &'a Node) -> Option<(&'a str, &'a str)> {
        let parameter = self.resolve(parameter)?;
        if !parameter.says("required") || parameter.text("in") != Some("query") {
            return None;
        }
        let schema = self.resolve(parameter.get("schema")?)?;
        match &schema.get("enum")?.content {
            Content::List(values) if values.len() == 1 => Some((parameter.text("name")?, values[0].as_str()?)),
            Content::List(_) | Content::Map(_) | Content::Scalar(_) => None,
        }
    }
}
