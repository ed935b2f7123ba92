//! Names that data sets give to their parts.

use crate::artifact::Partition;

/// Returns the part that a folder or cell names, in any case.
pub(super) fn parse(name: &str) -> Option<Partition> {
    match name.trim().to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Partition::Train),
        "val" | "valid" | "validation" | "dev" => Some(Partition::Validation),
        "test" | "testing" => Some(Partition::Test),
        _ => None,
    }
}
