//! Comparisons of two classifiers on the same images.

use crate::measure::student::log_gamma;

/// `McNemar`'s exact test of two classifiers on the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Images that only the first classifier got right.
    pub only_first: usize,
    /// Images that only the second classifier got right.
    pub only_second: usize,
    /// Chance of a split at least as uneven if both were equally good, two-sided.
    pub p: f64,
}

/// Tests whether two classifiers differ (`McNemar`, 1947, with binomial probabilities). Each slice
/// says image by image whether the answer was right.
pub fn mcnemar(first: &[bool], second: &[bool]) -> McNemar {
    assert_eq!(first.len(), second.len(), "answers to the same images");
    let pairs = || first.iter().zip(second);
    let only_first = pairs().filter(|(first, second)| **first && !**second).count();
    let only_second = pairs().filter(|(first, second)| !**first && **second).count();
    let n = (only_first + only_second) as f64;
    let chance = |k: usize| {
        let k = k as f64;
        let ways = log_gamma(n + 1.0) - log_gamma(k + 1.0) - log_gamma(n - k + 1.0);
        (ways - n * std::f64::consts::LN_2).exp()
    };
    let tail: f64 = (0..=only_first.min(only_second)).map(chance).sum();
    McNemar { only_first, only_second, p: (2.0 * tail).min(1.0) }
}

/// Returns p-values corrected for their number (Holm, 1979), in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (place, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - place) as f64;
        largest = largest.max((factor * p_values[index]).min(1.0));
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::holm;
    use super::mcnemar;

    #[test]
    fn equal_classifiers_do_not_differ() {
        let right = [true, false, true];
        assert_eq!(mcnemar(&right, &right).p, 1.0);
    }

    proptest! {
        #[test]
        fn holm_keeps_the_order_and_never_lowers(ps in prop::collection::vec(0.0..=1.0_f64, 0..8)) {
            let corrected = holm(&ps);
            for a in 0..ps.len() {
                prop_assert!(ps[a] <= corrected[a] && corrected[a] <= 1.0);
                for b in 0..ps.len() {
                    prop_assert!(ps[a] >= ps[b] || corrected[a] <= corrected[b]);
                }
            }
        }
    }
}
