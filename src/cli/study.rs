//! What most commands begin with: from a manifest on the command line to a plan, to a slice of it,
//! and to what the cache has of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use miette::GraphicalReportHandler;
use miette::GraphicalTheme;

use crate::cli::args::StudyArgs;
use crate::cli::args::Target;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::results;
use crate::cli::screen::Screen;
use crate::cli::words;
use crate::engine;
use crate::engine::Status;
use crate::manifest;
use crate::manifest::FileRead;
use crate::manifest::Manifest;
use crate::manifest::Problem;
use crate::manifest::Report;
use crate::manifest::TableSpec;
use crate::manifest::did_you_mean;
use crate::plan;
use crate::plan::DataFolders;
use crate::plan::Plan;
use crate::plan::TaskId;
use crate::report::LayoutError;
use crate::report::Measure;
use crate::report::Study;
use crate::report::StudyTable;
use crate::stage::SourceRef;
use crate::stages::STAGES;
use crate::store::Downloads;
use crate::store::Record;
use crate::store::Sightings;
use crate::store::Store;

/// A plan with what the cache has of some of its tasks.
pub(crate) struct Found {
    /// The plan.
    pub(crate) plan: Plan,
    /// The cache.
    pub(crate) store: Store,
    /// The tasks asked for, each with what it made.
    pub(crate) made: BTreeMap<TaskId, Record>,
}

/// A manifest with its plan.
pub(crate) struct Opened {
    /// What was read.
    pub(crate) manifest: Manifest,
    /// What it comes to.
    pub(crate) plan: Plan,
}

impl Opened {
    /// Returns the axis whose values are the arms: that of the table's rows, else the first but
    /// `seed`.
    pub(crate) fn arms(&self) -> Option<String> {
        let table = self.manifest.document.table.as_ref();
        let rows = table.and_then(|table| table.rows.first()).map(|axis| axis.value.clone());
        let mut axes = self.plan.axes.iter().map(|axis| axis.name.clone());
        rows.or_else(|| axes.find(|axis| axis != "seed"))
    }

    /// Returns which files were read, and the plan: a run may take days, and needs no more.
    pub(crate) fn into_parts(self) -> (Vec<FileRead>, Plan) {
        (self.manifest.files, self.plan)
    }
}

/// Reads a manifest and plans it; draws every problem where there are some. Sources that the cache saw
/// before, and that look the same, are not read again.
pub(crate) fn open(args: &StudyArgs, cache: &Path, screen: &Screen) -> Result<Opened, Failure> {
    let manifest = manifest::load(&args.manifest, &args.set);
    let manifest = manifest.map_err(|report| drawn(&report, screen))?;
    let plan = plan::build(&manifest.document, STAGES, &folders(args, cache))
        .map_err(|problems| drawn(&manifest.report(problems), screen))?;
    if let Some(problem) = table_problem(manifest.document.table.as_ref(), &plan) {
        return Err(drawn(&manifest.report(problem.into()), screen));
    }
    Ok(Opened { manifest, plan })
}

/// Returns where the sources of a study are looked for, with what the cache knows of them.
pub(crate) fn folders(args: &StudyArgs, cache: &Path) -> DataFolders {
    DataFolders::new(args.data.iter().cloned(), &args.manifest)
        .with_sightings(Sightings::of(cache, clock::seconds_since_1970()))
        .with_downloads(Downloads::of(cache))
}

/// Returns what is wrong with the table that a manifest asks for: better before a training than after.
fn table_problem(spec: Option<&TableSpec>, plan: &Plan) -> Option<Problem> {
    let spec = spec?;
    let empty = Study::with_cells(plan, &|_| None).ok()?;
    let layout = results::layout_of(spec);
    let error = layout.and_then(|layout| StudyTable::build(&empty, &layout).map(drop)).err()?;
    let (span, help) = match &error {
        LayoutError::Measure(name) => {
            let known = Measure::ALL.map(Measure::name);
            (spec.value.as_ref().map(|name| name.span), did_you_mean(name, known))
        }
        LayoutError::Stage { .. } => (spec.stage.as_ref().map(|name| name.span), None),
        LayoutError::Axis { axis, .. } | LayoutError::Twice(axis) => {
            let axes = spec.columns.iter().chain(&spec.rows);
            (axes.rev().find(|name| name.value == *axis).map(|name| name.span), None)
        }
        LayoutError::Baseline { .. } => (spec.baseline.as_ref().map(|name| name.span), None),
        LayoutError::NoScores => (spec.stage.as_ref().map(|name| name.span), None),
    };
    let help = help.unwrap_or_else(|| "change it below `table`, or take it away there".to_owned());
    Some(Problem { span, ..Problem::nowhere(error.to_string()) }.help(help))
}

/// Returns the plan of a manifest.
pub(crate) fn plan(args: &StudyArgs, cache: &Path, screen: &Screen) -> Result<Plan, Failure> {
    Ok(open(args, cache, screen)?.plan)
}

/// Most problems that are drawn: nobody reads more, and each is looked for in the whole text.
const DRAWN: usize = 100;

/// Draws problems on standard error, and returns the failure that stands for all of them.
pub(crate) fn drawn(report: &Report, screen: &Screen) -> Failure {
    let theme =
        if screen.colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    let count = report.problems.0.len();
    for diagnosis in report.diagnoses().take(DRAWN) {
        let mut text = String::new();
        handler.render_report(&mut text, &diagnosis).expect("writing to a String cannot fail");
        screen.say(text.trim_end());
    }
    if count > DRAWN {
        screen.say(&format!("  and {} after these", words::many(count - DRAWN, "problem")));
    }
    Failure::Manifest { count, manifest: report.manifest.clone() }
}

/// Returns the tasks that stages or slices name; none where none is named.
pub(crate) fn select(plan: &Plan, names: &[String]) -> Result<BTreeSet<TaskId>, Failure> {
    let mut selected = BTreeSet::new();
    for name in names {
        let found = plan
            .select(name)
            .map_err(|error| Failure::Usage { problem: error.message, help: error.help })?;
        selected.extend(found.tasks);
    }
    Ok(selected)
}

/// Returns an error where a file was found nowhere that is needed, as the task and its name tell.
pub(crate) fn refuse_missing_sources(
    plan: &Plan,
    is_needed: impl Fn(TaskId, &str) -> bool,
    args: &StudyArgs,
) -> Result<(), Failure> {
    let mut missing = plan.missing_sources().into_iter();
    let Some((id, source)) = missing.find(|(id, source)| is_needed(*id, &source.name)) else {
        return Ok(());
    };
    let SourceRef { name, param, remote, .. } = source;
    let folders = DataFolders::new(args.data.iter().cloned(), &args.manifest);
    let folders: Vec<String> =
        folders.folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    let problem = format!(
        "{}: `{name}`, named by its param `{param}`, is not in {}",
        plan.task(id),
        folders.join(" or ")
    );
    let help = match remote {
        Some(remote) => format!("put it there, or let `ablate fetch` bring it from {}", remote.url),
        None => "put it there, or name its folder with `--data DIR` or ABLATE_DATA".to_owned(),
    };
    Err(Failure::usage(problem).help(help))
}

/// Returns an error where nobody knows what a file holds from which the wanted are made, or what they need: without
/// that a task has no key, and what it made is not found.
pub(crate) fn refuse_unknown_sources(
    plan: &Plan,
    wanted: &BTreeSet<TaskId>,
    args: &StudyArgs,
) -> Result<(), Failure> {
    let needed = plan.with_ancestors(wanted);
    let is_unknown = |id: TaskId, name: &str| {
        needed.contains(&id)
            && plan.task(id).sources.get(name).is_some_and(|source| source.digest.is_none())
    };
    refuse_missing_sources(plan, is_unknown, args)
}

/// Returns the command that runs a task of a study as it was given, to be typed into a shell.
fn run_command(study: &StudyArgs, task: &str, cache: &Path) -> String {
    let mut command = vec!["ablate".to_owned(), "run".to_owned()];
    let mut add = |word: &str| command.push(words::argument(word));
    add(&study.manifest.to_string_lossy());
    add(task);
    for change in &study.set {
        add("--set");
        add(change);
    }
    for folder in &study.data {
        add("--data");
        add(&folder.to_string_lossy());
    }
    if cache != Path::new("cache") {
        add("--cache");
        add(&cache.to_string_lossy());
    }
    command.join(" ")
}

/// Returns what the tasks of a target made; an error names those that have not run.
pub(crate) fn records(target: &Target, cache: &Path, screen: &Screen) -> Result<Found, Failure> {
    let plan = plan(&target.study, cache, screen)?;
    let store = Store::open(cache)?;
    let wanted = select(&plan, std::slice::from_ref(&target.stage))?;
    let mut status = engine::status(&plan, &store);
    let mut made = BTreeMap::new();
    for id in wanted {
        let Some(Status::Hit { record, .. }) = status.remove(&id) else {
            refuse_unknown_sources(&plan, &BTreeSet::from([id]), &target.study)?;
            let task = plan.task(id);
            let problem = format!("`{task}` has not run, or was run otherwise");
            let help = run_command(&target.study, &task.to_string(), cache);
            return Err(Failure::usage(problem).help(help));
        };
        made.insert(id, *record);
    }
    Ok(Found { plan, store, made })
}
