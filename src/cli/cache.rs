//! `ablate cache`: what the cache holds, whether it is whole, and what may go.

use std::path::Path;

use serde::Serialize;

use crate::cli::args::Cache;
use crate::cli::args::Form;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::gc;
use crate::cli::rerun;
use crate::cli::screen::Screen;
use crate::cli::stats;
use crate::cli::words;
use crate::store::Removed;
use crate::store::Store;
use crate::store::Verdict;

/// What a verification found, and what was done about it, as JSON shows it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Removed>,
}

/// Runs one of the cache's commands.
pub(crate) fn run(command: &Cache, folder: &Path, screen: &Screen) -> Result<(), Failure> {
    let store = Store::open_existing(folder)?;
    match command {
        Cache::Stats { form } => {
            let statistics = store.statistics(clock::seconds_since_1970())?;
            if form.is_json() {
                screen.print_json(&statistics);
            } else {
                screen.print(&stats::told(&statistics));
            }
            Ok(())
        }
        Cache::Gc(args) => gc::run(args, &store, screen),
        Cache::Verify { rerun, form, .. } if rerun.is_asked_for() => {
            rerun::run(&store, rerun, *form, screen)
        }
        Cache::Verify { repair, form, .. } => verify(&store, *repair, *form, screen),
    }
}

/// Verifies a cache; one with a problem is a failure unless it is repaired.
fn verify(store: &Store, repair: bool, form: Form, screen: &Screen) -> Result<(), Failure> {
    let verdict = store.verify()?;
    let removed = if repair { Some(store.repair(&verdict)?) } else { None };
    if form.is_json() {
        screen.print_json(&Told { verdict: &verdict, removed });
    } else {
        screen.print(&judged(&verdict, removed));
    }
    if verdict.is_sound() || repair {
        Ok(())
    } else {
        Err(Failure::Damaged { problems: verdict.damaged.len() + verdict.missing.len() })
    }
}

fn judged(verdict: &Verdict, removed: Option<Removed>) -> String {
    let mut lines = Vec::new();
    lines.extend(
        verdict.damaged.iter().map(|found| format!("damaged   {}: {}", found.path, found.why)),
    );
    lines.extend(verdict.missing.iter().map(|missing| {
        let key = missing.key.short();
        format!(
            "missing   {} of `{}`, made by a {} ({key})",
            missing.path, missing.port, missing.kind
        )
    }));
    lines.extend(verdict.orphaned.iter().map(|path| format!("orphaned  {path}")));
    lines.push(format!(
        "{} files hashed, {}: {} damaged, {} missing, {} orphaned",
        words::count(verdict.objects),
        words::bytes(verdict.bytes),
        verdict.damaged.len(),
        verdict.missing.len(),
        verdict.orphaned.len()
    ));
    lines.extend(removed.map(|removed| match removed {
        Removed { files: 0, records: 0 } => "there is nothing to repair".to_owned(),
        Removed { files, records } => format!(
            "removed {} and {} of what is not whole; a run computes it again",
            words::many(files, "damaged file"),
            words::many(records, "record")
        ),
    }));
    lines.join("\n")
}
