//! Images that a classifier can be trained on, and those that it cannot.

use crate::artifact::ImageSet;
use crate::artifact::Network;
use crate::ml::Metric;
use crate::stage::StageError;
use crate::stages::train_classifier::params::Keep;
use crate::stages::train_classifier::params::Params;

/// Smallest side of images for a DenseNet, pixels. It is divided by four, rounded up, and halved three
/// times, rounded down.
const DENSENET_SIDE: usize = 29;

/// Refuses images that are too small for a network. A ResNet takes any.
pub(super) fn check_size(
    network: Network,
    (height, width): (usize, usize),
) -> Result<(), StageError> {
    let smallest = if network.is_residual() { 1 } else { DENSENET_SIDE };
    if height.min(width) >= smallest {
        return Ok(());
    }
    let problem = format!(
        "images are {width} x {height} pixels; {network} needs at least {smallest} x {smallest}"
    );
    let help = "set `size` of the `load` stage to 32 or more, or take a ResNet";
    Err(StageError::data(problem).help(help))
}

/// Refuses to choose an epoch where there is nothing to choose by.
pub(super) fn check_choice(params: &Params, has_validation: bool) -> Result<(), StageError> {
    match (has_validation, params.keep, params.patience) {
        (false, Keep::Best, _) => {
            let problem = "`keep: best` chooses by validation images, but there are none";
            let help = "connect the port `validation`, or write `keep: last`";
            Err(StageError::data(problem).help(help))
        }
        (false, _, Some(_)) => {
            let problem = "`patience` goes by validation images, but there are none";
            let help = "connect the port `validation`, or leave `patience` out";
            Err(StageError::data(problem).help(help))
        }
        _ => Ok(()),
    }
}

/// Refuses images that cannot teach every class, and validation images that do not go with them.
pub(super) fn check_images(
    images: &ImageSet,
    validation: Option<&ImageSet>,
    params: &Params,
) -> Result<(), StageError> {
    if images.is_empty() {
        return Err(StageError::data("there is no image to train on"));
    }
    let unlabelled = |id: &str| {
        StageError::data(format!("image `{id}` has no label"))
            .help("put a stage of kind `label` before this one")
    };
    images.labels().map_err(unlabelled)?;
    if let Some(class) = images.class_counts().iter().position(|count| *count == 0) {
        let name = &images.classes[class];
        let problem = format!("class `{name}` has no image among the {} to train on", images.len());
        let help = format!("add images of `{name}`, or stratify the split");
        return Err(StageError::data(problem).help(help));
    }
    check_choice(params, validation.is_some_and(|validation| !validation.is_empty()))?;
    let Some(validation) = validation else { return Ok(()) };
    validation.labels().map_err(unlabelled)?;
    let empty =
        |images: &ImageSet| ImageSet::empty(images.height, images.width, images.classes.clone());
    ImageSet::join(vec![empty(images), empty(validation)]).map_err(|problem| {
        StageError::data(format!("training and validation differ: {problem}"))
    })?;
    let occurring = validation.class_counts().iter().filter(|count| **count > 0).count();
    if occurring < 2 && matches!(params.metric, Metric::Auc | Metric::Kappa) {
        let problem =
            "the validation images are all of one class, for which `metric` is not defined";
        let help = "stratify the split, or take `metric: accuracy`";
        return Err(StageError::data(problem).help(help));
    }
    Ok(())
}
