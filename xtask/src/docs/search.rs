//! The index that the pages are searched with: a script, because a page that was opened as a file may load nothing else.

use serde_json::json;

/// Something that can be found.
pub(super) struct Entry {
    kind: String,
    title: String,
    address: String,
    text: String,
}

/// More text than this of a section adds to the size of the index, and hardly to what is found.
const LONGEST: usize = 1500;

impl Entry {
    pub(super) fn new(kind: &str, title: &str, address: &str, text: &str) -> Self {
        let words: Vec<_> = text.split_whitespace().collect();
        Self {
            kind: kind.to_owned(),
            title: title.to_owned(),
            address: address.to_owned(),
            text: words.join(" ").chars().take(LONGEST).collect(),
        }
    }

    pub(super) fn is_on(&self, page: &str) -> bool {
        self.address.starts_with(page)
    }
}

/// The script that defines the index.
pub(super) fn script(entries: &[Entry]) -> String {
    let lines: Vec<_> = entries
        .iter()
        .map(|entry| json!([entry.kind, entry.title, entry.address, entry.text]).to_string())
        .collect();
    format!("window.searchIndex = [\n{}\n];\n", lines.join(",\n"))
}
