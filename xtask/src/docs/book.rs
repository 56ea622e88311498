//! The pages of the site and their order, as `docs/pages.toml` lists them.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::markdown::Surroundings;
use super::{DocsError, Inputs, codes, commands, operations};

/// Which pages there are, by group. A page is a Markdown file by its path from the top of the repository, or `@` and the name
/// of what is generated.
#[derive(Deserialize)]
struct List {
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    title: String,
    pages: Vec<String>,
}

/// A page before it is rendered.
pub(super) struct Page {
    /// The name of its files, without extension.
    pub(super) name: String,
    pub(super) group: String,
    pub(super) title: String,
    /// Its title in the search, with what else people type.
    pub(super) found_as: String,
    /// Its first sentence, for lists of pages.
    pub(super) description: String,
    /// What follows the title, as Markdown.
    pub(super) text: String,
    /// The file that it is, from the top of the repository. None if it is generated.
    pub(super) source: Option<String>,
}

impl Page {
    pub(super) fn generated(name: &str, title: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            group: String::new(),
            title: title.to_owned(),
            found_as: title.to_owned(),
            description: first_sentence(&text),
            text,
            source: None,
        }
    }

    fn from_file(path: &str, text: &str) -> Result<Self, DocsError> {
        let (title, text) = text
            .strip_prefix("# ")
            .and_then(|text| text.split_once('\n'))
            .ok_or_else(|| DocsError::Source(format!("{path} does not begin with a title, `# ...`")))?;
        let file = path.rsplit('/').next().unwrap_or(path);
        let name = file.strip_suffix(".md").unwrap_or(file);
        let mut page = Self::generated(&name.to_lowercase(), title.trim(), text.to_owned());
        page.source = Some(path.to_owned());
        Ok(page)
    }

    pub(super) fn language(&self) -> &'static str {
        if self.name.ends_with(".zh-cn") { "zh-CN" } else { "en" }
    }
}

/// All pages, and where links between their sources lead.
pub(super) struct Book<'a> {
    pub(super) pages: Vec<Page>,
    inputs: &'a Inputs,
    names: BTreeMap<String, String>,
}

impl<'a> Book<'a> {
    pub(super) fn new(inputs: &'a Inputs) -> Result<Self, DocsError> {
        let list: List = toml::from_str(source(inputs, "docs/pages.toml")?)
            .map_err(|error| DocsError::Source(format!("docs/pages.toml: {error}")))?;
        let mut pages = Vec::new();
        for group in list.group {
            for entry in &group.pages {
                let mut found = match entry.as_str() {
                    "@commands" => commands::pages(&inputs.outside.help),
                    "@operations" => operations::pages(&inputs.document),
                    "@codes" => vec![codes::page(&inputs.document)],
                    path => vec![Page::from_file(path, source(inputs, path)?)?],
                };
                for page in &mut found {
                    page.group.clone_from(&group.title);
                }
                pages.append(&mut found);
            }
        }
        let names = pages
            .iter()
            .filter_map(|page| Some((page.source.clone()?, page.name.clone())))
            .collect();
        Ok(Self { pages, inputs, names })
    }

    /// What a link from a page means, with links between pages to files of this extension.
    pub(super) fn resolve(&self, page: &Page, link: &str, extension: &str) -> Option<String> {
        let there = |path: String| Some(path);
        if link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://") {
            return there(link.to_owned());
        }
        let (path, fragment) = link.find('#').map_or((link, ""), |at| link.split_at(at));
        // The pages that are generated have no source; a link to one names it as it is on the site.
        if let Some(name) = path.strip_suffix(".html") {
            return there(format!("{name}.{extension}{fragment}"));
        }
        let Some(source) = &page.source else {
            return there(link.to_owned());
        };
        let path = from_the_top(source, path)?;
        if let Some(name) = self.names.get(&path) {
            return there(format!("{name}.{extension}{fragment}"));
        }
        if let Some(schema) = path.strip_prefix("docs/schemas/") {
            return there(format!("schemas/{schema}"));
        }
        if let Some(document) = path.strip_prefix("openapi/").filter(|name| has_extension(name, "yaml")) {
            return there(format!("downloads/{document}"));
        }
        if let Some(picture) = path.strip_prefix("docs/").filter(|name| has_extension(name, "svg")) {
            return there(picture.to_owned());
        }
        let repository = self.inputs.outside.repository.as_ref()?;
        there(format!("{repository}/blob/main/{path}{fragment}"))
    }

    /// The Markdown of a page, for readers that are programs.
    pub(super) fn plain(&self, page: &Page) -> String {
        let mut out = format!("# {}\n", page.title);
        let mut fenced = false;
        for line in page.text.lines() {
            fenced ^= line.trim_start().starts_with("```");
            if line.starts_with("<script") {
                continue;
            }
            let line = match line.rfind(" {#") {
                Some(at) if !fenced && line.starts_with('#') => &line[..at],
                _ => line,
            };
            out.push_str(&if fenced {
                line.to_owned()
            } else {
                self.with_links(page, line)
            });
            out.push('\n');
        }
        out
    }

    fn with_links(&self, page: &Page, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            out.push_str(before);
            let there = self.resolve(page, target, "md").unwrap_or_else(|| target.to_owned());
            out.push_str("](");
            out.push_str(&there);
            out.push(')');
            rest = after;
        }
        out + rest
    }
}

/// A page among the others.
pub(super) struct InBook<'a> {
    pub(super) book: &'a Book<'a>,
    pub(super) page: &'a Page,
}

impl Surroundings for InBook<'_> {
    fn link(&self, link: &str) -> Option<String> {
        self.book.resolve(self.page, link, "html")
    }

    fn drawing(&self, link: &str) -> Option<&str> {
        let path = from_the_top(self.page.source.as_deref()?, link)?;
        let drawing = self.book.inputs.sources.get(&path)?;
        drawing.contains("class=\"diagram\"").then_some(drawing.as_str())
    }
}

fn source<'a>(inputs: &'a Inputs, path: &str) -> Result<&'a str, DocsError> {
    let text = inputs.sources.get(path).map(String::as_str);
    text.ok_or_else(|| DocsError::Source(format!("{path} is missing, which docs/pages.toml lists")))
}

pub(super) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == extension)
}

/// A path that is relative to a file, from the top of the repository.
fn from_the_top(file: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            _ => {}
        }
    }
    Some(parts.join("/"))
}

/// The first sentence of a Markdown text, without its marks.
fn first_sentence(text: &str) -> String {
    let paragraph = text
        .split("\n\n")
        .map(str::trim)
        .find(|part| part.starts_with(|first: char| first.is_alphabetic() || "*`[".contains(first)))
        .unwrap_or_default()
        .replace('\n', " ");
    let mut plain = String::new();
    let mut target = false;
    for character in paragraph.chars() {
        match character {
            '(' if plain.ends_with(']') => target = true,
            ')' if target => target = false,
            '*' | '`' => {}
            _ if target => {}
            _ => plain.push(character),
        }
    }
    let plain = plain.replace(['[', ']'], "");
    let end = plain.find(". ").map_or(plain.len(), |at| at + 1);
    let end = plain.find('。').map_or(end, |at| end.min(at + '。'.len_utf8()));
    plain[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{first_sentence, from_the_top};

    #[test]
    fn links_are_read_from_where_they_stand() {
        assert_eq!(from_the_top("docs/a.md", "../README.md").as_deref(), Some("README.md"));
        assert_eq!(from_the_top("docs/a.md", "b.svg").as_deref(), Some("docs/b.svg"));
        assert_eq!(from_the_top("a.md", "../b.md"), None);
    }

    #[test]
    fn the_first_sentence_has_no_marks() {
        assert_eq!(
            first_sentence("\nSee [*this*](a.md#b) and `that`.\nMore. Then\n\nx"),
            "See this and that."
        );
    }
}
