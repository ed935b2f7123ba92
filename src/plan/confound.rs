//! Confounds: values of an axis that differ from its first in more than one thing, so that nobody can
//! say which of them made the difference.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::plan::Axis;
use crate::plan::Change;
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
    /// Pairs of tasks that were compared; none where the study leaves one side out.
    pub pairs: usize,
}

impl Plan {
    /// Returns how each value of each axis but `seed` differs from the axis's first, all else held.
    pub fn contrasts(&self) -> Vec<Contrast> {
        let mut places: BTreeMap<(&str, &BTreeMap<String, String>), &Task> = BTreeMap::new();
        for task in &self.tasks {
            places.insert((&task.stage, &task.cell), task);
        }
        let axes = self.axes.iter().filter(|axis| axis.name != SEED);
        axes.flat_map(|axis| self.contrasts_of(axis, &places)).collect()
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
            // A cell that is left out has no twin; whether that is meant is not known here.
            let Some(twin) = places.get(&(task.stage.as_str(), &cell)) else { continue };
            let contrast = &mut found[place];
            contrast.pairs += 1;
            for change in own_changes((self, twin), (self, task), &BTreeMap::new()) {
                let change = (task.stage.clone(), change);
                if !contrast.changes.contains(&change) {
                    contrast.changes.push(change);
                }
            }
        }
        for (contrast, value) in found.iter_mut().zip(rest) {
            let is_value = |change: &OwnChange| match change {
                OwnChange::Key(Change::Param { old: Some(old), new: Some(new), .. }) => {
                    stands_for((old, new), (&first.value, &value.value))
                }
                _ => false,
            };
            // A leak is told elsewhere, and follows from what is connected.
            let is_thing = |change: &OwnChange| !matches!(change, OwnChange::Leaks { .. });
            let changes = contrast.changes.iter().map(|(_, change)| change);
            let others = changes.clone().filter(|one| is_thing(one) && !is_value(one)).count();
            contrast.things = others + usize::from(changes.into_iter().any(is_value));
        }
        found
    }
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
        arm sum: 1 fit {"port":"numbers","old":["parts"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts"],"new":["sum","fake"]}
        rate 0.2: 1 fit {"change":"param","path":"name","old":"at 0.1","new":"at 0.2"}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        "#);
        let text = STUDY.replace(
            "gan: {kind: fit, inputs: {numbers: parts.train}}",
            "gan: {kind: fit, inputs: {numbers: parts.train}, params: {rate: \"${axis.rate}\"}}",
        );
        insta::assert_snapshot!(told(&text), @r#"
        arm sum: 1 fit {"port":"numbers","old":["parts"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts"],"new":["sum","fake"]}
        rate 0.2: 1 gan {"change":"param","path":"rate","old":0.1,"new":0.2}; fit {"change":"param","path":"name","old":"at 0.1","new":"at 0.2"}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
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
        arm sum: 1 fit {"port":"numbers","old":["parts"],"new":["sum"]}
        arm sum+fake: 1 fit {"port":"numbers","old":["parts"],"new":["sum","fake"]}
        rate fast: 2 fit {"change":"param","path":"epochs","old":4,"new":2}; fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        "#);
        let text = STUDY.replace("name: \"at ${axis.rate}\"", "name: \"${axis.arm}\"");
        insta::assert_snapshot!(told(&text), @r#"
        arm sum: 2 fit {"change":"param","path":"name","old":"none","new":"sum"}; fit {"port":"numbers","old":["parts"],"new":["sum"]}
        arm sum+fake: 2 fit {"change":"param","path":"name","old":"none","new":"sum+fake"}; fit {"port":"numbers","old":["parts"],"new":["sum","fake"]}
        rate 0.2: 1 fit {"change":"param","path":"rate","old":0.1,"new":0.2}
        "#);
    }
}
