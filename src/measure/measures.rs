//! Every measure of one classifier on one image set.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Answers;
use crate::measure::Measure;
use crate::measure::accuracy;
use crate::measure::confusion::ClassCounts;

/// Measures of one classifier on one image set; absent where a measure is not defined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Number of images.
    pub n: usize,
    /// Images whose predicted class is the true one.
    pub correct: usize,
    /// Wilson's 95 % interval of the accuracy.
    pub accuracy_interval: (f64, f64),
    /// Accuracy of always answering the most frequent class of this image set.
    pub majority: f64,
    /// Those that make one number.
    #[serde(flatten)]
    numbers: BTreeMap<Measure, Option<f64>>,
    /// Rows: true class; columns: predicted class; entries: images.
    pub confusion: Vec<Vec<usize>>,
    /// Measures of each class.
    pub per_class: Vec<ClassMeasures>,
}

/// Measures of one class against all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassMeasures {
    /// Images of this class.
    pub support: usize,
    /// Share of the images predicted as this class that are of it; absent where none was predicted.
    pub precision: Option<f64>,
    /// Share of the images of this class that were predicted as it; absent where there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall; 0 where no image of the class was found, absent where
    /// the class neither occurs nor was predicted.
    pub f1: Option<f64>,
    /// Area under the one-versus-rest ROC curve; absent where one side is empty.
    pub auc: Option<f64>,
}

impl Measures {
    /// Computes every measure of answers to at least one image.
    pub fn of(answers: &Answers) -> Self {
        let once = answers.once();
        let n = once.len();
        assert!(n > 0, "measures of no image");
        let matrix = answers.confusion(&once);
        let correct = accuracy::correct(&answers.labels, &answers.predicted);
        let per_class = answers.class_aucs(&once).enumerate().map(|(class, auc)| {
            let counts = ClassCounts::of(&matrix, class);
            let (precision, recall) = (counts.precision(), counts.recall());
            ClassMeasures { support: counts.support, precision, recall, f1: counts.f1(), auc }
        });
        Self {
            n,
            correct,
            accuracy_interval: accuracy::wilson_interval(correct, n),
            majority: answers.of_majority().accuracy(&once).unwrap_or_default(),
            numbers: Measure::ALL.map(|measure| (measure, measure.of(answers, &once))).into(),
            per_class: per_class.collect(),
            confusion: matrix,
        }
    }

    /// Returns one of those that make one number; absent where it is not defined.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        self.numbers.get(&measure).copied().flatten()
    }
}
