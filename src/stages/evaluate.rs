//! `evaluate`: measures a classifier on labelled images.
//!
//! Nothing is chosen by what it finds, so images of any part may enter.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::artifact::Prediction;
use crate::artifact::Scores;
use crate::measure::accuracy::most_likely;
use crate::ml;
use crate::stage::Context;
use crate::stage::Lineage;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;

/// Measures a classifier on labelled images.
pub struct Evaluate;

/// An evaluation has nothing to set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

ports! {
    /// What enters.
    inputs Inputs {
        /// The classifier to measure.
        model: Classifier = Pass,
        /// Labelled images.
        images: ImageSet = Measure,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The answer for each image, and the measures over all of them.
        scores: Scores = Lineage::Inputs,
    }
}

impl Stage for Evaluate {
    const KIND: &'static str = "evaluate";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "Measures a classifier on labelled images.";
    const RUNNER: Runner = Runner::Torch;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn draws(_: &Params) -> bool {
        false
    }

    fn run(cx: &Context<'_>, _: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let Inputs { model, images } = inputs;
        model.suits(&images).map_err(StageError::data)?;
        let labels = labels(&images)?;
        let probabilities = ml::classify(cx, &model, &images)?;
        Ok(Outputs { scores: score(&images, &labels, probabilities)? })
    }
}

/// Returns the true classes, or why the images cannot measure anything.
fn labels(images: &ImageSet) -> Result<Vec<usize>, StageError> {
    if images.is_empty() {
        return Err(StageError::data("there is no image to measure on"));
    }
    images.labels().map_err(|id| {
        StageError::data(format!("image `{id}` has no label"))
            .help("measure on images whose labels are known")
    })
}

/// Returns the scores of one row of probabilities an image.
fn score(
    images: &ImageSet,
    labels: &[usize],
    probabilities: Vec<Vec<f64>>,
) -> Result<Scores, StageError> {
    let finite = |row: &Vec<f64>| row.iter().all(|probability| probability.is_finite());
    if let Some(index) = probabilities.iter().position(|row| !finite(row)) {
        let id = &images.samples[index].id;
        let problem = format!("the classifier's answer for `{id}` is no number");
        return Err(StageError::data(problem)
            .help("its training diverged: lower `learning_rate` in `train-classifier`"));
    }
    let predictions = probabilities
        .into_iter()
        .enumerate()
        .map(|(index, probabilities)| Prediction {
            id: images.samples[index].id.clone(),
            group: images.samples[index].group.clone(),
            label: labels[index],
            predicted: most_likely(&probabilities),
            probabilities,
        })
        .collect();
    Ok(Scores::of(images.classes.clone(), predictions)?)
}

#[cfg(test)]
mod tests {
    use super::ImageSet;
    use super::labels;
    use super::score;
    use crate::artifact::Partition;
    use crate::artifact::Sample;

    fn images(labels: &[Option<usize>]) -> ImageSet {
        let mut images = ImageSet::empty(1, 1, vec!["healthy".into(), "ill".into()]);
        for (index, &label) in labels.iter().enumerate() {
            let sample = Sample {
                id: format!("test/{index}"),
                label,
                partition: Partition::Test,
                group: Some(format!("patient {index}")),
                origin: "file".into(),
            };
            images.push(sample, &[0; 3]);
        }
        images
    }

    #[test]
    fn an_answer_stands_beside_its_image() {
        let images = images(&[Some(0), Some(1)]);
        let rows = vec![vec![0.5, 0.5], vec![0.9, 0.1]];
        let scores = score(&images, &[0, 1], rows).unwrap();
        assert_eq!((scores.measures.correct, scores.measures.n), (1, 2));
        assert_eq!(scores.predictions[1].group.as_deref(), Some("patient 1"));
        assert_eq!((scores.predictions[1].label, scores.predictions[1].predicted), (1, 0));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        insta::assert_snapshot!(labels(&images(&[])).unwrap_err(), @"there is no image to measure on");
        insta::assert_snapshot!(labels(&images(&[Some(0), None])).unwrap_err(), @"image `test/1` has no label");
        let images = images(&[Some(0)]);
        let diverged = score(&images, &[0], vec![vec![f64::NAN, 0.0]]).unwrap_err();
        insta::assert_snapshot!(diverged, @"the classifier's answer for `test/0` is no number");
    }
}
