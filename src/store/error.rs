//! What can go wrong with the cache.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::files;
use crate::files::plain::Sort;

/// A cache that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cache: {0}")]
    File(#[from] files::Error),
    /// A lock could not be taken, for another reason than that somebody holds it.
    #[error("cannot lock `{}`: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// There is no cache in this folder.
    #[error("`{}` is no cache: it has no file `VERSION`", folder.display())]
    NoCache {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder that holds other things was to become a cache.
    #[error("`{}` is no cache, and holds other things, such as `{found}`", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// Name of one of them.
        found: String,
    },
    /// Another version of this program wrote the cache.
    #[error(
        "the cache `{}` has format {found}; this program knows formats up to {known}",
        folder.display()
    )]
    Newer {
        /// The cache's folder.
        folder: PathBuf,
        /// Format found, as the file `VERSION` has it.
        found: String,
        /// Newest format that this program reads.
        known: u32,
    },
    /// Something else lies where the cache keeps a folder.
    #[error("`{}` is {sort}; below a cache's folder only folders and plain files are used", path.display())]
    NoFolder {
        /// Where.
        path: PathBuf,
        /// What lies there.
        sort: Sort,
    },
    /// A stage left something that cannot be kept.
    #[error("`{}` cannot be kept: {problem}", path.display())]
    Unkeepable {
        /// What it left.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another collection is under way.
    #[error("another `cache gc` is at work on `{}`", folder.display())]
    Collecting {
        /// The cache's folder.
        folder: PathBuf,
    },
    /// A run lives on another machine, and its locks are not seen on this one.
    #[error("run `{run}` is under way on another machine whose locks this one does not see")]
    Unseen {
        /// Name of the run.
        run: String,
    },
    /// Runs are to be kept, and none of them noted what it used.
    #[error(
        "no run in the cache says what it used, `{run}` like all others: an older program wrote them"
    )]
    Silent {
        /// Name of the run.
        run: String,
    },
    /// A file's content is not what its name says.
    #[error("`{}` is damaged: its content is not that of its name", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// An artifact is not in the cache, or not whole.
    #[error("the cache has no artifact `{}`", digest.short())]
    NoArtifact {
        /// Digest of the artifact.
        digest: Digest,
    },
}

impl Error {
    /// Returns whether the disk or the user's quota is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::File(error) if error.is_disk_full())
    }

    /// Returns what to do about it, where that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::File(error) if error.is_disk_full() => {
                Some("free disk space, or move the cache with `--cache DIR`".to_owned())
            }
            Self::File(_) => None,
            Self::Lock { .. } => {
                Some("use a file system that has locks: `--cache DIR` moves the cache".to_owned())
            }
            Self::NoCache { .. } => {
                Some("name the cache with `--cache DIR`, or run a manifest first".to_owned())
            }
            Self::Taken { .. } => Some(
                "name a folder that is empty or does not exist yet with `--cache DIR`".to_owned(),
            ),
            Self::Newer { .. } => {
                Some("update `ablate`, or use another cache with `--cache DIR`".to_owned())
            }
            Self::NoFolder { .. } => Some(
                "remove it; to keep a cache on another disk, link to the cache's whole folder"
                    .to_owned(),
            ),
            Self::Unkeepable { .. } => Some(
                "a stage may leave plain files, by names without control characters".to_owned(),
            ),
            Self::Damaged { .. } => Some(
                "`ablate cache verify --repair` removes it; a run computes it again".to_owned(),
            ),
            Self::Collecting { .. } => Some("wait for its end".to_owned()),
            Self::Unseen { .. } => Some(
                "run `cache gc` there or after its end; nothing was removed that was not told"
                    .to_owned(),
            ),
            Self::Silent { .. } => Some(
                "run the manifest again, or name it with `--keep` in place of `--keep-runs`"
                    .to_owned(),
            ),
            Self::NoArtifact { .. } => Some("run the manifest again".to_owned()),
        }
    }
}
