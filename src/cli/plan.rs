//! `ablate plan`: each task, cached or to run, why, and with how many images.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::artifact::ImageSet;
use crate::cli::args::Form;
use crate::cli::args::StudyArgs;
use crate::cli::failure::Failure;
use crate::cli::past::Past;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::engine;
use crate::engine::Status;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::stage::Counts;
use crate::stage::Runner;
use crate::store::Store;

/// One task of the plan, as JSON shows it.
#[derive(Serialize)]
struct Line {
    task: String,
    stage: String,
    cell: BTreeMap<String, String>,
    kind: &'static str,
    state: &'static str,
    why: String,
    runs_on: &'static str,
    images: Option<usize>,
    images_in: Option<usize>,
    seconds: Option<f64>,
}

/// Plans a manifest and shows what a run would do.
pub(crate) fn run(
    args: &StudyArgs,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = study::plan(args, screen)?;
    let store = Store::open(cache)?;
    show(&plan, &store, form, screen)
}

/// Shows what a run of a plan would do.
pub(crate) fn show(plan: &Plan, store: &Store, form: Form, screen: &Screen) -> Result<(), Failure> {
    let lines = lines(plan, store)?;
    if form.is_json() {
        screen.print_json(&lines);
    } else {
        screen.print(&told(&lines));
    }
    Ok(())
}

fn lines(plan: &Plan, store: &Store) -> Result<Vec<Line>, Failure> {
    let status = engine::status(plan, store);
    let is_hit = |id: TaskId| status.get(&id).is_some_and(|status| status.record().is_some());
    // Earlier records give reasons and expected times: not needed where everything is cached.
    let past =
        if status.keys().all(|id| is_hit(*id)) { Past::default() } else { Past::read(store)? };
    let mut lines = Vec::with_capacity(plan.tasks.len());
    let mut roots = Roots::default();
    for task in &plan.tasks {
        roots.add(task, &status[&task.id], &past);
        let (state, why, seconds) = match &status[&task.id] {
            Status::Hit { record, .. } => ("hit", String::new(), Some(record.seconds)),
            Status::Miss { key: None } => ("run", "a source is missing".to_owned(), None),
            Status::Miss { key: Some(key) } => ("run", past.why(key), past.seconds(task)),
            Status::Unknown => {
                let waits = || waits_for(plan, task, is_hit);
                ("run", roots.why(task).unwrap_or_else(waits), past.seconds(task))
            }
        };
        lines.push(Line {
            task: task.to_string(),
            stage: task.stage.clone(),
            cell: task.cell.clone(),
            kind: task.kind.name,
            state,
            why,
            runs_on: match task.kind.runner {
                Runner::Inline => "engine",
                Runner::Torch => "worker",
            },
            images: images_out(task),
            images_in: images_in(plan, task),
            seconds,
        });
    }
    Ok(lines)
}

/// Which changes reach each task: those of the tasks above it that can run at once.
#[derive(Default)]
struct Roots {
    reached: BTreeMap<TaskId, BTreeSet<String>>,
}

impl Roots {
    /// Adds a task, whose inputs must have been added.
    fn add(&mut self, task: &Task, status: &Status, past: &Past) {
        let changes = match status {
            Status::Hit { .. } => return,
            Status::Miss { key } => {
                let changed = key.as_ref().and_then(|key| past.changed(key));
                changed.map(|why| format!("{}: {why}", task.stage)).into_iter().collect()
            }
            Status::Unknown => {
                let above =
                    task.all_inputs().filter_map(|(_, input)| self.reached.get(&input.task));
                above.flatten().cloned().collect()
            }
        };
        self.reached.insert(task.id, changes);
    }

    /// Says why a task runs whose inputs do not exist yet, where a change is why.
    fn why(&self, task: &Task) -> Option<String> {
        let changes = self.reached.get(&task.id).filter(|changes| !changes.is_empty())?;
        let told: Vec<&str> = changes.iter().map(String::as_str).collect();
        Some(format!("because {}", told.join("; ")))
    }
}

/// Names the inputs that are not there yet.
fn waits_for(plan: &Plan, task: &Task, is_hit: impl Fn(TaskId) -> bool) -> String {
    let missing: BTreeSet<&str> = task
        .all_inputs()
        .filter(|(_, input)| !is_hit(input.task))
        .map(|(_, input)| plan.task(input.task).stage.as_str())
        .collect();
    format!("after {}", missing.into_iter().collect::<Vec<_>>().join(", "))
}

/// Returns the expected images of all outputs, where known.
fn images_out(task: &Task) -> Option<usize> {
    (!task.counts.is_empty()).then(|| task.counts.values().map(Counts::total).sum())
}

/// Returns the expected images that enter the first port that takes images, where known.
fn images_in(plan: &Plan, task: &Task) -> Option<usize> {
    let port = task.kind.inputs.iter().find(|port| port.artifact == ImageSet::TYPE)?;
    let inputs = task.inputs.get(port.name)?;
    inputs.iter().map(|input| Some(plan.task(input.task).counts.get(input.port)?.total())).sum()
}

fn told(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.task.chars().count()).max().unwrap_or_default();
    let mut rows = Vec::with_capacity(lines.len() + 1);
    for line in lines {
        let images = match (line.images, line.images_in) {
            (Some(images), _) => format!("{} images", words::count(images)),
            (None, Some(images)) => format!("on {} images", words::count(images)),
            (None, None) => String::new(),
        };
        let time = line.seconds.map(words::seconds).unwrap_or_default();
        let row = format!(
            "{:3}  {:width$}  {images:>15}  {time:>11}  {}",
            line.state, line.task, line.why
        );
        rows.push(row.trim_end().to_owned());
    }
    let hits = lines.iter().filter(|line| line.state == "hit").count();
    let expected: f64 =
        lines.iter().filter(|line| line.state == "run").filter_map(|line| line.seconds).sum();
    let time = (expected > 0.0).then(|| format!(", {} by earlier runs", words::seconds(expected)));
    let time = time.unwrap_or_default();
    rows.push(format!("{hits} cached, {} to run{time}", lines.len() - hits));
    rows.join("\n")
}
