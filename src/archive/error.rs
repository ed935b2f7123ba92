//! What can be wrong with an archive.

use std::path::Path;
use std::path::PathBuf;

use crate::files;

/// An archive, or a file of one, that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive could not be opened, or its folder not be listed.
    #[error(transparent)]
    File(#[from] files::Error),
    /// It is no archive, or a damaged one.
    #[error("`{}`: {problem}", path.display())]
    Broken {
        /// The archive.
        path: PathBuf,
        /// What was found, what was expected.
        problem: String,
    },
    /// One of its files cannot be read.
    #[error("`{name}`: {problem}")]
    Member {
        /// Path inside the archive.
        name: String,
        /// What was found, what was expected.
        problem: String,
    },
}

impl Error {
    pub(super) fn broken(path: &Path, problem: impl Into<String>) -> Self {
        Self::Broken { path: path.to_owned(), problem: problem.into() }
    }
}
