//! Settings of a classifier's training, resolved: nothing optional is left to guess.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Network;
use crate::artifact::Variant;
use crate::augment::Online;
use crate::ml::Exactness;
use crate::ml::Optimiser;
use crate::stage::Course;

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

/// How much the images of each class count in the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ClassWeights {
    /// By a rule.
    Rule(WeightRule),
    /// A weight for each class, in their order.
    Each(Vec<f64>),
}

/// A rule that gives classes their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum WeightRule {
    /// `n / (classes * images of the class)`: all classes count alike.
    Balanced,
}

/// What a training makes small; all of it off is plain cross-entropy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LossSettings {
    /// Share of a label that is spread evenly over all classes (Szegedy et al. 2016), 0 to 1.
    pub smoothing: f64,
    /// How much the images of each class count.
    pub class_weights: Option<ClassWeights>,
    /// Gamma of the focal loss (Lin et al. 2017): each image counts by `(1 - p)^gamma`.
    pub focal: Option<f64>,
}

/// Which images an epoch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// Each one once.
    #[default]
    Once,
    /// As many as there are, drawn with replacement, each class as likely as any other.
    Balanced,
}

/// What becomes of the step size on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Falls to 0 at the end along half a cosine (Loshchilov and Hutter 2017), step by step.
    Cosine,
    /// Is multiplied by `decay_factor` every `decay_every` epochs.
    Step,
    /// Rises from a 25th of it in the first 30 % of the steps and falls to a 250,000th of it in the rest, along
    /// halves of a cosine (Smith and Topin 2019).
    OneCycle,
}

impl Decay {
    /// Returns whether a step's size depends on how many steps there are in all.
    pub fn looks_ahead(self) -> bool {
        self != Self::Step
    }
}

/// What tells how good an epoch is, by the validation images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right answers.
    #[default]
    Accuracy,
    /// Mean of the classes' shares of right answers.
    BalancedAccuracy,
    /// Cohen's kappa with quadratic weights.
    Kappa,
    /// Mean loss: cross-entropy, or CORAL's; the lower the better.
    Loss,
    /// Mean of the classes' areas under the ROC curve, each against the rest.
    Auc,
}

/// Layers that keep their starting weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Freeze {
    /// So many of the first parts: the stem, then the four groups of blocks.
    Parts(#[schemars(range(min = 1, max = 5))] usize),
    /// Layers by their names, or the beginnings of these up to a dot: `layer1`, `layer2.0`.
    Names(#[schemars(length(min = 1))] Vec<String>),
}

/// Settings of a classifier training.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierSettings {
    /// The architecture.
    pub network: Network,
    /// How it departs from torchvision's.
    pub variant: Variant,
    /// Images in a batch; a last batch of one image is dropped, since batch normalisation needs two.
    pub batch_size: usize,
    /// Which images an epoch shows.
    pub draw: Draw,
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
    /// What is made small.
    pub loss: LossSettings,
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
    /// Layers that keep their starting weights.
    pub freeze: Option<Freeze>,
    /// Steps in which the step size grows from nothing to its own.
    pub warm_up: usize,
    /// What becomes of the step size; that of [`Decay::Step`] is in the course.
    pub decay: Option<Decay>,
    /// Decay of the running average of the weights that is measured and kept, 0 to 1; absent: none is.
    pub ema: Option<f64>,
    /// What tells how good an epoch is.
    pub metric: Metric,
    /// Epochs without a better one after which training ends; absent: it goes to the end of its course.
    pub patience: Option<usize>,
    /// Whether the weights of the best epoch on the validation images are kept, not the last.
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
            variant: Variant::default(),
            batch_size,
            draw: Draw::Once,
            course,
            optimiser: Optimiser::Adam,
            betas: (0.9, 0.999),
            momentum: 0.0,
            weight_decay: 0.0,
            loss: LossSettings::default(),
            online: None,
            mixing: Mixing::default(),
            mean: [0.5; 3],
            deviation: [0.5; 3],
            weights: None,
            freeze: None,
            warm_up: 0,
            decay: None,
            ema: None,
            metric: Metric::Accuracy,
            patience: None,
            keep_best: false,
            exactness: Exactness::default(),
        }
    }
}

/// Returns the optimiser steps in a pass over images in batches, of which a last one of one image is left out.
pub fn steps_in_a_pass(images: usize, batch_size: usize) -> usize {
    let is_short = batch_size > 1 && images % batch_size == 1;
    images.div_ceil(batch_size.max(1)) - usize::from(is_short)
}
