//! Text in HTML.

use std::fmt::{self, Write as _};

/// Appends to a text.
pub(super) fn add(text: &mut String, more: fmt::Arguments<'_>) {
    // Writing into a string fails only if something that is written does, and nothing here does.
    let _ = text.write_fmt(more);
}

/// A text with what means something in HTML escaped.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// The link of a heading to itself, for its address to be copied.
pub(super) fn anchor(id: &str, title: &str) -> String {
    format!(
        " <a class=\"anchor\" href=\"#{}\" aria-label=\"Link to: {}\">#</a>",
        escape(id),
        escape(title)
    )
}
