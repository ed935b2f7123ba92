//! Singular values of a matrix, and its right singular vectors.

use crate::measure::rows::dot;
use crate::measure::rows::turned;

/// Rotations of all pairs after which the method gives up; ten are usual.
const SWEEPS: usize = 60;

/// Singular values and right vectors of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Singular {
    /// Singular values, greatest first: as many as the matrix has columns, or rows where these are fewer.
    pub values: Vec<f64>,
    /// For each value its right singular vector, of length 1; zeros where the value is 0.
    pub right: Vec<Vec<f64>>,
}

/// Decomposes a matrix, given by its rows (Hestenes, 1958): pairs of columns are rotated until all stand
/// upright on each other. Small values come out as exactly as large ones.
pub fn singular(rows: &[Vec<f64>]) -> Singular {
    let wide = rows.first().is_some_and(|row| row.len() > rows.len());
    // Rotated are the columns of the side with fewer.
    let mut columns = if wide { rows.to_vec() } else { turned(rows) };
    let mut turns = identity(if wide { 0 } else { columns.len() });
    for _ in 0..SWEEPS {
        if !sweep(&mut columns, &mut turns) {
            break;
        }
    }
    let mut found: Vec<(f64, Vec<f64>)> = columns
        .into_iter()
        .enumerate()
        .map(|(index, column)| {
            let value = dot(&column, &column).sqrt();
            // Of a wide matrix the rotated rows themselves are the right vectors, scaled by their values.
            let right = match turns.get(index) {
                Some(turn) => turn.clone(),
                None if value > 0.0 => column.iter().map(|one| one / value).collect(),
                None => column,
            };
            (value, right)
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (values, right) = found.into_iter().unzip();
    Singular { values, right }
}

/// Rotates every pair of columns once; returns whether any was not upright yet.
fn sweep(columns: &mut [Vec<f64>], turns: &mut [Vec<f64>]) -> bool {
    let mut turned = false;
    for left in 0..columns.len() {
        for right in left + 1..columns.len() {
            let (a, b) =
                (dot(&columns[left], &columns[left]), dot(&columns[right], &columns[right]));
            let across = dot(&columns[left], &columns[right]);
            if across == 0.0 || across.abs() <= f64::EPSILON * (a * b).sqrt() {
                continue;
            }
            turned = true;
            let zeta = (b - a) / (2.0 * across);
            let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            rotate(columns, left, right, cosine, cosine * tangent);
            if !turns.is_empty() {
                rotate(turns, left, right, cosine, cosine * tangent);
            }
        }
    }
    turned
}

fn rotate(columns: &mut [Vec<f64>], left: usize, right: usize, cosine: f64, sine: f64) {
    let (before, after) = columns.split_at_mut(right);
    for (a, b) in before[left].iter_mut().zip(&mut after[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    let row = |at: usize| (0..size).map(|column| f64::from(u8::from(column == at))).collect();
    (0..size).map(row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::dot;
    use super::singular;
    use crate::measure::noise::rows;

    #[test]
    fn small_values_are_exact_too() {
        let found = singular(&[vec![1.0, 0.0], vec![0.0, 1e-12], vec![0.0, 0.0]]);
        assert_eq!(found.values, [1.0, 1e-12]);
        assert!(singular(&[vec![3.0, 4.0], vec![6.0, 8.0]]).values[1] < 1e-14);
    }

    proptest! {
        #[test]
        fn vectors_and_values_make_the_products_of_the_columns(
            height in 1_usize..7, width in 1_usize..7, seed in 0_u64..1000,
        ) {
            let matrix = rows(height, width, 0.5, seed);
            let found = singular(&matrix);
            prop_assert_eq!(found.values.len(), height.min(width));
            prop_assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
            for (index, vector) in found.right.iter().enumerate() {
                for (other, against) in found.right.iter().enumerate() {
                    let expected = f64::from(u8::from(index == other));
                    prop_assert!((dot(vector, against) - expected).abs() < 1e-9);
                }
            }
            for a in 0..width {
                for b in 0..width {
                    let product: f64 = matrix.iter().map(|row| row[a] * row[b]).sum();
                    let pairs = found.values.iter().zip(&found.right);
                    let made: f64 = pairs.map(|(value, vector)| value * value * vector[a] * vector[b]).sum();
                    prop_assert!((product - made).abs() < 1e-9, "{product} {made}");
                }
            }
        }
    }
}
