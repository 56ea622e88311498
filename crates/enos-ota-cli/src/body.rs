//! A request body from the command line, a file or standard input.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use crate::config::unreadable;
use crate::failure::Failure;

/// The body as it will be sent. Nothing is trimmed: a line feed at the end is part of it.
pub(crate) fn read(data: &str) -> Result<Vec<u8>, Failure> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut body = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut body)
                .map_err(|error| unreadable("body", Path::new("-"), &error))?;
            Ok(body)
        }
        Some(file) => fs::read(file).map_err(|error| unreadable("body file", Path::new(file), &error)),
    }
}
