//! `ablate cache gc`: removes what is not needed, and says of each thing what it was.

use serde::Serialize;

use crate::cli::args::GcArgs;
use crate::cli::args::StudyArgs;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::engine;
use crate::engine::Status;
use crate::store::Collection;
use crate::store::Policy;
use crate::store::Record;
use crate::store::Store;
use crate::store::Victim;
use crate::store::What;

/// A collection, as JSON shows it.
#[derive(Serialize)]
struct Told<'a> {
    dry_run: bool,
    #[serde(flatten)]
    collection: &'a Collection,
}

/// Collects garbage, or shows what would go.
pub(crate) fn run(args: &GcArgs, store: &Store, screen: &Screen) -> Result<(), Failure> {
    let is_vague = args.keep.is_empty()
        && args.keep_runs.is_none()
        && args.older_than.is_none()
        && args.max_size.is_none();
    if is_vague {
        let help = "give `--older-than 30d`, `--max-size 50GB`, or what to keep of all there is: \
                    `--keep MANIFEST`, `--keep-runs N`; `--dry-run` removes nothing";
        return Err(Failure::usage("nothing says what to keep or what to remove").help(help));
    }
    let mut policy = Policy {
        keep_runs: args.keep_runs,
        older_than: args.older_than,
        max_size: args.max_size,
        now: clock::seconds_since_1970(),
        ..Policy::default()
    };
    for manifest in &args.keep {
        keep(manifest, args, store, &mut policy, screen)?;
    }
    let collection =
        if args.dry_run { store.would_collect(&policy)? } else { store.collect(&policy)? };
    if args.form.is_json() {
        screen.print_json(&Told { dry_run: args.dry_run, collection: &collection });
    } else {
        screen.print(&told(&collection, args.dry_run));
    }
    Ok(())
}

/// Adds to a policy what a manifest needs now.
fn keep(
    manifest: &std::path::Path,
    args: &GcArgs,
    store: &Store,
    policy: &mut Policy,
    screen: &Screen,
) -> Result<(), Failure> {
    let study =
        StudyArgs { manifest: manifest.to_owned(), set: Vec::new(), data: args.data.clone() };
    let plan = study::plan(&study, store.folder(), screen)?;
    // Else what was made of them would go.
    let all = plan.tasks.iter().map(|task| task.id).collect();
    study::refuse_unknown_sources(&plan, &all, &study)?;
    policy.keys.extend(engine::downloads_of(&plan));
    let status = engine::status(&plan, store);
    policy.checkpoints.extend(engine::ways(&plan, &status));
    policy.keys.extend(status.values().filter_map(Status::record).map(Record::key_digest));
    Ok(())
}

fn told(collection: &Collection, dry_run: bool) -> String {
    let mut lines: Vec<String> = collection.victims.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, line_of("last used", "size", "what", "", ""));
    }
    let piles = [
        (collection.records, "record"),
        (collection.checkpoints, "training's checkpoints"),
        (collection.downloads, "download"),
        (collection.runs, "run"),
        (collection.objects, "stored file"),
        (collection.recipes, "recipe"),
    ];
    let piles = piles.into_iter().filter(|(count, _)| *count > 0);
    let piles: Vec<String> = piles.map(|(count, noun)| many(count, noun)).collect();
    let verb = if dry_run { "would remove" } else { "removed" };
    if piles.is_empty() {
        lines.push(format!("{verb} nothing; {} are left", words::bytes(collection.left)));
    } else {
        lines.push(format!(
            "{verb} {}: {}, {}; {} are left",
            piles.join(", "),
            words::many(collection.files, "file"),
            words::bytes(collection.bytes),
            words::bytes(collection.left),
        ));
    }
    if collection.spared > 0 {
        let things = words::many(collection.spared, "thing");
        lines.push(format!("spared {things} that a run had come to need meanwhile"));
    }
    if let Some(most) = collection.missed {
        lines.push(format!(
            "that is more than {}: all of it is kept, used by a living run, or younger than an hour",
            words::bytes(most)
        ));
    }
    lines.join("\n")
}

/// Returns what a victim was, on one line.
fn line(victim: &Victim) -> String {
    let what = match (victim.what, &victim.kind) {
        (What::Record, Some(kind)) => kind.clone(),
        (What::Record, None) => "record".to_owned(),
        (What::Checkpoints, _) => "checkpoints".to_owned(),
        (What::Download, _) => "download".to_owned(),
        (What::Run, _) => "run".to_owned(),
    };
    let name = match (&victim.task, victim.what) {
        (Some(task), _) => task.clone(),
        (None, What::Run) => victim.name.clone(),
        (None, _) => victim.name.chars().take(12).collect(),
    };
    let studies =
        if victim.studies.is_empty() { "-".to_owned() } else { victim.studies.join(", ") };
    let (studies, name) = (words::printable(&studies), words::printable(&name));
    line_of(&clock::date(victim.last_use), &words::bytes(victim.bytes), &what, &studies, &name)
}

fn line_of(last_use: &str, size: &str, what: &str, studies: &str, name: &str) -> String {
    let (studies, name) = if name.is_empty() { ("study", "task") } else { (studies, name) };
    format!("{last_use:10}  {size:>8}  {what:16}  {studies:20}  {name}")
}

/// Returns how many there are of something that has a plural of its own or takes an `s`.
fn many(number: usize, noun: &str) -> String {
    match noun.strip_suffix("'s checkpoints") {
        Some(noun) => format!("the checkpoints of {}", words::many(number, noun)),
        None => words::many(number, noun),
    }
}
