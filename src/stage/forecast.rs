//! A forecast: how many images will flow through each port, known before anything runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Partition;

/// How many images an image set will hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Images by part.
    pub partitions: BTreeMap<Partition, usize>,
}

impl Counts {
    /// Returns the forecast of a set whose images all belong to one part.
    pub fn of(partition: Partition, images: usize) -> Self {
        Self { partitions: BTreeMap::from([(partition, images)]) }
    }

    /// Returns the number of images.
    pub fn total(&self) -> usize {
        self.partitions.values().sum()
    }

    /// Returns the forecast for both sets together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (partition, images) in &other.partitions {
            *self.partitions.entry(*partition).or_default() += images;
        }
        self
    }

    /// Returns the forecast with every part's count put through `f`.
    #[must_use]
    pub fn map(mut self, f: impl Fn(usize) -> usize) -> Self {
        self.partitions.values_mut().for_each(|images| *images = f(*images));
        self
    }
}

/// What is known of a task's surroundings before it runs.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Where the sources that were found lie, by name.
    pub sources: BTreeMap<String, PathBuf>,
    /// Joined counts of each input port that takes images, where known.
    pub inputs: BTreeMap<String, Counts>,
}
