//! A tree of files: an artifact's names, and where each file can be opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Error;
use crate::files;

/// The files of one artifact: path inside the artifact -> path on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(pub BTreeMap<String, PathBuf>);

impl Tree {
    /// Returns the tree of all files below a folder.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let found = files::walk(folder)?;
        Ok(Self(found.into_iter().map(|found| (found.name, found.path)).collect()))
    }

    /// Returns where a file of the artifact lies.
    pub fn path(&self, name: &str) -> Result<&Path, Error> {
        let missing = || Error::Missing { name: name.to_owned() };
        self.0.get(name).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// Reads one file whole.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(files::read(self.path(name)?)?)
    }

    /// Reads one JSON file.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.read(name)?)
            .map_err(|source| Error::malformed(name, source.to_string()))
    }
}
