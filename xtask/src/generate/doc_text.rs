//! Documentation comments of the generated code: one line a line, and Markdown that rustdoc takes without a warning.

use proc_macro2::{Ident, Span};
use syn::token::Bracket;
use syn::visit_mut::VisitMut;
use syn::{AttrStyle, Attribute, Expr, ExprLit, Lit, LitStr, Meta, MetaNameValue, Token};

/// Rewrites every outer documentation comment into lines of `///`.
pub(super) struct Tidy {
    /// Whether the comments hold text of the document as it is, which rustdoc may take for links or HTML.
    pub(super) escape: bool,
}

impl VisitMut for Tidy {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        // Nineteen of twenty lists are empty.
        if attributes.is_empty() {
            return;
        }
        let mut text = String::new();
        let mut others = Vec::new();
        for attribute in attributes.drain(..) {
            match doc(&attribute) {
                Some(doc) => {
                    // `/// x` arrives as " x", a text of the document without the blank.
                    text.push_str(if doc.contains('\n') {
                        &doc
                    } else {
                        doc.strip_prefix(' ').unwrap_or(&doc)
                    });
                    text.push('\n');
                }
                None => others.push(attribute),
            }
        }
        let text = if self.escape {
            to_rustdoc(text.trim())
        } else {
            text.trim().to_owned()
        };
        attributes.extend(text.lines().map(|line| {
            let line = line.trim_end();
            let line = if line.is_empty() {
                String::new()
            } else {
                format!(" {line}")
            };
            doc_attribute(&line)
        }));
        attributes.append(&mut others);
    }
}

/// `#[doc = "..."]`. Parsing it would take longer than everything else that is done to a document.
fn doc_attribute(line: &str) -> Attribute {
    Attribute {
        pound_token: Token![#](Span::call_site()),
        style: AttrStyle::Outer,
        bracket_token: Bracket::default(),
        meta: Meta::NameValue(MetaNameValue {
            path: Ident::new("doc", Span::call_site()).into(),
            eq_token: Token![=](Span::call_site()),
            value: Expr::Lit(ExprLit {
                attrs: Vec::new(),
                lit: Lit::Str(LitStr::new(line, Span::call_site())),
            }),
        }),
    }
}

/// The text of a documentation comment, as it is in the document.
pub(super) fn doc_comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(doc);
    lines.collect::<Vec<_>>().join("\n")
}

fn doc(attribute: &Attribute) -> Option<String> {
    if !matches!(attribute.style, AttrStyle::Outer) {
        return None;
    }
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(literal) = &pair.value else { return None };
    match &literal.lit {
        Lit::Str(text) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

/// Markdown of the document as Markdown for rustdoc.
///
/// In a description `<id>` and `[x]` are text, and a bare URL is a link; rustdoc takes the first two for HTML and for
/// a link to an item, and warns about the third. It also compiles code blocks that name no language.
pub(super) fn to_rustdoc(markdown: &str) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut fence: Option<String> = None;
    let mut in_list = false;
    let mut indented_code = false;
    let mut after_blank = true;

    let flush = |paragraph: &mut String, out: &mut String| {
        out.push_str(&escape_inline(paragraph));
        paragraph.clear();
    };
    for line in markdown.lines() {
        let text = line.trim_start();
        if let Some(end) = &fence {
            out.push_str(line);
            out.push('\n');
            if text.trim_end() == end {
                fence = None;
            }
            after_blank = false;
            continue;
        }
        if indented_code && !text.is_empty() && !line.starts_with("    ") {
            indented_code = false;
            out.push_str("```\n");
        }
        let mark: String = text.chars().take_while(|c| *c == '`' || *c == '~').collect();
        if !indented_code && mark.len() >= 3 && !text[mark.len()..].contains('`') {
            flush(&mut paragraph, &mut out);
            let language = if text.len() == mark.len() { "text" } else { "" };
            out.push_str(line);
            out.push_str(language);
            out.push('\n');
            fence = Some(mark);
        } else if text.is_empty() {
            flush(&mut paragraph, &mut out);
            out.push('\n');
        } else if indented_code || (after_blank && !in_list && line.starts_with("    ")) {
            if !indented_code {
                flush(&mut paragraph, &mut out);
                out.push_str("```text\n");
                indented_code = true;
            }
            out.push_str(&line[4..]);
            out.push('\n');
        } else {
            in_list = is_list_item(text) || (in_list && line.starts_with(' '));
            paragraph.push_str(line);
            paragraph.push('\n');
        }
        after_blank = text.is_empty();
    }
    flush(&mut paragraph, &mut out);
    if indented_code {
        out.push_str("```\n");
    }
    if let Some(end) = fence {
        out.push_str(&end);
        out.push('\n');
    }
    out.trim_end().to_owned()
}

fn is_list_item(text: &str) -> bool {
    let after_number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        after_number.len() < text.len() && (after_number.starts_with(". ") || after_number.starts_with(") "));
    numbered || ["- ", "* ", "+ "].iter().any(|bullet| text.starts_with(bullet))
}

fn escape_inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Byte by byte, since nearly all of a text is plain, and all of these are ASCII.
    let is_special = |byte| matches!(byte, b'`' | b'\\' | b'<' | b'[' | b'h');
    while let Some(plain) = rest.bytes().position(is_special) {
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let taken = match rest.chars().next().unwrap_or_default() {
            '`' => code_span(rest),
            '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            '<' => autolink(rest).unwrap_or_else(|| {
                out.push('\\');
                1
            }),
            '[' => inline_link(rest).unwrap_or_else(|| {
                out.push('\\');
                1
            }),
            'h' if !out.ends_with(|c: char| c.is_alphanumeric()) && url_length(rest) > 0 => {
                let length = url_length(rest);
                out.push('<');
                out.push_str(&rest[..length]);
                out.push('>');
                rest = &rest[length..];
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// The length of the code span at the beginning, or of its opening backticks if it is never closed.
fn code_span(text: &str) -> usize {
    let opening = text.len() - text.trim_start_matches('`').len();
    let mut at = opening;
    while let Some(offset) = text[at..].find('`') {
        let start = at + offset;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        at = start + run;
        if run == opening {
            return at;
        }
    }
    opening
}

/// The length of `<https://...>` at the beginning.
fn autolink(text: &str) -> Option<usize> {
    let end = text.find('>')?;
    let inside = &text[1..end];
    let is_link = ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| inside.starts_with(scheme));
    (is_link && !inside.contains(char::is_whitespace)).then_some(end + 1)
}

/// The length of `[text](target)` at the beginning.
fn inline_link(text: &str) -> Option<usize> {
    let middle = text.find("](")?;
    let end = middle + text[middle..].find(')')?;
    (!text[1..middle].contains(['[', ']'])).then_some(end + 1)
}

/// The length of the bare URL at the beginning, 0 if there is none.
fn url_length(text: &str) -> usize {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return 0;
    }
    let end = text
        .find(|c: char| c.is_whitespace() || "<>\"`{}".contains(c))
        .unwrap_or(text.len());
    let url = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']', '*', '_']);
    if url.ends_with("//") { 0 } else { url.len() }
}

#[cfg(test)]
mod tests {
    use super::to_rustdoc;

    #[test]
    fn bare_urls_become_links() {
        assert_eq!(to_rustdoc("See https://a.b/c."), "See <https://a.b/c>.");
        assert_eq!(to_rustdoc("(http://a.b)"), "(<http://a.b>)");
        assert_eq!(to_rustdoc("<https://a.b>"), "<https://a.b>");
        assert_eq!(to_rustdoc("[here](https://a.b)"), "[here](https://a.b)");
    }

    #[test]
    fn what_rustdoc_would_take_for_html_or_for_an_item_is_text() {
        assert_eq!(to_rustdoc("a <id> and [x]"), "a \\<id> and \\[x]");
        assert_eq!(to_rustdoc("`<id> [x] https://a.b`"), "`<id> [x] https://a.b`");
        assert_eq!(to_rustdoc("\\<id> \\[x]"), "\\<id> \\[x]");
    }

    #[test]
    fn code_without_a_language_is_not_compiled() {
        assert_eq!(to_rustdoc("```\nlet\n```"), "```text\nlet\n```");
        assert_eq!(to_rustdoc("```json\n{}\n```"), "```json\n{}\n```");
        assert_eq!(to_rustdoc("a\n\n    code [x]\n\nb"), "a\n\n```text\ncode [x]\n\n```\nb");
        assert_eq!(to_rustdoc("- a\n\n      still a"), "- a\n\n      still a");
    }
}
