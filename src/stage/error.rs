//! Why a stage could not finish.

use crate::artifact;
use crate::files;

/// A stage that ended without a result. The engine adds which stage and cell it was.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The user's data or params cannot give a result.
    #[error("{problem}")]
    Data {
        /// What was found where, and what was expected.
        problem: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// An artifact or file could not be read or written.
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    /// A file from outside could not be read.
    #[error(transparent)]
    File(#[from] files::Error),
    /// libtorch reported an error: out of memory, no such device.
    #[error("libtorch: {0}")]
    Torch(String),
    /// The device that was asked for cannot be used.
    #[error("device `{device}` cannot be used: {problem}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why not.
        problem: String,
    },
    /// This program was built without libtorch.
    #[error("this program was built without libtorch")]
    WithoutTorch,
    /// The user stopped the run.
    #[error("stopped")]
    Cancelled,
}

impl StageError {
    /// Returns the error for data that cannot give a result.
    pub fn data(problem: impl Into<String>) -> Self {
        Self::Data { problem: problem.into(), help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Data { problem, .. } => Self::Data { problem, help: Some(help.into()) },
            other => other,
        }
    }

    /// Returns what to do about it, where the error knows.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Data { help, .. } => help.clone(),
            Self::Torch(problem) if problem.contains("memory") => {
                Some("try a smaller `batch_size` or a smaller network".to_owned())
            }
            Self::WithoutTorch => {
                Some("run `make build`, and let `ablate-worker` run this stage".to_owned())
            }
            Self::Device { .. } => {
                Some("ask for `--device cpu`, or install a driver and CUDA libraries".to_owned())
            }
            Self::File(error) | Self::Artifact(artifact::Error::File(error))
                if error.is_disk_full() =>
            {
                Some("free disk space, or move the cache with `--cache DIR`".to_owned())
            }
            _ => None,
        }
    }
}
