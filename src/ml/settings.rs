//! Settings of training and sampling, resolved: nothing optional is left to guess. Here what all trainings share.

mod classifier;
mod features;
mod wgan;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

pub use classifier::ClassWeights;
pub use classifier::ClassifierSettings;
pub use classifier::Decay;
pub use classifier::Draw;
pub use classifier::Freeze;
pub use classifier::LossSettings;
pub use classifier::Metric;
pub use classifier::Mixing;
pub use classifier::WeightRule;
pub use classifier::steps_in_a_pass;
pub use features::Features;
pub use features::NamedNetwork;
pub use features::NetworkFile;
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
