//! Accuracy: how many answers are right, and how sure that number is.

/// Normal quantile of 97.5 %.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// Returns the number of the greatest entry, the lowest of equals; 0 for no entry.
pub fn most_likely(probabilities: &[f64]) -> usize {
    let better = |best: usize, class: usize| {
        if probabilities[class] > probabilities[best] { class } else { best }
    };
    (1..probabilities.len()).fold(0, better)
}

/// Returns how many predictions are the label.
pub fn correct(labels: &[usize], predicted: &[usize]) -> usize {
    labels.iter().zip(predicted).filter(|(label, predicted)| label == predicted).count()
}

/// Returns Wilson's 95 % interval of a share `successes / trials` (Wilson, 1927); `(0, 1)` without
/// trials.
pub fn wilson_interval(successes: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::most_likely;
    use super::wilson_interval;

    #[test]
    fn the_lowest_of_equally_likely_classes_is_answered() {
        assert_eq!(most_likely(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(most_likely(&[0.5, 0.1, 0.4]), 0);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share(trials in 1_usize..2000, part in 0.0..=1.0_f64) {
            let successes = (trials as f64 * part) as usize;
            let (low, high) = wilson_interval(successes, trials);
            let share = successes as f64 / trials as f64;
            prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0);
            prop_assert!(low < high);
        }
    }
}
