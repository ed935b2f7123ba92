//! `ablate check`: every problem of a manifest, or what is proved about it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::artifact::Partition;
use crate::cli::args::Form;
use crate::cli::args::StudyArgs;
use crate::cli::failure::Failure;
use crate::cli::programs;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::plan::Contrast;
use crate::plan::Doubled;
use crate::plan::Plan;
use crate::stage::Role;

/// What is proved of one stage that fits, selects, labels or measures.
#[derive(Default)]
struct Proof {
    kind: &'static str,
    /// Partitions by which it fits, selects or labels.
    seen: BTreeSet<Partition>,
    /// Partitions on which it measures.
    measured: BTreeSet<Partition>,
    leaks: BTreeSet<String>,
}

/// Checks a manifest without running anything.
pub(crate) fn run(
    args: &StudyArgs,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = study::plan(args, cache, screen)?;
    let proofs = proofs(&plan);
    let stages: BTreeSet<&str> = plan.tasks.iter().map(|task| task.stage.as_str()).collect();
    let missing: BTreeMap<String, Option<String>> = plan
        .missing_sources()
        .into_iter()
        .map(|(_, source)| (source.name, source.remote.map(|remote| remote.url.to_string())))
        .collect();
    if form.is_json() {
        let seen: Vec<_> = proofs
            .iter()
            .map(|(stage, proof)| {
                json!({
                    "stage": stage, "kind": proof.kind, "seen": proof.seen,
                    "measured": proof.measured, "leaks": proof.leaks,
                })
            })
            .collect();
        screen.print_json(&json!({
            "study": plan.name, "stages": stages.len(), "tasks": plan.tasks.len(), "proof": seen,
            "missing_sources": missing.keys().collect::<Vec<_>>(), "contrasts": plan.contrasts(), "doubled": plan.doubled(),
            "programs": programs::of(&plan).into_keys().collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let mut lines = vec![format!(
        "{}: {}, {}, no problem",
        plan.name,
        words::many(stages.len(), "stage"),
        words::many(plan.tasks.len(), "task")
    )];
    let leaking = proofs.values().any(|proof| !proof.leaks.is_empty());
    lines.push(if proofs.is_empty() {
        "no stage fits, selects or labels, so no test image can reach one".to_owned()
    } else if leaking {
        "images reach what may not take them, as `allow_leakage` permits:".to_owned()
    } else {
        "no test image reaches what fits, selects or labels:".to_owned()
    });
    let width = proofs.keys().map(String::len).max().unwrap_or_default();
    for (stage, proof) in &proofs {
        let names = |verb: &str, parts: &BTreeSet<Partition>| {
            let parts: Vec<&str> = parts.iter().map(|partition| partition.name()).collect();
            (!parts.is_empty()).then(|| format!("{verb} {}", parts.join(", ")))
        };
        let does = [names("sees", &proof.seen), names("measures on", &proof.measured)];
        let does: Vec<String> = does.into_iter().flatten().collect();
        let reasons: Vec<&str> = proof.leaks.iter().map(String::as_str).collect();
        let reason =
            if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        lines.push(format!("  {stage:width$}  {}{reason}", does.join(" and ")));
    }
    lines.extend(one_thing_at_a_time(&plan));
    lines.extend(plan.doubled().into_iter().map(|Doubled { stage, port, makers: [one, other] }| {
        format!("note: `{port}` of `{stage}` takes the same twice: `{one}` and `{other}` come of the same inputs and params")
    }));
    lines.extend(missing.iter().map(|(name, url)| match url {
        Some(url) => format!("source `{name}` is not at hand; `ablate run` fetches it from {url}"),
        None => format!("source `{name}` is not at hand"),
    }));
    screen.print(&lines.join("\n"));
    programs::tell(&plan, screen);
    Ok(())
}

/// Says of each axis whether its values differ from the first in one thing, and in what where not.
fn one_thing_at_a_time(plan: &Plan) -> Vec<String> {
    let contrasts = plan.contrasts();
    let is_seed = |contrast: &Contrast| contrast.axis == "seed";
    let is_pure = |contrast: &Contrast| match contrast {
        _ if is_seed(contrast) => contrast.things == 0,
        _ => contrast.things == 1 && contrast.pairs > 0,
    };
    let mut axes: BTreeMap<&str, Vec<&Contrast>> = BTreeMap::new();
    for contrast in contrasts.iter().filter(|contrast| contrast.tasks > 0) {
        axes.entry(&contrast.axis).or_default().push(contrast);
    }
    let names =
        axes.iter().filter(|(axis, all)| **axis != "seed" && all.iter().all(|one| is_pure(one)));
    let names: Vec<&str> = names.map(|(axis, _)| *axis).collect();
    let mut lines = Vec::new();
    if !names.is_empty() {
        lines.push(format!("one thing at a time: along {}", names.join(", ")));
    }
    for one in axes.into_values().flatten().filter(|one| !is_pure(one)) {
        let Contrast { axis, value, reference, things, .. } = one;
        let head = format!("note: {axis}: `{value}`");
        lines.push(match things {
            _ if one.pairs == 0 => {
                format!("{head} has no cell that differs from one of `{reference}` in {axis} alone")
            }
            0 => format!("{head} differs from `{reference}` in nothing that decides a result"),
            _ if is_seed(one) => {
                format!("{head} differs from `{reference}` in more than the seed:")
            }
            _ => format!(
                "{head} differs from `{reference}` in {}, so no score can tell which mattered:",
                words::many(*things, "thing")
            ),
        });
        let changes = one.changes.iter();
        lines.extend(changes.map(|(stage, one)| format!("  {stage}: {}", words::own_change(one))));
    }
    let spanned: BTreeSet<&String> = plan.tasks.iter().flat_map(|task| task.cell.keys()).collect();
    let unused = plan.axes.iter().filter(|axis| !spanned.contains(&axis.name));
    lines.extend(unused.map(|axis| format!("note: no stage spans axis {}", axis.name)));
    lines
}

/// Returns, for each stage with an input that fits, selects or measures, the partitions that reach it.
fn proofs(plan: &Plan) -> BTreeMap<String, Proof> {
    let mut proofs: BTreeMap<String, Proof> = BTreeMap::new();
    for task in &plan.tasks {
        for (port, input) in task.all_inputs() {
            let role = task.ports.input(port).map(|port| port.role);
            if !matches!(role, Some(Role::Fit | Role::Select | Role::Measure)) {
                continue;
            }
            let proof = proofs.entry(task.stage.clone()).or_default();
            proof.kind = task.kind.name;
            let partitions = plan.task(input.task).partitions.get(&*input.port);
            let reached =
                if role == Some(Role::Measure) { &mut proof.measured } else { &mut proof.seen };
            reached.extend(partitions.into_iter().flatten());
            proof.leaks.extend(task.leaks.iter().cloned());
        }
    }
    proofs
}
