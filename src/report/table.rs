//! The study's table: one axis down, one across, pooled over the rest; the shape of its JSON is stable.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::accuracy::wilson_interval;
use crate::measure::student::Spread;
use crate::report::Cell;
use crate::report::Comparison;
use crate::report::Copies;
use crate::report::Layout;
use crate::report::LayoutError;
use crate::report::Measure;
use crate::report::Study;
use crate::report::comparison;

/// Axes whose values are repetitions: a table pools over them unless it is told otherwise.
const REPETITIONS: [&str; 3] = ["seed", "fold", "repeat"];

/// A study's table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyTable {
    /// Name of the study.
    pub study: String,
    /// Stage whose scores it shows.
    pub stage: String,
    /// What its cells show.
    pub measure: Measure,
    /// Axes of the rows; may be empty.
    pub row_axes: Vec<String>,
    /// Axes of the columns; may be empty.
    pub column_axes: Vec<String>,
    /// Axes over which cells are pooled.
    pub pooled_axes: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, in the order of their axis.
    pub rows: Vec<TableRow>,
    /// What always answering the most frequent class gives; one entry for each set of test images.
    pub baselines: Vec<Baseline>,
    /// Every row against the first.
    pub comparisons: Vec<Comparison>,
    /// Images of different parts that are copies.
    pub copies: Vec<Copies>,
    /// Reasons for which test images may have reached a classifier; cells refer to them from 1.
    pub leaks: Vec<String>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableRow {
    /// Names of its values, joined by ` / `.
    pub name: String,
    /// Fewest and most images that its classifiers were fitted on; absent where unknown.
    pub training_images: Option<(usize, usize)>,
    /// One cell for each column.
    pub cells: Vec<TableCell>,
}

/// A cell of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableCell {
    /// Tasks that the study has here; 0 where the study leaves the cell out.
    pub planned: usize,
    /// Those that have run, in the study's order.
    pub runs: Vec<Run>,
    /// Mean over the runs; absent where none has a number.
    pub mean: Option<f64>,
    /// Standard deviation over the runs; absent for fewer than two.
    pub deviation: Option<f64>,
    /// 95 % interval: Student's over runs where there are two or more, else Wilson's over images.
    pub interval: Option<(f64, f64)>,
    /// Reasons, counted from 1, for which test images may have reached these classifiers.
    pub leaks: Vec<usize>,
}

/// One measured classifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Axis -> value, for the axes over which the table pools.
    pub at: BTreeMap<String, String>,
    /// The measure; absent where it is not defined.
    pub value: Option<f64>,
    /// Right answers.
    pub correct: usize,
    /// Images.
    pub n: usize,
}

/// What always answering the most frequent class gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Images of the most frequent class.
    pub correct: usize,
    /// Images.
    pub n: usize,
}

/// The cells of a study in rows and columns, each sorted as its axis is.
pub(super) struct Grid<'s> {
    /// Names of the rows.
    pub(super) rows: Vec<String>,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// `[row][column]` -> the cells there.
    pub(super) cells: Vec<Vec<Vec<&'s Cell>>>,
}

impl StudyTable {
    /// Builds the table of a study, or says why the layout does not fit it.
    pub fn build(study: &Study<'_>, layout: &Layout) -> Result<Self, LayoutError> {
        let cells = stage_cells(study, layout.stage.as_deref())?;
        let stage = cells[0].stage.clone();
        let spanned: Vec<String> = study.plan.axes.iter().map(|axis| axis.name.clone()).collect();
        let spanned: Vec<String> =
            spanned.into_iter().filter(|axis| cells[0].at.contains_key(axis)).collect();
        let (row_axes, column_axes) = axes(layout, &stage, &spanned)?;
        let is_free = |axis: &&String| !row_axes.contains(axis) && !column_axes.contains(axis);
        let pooled_axes: Vec<String> = spanned.iter().filter(is_free).cloned().collect();
        let grid = Grid::of(study, &cells, &row_axes, &column_axes);
        let mut leaks: Vec<String> = Vec::new();
        for reason in cells.iter().flat_map(|cell| &cell.leaks) {
            if !leaks.contains(reason) {
                leaks.push(reason.clone());
            }
        }
        let rows = (0..grid.rows.len())
            .map(|row| table_row(&grid, row, layout.measure, &pooled_axes, &leaks))
            .collect();
        let comparisons = comparison::compare(&grid, layout.measure, &pooled_axes, &leaks);
        Ok(Self {
            study: study.plan.name.clone(),
            stage,
            measure: layout.measure,
            row_axes,
            column_axes,
            pooled_axes,
            columns: grid.columns,
            rows,
            baselines: baselines(&cells),
            comparisons,
            copies: study.copies.clone(),
            leaks,
        })
    }

    /// Returns whether every task of the table has run.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.runs.len() == cell.planned)
    }
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
        Self { rows: row_names, columns: column_names, cells }
    }
}

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

fn axes(
    layout: &Layout,
    stage: &str,
    spanned: &[String],
) -> Result<(Vec<String>, Vec<String>), LayoutError> {
    for axis in layout.rows.iter().chain(&layout.columns) {
        if !spanned.contains(axis) {
            let known: Vec<String> = spanned.iter().map(|axis| format!("`{axis}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(LayoutError::Axis { stage: stage.to_owned(), axis: axis.clone(), known });
        }
    }
    if let Some(axis) = layout.rows.iter().find(|axis| layout.columns.contains(axis)) {
        return Err(LayoutError::Twice(axis.clone()));
    }
    let mut free: Vec<&String> = spanned
        .iter()
        .filter(|axis| !REPETITIONS.contains(&axis.as_str()))
        .filter(|axis| !layout.rows.contains(axis) && !layout.columns.contains(axis))
        .collect();
    let mut pick = |asked: &[String]| match asked {
        [] if free.is_empty() => Vec::new(),
        [] => vec![free.remove(0).clone()],
        _ => asked.to_vec(),
    };
    let rows = pick(&layout.rows);
    let columns = pick(&layout.columns);
    Ok((rows, columns))
}

fn name(cell: &Cell, axes: &[String]) -> String {
    let value = |axis: &String| cell.at.get(axis).map_or("", String::as_str);
    if axes.is_empty() {
        "all".to_owned()
    } else {
        axes.iter().map(value).collect::<Vec<_>>().join(" / ")
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

fn table_row(
    grid: &Grid<'_>,
    row: usize,
    measure: Measure,
    pooled: &[String],
    leaks: &[String],
) -> TableRow {
    let all = || grid.cells[row].iter().flatten();
    let counts: Option<Vec<usize>> = all().map(|cell| cell.training_images()).collect();
    let range = |counts: Vec<usize>| Some((*counts.iter().min()?, *counts.iter().max()?));
    let training_images = counts.and_then(range).filter(|(_, most)| *most > 0);
    let cells =
        grid.cells[row].iter().map(|cells| table_cell(cells, measure, pooled, leaks)).collect();
    TableRow { name: grid.rows[row].clone(), training_images, cells }
}

fn table_cell(cells: &[&Cell], measure: Measure, pooled: &[String], leaks: &[String]) -> TableCell {
    let runs: Vec<Run> = cells
        .iter()
        .filter_map(|cell| {
            let measures = &cell.scores.as_ref()?.measures;
            let value = measure.of(measures);
            let (correct, n) = (measures.correct, measures.n);
            Some(Run { at: at(cell, pooled), value, correct, n })
        })
        .collect();
    let values: Vec<f64> = runs.iter().filter_map(|run| run.value).collect();
    let spread = Spread::of(&values);
    let wilson = match (measure, runs.as_slice()) {
        (Measure::Accuracy, [run]) => Some(wilson_interval(run.correct, run.n)),
        _ => None,
    };
    let has = |reason: &String| cells.iter().any(|cell| cell.leaks.contains(reason));
    TableCell {
        planned: cells.len(),
        mean: spread.map(|spread| spread.mean),
        deviation: spread.and_then(|spread| spread.deviation),
        interval: spread
            .and_then(|spread| spread.interval)
            .or(wilson)
            .map(|one| measure.within(one)),
        leaks: (1..=leaks.len()).filter(|number| has(&leaks[number - 1])).collect(),
        runs,
    }
}

/// Returns where a cell lies on the given axes.
pub(super) fn at(cell: &Cell, axes: &[String]) -> BTreeMap<String, String> {
    let value = |axis: &String| Some((axis.clone(), cell.at.get(axis)?.clone()));
    axes.iter().filter_map(value).collect()
}

fn baselines(cells: &[&Cell]) -> Vec<Baseline> {
    let mut found: Vec<Baseline> = Vec::new();
    for measures in cells.iter().filter_map(|cell| cell.scores.as_ref()).map(|s| &s.measures) {
        let correct = measures.per_class.iter().map(|class| class.support).max().unwrap_or(0);
        let baseline = Baseline { correct, n: measures.n };
        if !found.contains(&baseline) {
            found.push(baseline);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::StudyTable;
    use crate::report::Layout;
    use crate::report::sample;

    fn problem(layout: &Layout) -> String {
        let plan = sample::plan();
        StudyTable::build(&sample::study(&plan), layout).unwrap_err().to_string()
    }

    #[test]
    fn rows_and_columns_follow_the_axes_and_pool_over_seeds() {
        let plan = sample::plan();
        let table = StudyTable::build(&sample::study(&plan), &Layout::default()).unwrap();
        let rows: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(rows, ["none", "classic", "classic+gan"]);
        assert_eq!(table.columns, ["resnet101", "densenet121"]);
        assert_eq!(table.pooled_axes, ["seed"]);
        let cell = &table.rows[0].cells[0];
        assert_eq!((cell.planned, cell.runs.len()), (3, 3));
        let mean = cell.runs.iter().filter_map(|run| run.value).sum::<f64>() / 3.0;
        assert!((cell.mean.unwrap() - mean).abs() < 1e-12);
    }

    #[test]
    fn rows_can_be_any_axes() {
        let plan = sample::plan();
        let layout = Layout {
            rows: vec!["network".into(), "arm".into()],
            columns: vec!["seed".into()],
            ..Layout::default()
        };
        let table = StudyTable::build(&sample::study(&plan), &layout).unwrap();
        assert_eq!(table.rows[0].name, "resnet101 / none");
        assert_eq!(table.columns, ["1", "2", "3"]);
        assert!(table.rows[0].cells[0].interval.is_some());
    }

    #[test]
    fn a_layout_that_does_not_fit_says_what_would() {
        let axes = |rows: &[&str], columns: &[&str]| Layout {
            rows: rows.iter().map(ToString::to_string).collect(),
            columns: columns.iter().map(ToString::to_string).collect(),
            ..Layout::default()
        };
        insta::assert_snapshot!(problem(&axes(&["color"], &[])), @"stage `score` does not span the axis `color`; it spans `arm`, `network`, `seed`");
        insta::assert_snapshot!(problem(&axes(&["arm"], &["arm"])), @"the axis `arm` is asked for both in rows and in columns");
        let stage = Layout { stage: Some("fit".into()), ..Layout::default() };
        insta::assert_snapshot!(problem(&stage), @"stage `fit` makes no scores; `score` does");
    }
}
