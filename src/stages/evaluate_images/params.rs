//! Params of `evaluate-images`: in which features images are compared, and with how many of them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Network;
use crate::stage::ParamProblem;
use crate::stage::SourceRef;

/// How images are compared.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What images are compared by. Absent: by the features of the classifier where the port `classifier` is
    /// connected, else by pixels.
    #[serde(default)]
    pub features: Option<Space>,
    /// Neighbours that make up the reach of an image, for precision, recall, density and coverage.
    #[serde(default = "default_neighbours")]
    #[schemars(range(min = 1, max = 1000))]
    pub neighbours: usize,
    /// Most images of either side in a subset of the kernel distance (KID).
    #[serde(default = "default_subset")]
    #[schemars(range(min = 2, max = 100_000))]
    pub subset: usize,
    /// Subsets of the kernel distance.
    #[serde(default = "default_subsets")]
    #[schemars(range(min = 1, max = 10_000))]
    pub subsets: usize,
    /// Pairs of images whose structural likeness (MS-SSIM) is averaged.
    #[serde(default = "default_pairs")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub pairs: usize,
}

/// What images are compared by: one of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Pixels, scaled to 0-1, along the directions in which those of the real images differ most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<Pixels>,
    /// What the last layer of a network sees whose weights the user has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// What a program of `torch.jit` answers, a row of numbers or a tensor an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
}

/// Pixels along a few directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pixels {
    /// Directions (principal components); fewer where the real images differ along fewer.
    #[schemars(range(min = 1, max = 4096))]
    pub components: usize,
}

impl Default for Pixels {
    fn default() -> Self {
        Self { components: 64 }
    }
}

/// A network whose weights the user has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The architecture.
    pub network: Network,
    /// A `.safetensors` file with torchvision's names; its last layer is not looked at.
    pub file: String,
    /// Means of red, green and blue that are subtracted from pixels scaled to 0-1.
    #[serde(default = "imagenet_mean")]
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    #[serde(default = "imagenet_deviation")]
    pub deviation: [f64; 3],
}

/// A program that makes features of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// A file that `torch.jit.save` wrote; it takes `[images, 3, height, width]`. It is a program, and run only
    /// with `--allow-exec`.
    pub file: String,
    /// Means of red, green and blue that are subtracted from pixels scaled to 0-1.
    #[serde(default = "imagenet_mean")]
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    #[serde(default = "imagenet_deviation")]
    pub deviation: [f64; 3],
}

impl Params {
    /// Returns the file that the features come from, if any.
    pub(super) fn source(&self) -> Option<SourceRef> {
        let Space { weights, script, .. } = self.features.as_ref()?;
        let weights =
            weights.as_ref().map(|found| SourceRef::file(&found.file, "features.weights.file"));
        let script =
            script.as_ref().map(|found| SourceRef::file(&found.file, "features.script.file"));
        weights.or(script)
    }

    /// Returns what contradicts itself.
    pub(super) fn problems(&self) -> Vec<ParamProblem> {
        let Some(Space { pixels, weights, script }) = &self.features else { return Vec::new() };
        let named = [pixels.is_some(), weights.is_some(), script.is_some()];
        if named.iter().filter(|named| **named).count() == 1 {
            return Vec::new();
        }
        let problem = "images are compared by one of `pixels`, `weights` and `script`";
        vec![
            ParamProblem::at("features", problem).help("name one of them, or leave `features` out"),
        ]
    }
}

fn default_neighbours() -> usize {
    5
}

fn default_subset() -> usize {
    1000
}

fn default_subsets() -> usize {
    100
}

fn default_pairs() -> usize {
    1000
}

fn imagenet_mean() -> [f64; 3] {
    [0.485, 0.456, 0.406]
}

fn imagenet_deviation() -> [f64; 3] {
    [0.229, 0.224, 0.225]
}
