//! Comparisons of two classifiers on the same images.

use crate::measure::student::log_gamma;
use crate::seed::Seed;

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

/// Returns the 95 % percentile interval of `accuracy of the second - accuracy of the first` from
/// `resamples` bootstrap samples of the images (Efron, 1979); absent without images or resamples.
pub fn difference_interval(
    first: &[bool],
    second: &[bool],
    resamples: usize,
    seed: Seed,
) -> Option<(f64, f64)> {
    assert_eq!(first.len(), second.len(), "answers to the same images");
    let n = first.len();
    if n == 0 || resamples == 0 {
        return None;
    }
    let gain = |index: usize| i64::from(second[index]) - i64::from(first[index]);
    let mut stream = seed.named("paired bootstrap").stream();
    let mut differences: Vec<f64> = (0..resamples)
        .map(|_| (0..n).map(|_| gain(stream.below(n))).sum::<i64>() as f64 / n as f64)
        .collect();
    differences.sort_by(f64::total_cmp);
    Some((sorted_quantile(&differences, 0.025), sorted_quantile(&differences, 0.975)))
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

/// Returns a quantile of sorted numbers, interpolated linearly (Hyndman and Fan's type 7).
fn sorted_quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::difference_interval;
    use super::holm;
    use super::mcnemar;
    use super::sorted_quantile;
    use crate::seed::Seed;

    #[test]
    fn equal_classifiers_do_not_differ() {
        let right = [true, false, true];
        assert_eq!(mcnemar(&right, &right).p, 1.0);
        assert_eq!(difference_interval(&right, &right, 50, Seed(1)), Some((0.0, 0.0)));
        assert_eq!(difference_interval(&[], &[], 50, Seed(1)), None);
    }

    #[test]
    fn an_interval_is_as_wide_as_its_normal_approximation() {
        // 40 gains and 20 losses of 400: mean 0.05, variance (60 - 400 * 0.05^2) / 400^2.
        let first: Vec<bool> = (0..400).map(|index| index < 20).collect();
        let second: Vec<bool> = (0..400).map(|index| (20..60).contains(&index)).collect();
        let (low, high) = difference_interval(&first, &second, 4000, Seed(3)).unwrap();
        let half = 1.96 * (59.0_f64).sqrt() / 400.0;
        assert!((low - (0.05 - half)).abs() < 0.005, "{low}");
        assert!((high - (0.05 + half)).abs() < 0.005, "{high}");
        assert_eq!(difference_interval(&first, &second, 4000, Seed(3)), Some((low, high)));
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(sorted_quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(sorted_quantile(&[7.0], 0.975), 7.0);
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
