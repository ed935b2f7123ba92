//! The page's table of every measure of every cell.

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::measure::Measure;
use crate::measure::Measures;
use crate::measure::student::Spread;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::grid::Grid;
use crate::report::grid::stage_cells;
use crate::report::text;

/// Returns every measure of each cell, over its runs; nothing where none has run.
pub(super) fn measures(study: &Study<'_>, table: &StudyTable) -> Markup {
    let Ok(cells) = stage_cells(study, Some(&table.stage)) else {
        return PreEscaped(String::new());
    };
    let grid = Grid::of(study, &cells, &table.row_axes, &table.column_axes);
    let mut columns: Vec<(String, &[usize], Vec<&Measures>)> = Vec::new();
    for (row, cells) in grid.cells.iter().enumerate() {
        for (column, cells) in cells.iter().enumerate() {
            let scores = cells.iter().filter_map(|cell| cell.scores.as_ref());
            let found: Vec<&Measures> = scores.map(|scores| &scores.measures).collect();
            let names = [&grid.rows[row], &grid.columns[column]];
            let names: Vec<&str> =
                names.into_iter().map(String::as_str).filter(|name| *name != "all").collect();
            if !found.is_empty() {
                columns.push((
                    names.join(", "),
                    table.rows[row].cells[column].leaks.as_slice(),
                    found,
                ));
            }
        }
    }
    if columns.is_empty() {
        return PreEscaped(String::new());
    }
    html! {
        p { "Mean " (PreEscaped("&plusmn;")) " standard deviation over the runs of each cell. Lower is better for \
             the mean absolute error, the Brier score and the calibration error." }
        div.wide {
            table {
                thead { tr {
                    th scope="col" { "cell" }
                    @for measure in Measure::ALL { th.number scope="col" { (measure.title()) } }
                } }
                tbody { @for (name, leaks, found) in &columns {
                    tr {
                        th scope="row" { (name) @if !leaks.is_empty() { sup.leak { (text::marks(leaks)) } } }
                        @for measure in Measure::ALL { td.number { (pooled(found, measure)) } }
                    }
                } }
            }
        }
    }
}

fn pooled(found: &[&Measures], measure: Measure) -> String {
    let values: Vec<f64> = found.iter().filter_map(|measures| measures.get(measure)).collect();
    let Some(spread) = Spread::of(&values) else { return "n/a".to_owned() };
    let mean = measure.show(spread.mean);
    spread
        .deviation
        .map_or(mean.clone(), |deviation| format!("{mean} \u{b1} {}", measure.bare(deviation)))
}
