//! The Frechet distance (FID): how far two sets of features are apart, each taken for a normal distribution.
//!
//! Approach: of the covariances `S = C' C` only the centred rows `C` are needed, since the trace of
//! `(S1 S2)^(1/2)` is the sum of the singular values of `C1 C2'`. A side with more rows than features is first
//! made square by the triangle `R` of its decomposition `C = Q R`.

use faer::Col;
use faer::Mat;
use faer::Scale;

use crate::measure::matrices;

/// Rows of either side below which the distance is mostly a matter of how many there are: the width of the
/// usual features, as in Heusel et al. (2017).
pub const ENOUGH: usize = 2048;

/// Returns the Frechet distance `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))` of two sets of rows (Dowson and
/// Landau, 1982; Heusel et al., 2017); 0 where means and covariances (divisor `n - 1`) are equal. It is biased
/// upward, the more the fewer rows there are: compare only numbers of equally many. Absent where a side has
/// fewer than two rows, or numbers that are none or too large.
pub fn frechet(real: &[Vec<f64>], fake: &[Vec<f64>]) -> Option<f64> {
    if real.len() < 2 || fake.len() < 2 {
        return None;
    }
    let (one, other) = (Normal::of(real), Normal::of(fake));
    let apart = (&one.mean - &other.mean).squared_norm_l2();
    let common = matrices::nuclear_norm(&(&one.root * other.root.transpose()))?;
    let distance = apart + one.trace + other.trace - 2.0 * common;
    distance.is_finite().then_some(distance.max(0.0))
}

/// A normal distribution.
struct Normal {
    mean: Col<f64>,
    /// Rows whose products of columns add up to the covariance.
    root: Mat<f64>,
    /// Trace of the covariance.
    trace: f64,
}

impl Normal {
    fn of(rows: &[Vec<f64>]) -> Self {
        let mut root = matrices::matrix(rows);
        let mean = matrices::mean(&root);
        matrices::centre(&mut root, &mean);
        root /= Scale((rows.len() as f64 - 1.0).sqrt());
        let trace = root.squared_norm_l2();
        let root = if root.nrows() > root.ncols() { root.qr().thin_R().to_owned() } else { root };
        Self { mean, root, trace }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::frechet;
    use crate::measure::noise::rows;

    #[test]
    fn one_dimension_has_a_closed_form() {
        // (m1 - m2)^2 + (s1 - s2)^2
        let column = |numbers: &[f64]| numbers.iter().map(|&one| vec![one]).collect::<Vec<_>>();
        let found = frechet(&column(&[0.0, 2.0]), &column(&[3.0, 3.0, 6.0])).unwrap();
        let expected = 9.0 + (2.0_f64.sqrt() - 3.0_f64.sqrt()).powi(2);
        assert!((found - expected).abs() < 1e-12, "{found}");
        assert_eq!(frechet(&column(&[1.0]), &column(&[1.0, 2.0])), None);
    }

    proptest! {
        #[test]
        fn a_distance_is_none_to_itself_and_has_no_side(
            seed in 0_u64..1000, few in 2_usize..7, many in 7_usize..30, shift in -2.0..2.0_f64,
        ) {
            // Four features: fewer rows than features, and more.
            let (one, other) = (rows(few, 4, 0.0, seed), rows(many, 4, shift, seed + 1));
            let [there, back] = [frechet(&one, &other), frechet(&other, &one)].map(Option::unwrap);
            prop_assert!(there >= 0.0 && (there - back).abs() < 1e-9 * there.max(1.0));
            prop_assert!(frechet(&one, &one).unwrap() < 1e-9 && frechet(&other, &other).unwrap() < 1e-9);
            // Moving both moves nothing; neither does the order.
            let moved = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
                rows.iter().rev().map(|row| row.iter().map(|one| one + 7.0).collect()).collect()
            };
            prop_assert!((frechet(&moved(&one), &moved(&other)).unwrap() - there).abs() < 1e-9 * there.max(1.0));
        }
    }
}
