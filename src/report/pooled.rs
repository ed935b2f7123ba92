//! The runs of one cell of a table taken together: one confusion matrix, one mean history.

use crate::artifact::History;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::grid::Grid;
use crate::report::grid::stage_cells;

/// The runs of one cell of a table.
pub(super) struct Pooled<'s> {
    /// Row and column: `classic, resnet101`.
    pub(super) name: String,
    /// Names of the classes.
    pub(super) classes: &'s [String],
    /// Sum of the runs' confusion matrices.
    pub(super) confusion: Vec<Vec<usize>>,
    /// Histories of the runs.
    pub(super) histories: Vec<&'s History>,
    /// Runs.
    pub(super) runs: usize,
    /// Reasons, counted from 1, for which test images may have reached these classifiers.
    pub(super) leaks: Vec<usize>,
}

impl<'s> Pooled<'s> {
    /// Returns every cell of the table in which something has run, row by row.
    pub(super) fn all(study: &'s Study<'_>, table: &StudyTable) -> Vec<Self> {
        let Ok(cells) = stage_cells(study, Some(&table.stage)) else { return Vec::new() };
        let grid = Grid::of(study, &cells, &table.row_axes, &table.column_axes);
        let mut found = Vec::new();
        for (row, columns) in grid.cells.iter().enumerate() {
            for (column, cells) in columns.iter().enumerate() {
                let scores: Vec<_> = cells.iter().filter_map(|cell| cell.scores.as_ref()).collect();
                let Some(first) = scores.first() else { continue };
                let mut confusion = first.measures.confusion.clone();
                for other in &scores[1..] {
                    let rows = confusion.iter_mut().zip(&other.measures.confusion);
                    for (sums, counts) in rows {
                        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                    }
                }
                let parts = [&grid.rows[row], &grid.columns[column]];
                let parts: Vec<&str> =
                    parts.into_iter().map(String::as_str).filter(|name| *name != "all").collect();
                found.push(Self {
                    name: if parts.is_empty() { "all".to_owned() } else { parts.join(", ") },
                    classes: &first.classes,
                    confusion,
                    histories: cells.iter().filter_map(|cell| cell.history.as_ref()).collect(),
                    runs: scores.len(),
                    leaks: table.rows[row].cells[column].leaks.clone(),
                });
            }
        }
        found
    }

    /// Returns the mean of a column over the runs, epoch by epoch; empty where there is none.
    pub(super) fn mean(&self, column: &str) -> Vec<(f64, f64)> {
        let columns: Vec<Vec<f64>> =
            self.histories.iter().filter_map(|history| history.column(column)).collect();
        let epochs = columns.iter().map(Vec::len).max().unwrap_or(0);
        (0..epochs)
            .map(|epoch| {
                let numbers: Vec<f64> =
                    columns.iter().filter_map(|numbers| numbers.get(epoch).copied()).collect();
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                ((epoch + 1) as f64, mean)
            })
            .collect()
    }
}
