//! Axes and cells: the dimensions of a study, and the points in them.
//!
//! Knows names and values; does not know which stage spans what.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::AxisSpec;
use crate::manifest::AxisSpecValue;
use crate::manifest::Document;
use crate::manifest::Located;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::did_you_mean;
use crate::manifest::quoted;
use crate::plan::Axis;
use crate::plan::AxisValue;

/// Most tasks of one stage.
const MOST_CELLS: usize = 100_000;

/// A point in some axes: axis -> value, both as indices.
pub(super) type Cell = BTreeMap<usize, usize>;

/// The axes of a study, and the cells that it leaves out.
pub(super) struct Axes {
    /// In the manifest's order.
    pub(super) all: Vec<Axis>,
    excluded: Vec<Cell>,
    /// Cells to keep, where the manifest names some.
    only: Vec<Cell>,
}

impl Axes {
    /// Reads axes and excluded cells.
    pub(super) fn read(document: &Document, problems: &mut Problems) -> Self {
        let values = |axis: &AxisSpec| {
            let value = |value: &AxisSpecValue| AxisValue {
                name: value.name.value.clone(),
                value: value.value.clone(),
            };
            axis.values.iter().map(value).collect()
        };
        let all = document
            .axes
            .iter()
            .map(|axis| Axis { name: axis.name.value.clone(), values: values(axis) })
            .collect();
        let mut axes = Self { all, excluded: Vec::new(), only: Vec::new() };
        let mut cells = |named: &[Vec<(Located<String>, Located<String>)>]| -> Vec<Cell> {
            let points = named.iter().map(|cell| {
                cell.iter().map(|(axis, value)| axes.point(axis, value, problems)).collect()
            });
            points.collect::<Vec<Option<Cell>>>().into_iter().flatten().collect()
        };
        let (excluded, only) = (cells(&document.exclude), cells(&document.only));
        axes.excluded = excluded;
        axes.only = only;
        axes
    }

    /// Returns an axis by name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|axis| axis.name == name)
    }

    /// Returns an axis by name, or reports that there is none.
    pub(super) fn axis(&self, name: &Located<String>, problems: &mut Problems) -> Option<usize> {
        let found = self.find(&name.value);
        if found.is_none() {
            let names = || self.all.iter().map(|axis| axis.name.as_str());
            let help = did_you_mean(&name.value, names()).unwrap_or_else(|| match names().next() {
                Some(_) => format!("the study's axes are {}", quoted(names())),
                None => {
                    format!("write `axes: {{{}: [...]}}` at the top of the manifest", name.value)
                }
            });
            let message = format!("there is no axis `{}`", name.value);
            problems.push(Problem::at(name.span, message).help(help));
        }
        found
    }

    /// Returns a value of an axis by name, or reports that there is none.
    pub(super) fn value(
        &self,
        axis: usize,
        name: &Located<String>,
        problems: &mut Problems,
    ) -> Option<usize> {
        let axis = &self.all[axis];
        let found = axis.values.iter().position(|value| value.name == name.value);
        if found.is_none() {
            let names = || axis.values.iter().map(|value| value.name.as_str());
            let help = did_you_mean(&name.value, names())
                .unwrap_or_else(|| format!("its values are {}", quoted(names())));
            let message = format!("axis `{}` has no value `{}`", axis.name, name.value);
            problems.push(Problem::at(name.span, message).help(help));
        }
        found
    }

    /// Returns `axis=value` by names, or reports what there is not.
    pub(super) fn point(
        &self,
        axis: &Located<String>,
        value: &Located<String>,
        problems: &mut Problems,
    ) -> Option<(usize, usize)> {
        let axis = self.axis(axis, problems)?;
        Some((axis, self.value(axis, value, problems)?))
    }

    /// Returns every cell of the given axes that is not left out, the last axis running fastest;
    /// nothing where there are too many.
    pub(super) fn cells(&self, spans: &BTreeSet<usize>) -> Option<Vec<Cell>> {
        let mut cells = vec![Cell::new()];
        for &axis in spans {
            let count = self.all[axis].values.len();
            if cells.len() * count > MOST_CELLS {
                return None;
            }
            cells = cells
                .iter()
                .flat_map(|cell| {
                    (0..count).map(|value| {
                        let mut cell = cell.clone();
                        cell.insert(axis, value);
                        cell
                    })
                })
                .collect();
        }
        cells.retain(|cell| !self.is_left_out(cell));
        Some(cells)
    }

    /// Returns a cell by names, as tasks show it.
    pub(super) fn names(&self, cell: &Cell) -> BTreeMap<String, String> {
        cell.iter()
            .map(|(&axis, &value)| {
                let axis = &self.all[axis];
                (axis.name.clone(), axis.values[value].name.clone())
            })
            .collect()
    }

    /// Returns whether a cell is left out: it lies in a cell that `exclude` names, or in none of
    /// those that `only` names. Axes that the cell does not span say nothing.
    pub(super) fn is_left_out(&self, cell: &Cell) -> bool {
        let within = |hole: &Cell| hole.iter().all(|(axis, value)| cell.get(axis) == Some(value));
        let agrees = |kept: &Cell| {
            kept.iter().all(|(axis, value)| cell.get(axis).is_none_or(|here| here == value))
        };
        let unwanted = !self.only.is_empty() && !self.only.iter().any(agrees);
        unwanted || self.excluded.iter().any(within)
    }
}
