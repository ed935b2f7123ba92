//! How a command can fail, and the exit code that says so.

use crate::artifact;
use crate::engine;
use crate::fetch;
use crate::files;
use crate::report::LayoutError;
use crate::store;

/// A command that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be.
    #[error("{problem}")]
    Usage {
        /// What was found, what was expected.
        problem: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The manifest has problems; they have been shown, each with its place.
    #[error("{count} {} in `{manifest}`", if *count == 1 { "problem" } else { "problems" })]
    Manifest {
        /// How many problems.
        count: usize,
        /// File name.
        manifest: String,
    },
    /// Tasks failed; each has been told already.
    #[error("{failed} of {tasks} tasks failed, {skipped} skipped")]
    Stages {
        /// Tasks that failed.
        failed: usize,
        /// Tasks that were skipped because of them.
        skipped: usize,
        /// All tasks of the run.
        tasks: usize,
    },
    /// A file could not be fetched.
    #[error(transparent)]
    Supply(engine::SupplyError),
    /// Tasks that ran again gave something else.
    #[error("{different} of {tasks} tasks gave something else when they ran again")]
    Differ {
        /// How many did.
        different: usize,
        /// How many ran again.
        tasks: usize,
    },
    /// None of the tasks that were to run again could.
    #[error("none of {tasks} tasks could be run again")]
    NoneRan {
        /// How many were tried.
        tasks: usize,
    },
    /// The user stopped the run.
    #[error("stopped; what has finished is kept, and the next run goes on from there")]
    Interrupted,
    /// The cache cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The cache holds what it should not.
    #[error("{problems} {} found in the cache", if *problems == 1 { "problem" } else { "problems" })]
    Damaged {
        /// How many.
        problems: usize,
    },
    /// An artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Store(error) => Self::Store(error),
        }
    }
}

impl From<engine::SupplyError> for Failure {
    fn from(error: engine::SupplyError) -> Self {
        match error {
            engine::SupplyError::Fetch(fetch::Error::Cancelled) => Self::Interrupted,
            engine::SupplyError::Store(error) => Self::Store(error),
            other => Self::Supply(other),
        }
    }
}

impl From<LayoutError> for Failure {
    fn from(error: LayoutError) -> Self {
        Self::usage(error.to_string())
    }
}

impl Failure {
    /// Returns the failure for a command line that asks for something that cannot be.
    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), help: None }
    }

    /// Adds what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Usage { problem, .. } => Self::Usage { problem, help: Some(help.into()) },
            other => other,
        }
    }

    /// Returns what to do about it, where that is known.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } => help.clone(),
            Self::Store(error) => error.remedy(),
            Self::Supply(error) => error.remedy(),
            Self::Damaged { .. } => Some(
                "`ablate cache verify --repair` removes it; a run computes it again".to_owned(),
            ),
            Self::File(error) | Self::Artifact(artifact::Error::File(error))
                if error.is_disk_full() =>
            {
                Some("free disk space".to_owned())
            }
            _ => None,
        }
    }

    /// Returns the exit code: 1 a stage or a download failed, 2 usage or manifest, 3 cache, 130 interrupted.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Stages { .. } | Self::Supply(_) | Self::Differ { .. } | Self::NoneRan { .. } => 1,
            Self::Usage { .. }
            | Self::Manifest { .. }
            | Self::File(_)
            | Self::Store(store::Error::Taken { .. }) => 2,
            Self::Store(_) | Self::Damaged { .. } | Self::Artifact(_) => 3,
            Self::Interrupted => 130,
        }
    }
}
