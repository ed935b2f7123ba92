//! Programs of the user: who of a study runs some, whether that is permitted, and what of this
//! process's environment they inherit.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::study::Opened;
use crate::cli::words;
use crate::engine;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::store::Store;

/// What programs inherit, where it is set.
const INHERITED: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"];

/// Returns the stages that run programs of the user, each with the first of its commands.
pub(crate) fn of(plan: &Plan) -> BTreeMap<&str, String> {
    let mut found = BTreeMap::new();
    for task in plan.tasks.iter().filter(|task| runs_program(task)) {
        found.entry(task.stage.as_str()).or_insert_with(|| command(task));
    }
    found
}

/// Most stages that are told to run programs: nobody reads more.
const TOLD: usize = 20;

/// Says which stages run programs, where some do.
pub(crate) fn tell(plan: &Plan, screen: &Screen) {
    let found = of(plan);
    for (stage, command) in found.iter().take(TOLD) {
        screen.say(&format!(
            "note: stage `{stage}` runs `{command}`, which `ablate run` refuses without `--allow-exec`"
        ));
    }
    if found.len() > TOLD {
        screen.say(&format!("note: and so do {}", words::many(found.len() - TOLD, "other stage")));
    }
}

/// Reports every stage that would run a program. What is cached is only read, and needs no permission.
pub(crate) fn refuse(
    opened: &Opened,
    wanted: &BTreeSet<TaskId>,
    store: &Store,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = &opened.plan;
    if !plan.tasks.iter().any(runs_program) {
        return Ok(());
    }
    let mut problems = Problems::default();
    let mut told = BTreeSet::new();
    for id in engine::pending(plan, wanted, store) {
        let task = plan.task(id);
        if !runs_program(task) || !told.insert(&task.stage) {
            continue;
        }
        let stage = &task.stage;
        let message = format!("stage `{stage}` runs a program: `{}`", command(task));
        let span = opened.manifest.document.stage(stage).map(|spec| spec.kind.span);
        let help =
            "read what it runs and the files that it names; then permit it with `--allow-exec`";
        problems.push(Problem { span, ..Problem::nowhere(message) }.help(help));
    }
    if problems.0.is_empty() {
        return Ok(());
    }
    Err(study::drawn(&opened.manifest.report(problems), screen))
}

/// Returns what programs inherit of this process's environment.
pub(crate) fn environment() -> BTreeMap<String, OsString> {
    let value = |name: &str| Some((name.to_owned(), std::env::var_os(name)?));
    INHERITED.into_iter().filter_map(value).collect()
}

fn runs_program(task: &Task) -> bool {
    task.program().is_some()
}

/// Returns the command of a task, as it could be typed.
fn command(task: &Task) -> String {
    let command = task.program().unwrap_or_default();
    command.iter().map(|argument| words::argument(argument)).collect::<Vec<_>>().join(" ")
}
