//! Params of `train-classifier`, and the course that they make up.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Head;
use crate::artifact::Network;
use crate::artifact::Stem;
use crate::augment::Online;
use crate::digest::is_default;
use crate::ml::ClassWeights;
use crate::ml::Decay;
use crate::ml::Draw;
use crate::ml::Freeze;
use crate::ml::Metric;
use crate::ml::Optimiser;
use crate::ml::Precision;
use crate::stage::Checkpoints;
use crate::stage::Course;
use crate::stage::Phase;

/// How a classifier is trained.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The architecture.
    #[serde(default = "default_network")]
    pub network: Network,
    /// Images in a batch.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 2, max = 65536))]
    pub batch_size: usize,
    /// Passes over the training images.
    #[serde(default = "default_epochs")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: usize,
    /// Optimiser steps, in place of `epochs`: sets of different size are trained on equally long. Pass follows on
    /// pass; a round of steps takes the place of an epoch wherever there is one, in the history too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub steps: Option<usize>,
    /// Steps in a round, of which `steps` is a multiple. Absent: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub round: Option<usize>,
    /// Step size of the optimiser.
    #[serde(default = "default_learning_rate")]
    #[schemars(range(min = 1e-12, max = 10.0))]
    pub learning_rate: f64,
    /// Stretches of training with step sizes of their own, in place of `epochs` and
    /// `learning_rate`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub schedule: Option<Vec<Phase>>,
    /// Steps in which the step size grows from nothing to its own, by the same amount each.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(max = 1_000_000_000))]
    pub warm_up: usize,
    /// What becomes of the step size after that. `cosine` and `one-cycle` look at the end of the training from the
    /// first step on: no other training, not even a longer one, goes on from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
    /// Epochs between two cuts of `decay: step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub decay_every: Option<usize>,
    /// What `decay: step` multiplies the step size by. Absent: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub decay_factor: Option<f64>,
    /// Rule that turns gradients into steps.
    #[serde(default = "default_optimiser", skip_serializing_if = "is_default_optimiser")]
    pub optimiser: Optimiser,
    /// Adam's decay rates of the first and second moment, 0 to 1.
    #[serde(default = "default_betas")]
    pub betas: [f64; 2],
    /// Share of its last step that SGD keeps, 0 to 1. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: Option<f64>,
    /// L2 penalty, added to the gradients; with `adamw`, the share of the weights that a step of size 1 takes
    /// away.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
    /// Share of a label that the loss spreads evenly over all classes (Szegedy et al. 2016), below 1.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub label_smoothing: f64,
    /// How much the images of each class count in the loss: a number for each class in their order, or `balanced`
    /// for `n / (classes * images of the class)`. The loss of a batch is divided by the sum of its weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Gamma of the focal loss (Lin et al. 2017): each image counts by `(1 - p)^gamma`, with `p` the probability of
    /// its class; 2 is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub focal: Option<f64>,
    /// Which images an epoch shows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub draw: Draw,
    /// Draws each image anew each time it is shown, in the place of copies that enlarge the set: `true`
    /// for the passes of the published study, or passes of one's own.
    #[serde(default, deserialize_with = "Online::switch", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OnlineSaid")]
    pub online: Option<Online>,
    /// Alpha of `MixUp` (Zhang et al. 2018): images of a batch are added up in shares drawn from
    /// Beta(alpha, alpha), and their labels count by these shares; 0.2 is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub mixup: Option<f64>,
    /// Alpha of `CutMix` (Yun et al. 2019): a rectangle of each image comes from another of the batch;
    /// 1 is usual. With `mixup` as well, each batch draws which of both it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub cutmix: Option<f64>,
    /// How pixels, scaled to 0-1, are normalised.
    #[serde(default)]
    pub normalise: Normalise,
    /// Whether the network sees the luma of images (ITU-R BT.601) on all three channels, not their colours. Images
    /// without colours look the same either way.
    #[serde(default, skip_serializing_if = "is_default")]
    pub greyscale: bool,
    /// How the network begins; `cifar` belongs to a ResNet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stem: Stem,
    /// How the network ends; `coral` takes the classes to be ordered as they are listed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub head: Head,
    /// Starting weights: a `.safetensors` file with torchvision's names. The last layer is left out
    /// where its shape differs. Absent: torchvision's random start.
    #[serde(default)]
    pub weights: Option<String>,
    /// Layers that keep their starting weights: so many of the network's five parts (the stem, then its four groups
    /// of blocks), or names such as `layer1`. Batch normalisation in them keeps its statistics too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// Decay of a running average of the weights, below 1: `average = ema * average + (1 - ema) * weights` after each
    /// step. The average is measured and kept in their place; statistics of batch normalisation are the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ema: Option<f64>,
    /// The epoch whose weights are kept.
    #[serde(default)]
    pub keep: Keep,
    /// What tells `keep: best` and `patience`, on the validation images, how good an epoch is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metric: Metric,
    /// Epochs without a better one after which the training ends, before its course does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub patience: Option<usize>,
    /// With how many bits convolutions and products compute.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
    /// Whether a GPU keeps to algorithms that give the same bits each time, which are slower; a CPU always does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deterministic: bool,
    /// Which states are kept on the way, for trainings that go on from there.
    #[serde(default)]
    pub checkpoints: Checkpoints,
}

/// What `online` may be.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "tells the schema and nothing else")]
enum OnlineSaid {
    /// Whether images are drawn anew, by the passes of the published study.
    Switch(bool),
    /// The passes.
    Passes(Online),
}

/// How pixels, scaled to 0-1, are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normalise {
    /// Means of red, green and blue that are subtracted.
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    pub deviation: [f64; 3],
}

impl Default for Normalise {
    fn default() -> Self {
        Self { mean: [0.5; 3], deviation: [0.5; 3] }
    }
}

/// The epoch whose weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The last one.
    #[default]
    Last,
    /// The best one by `metric` on the validation images, the first of equals.
    Best,
}

fn default_network() -> Network {
    Network::Resnet101
}

fn default_batch_size() -> usize {
    64
}

pub(super) fn default_epochs() -> usize {
    40
}

pub(super) fn default_learning_rate() -> f64 {
    1e-4
}

fn default_optimiser() -> Optimiser {
    Optimiser::Adam
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_default_optimiser(optimiser: &Optimiser) -> bool {
    *optimiser == default_optimiser()
}

pub(super) fn default_betas() -> [f64; 2] {
    [0.9, 0.999]
}

/// Steps in a round, where no other number is given.
const ROUND: usize = 100;
/// What a cut of the step size leaves of it, where no other number is given.
const CUT: f64 = 0.1;

impl Params {
    /// Returns the steps in a round, where training goes by steps.
    pub(super) fn round(&self) -> Option<usize> {
        self.steps.map(|_| self.round.unwrap_or(ROUND))
    }

    /// Returns the course.
    pub(super) fn course(&self) -> Course {
        let epochs = match (self.steps, self.round()) {
            (Some(steps), Some(round)) => steps / round,
            _ => self.epochs,
        };
        let mut single = vec![Phase { epochs, learning_rate: self.learning_rate }];
        if let (Some(Decay::Step), Some(every)) = (self.decay, self.decay_every) {
            let factor = self.decay_factor.unwrap_or(CUT);
            let rates = std::iter::successors(Some(self.learning_rate), |rate| Some(rate * factor));
            let starts = (0..epochs).step_by(every);
            let phase =
                |(start, learning_rate)| Phase { epochs: every.min(epochs - start), learning_rate };
            single = starts.zip(rates).map(phase).collect();
        }
        Course::new(self.schedule.as_deref().unwrap_or(&single), self.checkpoints)
            .in_rounds(self.round())
            .looking_ahead(self.decay.is_some_and(Decay::looks_ahead))
    }
}
