//! A partition: the part of a data set that an image belongs to.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// The part of a data set that an image belongs to, or that it was made from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// Fits networks, chooses and labels.
    Train,
    /// Chooses between epochs and settings.
    Validation,
    /// Measures, and nothing else.
    Test,
    /// Assigned to no part so far.
    Whole,
}

impl Partition {
    /// Every partition, in order.
    pub const ALL: [Self; 4] = [Self::Train, Self::Validation, Self::Test, Self::Whole];

    /// Returns the name as manifests and tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Whole => "whole",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|partition| partition.name() == text)
            .ok_or_else(|| format!("`{text}` is no partition: train, validation, test or whole"))
    }
}
