//! Every measure of one classifier on one image set.

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
    /// Area under the ROC curve of all classes' probabilities together.
    pub micro_auc: Option<f64>,
    /// Cohen's kappa with quadratic weights, -1 to 1.
    pub kappa: Option<f64>,
    /// Mean distance between true and predicted class, in classes.
    pub mae: Option<f64>,
    /// Share of the images of grade 2 and above that were predicted to be; absent for two classes.
    pub referable_sensitivity: Option<f64>,
    /// Share of the images below grade 2 that were predicted to be; absent for two classes.
    pub referable_specificity: Option<f64>,
    /// Area under the ROC curve of the probability of grade 2 and above; absent for two classes.
    pub referable_auc: Option<f64>,
    /// Brier score, 0 to 2, lower is better.
    pub brier: Option<f64>,
    /// Expected calibration error over 15 bins, 0 to 1, lower is better.
    pub ece: Option<f64>,
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
        let of = |measure: Measure| measure.of(answers, &once);
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
            accuracy: correct as f64 / n as f64,
            accuracy_interval: accuracy::wilson_interval(correct, n),
            majority: accuracy::majority_share(&answers.labels, answers.classes),
            balanced_accuracy: of(Measure::BalancedAccuracy),
            macro_f1: of(Measure::MacroF1),
            auc: of(Measure::Auc),
            micro_auc: of(Measure::MicroAuc),
            kappa: of(Measure::Kappa),
            mae: of(Measure::Mae),
            referable_sensitivity: of(Measure::ReferableSensitivity),
            referable_specificity: of(Measure::ReferableSpecificity),
            referable_auc: of(Measure::ReferableAuc),
            brier: of(Measure::Brier),
            ece: of(Measure::Ece),
            per_class: per_class.collect(),
            confusion: matrix,
        }
    }

    /// Returns one of them by name; absent where it is not defined.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Accuracy => Some(self.accuracy),
            Measure::BalancedAccuracy => self.balanced_accuracy,
            Measure::MacroF1 => self.macro_f1,
            Measure::Auc => self.auc,
            Measure::MicroAuc => self.micro_auc,
            Measure::Kappa => self.kappa,
            Measure::Mae => self.mae,
            Measure::ReferableSensitivity => self.referable_sensitivity,
            Measure::ReferableSpecificity => self.referable_specificity,
            Measure::ReferableAuc => self.referable_auc,
            Measure::Brier => self.brier,
            Measure::Ece => self.ece,
        }
    }
}
