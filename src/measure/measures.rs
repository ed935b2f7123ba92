//! Every measure of one classifier on one image set.

use serde::Deserialize;
use serde::Serialize;

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
    /// Unweighted mean over classes of the one-versus-rest area under the ROC curve.
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
    /// Harmonic mean of precision and recall; 0 where no image of the class was found.
    pub f1: Option<f64>,
    /// Area under the one-versus-rest ROC curve; absent where one side is empty.
    pub auc: Option<f64>,
}
