//! The proof of provenance: which images every artifact was made from, that no test image reaches
//! what fits, selects or labels, and that nothing is measured by images it was made from.
//!
//! Knows images by their source and the parts of splits, not one by one: that two files hold the
//! same image is not seen here.

use std::collections::BTreeSet;

use litemap::LiteMap;

use crate::artifact::Partition;
use crate::plan::InputRef;
use crate::plan::Task;
use crate::plan::origin::Origins;
use crate::plan::strand::Strand;
use crate::stage::Lineage;
use crate::stage::Port;
use crate::stage::PortName;
use crate::stage::Role;

/// Images that reach a port that they may not reach.
pub(super) struct Violation {
    /// The input port.
    pub(super) port: PortName,
    /// Place of the artifact among those that enter the port.
    pub(super) index: usize,
    /// How they come there.
    pub(super) way: Way,
    /// What is wrong with them.
    pub(super) fault: Fault,
}

/// Why images may not reach a port.
pub(super) enum Fault {
    /// They are of a partition that is not for what the port does with them, as a verb.
    Barred(Partition, &'static str),
    /// They were never divided, and the port does this with them.
    Undivided(&'static str),
    /// Some of them may be among those by which the model was fitted that enters this port, having
    /// come this way.
    Known {
        /// The port of the model.
        port: PortName,
        /// How they come there.
        way: Way,
    },
}

/// The artifacts by which images come to a stage, from their source on.
pub(super) type Way = Vec<InputRef>;

type Strands = BTreeSet<Strand>;

/// What is known of the tasks so far.
#[derive(Default)]
pub(super) struct Proof {
    /// For each task and output port, the strands of its images but for those that were permitted
    /// where they may not be.
    strands: Vec<LiteMap<PortName, Strands>>,
    origins: Origins,
}

/// Images straight from a source belong to every part, until they are divided.
const UNDIVIDED: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

impl Proof {
    /// Adds a task, whose inputs must have been added, and returns what may not enter it. What is
    /// `permitted` here is not held against those who take what comes out.
    pub(super) fn add(&mut self, task: &Task, tasks: &[Task], permitted: bool) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut entering = Strands::new();
        for port in &task.ports.inputs {
            for (index, &input) in task.inputs.get(&*port.name).into_iter().flatten().enumerate() {
                let barred = self.barred(port, input);
                let forgiven = permitted && barred.is_some();
                let counts = |strand: &&Strand| {
                    let selects = port.role == Role::Select
                        && strand.partition() == Some(Partition::Validation);
                    !selects && (!forgiven || strand.partition() == Some(Partition::Train))
                };
                entering.extend(self.strands(input).iter().filter(counts).cloned());
                let fault = barred.or_else(|| self.known(task, tasks, port, input));
                if let Some((strand, fault)) = fault {
                    let way = self.way(tasks, input, strand);
                    found.push(Violation { port: port.name, index, way, fault });
                }
            }
        }
        let leaving = self.leaving(task, &entering);
        self.strands.push(leaving);
        found
    }

    fn leaving(&mut self, task: &Task, entering: &Strands) -> LiteMap<PortName, Strands> {
        self.origins.add(task);
        let id = self.origins.first(task.id);
        let strands = |port: &Port| match port.lineage {
            Lineage::All => Strands::from([Strand::of(id)]),
            Lineage::Inputs => entering.clone(),
            Lineage::Only(part) => {
                entering.iter().map(|strand| strand.divided(id, port.name, part)).collect()
            }
        };
        task.ports.outputs.iter().map(|port| (port.name, strands(port))).collect()
    }

    fn strands(&self, input: InputRef) -> &Strands {
        &self.strands[input.task.0][&input.port]
    }

    /// Returns what of an input the role of its port does not admit.
    fn barred(&self, port: &Port, input: InputRef) -> Option<(&Strand, Fault)> {
        let (barred, does): (&[Partition], _) = match port.role {
            Role::Pass | Role::Measure => return None,
            Role::Fit => (&[Partition::Test, Partition::Validation], "fits, selects or labels by"),
            Role::Select => (&[Partition::Test], "selects by"),
        };
        let find = |wanted| self.strands(input).iter().find(|one| one.partition() == wanted);
        let undivided = find(None).map(|strand| (strand, Fault::Undivided(does)));
        let mut parts =
            barred.iter().map(|&part| Some((find(Some(part))?, Fault::Barred(part, does))));
        undivided.or_else(|| parts.find_map(|found| found))
    }

    /// Returns what of an input that measures or selects may be known to a model beside it.
    fn known(
        &self,
        task: &Task,
        tasks: &[Task],
        port: &Port,
        input: InputRef,
    ) -> Option<(&Strand, Fault)> {
        if !matches!(port.role, Role::Select | Role::Measure) {
            return None;
        }
        for strand in self.strands(input) {
            // To measure on training images is a question of its own, and says so.
            if strand.partition() == Some(Partition::Train) {
                continue;
            }
            for other in task.ports.inputs.iter().filter(|other| other.name != port.name) {
                for &from in task.inputs.get(&*other.name).into_iter().flatten() {
                    let trained = |one: &&Strand| one.partition() == Some(Partition::Train);
                    let mut ways = self.strands(from).iter().filter(trained);
                    if let Some(way) = ways.find(|way| !self.are_apart(way, strand)) {
                        let way = self.way(tasks, from, way);
                        return Some((strand, Fault::Known { port: other.name, way }));
                    }
                }
            }
        }
        None
    }

    /// Returns whether no image can have come by both ways: sources have nothing in common, or a split
    /// divided them.
    fn are_apart(&self, one: &Strand, other: &Strand) -> bool {
        let (here, there) = (one.source(), other.source());
        one.is_apart_from(other) && (here == there || !self.origins.are_related(here, there))
    }

    /// Returns the way of a strand from its source to an input.
    fn way(&self, tasks: &[Task], input: InputRef, strand: &Strand) -> Way {
        let mut way = Way::new();
        let mut strand = strand.clone();
        let mut at = Some(input);
        while let Some(input) = at {
            way.push(input);
            let holds = |strand: &Strand| {
                let mut inputs = tasks[input.task.0].all_inputs().map(|(_, one)| one);
                inputs.find(|one| self.strands(*one).contains(strand))
            };
            at = holds(&strand).or_else(|| {
                strand = strand.before()?;
                holds(&strand)
            });
        }
        way.reverse();
        way
    }
}

/// Returns the partitions that each output of a task is made from. Its inputs must be labelled.
pub(super) fn partitions(task: &Task, tasks: &[Task]) -> LiteMap<String, BTreeSet<Partition>> {
    let undivided = BTreeSet::from(UNDIVIDED);
    let mut entering = BTreeSet::new();
    for (port, input) in task.all_inputs() {
        let selects = task.ports.input(port).is_some_and(|port| port.role == Role::Select);
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
    task.ports.outputs.iter().map(|port| (port.name.to_string(), label(port.lineage))).collect()
}

fn made_from(tasks: &[Task], input: InputRef) -> &BTreeSet<Partition> {
    tasks[input.task.0].partitions.get(&*input.port).expect("every output has its partitions")
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
        assert_eq!(fine.tasks.last().unwrap().partitions.get("model").unwrap().len(), 1);
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

    #[test]
    fn nothing_is_measured_by_images_that_another_split_gave_to_training() {
        let other = "  other: {kind: divide, inputs: {numbers: retina}, params: {turn: 1}}\n  fit: {kind: fit, inputs: {numbers: parts.train}}\n";
        let score = |numbers: &str| {
            study(&format!(
                "{other}  score: {{kind: judge, inputs: {{model: fit, numbers: {numbers}}}}}\n"
            ))
        };
        insta::assert_snapshot!(faults(&score("other.test")), @r#"8:54: images that enter `numbers` of stage `score` may have trained what enters `model`: retina -> other.test -> score, and retina -> parts.train -> fit -> score (help: take both from the same `split`, its `train` and another part; a study of leakage writes `allow_leakage: "REASON"` on stage `score`)"#);
        insta::assert_snapshot!(faults(&score("retina")), @r#"8:54: images that enter `numbers` of stage `score` may have trained what enters `model`: retina -> score, and retina -> parts.train -> fit -> score (help: take both from the same `split`, its `train` and another part; a study of leakage writes `allow_leakage: "REASON"` on stage `score`)"#);
        for apart in ["parts.test", "parts.train"] {
            plan(&score(apart));
        }
        // The same split under another name divides the same way.
        plan(&score("other.test").replace("turn: 1", "turn: 0"));
    }

    #[test]
    fn an_axis_of_folds_is_no_leak_and_what_crosses_its_cells_is_one() {
        let folds = |fit: &str, test: &str| {
            let text = study(&format!(
                "  extra: {{kind: add, inputs: {{numbers: \"parts[fold=0].train\"}}}}\n  fit: {{kind: fit, crosses: [fold], inputs: {{numbers: {fit}}}}}\n  score: {{kind: judge, crosses: [fold], inputs: {{model: fit, numbers: {test}}}}}\n"
            ));
            let drawn = "inputs: {numbers: retina}, params: {turn: \"${axis.fold}\"}";
            text.replace("inputs: {numbers: retina}", drawn)
                .replace("stages:", "axes: {fold: [0, 1]}\nstages:")
        };
        let sound = plan(&folds("parts.train", "parts.test").replace("crosses: [fold], ", ""));
        assert_eq!(sound.tasks.iter().filter(|task| task.stage == "score").count(), 2);
        // What is a training image of fold 0 is a test image of fold 1.
        for (fit, test) in [
            ("[parts.train, extra]", "parts.test"),
            ("parts.train", "\"parts[fold=0].test\""),
            ("{by: fold, 0: parts.train, 1: extra}", "parts.test"),
        ] {
            let told = faults(&folds(fit, test));
            assert!(
                told.contains("of stage `score` may have trained what enters `model`"),
                "{told}"
            );
        }
    }

    #[test]
    fn one_source_loaded_twice_is_one_source_whether_its_data_is_at_hand_or_not() {
        let study = |source: &str, twin: &str, split: &str, test: &str| {
            format!(
                "ablate: 1\nname: x\nstages:\n  one: {{kind: draw, params: {{{source}}}}}\n  two: {{kind: draw, params: {{{twin}}}}}\n  parts: {{kind: divide, inputs: {{numbers: one}}}}\n  others: {{kind: divide, inputs: {{numbers: two}}, params: {{turn: {split}}}}}\n  fit: {{kind: fit, inputs: {{numbers: parts.train}}}}\n  score: {{kind: judge, inputs: {{model: fit, numbers: {test}}}}}\n"
            )
        };
        for (source, twin, other) in
            [("file: n.csv", "file: n.csv", "file: m.csv"), ("count: 9", "count: 9", "file: m.csv")]
        {
            plan(&study(source, twin, "0", "others.test"));
            plan(&study(source, other, "1", "others.test"));
            let told = faults(&study(source, twin, "1", "others.test"));
            assert!(told.contains("may have trained what enters `model`"), "{told}");
        }
        // Of the same file, but not the same images: what is in which part is not known.
        let told = faults(&study("file: n.csv, count: 5", "file: n.csv", "0", "others.test"));
        assert!(told.contains("may have trained what enters `model`"), "{told}");
        // As many numbers drawn by the same seed begin with the same ones.
        let told = faults(&study("count: 9", "count: 8", "0", "others.test"));
        assert!(told.contains("may have trained what enters `model`"), "{told}");
    }

    #[test]
    fn a_permission_holds_for_what_was_permitted_and_for_nothing_else() {
        let text = study(
            "  gan: {kind: fit, allow_leakage: to see it, inputs: {numbers: [parts.train, parts.validation]}}\n  mix: {kind: add, inputs: {numbers: [gan, parts.test]}}\n  fit: {kind: fit, inputs: {numbers: mix}}\n",
        );
        insta::assert_snapshot!(faults(&text), @r#"8:38: test images reach stage `fit`, which fits, selects or labels by what enters `numbers`: retina -> parts.test -> mix -> fit (help: take training or, where a port selects, validation images; a study of leakage writes `allow_leakage: "REASON"` on stage `fit`)"#);
        plan(&text.replace("[gan, parts.test]", "[gan, parts.train]"));
    }
}
