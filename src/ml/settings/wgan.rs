//! Settings of a GAN's training, and of what is drawn from it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::GanShape;
use crate::ml::Exactness;
use crate::ml::Optimiser;
use crate::stage::Course;
use crate::stage::StopWhen;

/// How the critic is kept Lipschitz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CriticLimit {
    /// Every trainable number of the critic is clamped to `[-c, c]` after each step
    /// (Arjovsky et al. 2017).
    Clip(f64),
    /// `lambda * E[(||grad D(x)|| - 1)^2]` is added to the critic's loss (Gulrajani et al. 2017).
    GradientPenalty(f64),
    /// The critic's layers are divided by their spectral norms (Miyato et al. 2018): see
    /// [`GanShape::spectral_norm`], which this goes with.
    SpectralNorm,
}

/// When the critic makes more steps than usual for one of the generator's, as the authors of the WGAN let it
/// (Arjovsky et al. 2017): a young critic tells the generator little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Generator steps, from the first on, before each of which the critic makes more; 25 in the authors' code.
    #[serde(default = "default_generator_steps")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub generator_steps: usize,
    /// Critic steps before each of them; 100 in the authors' code.
    #[serde(default = "default_critic_steps")]
    #[schemars(range(min = 2, max = 100_000))]
    pub critic_steps: usize,
    /// Generator steps after which the critic makes so many before one more; 500 in the authors' code, and 0
    /// means never again.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub again_every: usize,
}

fn default_generator_steps() -> usize {
    25
}

fn default_critic_steps() -> usize {
    100
}

/// A change that `DiffAugment` makes to every image that the critic sees (Zhao et al. 2020).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DiffAugment {
    /// Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5.
    Colour,
    /// A shift by up to an eighth of the side, down or up and left or right; mid grey moves in.
    Translation,
    /// A square of half the side becomes mid grey; near the rim less of it fits.
    Cutout,
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
    /// When there are more of them.
    pub warm_up: Option<WarmUp>,
    /// How the critic is kept Lipschitz.
    pub limit: CriticLimit,
    /// Changes to real and generated images before the critic sees them, in this order.
    pub diff_augment: Vec<DiffAugment>,
    /// Decay of the running average of the generator's weights that stands for it in the end; absent: the last
    /// weights do.
    pub average: Option<f64>,
    /// Rule for both networks.
    pub optimiser: Optimiser,
    /// Adam's betas.
    pub betas: (f64, f64),
    /// Epochs between two sample grids; 0 means one, at the end.
    pub grid_every: usize,
    /// When training ends before the last epoch.
    pub stop_when: Option<StopWhen>,
    /// How exactly both networks compute.
    pub exactness: Exactness,
}

impl WganSettings {
    /// What the history of a training has for each epoch, besides the epoch's number.
    pub const METRICS: [&'static str; 4] =
        ["critic_loss", "generator_loss", "wasserstein", "diversity"];
    /// Epochs between two looks at how much generated images differ.
    pub const DIVERSITY_EVERY: usize = 10;

    /// Returns those of the first WGAN (Arjovsky et al. 2017): RMSprop, five critic steps for each of the
    /// generator's, clipping to 0.01; latent vectors uniform, one sample grid, single precision.
    pub fn new(shape: GanShape, batch_size: usize, course: Course) -> Self {
        Self {
            shape,
            latent: LatentDistribution::Uniform,
            batch_size,
            course,
            critic_steps: 5,
            warm_up: None,
            limit: CriticLimit::Clip(0.01),
            diff_augment: Vec::new(),
            average: None,
            optimiser: Optimiser::Rmsprop,
            betas: (0.0, 0.9),
            grid_every: 0,
            stop_when: None,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampling {
    /// Number of images.
    pub count: usize,
    /// The class of each image, where the GAN is conditional; else nothing.
    pub classes: Vec<usize>,
    /// Distribution of latent vectors.
    pub latent: LatentDistribution,
    /// Images made at once; changes nothing but memory and speed.
    pub batch_size: usize,
}
