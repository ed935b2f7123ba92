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

/// Most pairs of tasks that are tried before tasks are paired as they come.
const MOST_CANDIDATES: usize = 10_000;

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

    /// Returns in how many things the studies differ; the seed of all stages is one, and a leak that is
    /// permitted is none.
    pub fn things(&self) -> usize {
        let is_thing = |change: &&StageChange| !matches!(change.change, OwnChange::Leaks { .. });
        let changes = self.stages.iter().filter(is_thing).count();
        let stages = self.removed.len() + self.added.len() + changes;
        self.axes.len() + stages + usize::from(!self.seeds.is_empty())
    }

    fn count(&mut self, old: &Plan, new: &Plan, renamed: &BTreeMap<String, String>) {
        let recipes = |plan: &Plan| -> BTreeSet<Digest> {
            plan.tasks.iter().filter_map(|task| task.recipe).collect()
        };
        let (of_old, of_new) = (recipes(old), recipes(new));
        let open = |plan: &Plan, name: &str| {
            plan.tasks.iter().any(|task| task.stage == name && task.recipe.is_none())
        };
        for (tasks, others, place) in [(&new.tasks, &of_old, 2), (&old.tasks, &of_new, 1)] {
            for task in tasks {
                let name = if place == 1 { renamed.get(&task.stage) } else { None };
                let name = name.unwrap_or(&task.stage);
                let shared = task.recipe.is_some_and(|recipe| others.contains(&recipe));
                // What cannot be told of a stage in one study is not told of it in the other.
                if task.recipe.is_none() || !shared && (open(old, &task.stage) || open(new, name)) {
                    self.unknown += 1;
                } else if !shared || place == 2 {
                    let counts = self.tasks.entry(name.clone()).or_default();
                    counts[if shared { 0 } else { place }] += 1;
                }
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

/// Returns the stages of the first plan that the second has under another name: those that do the
/// same, task by task, and then those that are the only ones of their kind on either side.
fn renamed(old: &Plan, new: &Plan) -> BTreeMap<String, String> {
    let (of_old, of_new) = (stages(old), stages(new));
    let work = |tasks: &[&Task]| -> Option<BTreeSet<Digest>> {
        tasks.iter().map(|task| task.recipe).collect()
    };
    let mut found = BTreeMap::new();
    let mut free: Vec<&str> =
        of_new.keys().filter(|name| !of_old.contains_key(*name)).copied().collect();
    let mut left: Vec<&str> =
        of_old.keys().filter(|name| !of_new.contains_key(*name)).copied().collect();
    left.retain(|name| {
        let Some(recipes) = work(&of_old[name]) else { return true };
        let twin = free.iter().position(|other| work(&of_new[other]).as_ref() == Some(&recipes));
        let Some(place) = twin else { return true };
        found.insert((*name).to_owned(), free.remove(place).to_owned());
        false
    });
    for name in &left {
        let kind = of_old[name][0].kind.name;
        let same =
            |other: &&&str, of: &BTreeMap<&str, Vec<&Task>>| of[**other][0].kind.name == kind;
        let mut others = free.iter().filter(|other| same(other, &of_new));
        let alone = left.iter().filter(|other| same(other, &of_old)).count() == 1;
        if let (Some(other), None, true) = (others.next(), others.next(), alone) {
            found.insert((*name).to_owned(), (*other).to_owned());
        }
    }
    found
}

fn stage_changes(
    (old, twins): (&Plan, &[&Task]),
    (new, tasks): (&Plan, &[&Task]),
    renamed: &BTreeMap<String, String>,
) -> Vec<StageChange> {
    let pairs = pairs((old, twins), (new, tasks), renamed);
    let all: Vec<&Task> = pairs.iter().map(|(task, _)| *task).collect();
    let mut changes: Vec<(OwnChange, Vec<&Task>)> = Vec::new();
    for (task, found) in pairs {
        for change in found {
            match changes.iter_mut().find(|(known, _)| *known == change) {
                Some((_, cells)) => cells.push(task),
                None => changes.push((change, vec![task])),
            }
        }
    }
    let stage_change = |(change, cells): (OwnChange, Vec<&Task>)| StageChange {
        stage: cells[0].stage.clone(),
        change,
        cells: where_(&cells, &all),
        count: cells.len(),
        of: all.len(),
    };
    changes.into_iter().map(stage_change).collect()
}

/// Puts each task of a stage beside one of the other study's and returns how they differ. Cells agree
/// where both have an axis; an axis that one study lacks says nothing, so that several may agree: then
/// those that differ least are a pair, and what is left over is in one study only.
fn pairs<'t>(
    (old, twins): (&Plan, &[&Task]),
    (new, tasks): (&'t Plan, &[&'t Task]),
    renamed: &BTreeMap<String, String>,
) -> Vec<(&'t Task, Vec<OwnChange>)> {
    let spans = |tasks: &[&Task]| -> BTreeSet<String> {
        tasks.first().map(|task| task.cell.keys().cloned().collect()).unwrap_or_default()
    };
    let both: BTreeSet<String> = spans(twins).intersection(&spans(tasks)).cloned().collect();
    let place = |task: &Task| -> Vec<Option<String>> {
        both.iter().map(|axis| task.cell.get(axis).cloned()).collect()
    };
    let mut places: BTreeMap<_, (Vec<&Task>, Vec<&Task>)> = BTreeMap::new();
    for &twin in twins {
        places.entry(place(twin)).or_default().0.push(twin);
    }
    for &task in tasks {
        places.entry(place(task)).or_default().1.push(task);
    }
    let mut found = Vec::new();
    for (mut twins, mut tasks) in places.into_values() {
        // The same task is its own twin.
        tasks.retain(|task| {
            let same =
                twins.iter().position(|twin| task.recipe.is_some() && task.recipe == twin.recipe);
            let twin = same.map(|place| twins.remove(place));
            found.extend(twin.map(|_| (*task, Vec::new())));
            twin.is_none()
        });
        let own = |twin: &Task, task: &Task| own_changes((old, twin), (new, task), renamed);
        if twins.len().saturating_mul(tasks.len()) > MOST_CANDIDATES {
            let sides = twins.iter().zip(&tasks);
            found.extend(sides.map(|(twin, task)| (*task, own(twin, task))));
            continue;
        }
        let candidates = twins.iter().enumerate().flat_map(|(index, twin)| {
            tasks.iter().map(move |task| (index, *task, own(twin, task)))
        });
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|(index, task, changes)| (changes.len(), *index, task.id));
        let mut taken = (BTreeSet::new(), BTreeSet::new());
        for (index, task, changes) in candidates {
            if !taken.0.contains(&index) && !taken.1.contains(&task.id) {
                taken.0.insert(index);
                taken.1.insert(task.id);
                found.push((task, changes));
            }
        }
    }
    found.sort_by_key(|(task, _)| task.id);
    found
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

    #[test]
    fn what_has_another_name_is_the_same_and_what_was_edited_too_says_how() {
        let renamed = STUDY.replace("arm", "variant");
        insta::assert_snapshot!(told(&renamed), @r#"
        2 things
        axes: [{"added":[],"axis":"arm","changed":[],"removed":["none","sum","sum+fake"]},{"added":["none","sum","sum+fake"],"axis":"variant","changed":[],"removed":[]}]
        tasks: {"fake":[1,0,0],"fit":[12,0,0],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[12,0,0],"sum":[1,0,0]}
        unknown: 0
        "#);
        let edited = STUDY
            .replace(
                "  sum: {kind: add, inputs: {numbers: [parts.train, parts.train]}}",
                "  total: {kind: add, inputs: {numbers: [parts.train]}}",
            )
            .replace("sum: [sum], sum+fake: [sum, fake]", "sum: [total], sum+fake: [total, fake]");
        insta::assert_snapshot!(told(&edited), @r#"
        1 things
        renamed: [["sum","total"]]
        stages: [{"cells":{},"change":{"new":["parts.train"],"old":["parts.train","parts.train"],"port":"numbers"},"count":1,"of":1,"stage":"total"}]
        tasks: {"fake":[1,0,0],"fit":[4,8,8],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[4,8,8],"total":[0,1,1]}
        unknown: 0
        "#);
        let more = STUDY
            .replace("rate: [0.1, 0.2]", "rate: [0.1, 0.2]\n  step: [40, 50]")
            .replace("epochs: \"${vars.many}\"", "epochs: \"${axis.step}\"");
        insta::assert_snapshot!(told(&more), @r#"
        1 things
        axes: [{"added":["40","50"],"axis":"step","changed":[],"removed":[]}]
        tasks: {"fake":[1,0,0],"fit":[12,0,12],"gan":[1,0,0],"numbers":[1,0,0],"parts":[1,0,0],"score":[12,0,12],"sum":[1,0,0]}
        unknown: 0
        "#);
    }
}
