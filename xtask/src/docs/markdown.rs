//! Markdown as HTML.

use std::collections::BTreeMap;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::DocsError;
use super::html::{add, anchor, escape};

/// What has become of a text.
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) sections: Vec<Section>,
}

/// A heading and what stands under it.
pub(super) struct Section {
    pub(super) level: HeadingLevel,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: String,
}

impl Rendered {
    /// A list of the headings that a reader may want to jump to.
    pub(super) fn contents(&self) -> String {
        let mut items = String::new();
        for section in self.sections.iter().filter(|section| section.level == HeadingLevel::H2) {
            let title = escape(&section.title);
            add(
                &mut items,
                format_args!("<li><a href=\"#{}\">{title}</a></li>\n", section.id),
            );
        }
        format!("<nav class=\"contents\" aria-label=\"On this page\">\n<ul>\n{items}</ul>\n</nav>")
    }
}

/// The sections of a text with these titles, in this order.
pub(super) fn sections(file: &str, text: &str, titles: &[&str]) -> Result<String, DocsError> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut title = "";
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix("## ").filter(|_| !fenced) {
            title = heading.trim();
        }
        let section = found.entry(title).or_default();
        section.push_str(line);
        section.push('\n');
    }
    let mut out = String::new();
    for title in titles {
        let section = found.get(title).ok_or_else(|| {
            DocsError::Source(format!("{file} has no section `## {title}`, from which a page is made"))
        })?;
        out.push_str(section);
    }
    Ok(out)
}

/// The title of a text, and what follows it.
pub(super) fn titled<'a>(file: &str, text: &'a str) -> Result<(&'a str, &'a str), DocsError> {
    let title = text.strip_prefix("# ").and_then(|text| text.split_once('\n'));
    title.ok_or_else(|| DocsError::Source(format!("{file} does not begin with a title, `# ...`")))
}

/// Where a link that is written for readers of the repository leads here; nowhere, if the site has no such page.
fn target(link: &str) -> Option<String> {
    let there = match link {
        "CONTRIBUTING.md" => "guide-spec.html",
        "docs/unknowns.md" => "unknowns.html",
        "openapi/ota-jobs.yaml" => "downloads/ota-jobs.yaml",
        _ if link.starts_with("http://") || link.starts_with("https://") || link.starts_with('#') => link,
        _ => return None,
    };
    Some(there.to_owned())
}

/// Renders a text.
pub(super) fn render(text: &str) -> Rendered {
    let mut sections: Vec<Section> = Vec::new();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut heading: Option<(usize, HeadingLevel, String)> = None;
    let mut open_links = Vec::new();
    let mut session = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        if let Event::Text(words) | Event::Code(words) = &event {
            match (&mut heading, sections.last_mut()) {
                (Some((_, _, title)), _) => title.push_str(words),
                (None, Some(section)) => {
                    section.text.push_str(words);
                    section.text.push(' ');
                }
                (None, None) => {}
            }
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some((events.len(), level, String::new()));
                events.push(event);
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((at, level, title)) = heading.take() {
                    let id = slug(&title, &mut used);
                    events[at] = Event::Start(Tag::Heading {
                        level,
                        id: Some(id.clone().into()),
                        classes: Vec::new(),
                        attrs: Vec::new(),
                    });
                    events.push(Event::InlineHtml(anchor(&id, &title).into()));
                    sections.push(Section {
                        level,
                        id,
                        title,
                        text: String::new(),
                    });
                }
                events.push(event);
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let there = target(&dest_url);
                open_links.push(there.is_some());
                if let Some(there) = there {
                    events.push(Event::Start(Tag::Link {
                        link_type,
                        dest_url: there.into(),
                        title,
                        id,
                    }));
                }
            }
            Event::End(TagEnd::Link) => {
                if open_links.pop() == Some(true) {
                    events.push(event);
                }
            }
            // What is wider than a phone scrolls by itself, also by keyboard.
            Event::Start(Tag::Table(_)) => {
                let label = sections.last().map_or("Table", |section| section.title.as_str());
                let open = format!(
                    "<div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"Table: {}\">",
                    escape(label)
                );
                events.push(Event::Html(open.into()));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html("</div>\n".into()));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(ref language))) => {
                session = &**language == "console";
                events.push(event);
            }
            Event::Text(words) if session => events.push(Event::Text(exit_codes(&words))),
            Event::End(TagEnd::CodeBlock) => {
                session = false;
                events.push(event);
            }
            event => events.push(event),
        }
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    // The policy of the pages allows no inline style, which is how the library aligns columns.
    for side in ["left", "center", "right"] {
        html = html.replace(&format!(" style=\"text-align: {side}\""), &format!(" class=\"{side}\""));
    }
    Rendered {
        html: html.replace("<pre>", "<pre tabindex=\"0\">"),
        sections,
    }
}

/// The tests of the sessions write an exit code as `? 1`, which says nothing to a reader of the page.
fn exit_codes<'a>(text: &str) -> CowStr<'a> {
    let lines: Vec<_> = text
        .split('\n')
        .map(|line| match line.strip_prefix("? ") {
            Some(code) if code.bytes().all(|byte| byte.is_ascii_digit()) => format!("[exit code {code}]"),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\n").into()
}

fn slug(title: &str, used: &mut BTreeMap<String, usize>) -> String {
    let words: Vec<_> = title
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let slug = words.join("-");
    let count = used.entry(slug.clone()).or_default();
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{count}") }
}
