//! A trained classifier: network, classes, weights and how training went.
//!
//! Files: `classifier.json`, `weights.safetensors` (torchvision's names) and `history.csv`.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Tree;
use crate::artifact::Variant;
use crate::digest::is_default;
use crate::files;

/// A network architecture, as torchvision defines and names it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// He et al. 2015, 18 layers of basic blocks.
    Resnet18,
    /// He et al. 2015, 34 layers of basic blocks.
    Resnet34,
    /// He et al. 2015, 50 layers of bottleneck blocks.
    Resnet50,
    /// He et al. 2015, 101 layers of bottleneck blocks.
    Resnet101,
    /// He et al. 2015, 152 layers of bottleneck blocks.
    Resnet152,
    /// Huang et al. 2016, growth 32, blocks of 6, 12, 24 and 16 layers.
    Densenet121,
    /// Huang et al. 2016, growth 48, blocks of 6, 12, 36 and 24 layers.
    Densenet161,
    /// Huang et al. 2016, growth 32, blocks of 6, 12, 32 and 32 layers.
    Densenet169,
    /// Huang et al. 2016, growth 32, blocks of 6, 12, 48 and 32 layers.
    Densenet201,
}

impl Network {
    /// Every network, in order.
    pub const ALL: [Self; 9] = [
        Self::Resnet18,
        Self::Resnet34,
        Self::Resnet50,
        Self::Resnet101,
        Self::Resnet152,
        Self::Densenet121,
        Self::Densenet161,
        Self::Densenet169,
        Self::Densenet201,
    ];

    /// Returns whether it is a residual network.
    pub fn is_residual(self) -> bool {
        match self {
            Self::Resnet18
            | Self::Resnet34
            | Self::Resnet50
            | Self::Resnet101
            | Self::Resnet152 => true,
            Self::Densenet121 | Self::Densenet161 | Self::Densenet169 | Self::Densenet201 => false,
        }
    }

    /// Returns the name as manifests and torchvision write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::Resnet101 => "resnet101",
            Self::Resnet152 => "resnet152",
            Self::Densenet121 => "densenet121",
            Self::Densenet161 => "densenet161",
            Self::Densenet169 => "densenet169",
            Self::Densenet201 => "densenet201",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A trained classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// The architecture.
    pub network: Network,
    /// How it departs from torchvision's.
    pub variant: Variant,
    /// Names of the classes, in the order of the network's answers.
    pub classes: Vec<String>,
    /// Side of the images it was trained on, in pixels: height and width.
    pub size: (usize, usize),
    /// Means of red, green and blue that are subtracted from pixels scaled to 0-1.
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    pub deviation: [f64; 3],
    /// Optimiser steps in each row of the history, where it was trained by steps; absent where a row is a pass
    /// over the images.
    pub round: Option<usize>,
    /// The tensors as a `.safetensors` file.
    pub weights: Vec<u8>,
    /// Losses and accuracies by epoch.
    pub history: History,
}

impl Classifier {
    /// Says what differs where images have other classes or another size than it was trained on.
    pub fn suits(&self, images: &ImageSet) -> Result<(), String> {
        if images.classes != self.classes {
            return Err(format!(
                "the classifier knows the classes {:?}, the images have {:?}",
                self.classes, images.classes
            ));
        }
        let (height, width) = self.size;
        if (images.height, images.width) != self.size {
            return Err(format!(
                "the classifier was trained on {width} x {height} pixels, the images have {} x {}",
                images.width, images.height
            ));
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Config {
    network: Network,
    #[serde(default, skip_serializing_if = "is_default")]
    variant: Variant,
    classes: Vec<String>,
    size: (usize, usize),
    mean: [f64; 3],
    deviation: [f64; 3],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<usize>,
}

impl Artifact for Classifier {
    const TYPE: &'static str = "classifier";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let Config { network, variant, classes, size, mean, deviation, round } =
            tree.json("classifier.json")?;
        let history = String::from_utf8_lossy(&tree.read("history.csv")?).into_owned();
        let history = History::parse("history.csv", &history)?;
        let weights = tree.read("weights.safetensors")?;
        Ok(Self { network, variant, classes, size, mean, deviation, round, weights, history })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let config = Config {
            network: self.network,
            variant: self.variant,
            classes: self.classes.clone(),
            size: self.size,
            mean: self.mean,
            deviation: self.deviation,
            round: self.round,
        };
        let config = serde_json::to_vec(&config).expect("names and numbers serialise");
        files::write_scratch(&folder.join("classifier.json"), &config)?;
        files::write_scratch(&folder.join("weights.safetensors"), &self.weights)?;
        files::write_scratch(&folder.join("history.csv"), self.history.to_csv().as_bytes())?;
        Ok(())
    }

    fn summary(&self) -> serde_json::Value {
        let last: serde_json::Map<_, _> = self
            .history
            .columns
            .iter()
            .cloned()
            .zip(self.history.rows.last().into_iter().flatten().map(|&value| value.into()))
            .collect();
        json!({"network": self.network, "epochs": self.history.rows.len(), "last": last})
    }
}
