//! Device keys from the command line, a file or standard input.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use enos_ota::{DeviceKey, DeviceKeys};

use crate::args::Keys;
use crate::config::unreadable;
use crate::console;
use crate::failure::Failure;
use crate::limited;
use crate::text::{fit, shell_word};

/// The device keys that the command line gives or names a file of. A repeated key is merged with the first, and a warning
/// tells how many there were.
pub(crate) fn of(keys: &Keys) -> Result<DeviceKeys, Failure> {
    match &keys.device_keys_file {
        Some(path) if !keys.device_keys.is_empty() => Err(Failure::usage(format!(
            "devices are named, and --device-keys-file names {} too",
            path.display()
        ))
        .with_hint("add the named devices to the file, or leave either out")),
        Some(path) => of_file(path),
        None => of_names(&keys.device_keys),
    }
}

pub(crate) fn of_names(names: &[String]) -> Result<DeviceKeys, Failure> {
    let mut list = List::default();
    for (index, key) in names.iter().enumerate() {
        let place = || format!("device key {}", index + 1);
        refuse_separators(key, place).map_err(|failure| {
            let words: Vec<_> = key
                .split(is_separator)
                .filter(|word| !word.is_empty())
                .map(shell_word)
                .collect();
            failure.with_hint(format!("did you mean: {}", words.join(" ")))
        })?;
        list.push(key, place)?;
    }
    list.finish()
}

/// The device keys in a file; `-` is standard input.
pub(crate) fn of_file(path: &Path) -> Result<DeviceKeys, Failure> {
    List::of_file(path)?.finish()
}

/// The same, where there may be none.
pub(crate) fn any_of_file(path: &Path) -> Result<Vec<DeviceKey>, Failure> {
    Ok(List::of_file(path)?.into_keys())
}

/// Longer than any key, or a comment that somebody would write.
const LONGEST_LINE: u64 = 64 << 10;

#[derive(Default)]
struct List {
    keys: Vec<DeviceKey>,
    seen: HashSet<String>,
    repeated: usize,
    undocumented: usize,
    example: Option<String>,
}

enum ReadError {
    Io(io::Error),
    Bad(Failure),
}

impl ReadError {
    fn into_failure(self, path: &Path) -> Failure {
        match self {
            Self::Io(error) => unreadable("device key file", path, &error),
            Self::Bad(failure) => failure,
        }
    }
}

impl List {
    fn of_file(path: &Path) -> Result<Self, Failure> {
        let mut list = Self::default();
        if path == Path::new("-") {
            list.read(io::stdin().lock(), "standard input")
                .map_err(|error| error.into_failure(path))?;
        } else {
            let file = File::open(path).map_err(|error| unreadable("device key file", path, &error))?;
            list.read(BufReader::new(file), &path.display().to_string())
                .map_err(|error| error.into_failure(path))?;
        }
        Ok(list)
    }

    fn read(&mut self, mut input: impl BufRead, name: &str) -> Result<(), ReadError> {
        let mut line = Vec::new();
        let mut number = 0;
        let mut left = limited::KEYS;
        loop {
            line.clear();
            let read = (&mut input)
                .take(LONGEST_LINE + 1)
                .read_until(b'\n', &mut line)
                .map_err(ReadError::Io)?;
            if read == 0 {
                return Ok(());
            }
            number += 1;
            let read = read as u64;
            if read > LONGEST_LINE {
                return Err(ReadError::Bad(Failure::usage(format!(
                    "{name}, line {number}: longer than {} KiB, so this is not a list of device keys",
                    LONGEST_LINE >> 10
                ))));
            }
            left = left
                .checked_sub(read)
                .ok_or_else(|| ReadError::Io(limited::too_large(limited::KEYS)))?;
            let place = || format!("{name}, line {number}");
            let text = std::str::from_utf8(&line).map_err(|_| {
                ReadError::Bad(
                    Failure::usage(format!("{}: not valid UTF-8", place())).with_hint("save the file as UTF-8"),
                )
            })?;
            let text = if number == 1 {
                text.trim_start_matches('\u{feff}')
            } else {
                text
            };
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            refuse_separators(text, place).map_err(|failure| {
                let expected = "expected one device key per line, without quotes, commas or further columns";
                ReadError::Bad(failure.with_hint(expected))
            })?;
            self.push(text, place).map_err(ReadError::Bad)?;
        }
    }

    fn push(&mut self, text: &str, place: impl Fn() -> String) -> Result<(), Failure> {
        if text.is_empty() {
            return Err(Failure::usage(format!("{}: a device key cannot be empty", place())));
        }
        if self.seen.contains(text) {
            self.repeated += 1;
            return Ok(());
        }
        if !is_documented_form(text) {
            self.undocumented += 1;
            self.example.get_or_insert_with(|| text.to_owned());
        }
        let key: DeviceKey = text
            .parse()
            .map_err(|error| Failure::usage(format!("{}: `{text}` is not a device key: {error}", place())))?;
        self.seen.insert(text.to_owned());
        self.keys.push(key);
        Ok(())
    }

    /// The keys, with warnings about what is odd about them.
    fn into_keys(self) -> Vec<DeviceKey> {
        if self.repeated > 0 {
            console::warning(format_args!(
                "{} repeated device {} left out",
                self.repeated,
                if self.repeated == 1 { "key was" } else { "keys were" }
            ));
        }
        if let Some(example) = &self.example {
            console::warning(format_args!(
                "{} of the device keys, `{example}` among them, {} not of the form that EnOS 3.0.0 documents (4 to 64 \
                 letters, digits, `-`, `_` or `.`)",
                self.undocumented,
                if self.undocumented == 1 { "is" } else { "are" }
            ));
        }
        self.keys
    }

    fn finish(self) -> Result<DeviceKeys, Failure> {
        let keys = self.into_keys();
        if keys.is_empty() {
            return Err(Failure::usage("no device keys were given")
                .with_hint("name devices, or a file with one device key a line with --device-keys-file"));
        }
        DeviceKeys::new(keys).map_err(|error| Failure::usage(error.to_string()))
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, ',' | ';' | '"')
}

/// A separator within a line means that the file is another than a list of keys.
fn refuse_separators(text: &str, place: impl Fn() -> String) -> Result<(), Failure> {
    let Some(found) = text.chars().find(|c| is_separator(*c)) else {
        return Ok(());
    };
    let shown = fit(text, 60);
    Err(Failure::usage(format!(
        "{}: `{shown}` is not a device key: it contains {found:?}",
        place()
    )))
}

/// The form on the limits page of EnOS 3.0.0. No other version documents one, so this only warns.
fn is_documented_form(key: &str) -> bool {
    (4..=64).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &[u8]) -> Result<Vec<String>, String> {
        let mut list = List::default();
        match list.read(text, "keys.txt") {
            Ok(()) => {}
            Err(ReadError::Bad(failure)) => return Err(failure.to_string()),
            Err(ReadError::Io(error)) => return Err(error.to_string()),
        }
        let keys = list.finish().map_err(|failure| failure.to_string())?;
        Ok(keys.iter().map(|key| key.to_string()).collect())
    }

    #[test]
    fn a_file_may_have_a_bom_windows_line_ends_comments_and_blank_lines() {
        let text = "\u{feff}meter-1\r\n\r\n# a comment\r\n  meter-2  \r\nmeter-1\r\nmeter-3";
        assert_eq!(read_text(text.as_bytes()).unwrap(), ["meter-1", "meter-2", "meter-3"]);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (text, complaint) in [
            (
                &b"meter-1\nme ter\n"[..],
                "keys.txt, line 2: `me ter` is not a device key: it contains ' '",
            ),
            (
                b"# x\n\nmeter-1,failed\n",
                "keys.txt, line 3: `meter-1,failed` is not a device key: it contains ','",
            ),
            (b"meter-1\n\xff\xfe\n", "keys.txt, line 2: not valid UTF-8"),
            (b"# nothing\n\n", "no device keys were given"),
            (b"", "no device keys were given"),
        ] {
            assert_eq!(read_text(text).unwrap_err(), complaint);
        }
    }

    #[test]
    fn keys_outside_the_documented_form_are_still_taken() {
        assert!(!is_documented_form("abc") && !is_documented_form("zähler-1") && is_documented_form("a-_.9"));
        assert_eq!(read_text("abc\nzähler-1".as_bytes()).unwrap(), ["abc", "zähler-1"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn any_file_is_a_list_of_keys_or_an_error_that_names_the_line(bytes in files()) {
            match read_text(&bytes) {
                Ok(keys) => {
                    let text = String::from_utf8(bytes).unwrap();
                    let text = text.trim_start_matches('\u{feff}');
                    let mut expected = Vec::new();
                    for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                        if !expected.contains(&line) {
                            expected.push(line);
                        }
                    }
                    prop_assert_eq!(keys, expected);
                }
                Err(error) => prop_assert!(
                    error.starts_with("keys.txt, line ") || error == "no device keys were given",
                    "{}", error
                ),
            }
        }
    }

    fn files() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[a-z0-9._-]{1,8}".prop_map(String::into_bytes),
            4 => prop::sample::select(vec!["\n", "\r\n", " ", "\t", "#", ",", "\"", "\u{feff}", "\u{2028}", "\u{85}", "\0"])
                .prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }
}
