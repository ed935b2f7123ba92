//! Every measure of one classifier on one image set.

use serde::Deserialize;
use serde::Serialize;

use crate::measure::accuracy;
use crate::measure::auc::auc;
use crate::measure::confusion::ClassCounts;
use crate::measure::confusion::confusion;
use crate::measure::confusion::mean_of_known;
use crate::measure::confusion::quadratic_kappa;

/// Measures of one classifier on one image set; absent where a measure is not defined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Number of images.
    pub n: usize,
    /// Images whose predicted class is the true one.
    pub correct: usize,
    /// `correct / n`, 0 to 1.
    pub accuracy: f64,
    /// Wilson's 95 % interval of the accuracy.
    pub accuracy_interval: (f64, f64),
    /// Accuracy of always answering the most frequent class of this image set.
    pub majority: f64,
    /// Mean of the recalls of the classes that occur.
    pub balanced_accuracy: Option<f64>,
    /// Mean of the F1 scores of the classes that occur or were predicted.
    pub macro_f1: Option<f64>,
    /// Unweighted mean of the one-versus-rest areas under the ROC curve of the classes that have
    /// one (`MedMNIST`'s AUC, where every class occurs).
    pub auc: Option<f64>,
    /// Cohen's kappa with quadratic weights, -1 to 1.
    pub kappa: Option<f64>,
    /// Rows: true class; columns: predicted class; entries: images.
    pub confusion: Vec<Vec<usize>>,
    /// Measures of each class.
    pub per_class: Vec<ClassMeasures>,
}

/// Measures of one class against all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Computes every measure from one row an image: its true class, its predicted class and the
    /// probability of each class. There is at least one image, and classes are below `classes`.
    pub fn of(
        labels: &[usize],
        predicted: &[usize],
        probabilities: &[Vec<f64>],
        classes: usize,
    ) -> Self {
        let n = labels.len();
        assert!(n > 0, "measures of no image");
        assert!(n == predicted.len() && n == probabilities.len(), "a row for each image");
        let correct = accuracy::correct(labels, predicted);
        let matrix = confusion(labels, predicted, classes);
        let class_auc = |class: usize| {
            let scores: Vec<f64> = probabilities.iter().map(|row| row[class]).collect();
            let positive: Vec<bool> = labels.iter().map(|&label| label == class).collect();
            auc(&scores, &positive)
        };
        let per_class: Vec<ClassMeasures> = (0..classes)
            .map(|class| (ClassCounts::of(&matrix, class), class_auc(class)))
            .map(|(counts, auc)| ClassMeasures {
                support: counts.support,
                precision: counts.precision(),
                recall: counts.recall(),
                f1: counts.f1(),
                auc,
            })
            .collect();
        Self {
            n,
            correct,
            accuracy: correct as f64 / n as f64,
            accuracy_interval: accuracy::wilson_interval(correct, n),
            majority: accuracy::majority_share(labels, classes),
            balanced_accuracy: mean_of_known(per_class.iter().map(|class| class.recall)),
            macro_f1: mean_of_known(per_class.iter().map(|class| class.f1)),
            auc: mean_of_known(per_class.iter().map(|class| class.auc)),
            kappa: quadratic_kappa(&matrix),
            confusion: matrix,
            per_class,
        }
    }
}
