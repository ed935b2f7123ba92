//! A tree of files: an artifact's names, and where each file can be opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Error;
use crate::files::Mapped;
use crate::files::plain;

/// Longest file that is read whole, bytes: weights and tables.
const LONGEST: u64 = 4 << 30;
/// Longest JSON file, bytes: classes, settings, measures.
const LONGEST_JSON: u64 = 16 << 20;

/// The files of one artifact: path inside the artifact -> path on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(pub BTreeMap<String, PathBuf>);

impl Tree {
    /// Returns the tree of all files below a folder.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let found = plain::walk(folder)?;
        Ok(Self(found.into_iter().map(|found| (found.name, found.path)).collect()))
    }

    /// Returns where a file of the artifact lies.
    pub fn path(&self, name: &str) -> Result<&Path, Error> {
        let missing = || Error::Missing { name: name.to_owned() };
        self.0.get(name).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// Reads one file whole, as long as no stage's files are longer.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(plain::read(self.path(name)?, LONGEST)?)
    }

    /// Maps one file into memory.
    pub fn map(&self, name: &str) -> Result<Mapped, Error> {
        Ok(plain::map(self.path(name)?)?)
    }

    /// Reads one JSON file.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let text = plain::read(self.path(name)?, LONGEST_JSON)?;
        serde_json::from_slice(&text).map_err(|source| Error::malformed(name, source.to_string()))
    }
}
