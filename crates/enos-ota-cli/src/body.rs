//! A request body from the command line, a file or standard input.

use std::io;
use std::path::Path;

use crate::config::unreadable;
use crate::failure::Failure;
use crate::limited;

/// The body as it will be sent. Nothing is trimmed: a line feed at the end is part of it.
pub(crate) fn read(data: &str) -> Result<Vec<u8>, Failure> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            limited::all(io::stdin().lock(), limited::BODY).map_err(|error| unreadable("body", Path::new("-"), &error))
        }
        Some(file) => limited::file(Path::new(file), limited::BODY)
            .map_err(|error| unreadable("body file", Path::new(file), &error)),
    }
}
