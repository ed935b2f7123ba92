//! `ablate explain`: a task's key, what differs from the last time, and what waits for it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::Target;
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
use crate::plan::TaskKey;
use crate::store::Store;

/// Explains each task of the target.
pub(crate) fn run(
    target: &Target,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = study::plan(&target.study, screen)?;
    let store = Store::open(cache)?;
    let wanted = study::select(&plan, std::slice::from_ref(&target.stage))?;
    let past = Past::read(&store)?;
    let status = engine::status(&plan, &store);
    let mut all = Vec::new();
    let mut parts = Vec::new();
    for id in wanted {
        let task = plan.task(id);
        let dependents = dependents(&plan, id);
        let waiting = Waiting::of(&plan, task, &status, &past);
        if form.is_json() {
            all.push(told(task, &status[&id], &past, &waiting, &dependents));
        } else {
            parts.push(described(task, &status[&id], &past, &waiting, &dependents));
        }
    }
    if form.is_json() {
        screen.print_json(&all);
    } else {
        screen.print(&parts.join("\n"));
    }
    Ok(())
}

/// What a task of unknown key waits for; empty for any other.
#[derive(Default)]
struct Waiting {
    /// Its inputs that have not run.
    inputs: BTreeSet<String>,
    /// The tasks that can run at once and let the others follow, each with why it runs.
    causes: Vec<(String, String)>,
}

impl Waiting {
    fn of(plan: &Plan, task: &Task, status: &BTreeMap<TaskId, Status>, past: &Past) -> Self {
        let mut waiting = Self::default();
        if !matches!(status[&task.id], Status::Unknown) {
            return waiting;
        }
        let missing = |id: &TaskId| status[id].record().is_none();
        let missing_inputs = |task: &Task| -> Vec<TaskId> {
            task.all_inputs().map(|(_, input)| input.task).filter(missing).collect()
        };
        let inputs = missing_inputs(task);
        waiting.inputs = inputs.iter().map(|id| plan.task(*id).to_string()).collect();
        let mut needed: BTreeSet<TaskId> = inputs.into_iter().collect();
        for above in plan.tasks.iter().rev().filter(|above| above.id < task.id) {
            if needed.contains(&above.id) {
                needed.extend(missing_inputs(above));
            }
        }
        for id in needed {
            if let Status::Miss { key } = &status[&id] {
                let why =
                    key.as_ref().map_or("a source is missing".to_owned(), |key| past.why(key));
                waiting.causes.push((plan.task(id).to_string(), why));
            }
        }
        waiting
    }

    fn described(&self) -> Vec<String> {
        let mut lines = vec!["  its key is known once these have run:".to_owned()];
        lines.extend(self.inputs.iter().map(|input| format!("    {input}")));
        lines.push("  what runs first, and why:".to_owned());
        lines.extend(self.causes.iter().map(|(task, why)| format!("    {task}: {why}")));
        lines
    }
}

/// Returns the stages that a task's result reaches.
fn dependents(plan: &Plan, id: TaskId) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([id]);
    let mut stages = BTreeSet::new();
    for task in &plan.tasks {
        if task.all_inputs().any(|(_, input)| reached.contains(&input.task)) {
            reached.insert(task.id);
            stages.insert(task.stage.clone());
        }
    }
    stages
}

/// Returns a task's key where it is known: from the record, or from what enters it.
fn key(status: &Status) -> Option<TaskKey> {
    match status {
        Status::Hit { record, .. } => serde_json::from_value(record.key.clone()).ok(),
        Status::Miss { key } => key.clone(),
        Status::Unknown => None,
    }
}

fn state(status: &Status) -> &'static str {
    match status {
        Status::Hit { .. } => "hit",
        Status::Miss { .. } => "run",
        Status::Unknown => "unknown",
    }
}

fn told(
    task: &Task,
    status: &Status,
    past: &Past,
    waiting: &Waiting,
    dependents: &BTreeSet<String>,
) -> Value {
    let key = key(status);
    let changes = key.as_ref().and_then(|key| past.nearest(key)).map(|(_, changes)| changes);
    json!({
        "task": task.to_string(), "state": state(status), "recipe": task.recipe,
        "digest": key.as_ref().map(TaskKey::digest), "key": key, "changes": changes,
        "waits_for": waiting.inputs, "reaches": dependents,
    })
}

fn described(
    task: &Task,
    status: &Status,
    past: &Past,
    waiting: &Waiting,
    dependents: &BTreeSet<String>,
) -> String {
    let mut lines = vec![format!("{task}: {}", task.kind.name)];
    match status {
        Status::Hit { record, .. } => lines.push(format!(
            "  cached: made in {} with key {}",
            words::seconds(record.seconds),
            record.key_digest().short()
        )),
        Status::Miss { key: None } => lines.push("  will run, once its source is found".to_owned()),
        Status::Miss { key: Some(key) } => match past.nearest(key) {
            None => lines.push("  will run: nothing like it has run".to_owned()),
            Some((_, changes)) if changes.is_empty() => {
                lines.push("  will run: it has run, but its files are gone".to_owned());
            }
            Some((record, changes)) => {
                let old = record.key_digest().short();
                lines.push(format!("  will run; what differs from the last run ({old}):"));
                lines.extend(changes.iter().map(|change| format!("    {}", words::change(change))));
            }
        },
        Status::Unknown => lines.extend(waiting.described()),
    }
    if let Some(key) = key(status) {
        lines.push(format!("  key {}:", key.digest().short()));
        let value = serde_json::to_value(&key).expect("keys have string keys");
        for (name, value) in value.as_object().into_iter().flatten() {
            lines.push(format!("    {name}: {value}"));
        }
    }
    if !dependents.is_empty() {
        let stages: Vec<&str> = dependents.iter().map(String::as_str).collect();
        lines.push(format!("  its result reaches {}", stages.join(", ")));
    }
    lines.join("\n")
}
