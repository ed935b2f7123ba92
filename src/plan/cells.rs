//! Cells made tasks: one stage in one cell, with inputs, seed, sources, counts, partitions and key.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use litemap::LiteMap;

use crate::digest::Digest;
use crate::manifest::Document;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::plan::InputRef;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::axes::Axes;
use crate::plan::axes::Cell;
use crate::plan::build::Index;
use crate::plan::leak;
use crate::plan::link::Link;
use crate::plan::link::Linked;
use crate::plan::link::LinkedFeed;
use crate::plan::link::LinkedInput;
use crate::plan::proof;
use crate::plan::proof::Proof;
use crate::plan::settle::Settled;
use crate::seed::Seed;
use crate::stage::Counts;
use crate::stage::Forecast;

/// The axis that sets seeds.
const SEED_AXIS: &str = "seed";

/// The tasks made so far.
pub(super) struct Tasks<'a> {
    seed: Seed,
    axes: &'a Axes,
    linked: &'a [Option<Linked<'a>>],
    spans: &'a [BTreeSet<usize>],
    made: Vec<Task>,
    proof: Proof,
    index: Index,
    forecasts: BTreeMap<Digest, Arc<LiteMap<String, Counts>>>,
}

impl<'a> Tasks<'a> {
    /// Starts without tasks; `spans` holds the axes that each stage spans.
    pub(super) fn new(
        document: &Document,
        axes: &'a Axes,
        linked: &'a [Option<Linked<'a>>],
        spans: &'a [BTreeSet<usize>],
    ) -> Self {
        Self {
            seed: Seed(document.seed),
            axes,
            linked,
            spans,
            made: Vec::new(),
            proof: Proof::default(),
            index: vec![BTreeMap::new(); spans.len()],
            forecasts: BTreeMap::new(),
        }
    }

    /// Returns the tasks, producers first.
    pub(super) fn finish(self) -> Vec<Task> {
        self.made
    }

    /// Adds the task of a stage in a cell, unless something that enters it is missing.
    pub(super) fn add(
        &mut self,
        at: usize,
        stage: &Linked<'_>,
        cell: Cell,
        settled: &Settled,
        problems: &mut Problems,
    ) {
        let Some(inputs) = self.inputs(stage, &cell, problems) else { return };
        let id = TaskId(self.made.len());
        let mut task = Task {
            id,
            stage: stage.spec.name.value.clone(),
            cell: self.axes.names(&cell),
            kind: stage.kind,
            ports: Arc::clone(&stage.ports),
            params: settled.params.clone(),
            inputs,
            seed: if settled.draws { self.seed_of(&cell).0 } else { 0 },
            resources: settled.resources.clone(),
            retries: stage.spec.retries,
            sources: settled.sources.clone(),
            counts: Arc::default(),
            partitions: LiteMap::new(),
            leaks: Vec::new(),
            recipe: None,
        };
        task.recipe = self.recipe(&task);
        task.counts = self.counts(stage, &task, problems);
        task.partitions = proof::partitions(&task, &self.made);
        task.leaks = self.leaks(stage, &task, problems);
        self.made.push(task);
        self.index[at].insert(cell, id);
    }

    fn inputs(
        &self,
        stage: &Linked<'_>,
        cell: &Cell,
        problems: &mut Problems,
    ) -> Option<LiteMap<String, Vec<InputRef>>> {
        let mut inputs = LiteMap::new();
        let mut complete = true;
        for input in &stage.inputs {
            let mut refs = Vec::new();
            for link in self.links(stage, input, cell, problems) {
                if let Some(task) = self.index[link.stage].get(&self.project(link, cell)) {
                    refs.push(InputRef { task: *task, port: link.port.name });
                } else {
                    complete = false;
                    self.report_absent(stage, link, cell, problems);
                }
            }
            if !refs.is_empty() {
                inputs.insert(input.port.name.to_string(), refs);
            }
        }
        complete.then_some(inputs)
    }

    fn links<'l>(
        &self,
        stage: &Linked<'_>,
        input: &'l LinkedInput,
        cell: &Cell,
        problems: &mut Problems,
    ) -> &'l [Link] {
        match &input.feed {
            LinkedFeed::Same(links) => links,
            LinkedFeed::By { axis, branches } => {
                let value = cell[axis];
                if let Some(links) = &branches[value] {
                    return links;
                }
                let axis = &self.axes.all[*axis];
                let value = &axis.values[value].name;
                let message = format!(
                    "input `{}` of stage `{}` does not say what enters for `{value}` of axis `{}`",
                    input.port.name, stage.spec.name.value, axis.name
                );
                let help = format!("add `{value}: [STAGE, ...]`");
                problems.push(Problem::at(input.span, message).help(help));
                &[]
            }
        }
    }

    fn project(&self, link: &Link, cell: &Cell) -> Cell {
        self.spans[link.stage]
            .iter()
            .filter_map(|axis| {
                let value = link.slice.get(axis).or_else(|| cell.get(axis))?;
                Some((*axis, *value))
            })
            .collect()
    }

    /// Says that a slice holds a cell that the manifest leaves out. A task that is absent for another
    /// reason has problems of its own, which have been said.
    fn report_absent(&self, stage: &Linked<'_>, link: &Link, cell: &Cell, problems: &mut Problems) {
        let wanted = self.project(link, cell);
        if !self.axes.is_left_out(&wanted) {
            return;
        }
        // One place has one problem, however many cells share it.
        if problems.0.iter().any(|known| known.span == Some(link.span)) {
            return;
        }
        let names = self.axes.names(&wanted);
        let names: Vec<String> =
            names.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        let message = format!(
            "stage `{}` needs cells that `exclude` or `only` leaves out, such as [{}]",
            stage.spec.name.value,
            names.join(",")
        );
        let help = "leave the same cells of this stage out, or keep those";
        problems.push(Problem::at(link.span, message).help(help));
    }

    fn seed_of(&self, cell: &Cell) -> Seed {
        let axis = self.axes.find(SEED_AXIS);
        match axis.and_then(|axis| Some(&self.axes.all[axis].values[*cell.get(&axis)?])) {
            Some(value) => self.seed.named("axis seed").named(&value.name),
            None => self.seed,
        }
    }

    fn recipe(&self, task: &Task) -> Option<Digest> {
        let recipe = |input: &InputRef| {
            let producer = self.made[input.task.0].recipe?;
            Some(Digest::of_value(&(producer, input.port)))
        };
        let inputs: Option<BTreeMap<String, Vec<Digest>>> = task
            .inputs
            .iter()
            .map(|(port, refs)| {
                Some((port.clone(), refs.iter().map(recipe).collect::<Option<_>>()?))
            })
            .collect();
        Some(task.key(inputs?)?.digest())
    }

    fn counts(
        &mut self,
        stage: &Linked<'_>,
        task: &Task,
        problems: &mut Problems,
    ) -> Arc<LiteMap<String, Counts>> {
        if let Some(known) = task.recipe.and_then(|recipe| self.forecasts.get(&recipe)) {
            return Arc::clone(known);
        }
        let sources = task
            .sources
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), source.path.clone()?)))
            .collect();
        let joined = |refs: &Vec<InputRef>| {
            refs.iter().try_fold(Counts::default(), |sum, input| {
                Some(sum.plus(self.made[input.task.0].counts.get(&*input.port)?))
            })
        };
        let inputs = task
            .inputs
            .iter()
            .filter_map(|(port, refs)| Some((port.clone(), joined(refs)?)))
            .collect();
        let connected = task.inputs.keys().cloned().collect();
        let known = Forecast { sources, inputs, connected };
        let counts = match (task.kind.forecast)(&task.params.value(), &known) {
            Ok(counts) => {
                counts.into_iter().map(|(port, counts)| (port.to_owned(), counts)).collect()
            }
            Err(error) => {
                let message = format!("stage `{}` cannot run: {error}", task.stage);
                let problem = Problem::at(stage.spec.name.span, message);
                problems.push(problem.maybe_help(error.remedy()));
                LiteMap::new()
            }
        };
        let counts = Arc::new(counts);
        if let Some(recipe) = task.recipe {
            self.forecasts.insert(recipe, Arc::clone(&counts));
        }
        counts
    }

    fn leaks(&mut self, stage: &Linked<'_>, task: &Task, problems: &mut Problems) -> Vec<String> {
        let mut leaks = Vec::new();
        for (_, input) in task.all_inputs() {
            for reason in &self.made[input.task.0].leaks {
                if !leaks.contains(reason) {
                    leaks.push(reason.clone());
                }
            }
        }
        let permitted = stage.spec.allow_leakage.is_some();
        for violation in self.proof.add(task, &self.made, permitted) {
            match &stage.spec.allow_leakage {
                Some(reason) if leaks.contains(&reason.value) => {}
                Some(reason) => leaks.push(reason.value.clone()),
                None => problems.push(leak::problem(
                    self.axes,
                    self.linked,
                    &self.made,
                    task,
                    &violation,
                )),
            }
        }
        leaks
    }
}
