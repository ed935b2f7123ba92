//! The difference of two plans: what of the studies differs that decides a result, and which tasks
//! they share. Does not see lines, comments, order or spelling.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::digest::Digest;
use crate::plan::Axis;
use crate::plan::Change;
use crate::plan::OwnChange;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::own::own_changes;

/// How two studies differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Axes that differ.
    pub axes: Vec<AxisChange>,
    /// Stages that only the first has: name and kind.
    pub removed: Vec<(String, String)>,
    /// Stages that only the second has.
    pub added: Vec<(String, String)>,
    /// Stages of the same work under another name: the first's name, the second's.
    pub renamed: Vec<(String, String)>,
    /// What differs in stages that both have, by the second's name; seeds aside.
    pub stages: Vec<StageChange>,
    /// Stages that both have and that draw otherwise.
    pub seeds: BTreeSet<String>,
    /// Tasks by stage (the second's name): in both, only in the first, only in the second.
    pub tasks: BTreeMap<String, [usize; 3]>,
    /// Tasks that cannot be told, since their data is not at hand.
    pub unknown: usize,
}

/// How an axis differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AxisChange {
    /// The axis.
    pub axis: String,
    /// Values that only the first has.
    pub removed: Vec<String>,
    /// Values that only the second has.
    pub added: Vec<String>,
    /// Values of the same name that stand for something else.
    pub changed: Vec<String>,
}

/// A change of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageChange {
    /// The stage.
    pub stage: String,
    /// What differs.
    pub change: OwnChange,
    /// In which cells, as axis -> values; nothing where in all of them.
    pub cells: BTreeMap<String, Vec<String>>,
    /// How many cells that are.
    pub count: usize,
    /// How many cells of the stage both studies have.
    pub of: usize,
}

impl Difference {
    /// Compares two plans.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let mut difference = Self { axes: axes(&old.axes, &new.axes), ..Self::default() };
        let renamed = renamed(old, new);
        let (old_stages, new_stages) = (stages(old), stages(new));
        for (name, tasks) in &old_stages {
            if !new_stages.contains_key(renamed.get(*name).map_or(*name, String::as_str)) {
                difference.removed.push(((*name).to_owned(), tasks[0].kind.name.to_owned()));
            }
        }
        for name in new.stage_names() {
            let tasks = &new_stages[name];
            let before = renamed.iter().find(|(_, new)| *new == name).map(|(old, _)| old.as_str());
            let Some(twins) = old_stages.get(before.unwrap_or(name)) else {
                difference.added.push((name.to_owned(), tasks[0].kind.name.to_owned()));
                continue;
            };
            for change in stage_changes((old, twins), (new, tasks), &renamed) {
                if matches!(change.change, OwnChange::Key(Change::Seed { .. })) {
                    difference.seeds.insert(change.stage);
                } else {
                    difference.stages.push(change);
                }
            }
        }
        difference.count(old, new, &renamed);
        difference.renamed = renamed.into_iter().collect();
        difference
    }

    /// Returns in how many things the studies differ; the seed of all stages is one.
    pub fn things(&self) -> usize {
        let stages = self.removed.len() + self.added.len() + self.stages.len();
        self.axes.len() + stages + usize::from(!self.seeds.is_empty())
    }

    fn count(&mut self, old: &Plan, new: &Plan, renamed: &BTreeMap<String, String>) {
        let recipes = |plan: &Plan| -> BTreeSet<Digest> {
            plan.tasks.iter().filter_map(|task| task.recipe).collect()
        };
        let (of_old, of_new) = (recipes(old), recipes(new));
        for task in &new.tasks {
            let Some(recipe) = task.recipe else {
                self.unknown += 1;
                continue;
            };
            let counts = self.tasks.entry(task.stage.clone()).or_default();
            counts[if of_old.contains(&recipe) { 0 } else { 2 }] += 1;
        }
        for task in &old.tasks {
            let stage = renamed.get(&task.stage).unwrap_or(&task.stage);
            match task.recipe {
                None => self.unknown += 1,
                Some(recipe) if !of_new.contains(&recipe) => {
                    self.tasks.entry(stage.clone()).or_default()[1] += 1;
                }
                Some(_) => {}
            }
        }
    }
}

fn axes(old: &[Axis], new: &[Axis]) -> Vec<AxisChange> {
    let names: Vec<&String> = old.iter().chain(new).map(|axis| &axis.name).collect();
    let mut found: Vec<AxisChange> = Vec::new();
    for name in names {
        if found.iter().any(|change| change.axis == *name) {
            continue;
        }
        let values = |axes: &[Axis]| {
            let axis = axes.iter().find(|axis| axis.name == *name);
            axis.map(|axis| axis.values.clone()).unwrap_or_default()
        };
        let (old, new) = (values(old), values(new));
        let mut change = AxisChange { axis: name.clone(), ..AxisChange::default() };
        for value in &old {
            match new.iter().find(|other| other.name == value.name) {
                None => change.removed.push(value.name.clone()),
                Some(other) if other.value != value.value => {
                    change.changed.push(value.name.clone());
                }
                Some(_) => {}
            }
        }
        let is_new = |name: &String| old.iter().all(|other| other.name != *name);
        change.added.extend(new.into_iter().map(|value| value.name).filter(is_new));
        found.push(change);
    }
    found.retain(|one| one.removed.len() + one.added.len() + one.changed.len() > 0);
    found
}

fn stages(plan: &Plan) -> BTreeMap<&str, Vec<&Task>> {
    let mut stages: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    for task in &plan.tasks {
        stages.entry(&task.stage).or_default().push(task);
    }
    stages
}

/// Returns the stages of the first plan that the second has under another name only: those that do
/// the same, task by task.
fn renamed(old: &Plan, new: &Plan) -> BTreeMap<String, String> {
    let (of_old, of_new) = (stages(old), stages(new));
    let work = |tasks: &[&Task]| -> Option<BTreeSet<Digest>> {
        tasks.iter().map(|task| task.recipe).collect()
    };
    let mut found = BTreeMap::new();
    let mut free: Vec<&str> =
        of_new.keys().filter(|name| !of_old.contains_key(*name)).copied().collect();
    for (name, tasks) in of_old.iter().filter(|(name, _)| !of_new.contains_key(*name)) {
        let Some(recipes) = work(tasks) else { continue };
        let twin = free.iter().position(|other| work(&of_new[other]).as_ref() == Some(&recipes));
        if let Some(place) = twin {
            found.insert((*name).to_owned(), free.remove(place).to_owned());
        }
    }
    found
}

fn stage_changes(
    (old, twins): (&Plan, &[&Task]),
    (new, tasks): (&Plan, &[&Task]),
    renamed: &BTreeMap<String, String>,
) -> Vec<StageChange> {
    // Cells agree where both have an axis; an axis that one study lacks says nothing.
    let agrees = |a: &Task, b: &Task| {
        a.cell.iter().all(|(axis, value)| b.cell.get(axis).is_none_or(|other| other == value))
    };
    let mut pairs: Vec<&Task> = Vec::new();
    let mut changes: Vec<(OwnChange, Vec<&Task>)> = Vec::new();
    for &task in tasks {
        for &twin in twins.iter().filter(|twin| agrees(twin, task)) {
            pairs.push(task);
            for change in own_changes((old, twin), (new, task), renamed) {
                match changes.iter_mut().find(|(known, _)| *known == change) {
                    Some((_, cells)) => cells.push(task),
                    None => changes.push((change, vec![task])),
                }
            }
        }
    }
    let stage_change = |(change, cells): (OwnChange, Vec<&Task>)| StageChange {
        stage: cells[0].stage.clone(),
        change,
        cells: where_(&cells, &pairs),
        count: cells.len(),
        of: pairs.len(),
    };
    changes.into_iter().map(stage_change).collect()
}

/// Returns the values by which some cells are told from all: those of the axes of which they do not
/// have every value.
fn where_(cells: &[&Task], all: &[&Task]) -> BTreeMap<String, Vec<String>> {
    let values = |tasks: &[&Task], axis: &str| {
        let mut found: Vec<String> = Vec::new();
        for value in tasks.iter().filter_map(|task| task.cell.get(axis)) {
            if !found.contains(value) {
                found.push(value.clone());
            }
        }
        found
    };
    let axes: BTreeSet<&String> = all.iter().flat_map(|task| task.cell.keys()).collect();
    let mut found = BTreeMap::new();
    for axis in axes {
        let here = values(cells, axis);
        if here.len() < values(all, axis).len() {
            found.insert(axis.clone(), here);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Difference;
    use crate::plan::tests::STUDY;
    use crate::plan::tests::plan;

    fn told(text: &str) -> String {
        let difference = Difference::between(&plan(STUDY), &plan(text));
        let value = serde_json::to_value(&difference).unwrap();
        let fields = value.as_object().unwrap().iter().filter(|(_, value)| {
            **value != serde_json::json!([]) && **value != serde_json::json!({})
        });
        let lines: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} things\n{}", difference.things(), lines.join("\n"))
    }

    #[test]
    fn what_decides_nothing_is_no_difference() {
        let text = STUDY
            .replace("  sum: {", "  total: {")
            .replace("sum: [sum], sum+fake: [sum, fake]", "sum: [total], sum+fake: [total, fake]")
            .replace("epochs: 40, many: \"${vars.epochs}\"", "many: 40")
            .replace("name: toy", "name: another # remark");
        insta::assert_snapshot!(told(&text), @r#"
        0 things
        renamed: [["sum","total"]]
        tasks: {"fake":[1,0,0],"fit":[12,0,0],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[12,0,0],"total":[1,0,0]}
        unknown: 0
        "#);
    }

    #[test]
    fn a_change_is_told_once_where_it_is_made_with_the_cells_that_it_is_in() {
        insta::assert_snapshot!(told(&STUDY.replace("value: 1", "value: 2")), @r#"
        1 things
        stages: [{"cells":{},"change":{"change":"param","new":2.0,"old":1.0,"path":"terms.0.value"},"count":1,"of":1,"stage":"fake"}]
        tasks: {"fake":[0,1,1],"fit":[8,4,4],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[8,4,4],"sum":[1,0,0]}
        unknown: 0
        "#);
        insta::assert_snapshot!(told(&STUDY.replace("sum+fake: [sum, fake]", "sum+fake: [fake]")), @r#"
        1 things
        stages: [{"cells":{"arm":["sum+fake"]},"change":{"new":["fake"],"old":["sum","fake"],"port":"numbers"},"count":4,"of":12,"stage":"fit"}]
        tasks: {"fake":[1,0,0],"fit":[8,4,4],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[8,4,4],"sum":[1,0,0]}
        unknown: 0
        "#);
        insta::assert_snapshot!(told(&STUDY.replace("seed: 7", "seed: 8")), @r#"
        1 things
        seeds: ["fit","gan","numbers"]
        tasks: {"fake":[0,1,1],"fit":[0,12,12],"gan":[0,1,1],"numbers":[0,1,1],"parts":[0,1,1],"score":[0,12,12],"sum":[0,1,1]}
        unknown: 0
        "#);
        let text = STUDY
            .replace("sum, sum+fake]", "sum]")
            .replace(", sum+fake: [sum, fake]", "")
            .replace("rate: [0.1, 0.2]", "rate: [0.1, 0.3]");
        insta::assert_snapshot!(told(&text), @r#"
        2 things
        axes: [{"added":[],"axis":"arm","changed":[],"removed":["sum+fake"]},{"added":["0.3"],"axis":"rate","changed":[],"removed":["0.2"]}]
        tasks: {"fake":[1,0,0],"fit":[4,8,4],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[4,8,4],"sum":[1,0,0]}
        unknown: 0
        "#);
        let text =
            STUDY.replace("  gan: {", "  more: {kind: add, inputs: {numbers: sum}}\n  gan: {");
        insta::assert_snapshot!(told(&text), @r#"
        1 things
        added: [["more","add"]]
        tasks: {"fake":[1,0,0],"fit":[12,0,0],"gan":[1,0,0],"more":[0,0,1],"numbers":[1,0,0],"parts":[1,0,0],"score":[12,0,0],"sum":[1,0,0]}
        unknown: 0
        "#);
    }
}
