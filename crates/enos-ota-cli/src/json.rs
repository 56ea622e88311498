//! JSON on standard output. It may be shown on a terminal, so what could steer one stands there as `\uXXXX`.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::failure::Failure;
use crate::text::is_hidden;

static PRINTED: AtomicBool = AtomicBool::new(false);

/// Whether anything was written.
pub(crate) fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// Writes a value without a line feed.
pub(crate) fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    PRINTED.store(true, Ordering::Relaxed);
    value
        .serialize(&mut Serializer::with_formatter(out, Escaping))
        .map_err(io::Error::from)
}

/// Writes a value on a line of its own.
pub(crate) fn print(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    write(out, value)?;
    writeln!(out)?;
    Ok(())
}

/// JSON in lines, with every number, name and order as they are; `None` if it is no JSON.
pub(crate) fn pretty(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut opened = false;
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for character in text.chars() {
        if in_string {
            push_visible(&mut out, character);
            in_string = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        if character.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(character, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        // An empty object or list stays on its line.
        if std::mem::take(&mut opened) != closes {
            indent(&mut out, depth);
        }
        out.push(character);
        match character {
            '{' | '[' => {
                depth += 1;
                opened = true;
            }
            ',' => indent(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_string = true,
            _ => {}
        }
    }
    Some(out)
}

/// A character of a string, as an escape if it could steer a terminal.
fn push_visible(out: &mut String, character: char) {
    if is_hidden(character) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(out, format_args!("\\u{unit:04x}"));
        }
    } else {
        out.push(character);
    }
}

struct Escaping;

impl Formatter for Escaping {
    /// The parts of a string that need no escapes by the rules of JSON.
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, hidden) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = hidden.chars();
            if let Some(character) = chars.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_nothing_in_it_changes() {
        let text = r#"{"z":[],"a": [1.50, 12345678901234567890,{"b":"x, \"{y}\" \\"}],"e":{} }"#;
        let laid_out = pretty(text).unwrap();
        assert_eq!(
            laid_out.lines().collect::<Vec<_>>(),
            [
                "{",
                "  \"z\": [],",
                "  \"a\": [",
                "    1.50,",
                "    12345678901234567890,",
                "    {",
                r#"      "b": "x, \"{y}\" \\""#,
                "    }",
                "  ],",
                "  \"e\": {}",
                "}",
            ]
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&laid_out).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
        assert_eq!(pretty("\"a\u{9b}\"").unwrap(), "\"a\\u009b\"");
        assert_eq!((pretty("7").as_deref(), pretty("<html>")), (Some("7"), None));
    }

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_read_back_as_it_was() {
        let text = "a\u{9b}31m\u{202e}b\u{200b}\u{e0041}\u{7f}\u{1b}[2J\n\"ü升";
        let mut out = Vec::new();
        write(&mut out, &text).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(
            written,
            "\"a\\u009b31m\\u202eb\\u200b\\udb40\\udc41\\u007f\\u001b[2J\\n\\\"ü升\""
        );
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
