//! One line per device, for spreadsheets.

use std::borrow::Cow;
use std::io;

use crate::Report;
use crate::row::Row;
use crate::text::is_hidden;

const HEADER: &str = "deviceKey,jobId,productKey,fromVersion,toVersion,reason,outcome,code,message,requestId,fate,\
                      failedAgainReason,sentAt,journal";

impl Report {
    /// Writes one line per device, after a header: comma-separated, UTF-8, lines ended by a line feed.
    ///
    /// | Column | What it is |
    /// | --- | --- |
    /// | `deviceKey`, `jobId` | the device and the job; no two lines have both in common |
    /// | `productKey`, `fromVersion`, `toVersion`, `reason` | what was known of the task when it was selected |
    /// | `outcome` | `accepted`, `rejected`, `skipped`, `unknown`; or, while it is open, `waiting`, `inDoubt`, `suspect` |
    /// | `code`, `message`, `requestId` | what the platform said, or what went wrong |
    /// | `fate` | [`Fate`](enos_ota_campaign::Fate) of an accepted device, or of one of unknown outcome that a search has shown |
    /// | `failedAgainReason` | why it failed again |
    /// | `sentAt` | when the last call that carried it was sent: RFC 3339 |
    /// | `journal` | the journal in which it stands so |
    ///
    /// What is not known is empty.
    ///
    /// # Formulas
    ///
    /// Devices choose their texts, and a spreadsheet carries out a cell that begins like a formula. So an apostrophe
    /// stands before every text that begins with `=`, `+`, `-`, `@` or their wide forms or with an apostrophe, also
    /// after spaces, or with a tab or line break; and before what begins like a formula after a tab, line break or
    /// semicolon within a text, because where the semicolon separates cells, a spreadsheet splits there. Who takes away every apostrophe
    /// at the beginning of a text and after a tab, line break or semicolon has the text as it was. Numbers and times
    /// are written as they are.
    ///
    /// Tabs and line breaks are written as they are. Every other character that could not be seen is written as an
    /// escape such as `\u{202e}`: control characters, marks of direction, and what has no width.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_csv<W: io::Write>(&self, out: W) -> io::Result<()> {
        // Lines of different lengths are an error of the writer, which cannot be: there is one place that writes them.
        let mut csv = csv::WriterBuilder::new()
            .has_headers(false)
            .buffer_capacity(1 << 16)
            .from_writer(out);
        csv.write_record(HEADER.split(',')).map_err(into_io)?;
        for device in self.devices() {
            csv.serialize(Row::of(&device, harmless)).map_err(into_io)?;
        }
        csv.flush()
    }
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A text that no spreadsheet takes for a formula, as [`Report::write_csv`] writes texts.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().all(char::is_alphanumeric) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 1);
    let mut begins = true;
    for (at, character) in text.char_indices() {
        let breaks = matches!(character, '\t' | '\n' | '\r');
        if begins && (looks_like_a_formula(&text[at..]) || (breaks && at == 0)) {
            out.push('\'');
        }
        begins = breaks || character == ';';
        if is_hidden(character) && !breaks {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn looks_like_a_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() && !matches!(c, '\t' | '\n' | '\r'))
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\''])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the documentation says that a reader gets the text back.
    fn undone(text: &str) -> String {
        let mut out = String::new();
        let mut begins = true;
        for character in text.chars() {
            if !(begins && character == '\'') {
                out.push(character);
            }
            begins = matches!(character, '\t' | '\n' | '\r' | ';');
        }
        out
    }

    #[test]
    fn nothing_begins_like_a_formula() {
        for (text, written) in [
            ("pump-01", "pump-01"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("-1", "'-1"),
            ("+1", "'+1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("\t=1", "'\t'=1"),
            ("\r\n=1", "'\r\n'=1"),
            ("a\r\nb", "a\r\nb"),
            ("'quoted'", "''quoted'"),
            ("a;=1", "a;'=1"),
            ("a;b\n-1", "a;b\n'-1"),
            ("a\x1b[0m\u{202e}", r"a\u{1b}[0m\u{202e}"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), written, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_text_back(text in "[-=+@'; a\\n\\r\\t,\"＝]{0,12}") {
            let written = harmless(&text);
            prop_assert_eq!(undone(&written), text.as_str());
            for cell in written.split(['\t', '\n', '\r', ';']) {
                prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＝']), "{:?}", written);
            }
        }
    }
}
