//! The proof of provenance: which partitions every artifact was made from, and that no test image
//! reaches what fits, selects or labels.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::artifact::Partition;
use crate::plan::InputRef;
use crate::plan::Task;
use crate::stage::Lineage;
use crate::stage::Role;

/// Images that reach a port that they may not reach.
pub(super) struct Violation {
    /// The input port.
    pub(super) port: &'static str,
    /// What the port does with images, as a verb.
    pub(super) does: &'static str,
    /// Place of the artifact among those that enter the port.
    pub(super) index: usize,
    /// The partition that may not enter.
    pub(super) partition: Partition,
    /// Whether the images were never divided into parts.
    pub(super) undivided: bool,
    /// From the source to the stage: `retina -> parts.test -> classic -> gan`.
    pub(super) path: String,
}

/// Images straight from a source belong to every part, until they are divided.
const UNDIVIDED: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

/// Returns the partitions that each output of a task is made from. Its inputs must be labelled.
pub(super) fn partitions(task: &Task, tasks: &[Task]) -> BTreeMap<String, BTreeSet<Partition>> {
    let undivided = BTreeSet::from(UNDIVIDED);
    let mut entering = BTreeSet::new();
    for (port, input) in task.all_inputs() {
        let selects = task.kind.input(port).is_some_and(|port| port.role == Role::Select);
        // To choose between epochs by validation images is what they are for: the choice does not
        // make its result one of validation images.
        let partitions = made_from(tasks, input).iter().copied();
        entering.extend(partitions.filter(|part| !selects || *part != Partition::Validation));
    }
    let label = |lineage: Lineage| match lineage {
        Lineage::All => undivided.clone(),
        Lineage::Inputs => entering.clone(),
        Lineage::Only(part) if entering == undivided => BTreeSet::from([part]),
        // Dividing a part again does not turn test images into training images.
        Lineage::Only(part) => {
            let kept = entering.iter().copied().filter(|entered| *entered != Partition::Train);
            kept.chain([part]).collect()
        }
    };
    task.kind.outputs.iter().map(|port| (port.name.to_owned(), label(port.lineage))).collect()
}

/// Returns every artifact that a task may not take. What comes from a task that leaks by permission
/// has been permitted there.
pub(super) fn violations(task: &Task, tasks: &[Task]) -> Vec<Violation> {
    let mut found = Vec::new();
    for port in task.kind.inputs {
        let (barred, does): (&[Partition], _) = match port.role {
            Role::Pass | Role::Measure => continue,
            Role::Fit => (&[Partition::Test, Partition::Validation], "fits, selects or labels by"),
            Role::Select => (&[Partition::Test], "selects by"),
        };
        for (index, input) in task.inputs.get(port.name).into_iter().flatten().enumerate() {
            if !tasks[input.task.0].leaks.is_empty() {
                continue;
            }
            let from = made_from(tasks, *input);
            let Some(&partition) = barred.iter().find(|partition| from.contains(partition)) else {
                continue;
            };
            let undivided =
                UNDIVIDED.iter().all(|part| from.contains(part)) && never_divided(tasks, *input);
            let path = path(tasks, *input, partition, &task.stage);
            found.push(Violation { port: port.name, does, index, partition, undivided, path });
        }
    }
    found
}

fn made_from(tasks: &[Task], input: InputRef) -> &BTreeSet<Partition> {
    &tasks[input.task.0].partitions[input.port]
}

/// Returns the way by which images of a partition reach a stage.
fn path(tasks: &[Task], input: InputRef, partition: Partition, stage: &str) -> String {
    let mut names = vec![stage.to_owned()];
    let mut at = Some(input);
    while let Some(input) = at {
        let task = &tasks[input.task.0];
        names.push(match task.kind.outputs {
            [_] => task.stage.clone(),
            _ => format!("{}.{}", task.stage, input.port),
        });
        at = task
            .all_inputs()
            .map(|(_, input)| input)
            .find(|input| made_from(tasks, *input).contains(&partition));
    }
    names.reverse();
    names.join(" -> ")
}

fn never_divided(tasks: &[Task], input: InputRef) -> bool {
    let task = &tasks[input.task.0];
    let divides =
        task.kind.output(input.port).is_some_and(|port| matches!(port.lineage, Lineage::Only(_)));
    !divides && task.all_inputs().all(|(_, input)| never_divided(tasks, input))
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::faults;
    use crate::plan::tests::plan;

    fn study(stages: &str) -> String {
        format!(
            "ablate: 1\nname: x\nstages:\n  retina: {{kind: draw}}\n  parts: {{kind: divide, inputs: {{numbers: retina}}}}\n{stages}"
        )
    }

    #[test]
    fn a_test_image_that_reaches_a_fit_is_named_with_its_path() {
        insta::assert_snapshot!(faults(&study("  classic: {kind: add, inputs: {numbers: [parts.train, parts.test]}}\n  gan: {kind: fit, inputs: {numbers: classic}}\n")), @r#"7:38: test images reach stage `gan`, which fits, selects or labels by what enters `numbers`: retina -> parts.test -> classic -> gan (help: take training or, where a port selects, validation images; a study of leakage writes `allow_leakage: "REASON"` on stage `gan`)"#);
        insta::assert_snapshot!(faults(&study("  gan: {kind: fit, inputs: {numbers: [parts.train, parts.validation], validation: parts.test}}\n")), @r#"
        6:52: validation images reach stage `gan`, which fits, selects or labels by what enters `numbers`: retina -> parts.validation -> gan (help: take training images; a study of leakage writes `allow_leakage: "REASON"` on stage `gan`)
        6:83: test images reach stage `gan`, which selects by what enters `validation`: retina -> parts.test -> gan (help: take training or, where a port selects, validation images; a study of leakage writes `allow_leakage: "REASON"` on stage `gan`)
        "#);
    }

    #[test]
    fn undivided_images_fit_nothing() {
        insta::assert_snapshot!(faults(&study("  copies: {kind: add, inputs: {numbers: retina}}\n  gan: {kind: fit, inputs: {numbers: copies}}\n")), @"7:38: images that were never divided reach stage `gan`, which fits, selects or labels by what enters `numbers`: retina -> copies -> gan (help: put a `split` between, and take its `train`)");
    }

    #[test]
    fn dividing_test_images_again_does_not_launder_them() {
        let text = study(
            "  again: {kind: divide, inputs: {numbers: parts.test}}\n  gan: {kind: fit, inputs: {numbers: again.train}}\n",
        );
        insta::assert_snapshot!(faults(&text), @r#"7:38: test images reach stage `gan`, which fits, selects or labels by what enters `numbers`: retina -> parts.test -> again.train -> gan (help: take training or, where a port selects, validation images; a study of leakage writes `allow_leakage: "REASON"` on stage `gan`)"#);
        let fine = plan(&text.replace("numbers: parts.test", "numbers: parts.train"));
        assert!(fine.tasks.iter().all(|task| task.leaks.is_empty()));
    }

    #[test]
    fn what_was_selected_by_validation_images_still_counts_as_training() {
        let fine = plan(&study(
            "  grader: {kind: fit, inputs: {numbers: parts.train, validation: parts.validation}}\n  fit: {kind: fit, inputs: {numbers: grader}}\n",
        ));
        assert_eq!(fine.tasks.last().unwrap().partitions["model"].len(), 1);
    }

    #[test]
    fn a_permitted_leak_marks_everything_behind_it() {
        let leaky = plan(&study(
            "  gan: {kind: fit, allow_leakage: to see it, inputs: {numbers: [parts.train, parts.test]}}\n  fakes: {kind: add, inputs: {numbers: gan}}\n  fit: {kind: fit, inputs: {numbers: fakes}}\n  clean: {kind: fit, inputs: {numbers: parts.train}}\n",
        ));
        let marked: Vec<&str> = leaky
            .tasks
            .iter()
            .filter(|task| task.leaks == ["to see it"])
            .map(|task| task.stage.as_str())
            .collect();
        assert_eq!(marked, ["gan", "fakes", "fit"]);
    }
}
