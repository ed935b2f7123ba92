//! Resampling: how sure a number is that was measured on some images, in one run or in several.

use crate::seed::Seed;

/// Draws of a bootstrap, as is common for intervals.
pub const RESAMPLES: usize = 2000;

/// What rounding may leave of a difference of 0.
const ROUNDED: f64 = 1e-12;

/// What resampling says of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// 95 % percentile interval.
    pub interval: (f64, f64),
    /// Standard deviation over the draws: the number's standard error.
    pub error: f64,
    /// Two-sided p-value: how rarely resampling crosses 0.
    pub p: f64,
}

/// Draws clusters of images and runs, both with replacement, `resamples` times (Efron, 1979), and asks for a
/// value of each draw: of the runs that were drawn, and of how many times each image counts. `clusters`
/// numbers each image's cluster from 0 without a gap.
pub fn resample<T>(
    runs: usize,
    clusters: &[usize],
    resamples: usize,
    seed: Seed,
    mut value: impl FnMut(&[usize], &[usize]) -> T,
) -> Vec<T> {
    assert!(runs > 0 && !clusters.is_empty(), "a bootstrap of nothing");
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut stream = seed.named("bootstrap").stream();
    let mut drawn = vec![0; count];
    let mut draw = || {
        drawn.fill(0);
        (0..count).for_each(|_| drawn[stream.below(count)] += 1);
        let times: Vec<usize> = clusters.iter().map(|&cluster| drawn[cluster]).collect();
        let runs: Vec<usize> = (0..runs).map(|_| stream.below(runs)).collect();
        value(&runs, &times)
    };
    (0..resamples).map(|_| draw()).collect()
}

/// Resamples the mean over runs of a number that is measured on images: `number` takes a run and how many
/// times each image counts. Absent where it is not defined for half of the draws or more.
pub fn bootstrap(
    runs: usize,
    clusters: &[usize],
    resamples: usize,
    seed: Seed,
    number: impl Fn(usize, &[usize]) -> Option<f64>,
) -> Option<Resampled> {
    let means = resample(runs, clusters, resamples, seed, |drawn, times| {
        let mut known = vec![None; runs];
        let mut of = |run: usize| *known[run].get_or_insert_with(|| number(run, times));
        let sum: Option<f64> = drawn.iter().map(|&run| of(run)).sum();
        sum.map(|sum| sum / runs as f64)
    });
    Resampled::of(means)
}

impl Resampled {
    /// Returns what draws say together; absent where the number is not defined for half of them or more.
    pub fn of(draws: Vec<Option<f64>>) -> Option<Self> {
        let all = draws.len();
        let mut known: Vec<f64> = draws.into_iter().flatten().collect();
        if 2 * known.len() <= all {
            return None;
        }
        known.sort_by(f64::total_cmp);
        let at = |share: f64| known[((known.len() - 1) as f64 * share).round() as usize];
        let below = known.iter().filter(|number| **number <= ROUNDED).count();
        let above = known.iter().filter(|number| **number >= -ROUNDED).count();
        let p = 2.0 * (below.min(above) + 1) as f64 / (known.len() + 1) as f64;
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let squares: f64 = known.iter().map(|number| (number - mean).powi(2)).sum();
        let error = (squares / known.len() as f64).sqrt();
        Some(Self { interval: (at(0.025), at(0.975)), error, p: p.min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::Resampled;
    use super::bootstrap;
    use crate::seed::Seed;

    /// Resamples the mean of a number that each image has in each run.
    fn of_means(rows: &[Vec<f64>], clusters: &[usize], seed: u64) -> Resampled {
        let mean = |run: usize, times: &[usize]| {
            let sum: f64 =
                rows[run].iter().zip(times).map(|(one, &times)| one * times as f64).sum();
            Some(sum / times.iter().sum::<usize>() as f64)
        };
        bootstrap(rows.len(), clusters, 1000, Seed(seed), mean).unwrap()
    }

    #[test]
    fn a_clear_difference_is_told_from_none() {
        let clusters: Vec<usize> = (0..100).collect();
        let clear: Vec<f64> = (0..100).map(|n| f64::from(u8::from(n % 4 == 0))).collect();
        let found = of_means(&[clear.clone(), clear], &clusters, 1);
        assert!(found.p < 0.01 && found.interval.0 > 0.1 && found.interval.1 < 0.4, "{found:?}");
        let even: Vec<f64> = (0..100).map(|n| [1.0, -1.0, 0.0, 0.0][n % 4]).collect();
        let found = of_means(&[even], &clusters, 1);
        assert!(found.p > 0.5 && found.interval.0 < 0.0 && found.interval.1 > 0.0, "{found:?}");
    }

    #[test]
    fn an_interval_is_as_wide_as_its_normal_approximation() {
        // 40 gains and 20 losses of 400: mean 0.05, variance (60 - 400 * 0.05^2) / 400^2.
        let row: Vec<f64> =
            (0..400).map(|n| f64::from(i8::from(n < 40) - i8::from(n >= 380))).collect();
        let clusters: Vec<usize> = (0..400).collect();
        let found = of_means(&[row], &clusters, 3);
        let error = 59.0_f64.sqrt() / 400.0;
        assert!((found.error / error - 1.0).abs() < 0.1, "{found:?}");
        assert!((found.interval.0 - (0.05 - 1.96 * error)).abs() < 0.006, "{found:?}");
        assert!((found.interval.1 - (0.05 + 1.96 * error)).abs() < 0.006, "{found:?}");
    }

    #[test]
    fn images_of_one_cluster_count_as_one() {
        let row: Vec<f64> = (0..40).map(|n| f64::from(u8::from(n < 10))).collect();
        let alone: Vec<usize> = (0..40).collect();
        let joined: Vec<usize> = (0..40).map(|n| n / 10).collect();
        let width = |clusters: &[usize]| {
            let found = of_means(std::slice::from_ref(&row), clusters, 2);
            found.interval.1 - found.interval.0
        };
        assert!(width(&joined) > 1.5 * width(&alone));
    }

    #[test]
    fn what_most_draws_leave_undefined_has_no_interval() {
        assert_eq!(Resampled::of(vec![None, Some(1.0)]), None);
        assert_eq!(Resampled::of(vec![None, Some(1.0), Some(1.0)]).unwrap().interval, (1.0, 1.0));
    }
}
