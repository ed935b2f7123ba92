//! A trained GAN: its shape, the weights of generator and critic, and how training went.
//!
//! Files: `gan.json`, `generator.safetensors`, `critic.safetensors`, `history.csv`, and
//! `grids/epoch-0100.png`, ... with samples drawn during training.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Tree;
use crate::files;

/// Normalisation inside the critic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CriticNorm {
    /// Batch normalisation in all layers but the first.
    #[default]
    Batch,
    /// Layer normalisation: the choice for a gradient penalty.
    Layer,
    /// No normalisation.
    None,
}

/// What decides the tensors of generator and critic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GanShape {
    /// Pixels from top to bottom and from left to right: 4 times a power of two.
    pub size: usize,
    /// Numbers in a latent vector.
    pub latent: usize,
    /// Channels of the generator's first, 4 x 4 map; halved by each layer.
    pub generator_width: usize,
    /// Channels of the critic's first layer; doubled by each layer.
    pub critic_width: usize,
    /// Normalisation inside the critic.
    pub critic_norm: CriticNorm,
}

/// A trained GAN.
#[derive(Debug, Clone, PartialEq)]
pub struct Gan {
    /// What decides the tensors.
    pub shape: GanShape,
    /// Names of the classes of the data set it was trained on; the images it makes have no label.
    pub classes: Vec<String>,
    /// The part of the data set it was trained on.
    pub partition: Partition,
    /// The generator's tensors as a `.safetensors` file.
    pub generator: Vec<u8>,
    /// The critic's tensors as a `.safetensors` file.
    pub critic: Vec<u8>,
    /// Losses by epoch.
    pub history: History,
    /// Sample grids as PNG files, by name (`epoch-0100.png`).
    pub grids: BTreeMap<String, Vec<u8>>,
}

impl Gan {
    /// Says what differs where images have another size than those it makes.
    pub fn suits(&self, images: &ImageSet) -> Result<(), String> {
        let size = self.shape.size;
        if (images.height, images.width) == (size, size) {
            return Ok(());
        }
        Err(format!(
            "the GAN knows images of {size} x {size} pixels, the images have {} x {}",
            images.width, images.height
        ))
    }
}

#[derive(Serialize, Deserialize)]
struct Config {
    shape: GanShape,
    classes: Vec<String>,
    partition: Partition,
}

impl Artifact for Gan {
    const TYPE: &'static str = "gan";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let Config { shape, classes, partition } = tree.json("gan.json")?;
        let history = String::from_utf8_lossy(&tree.read("history.csv")?).into_owned();
        let mut grids = BTreeMap::new();
        for name in tree.0.keys() {
            if let Some(short) = name.strip_prefix("grids/") {
                grids.insert(short.to_owned(), tree.read(name)?);
            }
        }
        Ok(Self {
            shape,
            classes,
            partition,
            generator: tree.read("generator.safetensors")?,
            critic: tree.read("critic.safetensors")?,
            history: History::parse("history.csv", &history)?,
            grids,
        })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let config = Config {
            shape: self.shape.clone(),
            classes: self.classes.clone(),
            partition: self.partition,
        };
        let config = serde_json::to_vec(&config).expect("names and numbers serialise");
        files::write_scratch(&folder.join("gan.json"), &config)?;
        files::write_scratch(&folder.join("generator.safetensors"), &self.generator)?;
        files::write_scratch(&folder.join("critic.safetensors"), &self.critic)?;
        files::write_scratch(&folder.join("history.csv"), self.history.to_csv().as_bytes())?;
        for (name, png) in &self.grids {
            files::write_scratch(&folder.join("grids").join(name), png)?;
        }
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
        json!({"size": self.shape.size, "epochs": self.history.rows.len(), "last": last})
    }
}
