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
use crate::digest::is_default;
use crate::files;

const CONFIG: &str = "gan.json";

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

/// How the generator doubles height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Upsampling {
    /// A fractionally strided convolution of 5 x 5.
    #[default]
    #[serde(rename = "transposed-5x5")]
    Transposed5,
    /// A fractionally strided convolution of 4 x 4: each pixel gets as much of its neighbours as any other, where
    /// 5 x 5 favours every second one (Odena et al. 2016).
    #[serde(rename = "transposed-4x4")]
    Transposed4,
    /// Each pixel four times, then a convolution of 3 x 3 (Odena et al. 2016).
    #[serde(rename = "resize")]
    Resize,
}

/// What decides the tensors of generator and critic. What a GAN got later is left out of its files as long as it
/// is not used.
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
    /// Whether each layer of the critic is divided by its spectral norm.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spectral_norm: bool,
    /// How the generator doubles height and width.
    #[serde(default, skip_serializing_if = "is_default")]
    pub upsampling: Upsampling,
    /// Number of classes that generator and critic are told; 0 where they are told none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conditions: usize,
}

impl Default for GanShape {
    /// That of Cheng and Ye (2021).
    fn default() -> Self {
        Self {
            size: 64,
            latent: 100,
            generator_width: 1024,
            critic_width: 64,
            critic_norm: CriticNorm::Batch,
            spectral_norm: false,
            upsampling: Upsampling::Transposed5,
            conditions: 0,
        }
    }
}

/// A trained GAN.
#[derive(Debug, Clone, PartialEq)]
pub struct Gan {
    /// What decides the tensors.
    pub shape: GanShape,
    /// Names of the classes of the data set it was trained on.
    pub classes: Vec<String>,
    /// How many images of each class it was trained on, where it makes images of given classes; else nothing,
    /// and its images have no label.
    pub counts: Vec<usize>,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<usize>,
    partition: Partition,
}

impl Artifact for Gan {
    const TYPE: &'static str = "gan";

    fn read(tree: &Tree) -> Result<Self, Error> {
        let Config { shape, classes, counts, partition } = tree.json(CONFIG)?;
        if let Some(problem) = contradiction(&shape, &classes, &counts) {
            return Err(Error::malformed(CONFIG, problem));
        }
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
            counts,
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
            counts: self.counts.clone(),
            partition: self.partition,
        };
        let config = serde_json::to_vec(&config).expect("names and numbers serialise");
        files::write_scratch(&folder.join(CONFIG), &config)?;
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
        let mut summary =
            json!({"size": self.shape.size, "epochs": self.history.rows.len(), "last": last});
        if !self.counts.is_empty() {
            let counts = self.counts.iter().map(|&count| count.into());
            let counts: serde_json::Map<_, _> = self.classes.iter().cloned().zip(counts).collect();
            summary["classes"] = counts.into();
        }
        summary
    }
}

/// Says what does not go together in a GAN's classes.
fn contradiction(shape: &GanShape, classes: &[String], counts: &[usize]) -> Option<String> {
    let (named, counted, told) = (classes.len(), counts.len(), shape.conditions);
    if counted > 0 && (counted != named || counts.iter().all(|&count| count == 0)) {
        return Some(format!("{counts:?} images of {named} classes"));
    }
    (told > 0 && told != counted).then(|| format!("it is told {told} classes, and has {counted}"))
}

#[cfg(test)]
mod tests {
    use super::Artifact;
    use super::BTreeMap;
    use super::Gan;
    use super::GanShape;
    use super::History;
    use super::Partition;
    use super::Tree;
    use super::Upsampling;

    fn gan() -> Gan {
        Gan {
            shape: GanShape::default(),
            classes: vec!["healthy".into(), "ill".into()],
            counts: Vec::new(),
            partition: Partition::Train,
            generator: vec![1],
            critic: vec![2],
            history: History::new(&["epoch"]),
            grids: BTreeMap::from([("epoch-0001.png".to_owned(), vec![3])]),
        }
    }

    fn written(gan: &Gan) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        gan.write(folder.path()).unwrap();
        let config = crate::files::read(&folder.path().join("gan.json")).unwrap();
        (folder, String::from_utf8(config).unwrap())
    }

    #[test]
    fn a_gan_survives_its_files_and_those_of_a_plain_one_are_as_they_were() {
        let (folder, config) = written(&gan());
        assert_eq!(Gan::read(&Tree::of_folder(folder.path()).unwrap()).unwrap(), gan());
        assert_eq!(
            config,
            r#"{"shape":{"size":64,"latent":100,"generator_width":1024,"critic_width":64,"critic_norm":"batch"},"classes":["healthy","ill"],"partition":"train"}"#
        );
        let shape = GanShape {
            spectral_norm: true,
            upsampling: Upsampling::Resize,
            conditions: 2,
            ..GanShape::default()
        };
        let told = Gan { shape, counts: vec![3, 0], ..gan() };
        let (folder, _) = written(&told);
        assert_eq!(Gan::read(&Tree::of_folder(folder.path()).unwrap()).unwrap(), told);
        assert_eq!(told.summary()["classes"], serde_json::json!({"healthy": 3, "ill": 0}));
    }

    #[test]
    fn classes_that_contradict_each_other_are_refused() {
        let refused = |conditions, counts: &[usize]| {
            let shape = GanShape { conditions, ..GanShape::default() };
            let (folder, _) = written(&Gan { shape, counts: counts.to_vec(), ..gan() });
            Gan::read(&Tree::of_folder(folder.path()).unwrap()).unwrap_err().to_string()
        };
        let all = [refused(0, &[1]), refused(2, &[0, 0]), refused(2, &[]), refused(3, &[1, 1])];
        insta::assert_snapshot!(all.join("\n"), @"
        `gan.json` is malformed: [1] images of 2 classes
        `gan.json` is malformed: [0, 0] images of 2 classes
        `gan.json` is malformed: it is told 2 classes, and has 0
        `gan.json` is malformed: it is told 3 classes, and has 2
        ");
    }
}
