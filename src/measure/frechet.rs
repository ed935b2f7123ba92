//! The Frechet distance (FID): how far two sets of features are apart, each taken for a normal distribution.
//!
//! Approach: of the covariances `S = C' C` only the centred rows `C` are needed, since the trace of
//! `(S1 S2)^(1/2)` is the sum of the singular values of `C1 C2'`. A side with more rows than features is first
//! turned into a square of singular values and vectors.

use crate::measure::rows::dot;
use crate::measure::rows::mean;
use crate::measure::singular::singular;

/// Rows of either side below which the distance is mostly a matter of how many there are: the width of the
/// usual features, as in Heusel et al. (2017).
pub const ENOUGH: usize = 2048;

/// Returns the Frechet distance `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))` of two sets of rows (Dowson and
/// Landau, 1982; Heusel et al., 2017); 0 where means and covariances (divisor `n - 1`) are equal. It is biased
/// upward, the more the fewer rows there are: compare only numbers of equally many. Absent where a side has
/// fewer than two rows.
pub fn frechet(real: &[Vec<f64>], fake: &[Vec<f64>]) -> Option<f64> {
    if real.len() < 2 || fake.len() < 2 {
        return None;
    }
    let (one, other) = (Normal::of(real), Normal::of(fake));
    let apart: f64 = one.mean.iter().zip(&other.mean).map(|(a, b)| (a - b) * (a - b)).sum();
    let product: Vec<Vec<f64>> =
        one.root.iter().map(|a| other.root.iter().map(|b| dot(a, b)).collect()).collect();
    let common: f64 = singular(&product).values.iter().sum();
    Some((apart + one.trace + other.trace - 2.0 * common).max(0.0))
}

/// A normal distribution.
struct Normal {
    mean: Vec<f64>,
    /// Rows whose products of columns add up to the covariance.
    root: Vec<Vec<f64>>,
    /// Trace of the covariance.
    trace: f64,
}

impl Normal {
    fn of(rows: &[Vec<f64>]) -> Self {
        let n = rows.len() as f64;
        let mean = mean(rows);
        let scale = (n - 1.0).sqrt();
        let centred = |row: &Vec<f64>| -> Vec<f64> {
            row.iter().zip(&mean).map(|(number, mean)| (number - mean) / scale).collect()
        };
        let centred: Vec<Vec<f64>> = rows.iter().map(centred).collect();
        let trace = centred.iter().map(|row| dot(row, row)).sum();
        let root = if centred.len() > mean.len() { square(&centred) } else { centred };
        Self { mean, root, trace }
    }
}

/// Returns as many rows as there are columns, with the same products of columns.
fn square(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let found = singular(rows);
    let scaled =
        |(value, vector): (&f64, &Vec<f64>)| vector.iter().map(|one| one * value).collect();
    found.values.iter().zip(&found.right).map(scaled).collect()
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
