//! Rows of numbers as matrices, on which the heavy work is done.

use nalgebra::DMatrix;
use nalgebra::DVector;
use nalgebra::SVD;
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

/// Steps for each row of a matrix after which its decomposition is given up: a handful are usual.
const STEPS: usize = 100;

/// Returns the eigenvalues of a symmetric matrix, greatest first, and a vector of length 1 for each; nothing where they
/// are not found, as of numbers that are none.
pub(super) fn eigen(symmetric: DMatrix<f64>) -> Option<Vec<(f64, DVector<f64>)>> {
    let steps = STEPS * symmetric.nrows().max(1);
    let found = SymmetricEigen::try_new(symmetric, f64::EPSILON, steps)?;
    let SymmetricEigen { eigenvectors, eigenvalues } = found;
    let vectors = eigenvectors.column_iter().map(nalgebra::Matrix::into_owned);
    let mut found: Vec<_> = eigenvalues.iter().copied().zip(vectors).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(found)
}

/// Returns the sum of the singular values; nothing where they are not found.
pub(super) fn nuclear_norm(matrix: DMatrix<f64>) -> Option<f64> {
    if matrix.is_empty() {
        return Some(0.0);
    }
    let steps = STEPS * matrix.nrows().max(matrix.ncols());
    Some(SVD::try_new(matrix, false, false, 5.0 * f64::EPSILON, steps)?.singular_values.sum())
}
