//! The graph of a plan: order, cycles, pictures. The one file that knows `petgraph`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::collections::btree_map::Entry;
use std::fmt::Write;

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use petgraph::graph::NodeIndex;

use crate::plan::Plan;
use crate::stage::PortName;

/// Which stage feeds which; stages are indices.
pub(super) struct StageGraph(DiGraph<usize, ()>);

impl StageGraph {
    /// Builds the graph of `count` stages from pairs (producer, consumer).
    pub(super) fn new(count: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut graph = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..count).map(|stage| graph.add_node(stage)).collect();
        for (from, to) in edges {
            graph.update_edge(nodes[from], nodes[to], ());
        }
        Self(graph)
    }

    /// Returns the stages so that producers come first, and otherwise in their own order. Stages
    /// on a cycle or behind one are left out.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self
            .0
            .node_indices()
            .map(|node| self.0.neighbors_directed(node, Direction::Incoming).count())
            .collect();
        let mut ready: BTreeSet<usize> =
            (0..waiting.len()).filter(|&stage| waiting[stage] == 0).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(stage) = ready.pop_first() {
            order.push(stage);
            for next in self.0.neighbors(NodeIndex::new(stage)) {
                waiting[next.index()] -= 1;
                if waiting[next.index()] == 0 {
                    ready.insert(next.index());
                }
            }
        }
        order
    }

    /// Returns one cycle for each knot of stages that feed one another: the stages on it, the first
    /// one again at the end.
    pub(super) fn cycles(&self) -> Vec<Vec<usize>> {
        tarjan_scc(&self.0).into_iter().filter_map(|knot| self.cycle_in(&knot)).collect()
    }

    fn cycle_in(&self, knot: &[NodeIndex]) -> Option<Vec<usize>> {
        let start = knot.iter().min_by_key(|node| node.index())?;
        let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut open = VecDeque::from([*start]);
        while let Some(node) = open.pop_front() {
            for next in self.0.neighbors(node).filter(|next| knot.contains(next)) {
                if next == *start {
                    let mut path = vec![start.index(), node.index()];
                    let mut at = node;
                    while let Some(before) = came_from.get(&at) {
                        path.push(before.index());
                        at = *before;
                    }
                    path.reverse();
                    return Some(path);
                }
                if let Entry::Vacant(unseen) = came_from.entry(next) {
                    unseen.insert(node);
                    open.push_back(next);
                }
            }
        }
        None
    }
}

/// The stages of a plan and what flows between them, for pictures.
struct Picture<'a> {
    /// Stage, kind, number of tasks.
    stages: Vec<(&'a str, &'a str, usize)>,
    /// Producer, output port, consumer, input port.
    arrows: BTreeSet<(usize, PortName, usize, &'a str)>,
}

impl<'a> Picture<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut stages: Vec<(&str, &str, usize)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut arrows = BTreeSet::new();
        for task in &plan.tasks {
            let at = *places.entry(&task.stage).or_insert_with(|| {
                stages.push((&task.stage, task.kind.name, 0));
                stages.len() - 1
            });
            stages[at].2 += 1;
            for (port, input) in task.all_inputs() {
                let from = places[plan.task(input.task).stage.as_str()];
                arrows.insert((from, input.port, at, port));
            }
        }
        Self { stages, arrows }
    }
}

/// Returns the plan's stages as a graph in Graphviz's language.
pub fn to_dot(plan: &Plan) -> String {
    let picture = Picture::of(plan);
    let mut text = String::from("digraph study {\n  rankdir=LR;\n  node [shape=box];\n");
    for (stage, kind, tasks) in &picture.stages {
        let many = if *tasks == 1 { String::new() } else { format!(" x {tasks}") };
        let _ = writeln!(text, "  \"{stage}\" [label=\"{stage}\\n{kind}{many}\"];");
    }
    for (from, output, to, input) in &picture.arrows {
        let (from, to) = (picture.stages[*from].0, picture.stages[*to].0);
        let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [label=\"{output} > {input}\"];");
    }
    text + "}\n"
}

/// Returns the plan's stages as a graph in Mermaid's language.
pub fn to_mermaid(plan: &Plan) -> String {
    let picture = Picture::of(plan);
    let mut text = String::from("flowchart LR\n");
    for (at, (stage, kind, tasks)) in picture.stages.iter().enumerate() {
        let many = if *tasks == 1 { String::new() } else { format!(" x {tasks}") };
        let _ = writeln!(text, "  s{at}[\"{stage}<br/>{kind}{many}\"]");
    }
    for (from, output, to, input) in &picture.arrows {
        let _ = writeln!(text, "  s{from} -->|\"{output} > {input}\"| s{to}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::StageGraph;
    use crate::plan::tests::plan;

    proptest! {
        #[test]
        fn producers_come_first_and_only_cycles_are_left_out(
            edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..14)
        ) {
            let graph = StageGraph::new(8, edges.iter().copied());
            let order = graph.order();
            let at = |stage: usize| order.iter().position(|&known| known == stage);
            for &(from, to) in &edges {
                if let Some(to) = at(to) {
                    prop_assert!(at(from).is_some_and(|from| from < to));
                }
            }
            let cycles = graph.cycles();
            prop_assert_eq!(cycles.is_empty(), order.len() == 8);
            for cycle in cycles {
                prop_assert_eq!(cycle.first(), cycle.last());
                prop_assert!(cycle.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))));
            }
        }
    }

    #[test]
    fn pictures_show_stages_and_ports() {
        let plan = plan(
            "ablate: 1\nname: x\naxes: {seed: [1, 2]}\nstages:\n  numbers: {kind: draw}\n  parts: {kind: divide, inputs: {numbers: numbers}}\n  fit: {kind: fit, spans: seed, inputs: {numbers: parts.train, validation: parts.validation}}\n",
        );
        insta::assert_snapshot!(super::to_dot(&plan), @r#"
        digraph study {
          rankdir=LR;
          node [shape=box];
          "numbers" [label="numbers\ndraw"];
          "parts" [label="parts\ndivide"];
          "fit" [label="fit\nfit x 2"];
          "numbers" -> "parts" [label="numbers > numbers"];
          "parts" -> "fit" [label="train > numbers"];
          "parts" -> "fit" [label="validation > validation"];
        }
        "#);
        insta::assert_snapshot!(super::to_mermaid(&plan), @r#"
        flowchart LR
          s0["numbers<br/>draw"]
          s1["parts<br/>divide"]
          s2["fit<br/>fit x 2"]
          s0 -->|"numbers > numbers"| s1
          s1 -->|"train > numbers"| s2
          s1 -->|"validation > validation"| s2
        "#);
    }
}
