//! The study's table: one axis down, one across, pooled over the rest; the shape of its JSON is stable.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::artifact::Partition;
use crate::artifact::Scores;
use crate::measure::Measures;
use crate::measure::student::Spread;
use crate::report::Cell;
use crate::report::Comparison;
use crate::report::Copies;
use crate::report::Layout;
use crate::report::LayoutError;
use crate::report::Measure;
use crate::report::SharedGan;
use crate::report::Study;
use crate::report::comparison;
use crate::report::grid::Grid;
use crate::report::grid::at;
use crate::report::grid::stage_cells;
use crate::report::shared;

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
    /// Every row against the baseline.
    pub comparisons: Vec<Comparison>,
    /// Partitions of the images that are measured.
    pub measured: BTreeSet<Partition>,
    /// GANs that several runs of one cell share.
    pub shared: Vec<SharedGan>,
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
    /// Fewest and most steps of the optimiser that its classifiers were trained for; absent where unknown.
    pub steps: Option<(usize, usize)>,
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
    /// 95 % interval: Student's over runs where there are two or more, else over images: Wilson's of the
    /// accuracy, by resampling of the others.
    pub interval: Option<(f64, f64)>,
    /// Mean less what always answering the most frequent class of the same images gives.
    pub over_majority: Option<f64>,
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
        let references = grid.references(layout.baseline.as_deref())?;
        let comparisons =
            comparison::compare(&grid, &references, layout.measure, &pooled_axes, &leaks);
        let shared = shared::shared(&grid);
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
            measured: cells.iter().flat_map(|cell| cell.measured.iter().copied()).collect(),
            shared,
            copies: study.copies.clone(),
            leaks,
        })
    }

    /// Returns whether every task of the table has run.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.runs.len() == cell.planned)
    }
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

fn table_row(
    grid: &Grid<'_>,
    row: usize,
    measure: Measure,
    pooled: &[String],
    leaks: &[String],
) -> TableRow {
    let all = || grid.cells[row].iter().flatten();
    let range = |counts: Vec<usize>| Some((*counts.iter().min()?, *counts.iter().max()?));
    let images: Option<Vec<usize>> = all().map(|cell| cell.training_images()).collect();
    let training_images = images.and_then(range).filter(|(_, most)| *most > 0);
    let steps = range(all().filter_map(|cell| cell.steps).collect());
    let cells =
        grid.cells[row].iter().map(|cells| table_cell(cells, measure, pooled, leaks)).collect();
    TableRow { name: grid.rows[row].clone(), training_images, steps, cells }
}

fn table_cell(cells: &[&Cell], measure: Measure, pooled: &[String], leaks: &[String]) -> TableCell {
    let scored = || cells.iter().filter_map(|cell| Some((*cell, cell.scores.as_ref()?)));
    let runs: Vec<Run> = scored()
        .map(|(cell, scores)| {
            let Measures { correct, n, .. } = scores.measures;
            Run { at: at(cell, pooled), value: scores.measures.get(measure), correct, n }
        })
        .collect();
    let gains: Vec<f64> =
        scored().filter_map(|(_, scores)| over_majority(scores, measure)).collect();
    let values: Vec<f64> = runs.iter().filter_map(|run| run.value).collect();
    let spread = Spread::of(&values);
    let over_images = match scored().collect::<Vec<_>>().as_slice() {
        [(_, one)] if measure == Measure::Accuracy => Some(one.measures.accuracy_interval),
        [(_, one)] => one.intervals.as_ref().and_then(|intervals| intervals.get(measure)),
        _ => None,
    };
    let has = |reason: &String| cells.iter().any(|cell| cell.leaks.contains(reason));
    TableCell {
        planned: cells.len(),
        mean: spread.map(|spread| spread.mean),
        deviation: spread.and_then(|spread| spread.deviation),
        interval: spread
            .and_then(|spread| spread.interval)
            .or(over_images)
            .map(|one| measure.within(one)),
        over_majority: Spread::of(&gains).map(|spread| spread.mean),
        leaks: (1..=leaks.len()).filter(|number| has(&leaks[number - 1])).collect(),
        runs,
    }
}

/// Returns a measure less its number for who always answers the most frequent class.
fn over_majority(scores: &Scores, measure: Measure) -> Option<f64> {
    let constant = scores.answers().of_majority();
    Some(scores.measures.get(measure)? - measure.of(&constant, &constant.once())?)
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
