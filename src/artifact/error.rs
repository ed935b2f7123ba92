//! What can be wrong with an artifact's files.

use crate::files;

/// An artifact that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// The artifact lacks a file that its type always has.
    #[error("the artifact has no file `{name}`")]
    Missing {
        /// Path inside the artifact.
        name: String,
    },
    /// A file's content is not what its type demands.
    #[error("`{name}` is malformed: {problem}")]
    Malformed {
        /// Path inside the artifact.
        name: String,
        /// What was found, what was expected.
        problem: String,
    },
}

impl Error {
    /// Returns the error for a file with wrong content.
    pub fn malformed(name: &str, problem: impl Into<String>) -> Self {
        Self::Malformed { name: name.to_owned(), problem: problem.into() }
    }
}
