//! The twin of the torch code in programs built without it: same functions, one answer.

use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::ml::ClassifierSettings;
use crate::ml::Features;
use crate::ml::NamedNetwork;
use crate::ml::Sampling;
use crate::ml::WganSettings;
use crate::stage::Context;
use crate::stage::StageError;

/// Trains generator and critic on an image set.
pub fn train_wgan(_: &Context<'_>, _: &WganSettings, _: &ImageSet) -> Result<Gan, StageError> {
    Err(StageError::WithoutTorch)
}

/// Draws images from a generator: `[count, size, size, 3]`, 0-255.
pub fn generate(_: &Context<'_>, _: &Gan, _: &Sampling) -> Result<Vec<u8>, StageError> {
    Err(StageError::WithoutTorch)
}

/// Returns the critic's score of each image: the higher, the more it looks like a real one.
pub fn critic_scores(_: &Context<'_>, _: &Gan, _: &ImageSet) -> Result<Vec<f64>, StageError> {
    Err(StageError::WithoutTorch)
}

/// Trains a classifier, measuring it on validation images after each epoch where there are any.
pub fn train_classifier(
    _: &Context<'_>,
    _: &ClassifierSettings,
    _: &ImageSet,
    _: Option<&ImageSet>,
) -> Result<Classifier, StageError> {
    Err(StageError::WithoutTorch)
}

/// Returns the probability of each class for each image.
pub fn classify(
    _: &Context<'_>,
    _: &Classifier,
    _: &ImageSet,
) -> Result<Vec<Vec<f64>>, StageError> {
    Err(StageError::WithoutTorch)
}

/// Returns the pooled feature vector of each image, from before the last layer.
pub fn features(_: &Context<'_>, _: &Classifier, _: &ImageSet) -> Result<Features, StageError> {
    Err(StageError::WithoutTorch)
}

/// Returns how many CUDA devices can be used, or why none can.
pub fn cuda_devices() -> Result<usize, String> {
    Err(StageError::WithoutTorch.to_string())
}

/// Returns the logits of each image.
pub fn logits(
    _: &Context<'_>,
    _: &Classifier,
    _: &ImageSet,
    _: bool,
) -> Result<Vec<Vec<f64>>, StageError> {
    Err(StageError::WithoutTorch)
}

/// Returns the feature vector that a named network has of each image.
pub fn named_features(
    _: &Context<'_>,
    _: &NamedNetwork,
    _: &ImageSet,
) -> Result<Features, StageError> {
    Err(StageError::WithoutTorch)
}
