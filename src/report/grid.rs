//! The grid of a table: which cells of a study stand in which row and column.

use std::collections::BTreeMap;

use crate::manifest::quoted;
use crate::report::Cell;
use crate::report::LayoutError;
use crate::report::Study;

/// The cells of a study in rows and columns, each sorted as its axis is.
pub(super) struct Grid<'s> {
    /// Names of the rows.
    pub(super) rows: Vec<String>,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// `[row][column]` -> the cells there.
    pub(super) cells: Vec<Vec<Vec<&'s Cell>>>,
    row_axes: Vec<String>,
}

impl<'s> Grid<'s> {
    pub(super) fn of(
        study: &Study<'_>,
        cells: &[&'s Cell],
        row_axes: &[String],
        column_axes: &[String],
    ) -> Self {
        let row_names = names(study, cells, row_axes);
        let column_names = names(study, cells, column_axes);
        let mut places: BTreeMap<(String, String), Vec<&Cell>> = BTreeMap::new();
        for cell in cells {
            places.entry((name(cell, row_axes), name(cell, column_axes))).or_default().push(cell);
        }
        let mut at = |row: &String, column: &String| {
            places.remove(&(row.clone(), column.clone())).unwrap_or_default()
        };
        let row = |row| column_names.iter().map(|column| at(row, column)).collect();
        let cells = row_names.iter().map(row).collect();
        Self { rows: row_names, columns: column_names, cells, row_axes: row_axes.to_vec() }
    }

    /// Returns the row with which each row is compared: the first, or the one that is named. Where the name is
    /// a value of one of several axes of the rows, each row has the one that differs from it there alone.
    pub(super) fn references(&self, baseline: Option<&str>) -> Result<Vec<usize>, LayoutError> {
        let Some(wanted) = baseline else { return Ok(vec![0; self.rows.len()]) };
        let place = |name: &str| self.rows.iter().position(|row| row == name);
        if let Some(row) = place(wanted) {
            return Ok(vec![row; self.rows.len()]);
        }
        let twin = |row: &Vec<Vec<&Cell>>| {
            let cell = row.iter().flatten().next()?;
            let mut twins = self.row_axes.iter().map(|changed| {
                let value = |axis: &String| {
                    let own = cell.at.get(axis).map_or("", String::as_str);
                    if axis == changed { wanted } else { own }
                };
                self.row_axes.iter().map(value).collect::<Vec<_>>().join(BETWEEN)
            });
            twins.find_map(|name| place(&name))
        };
        let known = || quoted(self.rows.iter().map(String::as_str));
        let found: Option<Vec<usize>> = self.cells.iter().map(twin).collect();
        found.ok_or_else(|| LayoutError::Baseline { row: wanted.to_owned(), known: known() })
    }
}

/// Stands between the values of a row's axes.
const BETWEEN: &str = " / ";

/// Returns the cells of the stage that the table shows; at least one.
pub(super) fn stage_cells<'s>(
    study: &'s Study<'_>,
    stage: Option<&str>,
) -> Result<Vec<&'s Cell>, LayoutError> {
    let last = study.cells.last().ok_or(LayoutError::NoScores)?;
    let wanted = stage.unwrap_or(&last.stage);
    let cells: Vec<&Cell> = study.cells.iter().filter(|cell| cell.stage == wanted).collect();
    if cells.is_empty() {
        let mut known: Vec<String> =
            study.cells.iter().map(|cell| format!("`{}`", cell.stage)).collect();
        known.dedup();
        return Err(LayoutError::Stage { stage: wanted.to_owned(), known: known.join(", ") });
    }
    Ok(cells)
}

/// Returns where a cell lies on the given axes.
pub(super) fn at(cell: &Cell, axes: &[String]) -> BTreeMap<String, String> {
    let value = |axis: &String| Some((axis.clone(), cell.at.get(axis)?.clone()));
    axes.iter().filter_map(value).collect()
}

fn name(cell: &Cell, axes: &[String]) -> String {
    let value = |axis: &String| cell.at.get(axis).map_or("", String::as_str);
    if axes.is_empty() {
        "all".to_owned()
    } else {
        axes.iter().map(value).collect::<Vec<_>>().join(BETWEEN)
    }
}

/// Returns the names that occur, in the order of the axes' values.
fn names(study: &Study<'_>, cells: &[&Cell], axes: &[String]) -> Vec<String> {
    let place = |cell: &Cell| -> Vec<Option<usize>> {
        let of = |wanted: &String| {
            let axis = study.plan.axes.iter().find(|axis| axis.name == *wanted)?;
            axis.values.iter().position(|value| Some(&value.name) == cell.at.get(wanted))
        };
        axes.iter().map(of).collect()
    };
    let mut found: Vec<(Vec<Option<usize>>, String)> =
        cells.iter().map(|cell| (place(cell), name(cell, axes))).collect();
    found.sort();
    found.dedup();
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::Grid;
    use super::stage_cells;
    use crate::report::sample;

    #[test]
    fn a_baseline_is_a_row_or_a_value_of_its_axes() {
        let plan = sample::plan();
        let study = sample::study(&plan);
        let cells = stage_cells(&study, None).unwrap();
        let grid = |rows: &[&str]| {
            let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
            Grid::of(&study, &cells, &rows, &[])
        };
        let arms = grid(&["arm"]);
        assert_eq!(arms.references(None), Ok(vec![0, 0, 0]));
        assert_eq!(arms.references(Some("classic")), Ok(vec![1, 1, 1]));
        let both = grid(&["network", "arm"]);
        assert_eq!(both.references(Some("none")), Ok(vec![0, 0, 0, 3, 3, 3]));
        assert_eq!(both.references(Some("densenet121")), Ok(vec![3, 4, 5, 3, 4, 5]));
        insta::assert_snapshot!(arms.references(Some("nothing")).unwrap_err(), @"no row of the table is called `nothing`; there are `none`, `classic`, `classic+gan`");
    }
}
