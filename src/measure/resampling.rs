//! Resampling: how sure a mean difference over several runs on the same images is.

use crate::seed::Seed;

/// What resampling says of a mean difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// 95 % percentile interval of the difference.
    pub interval: (f64, f64),
    /// Two-sided p-value: how rarely resampling crosses no difference.
    pub p: f64,
}

/// Resamples a mean difference (Efron, 1979), drawing both runs and clusters of images with
/// replacement. `differences` holds one row a run, one number an image (-1, 0 or 1: right in the
/// second less right in the first); `clusters` numbers each image's cluster from 0 without a gap.
pub fn bootstrap(
    differences: &[Vec<f64>],
    clusters: &[usize],
    resamples: usize,
    seed: Seed,
) -> Resampled {
    assert!(!differences.is_empty() && !clusters.is_empty(), "a bootstrap of nothing");
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0_usize; count];
    for &cluster in clusters {
        sizes[cluster] += 1;
    }
    let sums: Vec<Vec<f64>> = differences
        .iter()
        .map(|row| {
            let mut sums = vec![0.0; count];
            for (number, &cluster) in row.iter().zip(clusters) {
                sums[cluster] += number;
            }
            sums
        })
        .collect();
    let mut stream = seed.named("bootstrap").stream();
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let drawn: Vec<usize> = (0..count).map(|_| stream.below(count)).collect();
            let images: usize = drawn.iter().map(|&cluster| sizes[cluster]).sum();
            let runs = (0..sums.len()).map(|_| stream.below(sums.len())).collect::<Vec<_>>();
            let of_run =
                |run: &usize| drawn.iter().map(|&cluster| sums[*run][cluster]).sum::<f64>();
            runs.iter().map(of_run).sum::<f64>() / (images * sums.len()) as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((resamples - 1) as f64 * share).round() as usize];
    let below = means.iter().filter(|mean| **mean <= 0.0).count();
    let above = means.iter().filter(|mean| **mean >= 0.0).count();
    let p = 2.0 * (below.min(above) + 1) as f64 / (resamples + 1) as f64;
    Resampled { interval: (at(0.025), at(0.975)), p: p.min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::bootstrap;
    use crate::seed::Seed;

    #[test]
    fn a_clear_difference_is_told_from_none() {
        let clusters: Vec<usize> = (0..100).collect();
        let clear: Vec<f64> = (0..100).map(|n| f64::from(u8::from(n % 4 == 0))).collect();
        let found = bootstrap(&[clear.clone(), clear], &clusters, 1000, Seed(1));
        assert!(found.p < 0.01 && found.interval.0 > 0.1 && found.interval.1 < 0.4, "{found:?}");
        let even: Vec<f64> = (0..100).map(|n| [1.0, -1.0, 0.0, 0.0][n % 4]).collect();
        let found = bootstrap(&[even], &clusters, 1000, Seed(1));
        assert!(found.p > 0.5 && found.interval.0 < 0.0 && found.interval.1 > 0.0, "{found:?}");
    }

    #[test]
    fn images_of_one_cluster_count_as_one() {
        let row: Vec<f64> = (0..40).map(|n| f64::from(u8::from(n < 10))).collect();
        let alone: Vec<usize> = (0..40).collect();
        let joined: Vec<usize> = (0..40).map(|n| n / 10).collect();
        let width = |clusters: &[usize]| {
            let found = bootstrap(std::slice::from_ref(&row), clusters, 1000, Seed(2));
            found.interval.1 - found.interval.0
        };
        assert!(width(&joined) > 1.5 * width(&alone));
    }
}
