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
use crate::cli::programs;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::engine;
use crate::engine::Causes;
use crate::engine::Expected;
use crate::engine::HeadStart;
use crate::engine::Past;
use crate::engine::Reason;
use crate::engine::Share;
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
    on_gpu: Option<bool>,
    bytes: Option<u64>,
    /// Epochs of a training that need not be computed again.
    head_start: Option<HeadStart>,
    /// Whether every state of a training hangs on where it ends, so that it goes on from no other's.
    looks_ahead: bool,
    /// Optimiser steps of a training, where the images are known.
    steps: Option<usize>,
}

/// The plan, as JSON shows it.
#[derive(Serialize)]
struct Told {
    cached: usize,
    to_run: usize,
    /// What each value of the first axis still takes.
    axis: Option<String>,
    /// Stages that run programs of the user, which `run` refuses without `--allow-exec`.
    programs: BTreeSet<String>,
    shares: Vec<Share>,
    tasks: Vec<Line>,
}

/// Plans a manifest and shows what a run would do.
pub(crate) fn run(
    args: &StudyArgs,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let opened = study::open(args, cache, screen)?;
    let store = Store::open(cache)?;
    show(&opened.plan, opened.arms(), &store, form, screen)
}

/// Shows what a run of a plan would do, and what each value of an axis will take.
pub(crate) fn show(
    plan: &Plan,
    axis: Option<String>,
    store: &Store,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let status = engine::status(plan, store);
    let is_hit = |id: &TaskId| status[id].record().is_some();
    let cached = status.keys().filter(|id| is_hit(id)).count();
    let to_run = status.len() - cached;
    // Earlier records give reasons and expected times: not needed where everything is cached.
    let past = if to_run == 0 { Past::default() } else { Past::read(store)? };
    let tasks = lines(plan, &status, &past);
    let shares = engine::outlook(plan, &status, &past, axis.as_deref());
    let programs = programs::of(plan).into_keys().map(str::to_owned).collect();
    let told = Told { cached, to_run, axis, programs, shares, tasks };
    if form.is_json() {
        screen.print_json(&told);
    } else {
        screen.print(&told.text());
    }
    programs::tell(plan, screen);
    Ok(())
}

fn lines(plan: &Plan, status: &BTreeMap<TaskId, Status>, past: &Past) -> Vec<Line> {
    let causes = Causes { plan, status, past };
    let mut lines = Vec::with_capacity(plan.tasks.len());
    let mut roots = Roots::default();
    for task in &plan.tasks {
        let reasons = causes.of(task.id);
        roots.add(plan, task, &reasons);
        let record = status[&task.id].record();
        let why = roots.why(task, &reasons).unwrap_or_else(|| words::reasons(plan, &reasons));
        let head_start = status[&task.id].head_start();
        let expected = record.map(Expected::of).or_else(|| past.expected(plan, task, head_start));
        let images_in = images_in(plan, task);
        let course = task.course();
        lines.push(Line {
            task: task.to_string(),
            stage: task.stage.clone(),
            cell: task.cell.clone(),
            kind: task.kind.name,
            state: if record.is_some() { "hit" } else { "run" },
            why,
            runs_on: match task.kind.runner {
                Runner::Inline => "engine",
                Runner::Torch => "worker",
                Runner::Program => "program",
            },
            images: images_out(task),
            images_in,
            seconds: expected.map(|expected| expected.seconds),
            on_gpu: expected.map(|expected| expected.on_gpu),
            bytes: expected.map(|expected| expected.bytes),
            head_start,
            looks_ahead: course.is_some_and(|course| course.looks_ahead()),
            steps: images_in.and_then(|images| task.steps(images)),
        });
    }
    lines
}

/// Which changes reach each task: those of the tasks above it that can run at once.
#[derive(Default)]
struct Roots {
    reached: BTreeMap<TaskId, BTreeSet<String>>,
}

impl Roots {
    /// Adds a task, whose inputs must have been added.
    fn add(&mut self, plan: &Plan, task: &Task, reasons: &[Reason]) {
        let own = match reasons {
            [] => return,
            [Reason::SourceMissing | Reason::NeverRun | Reason::FilesGone] => &[],
            [own @ .., Reason::After { .. }] => own,
            _ => reasons,
        };
        let own =
            (!own.is_empty()).then(|| format!("{}: {}", task.stage, words::reasons(plan, own)));
        let above = task.all_inputs().filter_map(|(_, input)| self.reached.get(&input.task));
        let changes = above.flatten().cloned().chain(own).collect();
        self.reached.insert(task.id, changes);
    }

    /// Says why a task runs whose inputs do not exist yet, where a change is why.
    fn why(&self, task: &Task, reasons: &[Reason]) -> Option<String> {
        let [.., Reason::After { .. }] = reasons else { return None };
        let changes = self.reached.get(&task.id).filter(|changes| !changes.is_empty())?;
        let told: Vec<&str> = changes.iter().map(String::as_str).collect();
        Some(format!("because {}", told.join("; ")))
    }
}

/// Returns the expected images of all outputs, where known.
fn images_out(task: &Task) -> Option<usize> {
    (!task.counts.is_empty()).then(|| task.counts.values().map(Counts::total).sum())
}

/// Returns the expected images that enter the first port that takes images, where known.
fn images_in(plan: &Plan, task: &Task) -> Option<usize> {
    let port = task.ports.inputs.iter().find(|port| port.artifact == ImageSet::TYPE)?;
    let inputs = task.inputs.get(&*port.name)?;
    inputs.iter().map(|input| Some(plan.task(input.task).counts.get(&*input.port)?.total())).sum()
}

impl Told {
    fn text(&self) -> String {
        let width = |line: &Line| line.task.chars().count();
        let width = self.tasks.iter().map(width).max().unwrap_or_default();
        let mut rows: Vec<String> = self.tasks.iter().map(|line| line.text(width)).collect();
        if self.to_run > 0 && self.shares.len() > 1 {
            rows.push(String::new());
            let axis = self.axis.as_deref().unwrap_or_default();
            rows.extend(self.shares.iter().map(|share| match &share.arm {
                None => format!("all share: {}", left(share)),
                Some(arm) => format!("{axis}={arm}: {}", left(share)),
            }));
        }
        let mut all = Share::default();
        for share in &self.shares {
            all.cached += share.cached;
            all.to_run += share.to_run;
            all.unknown += share.unknown;
            all.rough += share.rough;
            all.seconds += share.seconds;
            all.gpu_seconds += share.gpu_seconds;
            all.bytes += share.bytes;
        }
        rows.push(left(&all));
        rows.join("\n")
    }
}

impl Line {
    fn text(&self, width: usize) -> String {
        let images = match (self.images, self.images_in) {
            (Some(images), _) => format!("{} images", words::count(images)),
            (None, Some(images)) => format!("on {} images", words::count(images)),
            (None, None) => String::new(),
        };
        let time = self.seconds.map(words::seconds).unwrap_or_default();
        let head_start = self
            .head_start
            .map(|HeadStart { epochs, of }| format!(" (goes on after epoch {epochs} of {of})"));
        let alone = (self.looks_ahead && self.state == "run" && head_start.is_none())
            .then_some(" (its step sizes look at its end: it goes on from no other training)");
        let row = format!(
            "{:3}  {:width$}  {images:>15}  {time:>11}  {}{}",
            self.state,
            self.task,
            self.why,
            head_start.as_deref().or(alone).unwrap_or_default()
        );
        row.trim_end().to_owned()
    }
}

/// Says what is left: `3 cached, 4 to run: 12 min 05 s by earlier runs (10 min 00 s of a GPU), 5 MB to write`.
fn left(share: &Share) -> String {
    let head = format!("{} cached, {} to run", share.cached, share.to_run);
    if share.unknown == share.to_run {
        return head;
    }
    let gpu = if share.gpu_seconds > 0.0 {
        format!(" ({} of a GPU)", words::seconds(share.gpu_seconds))
    } else {
        String::new()
    };
    let rough = match share.rough {
        0 => String::new(),
        rough => format!("; {} only ran with other params", words::many(rough, "task")),
    };
    let unknown = match share.unknown {
        0 => String::new(),
        unknown => format!("; {} never ran", words::many(unknown, "task")),
    };
    format!(
        "{head}: {} by earlier runs{gpu}, {} to write{rough}{unknown}",
        words::seconds(share.seconds),
        words::bytes(share.bytes)
    )
}
