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
/// Room of a curve that passes a layer.
const LANE: f64 = 16.0;
const STYLE: &str = "<style>rect{fill:#fff;stroke:#2f6690}path{fill:none;stroke:#8a93a0}\
    text{fill:#22252b}.k{fill:#626873;font-size:11px}</style>";
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

/// What has a place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// A stage.
    Stage(usize),
    /// A curve from a stage that passes the layer.
    Lane(usize, usize),
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
                let (output, input) = (input.port.to_string(), port.to_owned());
                stages[at].layer = stages[at].layer.max(stages[from].layer + 1);
                flows.insert(Flow { from, output, to: at, input });
            }
        }
        Self { stages, flows: flows.into_iter().collect() }
    }

    /// Returns the drawing as an SVG file.
    pub fn to_svg(&self) -> String {
        let layers = self.layers();
        let places = placed(&layers);
        let width = MARGIN * 2.0 + layers.len() as f64 * (BOX.0 + GAP.0) - GAP.0;
        let height = layers.iter().map(|layer| tall(layer)).fold(0.0, f64::max) + 2.0 * MARGIN;
        let mut parts = vec![format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n{STYLE}\n"
        )];
        // Two artifacts between the same stages are one curve.
        let ends: BTreeSet<(usize, usize)> =
            self.flows.iter().map(|flow| (flow.from, flow.to)).collect();
        parts.extend(ends.into_iter().map(|(from, to)| self.curve(from, to, &places)));
        let boxes = self.stages.iter().enumerate();
        parts.extend(boxes.map(|(at, stage)| boxed(stage, places[&Node::Stage(at)])));
        parts.push("</svg>\n".to_owned());
        parts.concat()
    }

    /// Returns the nodes of each layer, sorted by the mean level of what enters them, so that few
    /// curves cross (the barycentre heuristic of Sugiyama et al., 1981). Curves over several layers
    /// have a lane in each, one for all that leave the same stage.
    fn layers(&self) -> Vec<Vec<Node>> {
        let count = self.stages.iter().map(|stage| stage.layer + 1).max().unwrap_or(0);
        let mut levels: BTreeMap<Node, f64> = BTreeMap::new();
        let mut layers = Vec::new();
        for layer in 0..count {
            let is_here = |stage: &usize| self.stages[*stage].layer == layer;
            let stages = (0..self.stages.len()).filter(is_here).map(Node::Stage);
            let passes = |from: &usize| {
                let ends = self.flows.iter().filter(|flow| flow.from == *from);
                let farthest = ends.map(|flow| self.stages[flow.to].layer).max().unwrap_or(0);
                self.stages[*from].layer < layer && layer < farthest
            };
            let lanes = (0..self.stages.len()).filter(passes).map(|from| Node::Lane(from, layer));
            let wish = |node: Node| {
                let before = self.before(node);
                let found: Vec<f64> =
                    before.iter().filter_map(|one| levels.get(one)).copied().collect();
                found.iter().sum::<f64>() / found.len().max(1) as f64
            };
            let mut nodes: Vec<(f64, Node)> =
                stages.chain(lanes).map(|node| (wish(node), node)).collect();
            nodes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let nodes: Vec<Node> = nodes.into_iter().map(|(_, node)| node).collect();
            for (node, middle) in nodes.iter().zip(middles(&nodes)) {
                levels.insert(*node, middle);
            }
            layers.push(nodes);
        }
        layers
    }

    /// Returns the nodes of the layer before from which curves enter a node.
    fn before(&self, node: Node) -> Vec<Node> {
        let step = |from: usize, layer: usize| {
            let adjacent = self.stages[from].layer + 1 == layer;
            if adjacent { Node::Stage(from) } else { Node::Lane(from, layer - 1) }
        };
        match node {
            Node::Lane(from, layer) => vec![step(from, layer)],
            Node::Stage(at) => {
                let enters = self.flows.iter().filter(|flow| flow.to == at);
                enters.map(|flow| step(flow.from, self.stages[at].layer)).collect()
            }
        }
    }

    fn curve(&self, from: usize, to: usize, places: &BTreeMap<Node, (f64, f64)>) -> String {
        let (x, y) = places[&Node::Stage(from)];
        let mut path = format!("M{} {y}", x + BOX.0);
        let lanes = (self.stages[from].layer + 1..self.stages[to].layer)
            .map(|layer| Node::Lane(from, layer));
        let mut at = (x + BOX.0, y);
        for node in lanes.chain([Node::Stage(to)]) {
            let (x, y) = places[&node];
            let (out, into) = (at.0 + GAP.0 / 2.0, x - GAP.0 / 2.0);
            path = format!("{path}C{out} {} {into} {y} {x} {y}", at.1);
            at = (x, y);
            if matches!(node, Node::Lane(..)) {
                at.0 += BOX.0;
                path = format!("{path}H{}", at.0);
            }
        }
        let (from, to) = (escape(&self.stages[from].name), escape(&self.stages[to].name));
        format!("<path d=\"{path}\"><title>{from} to {to}</title></path>\n")
    }
}

/// Returns the height of a node with the room around it.
fn room(node: Node) -> f64 {
    match node {
        Node::Stage(_) => BOX.1 + GAP.1,
        Node::Lane(..) => LANE,
    }
}

fn tall(layer: &[Node]) -> f64 {
    layer.iter().map(|node| room(*node)).sum()
}

/// Returns the middle of each node of a layer, the middle of the layer being 0.
fn middles(layer: &[Node]) -> Vec<f64> {
    let mut top = -tall(layer) / 2.0;
    let mut found = Vec::new();
    for node in layer {
        found.push(top + room(*node) / 2.0);
        top += room(*node);
    }
    found
}

/// Returns the middle of the left side of each node: layers are columns, their middles level.
fn placed(layers: &[Vec<Node>]) -> BTreeMap<Node, (f64, f64)> {
    let tallest = layers.iter().map(|layer| tall(layer)).fold(0.0, f64::max);
    let mut places = BTreeMap::new();
    for (column, layer) in layers.iter().enumerate() {
        let x = MARGIN + column as f64 * (BOX.0 + GAP.0);
        for (node, middle) in layer.iter().zip(middles(layer)) {
            places.insert(*node, (x, MARGIN + tallest / 2.0 + middle));
        }
    }
    places
}

fn boxed(stage: &StageBox, (x, middle): (f64, f64)) -> String {
    let y = middle - BOX.1 / 2.0;
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
    use super::placed;
    use super::room;
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
    fn no_box_lies_on_another_or_on_a_curve_that_passes() {
        let drawing = Drawing::of(&sample::plan());
        let places = placed(&drawing.layers());
        for (node, a) in &places {
            for (other, b) in places.iter().filter(|(other, _)| *other > node) {
                let apart = f64::midpoint(room(*node), room(*other));
                assert!(a.0 != b.0 || (a.1 - b.1).abs() >= apart - 1e-9, "{node:?} {other:?}");
            }
        }
        // `photos` feeds `fit`, three layers on, and `score`, four layers on, by one lane.
        assert_eq!(places.len(), 5 + 3);
        assert_eq!(drawing.to_svg().matches("<rect ").count(), 5);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("a-name-of-twenty-let"), "a-name-of-twenty-l\u{2026}");
    }
}
