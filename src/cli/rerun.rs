//! `ablate cache verify --rerun`: runs recorded tasks again and says what came out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::cli::args::Form;
use crate::cli::args::RerunArgs;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::guard;
use crate::cli::programs;
use crate::cli::run;
use crate::cli::screen::Screen;
use crate::cli::words;
use crate::engine;
use crate::engine::Options;
use crate::engine::Rerun;
use crate::engine::Reruns;
use crate::engine::Verdict;
use crate::plan::DataFolders;
use crate::seed::Seed;
use crate::stages::STAGES;
use crate::store::Record;
use crate::store::Store;

/// Nothing asks reruns to stop: Ctrl-C ends the program, and nothing is lost.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Stands for the device of what runs inside the engine.
const ENGINE: &str = "engine";

/// What came out, as JSON shows it.
#[derive(Serialize)]
struct Told {
    same: usize,
    near: usize,
    different: usize,
    not_run: usize,
    tolerance: f64,
    reruns: Vec<Rerun>,
}

/// Runs the chosen tasks again; one that gives something else is a failure, and so is that none could be run.
pub(crate) fn run(
    store: &Store,
    args: &RerunArgs,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let chosen = choose(store, args)?;
    let time = clock::seconds_since_1970();
    let options = Options {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        devices: args.device.parse().map_err(Failure::usage)?,
        worker: run::worker(args.worker.as_deref()),
        programs: args.allow_exec.then(programs::environment),
        guard: Some(Arc::new(guard::of_this_process())),
        ..Options::new(clock::run_name(time), time, &NEVER)
    };
    let folders =
        DataFolders::new(args.data.clone(), Path::new("")).with_downloads(store.downloads());
    let reruns = Reruns::new(STAGES, store, &folders, &options, args.tolerance);
    let mut all = Vec::new();
    for record in &chosen {
        let rerun = reruns.run(record);
        if !form.is_json() {
            screen.print(&line(&rerun));
        }
        all.push(rerun);
    }
    let told = Told::of(all, args.tolerance);
    if form.is_json() {
        screen.print_json(&told);
    } else {
        screen.print(&told.text());
    }
    let tasks = told.reruns.len();
    match told.different {
        0 if tasks > 0 && told.not_run == tasks => Err(Failure::NoneRan { tasks }),
        0 => Ok(()),
        different => Err(Failure::Differ { different, tasks }),
    }
}

/// Returns the records to run again: those named, or a sample.
fn choose(store: &Store, args: &RerunArgs) -> Result<Vec<Record>, Failure> {
    let mut records = store.records()?;
    for kind in &args.kind {
        if !STAGES.iter().any(|known| known.name == *kind) {
            let problem = format!("there is no kind `{kind}`");
            return Err(Failure::usage(problem).help("`ablate kinds` lists them"));
        }
    }
    if !args.kind.is_empty() {
        records.retain(|record| args.kind.iter().any(|kind| kind == record.kind()));
    }
    for key in &args.task {
        let of_key = |record: &&Record| record.key_digest().to_string().starts_with(key);
        match records.iter().filter(of_key).count() {
            1 => {}
            0 => {
                let problem = format!("the cache has no record whose key begins with `{key}`");
                return Err(Failure::usage(problem).help("`ablate explain` shows a task's key"));
            }
            many => {
                let problem = format!("{many} records have keys that begin with `{key}`");
                return Err(Failure::usage(problem).help("write more of the key"));
            }
        }
    }
    if !args.task.is_empty() {
        let is_named = |key: String| args.task.iter().any(|named| key.starts_with(named));
        records.retain(|record| is_named(record.key_digest().to_string()));
        return Ok(records);
    }
    let count = args.rerun.unwrap_or_default();
    Ok(engine::sample(records, count, Seed(args.seed.unwrap_or_else(clock::seconds_since_1970))))
}

fn line(rerun: &Rerun) -> String {
    let key = rerun.key.short();
    let devices = match (&rerun.recorded_on, &rerun.run_on) {
        (Some(then), Some(now)) if then != now => format!("{then}, now {now}"),
        (Some(then), _) => then.clone(),
        (None, _) => ENGINE.to_owned(),
    };
    let verdict = match &rerun.verdict {
        Verdict::Same => "the same, bit for bit".to_owned(),
        Verdict::Near { apart } => format!("within tolerance, {apart:.1e} apart"),
        Verdict::Different { apart: Some(apart), .. } => format!("DIFFERENT, {apart:.1e} apart"),
        Verdict::Different { apart: None, what } => format!("DIFFERENT: {what}"),
        Verdict::NotRun { problem, help: None } => format!("not run: {problem}"),
        Verdict::NotRun { problem, help: Some(help) } => format!("not run: {problem}; {help}"),
    };
    format!("{key}  {:16}  {devices:8}  {verdict}", rerun.kind)
}

impl Told {
    fn of(reruns: Vec<Rerun>, tolerance: f64) -> Self {
        let count = |is: fn(&Verdict) -> bool| reruns.iter().filter(|one| is(&one.verdict)).count();
        Self {
            same: count(|verdict| matches!(verdict, Verdict::Same)),
            near: count(|verdict| matches!(verdict, Verdict::Near { .. })),
            different: count(|verdict| matches!(verdict, Verdict::Different { .. })),
            not_run: count(|verdict| matches!(verdict, Verdict::NotRun { .. })),
            tolerance,
            reruns,
        }
    }

    /// Returns a row for each kind and device, and the sum.
    fn text(&self) -> String {
        let mut rows: BTreeMap<(&str, String), [usize; 4]> = BTreeMap::new();
        for rerun in &self.reruns {
            let device = rerun.recorded_on.clone().unwrap_or_else(|| ENGINE.to_owned());
            let row = rows.entry((&rerun.kind, device)).or_default();
            row[match rerun.verdict {
                Verdict::Same => 0,
                Verdict::Near { .. } => 1,
                Verdict::Different { .. } => 2,
                Verdict::NotRun { .. } => 3,
            }] += 1;
        }
        let head = ["kind", "device", "same", "near", "different", "not run"];
        let mut lines = vec![
            String::new(),
            format!(
                "{:16}  {:8}  {:>6}  {:>6}  {:>9}  {:>7}",
                head[0], head[1], head[2], head[3], head[4], head[5]
            ),
        ];
        for ((kind, device), [same, near, different, not_run]) in rows {
            lines.push(format!(
                "{kind:16}  {device:8}  {same:>6}  {near:>6}  {different:>9}  {not_run:>7}"
            ));
        }
        lines.push(format!(
            "{} again: {} bit for bit the same, {} within {:e}, {} different, {} not run",
            words::many(self.reruns.len(), "task"),
            self.same,
            self.near,
            self.tolerance,
            self.different,
            self.not_run
        ));
        lines.join("\n")
    }
}
