//! Rows of numbers as matrices, on which the heavy work is done.

use faer::Col;
use faer::Mat;
use faer::MatRef;
use faer::Side;

/// Returns rows of one width as a matrix.
pub(super) fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    let width = rows.first().map_or(0, Vec::len);
    Mat::from_fn(rows.len(), width, |row, column| rows[row][column])
}

/// Returns the mean of each column.
pub(super) fn mean(rows: &Mat<f64>) -> Col<f64> {
    let count = rows.nrows() as f64;
    Col::from_fn(rows.ncols(), |column| rows.col(column).sum() / count)
}

/// Takes a mean from every row.
pub(super) fn centre(rows: &mut Mat<f64>, mean: &Col<f64>) {
    for (column, mean) in rows.col_iter_mut().zip(mean.iter()) {
        column.iter_mut().for_each(|one| *one -= mean);
    }
}

/// Returns the eigenvalues of a symmetric matrix, greatest first, and a vector of length 1 for each; nothing where they
/// are not found, as of numbers that are none.
pub(super) fn eigen(symmetric: &Mat<f64>) -> Option<Vec<(f64, Col<f64>)>> {
    if !is_finite(symmetric.as_ref()) {
        return None;
    }
    let found = symmetric.self_adjoint_eigen(Side::Lower).ok()?;
    let values = found.S().column_vector().iter().copied();
    let vectors = found.U().col_iter().map(|vector| vector.to_owned());
    let mut found: Vec<_> = values.zip(vectors).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(found)
}

/// Returns the sum of the singular values; nothing where they are not found.
pub(super) fn nuclear_norm(matrix: &Mat<f64>) -> Option<f64> {
    if !is_finite(matrix.as_ref()) {
        return None;
    }
    Some(matrix.singular_values().ok()?.into_iter().sum())
}

fn is_finite(matrix: MatRef<'_, f64>) -> bool {
    matrix.col_iter().all(|column| column.iter().all(|one| one.is_finite()))
}
