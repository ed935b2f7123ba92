//! Confusion matrices, and the measures that follow from them alone.

/// Returns the confusion matrix where each image counts `times[image]` times: rows are true classes, columns
/// predicted ones, entries images.
pub fn confusion(
    labels: &[usize],
    predicted: &[usize],
    times: &[usize],
    classes: usize,
) -> Vec<Vec<usize>> {
    let mut matrix = vec![vec![0; classes]; classes];
    for ((&label, &predicted), times) in labels.iter().zip(predicted).zip(times) {
        matrix[label][predicted] += times;
    }
    matrix
}

/// What a confusion matrix says of one class against all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassCounts {
    /// Images of the class that were predicted as it.
    pub found: usize,
    /// Images of the class.
    pub support: usize,
    /// Images predicted as the class.
    pub predicted: usize,
}

impl ClassCounts {
    /// Returns the counts of one class.
    pub fn of(confusion: &[Vec<usize>], class: usize) -> Self {
        Self {
            found: confusion[class][class],
            support: confusion[class].iter().sum(),
            predicted: confusion.iter().map(|row| row[class]).sum(),
        }
    }

    /// Returns the share of the images predicted as the class that are of it.
    pub fn precision(self) -> Option<f64> {
        share(self.found, self.predicted)
    }

    /// Returns the share of the images of the class that were predicted as it.
    pub fn recall(self) -> Option<f64> {
        share(self.found, self.support)
    }

    /// Returns the harmonic mean of precision and recall; absent where the class neither occurs nor
    /// was predicted.
    pub fn f1(self) -> Option<f64> {
        share(2 * self.found, self.support + self.predicted)
    }
}

/// Returns Cohen's kappa (Cohen, 1960): the share of agreement beyond that of chance, 1 for agreement in all;
/// absent where no disagreement is expected by chance.
pub fn kappa(confusion: &[Vec<usize>]) -> Option<f64> {
    weighted_kappa(confusion, |truth, answer| usize::from(truth != answer))
}

/// Returns Cohen's kappa with quadratic weights (Cohen, 1968): `1 - sum w O / sum w E` with
/// `w = (i - j)^2`; absent where no disagreement is expected by chance.
pub fn quadratic_kappa(confusion: &[Vec<usize>]) -> Option<f64> {
    weighted_kappa(confusion, |truth, answer| truth.abs_diff(answer).pow(2))
}

fn weighted_kappa(confusion: &[Vec<usize>], weight: impl Fn(usize, usize) -> usize) -> Option<f64> {
    let classes = confusion.len();
    let counts: Vec<_> = (0..classes).map(|class| ClassCounts::of(confusion, class)).collect();
    let n: usize = counts.iter().map(|class| class.support).sum();
    let mut observed = 0.0;
    let mut expected = 0.0;
    for truth in 0..classes {
        for answer in 0..classes {
            let weight = weight(truth, answer) as f64;
            observed += weight * confusion[truth][answer] as f64;
            let both = counts[truth].support as f64 * counts[answer].predicted as f64;
            expected += weight * both / n.max(1) as f64;
        }
    }
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Returns the mean distance between true and predicted class, `sum |i - j| / n`, in classes; absent
/// without images.
pub fn mean_absolute_error(confusion: &[Vec<usize>]) -> Option<f64> {
    let mut apart = 0;
    for (truth, row) in confusion.iter().enumerate() {
        apart +=
            row.iter().enumerate().map(|(answer, n)| truth.abs_diff(answer) * n).sum::<usize>();
    }
    share(apart, confusion.iter().flatten().sum())
}

/// Returns the mean of the numbers that are there; absent where none is.
pub(crate) fn mean_of_known(numbers: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let known: Vec<f64> = numbers.flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

pub(crate) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::confusion;
    use super::kappa;
    use super::mean_absolute_error;
    use super::quadratic_kappa;

    fn of(labels: &[usize], predicted: &[usize], classes: usize) -> Vec<Vec<usize>> {
        confusion(labels, predicted, &vec![1; labels.len()], classes)
    }

    #[test]
    fn kappa_is_absent_where_all_answers_and_labels_are_one_class() {
        assert_eq!(quadratic_kappa(&of(&[2, 2], &[2, 2], 3)), None);
        assert_eq!(quadratic_kappa(&of(&[], &[], 3)), None);
        assert_eq!(mean_absolute_error(&of(&[], &[], 3)), None);
    }

    #[test]
    fn kappa_is_one_for_agreement_and_zero_for_a_constant_answer() {
        assert_eq!(quadratic_kappa(&of(&[0, 1, 2], &[0, 1, 2], 3)), Some(1.0));
        assert_eq!(quadratic_kappa(&of(&[0, 1, 2], &[1, 1, 1], 3)), Some(0.0));
        assert_eq!(quadratic_kappa(&of(&[0, 2], &[2, 0], 3)), Some(-1.0));
    }

    proptest! {
        #[test]
        fn agreement_has_no_side_and_no_direction(
            rows in prop::collection::vec((0_usize..5, 0_usize..5), 1..60),
        ) {
            let (labels, predicted): (Vec<usize>, Vec<usize>) = rows.iter().copied().unzip();
            let matrix = of(&labels, &predicted, 5);
            let turned = |classes: &[usize]| classes.iter().map(|class| 4 - class).collect::<Vec<_>>();
            // Neither which side is called the truth nor from which end grades are counted matters.
            for other in [of(&predicted, &labels, 5), of(&turned(&labels), &turned(&predicted), 5)] {
                for of in [kappa, quadratic_kappa] {
                    let (one, other) = (of(&matrix), of(&other));
                    prop_assert_eq!(one.is_some(), other.is_some());
                    let apart = one.zip(other).map_or(0.0, |(one, other)| (one - other).abs());
                    prop_assert!(apart < 1e-12 && one.is_none_or(|kappa| kappa.abs() < 1.0 + 1e-12));
                }
                prop_assert_eq!(mean_absolute_error(&matrix), mean_absolute_error(&other));
            }
        }
    }
}
