//! `train-classifier`: trains a network to tell the classes of images apart.
//!
//! torchvision's architectures. Which images it may see is the graph's
//! business.

mod images;
mod params;
mod problems;

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::artifact::Variant;
use crate::augment;
use crate::ml;
use crate::ml::ClassifierSettings;
use crate::ml::Exactness;
use crate::ml::LossSettings;
use crate::ml::Mixing;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::train_classifier::images::check_choice;
use crate::stages::train_classifier::images::check_images;
use crate::stages::train_classifier::images::check_size;
use crate::stages::train_classifier::params::Keep;
use crate::stages::train_classifier::params::Params;

/// Trains a network to tell the classes of images apart.
pub struct TrainClassifier;

ports! {
    /// What enters.
    inputs Inputs {
        /// Labelled images to learn from.
        images: Vec<ImageSet> = Fit,
        /// Labelled images on which each epoch is measured.
        validation: Option<ImageSet> = Select,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The trained network.
        classifier: Classifier = Lineage::Inputs,
    }
}

impl Stage for TrainClassifier {
    const KIND: &'static str = "train-classifier";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "Trains a network to tell the classes of images apart.";
    const RUNNER: Runner = Runner::Torch;
    const BESIDE_KEY: &'static [&'static str] = &["checkpoints"];
    const COURSE: &'static [&'static str] = &["epochs", "learning_rate", "schedule", "steps"];
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        problems::problems(params)
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn course(params: &Params) -> Option<Course> {
        Some(params.course())
    }

    fn steps(params: &Params, images: usize) -> Option<usize> {
        let course = params.course();
        let in_a_pass = || ml::steps_in_a_pass(images, params.batch_size);
        Some(course.epochs() * course.round().unwrap_or_else(in_a_pass))
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        params.weights.iter().map(|name| SourceRef::file(name, "weights")).collect()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        if known.inputs.get("images").map(Counts::total) == Some(0) {
            return Err(StageError::data("there is no image to train on"));
        }
        if let Some(size) = known.size("images") {
            check_size(params.network, size)?;
        }
        check_choice(params, known.connected.contains("validation"))?;
        Ok(Vec::new())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let images = ImageSet::join(inputs.images).map_err(StageError::data)?;
        let validation = inputs.validation.as_ref();
        check_size(params.network, (images.height, images.width))?;
        check_images(&images, validation, params)?;
        let passes = params.online.as_ref().map_or(&[][..], |online| &online.passes);
        augment::known(passes, &images.classes)?;
        let settings = settings(cx, params)?;
        Ok(Outputs { classifier: ml::train_classifier(cx, &settings, &images, validation)? })
    }
}

/// Returns complete settings.
fn settings(cx: &Context<'_>, params: &Params) -> Result<ClassifierSettings, StageError> {
    let weights = match &params.weights {
        Some(name) => Some(cx.source(name)?.to_owned()),
        None => None,
    };
    let [first, second] = params.betas;
    Ok(ClassifierSettings {
        network: params.network,
        variant: Variant { stem: params.stem, head: params.head, greyscale: params.greyscale },
        batch_size: params.batch_size,
        draw: params.draw,
        course: params.course(),
        optimiser: params.optimiser,
        betas: (first, second),
        momentum: params.momentum.unwrap_or(0.0),
        weight_decay: params.weight_decay,
        loss: LossSettings {
            smoothing: params.label_smoothing,
            class_weights: params.class_weights.clone(),
            focal: params.focal,
        },
        online: params.online.clone(),
        mixing: Mixing { mixup: params.mixup, cutmix: params.cutmix },
        mean: params.normalise.mean,
        deviation: params.normalise.deviation,
        weights,
        freeze: params.freeze.clone(),
        warm_up: params.warm_up,
        decay: params.decay,
        ema: params.ema,
        metric: params.metric,
        patience: params.patience,
        keep_best: params.keep == Keep::Best,
        exactness: Exactness { precision: params.precision, deterministic: params.deterministic },
    })
}

#[cfg(test)]
mod tests;
