//! A file that grows at its end, if need be over several runs of the program.
//!
//! For what arrives piece by piece and is published whole. Does not know what arrives.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::files::Error;
use crate::files::append;
use crate::files::attempt;

/// A file that grows at its end.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    file: fs::File,
    length: u64,
}

impl Growing {
    /// Opens a plain file to go on at its end, and creates it where it is missing. No link is followed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = append(path)?;
        let length = attempt("look at", path, || file.metadata())?.len();
        Ok(Self { path: path.to_owned(), file, length })
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its length, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes at its end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        attempt("write", &self.path, || self.file.write_all(bytes))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets all of it.
    pub fn clear(&mut self) -> Result<(), Error> {
        attempt("write", &self.path, || self.file.set_len(0))?;
        self.length = 0;
        Ok(())
    }

    /// Forces it to disk.
    pub fn sync(&self) -> Result<(), Error> {
        attempt("sync", &self.path, || self.file.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::Growing;

    #[test]
    fn it_goes_on_where_it_ended_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/part");
        Growing::open(&path).unwrap().write(b"abc").unwrap();
        let mut again = Growing::open(&path).unwrap();
        assert_eq!(again.length(), 3);
        again.write(b"de").unwrap();
        assert_eq!(crate::files::read(&path).unwrap(), b"abcde");
        again.clear().unwrap();
        again.write(b"f").unwrap();
        assert_eq!((again.length(), crate::files::read(&path).unwrap()), (1, b"f".to_vec()));
    }
}
