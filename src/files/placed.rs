//! A file whose parts are written in any order, by many threads at once.
//!
//! For scratch folders that are published whole. Does not know what the parts are.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use crate::files::Error;
use crate::files::attempt;
use crate::files::within;

/// A new file whose parts are written in any order.
#[derive(Debug)]
pub struct Placed {
    path: PathBuf,
    file: fs::File,
}

impl Placed {
    /// Opens a file of a length in bytes to write parts of it, and creates it where it is missing.
    pub fn open(path: &Path, length: u64) -> Result<Self, Error> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = within("write", path, || {
            let file = options.open(path)?;
            file.set_len(length)?;
            Ok(file)
        })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes a part that begins at an offset, bytes; what no part covers is zero.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        attempt("write", &self.path, || self.file.write_all_at(bytes, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::Placed;

    #[test]
    fn parts_come_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file");
        for (offset, bytes) in [(4, b"ef"), (0, b"ab")] {
            Placed::open(&path, 7).unwrap().write(offset, bytes).unwrap();
        }
        assert_eq!(crate::files::read(&path).unwrap(), b"ab\0\0ef\0");
    }
}
