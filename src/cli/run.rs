//! `ablate run`: computes what is not cached.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::cli::args::RunArgs;
use crate::cli::clock;
use crate::cli::environment;
use crate::cli::failure::Failure;
use crate::cli::fetch;
use crate::cli::guard;
use crate::cli::plan;
use crate::cli::programs;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::terminal::Terminal;
use crate::digest::Digest;
use crate::engine;
use crate::engine::DevicePolicy;
use crate::engine::Ended;
use crate::engine::Options;
use crate::engine::Outcome;
use crate::engine::Question;
use crate::engine::WorkerCommand;
use crate::plan::Plan;
use crate::store::Store;

/// Set by the first Ctrl-C; the second one ends the program at once.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Runs the wanted stages, or shows what would run.
pub(crate) fn run(args: &RunArgs, cache: &Path, screen: &Screen) -> Result<(), Failure> {
    let devices: DevicePolicy = args.device.parse().map_err(Failure::usage)?;
    let (folders, terminal) = (study::folders(&args.study, cache), Terminal::new(screen));
    // What was found is told in JSON by its records, which a receipt has not.
    let digest = asked(args).filter(|_| !args.dry_run && !args.form.is_json());
    let question = digest.map(|digest| Question { digest, folders: &folders });
    if let Some(question) = &question {
        let options = options(args, devices.clone());
        if question.repeat(&Store::open(cache)?, &options, &terminal)? {
            return Ok(());
        }
    }
    let mut opened = study::open(&args.study, cache, screen)?;
    let mut wanted = study::select(&opened.plan, &args.stages)?;
    let store = Store::open(cache)?;
    if args.dry_run {
        let (plan, arms) = (opened.plan.limited_to(&wanted), opened.arms());
        return plan::show(&plan, arms, &store, args.form, screen);
    }
    stop_on_interrupt(screen);
    if !opened.plan.missing_sources().is_empty() {
        let mut needed = engine::pending(&opened.plan, &wanted, &store);
        if !args.offline && !fetch::bring(&opened.plan, &needed, &store, screen, &STOP)?.is_empty()
        {
            opened = study::open(&args.study, cache, screen)?; // keys hold what has come
            wanted = study::select(&opened.plan, &args.stages)?;
            needed = engine::pending(&opened.plan, &wanted, &store);
        }
        study::refuse_missing_sources(&opened.plan, |id, _| needed.contains(&id), &args.study)?;
    }
    if !args.allow_exec {
        programs::refuse(&opened, &wanted, &store, screen)?;
    }
    let (files, plan) = opened.into_parts();
    let plan = &plan;
    let options = options(args, devices); // its time is now, and what was fetched took long
    let outcome = engine::run(plan, &wanted, &store, &options, &terminal)?;
    if let Some(question) = question
        && let Err(error) =
            question.keep_receipt(files, (plan, &wanted), &outcome, (&store, options.time))
    {
        tracing::debug!("{error}: the next run plans again");
    }
    if args.form.is_json() {
        screen.print_json(&told(plan, &outcome, &options.run));
    }
    let [_, _, failed, skipped] = outcome.counts();
    if outcome.stopped {
        Err(Failure::Interrupted)
    } else if failed > 0 {
        Err(Failure::Stages { failed, skipped, tasks: outcome.tasks.len() })
    } else {
        Ok(())
    }
}

fn options(args: &RunArgs, devices: DevicePolicy) -> Options<'static> {
    let time = clock::seconds_since_1970();
    Options {
        jobs: args.jobs,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: clock::memory(),
        devices,
        fail_fast: args.fail_fast,
        pause: std::time::Duration::from_secs(1),
        programs: args.allow_exec.then(programs::environment),
        guard: Some(Arc::new(guard::of_this_process())),
        worker: worker(args.worker.as_deref()),
        machine: clock::machine(),
        ..Options::new(clock::run_name(time), time, &STOP)
    }
}

/// Returns a digest of this program and of all that a plan follows from but files; nothing where that cannot be told.
fn asked(args: &RunArgs) -> Option<Digest> {
    let text = |path: &PathBuf| Some(std::path::absolute(path).ok()?.to_str()?.to_owned());
    let study = &args.study;
    let folders: Vec<String> = study.data.iter().map(text).collect::<Option<_>>()?;
    let told = (text(&study.manifest)?, &study.set, folders, &args.stages);
    Some(Digest::of_value(&("run", environment::program()?, told)))
}

/// Returns how to start what runs torch stages: the program as told, else beside this one, else on the
/// path.
pub(crate) fn worker(told: Option<&Path>) -> WorkerCommand {
    let beside = || {
        let folder = std::env::current_exe().ok()?;
        Some(folder.with_file_name("ablate-worker")).filter(|path| path.exists())
    };
    let program = told.map(Path::to_owned).or_else(beside);
    WorkerCommand {
        program: program.unwrap_or_else(|| PathBuf::from("ablate-worker")),
        arguments: Vec::new(),
        environment: environment::for_worker(std::env::vars_os()),
    }
}

pub(crate) fn stop_on_interrupt(screen: &Screen) {
    let screen = screen.clone();
    // Where there already is a handler, as in a test, the program is simply not interruptible.
    let _ = ctrlc::set_handler(move || {
        if STOP.swap(true, Ordering::SeqCst) {
            #[expect(
                clippy::exit,
                reason = "the second Ctrl-C means now; the cache is whole anyway"
            )]
            std::process::exit(130);
        }
        screen.say("stopping: what trains ends its epoch and saves a checkpoint, and what arrived stays; Ctrl-C again stops at once");
    });
}

fn told(plan: &Plan, outcome: &Outcome, run: &str) -> Value {
    let tasks: Vec<Value> = outcome
        .tasks
        .iter()
        .map(|(id, ended)| {
            let task = plan.task(*id);
            let (state, record, problem) = match ended {
                Ended::Cached(record) => ("cached", Some(record), None),
                Ended::Ran(record) => ("ran", Some(record), None),
                Ended::Failed(failure) => ("failed", None, Some(failure.problem.as_str())),
                Ended::Skipped(_) => ("skipped", None, None),
            };
            let outputs = record.map(|record| {
                let digests = record.outputs.iter().map(|(port, output)| (port, output.digest));
                digests.collect::<std::collections::BTreeMap<_, _>>()
            });
            json!({
                "task": task.to_string(), "stage": task.stage, "cell": task.cell, "state": state,
                "key": record.map(|record| record.key_digest()), "outputs": outputs,
                "seconds": record.map(|record| record.seconds), "problem": problem,
            })
        })
        .collect();
    let [ran, cached, failed, skipped] = outcome.counts();
    json!({
        "run": run, "study": plan.name, "ran": ran, "cached": cached, "failed": failed,
        "skipped": skipped, "stopped": outcome.stopped, "tasks": tasks,
    })
}
