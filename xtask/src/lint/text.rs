//! The texts of the document, and what must not be left in them.

use super::Findings;
use crate::diagnostic::{Diagnostic, Mark, SourceFile};
use crate::spec::Document;
use crate::spec::tree::Node;

/// Keys under which there is text for readers.
const TEXTS: [&str; 5] = ["description", "permission", "remedy", "summary", "title"];
/// Keys under which there are values, in which a key of that name means something else.
const VALUES: [&str; 4] = ["default", "enum", "example", "value"];

pub(super) fn lint(document: &Document, findings: &mut Findings) {
    todo(document, &document.root, findings);
    swallowed_keys(document, findings);
}

/// A text of many lines goes on as long as the lines are indented: what follows it becomes part of it if a key in between
/// is lost, and nothing else tells.
fn swallowed_keys(document: &Document, findings: &mut Findings) {
    const SIGNS: [&str; 7] = [
        " $ref: \"#",
        " allOf: -",
        " type: array",
        " type: boolean",
        " type: integer",
        " type: object",
        " type: string",
    ];
    each(&document.root, &mut |node| {
        let text = node.as_str().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let places = SIGNS.iter().filter_map(|sign| Some((text.find(sign)?, sign)));
        if let Some((_, sign)) = places.min() {
            let at = locate(&document.source, node.at, sign);
            let diagnostic = Diagnostic::new(at, "this has become part of the text above it");
            findings.error(
                "text-keys",
                diagnostic.hint("a key is missing in between, or the indentation is wrong"),
            );
        }
    });
}

/// What is still to be written, be it text or a value.
fn todo(document: &Document, node: &Node, findings: &mut Findings) {
    let words = node.as_str().unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    let (mut start, mut at) = (node.at, node.at);
    for _ in words.filter(|word| *word == "TODO") {
        let found = locate(&document.source, start, "TODO");
        at = if found == start { at } else { found };
        let diagnostic = Diagnostic::new(at, "this is still to be written");
        findings.error("todo", diagnostic.hint("replace the text that has TODO in it"));
        // The next one may be on another line; if it is not, it is told by the same mark.
        start = Mark {
            line: at.line + 1,
            column: 1,
            width: 1,
        };
    }
    children(node).for_each(|(_, child)| todo(document, child, findings));
}

/// Calls a function with each text that is for readers.
pub(super) fn each<'a>(node: &'a Node, see: &mut impl FnMut(&'a Node)) {
    for (key, child) in children(node) {
        let is_text = key.is_some_and(|key| TEXTS.contains(&key));
        if is_text && child.as_str().is_some() {
            see(child);
        } else if !key.is_some_and(|key| VALUES.contains(&key)) {
            each(child, see);
        }
    }
}

fn children(node: &Node) -> impl Iterator<Item = (Option<&str>, &Node)> {
    let entries = node.entries().iter();
    let entries = entries.map(|entry| (Some(entry.key.as_str()), &entry.value));
    entries.chain(node.items().iter().map(|item| (None, item)))
}

/// Where words of a text are. A text that begins at a place may have many lines, and be folded.
pub(super) fn locate(source: &SourceFile, start: Mark, words: &str) -> Mark {
    // The first words of what is looked for, as many as are on one line.
    let words: Vec<_> = words.split_whitespace().take(4).collect();
    let lines: Vec<_> = source.text.lines().skip(start.line - 1).take(80).collect();
    for count in (1..=words.len()).rev() {
        let wanted = words[..count].join(" ");
        for (index, line) in lines.iter().enumerate() {
            // On the first line there may be a key in front.
            let skipped = if index == 0 { start.column - 1 } else { 0 };
            let offset = line
                .char_indices()
                .nth(skipped)
                .map_or(line.len(), |(offset, _)| offset);
            if let Some(found) = line[offset..].find(&wanted) {
                return Mark {
                    line: start.line + index,
                    column: line[..offset + found].chars().count() + 1,
                    width: wanted.chars().count(),
                };
            }
        }
    }
    start
}

/// The bullets and sentences of a text: what one mark speaks for.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut blocks: Vec<(bool, String)> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            is_open = false;
        } else if let Some(bullet) = trimmed.strip_prefix("- ") {
            blocks.push((true, bullet.to_owned()));
            is_open = true;
        } else if let Some((_, block)) = blocks.last_mut().filter(|_| is_open) {
            block.push(' ');
            block.push_str(trimmed);
        } else {
            blocks.push((false, trimmed.to_owned()));
            is_open = true;
        }
    }
    let mut statements = Vec::new();
    for (is_bullet, block) in blocks {
        if is_bullet {
            statements.push(block);
        } else {
            statements.extend(sentences(&block));
        }
    }
    statements
}

fn sentences(block: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (end, _) in block.match_indices(". ") {
        // Not after a number of a list or an abbreviation, but where a new sentence has a capital, digit or quote.
        let next = block[end + 2..].chars().next();
        if next.is_some_and(|c| !c.is_lowercase()) {
            sentences.push(block[start..=end].to_owned());
            start = end + 2;
        }
    }
    sentences.push(block[start..].to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_bullet_is_one_statement_and_a_paragraph_one_a_sentence() {
        let text = "One. Two of EnOS 3.0.0\nis long.\n\n- A bullet. It goes\n  on.\n- Another.\n\nThe end";
        assert_eq!(
            statements(text),
            [
                "One.",
                "Two of EnOS 3.0.0 is long.",
                "A bullet. It goes on.",
                "Another.",
                "The end"
            ]
        );
    }
}
