//! Settings of training and sampling, resolved: nothing optional is left to guess.

mod wgan;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Network;
use crate::augment::Online;
use crate::stage::Course;

pub use wgan::CriticLimit;
pub use wgan::DiffAugment;
pub use wgan::LatentDistribution;
pub use wgan::Sampling;
pub use wgan::WarmUp;
pub use wgan::WganSettings;

/// Rule that turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// RMSprop with alpha 0.99 and epsilon 1e-8: for a critic whose weights are clipped.
    Rmsprop,
    /// Adam with epsilon 1e-8 and the betas of the settings.
    Adam,
    /// Adam whose weight decay passes the moments by (Loshchilov and Hutter 2019).
    Adamw,
    /// Stochastic gradient descent, with momentum where it is given.
    Sgd,
}

/// With how many bits convolutions and products compute. Weights are kept and stepped in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits.
    #[default]
    Fp32,
    /// 11 bits on a GPU that can, 24 elsewhere.
    Tf32,
    /// 8 bits.
    Bf16,
    /// `bf16` where the device multiplies it by itself, else `fp32`: the fastest, but another machine may give
    /// other numbers.
    Auto,
}

/// How exactly a training computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exactness {
    /// Bits of convolutions and products.
    pub precision: Precision,
    /// Whether a GPU keeps to algorithms that give the same bits each time; a CPU always does.
    pub deterministic: bool,
}

/// How the images of a batch are mixed with each other, if at all; both alphas are more than 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mixing {
    /// Alpha of `MixUp`'s beta distribution.
    pub mixup: Option<f64>,
    /// Alpha of `CutMix`'s beta distribution.
    pub cutmix: Option<f64>,
}

impl Mixing {
    /// Returns whether anything is mixed.
    pub fn mixes(self) -> bool {
        self.mixup.is_some() || self.cutmix.is_some()
    }
}

/// Settings of a classifier training with cross-entropy.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierSettings {
    /// The architecture.
    pub network: Network,
    /// Images in a batch; a last batch of one image is dropped, since batch normalisation needs two.
    pub batch_size: usize,
    /// Epochs, step sizes and checkpoints.
    pub course: Course,
    /// Rule that turns gradients into steps.
    pub optimiser: Optimiser,
    /// Adam's betas.
    pub betas: (f64, f64),
    /// What SGD keeps of its last step.
    pub momentum: f64,
    /// L2 penalty, added to the gradients; `AdamW`'s decay.
    pub weight_decay: f64,
    /// Passes from which each image is drawn anew each time it is shown.
    pub online: Option<Online>,
    /// How the images of a batch are mixed.
    pub mixing: Mixing,
    /// Means of red, green and blue (0-1) that are subtracted.
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    pub deviation: [f64; 3],
    /// Starting weights in torchvision's names; the last layer is left out where its shape differs.
    pub weights: Option<PathBuf>,
    /// Whether the weights of the epoch with the best validation accuracy are kept, not the last.
    pub keep_best: bool,
    /// How exactly the network computes.
    pub exactness: Exactness,
}

impl ClassifierSettings {
    /// Returns those of a plain training: PyTorch's Adam on images as they are, scaled to -1 to 1, from a random
    /// start to the last epoch, in single precision.
    pub fn new(network: Network, batch_size: usize, course: Course) -> Self {
        Self {
            network,
            batch_size,
            course,
            optimiser: Optimiser::Adam,
            betas: (0.9, 0.999),
            momentum: 0.0,
            weight_decay: 0.0,
            online: None,
            mixing: Mixing::default(),
            mean: [0.5; 3],
            deviation: [0.5; 3],
            weights: None,
            keep_best: false,
            exactness: Exactness::default(),
        }
    }
}

/// Feature vectors of an image set: what a classifier's last layer sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Numbers in a vector.
    pub width: usize,
    /// `[n, width]`, row by row.
    pub values: Vec<f32>,
}

impl Features {
    /// Returns the vector of one image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}
