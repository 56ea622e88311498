//! JSON on standard output. It may be shown on a terminal, so what could steer one stands there as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::failure::Failure;
use crate::text::is_hidden;

/// Writes a value without a line feed.
pub(crate) fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
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
