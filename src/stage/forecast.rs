//! A forecast: how many images, and of what size, will flow through each port, known before
//! anything runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Partition;

/// How many images an image set will hold, and how large they will be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Images by part.
    pub partitions: BTreeMap<Partition, usize>,
    /// Height and width of each image, pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
}

impl Counts {
    /// Returns the forecast of a set whose images all belong to one part.
    pub fn of(partition: Partition, images: usize) -> Self {
        Self { partitions: BTreeMap::from([(partition, images)]), size: None }
    }

    /// Returns the number of images.
    pub fn total(&self) -> usize {
        self.partitions.values().sum()
    }

    /// Returns the forecast with images of this height and width.
    #[must_use]
    pub fn sized(self, size: Option<(usize, usize)>) -> Self {
        Self { size, ..self }
    }

    /// Returns the forecast for both sets together. Only sets of one size can be joined, so one
    /// that is known is that of both.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.size = self.size.or(other.size);
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
    /// Input ports that something enters.
    pub connected: BTreeSet<String>,
}

impl Forecast {
    /// Returns the height and width of the images that enter a port, where known.
    pub fn size(&self, port: &str) -> Option<(usize, usize)> {
        self.inputs.get(port)?.size
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;
    use crate::artifact::Partition;

    #[test]
    fn a_size_that_one_set_knows_is_that_of_both() {
        let known = Counts::of(Partition::Train, 3).sized(Some((8, 9)));
        let unknown = Counts::of(Partition::Train, 4);
        for sum in [known.clone().plus(&unknown), unknown.plus(&known)] {
            assert_eq!((sum.total(), sum.size), (7, Some((8, 9))));
            assert_eq!(sum.map(|images| 2 * images).size, Some((8, 9)));
        }
    }
}
