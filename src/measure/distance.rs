//! Distances between rows of numbers, and the nearest of many.

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

/// A row that was found near another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Number of the row among the references.
    pub index: usize,
    /// Its distance, in the units of the distance that was asked for.
    pub distance: f64,
}

/// Returns the squared Euclidean distance of two rows of equal length.
pub fn squared(a: &[f32], b: &[f32]) -> f64 {
    // Eight sums side by side, which the compiler turns into vector instructions.
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (a_parts, b_parts) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_parts.remainder().iter().zip(b_parts.remainder());
    let tail: f32 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for lane in 0..LANES {
            let apart = a[lane] - b[lane];
            sums[lane] += apart * apart;
        }
    }
    sums.into_iter().map(f64::from).sum::<f64>() + f64::from(tail)
}

/// Returns the squared Euclidean distance of two rows of bytes of equal length, exactly.
pub fn squared_bytes(a: &[u8], b: &[u8]) -> u64 {
    // A part of this length cannot overflow 32 bits, and 32 bits are four times as fast as 64.
    const PART: usize = 1 << 15;
    let part = |(a, b): (&[u8], &[u8])| {
        let apart = a.iter().zip(b).map(|(&a, &b)| i32::from(a) - i32::from(b));
        u64::from(apart.map(|apart| (apart * apart) as u32).sum::<u32>())
    };
    a.chunks(PART).zip(b.chunks(PART)).map(part).sum()
}

/// Returns the root of the mean squared difference of two images, in grey levels, 0 to 255.
pub fn root_mean_square(a: &[u8], b: &[u8]) -> f64 {
    (squared_bytes(a, b) as f64 / a.len().max(1) as f64).sqrt()
}

/// Returns the `k` nearest of `references` rows, nearest first, the lower number of equals first.
pub fn nearest(references: usize, k: usize, distance: impl Fn(usize) -> f64) -> Vec<Neighbour> {
    let mut found: Vec<Neighbour> =
        (0..references).map(|index| Neighbour { index, distance: distance(index) }).collect();
    let order = |a: &Neighbour, b: &Neighbour| {
        a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index))
    };
    if k > 0 && k < found.len() {
        found.select_nth_unstable_by(k - 1, order);
    }
    found.truncate(k);
    found.sort_by(order);
    found
}

/// Returns the `k` nearest references of each query, computed on all of rayon's threads;
/// `distance(query, reference)` is the distance.
pub fn nearest_of_each(
    queries: usize,
    references: usize,
    k: usize,
    distance: impl Fn(usize, usize) -> f64 + Sync,
) -> Vec<Vec<Neighbour>> {
    (0..queries)
        .into_par_iter()
        .map(|query| nearest(references, k, |reference| distance(query, reference)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::nearest_of_each;
    use super::root_mean_square;
    use super::squared;
    use super::squared_bytes;

    #[test]
    fn a_difference_of_one_grey_level_is_one() {
        assert_eq!(root_mean_square(&[7; 12], &[8; 12]), 1.0);
        assert_eq!(squared_bytes(&vec![0; 70_000], &vec![255; 70_000]), 70_000 * 65_025);
    }

    proptest! {
        #[test]
        fn both_distances_are_the_sum_of_squares(
            rows in prop::collection::vec((0_u8.., 0_u8..), 0..40),
        ) {
            let naive: f64 = rows.iter().map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            let (a, b): (Vec<u8>, Vec<u8>) = rows.into_iter().unzip();
            prop_assert_eq!(squared_bytes(&a, &b) as f64, naive);
            let floats = |bytes: &[u8]| bytes.iter().map(|&byte| f32::from(byte)).collect::<Vec<_>>();
            prop_assert!((squared(&floats(&a), &floats(&b)) - naive).abs() < 1e-6 * (naive + 1.0));
        }

        #[test]
        fn the_nearest_are_the_first_of_all_sorted(
            points in prop::collection::vec(0_u8..20, 1..30),
            k in 0_usize..8,
        ) {
            let distance = |a: usize, b: usize| f64::from(points[a].abs_diff(points[b]));
            let found = nearest_of_each(points.len(), points.len(), k, distance);
            for (query, found) in found.iter().enumerate() {
                let mut all: Vec<usize> = (0..points.len()).collect();
                all.sort_by_key(|&other| (points[query].abs_diff(points[other]), other));
                let indices: Vec<usize> = found.iter().map(|neighbour| neighbour.index).collect();
                prop_assert_eq!(&indices, &all[..k.min(all.len())]);
            }
        }
    }
}
