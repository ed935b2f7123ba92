//! Using a trained classifier: probabilities, logits, and the features that its last layer sees.

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::ml::Features;
use crate::ml::batch::Images;
use crate::ml::classifier;
use crate::ml::failure::guarded;
use crate::ml::last_layer;
use crate::ml::layers::Mode;
use crate::ml::libtorch::Inference;
use crate::ml::network::Model;
use crate::ml::precision::Bits;
use crate::ml::weights;
use crate::stage::Context;
use crate::stage::StageError;
use crate::stage::Tick;

/// Images that are answered at once.
const BATCH: usize = 128;

/// Returns the probability of each class for each image.
pub fn classify(
    cx: &Context<'_>,
    classifier: &Classifier,
    set: &ImageSet,
) -> Result<Vec<Vec<f64>>, StageError> {
    rows(cx, classifier, set, |model, batch| {
        last_layer::probabilities(classifier.variant.head, &model.forward(batch, Mode::Use)?)
    })
}

/// Returns the logits of each image, those of a network for ordered classes one less than there are classes.
/// `training`: as a training step over up to 128 of the images at once
/// sees them, normalised by the batch's own statistics; the classifier stays as it is.
pub fn logits(
    cx: &Context<'_>,
    classifier: &Classifier,
    set: &ImageSet,
    training: bool,
) -> Result<Vec<Vec<f64>>, StageError> {
    let mode = if training { Mode::Train } else { Mode::Use };
    rows(cx, classifier, set, |model, batch| model.forward(batch, mode)?.f_to_kind(Kind::Double))
}

/// Returns a row of numbers for each image, of those of a batch `[batch, numbers]`.
fn rows(
    cx: &Context<'_>,
    classifier: &Classifier,
    set: &ImageSet,
    of: impl Fn(&Model, &Tensor) -> Result<Tensor, TchError>,
) -> Result<Vec<Vec<f64>>, StageError> {
    let mut rows = Vec::with_capacity(set.len());
    each_batch(cx, classifier, set, |model, batch| {
        rows.extend(Vec::<Vec<f64>>::try_from(of(model, batch)?)?);
        Ok(())
    })?;
    Ok(rows)
}

/// Returns the pooled feature vector of each image, from before the last layer; all of them numbers.
pub fn features(
    cx: &Context<'_>,
    classifier: &Classifier,
    set: &ImageSet,
) -> Result<Features, StageError> {
    let mut found = Features { width: 0, values: Vec::new() };
    each_batch(cx, classifier, set, |model, batch| {
        let features = model.features(batch, Mode::Use)?; // [batch, width]
        found.width = features.size()[1] as usize;
        found.values.extend(Vec::<f32>::try_from(features.f_contiguous()?.f_view([-1])?)?);
        Ok(())
    })?;
    found.checked(set, "the classifier's training diverged: lower its `learning_rate`")
}

fn each_batch(
    cx: &Context<'_>,
    classifier: &Classifier,
    set: &ImageSet,
    mut answer: impl FnMut(&Model, &Tensor) -> Result<(), StageError>,
) -> Result<(), StageError> {
    guarded(cx, |device| {
        let classes = classifier.classes.len();
        let (model, mut parameters) =
            classifier::model(classifier.network, classifier.variant, classes, None)?;
        let name = "weights.safetensors";
        weights::load(name, &weights::parse(name, &classifier.weights)?, &mut parameters)?;
        parameters.place(device, Bits::ThirtyTwo)?;
        let _mode = Inference::new();
        let mut images = Images::new(set, classifier.mean, classifier.deviation, device)?;
        images.grey = classifier.variant.greyscale;
        in_batches(cx, &images, |batch| answer(&model, batch))
    })
}

/// Goes through images, batch by batch, and tells how far it is.
pub(in crate::ml) fn in_batches(
    cx: &Context<'_>,
    images: &Images,
    mut answer: impl FnMut(&Tensor) -> Result<(), StageError>,
) -> Result<(), StageError> {
    for start in (0..images.count).step_by(BATCH) {
        cx.keep_going()?;
        let count = BATCH.min(images.count - start);
        answer(&images.stretch(start, count)?)?;
        let (done, of) = ((start + count) as u64, images.count as u64);
        cx.observer.tick(&Tick { done, of, unit: "images".to_owned(), ..Tick::default() });
    }
    Ok(())
}
