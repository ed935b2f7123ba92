//! Rivals: what two studies measured in the same cells, and how it differs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::digest::Digest;
use crate::report::Cell;
use crate::report::Comparison;
use crate::report::Layout;
use crate::report::LayoutError;
use crate::report::Measure;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::comparison;
use crate::report::comparison::Pair;
use crate::report::grid::Grid;
use crate::report::grid::at;
use crate::report::grid::stage_cells;
use crate::report::text::aligned;
use crate::report::text::p_value;

/// A cell of the second study's table beside the same of the first's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rival {
    /// Name of the row.
    pub row: String,
    /// Name of the column.
    pub column: String,
    /// Mean of the first study.
    pub first: Option<f64>,
    /// Mean of the second.
    pub second: Option<f64>,
    /// Whether these are the very same tasks.
    pub is_same: bool,
    /// The second less the first, over the runs that both have.
    pub comparison: Comparison,
    /// Reasons for which test images may have reached a classifier of the first.
    pub first_leaks: Vec<String>,
    /// Those of the second.
    pub second_leaks: Vec<String>,
}

/// What two studies measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rivals {
    /// The measure.
    pub measure: Measure,
    /// Axes of the rows.
    pub row_axes: Vec<String>,
    /// Axes of the columns.
    pub column_axes: Vec<String>,
    /// Cells where both have run.
    pub cells: Vec<Rival>,
    /// Cells of the second study's table in which there is nothing to compare, by why.
    pub without: BTreeMap<Without, usize>,
}

/// Why a cell has nothing to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Without {
    /// The other study has no such cell, or several.
    NoTwin,
    /// One of them has not run.
    NotRun,
    /// They were measured on other images.
    OtherImages,
}

impl Rivals {
    /// Compares two studies cell by cell, laid out as the second's table. A cell stands beside the one
    /// that agrees on every axis that both have, if there is just one.
    pub fn build(
        first: &Study<'_>,
        second: &Study<'_>,
        layout: &Layout,
    ) -> Result<Self, LayoutError> {
        let table = StudyTable::build(second, layout)?;
        let others: Vec<&Cell> = match stage_cells(first, Some(&table.stage)) {
            Ok(cells) => cells,
            Err(_) => stage_cells(first, None)?,
        };
        let cells = stage_cells(second, Some(&table.stage))?;
        let grid = Grid::of(second, &cells, &table.row_axes, &table.column_axes);
        let twins = Twins::new(&others, &cells);
        let mut found = Self {
            measure: layout.measure,
            row_axes: table.row_axes.clone(),
            column_axes: table.column_axes.clone(),
            cells: Vec::new(),
            without: BTreeMap::new(),
        };
        for (row, columns) in grid.cells.iter().enumerate() {
            for (column, cells) in columns.iter().enumerate().filter(|(_, cells)| !cells.is_empty())
            {
                let sides = cells.iter().filter_map(|cell| Some((twins.of(cell)?, *cell)));
                let sides: Vec<(&Cell, &Cell)> = sides.collect();
                let name = (&grid.rows[row], &grid.columns[column]);
                match rival(&sides, name, layout.measure, &table.pooled_axes) {
                    Ok(mut rival) => {
                        rival.comparison.reference.clone_from(&first.plan.name);
                        found.cells.push(rival);
                    }
                    Err(why) => *found.without.entry(why).or_default() += 1,
                }
            }
        }
        // The very same tasks are no test of anything.
        let tested = found.cells.iter_mut().filter(|one| !one.is_same);
        comparison::correct(tested.map(|one| &mut one.comparison).collect());
        Ok(found)
    }
}

/// Compares the classifiers of a cell with their twins.
fn rival(
    twins: &[(&Cell, &Cell)],
    (row, column): (&String, &String),
    measure: Measure,
    pooled: &[String],
) -> Result<Rival, Without> {
    let have_run = |(old, new): &&(&Cell, &Cell)| old.scores.is_some() && new.scores.is_some();
    let pairs: Vec<Pair<'_>> =
        twins.iter().filter_map(|(old, new)| Pair::of(at(new, pooled), old, new)).collect();
    if pairs.is_empty() {
        return Err(match twins {
            [] => Without::NoTwin,
            _ if twins.iter().any(|pair| have_run(&pair)) => Without::OtherImages,
            _ => Without::NotRun,
        });
    }
    let mean = |scores: &dyn Fn(&Pair<'_>) -> Option<f64>| {
        let values: Vec<f64> = pairs.iter().filter_map(scores).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let leaks = |side: &dyn Fn(&(&Cell, &Cell)) -> Vec<String>| {
        let reasons: BTreeSet<String> = twins.iter().flat_map(side).collect();
        reasons.into_iter().collect()
    };
    let mut comparison = comparison::one(&pairs, measure);
    comparison.row.clone_from(row);
    comparison.column.clone_from(column);
    Ok(Rival {
        row: row.clone(),
        column: column.clone(),
        first: mean(&|pair| pair.reference.measures.get(measure)),
        second: mean(&|pair| pair.row.measures.get(measure)),
        is_same: twins.iter().all(|(old, new)| old.recipe.is_some() && old.recipe == new.recipe),
        comparison,
        first_leaks: leaks(&|(old, _)| old.leaks.clone()),
        second_leaks: leaks(&|(_, new)| new.leaks.clone()),
    })
}

impl Rivals {
    /// Returns the comparison as plain text: aligned columns, no colour; empty where there is none.
    pub fn to_text(&self) -> String {
        let axes = [self.row_axes.join(" / "), self.column_axes.join(" / ")];
        let header = ["first", "second", "difference", "95 % interval", "p"];
        let mut lines: Vec<Vec<String>> =
            vec![axes.into_iter().chain(header.map(str::to_owned)).collect()];
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "n/a".to_owned());
        for one in &self.cells {
            let bare = |number: f64| self.measure.difference(number);
            let show = |number: f64| self.measure.show(number);
            let Comparison { difference, interval, corrected_p, .. } = &one.comparison;
            let mark = |leaks: &[String]| if leaks.is_empty() { "" } else { " [leak]" };
            let mut line = vec![one.row.clone(), one.column.clone()];
            line.extend([
                or_none(one.first.map(show)) + mark(&one.first_leaks),
                or_none(one.second.map(show)) + mark(&one.second_leaks),
            ]);
            if one.is_same {
                line.push("the same tasks".to_owned());
            } else {
                let interval =
                    interval.map(|(low, high)| format!("{} to {}", bare(low), bare(high)));
                line.push(or_none(difference.map(bare)));
                line.extend([or_none(interval), or_none(corrected_p.map(p_value))]);
            }
            lines.push(line);
        }
        let text = if self.cells.is_empty() { String::new() } else { aligned(&lines) };
        let leaks =
            self.cells.iter().flat_map(|one| one.first_leaks.iter().chain(&one.second_leaks));
        let leaks: BTreeSet<&String> = leaks.collect();
        let note = |reason: &String| {
            format!("[leak] test images may have reached a classifier: {reason}\n")
        };
        text + &leaks.into_iter().map(note).collect::<String>()
    }
}

/// The cells of the first study, found by their task and by their place.
struct Twins<'c> {
    recipes: BTreeMap<Digest, &'c Cell>,
    /// Axes that both studies' cells have.
    shared: Vec<String>,
    places: BTreeMap<Vec<Option<String>>, Vec<&'c Cell>>,
}

impl<'c> Twins<'c> {
    fn new(others: &[&'c Cell], cells: &[&Cell]) -> Self {
        let axes = |cells: &[&Cell]| -> BTreeSet<String> {
            cells.first().map(|cell| cell.at.keys().cloned().collect()).unwrap_or_default()
        };
        let shared = axes(others).intersection(&axes(cells)).cloned().collect();
        let recipes = others.iter().filter_map(|cell| Some((cell.recipe?, *cell))).collect();
        let mut twins = Self { recipes, shared, places: BTreeMap::new() };
        for other in others {
            let place = twins.place(other);
            twins.places.entry(place).or_default().push(other);
        }
        twins
    }

    fn place(&self, cell: &Cell) -> Vec<Option<String>> {
        self.shared.iter().map(|axis| cell.at.get(axis).cloned()).collect()
    }

    /// Returns the very same task's cell, or else the one that agrees on every axis that both have.
    fn of(&self, cell: &Cell) -> Option<&'c Cell> {
        let same = cell.recipe.and_then(|recipe| self.recipes.get(&recipe).copied());
        same.or_else(|| match self.places.get(&self.place(cell))?.as_slice() {
            [one] => Some(*one),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Rivals;
    use super::Without;
    use crate::report::Layout;
    use crate::report::sample;

    #[test]
    fn studies_are_compared_cell_by_cell_where_both_have_run() {
        let (old_plan, new_plan) = (sample::plan(), sample::plan());
        let old = sample::study(&old_plan);
        let mut new = sample::study(&new_plan);
        // The second study took the first arm's classifiers for those of the second.
        for cell in new.cells.iter_mut().filter(|cell| cell.at["arm"] == "classic") {
            let at = |twin: &&crate::report::Cell| {
                twin.at["arm"] == "none"
                    && ["network", "seed"].iter().all(|axis| twin.at[*axis] == cell.at[*axis])
            };
            cell.scores = old.cells.iter().find(at).and_then(|twin| twin.scores.clone());
            cell.recipe = None;
        }
        let rivals = Rivals::build(&old, &new, &Layout::default()).unwrap();
        assert_eq!(rivals.without, [(Without::NotRun, 1)].into());
        insta::assert_snapshot!(rivals.to_text(), @"
        arm           network       first            second           difference       95 % interval    p
        none          resnet101     41.67 %          41.67 %          the same tasks
        none          densenet121   47.42 %          47.42 %          the same tasks
        classic       resnet101     46.58 %          41.67 %          -4.92            -9.92 to +0.17   0.122
        classic       densenet121   50.33 % [leak]   47.42 % [leak]   -2.92            -9.50 to +3.50   0.372
        classic+gan   resnet101     68.50 %          68.50 %          the same tasks
        [leak] test images may have reached a classifier: to show what leakage does
        ");
    }

    #[test]
    fn an_axis_that_one_study_lacks_is_left_open_unless_it_is_ambiguous() {
        let (old_plan, new_plan) = (sample::plan(), sample::plan());
        let (mut old, new) = (sample::study(&old_plan), sample::study(&new_plan));
        old.cells.retain(|cell| cell.at["arm"] == "none");
        for cell in &mut old.cells {
            cell.at.remove("arm");
            cell.recipe = None;
        }
        let rivals = Rivals::build(&old, &new, &Layout::default()).unwrap();
        let rows: Vec<&str> = rivals.cells.iter().map(|one| one.row.as_str()).collect();
        assert_eq!(rows, ["none", "none", "classic", "classic", "classic+gan"]);
        // The other way round three arms stand for one cell, and nobody knows which is meant.
        assert_eq!(Rivals::build(&new, &old, &Layout::default()).unwrap().cells.len(), 0);
    }
}
