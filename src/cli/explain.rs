//! `ablate explain`: a task's key, why it runs down to the root, and what its result reaches.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::Target;
use crate::cli::failure::Failure;
use crate::cli::programs;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::engine;
use crate::engine::Cause;
use crate::engine::Causes;
use crate::engine::Past;
use crate::engine::Reason;
use crate::engine::Status;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::plan::TaskKey;
use crate::store::Store;

/// What is to be said of one task.
struct Explained<'a> {
    plan: &'a Plan,
    task: &'a Task,
    status: &'a Status,
    key: Option<TaskKey>,
    /// The run that differs least, where it will run and one is near.
    nearest: Option<String>,
    cause: Cause,
    /// Stage -> its tasks that the result reaches, and those of them that have results now.
    reach: BTreeMap<&'a str, (usize, usize)>,
}

/// Explains each task of the target.
pub(crate) fn run(
    target: &Target,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = study::plan(&target.study, cache, screen)?;
    let store = Store::open(cache)?;
    let wanted = study::select(&plan, std::slice::from_ref(&target.stage))?;
    let past = Past::read(&store)?;
    let status = engine::status(&plan, &store);
    let causes = Causes { plan: &plan, status: &status, past: &past };
    let explained = wanted.into_iter().map(|id| Explained::of(id, &causes));
    if form.is_json() {
        screen.print_json(&explained.map(|one| one.told()).collect::<Vec<_>>());
    } else {
        screen.print(&explained.map(|one| one.text()).collect::<Vec<_>>().join("\n"));
    }
    programs::tell(&plan, screen);
    Ok(())
}

impl<'a> Explained<'a> {
    fn of(id: TaskId, causes: &Causes<'a>) -> Self {
        let status = &causes.status[&id];
        let key = match status {
            Status::Hit { record, .. } => record.key.read(),
            Status::Miss { key, .. } => key.clone(),
            Status::Unknown => None,
        };
        let missed = key.as_ref().filter(|_| status.record().is_none());
        let nearest = missed.and_then(|key| causes.past.nearest(key));
        Self {
            plan: causes.plan,
            task: causes.plan.task(id),
            status,
            nearest: nearest.map(|(record, _)| record.key_digest().short()),
            key,
            cause: causes.tree(id),
            reach: reach(causes, id),
        }
    }

    fn told(&self) -> Value {
        let state = match self.status {
            Status::Hit { .. } => "hit",
            Status::Miss { .. } => "run",
            Status::Unknown => "unknown",
        };
        let reach = self.reach.iter();
        let reach: BTreeMap<&str, Value> = reach
            .map(|(stage, (tasks, cached))| (*stage, json!({"tasks": tasks, "cached": cached})))
            .collect();
        json!({
            "task": self.task.to_string(), "state": state, "recipe": self.task.recipe,
            "digest": self.key.as_ref().map(TaskKey::digest), "key": self.key,
            "nearest": self.nearest, "cause": self.told_cause(&self.cause), "reaches": reach,
        })
    }

    fn told_cause(&self, cause: &Cause) -> Value {
        let name = |id: &TaskId| self.plan.task(*id).to_string();
        let reasons = cause.reasons.iter().map(|reason| {
            let said = words::reasons(self.plan, std::slice::from_ref(reason));
            match reason {
                Reason::Differs { change } => json!({"says": said, "change": change}),
                Reason::After { tasks } => {
                    json!({"says": said, "after": tasks.iter().map(name).collect::<Vec<_>>()})
                }
                _ => json!({"says": said}),
            }
        });
        json!({
            "task": name(&cause.task), "reasons": reasons.collect::<Vec<_>>(),
            "above": cause.above.iter().map(|above| self.told_cause(above)).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.task, self.task.kind.name)];
        match self.status {
            Status::Hit { record, .. } => lines.push(format!(
                "  cached: made in {} with key {}",
                words::seconds(record.seconds),
                record.key_digest().short()
            )),
            Status::Miss { .. } | Status::Unknown => {
                lines.push(format!(
                    "  will run: {}",
                    words::reasons(self.plan, &self.cause.reasons)
                ));
                for above in &self.cause.above {
                    self.draw(above, 2, &mut lines);
                }
                let nearest = self.nearest.iter();
                lines.extend(nearest.map(|key| format!("  the nearest earlier run has key {key}")));
            }
        }
        if let Some(key) = &self.key {
            lines.push(format!("  key {}:", key.digest().short()));
            let value = serde_json::to_value(key).expect("keys have string keys");
            for (name, value) in value.as_object().into_iter().flatten() {
                lines.push(format!("    {name}: {value}"));
            }
        }
        lines.extend(self.reached());
        lines.join("\n")
    }

    /// Draws a cause below what it is the cause of.
    fn draw(&self, cause: &Cause, depth: usize, lines: &mut Vec<String>) {
        let task = self.plan.task(cause.task);
        let why = match cause.reasons.as_slice() {
            [] => "has another result".to_owned(),
            reasons => words::reasons(self.plan, reasons),
        };
        lines.push(format!("{}{task}: {why}", "  ".repeat(depth)));
        for above in &cause.above {
            self.draw(above, depth + 1, lines);
        }
    }

    fn reached(&self) -> Option<String> {
        let stages = self.reach.iter();
        let stages: Vec<String> = stages
            .map(|(stage, (tasks, cached))| match cached {
                0 => format!("{stage} ({})", words::many(*tasks, "task")),
                _ => format!("{stage} ({}, {cached} of them cached)", words::many(*tasks, "task")),
            })
            .collect();
        let head = match (self.status, self.cause.reasons.as_slice()) {
            (Status::Hit { .. }, _) => "another result would invalidate",
            (_, [Reason::NeverRun]) => "its result will reach",
            _ => "unless its result comes out as it was, it invalidates",
        };
        (!stages.is_empty()).then(|| format!("  {head}: {}", stages.join(", ")))
    }
}

/// Returns what a task's result reaches.
fn reach<'a>(causes: &Causes<'a>, id: TaskId) -> BTreeMap<&'a str, (usize, usize)> {
    let mut reached = BTreeSet::from([id]);
    let mut stages: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for task in &causes.plan.tasks {
        if task.all_inputs().any(|(_, input)| reached.contains(&input.task)) {
            reached.insert(task.id);
            let (tasks, cached) = stages.entry(&task.stage).or_default();
            *tasks += 1;
            *cached += usize::from(causes.status[&task.id].record().is_some());
        }
    }
    stages
}
