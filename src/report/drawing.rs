//! The stages of a plan as a picture: layers from left to right, curves for what flows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::Plan;
use crate::report::chart::escape;

/// Size of a box and the room around it.
const BOX: (f64, f64) = (150.0, 46.0);
const GAP: (f64, f64) = (56.0, 20.0);
const MARGIN: f64 = 16.0;
/// Longest name that fits a box.
const LETTERS: usize = 19;

/// The stages of a plan and what flows between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawing {
    /// Stages, in the order of the plan.
    pub stages: Vec<StageBox>,
    /// What flows, in order.
    pub flows: Vec<Flow>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageBox {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its tasks: one for each cell that it spans.
    pub tasks: usize,
    /// Longest way to it from a stage without inputs, in stages.
    pub layer: usize,
}

/// An artifact that flows from one stage to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Flow {
    /// Place of the stage that makes it.
    pub from: usize,
    /// Output port.
    pub output: String,
    /// Place of the stage that takes it.
    pub to: usize,
    /// Input port.
    pub input: String,
}

impl Drawing {
    /// Returns the drawing of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut stages: Vec<StageBox> = Vec::new();
        let mut flows = BTreeSet::new();
        for task in &plan.tasks {
            let at = *places.entry(&task.stage).or_insert_with(|| {
                let (name, kind) = (task.stage.clone(), task.kind.name.to_owned());
                stages.push(StageBox { name, kind, tasks: 0, layer: 0 });
                stages.len() - 1
            });
            stages[at].tasks += 1;
            for (port, input) in task.all_inputs() {
                let from = places[plan.task(input.task).stage.as_str()];
                let (output, input) = (input.port.to_owned(), port.to_owned());
                stages[at].layer = stages[at].layer.max(stages[from].layer + 1);
                flows.insert(Flow { from, output, to: at, input });
            }
        }
        Self { stages, flows: flows.into_iter().collect() }
    }

    /// Returns the drawing as an SVG file.
    pub fn to_svg(&self) -> String {
        let places = self.places();
        let far = |side: fn(&(f64, f64)) -> f64| places.iter().map(side).fold(0.0, f64::max);
        let width = far(|place| place.0) + BOX.0 + MARGIN;
        let height = far(|place| place.1) + BOX.1 + MARGIN;
        let mut parts = vec![format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <style>rect{{fill:#fff;stroke:#2f6690}}path{{fill:none;stroke:#8a93a0}}text{{fill:#22252b}}.k{{fill:#626873;font-size:11px}}</style>\n"
        )];
        // Two artifacts between the same stages are one curve.
        let curves: BTreeSet<(usize, usize)> =
            self.flows.iter().map(|flow| (flow.from, flow.to)).collect();
        parts.extend(
            curves.into_iter().map(|(from, to)| self.curve(from, to, places[from], places[to])),
        );
        parts.extend(self.stages.iter().zip(&places).map(|(stage, place)| boxed(stage, *place)));
        parts.push("</svg>\n".to_owned());
        parts.concat()
    }

    /// Returns the upper left corner of each stage: layers are columns, middles are level.
    fn places(&self) -> Vec<(f64, f64)> {
        let order = self.order();
        let tallest = order.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let mut places = vec![(0.0, 0.0); self.stages.len()];
        for (layer, members) in order.iter().enumerate() {
            let above = (tallest - members.len() as f64) / 2.0;
            for (row, &stage) in members.iter().enumerate() {
                let x = MARGIN + layer as f64 * (BOX.0 + GAP.0);
                let y = MARGIN + (above + row as f64) * (BOX.1 + GAP.1);
                places[stage] = (x, y);
            }
        }
        places
    }

    /// Returns the stages of each layer, sorted by the mean place of what enters them, so that few
    /// curves cross (the barycentre heuristic of Sugiyama et al., 1981).
    fn order(&self) -> Vec<Vec<usize>> {
        let layers = self.stages.iter().map(|stage| stage.layer + 1).max().unwrap_or(0);
        let mut order: Vec<Vec<usize>> = vec![Vec::new(); layers];
        let mut level = vec![0.0; self.stages.len()];
        for (layer, order) in order.iter_mut().enumerate() {
            let is_here = |stage: &usize| self.stages[*stage].layer == layer;
            let mut members: Vec<usize> = (0..self.stages.len()).filter(is_here).collect();
            let wish = |stage: usize| {
                let enters = self.flows.iter().filter(|flow| flow.to == stage);
                let levels: Vec<f64> = enters.map(|flow| level[flow.from]).collect();
                levels.iter().sum::<f64>() / levels.len().max(1) as f64
            };
            let wishes: BTreeMap<usize, f64> =
                members.iter().map(|&stage| (stage, wish(stage))).collect();
            members.sort_by(|a, b| wishes[a].total_cmp(&wishes[b]).then(a.cmp(b)));
            let middle = (members.len() as f64 - 1.0) / 2.0;
            for (row, &stage) in members.iter().enumerate() {
                level[stage] = row as f64 - middle;
            }
            *order = members;
        }
        order
    }

    fn curve(&self, from: usize, to: usize, start: (f64, f64), end: (f64, f64)) -> String {
        let (x1, y1) = (start.0 + BOX.0, start.1 + BOX.1 / 2.0);
        let (x2, y2) = (end.0, end.1 + BOX.1 / 2.0);
        let bend = (x1 + GAP.0 / 2.0, x2 - GAP.0 / 2.0);
        let (from, to) = (escape(&self.stages[from].name), escape(&self.stages[to].name));
        format!(
            "<path d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"><title>{from} to {to}</title></path>\n",
            bend.0, bend.1
        )
    }
}

fn boxed(stage: &StageBox, (x, y): (f64, f64)) -> String {
    let many = if stage.tasks == 1 { String::new() } else { format!(" \u{d7} {}", stage.tasks) };
    let (left, first, second) = (x + 10.0, y + 20.0, y + 36.0);
    let (width, height) = BOX;
    let whole = escape(&stage.name);
    let name = escape(&shortened(&stage.name));
    let kind = escape(&shortened(&stage.kind));
    format!(
        "<g><title>{whole}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\
         <text x=\"{left}\" y=\"{first}\">{name}</text>\
         <text class=\"k\" x=\"{left}\" y=\"{second}\">{kind}{many}</text></g>\n"
    )
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::Drawing;
    use super::shortened;
    use crate::report::sample;

    #[test]
    fn a_stage_stands_right_of_all_that_it_needs() {
        let drawing = Drawing::of(&sample::plan());
        let names: Vec<(&str, usize, usize)> = drawing
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.layer, stage.tasks))
            .collect();
        let expected = [
            ("photos", 0, 1),
            ("painter", 1, 1),
            ("fakes", 2, 1),
            ("fit", 3, 18),
            ("score", 4, 18),
        ];
        assert_eq!(names, expected);
        assert_eq!(drawing.flows.len(), 6);
    }

    #[test]
    fn no_two_boxes_overlap() {
        let drawing = Drawing::of(&sample::plan());
        let places = drawing.places();
        for (index, a) in places.iter().enumerate() {
            for b in &places[..index] {
                assert!((a.0 - b.0).abs() > super::BOX.0 || (a.1 - b.1).abs() > super::BOX.1);
            }
        }
        assert_eq!(drawing.to_svg().matches("<rect ").count(), 5);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("a-name-of-twenty-let"), "a-name-of-twenty-l\u{2026}");
    }
}
