//! Features: a row of numbers for each image, and where they come from.

use std::path::PathBuf;

use crate::artifact::ImageSet;
use crate::artifact::Network;
use crate::stage::StageError;

/// Feature vectors of an image set: what a classifier's last layer sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Numbers in a vector.
    pub width: usize,
    /// `[n, width]`, row by row.
    pub values: Vec<f32>,
}

impl Features {
    /// Returns the pixels of each image, 0 to 255.
    pub fn of_pixels(images: &ImageSet) -> Self {
        let pixels = (0..images.len()).flat_map(|index| images.image(index));
        Self {
            width: images.bytes_per_image(),
            values: pixels.map(|&level| level.into()).collect(),
        }
    }

    /// Returns an error where there are no numbers, or one of them is none; `help` is its remedy.
    pub fn checked(self, images: &ImageSet, help: &str) -> Result<Self, StageError> {
        if self.width == 0 {
            return Err(StageError::data("the network answers an image with no number").help(help));
        }
        let Some(at) = self.values.iter().position(|number| !number.is_finite()) else {
            return Ok(self);
        };
        let id = &images.samples[at / self.width].id;
        Err(StageError::data(format!("a feature of `{id}` is no number")).help(help))
    }

    /// Returns the vector of one image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Returns every vector in double precision.
    pub fn rows(&self) -> Vec<Vec<f64>> {
        let rows = self.values.chunks_exact(self.width.max(1));
        rows.map(|row| row.iter().map(|&number| number.into()).collect()).collect()
    }
}

/// A network that the user names, whose features images are compared by.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedNetwork {
    /// Where it lies.
    pub file: NetworkFile,
    /// Means of red, green and blue that are subtracted from pixels scaled to 0-1.
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    pub deviation: [f64; 3],
}

/// Where a network lies.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkFile {
    /// Weights of a known architecture, as `.safetensors` with torchvision's names.
    Weights {
        /// The architecture.
        network: Network,
        /// The file.
        path: PathBuf,
    },
    /// A program that `torch.jit.save` wrote.
    Script {
        /// The file.
        path: PathBuf,
    },
}
