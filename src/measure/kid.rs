//! The kernel distance (KID): how far features of generated images are from those of real ones, unbiased at
//! any number of images.

use faer::Mat;
use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::seed::Seed;

/// Kernel distance over several subsets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kid {
    /// Mean over the subsets; near 0, and as often below it, where both sides are alike.
    pub mean: f64,
    /// Standard deviation over the subsets (divisor: their number). Subsets share rows, the more the larger a part of
    /// all rows they are: it is no standard error, and absent where each is all rows of both sides.
    pub deviation: Option<f64>,
}

/// Numbers of rows of one side that make a subset, and those of the other.
pub type Subset = [Vec<usize>; 2];

/// Draws `count` subsets of `size` rows of each side without replacement, of all rows of the smaller side
/// where it has fewer.
pub fn subsets(real: usize, fake: usize, count: usize, size: usize, seed: Seed) -> Vec<Subset> {
    let size = size.min(real).min(fake);
    let mut stream = seed.named("subsets").stream();
    let mut draw = |rows: usize| {
        let mut all: Vec<usize> = (0..rows).collect();
        stream.shuffle(&mut all);
        all.truncate(size);
        all
    };
    (0..count).map(|_| [draw(real), draw(fake)]).collect()
}

/// Returns the kernel distance (Binkowski et al., 2018): the unbiased squared maximum mean discrepancy under
/// `k(x, y) = (x y / d + 1)^3`, mean over subsets of equal size. Rows are features, `d` to a row. Absent
/// without subsets or where these have fewer than two rows.
pub fn kid(real: &[Vec<f64>], fake: &[Vec<f64>], subsets: &[Subset]) -> Option<Kid> {
    let width = real.first().map_or(0, Vec::len);
    if width == 0 || subsets.is_empty() || subsets.iter().flatten().any(|rows| rows.len() < 2) {
        return None;
    }
    let is_all = |[r, f]: &Subset| r.len() == real.len() && f.len() == fake.len();
    let is_same = subsets.iter().all(is_all);
    let chosen = |rows: &[Vec<f64>], chosen: &[usize]| {
        Mat::from_fn(chosen.len(), width, |row, column| rows[chosen[row]][column])
    };
    let one = |[r, f]: &Subset| discrepancy(&chosen(real, r), &chosen(fake, f));
    let all: Vec<f64> = subsets.into_par_iter().map(one).collect();
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    let squares: f64 = all.iter().map(|one| (one - mean).powi(2)).sum();
    Some(Kid { mean, deviation: (!is_same).then_some((squares / n).sqrt()) })
}

/// `mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`, each row with every other.
fn discrepancy(xs: &Mat<f64>, ys: &Mat<f64>) -> f64 {
    let within = |rows: &Mat<f64>| {
        let kernels = kernels(rows, rows);
        let diagonal = kernels.diagonal().column_vector().sum();
        let n = rows.nrows();
        (kernels.sum() - diagonal) / (n * (n - 1)) as f64
    };
    let between = kernels(xs, ys).sum() / (xs.nrows() * ys.nrows()) as f64;
    within(xs) + within(ys) - 2.0 * between
}

fn kernels(xs: &Mat<f64>, ys: &Mat<f64>) -> Mat<f64> {
    let width = xs.ncols() as f64;
    let mut kernels = xs * ys.transpose();
    for column in kernels.col_iter_mut() {
        column.iter_mut().for_each(|product| *product = (*product / width + 1.0).powi(3));
    }
    kernels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::kid;
    use super::subsets;
    use crate::measure::noise::rows;
    use crate::seed::Seed;

    #[test]
    fn subsets_are_never_larger_than_the_smaller_side() {
        let drawn = subsets(7, 4, 3, 1000, Seed(1));
        assert_eq!(drawn.len(), 3);
        for [mut real, mut fake] in drawn {
            assert_eq!((real.len(), fake.len()), (4, 4));
            real.sort_unstable();
            fake.sort_unstable();
            real.dedup();
            assert_eq!((real.len(), fake), (4, vec![0, 1, 2, 3]));
        }
        assert_eq!(
            kid(&rows(1, 3, 0.0, 1), &rows(1, 3, 0.0, 2), &subsets(1, 1, 2, 5, Seed(1))),
            None
        );
    }

    #[test]
    fn alike_sides_are_no_distance_apart_and_the_distance_has_no_side() {
        let (real, alike, other) =
            (rows(200, 6, 0.0, 1), rows(200, 6, 0.0, 2), rows(200, 6, 1.0, 3));
        let drawn = subsets(200, 200, 20, 100, Seed(1));
        let near = kid(&real, &alike, &drawn).unwrap();
        let far = kid(&real, &other, &drawn).unwrap();
        assert!(
            near.mean.abs() < 3.0 * near.deviation.unwrap() && far.mean > 10.0 * near.mean.abs()
        );
        let whole = kid(&real, &alike, &subsets(200, 200, 3, 1000, Seed(1))).unwrap();
        assert!(whole.deviation.is_none() && whole.mean.abs() < 3.0 * near.deviation.unwrap());
        let turned = drawn.iter().map(|[r, f]| [f.clone(), r.clone()]).collect::<Vec<_>>();
        let back = kid(&other, &real, &turned).unwrap();
        assert!((back.mean - far.mean).abs() < 1e-9 * far.mean);
    }

    proptest! {
        #[test]
        fn neither_side_nor_order_matters(seed in 0_u64..1000, shift in -1.0..1.0_f64, count in 2_usize..12) {
            let (one, other) = (rows(12, 3, 0.0, seed), rows(12, 3, shift, seed + 1));
            let drawn = subsets(12, 12, 4, count, Seed(seed));
            let there = kid(&one, &other, &drawn).unwrap();
            let turned = drawn.iter().map(|[r, f]| [f.clone(), r.clone()]).collect::<Vec<_>>();
            let back = kid(&other, &one, &turned).unwrap();
            let reversed = drawn.iter().map(|both| both.clone().map(|rows| rows.into_iter().rev().collect()));
            let again = kid(&one, &other, &reversed.collect::<Vec<_>>()).unwrap();
            for found in [back, again] {
                prop_assert!((found.mean - there.mean).abs() < 1e-9 * there.mean.abs().max(1.0));
                prop_assert_eq!(found.deviation.is_some(), count < 12);
            }
        }
    }
}
