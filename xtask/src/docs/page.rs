//! What all pages have in common.

use pulldown_cmark::HeadingLevel;

use super::book::{Book, Page};
use super::html::{add, escape};
use super::markdown::Rendered;

/// What may be loaded, and from where: nothing from another host. `file:` lets a page find its style when it was opened
/// from a disk, where browsers disagree about what `'self'` means.
const POLICY: &str = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; \
    base-uri 'none'; form-action 'none'";

/// A secret is typed into this page, so it may load nothing but its own scripts, and send nothing at all.
const POLICY_WITH_SECRET: &str = "default-src 'none'; script-src 'self' file: 'wasm-unsafe-eval'; style-src 'self' file:; \
    img-src 'self' file: data:; connect-src 'none'; base-uri 'none'; form-action 'none'";

/// A page as HTML.
pub(super) fn page(book: &Book<'_>, at: usize, rendered: &Rendered, footer: &str) -> String {
    let page = &book.pages[at];
    let title = escape(&page.title);
    let heading = if page.title.starts_with("enos-ota") {
        format!("<code>{title}</code>")
    } else {
        title.clone()
    };
    let main = format!("<h1>{heading}</h1>\n{}{}", rendered.html, neighbours(book, at));
    let signs = page.name == "sign";
    frame(&Frame {
        title: &title,
        description: &escape(&page.description),
        language: page.language(),
        policy: if signs { POLICY_WITH_SECRET } else { POLICY },
        scripts: if signs { &["sign.js"] } else { &[] },
        main: &main,
        navigation: &navigation(book, Some((at, rendered))),
        footer,
        alternate: Some(&page.name),
    })
}

/// The page that a server shows in the place of one that does not exist.
pub(super) fn missing(book: &Book<'_>, footer: &str) -> String {
    frame(&Frame {
        title: "No such page",
        description: "There is no page at this address.",
        language: "en",
        policy: POLICY,
        scripts: &[],
        main: "<h1>No such page</h1>\n<p>There is no page at this address. Search for it, or begin at the \
            <a href=\"index.html\">start</a>.</p>",
        navigation: &navigation(book, None),
        footer,
        alternate: None,
    })
}

/// Version and date, and where the source is.
pub(super) fn footer(book: &Book<'_>, version: &str, date: &str, repository: Option<&str>) -> String {
    let changes = book.pages.iter().any(|page| page.name == "changelog");
    let version = escape(version);
    let version = if changes {
        format!("<a href=\"changelog.html\">Version {version}</a>")
    } else {
        format!("Version {version}")
    };
    let source = repository.map_or_else(String::new, |repository| {
        format!(" · <a href=\"{}\">Source</a>", escape(repository))
    });
    format!(
        "<p>{version}, <time>{}</time>{source} · <a href=\"llms.txt\">For programs</a></p>\n<p>An independent description, \
         written from the platform’s public pages; not a publication of the vendor. MIT or Apache-2.0.</p>",
        escape(date)
    )
}

fn neighbours(book: &Book<'_>, at: usize) -> String {
    let link = |page: Option<&Page>, relation: &str, words: &str| {
        page.map_or_else(String::new, |page| {
            format!(
                "<a rel=\"{relation}\" href=\"{}.html\"><span>{words}</span> {}</a>",
                page.name,
                escape(&page.title)
            )
        })
    };
    let before = at.checked_sub(1).and_then(|before| book.pages.get(before));
    format!(
        "<nav class=\"neighbours\" aria-label=\"Previous and next page\">\n{}\n{}\n</nav>",
        link(before, "prev", "Previous"),
        link(book.pages.get(at + 1), "next", "Next")
    )
}

/// All pages by group, of which the current one is open, and the headings of the current page.
fn navigation(book: &Book<'_>, current: Option<(usize, &Rendered)>) -> String {
    let mut out = String::new();
    let mut group = "";
    for (number, page) in book.pages.iter().enumerate() {
        if page.group != group {
            if !group.is_empty() {
                out.push_str("</ul></details>\n");
            }
            group = &page.group;
            let open = current.is_none_or(|(at, _)| book.pages[at].group == *group);
            let open = if open { " open" } else { "" };
            add(
                &mut out,
                format_args!("<details{open}><summary>{}</summary>\n<ul>\n", escape(group)),
            );
        }
        let here = current.filter(|(at, _)| *at == number);
        let mark = if here.is_some() { " aria-current=\"page\"" } else { "" };
        add(
            &mut out,
            format_args!("<li><a href=\"{}.html\"{mark}>{}</a>", page.name, escape(&page.title)),
        );
        if let Some((_, rendered)) = here {
            let sections = rendered
                .sections
                .iter()
                .filter(|section| section.level == HeadingLevel::H2);
            out.push_str("<ul>");
            for section in sections {
                let title = escape(&section.title);
                add(
                    &mut out,
                    format_args!("<li><a href=\"#{}\">{title}</a></li>", section.id),
                );
            }
            out.push_str("</ul>");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul></details>\n");
    out.replace("<ul></ul>", "")
}

struct Frame<'a> {
    title: &'a str,
    description: &'a str,
    language: &'a str,
    policy: &'a str,
    scripts: &'a [&'a str],
    main: &'a str,
    navigation: &'a str,
    footer: &'a str,
    /// The name of the page, if it is there as Markdown too.
    alternate: Option<&'a str>,
}

fn frame(frame: &Frame<'_>) -> String {
    let mut scripts = String::new();
    for script in ["search-index.js", "search.js", "copy.js"].iter().chain(frame.scripts) {
        add(&mut scripts, format_args!("<script src=\"{script}\" defer></script>\n"));
    }
    let alternate = frame.alternate.map_or_else(String::new, |name| {
        format!("<link rel=\"alternate\" type=\"text/markdown\" href=\"{name}.md\">\n")
    });
    format!(
        r##"<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="description" content="{description}">
<title>{title} – enos-ota</title>
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="style.css">
{alternate}<script src="theme.js"></script>
{scripts}</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<a class="brand" href="index.html">enos-ota</a>
<form class="search" role="search" hidden>
<label for="search" class="unseen">Search all pages, commands, options and codes</label>
<input id="search" type="search" placeholder="Search  ( / )" autocomplete="off" spellcheck="false" aria-controls="results">
<div id="results" class="results" hidden></div>
<div class="unseen" role="status" id="found"></div>
</form>
<button id="theme" class="plain" type="button" hidden>Theme: system</button>
<a class="menu" href="#pages">Pages</a>
</header>
<div class="frame">
<main id="main" tabindex="-1">
{main}
</main>
<nav id="pages" aria-label="Pages">
{navigation}</nav>
</div>
<footer>
{footer}
</footer>
</body>
</html>
"##,
        language = frame.language,
        policy = frame.policy,
        description = frame.description,
        title = frame.title,
        main = frame.main,
        navigation = frame.navigation,
        footer = frame.footer,
    )
}
