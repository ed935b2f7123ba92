//! Settings of a GAN's training, of sampling, and what all trainings share, resolved: nothing optional is left
//! to guess.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::GanShape;
use crate::stage::Course;

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

/// How the critic is kept Lipschitz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CriticLimit {
    /// Every trainable number of the critic is clamped to `[-c, c]` after each step
    /// (Arjovsky et al. 2017).
    Clip(f64),
    /// `lambda * E[(||grad D(x)|| - 1)^2]` is added to the critic's loss (Gulrajani et al. 2017).
    GradientPenalty(f64),
}

/// Settings of a WGAN training.
#[derive(Debug, Clone, PartialEq)]
pub struct WganSettings {
    /// What decides the tensors.
    pub shape: GanShape,
    /// Distribution of latent vectors during training.
    pub latent: LatentDistribution,
    /// Images in a batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Epochs, step sizes and checkpoints.
    pub course: Course,
    /// Critic steps for each generator step.
    pub critic_steps: usize,
    /// How the critic is kept Lipschitz.
    pub limit: CriticLimit,
    /// Rule for both networks.
    pub optimiser: Optimiser,
    /// Adam's betas.
    pub betas: (f64, f64),
    /// Epochs between two sample grids; 0 means one, at the end.
    pub grid_every: usize,
    /// How exactly both networks compute.
    pub exactness: Exactness,
}

impl WganSettings {
    /// Returns those of the first WGAN (Arjovsky et al. 2017): RMSprop, five critic steps for each of the
    /// generator's, clipping to 0.01; latent vectors uniform, one sample grid, single precision.
    pub fn new(shape: GanShape, batch_size: usize, course: Course) -> Self {
        Self {
            shape,
            latent: LatentDistribution::Uniform,
            batch_size,
            course,
            critic_steps: 5,
            limit: CriticLimit::Clip(0.01),
            optimiser: Optimiser::Rmsprop,
            betas: (0.0, 0.9),
            grid_every: 0,
            exactness: Exactness::default(),
        }
    }
}

/// Distribution of the numbers of a latent vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LatentDistribution {
    /// Normal, mean 0, deviation 1.
    Normal,
    /// Uniform from -1 to 1.
    Uniform,
}

/// What to draw from a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Number of images.
    pub count: usize,
    /// Distribution of latent vectors.
    pub latent: LatentDistribution,
    /// Images made at once; changes nothing but memory and speed.
    pub batch_size: usize,
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
