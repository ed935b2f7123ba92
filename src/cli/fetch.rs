//! `ablate fetch`: brings the files ahead that a study's sources name and that are found nowhere.
//!
//! `ablate run` does the same for those that it needs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use crate::cli::args::FetchArgs;
use crate::cli::environment;
use crate::cli::failure::Failure;
use crate::cli::run;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::terminal::Terminal;
use crate::cli::words;
use crate::engine;
use crate::engine::Supplied;
use crate::engine::Supplier;
use crate::fetch::Client;
use crate::fetch::Limits;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::store::Store;

/// Brings what the wanted stages, and all that they need, read and is not at hand.
pub(crate) fn run(args: &FetchArgs, cache: &Path, screen: &Screen) -> Result<(), Failure> {
    let plan = study::plan(&args.study, cache, screen)?;
    let wanted = study::select(&plan, &args.stages)?;
    let needed: BTreeSet<TaskId> = if wanted.is_empty() {
        plan.tasks.iter().map(|task| task.id).collect()
    } else {
        plan.with_ancestors(&wanted)
    };
    let store = Store::open(cache)?;
    run::stop_on_interrupt(screen);
    let brought = bring(&plan, &needed, &store, screen, &run::STOP)?;
    let mut sources: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    let mut lines = Vec::new();
    for task in plan.tasks.iter().filter(|task| needed.contains(&task.id)) {
        for (name, state, path) in told(task, &brought) {
            let path_text = path.as_deref().map(|path| path.display().to_string());
            let line = format!(
                "{name}: {state}{}",
                path_text.as_ref().map(|path| format!(", `{path}`")).unwrap_or_default()
            );
            if sources
                .insert(name.clone(), json!({"name": name, "state": state, "path": path_text}))
                .is_none()
            {
                lines.push(words::printable(&line));
            }
        }
    }
    if args.form.is_json() {
        let sources: Vec<_> = sources.into_values().collect();
        screen.print_json(&json!({"study": plan.name, "sources": sources}));
    } else if lines.is_empty() {
        screen.print("no stage reads a file from outside");
    } else {
        screen.print(&lines.join("\n"));
    }
    let is_missing = |id, name: &str| needed.contains(&id) && !brought.contains_key(name);
    study::refuse_missing_sources(&plan, is_missing, &args.study)
}

/// Returns of each source of a task its name, where it stands and where it lies.
fn told(
    task: &Task,
    brought: &BTreeMap<String, Supplied>,
) -> Vec<(String, &'static str, Option<std::path::PathBuf>)> {
    let sources =
        task.sources.iter().map(|(name, source)| match (brought.get(name), &source.path) {
            (Some(supplied), _) => (name.clone(), "fetched", Some(supplied.path.clone())),
            (None, Some(path)) => (name.clone(), "at hand", Some(path.clone())),
            (None, None) => (name.clone(), "missing", None),
        });
    sources.collect()
}

/// Brings what some tasks read, is not at hand and has an address; returns it by name.
pub(crate) fn bring(
    plan: &Plan,
    tasks: &BTreeSet<TaskId>,
    store: &Store,
    screen: &Screen,
    cancel: &AtomicBool,
) -> Result<BTreeMap<String, Supplied>, Failure> {
    let wanted = engine::supplies(plan, tasks);
    let mut brought = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(brought);
    }
    let client = Client::new(&environment::for_network(std::env::vars_os()), Limits::default())
        .map_err(|error| Failure::Supply(error.into()))?;
    let terminal = Terminal::new(screen);
    let supplier = Supplier { store, client: &client, listener: &terminal, cancel };
    for source in wanted {
        if let Some(supplied) = supplier.bring(&source)? {
            brought.insert(source.name, supplied);
        }
    }
    Ok(brought)
}
