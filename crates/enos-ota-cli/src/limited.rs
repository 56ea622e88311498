//! Reading files that the user names, none of which may fill the memory: `/dev/zero` has no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The greatest sizes. They are far above what is useful.
pub(crate) const SECRET: u64 = 64 << 10;
pub(crate) const CONFIG: u64 = 1 << 20;
pub(crate) const CERTIFICATES: u64 = 16 << 20;
pub(crate) const BODY: u64 = 64 << 20;
pub(crate) const KEYS: u64 = 512 << 20;

/// All of a file, which must not be larger than this.
pub(crate) fn file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    all(File::open(path)?, most)
}

/// The same, as text.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(file(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8"))
}

/// All that comes, which must not be more than this.
pub(crate) fn all(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let read = from.take(most.saturating_add(1)).read_to_end(&mut data)?;
    if u64::try_from(read).is_ok_and(|read| read > most) {
        return Err(too_large(most));
    }
    Ok(data)
}

pub(crate) fn too_large(most: u64) -> io::Error {
    let (size, unit) = if most >= 1 << 20 {
        (most >> 20, "MiB")
    } else {
        (most >> 10, "KiB")
    };
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it is larger than {size} {unit}, which is the limit"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused_at_the_limit() {
        assert_eq!(all(&[7; 1024][..], 1024).unwrap().len(), 1024);
        let error = all(io::repeat(0), SECRET).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 64 KiB, which is the limit");
    }
}
