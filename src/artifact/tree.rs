//! A tree of files: an artifact's names, and where each file can be opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Error;
use crate::files;
use crate::files::Mapped;
use crate::files::plain;
use crate::files::plain::Entry;

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
        Ok(plain::walk(folder)?.into())
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

    /// Reads one CSV file with a line of names, a value a row.
    pub fn rows<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Error> {
        let bytes = self.read(name)?;
        let rows = csv::Reader::from_reader(bytes.as_slice()).into_deserialize();
        let rows = rows.collect::<Result<_, csv::Error>>();
        rows.map_err(|error| Error::malformed(name, error.to_string()))
    }
}

impl From<Vec<Entry>> for Tree {
    fn from(found: Vec<Entry>) -> Self {
        Self(found.into_iter().map(|found| (found.name, found.path)).collect())
    }
}

/// Writes one CSV file: a line of names, and a row for each value.
pub(super) fn write_rows<T: Serialize>(
    folder: &Path,
    name: &str,
    columns: &[impl AsRef<[u8]>],
    rows: &[T],
) -> Result<(), Error> {
    let malformed = |error: csv::Error| Error::malformed(name, error.to_string());
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(columns).map_err(malformed)?;
    for row in rows {
        writer.serialize(row).map_err(malformed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::malformed(name, error.to_string()))?;
    Ok(files::write_scratch(&folder.join(name), &bytes)?)
}
