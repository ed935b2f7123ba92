//! A study with its results: what tables and pages are made of, read from what the cache holds.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::artifact::Classifier;
use crate::artifact::Error;
use crate::artifact::Gan;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Scores;
use crate::artifact::Table;
use crate::artifact::Tree;
use crate::digest::Digest;
use crate::imaging::rgb::Rgb;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
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

/// Param by which a kind that trains says how many images make a step.
const BATCH_SIZE: &str = "batch_size";
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
        let cells = outputs_of(plan, Scores::TYPE)
            .map(|output| read_cell(plan, output, find))
            .collect::<Result<_, _>>()?;
        let nothing = (Vec::new(), Vec::new(), BTreeMap::new());
        let (gans, galleries, digests) = nothing;
        let copies = copies(plan, find);
        Ok(Self { plan, cells, copies, gans, galleries, digests })
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

fn read_cell(plan: &Plan, output: InputRef, find: &Finder<'_>) -> Result<Cell, Error> {
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
    let batch = model.and_then(|model| plan.task(model.task).params.get(BATCH_SIZE)?.as_u64());
    let steps = steps(&training, history.as_ref(), batch);
    Ok(Cell {
        stage: task.stage.clone(),
        task: task.to_string(),
        at: task.cell.clone(),
        recipe: task.recipe,
        scores,
        history,
        training,
        steps,
        leaks: task.leaks.clone(),
    })
}

/// Returns the steps that a training took: those of its history, or what its epochs over all images come to; a
/// last batch of one image is left out.
fn steps(
    training: &[TrainingPart],
    history: Option<&History>,
    batch: Option<u64>,
) -> Option<usize> {
    let history = history?;
    if let Some(steps) = history.column("step") {
        return steps.last().map(|steps| *steps as usize);
    }
    let images: usize = training.iter().map(|part| part.images).sum::<Option<usize>>()?;
    let batch = usize::try_from(batch?).ok().filter(|batch| *batch > 1)?;
    let pass = images.div_ceil(batch) - usize::from(images % batch == 1);
    history.rows.len().checked_mul(pass).filter(|steps| *steps > 0)
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

    #[test]
    fn steps_are_those_of_the_history_or_of_epochs_over_all_images() {
        let part = |images| TrainingPart { task: "classic".to_owned(), images };
        let history = |text: &str| History::parse("history.csv", text).unwrap();
        let epochs = history("epoch,loss\n1,0.5\n2,0.4\n3,0.3\n");
        let parts = [part(Some(100)), part(Some(29))];
        assert_eq!(steps(&parts, Some(&epochs), Some(64)), Some(6), "129 = 2 * 64 + 1");
        assert_eq!(steps(&parts[..1], Some(&epochs), Some(64)), Some(6));
        assert_eq!(steps(&parts, Some(&epochs), Some(32)), Some(12), "the fifth has one image");
        assert_eq!(steps(&parts, Some(&epochs), Some(30)), Some(15));
        let rounds = history("epoch,loss,step\n1,0.5,50\n2,0.4,100\n");
        assert_eq!(steps(&parts, Some(&rounds), Some(64)), Some(100));
        assert_eq!(steps(&[part(None)], Some(&epochs), Some(64)), None);
        assert_eq!(steps(&parts, None, Some(64)), None);
    }
}
