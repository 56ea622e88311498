//! What ties every line to the one before it.
//!
//! A line ends in `,"chain":"0123456789abcdef"}`: the first 16 hex digits of SHA-256 over the chain of the line before
//! (its 16 digits, nothing for the first line) and the line without this member and without the line feed. So
//!
//! ```text
//! printf '%s%s' "$CHAIN_BEFORE" "$LINE_WITHOUT_CHAIN" | sha256sum | cut -c1-16
//! ```
//!
//! tells the same as this module. It finds what an editor, a merge or a broken copy does to a file. It is no signature:
//! who knows how to compute it can write any journal.

use sha2::{Digest as _, Sha256};

const BEFORE: &[u8] = br#","chain":""#;
const AFTER: &[u8] = br#""}"#;
const DIGITS: usize = 16;
const MEMBER: usize = BEFORE.len() + DIGITS + AFTER.len();

/// The chain up to a line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain(Option<[u8; DIGITS]>);

impl Chain {
    /// Appends a line that ends in the chain and a line feed. `object` is the JSON of an object with a member or more.
    pub(super) fn seal(&mut self, object: &[u8], out: &mut Vec<u8>) {
        let open = object.strip_suffix(b"}").unwrap_or(object);
        let digits = self.next(open);
        out.extend_from_slice(open);
        out.extend_from_slice(BEFORE);
        out.extend_from_slice(&digits);
        out.extend_from_slice(AFTER);
        out.push(b'\n');
        self.0 = Some(digits);
    }

    /// Goes on to a line, without its line feed, if it follows from the lines before.
    pub(super) fn follow(&mut self, line: &[u8]) -> bool {
        let Some((open, member)) = line.len().checked_sub(MEMBER).map(|at| line.split_at(at)) else {
            return false;
        };
        let digits = self.next(open);
        let follows = member
            .strip_prefix(BEFORE)
            .and_then(|rest| rest.strip_suffix(AFTER))
            .is_some_and(|told| told == digits);
        if follows {
            self.0 = Some(digits);
        }
        follows
    }

    /// The digits of a line, given without its last brace.
    fn next(self, open: &[u8]) -> [u8; DIGITS] {
        let mut hash = Sha256::new();
        if let Some(before) = self.0 {
            hash.update(before);
        }
        hash.update(open);
        hash.update(b"}");
        let hash = hash.finalize();
        let mut digits = [0; DIGITS];
        for (two, byte) in digits.chunks_exact_mut(2).zip(hash.iter()) {
            two.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        digits
    }
}

fn digit(half: u8) -> u8 {
    if half < 10 { b'0' + half } else { b'a' - 10 + half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_line_follows_only_from_the_lines_before_it() {
        let mut out = Vec::new();
        let mut chain = Chain::default();
        chain.seal(br#"{"a":1}"#, &mut out);
        chain.seal(br#"{"a":1}"#, &mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().map(str::as_bytes).collect();
        // printf '%s' '{"a":1}' | sha256sum, and the same with these 16 digits before it
        assert_eq!(lines[0], br#"{"a":1,"chain":"015abd7f5cc57a2d"}"#);
        assert_eq!(lines[1], br#"{"a":1,"chain":"23abd591feb83378"}"#);

        let mut chain = Chain::default();
        assert!(!chain.follow(lines[1]));
        assert!(chain.follow(lines[0]));
        assert!(!chain.follow(lines[0]));
        assert!(!chain.follow(b""));
        assert!(chain.follow(lines[1]));
    }
}
