//! A study with its results: what tables and pages are made of, read from what the cache holds.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::artifact::Classifier;
use crate::artifact::Error;
use crate::artifact::Gan;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Scores;
use crate::artifact::Table;
use crate::artifact::Tree;
use crate::digest::Digest;
use crate::imaging::rgb::Rgb;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::report::Generated;
use crate::report::gallery;
use crate::stage::Role;

/// What the cache holds of one output of one task.
#[derive(Debug, Clone)]
pub struct Found {
    /// Digest of the artifact.
    pub digest: Digest,
    /// Its files.
    pub tree: Tree,
    /// The few facts that its record keeps.
    pub summary: Value,
}

/// A function that tells what the cache holds of an output; nothing where its task has not run.
pub type Finder<'a> = dyn Fn(InputRef) -> Option<Found> + 'a;

/// A study and its results so far.
#[derive(Debug, Clone)]
pub struct Study<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// One entry for each task that makes scores, in the plan's order.
    pub cells: Vec<Cell>,
    /// Images of different parts that are copies, of each task that looked for them and found some.
    pub copies: Vec<Copies>,
    /// The GANs that are trained; empty where only the cells were read.
    pub gans: Vec<TrainedGan>,
    /// Real images beside those of each GAN; empty where only the cells were read.
    pub galleries: Vec<Gallery>,
    /// What became of generated images; empty where only the cells were read.
    pub generated: Generated,
    /// Digests of what was made: task -> output port -> artifact.
    pub digests: BTreeMap<TaskId, BTreeMap<String, Digest>>,
}

/// Images of different parts that are copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// The task that found them.
    pub task: String,
    /// Pairs of them.
    pub pairs: usize,
}

/// Output port at which a kind that divides images lists copies across its parts.
const DUPLICATES: &str = "duplicates";

/// One measured classifier, or one yet to be measured.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Name of the stage that makes the scores.
    pub stage: String,
    /// How the task is called: `score[arm=none,seed=1]`.
    pub task: String,
    /// Axis -> name of its value.
    pub at: BTreeMap<String, String>,
    /// Digest of the task's recipe; absent where its data is not at hand.
    pub recipe: Option<Digest>,
    /// The scores; absent where the task has not run.
    pub scores: Option<Scores>,
    /// How the classifier's training went; absent where it has not run.
    pub history: Option<History>,
    /// What the classifier was fitted on.
    pub training: Vec<TrainingPart>,
    /// Steps of the optimiser in the classifier's training; absent where they are not known.
    pub steps: Option<usize>,
    /// Partitions of the images that it measures.
    pub measured: BTreeSet<Partition>,
    /// The tasks that trained GANs whose images reached the classifier.
    pub gans: Vec<String>,
    /// Reasons for which test images may have reached the classifier; empty where none did.
    pub leaks: Vec<String>,
}

/// One image set of those that a classifier was fitted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingPart {
    /// The task that made it.
    pub task: String,
    /// Its images, where known.
    pub images: Option<usize>,
}

/// A GAN and how its training went.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedGan {
    /// The task that trained it.
    pub task: String,
    /// Losses by epoch.
    pub history: History,
    /// Sample grids as PNG files: the first, one half-way and the last, by name.
    pub grids: BTreeMap<String, Vec<u8>>,
}

/// Images shown side by side, one row a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gallery {
    /// Heading: `real images`, `images of the GAN`.
    pub title: String,
    /// The task that made the images.
    pub task: String,
    /// Images in the whole set.
    pub images: usize,
    /// Rows of examples.
    pub rows: Vec<GalleryRow>,
}

/// Examples of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryRow {
    /// Name of the class, or `unlabelled`.
    pub class: String,
    /// Images of the class in the whole set.
    pub images: usize,
    /// A few of them, in the set's order.
    pub examples: Vec<Rgb>,
}

impl Cell {
    /// Returns the number of images that the classifier was fitted on, where known.
    pub fn training_images(&self) -> Option<usize> {
        self.training.iter().map(|part| part.images).sum()
    }
}

impl<'a> Study<'a> {
    /// Reads what a table needs: scores, histories, counts.
    pub fn with_cells(plan: &'a Plan, find: &Finder<'_>) -> Result<Self, Error> {
        let gans = gans(plan);
        let cells = outputs_of(plan, Scores::TYPE)
            .map(|output| read_cell(plan, output, &gans[output.task.0], find))
            .collect::<Result<_, _>>()?;
        let (gans, galleries) = (Vec::new(), Vec::new());
        let (generated, digests) = (Generated::default(), BTreeMap::new());
        let copies = copies(plan, find);
        Ok(Self { plan, cells, copies, gans, galleries, generated, digests })
    }

    /// Returns the tasks whose scores a table shows.
    pub fn scoring(plan: &Plan) -> BTreeSet<TaskId> {
        outputs_of(plan, Scores::TYPE).map(|output| output.task).collect()
    }

    /// Reads what a page needs: what a table needs, GANs, example images and digests.
    pub fn with_figures(plan: &'a Plan, find: &Finder<'_>) -> Result<Self, Error> {
        let mut study = Self::with_cells(plan, find)?;
        for output in outputs_of(plan, Gan::TYPE) {
            if let Some(found) = find(output) {
                study.gans.push(read_gan(plan.task(output.task), &found.tree)?);
            }
        }
        study.galleries = gallery::read(plan, find)?;
        study.generated = Generated::read(plan, find)?;
        for task in &plan.tasks {
            for port in &task.ports.outputs {
                if let Some(found) = find(InputRef { task: task.id, port: port.name }) {
                    let ports = study.digests.entry(task.id).or_default();
                    ports.insert(port.name.to_string(), found.digest);
                }
            }
        }
        Ok(study)
    }
}

fn copies(plan: &Plan, find: &Finder<'_>) -> Vec<Copies> {
    let listed = outputs_of(plan, Table::TYPE).filter(|output| output.port == DUPLICATES);
    let found = listed.filter_map(|output| {
        let pairs = find(output)?.summary["rows"].as_u64()? as usize;
        (pairs > 0).then(|| Copies { task: plan.task(output.task).to_string(), pairs })
    });
    found.collect()
}

/// Returns every output of a type of artifact.
pub(super) fn outputs_of<'p>(
    plan: &'p Plan,
    artifact: &'static str,
) -> impl Iterator<Item = InputRef> + 'p {
    plan.tasks.iter().flat_map(move |task| {
        let ports = task.ports.outputs.iter().filter(move |port| port.artifact == artifact);
        ports.map(|port| InputRef { task: task.id, port: port.name })
    })
}

/// Returns the type of the artifact that leaves at an output.
pub(super) fn artifact_of(plan: &Plan, output: InputRef) -> &'static str {
    plan.task(output.task).ports.output(&output.port).map_or("", |port| port.artifact)
}

fn read_cell(
    plan: &Plan,
    output: InputRef,
    gans: &BTreeSet<TaskId>,
    find: &Finder<'_>,
) -> Result<Cell, Error> {
    let task = plan.task(output.task);
    let scores = find(output).map(|found| Scores::read(&found.tree)).transpose()?;
    let model = task
        .all_inputs()
        .map(|(_, input)| input)
        .find(|input| artifact_of(plan, *input) == Classifier::TYPE);
    // Only the history is read: weights are the bulk of a classifier, and no page shows them.
    let history = model.and_then(find).map(|found| read_history(&found.tree)).transpose()?;
    let training =
        model.map(|model| training(plan, plan.task(model.task), find)).unwrap_or_default();
    let trainer = model.map(|model| plan.task(model.task));
    let steps = trainer.and_then(|trainer| steps(trainer, &training, history.as_ref()?));
    Ok(Cell {
        stage: task.stage.clone(),
        task: task.to_string(),
        at: task.cell.clone(),
        recipe: task.recipe,
        scores,
        history,
        training,
        steps,
        measured: measured(plan, task),
        gans: gans.iter().map(|id| plan.task(*id).to_string()).collect(),
        leaks: task.leaks.clone(),
    })
}

fn measured(plan: &Plan, task: &Task) -> BTreeSet<Partition> {
    let measures =
        |port: &str| task.ports.input(port).is_some_and(|port| port.role == Role::Measure);
    let inputs = task.all_inputs().filter(|(port, _)| measures(port));
    let partitions =
        inputs.filter_map(|(_, input)| plan.task(input.task).partitions.get(&*input.port));
    partitions.flatten().copied().collect()
}

/// Returns for each task the trainings of GANs among all that it is made from.
fn gans(plan: &Plan) -> Vec<BTreeSet<TaskId>> {
    let mut above: Vec<BTreeSet<TaskId>> = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let mut all = BTreeSet::new();
        for (_, input) in task.all_inputs() {
            all.extend(&above[input.task.0]);
            if artifact_of(plan, input) == Gan::TYPE {
                all.insert(input.task);
            }
        }
        above.push(all);
    }
    above
}

/// Returns the optimiser steps that a training took: its kind's for the whole course, by the share of the epochs
/// that it trained.
fn steps(trainer: &Task, training: &[TrainingPart], history: &History) -> Option<usize> {
    let images = training.iter().map(|part| part.images).sum::<Option<usize>>()?;
    let all = trainer.steps(images)?;
    Some(all / trainer.course()?.epochs() * history.rows.len()).filter(|steps| *steps > 0)
}

fn read_history(tree: &Tree) -> Result<History, Error> {
    let name = "history.csv";
    History::parse(name, &String::from_utf8_lossy(&tree.read(name)?))
}

/// Returns the image sets that a task fits by.
fn training(plan: &Plan, model: &Task, find: &Finder<'_>) -> Vec<TrainingPart> {
    let fits = |port: &str| model.ports.input(port).is_some_and(|port| port.role == Role::Fit);
    model
        .all_inputs()
        .filter(|(port, input)| fits(port) && artifact_of(plan, *input) == ImageSet::TYPE)
        .map(|(_, input)| {
            let maker = plan.task(input.task);
            let first = maker.ports.outputs.first().map(|port| port.name);
            let port = if first == Some(input.port) { "" } else { &*input.port };
            let dot = if port.is_empty() { "" } else { "." };
            let name = format!("{maker}{dot}{port}");
            TrainingPart { task: name, images: images(maker, input, find) }
        })
        .collect()
}

fn images(maker: &Task, output: InputRef, find: &Finder<'_>) -> Option<usize> {
    let counted = find(output).and_then(|found| found.summary["images"].as_u64());
    let forecast = || maker.counts.get(&*output.port).map(crate::stage::Counts::total);
    // A claim of a record: no more is believed than can be added up.
    counted.map(|images| images.min(u64::from(u32::MAX)) as usize).or_else(forecast)
}

fn read_gan(task: &Task, tree: &Tree) -> Result<TrainedGan, Error> {
    let names: Vec<&String> = tree.0.keys().filter(|name| name.starts_with("grids/")).collect();
    let mut shown = vec![0, names.len() / 2, names.len().saturating_sub(1)];
    shown.dedup();
    let mut grids = BTreeMap::new();
    for name in shown.into_iter().filter_map(|index| names.get(index)) {
        grids.insert(name.trim_start_matches("grids/").to_owned(), tree.read(name)?);
    }
    Ok(TrainedGan { task: task.to_string(), history: read_history(tree)?, grids })
}

#[cfg(test)]
mod tests {
    use super::History;
    use super::TrainingPart;
    use super::steps;
    use crate::report::sample;

    #[test]
    fn a_training_took_the_steps_of_the_epochs_in_its_history() {
        let plan = sample::plan();
        let task = |stage: &str| plan.tasks.iter().find(|task| task.stage == stage).unwrap();
        let part = |images| TrainingPart { task: "classic".to_owned(), images };
        let parts = [part(Some(100)), part(Some(29))];
        let history = History::parse("history.csv", "epoch,loss\n1,0.5\n2,0.4\n3,0.3\n").unwrap();
        // Learns from ten images a step: thirteen steps in each of its forty epochs.
        assert_eq!(steps(task("fit"), &parts, &history), Some(39));
        assert_eq!(steps(task("fit"), &[part(None)], &history), None);
        assert_eq!(steps(task("fit"), &parts, &History::default()), None);
        assert_eq!(steps(task("score"), &parts, &history), None, "it trains nothing");
    }
}
