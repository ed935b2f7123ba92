//! What ends a whole run, not only a task.

use crate::store;

/// A run that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cache cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
}
