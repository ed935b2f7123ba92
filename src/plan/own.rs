//! What a task owns: params, files, seed and wiring, apart from what its inputs hold; and how two
//! tasks differ in it.

use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::plan::Change;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::changes;

/// How two tasks differ in what they own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OwnChange {
    /// In their keys; never an input.
    Key(Change),
    /// In what is connected to a port.
    Wiring {
        /// The port.
        port: String,
        /// What enters in the first, as manifests name it.
        old: Vec<String>,
        /// What enters in the second.
        new: Vec<String>,
    },
    /// In the leaks that are permitted here or above.
    Leaks {
        /// Reasons in the first.
        old: Vec<String>,
        /// Reasons in the second.
        new: Vec<String>,
    },
}

/// Returns how two tasks differ in what they own. `rename` gives the name by which the second plan
/// knows a stage of the first.
pub(super) fn own_changes(
    old: (&Plan, &Task),
    new: (&Plan, &Task),
    rename: &BTreeMap<String, String>,
) -> Vec<OwnChange> {
    let keys = changes(Some(&old.1.own_key()), &new.1.own_key()).into_iter();
    // A kind that draws nothing has no seed: that it has none is no change of it.
    let is_change = |change: &Change| {
        !matches!(change, Change::Seed { old: 0, .. } | Change::Seed { new: 0, .. })
    };
    let mut found: Vec<OwnChange> = keys.filter(is_change).map(OwnChange::Key).collect();
    let ports: BTreeSet<&String> = old.1.inputs.keys().chain(new.1.inputs.keys()).collect();
    for port in ports {
        let named = |(plan, task): (&Plan, &Task), rename: &BTreeMap<String, String>| {
            let inputs = task.inputs.get(port).into_iter().flatten();
            inputs.map(|input| name(plan, task, *input, rename)).collect::<Vec<String>>()
        };
        let (old, new) = (named(old, rename), named(new, &BTreeMap::new()));
        if old != new {
            found.push(OwnChange::Wiring { port: port.clone(), old, new });
        }
    }
    let (leaks_old, leaks_new) = (own_leaks(old), own_leaks(new));
    if leaks_old != leaks_new {
        found.push(OwnChange::Leaks { old: leaks_old, new: leaks_new });
    }
    found
}

/// Returns the reasons for leaks that are given at a task and not above it.
fn own_leaks((plan, task): (&Plan, &Task)) -> Vec<String> {
    let inherits = |reason: &&String| {
        task.all_inputs().any(|(_, input)| plan.task(input.task).leaks.contains(*reason))
    };
    task.leaks.iter().filter(|reason| !inherits(reason)).cloned().collect()
}

/// Returns an input as a manifest names it: with a slice where it does not follow the task's cell.
fn name(plan: &Plan, task: &Task, input: InputRef, rename: &BTreeMap<String, String>) -> String {
    let producer = plan.task(input.task);
    let held = producer.cell.iter().filter(|(axis, value)| task.cell.get(*axis) != Some(value));
    let held: Vec<String> = held.map(|(axis, value)| format!("{axis}={value}")).collect();
    let stage = rename.get(&producer.stage).unwrap_or(&producer.stage);
    let slice = if held.is_empty() { String::new() } else { format!("[{}]", held.join(",")) };
    match producer.ports.outputs.as_slice() {
        [_] => format!("{stage}{slice}"),
        _ => format!("{stage}{slice}.{}", input.port),
    }
}
