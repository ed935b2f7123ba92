//! Rows of numbers: products, means, rows turned into columns.

/// Returns the sum of the products of two rows, number by number.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the mean of rows of one width, column by column.
pub(super) fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let width = rows.first().map_or(0, Vec::len);
    let n = rows.len() as f64;
    (0..width).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / n).collect()
}

/// Returns the columns of rows of one width.
pub(super) fn turned(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|at| rows.iter().map(|row| row[at]).collect()).collect()
}
