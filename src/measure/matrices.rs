//! Rows of numbers as matrices, on which the heavy work is done.

use nalgebra::DMatrix;
use nalgebra::DVector;
use nalgebra::SymmetricEigen;

/// Returns rows of one width as a matrix.
pub(super) fn matrix(rows: &[Vec<f64>]) -> DMatrix<f64> {
    let width = rows.first().map_or(0, Vec::len);
    DMatrix::from_row_iterator(rows.len(), width, rows.iter().flatten().copied())
}

/// Returns the mean of each column.
pub(super) fn mean(rows: &DMatrix<f64>) -> DVector<f64> {
    rows.row_mean().transpose()
}

/// Takes a mean from every row.
pub(super) fn centre(rows: &mut DMatrix<f64>, mean: &DVector<f64>) {
    for (mut column, mean) in rows.column_iter_mut().zip(mean.iter()) {
        column.add_scalar_mut(-mean);
    }
}

/// Returns the eigenvalues of a symmetric matrix, greatest first, and a vector of length 1 for each.
pub(super) fn eigen(symmetric: DMatrix<f64>) -> Vec<(f64, DVector<f64>)> {
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(symmetric);
    let vectors = eigenvectors.column_iter().map(nalgebra::Matrix::into_owned);
    let mut found: Vec<_> = eigenvalues.iter().copied().zip(vectors).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

/// Returns the sum of the singular values.
pub(super) fn nuclear_norm(matrix: &DMatrix<f64>) -> f64 {
    if matrix.is_empty() { 0.0 } else { matrix.singular_values().sum() }
}
