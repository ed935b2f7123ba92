//! Artifacts: what flows between stages, each a small tree of files that other tools can open.
//!
//! Knows the formats; does not know where artifacts are stored or which stages make them.

mod agreement;
mod classifier;
mod error;
mod files;
mod gan;
mod history;
mod image_set;
mod likeness;
mod partition;
mod pixels;
mod quality;
mod scores;
mod spill;
mod table;
mod tree;
mod variant;

pub use agreement::Agreement;
pub use agreement::Pair;
pub use classifier::Classifier;
pub use classifier::Network;
pub use error::Error;
pub use files::Files;
pub use gan::CriticNorm;
pub use gan::Gan;
pub use gan::GanShape;
pub use gan::Upsampling;
pub use history::History;
pub use image_set::CHANNELS;
pub use image_set::ImageSet;
pub use image_set::Sample;
pub use likeness::Likeness;
pub use likeness::likeness;
pub use partition::Partition;
pub use quality::Compared;
pub use quality::Measured;
pub use quality::Nearest;
pub use quality::Quality;
pub use quality::Yardstick;
pub use scores::Prediction;
pub use scores::Scores;
pub use scores::answers;
pub use scores::groups;
pub use spill::Spill;
pub use table::Table;
pub use tree::Tree;
pub use variant::Head;
pub use variant::Stem;
pub use variant::Variant;

use std::path::Path;

/// Something that one stage makes and another reads.
pub trait Artifact: Sized {
    /// Name of the type, as ports and `ablate kinds` show it.
    const TYPE: &'static str;

    /// Reads the artifact from its files.
    fn read(tree: &Tree) -> Result<Self, Error>;

    /// Writes the artifact's files into an empty folder.
    fn write(&self, folder: &Path) -> Result<(), Error>;

    /// Returns the few facts that `ablate show` prints: counts, sizes, last losses.
    fn summary(&self) -> serde_json::Value;
}
