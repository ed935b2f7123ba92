//! A source: a file or folder from outside that params name.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::archive::is_packed;
use crate::digest::Digest;
use crate::digest::Md5;
use crate::fetch::Address;

/// What lies behind the name of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// One file.
    File,
    /// A folder with all files below it, or an archive of them in its place.
    Folder,
}

impl SourceKind {
    /// Returns whether what lies under a path is of this sort.
    pub fn fits(self, path: &Path) -> bool {
        match self {
            Self::File => path.is_file(),
            Self::Folder => path.is_dir() || is_packed(&path.to_string_lossy()) && path.is_file(),
        }
    }

    /// Returns the other sort.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::File => Self::Folder,
            Self::Folder => Self::File,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Folder => "folder",
        })
    }
}

/// A file or folder from outside, named and not located.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Name as the manifest writes it; looked for in the data folders.
    pub name: String,
    /// File or folder.
    pub kind: SourceKind,
    /// The param that names it, for errors.
    pub param: String,
    /// Content that the manifest demands, if it does.
    pub pin: Option<Digest>,
    /// MD5 digest that the manifest demands, beside the content or in its place.
    pub md5: Option<Md5>,
    /// Where it may be fetched, if the manifest says it.
    pub remote: Option<Remote>,
}

/// Where a file may be fetched that is found nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Where.
    pub url: Address,
    /// Its size in bytes, where the manifest says it.
    pub bytes: Option<u64>,
}

impl SourceRef {
    /// Returns a file that a param names, whatever its content.
    pub fn file(name: &str, param: &str) -> Self {
        let (name, param) = (name.to_owned(), param.to_owned());
        Self { name, kind: SourceKind::File, param, pin: None, md5: None, remote: None }
    }

    /// Returns what the cache knows the file by: the digest of the content that the manifest demands, or
    /// one that stands for its MD5; nothing where the manifest demands none.
    pub fn asked(&self) -> Option<Digest> {
        self.pin.or_else(|| self.md5.map(|md5| Digest::of_value(&("md5", md5))))
    }
}
