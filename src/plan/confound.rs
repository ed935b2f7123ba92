//! Confounds: values of an axis that differ from its first in more than one thing, so that nobody can
//! say which of them made the difference.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::plan::Axis;
use crate::plan::Change;
use crate::plan::InputRef;
use crate::plan::OwnChange;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::own::own_changes;

/// The axis whose values are repetitions.
const SEED: &str = "seed";

/// How a value of an axis differs from its first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contrast {
    /// The axis.
    pub axis: String,
    /// Its first value.
    pub reference: String,
    /// The other value.
    pub value: String,
    /// Stage and what differs there, each once.
    pub changes: Vec<(String, OwnChange)>,
    /// How many things these are: one value in several places is one thing.
    pub things: usize,
    /// Tasks of this value.
    pub tasks: usize,
    /// Those of them beside which the first value has a task that differs in nothing else.
    pub pairs: usize,
}

impl Plan {
    /// Returns how each value of each axis differs from the axis's first, all else held.
    pub fn contrasts(&self) -> Vec<Contrast> {
        let mut places: BTreeMap<(&str, &BTreeMap<String, String>), &Task> = BTreeMap::new();
        for task in &self.tasks {
            places.insert((&task.stage, &task.cell), task);
        }
        self.axes.iter().flat_map(|axis| self.contrasts_of(axis, &places)).collect()
    }

    fn contrasts_of(
        &self,
        axis: &Axis,
        places: &BTreeMap<(&str, &BTreeMap<String, String>), &Task>,
    ) -> Vec<Contrast> {
        let Some((first, rest)) = axis.values.split_first() else { return Vec::new() };
        let mut found: Vec<Contrast> = rest
            .iter()
            .map(|value| Contrast {
                axis: axis.name.clone(),
                reference: first.name.clone(),
                value: value.name.clone(),
                changes: Vec::new(),
                things: 0,
                tasks: 0,
                pairs: 0,
            })
            .collect();
        for task in &self.tasks {
            let value = task.cell.get(&axis.name);
            let Some(place) = rest.iter().position(|other| Some(&other.name) == value) else {
                continue;
            };
            let mut cell = task.cell.clone();
            cell.insert(axis.name.clone(), first.name.clone());
            let contrast = &mut found[place];
            contrast.tasks += 1;
            let Some(twin) = places.get(&(task.stage.as_str(), &cell)) else { continue };
            contrast.pairs += 1;
            self.compare(twin, task, &mut contrast.changes);
        }
        for (contrast, value) in found.iter_mut().zip(rest) {
            if axis.name == SEED {
                let is_seed =
                    |change: &OwnChange| matches!(change, OwnChange::Key(Change::Seed { .. }));
                contrast.changes.retain(|(_, change)| !is_seed(change));
            }
            contrast.things = things(&contrast.changes, (&first.value, &value.value));
        }
        found
    }

    /// Adds how two tasks differ. Where they take from two stages of one kind, what these differ in is
    /// meant, since that is what was written otherwise.
    fn compare(&self, old: &Task, new: &Task, found: &mut Vec<(String, OwnChange)>) {
        if old.recipe.is_some() && old.recipe == new.recipe {
            return;
        }
        for change in own_changes((self, old), (self, new), &BTreeMap::new()) {
            let branches = match &change {
                OwnChange::Wiring { port, .. } => self.branches(old, new, port),
                _ => None,
            };
            match branches {
                Some(branches) => {
                    for (old, new) in branches {
                        self.compare(old, new, found);
                    }
                }
                None if found
                    .iter()
                    .any(|(stage, known)| *stage == new.stage && *known == change) => {}
                None => found.push((new.stage.clone(), change)),
            }
        }
    }

    /// Returns the tasks that enter a port of two tasks, side by side, where they are of the same kinds
    /// and leave by the same ports.
    fn branches(&self, old: &Task, new: &Task, port: &str) -> Option<Vec<(&Task, &Task)>> {
        let (old, new) = (old.inputs.get(port)?, new.inputs.get(port)?);
        let sides = || old.iter().zip(new);
        let alike = sides().all(|(old, new)| {
            old.port == new.port && self.task(old.task).kind.name == self.task(new.task).kind.name
        });
        let pair = |(old, new): (&InputRef, &InputRef)| (self.task(old.task), self.task(new.task));
        (old.len() == new.len() && alike).then(|| sides().map(pair).collect())
    }
}

/// Returns how many things some changes are between two values of an axis: a value that is written in
/// several places is one, and so is an input.
fn things(changes: &[(String, OwnChange)], values: (&Value, &Value)) -> usize {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (first, other) = (fields(values.0), fields(values.1));
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (stage, change) in changes {
        let thing = match change {
            // A leak is told elsewhere, and follows from what is connected.
            OwnChange::Leaks { .. } => continue,
            OwnChange::Wiring { old, new, .. } => format!("input {old:?} {new:?}"),
            OwnChange::Key(Change::Param { path, old: Some(old), new: Some(new) }) => {
                let is_field = |name: &&String| {
                    let (Some(first), Some(other)) = (first.get(*name), other.get(*name)) else {
                        return false;
                    };
                    stands_for((old, new), (first, other))
                };
                let last = path.rsplit('.').next().unwrap_or_default();
                match first.keys().filter(is_field).collect::<Vec<_>>().as_slice() {
                    _ if stands_for((old, new), values) => "the value".to_owned(),
                    [field] => format!("field {field}"),
                    [_, ..] => format!("{last} {old} {new}"),
                    [] => format!("{stage} {path}"),
                }
            }
            OwnChange::Key(change) => format!("{stage} {change:?}"),
        };
        found.insert(thing);
    }
    found.len()
}

/// Returns whether a param changes as the axis does: its value is the axis's, or a text with it in.
fn stands_for((old, new): (&Value, &Value), (first, value): (&Value, &Value)) -> bool {
    if old == first && new == value {
        return true;
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(old), Some(first), Some(value)) = (old.as_str(), text(first), text(value)) else {
        return false;
    };
    new.as_str() == Some(&old.replace(&first, &value))
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::STUDY;
    use crate::plan::tests::plan;

    fn told(text: &str) -> String {
        let contrasts = plan(text).contrasts();
        let told = contrasts.iter().map(|one| {
            let changes = one.changes.iter().map(|(stage, change)| {
                format!("{stage} {}", serde_json::to_string(change).unwrap())
            });
            let changes: Vec<String> = changes.collect();
            format!("{} {}: {} {}", one.axis, one.value, one.things, changes.join("; "))
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_axis_that_changes_one_thing_in_several_places_changes_one() {
        insta::assert_snapshot!(told(STUDY), @r#"
        arm sum: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum","fake"]}
        rate 0.2: 1 fit {"change":"param","path":"name","old":"at 0.1","new":"at 0.2"}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        seed 2: 0
        "#);
        let text = STUDY.replace(
            "gan: {kind: fit, inputs: {numbers: parts.train}}",
            "gan: {kind: fit, inputs: {numbers: parts.train}, params: {rate: \"${axis.rate}\"}}",
        );
        insta::assert_snapshot!(told(&text), @r#"
        arm sum: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum","fake"]}
        rate 0.2: 1 gan {"change":"param","path":"rate","old":0.1,"new":0.2}; fit {"change":"param","path":"name","old":"at 0.1","new":"at 0.2"}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        seed 2: 0
        "#);
    }

    #[test]
    fn a_value_of_several_fields_and_a_param_beside_an_input_change_several() {
        let text = STUDY
            .replace(
                "rate: [0.1, 0.2]",
                "rate: [{name: slow, rate: 0.1, epochs: 4}, {name: fast, rate: 0.2, epochs: 2}]",
            )
            .replace(
                "\"${vars.many}\", rate: \"${axis.rate}\", name: \"at ${axis.rate}\"",
                "\"${axis.rate.epochs}\", rate: \"${axis.rate.rate}\"",
            );
        insta::assert_snapshot!(told(&text), @r#"
        arm sum: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts.train"],"new":["sum","fake"]}
        rate fast: 2 fit {"change":"param","path":"epochs","old":4,"new":2}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        seed 2: 0
        "#);
        let text = STUDY.replace("name: \"at ${axis.rate}\"", "name: \"${axis.arm}\"");
        insta::assert_snapshot!(told(&text), @r#"
        arm sum: 2 fit {"change":"param","path":"name","old":"none","new":"sum"}; fit {"port":"numbers","old":["parts.train"],"new":["sum"]}
        arm sum+fake: 2 fit {"change":"param","path":"name","old":"none","new":"sum+fake"}; fit {"port":"numbers","old":["parts.train"],"new":["sum","fake"]}
        rate 0.2: 1 fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        seed 2: 0
        "#);
    }

    const ARMS: &str = r#"
ablate: 1
name: toy
axes: {arm: [a, b], rate: [1, 2]}
stages:
  numbers: {kind: draw}
  parts: {kind: divide, inputs: {numbers: numbers}}
  one: {kind: add, inputs: {numbers: parts.train}, params: {terms: [{value: 1}], keep: 9}}
  two: {kind: add, inputs: {numbers: parts.train}, params: {terms: [{value: 2}], keep: 8}}
  fit: {kind: fit, inputs: {numbers: {by: arm, a: one, b: two}}, params: {rate: "${axis.rate}"}}
"#;

    #[test]
    fn branches_of_one_kind_differ_in_what_they_say_and_the_same_work_in_nothing() {
        insta::assert_snapshot!(told(ARMS), @r#"
        arm b: 2 two {"change":"param","path":"keep","old":9,"new":8}; two {"change":"param","path":"terms.0.value","old":1.0,"new":2.0}
        rate 2: 1 fit {"change":"param","path":"rate","old":1.0,"new":2.0}
        "#);
        insta::assert_snapshot!(told(&ARMS.replace("value: 2}], keep: 8", "value: 1}], keep: 9")), @r#"
        arm b: 0 
        rate 2: 1 fit {"change":"param","path":"rate","old":1.0,"new":2.0}
        "#);
    }

    #[test]
    fn a_value_that_never_stands_alone_beside_the_first_has_no_pair() {
        let star = ARMS.replace("axes:", "only: [{arm: a, rate: 1}, {arm: b, rate: 2}]\naxes:");
        let contrasts = plan(&star).contrasts();
        let counts: Vec<_> = contrasts.iter().map(|one| (one.tasks, one.pairs)).collect();
        assert_eq!(counts, [(1, 0), (1, 0)]);
    }
}
