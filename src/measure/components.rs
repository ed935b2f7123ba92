//! Principal components: the few directions along which rows of numbers differ most.
//!
//! Approach: of `n` rows of `d` numbers the smaller of both squares, `C C'` or `C' C` of the centred rows, is
//! decomposed. That costs the cube of the smaller of `n` and `d`: a second for a thousand.

use faer::Scale;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;

use crate::measure::matrices;

/// Directions found in some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// Mean of the rows.
    pub mean: Vec<f64>,
    /// Directions of length 1 that stand upright on each other, that of the greatest variance first. Which way
    /// each points is open. Where a variance is below a ten-billionth of the greatest, both are so only roughly.
    pub directions: Vec<Vec<f64>>,
    /// Variance along each (divisor `n - 1`).
    pub variances: Vec<f64>,
}

impl Components {
    /// Finds up to `count` directions (Pearson, 1901), as many as the rows differ along; none in fewer than two
    /// rows.
    pub fn of(rows: &[Vec<f64>], count: usize) -> Self {
        let mut centred = matrices::matrix(rows);
        let size = centred.squared_norm_l2();
        let mean = matrices::mean(&centred);
        matrices::centre(&mut centred, &mean);
        let (n, wide) = (rows.len() as f64, centred.ncols() > centred.nrows());
        let turned = centred.transpose();
        let square = if wide { &centred * turned } else { turned * &centred };
        let found = if rows.len() < 2 { None } else { matrices::eigen(&square) };
        let found = found.unwrap_or_default();
        // What rounding leaves of a direction along which nothing differs is none.
        let rounding = n * f64::EPSILON.powi(2) * size;
        let least = found.first().map_or(0.0, |(most, _)| (most * f64::EPSILON * n).max(rounding));
        let (mut directions, mut variances) = (Vec::new(), Vec::new());
        let differing = found.into_iter().filter(|(value, _)| *value > least);
        for (value, vector) in differing.take(count) {
            // Of `C C'` come shares of the rows: added up in these, the rows are the direction.
            let direction = if wide { turned * vector / Scale(value.sqrt()) } else { vector };
            directions.push(direction.iter().copied().collect());
            variances.push(value / (n - 1.0));
        }
        Self { mean: mean.iter().copied().collect(), directions, variances }
    }

    /// Returns where each of some rows lies along each direction.
    pub fn places(&self, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        rows.par_iter().map(|row| self.place(row)).collect()
    }

    /// Returns where a row lies along each direction.
    pub fn place(&self, row: &[f64]) -> Vec<f64> {
        let centred: Vec<f64> = row.iter().zip(&self.mean).map(|(a, mean)| a - mean).collect();
        let along = |direction: &Vec<f64>| direction.iter().zip(&centred).map(|(a, b)| a * b).sum();
        self.directions.iter().map(along).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::Components;
    use crate::measure::noise::rows;

    #[test]
    fn a_line_has_one_direction() {
        let line: Vec<Vec<f64>> =
            (0..5).map(|at| vec![3.0 * f64::from(at), 4.0 * f64::from(at)]).collect();
        let found = Components::of(&line, 2);
        assert_eq!((found.directions.len(), found.mean.clone()), (1, vec![6.0, 8.0]));
        assert!((found.variances[0] - 25.0 * 2.5).abs() < 1e-9);
        assert!((found.place(&[9.0, 12.0])[0].abs() - 5.0).abs() < 1e-9);
        assert!(Components::of(&line[..1], 2).directions.is_empty());
    }

    proptest! {
        #[test]
        fn all_directions_together_keep_every_distance(
            count in 2_usize..8, width in 1_usize..8, seed in 0_u64..1000,
        ) {
            let rows = rows(count, width, 1.0, seed);
            let found = Components::of(&rows, width);
            let placed: Vec<Vec<f64>> = rows.iter().map(|row| found.place(row)).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let apart = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
            };
            for a in 0..count {
                for b in 0..count {
                    let (before, after) = (apart(&rows[a], &rows[b]), apart(&placed[a], &placed[b]));
                    prop_assert!((before - after).abs() < 1e-8, "{before} {after}");
                }
            }
            for (index, one) in found.directions.iter().enumerate() {
                for (other, against) in found.directions.iter().enumerate() {
                    let expected = f64::from(u8::from(index == other));
                    prop_assert!((dot(one, against) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
