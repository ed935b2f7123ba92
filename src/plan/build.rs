//! Building: from a document and the list of kinds to a plan.
//!
//! Approach: link names, order the stages, find the axes that each spans, and then make the tasks
//! of one stage after the other, each with all that is known of it before anything runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::Document;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::did_you_mean;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::axes::Axes;
use crate::plan::axes::Cell;
use crate::plan::cells::Tasks;
use crate::plan::data::Finder;
use crate::plan::graph::StageGraph;
use crate::plan::interpolate::Scope;
use crate::plan::link::Linked;
use crate::plan::link::LinkedFeed;
use crate::plan::link::Linker;
use crate::plan::settle::Settler;
use crate::stage::StageKind;

/// Builds the plan of a study, or returns everything that is wrong with its manifest.
pub fn build(
    document: &Document,
    kinds: &'static [StageKind],
    data: &DataFolders,
) -> Result<Plan, Problems> {
    let mut problems = Problems::default();
    let axes = Axes::read(document, &mut problems);
    check_table(document, &axes, &mut problems);
    let linked = Linker::new(document, &axes, kinds, &mut problems).link_all(&mut problems);
    let order = order(&linked, &mut problems);
    let scope = Scope { vars: &document.vars, axes: &axes };
    let named: Vec<BTreeSet<usize>> = linked
        .iter()
        .map(|stage| {
            stage.as_ref().map(|stage| named_axes(stage, scope, &mut problems)).unwrap_or_default()
        })
        .collect();
    let spans = spans(&linked, &order, &named, &axes, &mut problems);
    let mut tasks = Tasks::new(document, &axes, &spans);
    // Values that could not be found would be reported again as params of the wrong type.
    let named_well = problems.is_empty();
    let mut settler = Settler::new(scope, Finder::new(data));
    for &at in &order {
        let Some(stage) = &linked[at] else { continue };
        let Some(cells) = axes.cells(&spans[at]) else {
            let message = format!("stage `{}` has too many cells", stage.spec.name.value);
            problems.push(
                Problem::at(stage.spec.name.span, message).help("give its axes fewer values"),
            );
            continue;
        };
        for cell in cells {
            let settled = settler.settle(at, stage, &named[at], &cell, &mut problems);
            if let Some(settled) = settled.filter(|_| named_well) {
                tasks.add(at, stage, cell, &settled, &mut problems);
            }
        }
    }
    let tasks = tasks.finish();
    let overrides = document.overrides.clone();
    problems.or(Plan { name: document.name.clone(), axes: axes.all, tasks, overrides })
}

fn check_table(document: &Document, axes: &Axes, problems: &mut Problems) {
    let Some(table) = &document.table else { return };
    for axis in table.rows.iter().chain(&table.columns) {
        axes.axis(axis, problems);
    }
    if let Some(stage) = table.stage.as_ref().filter(|stage| document.stage(&stage.value).is_none())
    {
        let names = document.stages.iter().map(|stage| stage.name.value.as_str());
        let help = did_you_mean(&stage.value, names);
        let message = format!("there is no stage `{}`", stage.value);
        problems.push(Problem::at(stage.span, message).maybe_help(help));
    }
}

/// Returns the stages with producers first, and reports every cycle.
fn order(linked: &[Option<Linked<'_>>], problems: &mut Problems) -> Vec<usize> {
    let edges = linked.iter().enumerate().filter_map(|(to, stage)| Some((to, stage.as_ref()?)));
    let edges = edges.flat_map(|(to, stage)| stage.links().map(move |link| (link.stage, to)));
    let graph = StageGraph::new(linked.len(), edges);
    for cycle in graph.cycles() {
        let names: Vec<&str> = cycle
            .iter()
            .filter_map(|&stage| Some(linked[stage].as_ref()?.spec.name.value.as_str()))
            .collect();
        let [from, to, ..] = cycle.as_slice() else { continue };
        let link = linked[*to].as_ref().and_then(|to| to.links().find(|link| link.stage == *from));
        let span = link.map(|link| link.span);
        let message = format!("stages feed one another in a circle: {}", names.join(" -> "));
        let problem = Problem { span, ..Problem::nowhere(message) };
        problems.push(problem.help("take one of these inputs away"));
    }
    graph.order()
}

/// Returns the axes that a stage's params and resources name.
fn named_axes(stage: &Linked<'_>, scope: Scope<'_>, problems: &mut Problems) -> BTreeSet<usize> {
    let mut named = scope.axes_in(&stage.spec.params, problems);
    if let Some(resources) = &stage.spec.resources {
        named.extend(scope.axes_in(resources, problems));
    }
    named
}

/// Returns the axes that each stage spans: those it names and those of what enters it.
fn spans(
    linked: &[Option<Linked<'_>>],
    order: &[usize],
    named: &[BTreeSet<usize>],
    axes: &Axes,
    problems: &mut Problems,
) -> Vec<BTreeSet<usize>> {
    let mut spans = named.to_vec();
    for &at in order {
        let Some(stage) = &linked[at] else { continue };
        let mut found = spans[at].clone();
        found.extend(stage.spec.spans.iter().filter_map(|axis| axes.axis(axis, problems)));
        for input in &stage.inputs {
            if let LinkedFeed::By { axis, .. } = &input.feed {
                found.insert(*axis);
            }
        }
        for link in stage.links() {
            let producer = &spans[link.stage];
            for axis in link.slice.keys().filter(|axis| !producer.contains(axis)) {
                let Some(from) = &linked[link.stage] else { continue };
                let message = format!(
                    "stage `{}` does not span axis `{}`",
                    from.spec.name.value, axes.all[*axis].name
                );
                problems.push(Problem::at(link.span, message).help("leave this slice out"));
            }
            found.extend(producer.iter().filter(|axis| !link.slice.contains_key(axis)));
        }
        spans[at] = found;
    }
    spans
}

/// Tasks by stage and cell.
pub(super) type Index = Vec<BTreeMap<Cell, TaskId>>;

impl Plan {
    /// Returns every source that no data folder has: task, name, and the param that names it.
    pub fn missing_sources(&self) -> Vec<(TaskId, String, String)> {
        let missing = |task: &Task| -> Vec<(TaskId, String, String)> {
            (task.kind.sources)(&task.params)
                .into_iter()
                .filter(|wanted| {
                    task.sources.get(&wanted.name).is_some_and(|found| found.path.is_none())
                })
                .map(|wanted| (task.id, wanted.name, wanted.param))
                .collect()
        };
        self.tasks.iter().flat_map(missing).collect()
    }
}
