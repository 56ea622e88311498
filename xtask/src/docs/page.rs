//! What all pages have in common.

use super::html::{add, escape};

/// What may be loaded, and from where: nothing from another host. `file:` lets a page find its style when it was opened
/// from a disk, where browsers disagree about what `'self'` means.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data:; \
    base-uri 'none'; form-action 'none'";

/// What is particular about a page.
pub(super) struct Meta<'a> {
    pub(super) file: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) policy: &'a str,
    pub(super) scripts: &'a [&'a str],
}

const NAVIGATION: [(&str, &str); 8] = [
    ("index.html", "Start"),
    ("reference.html", "Reference"),
    ("codes.html", "Error codes"),
    ("sign.html", "Signing"),
    ("guide-cli.html", "Command line"),
    ("guide-rust.html", "Rust"),
    ("guide-spec.html", "OpenAPI"),
    ("unknowns.html", "Not known"),
];

/// A page around its main part.
pub(super) fn page(meta: &Meta<'_>, main: &str) -> String {
    let mut navigation = String::new();
    for (file, name) in NAVIGATION {
        let current = if file == meta.file {
            " aria-current=\"page\""
        } else {
            ""
        };
        add(
            &mut navigation,
            format_args!("<li><a href=\"{file}\"{current}>{name}</a></li>\n"),
        );
    }
    let title = if meta.file == "index.html" {
        escape(meta.title)
    } else {
        format!("{} – EnOS OTA jobs", escape(meta.title))
    };
    let mut scripts = String::new();
    for script in ["search-index.js", "search.js"].iter().chain(meta.scripts) {
        add(&mut scripts, format_args!("<script src=\"{script}\" defer></script>\n"));
    }
    format!(
        r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="description" content="{description}">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script src="theme.js"></script>
{scripts}</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<div class="bar">
<a class="brand" href="index.html">EnOS OTA jobs</a>
<form class="search" role="search" hidden>
<label for="search" class="unseen">Search all pages and operations</label>
<input id="search" type="search" placeholder="Search  ( / )" autocomplete="off" spellcheck="false" aria-controls="results">
<div id="results" class="results" hidden></div>
<div class="unseen" role="status" id="found"></div>
</form>
<button id="theme" class="plain" type="button" hidden>Theme: system</button>
</div>
<nav aria-label="Pages">
<ul>
{navigation}</ul>
</nav>
</header>
<main id="main" tabindex="-1">
{main}
</main>
<footer>
<p>An independent description, written from the platform’s public pages; not a publication of the vendor. MIT or Apache-2.0.</p>
</footer>
</body>
</html>
"##,
        policy = meta.policy,
        description = escape(meta.description),
    )
}
