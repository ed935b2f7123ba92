//! `ablate compare`: what differs between two studies, the tasks they share, and what it did to the
//! scores.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::cli::args::Form;
use crate::cli::args::LayoutArgs;
use crate::cli::args::StudyArgs;
use crate::cli::failure::Failure;
use crate::cli::results;
use crate::cli::results::Finder;
use crate::cli::screen::Screen;
use crate::cli::study;
use crate::cli::words;
use crate::plan::AxisChange;
use crate::plan::Difference;
use crate::plan::StageChange;
use crate::report::LayoutError;
use crate::report::Rivals;
use crate::report::Study;
use crate::report::Without;
use crate::store::Store;

/// Compares two manifests; what the command line changes is changed in the second.
pub(crate) fn run(
    first: &Path,
    second: &StudyArgs,
    cache: &Path,
    form: Form,
    screen: &Screen,
) -> Result<(), Failure> {
    let args = StudyArgs { manifest: first.to_owned(), set: Vec::new(), data: second.data.clone() };
    let old = study::plan(&args, cache, screen)?;
    let opened = study::open(second, cache, screen)?;
    let new = &opened.plan;
    let difference = Difference::between(&old, new);
    let store = Store::open(cache)?;
    let layout = results::layout(opened.manifest.document.table.as_ref(), &LayoutArgs::default())?;
    let finders = (Finder::new(&old, &store), Finder::new(new, &store));
    let studies = (
        Study::with_cells(&old, &|input| finders.0.find(input)),
        Study::with_cells(new, &|input| finders.1.find(input)),
    );
    finders.0.sound()?;
    finders.1.sound()?;
    let studies = (studies.0?, studies.1?);
    let rivals = match Rivals::build(&studies.0, &studies.1, &layout) {
        Err(LayoutError::NoScores) => None,
        rivals => Some(rivals?),
    };
    if form.is_json() {
        screen.print_json(&json!({
            "first": old.name, "second": new.name, "things": difference.things(),
            "difference": difference, "scores": rivals,
        }));
        return Ok(());
    }
    let names = [first.display().to_string(), second.manifest.display().to_string()];
    let mut parts = vec![differing(&difference, &names), tasks(&difference)];
    parts.extend(rivals.map(|rivals| scores(&rivals)));
    screen.print(&parts.join("\n"));
    Ok(())
}

fn differing(difference: &Difference, [first, second]: &[String; 2]) -> String {
    let mut lines: Vec<String> = difference.axes.iter().map(axis).collect();
    let stage = |(name, kind): &(String, String), side: &str| {
        format!("stage {name} ({kind}) is only in the {side}")
    };
    lines.extend(difference.removed.iter().map(|one| stage(one, "first")));
    lines.extend(difference.added.iter().map(|one| stage(one, "second")));
    lines.extend(difference.stages.iter().map(stage_change));
    if !difference.seeds.is_empty() {
        let stages: Vec<&str> = difference.seeds.iter().map(String::as_str).collect();
        lines.push(format!("seed of {}", stages.join(", ")));
    }
    let head = match difference.things() {
        0 => format!("{second} and {first} differ in nothing that decides a result"),
        things => format!("{second} differs from {first} in {}:", words::many(things, "thing")),
    };
    let mut text = vec![head];
    text.extend(lines.into_iter().map(|line| format!("  {line}")));
    let renamed = difference.renamed.iter();
    text.extend(renamed.map(|(old, new)| format!("  (stage {old} is called {new})")));
    text.join("\n") + "\n"
}

fn axis(change: &AxisChange) -> String {
    let part = |what: &str, values: &[String]| {
        (!values.is_empty()).then(|| format!("{what} {}", values.join(", ")))
    };
    let parts = [
        part("lost", &change.removed),
        part("gained", &change.added),
        part("has other values for", &change.changed),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("axis {} {}", change.axis, parts.join(", "))
}

fn stage_change(change: &StageChange) -> String {
    let place = place(&change.cells);
    format!("{}{place}: {}", change.stage, words::own_change(&change.change))
}

fn place(cells: &BTreeMap<String, Vec<String>>) -> String {
    let parts = cells.iter().map(|(axis, values)| format!("{axis}={}", values.join("|")));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { String::new() } else { format!("[{}]", parts.join(",")) }
}

fn tasks(difference: &Difference) -> String {
    let mut sums = [0; 3];
    let mut lines = Vec::new();
    for (stage, counts) in &difference.tasks {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
        let [both, first, second] = counts;
        if first + second > 0 {
            lines.push(format!(
                "  {stage}: {both} in both, {first} only in the first, {second} only in the second"
            ));
        }
    }
    let [both, first, second] = sums;
    let unknown = match difference.unknown {
        0 => String::new(),
        unknown => format!(", {unknown} unknown (their data is not at hand)"),
    };
    let head = format!(
        "tasks: {both} in both, {first} only in the first, {second} only in the second{unknown}"
    );
    [vec![head], lines].concat().join("\n") + "\n"
}

fn scores(rivals: &Rivals) -> String {
    let text = rivals.to_text();
    let head = match text.as_str() {
        "" => "scores: nothing to compare\n".to_owned(),
        _ => format!("scores ({}):\n", rivals.measure),
    };
    let without = rivals.without.iter().map(|(why, count)| {
        let cells = words::many(*count, "cell");
        match why {
            Without::NoTwin => format!("{cells} without one cell of the first that agrees\n"),
            Without::NotRun => format!("{cells} not run in both\n"),
            Without::OtherImages => format!("{cells} measured on other images\n"),
        }
    });
    head + &text + &without.collect::<String>()
}
