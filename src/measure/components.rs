//! Principal components: the few directions along which rows of numbers differ most.
//!
//! Approach: of `n` rows of `d` numbers the smaller of both squares, `C C'` or `C' C` of the centred rows, is
//! decomposed. That costs the cube of the smaller of `n` and `d`: a thousand images take most of a minute.

use crate::measure::rows::dot;
use crate::measure::rows::mean;
use crate::measure::rows::turned;
use crate::measure::singular::singular;

/// Directions found in some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// Mean of the rows.
    pub mean: Vec<f64>,
    /// Directions of length 1 that stand upright on each other, that of the greatest variance first. Which way
    /// each points is open.
    pub directions: Vec<Vec<f64>>,
    /// Variance along each (divisor `n - 1`).
    pub variances: Vec<f64>,
}

impl Components {
    /// Finds up to `count` directions (Pearson, 1901), as many as the rows differ along; none in fewer than two
    /// rows.
    pub fn of(rows: &[Vec<f64>], count: usize) -> Self {
        let n = rows.len() as f64;
        let width = rows.first().map_or(0, Vec::len);
        let mean = mean(rows);
        let centred: Vec<Vec<f64>> = rows.iter().map(|row| less(row, &mean)).collect();
        let wide = width > rows.len();
        let sides = if wide { centred.clone() } else { turned(&centred) };
        let square: Vec<Vec<f64>> =
            sides.iter().map(|a| sides.iter().map(|b| dot(a, b)).collect()).collect();
        let found = singular(&square);
        // What rounding leaves of a direction along which nothing differs is none.
        let least = found.values.first().map_or(0.0, |most| most * f64::EPSILON * n);
        let (mut directions, mut variances) = (Vec::new(), Vec::new());
        let differing = found.values.iter().zip(&found.right).filter(|(value, _)| **value > least);
        for (value, vector) in differing.take(count) {
            // Of `C C'` come shares of the rows: added up in these, the rows are the direction.
            let direction = if wide {
                (0..width).map(|at| sum_of(&centred, vector, at) / value.sqrt()).collect()
            } else {
                vector.clone()
            };
            directions.push(direction);
            variances.push(value / (n - 1.0));
        }
        Self { mean, directions, variances }
    }

    /// Returns where a row lies along each direction.
    pub fn place(&self, row: &[f64]) -> Vec<f64> {
        let centred = less(row, &self.mean);
        self.directions.iter().map(|direction| dot(direction, &centred)).collect()
    }
}

fn less(row: &[f64], mean: &[f64]) -> Vec<f64> {
    row.iter().zip(mean).map(|(number, mean)| number - mean).collect()
}

fn sum_of(rows: &[Vec<f64>], shares: &[f64], at: usize) -> f64 {
    rows.iter().zip(shares).map(|(row, share)| row[at] * share).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::Components;
    use super::dot;
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
