//! The page's proof: what each arm was trained on, what each trained thing has seen, every digest.

use std::collections::BTreeSet;

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::artifact::Artifact;
use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::plan::Task;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::TrainingPart;
use crate::report::notes::copies_sentence;
use crate::report::text::thousands;

/// Returns how the training set of each row of the table is composed.
pub(super) fn training_sets(study: &Study<'_>, table: &StudyTable) -> Markup {
    let mut rows: Vec<(String, &[TrainingPart])> = Vec::new();
    for cell in study.cells.iter().filter(|cell| cell.stage == table.stage) {
        let value = |axis: &String| cell.at.get(axis).map_or("", String::as_str);
        let name = table.row_axes.iter().map(value).collect::<Vec<_>>().join(" / ");
        let known = rows.iter().any(|(other, parts)| *other == name && *parts == cell.training);
        if !known && !cell.training.is_empty() {
            rows.push((name, &cell.training));
        }
    }
    if rows.is_empty() {
        return PreEscaped(String::new());
    }
    let count = |images: Option<usize>| images.map_or("n/a".to_owned(), thousands);
    html! {
        div.wide { table {
            thead { tr {
                th scope="col" { (table.row_axes.join(" / ")) }
                th scope="col" { "made of" } th.number scope="col" { "images" }
            } }
            tbody { @for (name, parts) in rows {
                tr {
                    th scope="row" { (name) }
                    td { @for (index, part) in parts.iter().enumerate() {
                        @if index > 0 { " + " }
                        code { (part.task) } " (" (count(part.images)) ")"
                    } }
                    td.number { (count(parts.iter().map(|part| part.images).sum())) }
                }
            } }
        } }
    }
}

/// Returns which parts of the data set each trained thing has seen, one line a stage.
pub(super) fn partitions(study: &Study<'_>) -> Markup {
    let trained = |task: &&Task| {
        let outputs = task.ports.outputs.iter();
        outputs.clone().any(|port| [Classifier::TYPE, Gan::TYPE].contains(&port.artifact))
    };
    let mut lines: Vec<(String, String, String)> = Vec::new();
    for task in study.plan.tasks.iter().filter(trained) {
        let seen: BTreeSet<Partition> = task.partitions.values().flatten().copied().collect();
        let seen: Vec<&str> = seen.into_iter().map(Partition::name).collect();
        let leaks = if task.leaks.is_empty() { "none".to_owned() } else { task.leaks.join("; ") };
        let line = (task.stage.clone(), seen.join(", "), leaks);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return PreEscaped(String::new());
    }
    let clean = lines.iter().all(|(_, _, leaks)| leaks == "none");
    html! {
        p {
            @if clean { "No test image is among what any GAN or classifier was made from: this was proved before anything ran." }
            @else { "Test images were let through on purpose; the numbers that this touches are marked." }
        }
        @for copies in &study.copies { p { (copies_sentence(copies)) "." } }
        div.wide { table {
            thead { tr {
                th scope="col" { "stage" } th scope="col" { "made from these parts" }
                th scope="col" { "leakage allowed" }
            } }
            tbody { @for (stage, seen, leaks) in &lines {
                tr { th scope="row" { code { (stage) } } td { (seen) } td { (leaks) } }
            } }
        } }
    }
}

/// Returns every task with its kind, the images it gives, and the digests of what it made.
pub(super) fn tasks(study: &Study<'_>) -> Markup {
    html! {
        details {
            summary { (thousands(study.plan.tasks.len())) " tasks and the digests of what they made" }
            div.wide { table.dense {
                thead { tr {
                    th scope="col" { "task" } th scope="col" { "kind" }
                    th.number scope="col" { "images" } th scope="col" { "artifact" }
                } }
                tbody { @for task in &study.plan.tasks {
                    tr {
                        th scope="row" { code { (task) } }
                        td { (task.kind.name) " v" (task.kind.version) }
                        td.number { (images(task)) }
                        td { (digests(study, task)) }
                    }
                } }
            } }
        }
    }
}

fn digests(study: &Study<'_>, task: &Task) -> Markup {
    html! {
        @match study.digests.get(&task.id) {
            Some(ports) => { @for (port, digest) in ports {
                span.small { (port) " " code title=(digest) { (digest.short()) } }
            } }
            None => { span.missing { "not run" } }
        }
    }
}

fn images(task: &Task) -> String {
    let ports = task.ports.outputs.iter().filter(|port| port.artifact == ImageSet::TYPE);
    let counts: Vec<String> = ports
        .filter_map(|port| task.counts.get(&*port.name))
        .map(|counts| thousands(counts.total()))
        .collect();
    counts.join(", ")
}
