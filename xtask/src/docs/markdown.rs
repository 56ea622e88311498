//! Markdown as HTML.

use std::collections::BTreeMap;
use std::mem;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::highlight::highlight;
use super::html::{anchor, escape};

/// What has become of a text.
#[derive(Default)]
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) sections: Vec<Section>,
}

/// A heading and what stands under it. What stands before the first heading has a section without title.
pub(super) struct Section {
    pub(super) level: HeadingLevel,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) text: String,
}

/// What surrounds a text.
pub(super) trait Surroundings {
    /// Where a link of the text leads on the site; nowhere, if the site has no such page.
    fn link(&self, link: &str) -> Option<String>;
    /// The drawing that is to stand in the page itself, so that it has the colours of the page.
    fn drawing(&self, link: &str) -> Option<&str>;
}

/// Renders a text.
pub(super) fn render(text: &str, surroundings: &dyn Surroundings) -> Rendered {
    let mut renderer = Renderer {
        surroundings,
        sections: vec![section(HeadingLevel::H1, String::new(), String::new())],
        used: BTreeMap::new(),
        events: Vec::new(),
        heading: None,
        links: Vec::new(),
        code: None,
        drawing: false,
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    for event in Parser::new_ext(text, options) {
        renderer.take(event);
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, renderer.events.into_iter());
    // The policy of the pages allows no inline style, which is how the library aligns columns.
    for side in ["left", "center", "right"] {
        html = html.replace(&format!(" style=\"text-align: {side}\""), &format!(" class=\"{side}\""));
    }
    Rendered {
        html,
        sections: renderer.sections,
    }
}

struct Heading {
    at: usize,
    id: Option<String>,
    title: String,
}

struct Renderer<'a> {
    surroundings: &'a dyn Surroundings,
    sections: Vec<Section>,
    used: BTreeMap<String, usize>,
    events: Vec<Event<'a>>,
    heading: Option<Heading>,
    links: Vec<bool>,
    code: Option<(String, String)>,
    drawing: bool,
}

impl<'a> Renderer<'a> {
    fn take(&mut self, event: Event<'a>) {
        self.note(&event);
        match event {
            Event::Text(words) if self.code.is_some() => {
                if let Some((_, code)) = &mut self.code {
                    code.push_str(&words);
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split([',', ' ']).next().unwrap_or_default().to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => self.end_code(),
            Event::Start(Tag::Heading { level, id, .. }) => {
                self.heading = Some(Heading {
                    at: self.events.len(),
                    id: id.map(|id| id.to_string()),
                    title: String::new(),
                });
                // Its id is known at its end.
                self.events.push(Event::Start(heading(level, String::new())));
            }
            Event::End(TagEnd::Heading(level)) => {
                self.end_heading(level);
                self.events.push(event);
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let there = self.surroundings.link(&dest_url);
                self.links.push(there.is_some());
                if let Some(there) = there {
                    self.events.push(Event::Start(Tag::Link {
                        link_type,
                        dest_url: there.into(),
                        title,
                        id,
                    }));
                }
            }
            Event::End(TagEnd::Link) => {
                if self.links.pop() == Some(true) {
                    self.events.push(event);
                }
            }
            Event::Start(Tag::Image { ref dest_url, .. }) => {
                if let Some(drawing) = self.surroundings.drawing(dest_url) {
                    self.drawing = true;
                    self.events.push(Event::InlineHtml(drawing.to_owned().into()));
                } else {
                    self.events.push(event);
                }
            }
            Event::End(TagEnd::Image) if mem::take(&mut self.drawing) => {}
            // What such a drawing shows is said in it.
            Event::Text(_) if self.drawing => {}
            // What is wider than a phone scrolls by itself, also by keyboard.
            Event::Start(Tag::Table(_)) => {
                let label = self.sections.last().map_or("", |section| section.title.as_str());
                let open = format!(
                    "<div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"Table: {}\">",
                    escape(label)
                );
                self.events.push(Event::Html(open.into()));
                self.events.push(event);
            }
            Event::End(TagEnd::Table) => {
                self.events.push(event);
                self.events.push(Event::Html("</div>\n".into()));
            }
            event => self.events.push(event),
        }
    }

    /// Keeps the words of a heading, and those of a section for the search.
    fn note(&mut self, event: &Event<'_>) {
        let (Event::Text(words) | Event::Code(words)) = event else {
            return;
        };
        if let Some(heading) = &mut self.heading {
            heading.title.push_str(words);
        } else if let Some(section) = self.sections.last_mut() {
            section.text.push_str(words);
            section.text.push(' ');
        }
    }

    fn end_code(&mut self) {
        if let Some((language, code)) = self.code.take() {
            let block = format!(
                "<pre tabindex=\"0\"><code class=\"language-{}\">{}</code></pre>\n",
                escape(&language),
                highlight(&language, &code)
            );
            self.events.push(Event::Html(block.into()));
        }
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let Some(Heading { at, id, title }) = self.heading.take() else {
            return;
        };
        let id = id.unwrap_or_else(|| slug(&title, &mut self.used));
        self.events[at] = Event::Start(heading(level, id.clone()));
        self.events.push(Event::InlineHtml(anchor(&id, &title).into()));
        self.sections.push(section(level, id, title));
    }
}

fn heading<'a>(level: HeadingLevel, id: String) -> Tag<'a> {
    Tag::Heading {
        level,
        id: Some(id.into()),
        classes: Vec::new(),
        attrs: Vec::new(),
    }
}

fn section(level: HeadingLevel, id: String, title: String) -> Section {
    Section {
        level,
        id,
        title,
        text: String::new(),
    }
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
