//! The measures that make one number of a classifier's answers, by name.

use serde::Serialize;

use crate::measure::Answers;
use crate::measure::confusion::ClassCounts;
use crate::measure::confusion::mean_absolute_error;
use crate::measure::confusion::mean_of_known;
use crate::measure::confusion::quadratic_kappa;
use crate::measure::referral;

/// A measure that is one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Share of right answers.
    #[default]
    Accuracy,
    /// Mean of the recalls of the classes that occur.
    BalancedAccuracy,
    /// Mean of the F1 scores of the classes that occur or were predicted.
    MacroF1,
    /// Unweighted mean of the one-versus-rest areas under the ROC curve of the classes that have one
    /// (`MedMNIST`'s AUC, where every class occurs).
    Auc,
    /// Area under the ROC curve of all classes' probabilities together.
    MicroAuc,
    /// Cohen's kappa with quadratic weights, -1 to 1.
    Kappa,
    /// Mean distance between true and predicted class, in classes.
    Mae,
    /// Share of the images of grade 2 and above that were predicted to be.
    ReferableSensitivity,
    /// Share of the images below grade 2 that were predicted to be.
    ReferableSpecificity,
    /// Area under the ROC curve of the probability of grade 2 and above.
    ReferableAuc,
    /// Brier score, 0 to 2.
    Brier,
    /// Expected calibration error, 0 to 1.
    Ece,
}

impl Measure {
    /// Every measure, in order.
    pub const ALL: [Self; 12] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::MacroF1,
        Self::Auc,
        Self::MicroAuc,
        Self::Kappa,
        Self::Mae,
        Self::ReferableSensitivity,
        Self::ReferableSpecificity,
        Self::ReferableAuc,
        Self::Brier,
        Self::Ece,
    ];

    /// Returns the name as files and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::Auc => "auc",
            Self::MicroAuc => "micro_auc",
            Self::Kappa => "kappa",
            Self::Mae => "mae",
            Self::ReferableSensitivity => "referable_sensitivity",
            Self::ReferableSpecificity => "referable_specificity",
            Self::ReferableAuc => "referable_auc",
            Self::Brier => "brier",
            Self::Ece => "ece",
        }
    }

    /// Returns the measure of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// Measures answers where each image counts `times[image]` times; absent where it is not defined.
    pub fn of(self, answers: &Answers, times: &[usize]) -> Option<f64> {
        let matrix = || answers.confusion(times);
        let graded = referral::is_graded(answers.classes);
        match self {
            Self::Accuracy => answers.accuracy(times),
            Self::BalancedAccuracy => mean_of(&matrix(), ClassCounts::recall),
            Self::MacroF1 => mean_of(&matrix(), ClassCounts::f1),
            Self::Auc => mean_of_known(answers.class_aucs(times)),
            Self::MicroAuc => answers.micro_auc(times),
            Self::Kappa => quadratic_kappa(&matrix()),
            Self::Mae => mean_absolute_error(&matrix()),
            Self::ReferableSensitivity => referral::sensitivity(&matrix()),
            Self::ReferableSpecificity => referral::specificity(&matrix()),
            Self::ReferableAuc => graded.then(|| answers.referable_auc(times))?,
            Self::Brier => answers.brier(times),
            Self::Ece => answers.calibration_error(times),
        }
    }
}

fn mean_of(confusion: &[Vec<usize>], of: fn(ClassCounts) -> Option<f64>) -> Option<f64> {
    let counts = (0..confusion.len()).map(|class| ClassCounts::of(confusion, class));
    mean_of_known(counts.map(of))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::Measure;
    use crate::measure::Answers;
    use crate::measure::accuracy::most_likely;

    /// What rounding may add.
    const ROUNDED: f64 = 1e-12;

    type Row = (usize, Vec<f64>);

    fn answers(rows: &[Row], classes: usize) -> Answers {
        let of = |(label, row): &'_ Row| (*label, most_likely(row));
        let rows = rows.iter().map(|row| (of(row), row.1.as_slice()));
        Answers::of(classes, rows.map(|((label, predicted), row)| (label, predicted, row)))
    }

    /// Rows of probabilities that add up to 1 and hold no two equal ones but by chance.
    fn rows(classes: usize) -> impl Strategy<Value = Vec<Row>> {
        let row = prop::collection::vec(0.01..1.0_f64, classes).prop_map(|row| {
            let sum: f64 = row.iter().sum();
            row.into_iter().map(|share| share / sum).collect::<Vec<f64>>()
        });
        prop::collection::vec((0..classes, row), 1..30)
    }

    #[test]
    fn every_measure_is_found_by_its_name() {
        for measure in Measure::ALL {
            assert_eq!(Measure::named(measure.name()), Some(measure));
            assert_eq!(serde_json::json!(measure), measure.name());
        }
    }

    #[test]
    fn the_most_frequent_class_is_measured_as_an_answer() {
        let rows: Vec<Row> = [0, 1, 1, 2].map(|label| (label, vec![0.2, 0.3, 0.5])).to_vec();
        let constant = answers(&rows, 3).of_majority();
        let of = |measure: Measure| measure.of(&constant, &[1; 4]);
        assert_eq!(of(Measure::Accuracy), Some(0.5));
        assert_eq!(of(Measure::Auc), Some(0.5));
        assert_eq!(of(Measure::Kappa), Some(0.0));
        assert_eq!(of(Measure::ReferableSensitivity), Some(0.0));
        assert_eq!(of(Measure::Brier), Some(1.0));
    }

    proptest! {
        #[test]
        fn an_image_that_counts_twice_is_as_good_as_two(rows in rows(4), seed in 0_u64..) {
            let mut stream = crate::seed::Seed(seed).stream();
            let times: Vec<usize> = rows.iter().map(|_| stream.below(3)).collect();
            let many = rows.iter().zip(&times);
            let mut many: Vec<Row> =
                many.flat_map(|(row, &times)| std::iter::repeat_n(row.clone(), times)).collect();
            stream.shuffle(&mut many);
            let (one, other) = (answers(&rows, 4), answers(&many, 4));
            for measure in Measure::ALL {
                let (weighted, repeated) = (measure.of(&one, &times), measure.of(&other, &other.once()));
                prop_assert_eq!(weighted.is_some(), repeated.is_some());
                let apart = weighted.zip(repeated).map_or(0.0, |(one, other)| (one - other).abs());
                prop_assert!(apart < 1e-12, "{measure:?} {weighted:?} {repeated:?}");
            }
        }

        #[test]
        fn nominal_measures_do_not_know_which_class_is_which(rows in rows(4), shift in 1_usize..4) {
            let moved = |(label, row): &Row| {
                let mut row = row.clone();
                row.rotate_right(shift);
                ((label + shift) % 4, row)
            };
            let other = answers(&rows.iter().map(moved).collect::<Vec<_>>(), 4);
            let one = answers(&rows, 4);
            let nominal = [Measure::Accuracy, Measure::BalancedAccuracy, Measure::MacroF1, Measure::Auc];
            for measure in nominal.into_iter().chain([Measure::MicroAuc, Measure::Brier, Measure::Ece]) {
                let [one, other] = [&one, &other].map(|answers| measure.of(answers, &answers.once()));
                let apart = one.zip(other).map_or(0.0, |(one, other)| (one - other).abs());
                prop_assert!(apart < 1e-12 && one.is_some() == other.is_some(), "{measure:?}");
            }
        }

        #[test]
        fn measures_keep_within_their_bounds(rows in rows(3)) {
            let answers = answers(&rows, 3);
            for measure in Measure::ALL {
                let bounds = match measure {
                    Measure::Kappa => -1.0 - ROUNDED..=1.0 + ROUNDED,
                    Measure::Mae | Measure::Brier => 0.0..=2.0 + ROUNDED,
                    _ => 0.0..=1.0 + ROUNDED,
                };
                let number = measure.of(&answers, &answers.once());
                prop_assert!(number.is_none_or(|number| bounds.contains(&number)), "{measure:?}");
            }
        }
    }
}
