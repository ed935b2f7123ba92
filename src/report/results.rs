//! The page's tables of numbers: the study's table, differences, classes and predictions.

use std::collections::BTreeMap;

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::artifact::Prediction;
use crate::measure::confusion::ClassCounts;
use crate::report::Comparison;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::TableCell;
use crate::report::TableRow;
use crate::report::notes;
use crate::report::pooled::Pooled;
use crate::report::text;

/// Hardest images that are listed.
const HARDEST: usize = 8;

/// Returns the study's table.
pub(super) fn table(table: &StudyTable) -> Markup {
    let axis =
        if table.row_axes.is_empty() { "study".to_owned() } else { table.row_axes.join(" / ") };
    html! {
        p { (worded(&table.heading())) "." }
        div.wide {
            table.result {
                caption { "Table 1. " (table.measure.title()) " by " (axis)
                    @if !table.column_axes.is_empty() { " and " (table.column_axes.join(" / ")) } "." }
                thead { tr {
                    th scope="col" { (axis) }
                    th.number scope="col" { "training images" }
                    @for column in &table.columns { th.number scope="col" { (column) } }
                } }
                tbody { @for row in &table.rows { (result_row(table, row)) } }
            }
        }
        p.note { "Below each value stand its 95 % interval, the right answers of each run, and its distance from \
                  always answering the most frequent class." }
        @for sentence in notes::notes(table) { p.note { (worded(&sentence)) "." } }
        @for (index, reason) in table.leaks.iter().enumerate() {
            p.note.leak {
                "[" (index + 1) "] Test images may have reached the classifier: " (reason)
            }
        }
    }
}

/// Returns a sentence whose words between backticks are code.
fn worded(sentence: &str) -> Markup {
    html! {
        @for (index, part) in sentence.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn result_row(table: &StudyTable, row: &TableRow) -> Markup {
    html! {
        tr {
            th scope="row" { (row.name) }
            td.number { (text::training(row.training_images)) }
            @for cell in &row.cells { td.number { (result_cell(table, cell)) } }
        }
    }
}

fn result_cell(table: &StudyTable, cell: &TableCell) -> Markup {
    html! {
        @if let Some(value) = table.value(cell) {
            strong { (value) } (marks(&cell.leaks))
            @if let Some(interval) = table.interval(cell) { span.small { (interval) } }
            span.small { (text::runs(cell)) }
            @if let Some(over) = table.over_majority(cell) { span.small { (over) } }
        } @else {
            span.missing { (text::missing(cell)) }
        }
    }
}

fn marks(leaks: &[usize]) -> Markup {
    html! { @if !leaks.is_empty() { sup.leak title="test images may have reached the classifier" { (text::marks(leaks)) } } }
}

/// Returns every row of the table against its baseline.
pub(super) fn differences(table: &StudyTable) -> Markup {
    if table.comparisons.is_empty() {
        return PreEscaped(String::new());
    }
    html! {
        p { (worded(&table.comparison_heading())) "." }
        div.wide {
            table {
                thead { tr {
                    th scope="col" { (table.row_axes.join(" / ")) }
                    th scope="col" { (table.column_axes.join(" / ")) }
                    th.number scope="col" { "difference" }
                    th.number scope="col" { "95 % interval" }
                    th.number scope="col" { "p" }
                    th.number scope="col" { "won : lost, exact p of each run" }
                } }
                tbody { @for one in &table.comparisons { (difference(table, one)) } }
            }
        }
        p.note {
            "Won: images that only the classifier of this row got right; lost: those that only the \
             baseline's did. Each run's p is McNemar's, exact; corrected after Holm over all runs of the table: "
            code { "ablate table --format json" } "."
        }
    }
}

fn difference(table: &StudyTable, one: &Comparison) -> Markup {
    let show = |number: f64| table.measure.difference(number);
    html! {
        tr {
            th scope="row" { (table.compared(one)) }
            td { (one.column) }
            td.number { (one.difference.map_or("n/a".to_owned(), show)) (marks(&one.leaks)) }
            td.number {
                @if let Some((low, high)) = one.interval { (show(low)) " to " (show(high)) }
                @else { "n/a" }
            }
            td.number { (one.corrected_p.map_or("n/a".to_owned(), text::p_value)) }
            td.number {
                @for test in &one.seeds {
                    span.small { (test.row_only) " : " (test.reference_only) " (" (text::p_value(test.p)) ")" }
                }
            }
        }
    }
}

/// Returns precision, recall and F1 of each class, over all runs of a cell together.
pub(super) fn classes(study: &Study<'_>, table: &StudyTable) -> Markup {
    let cells = Pooled::all(study, table);
    if cells.is_empty() {
        return PreEscaped(String::new());
    }
    let per_cent = |share: Option<f64>| {
        share.map_or("n/a".to_owned(), |share| format!("{:.1}", 100.0 * share))
    };
    html! {
        p { "Precision, recall and F1 of each class in per cent, over all runs of a cell together." }
        div.wide {
            table {
                thead {
                    tr {
                        th scope="col" rowspan="2" { "cell" }
                        @for class in cells[0].classes { th.middle scope="colgroup" colspan="3" { (class) } }
                    }
                    tr { @for _ in cells[0].classes {
                        th.number scope="col" { abbr title="precision" { "P" } }
                        th.number scope="col" { abbr title="recall" { "R" } }
                        th.number scope="col" { "F1" }
                    } }
                }
                tbody { @for cell in &cells {
                    tr {
                        th scope="row" { (cell.name) (marks(&cell.leaks)) }
                        @for class in 0..cell.classes.len() {
                            @let counts = ClassCounts::of(&cell.confusion, class);
                            td.number { (per_cent(counts.precision())) }
                            td.number { (per_cent(counts.recall())) }
                            td.number { (per_cent(counts.f1())) }
                        }
                    }
                } }
            }
        }
    }
}

/// Returns how many classifiers got each image right, and the images that fewest did.
pub(super) fn predictions(study: &Study<'_>, table: &StudyTable) -> Markup {
    let scores: Vec<_> = study
        .cells
        .iter()
        .filter(|cell| cell.stage == table.stage)
        .filter_map(|cell| cell.scores.as_ref())
        .collect();
    let Some(first) = scores.first() else { return PreEscaped(String::new()) };
    // By image, since the folds of a cross-validation have each their own.
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut images: Vec<Vec<&Prediction>> = Vec::new();
    for answer in scores.iter().flat_map(|scores| &scores.predictions) {
        let place = *places.entry(&answer.id).or_insert(images.len());
        if place == images.len() {
            images.push(Vec::new());
        }
        images[place].push(answer);
    }
    let right = |answers: &[&Prediction]| {
        answers.iter().filter(|answer| answer.label == answer.predicted).count()
    };
    let share = |answers: &[&Prediction]| right(answers) as f64 / answers.len() as f64;
    images.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let by_all = images.iter().filter(|answers| right(answers) == answers.len()).count();
    let by_none = images.iter().filter(|answers| right(answers) == 0).count();
    let most = images.iter().map(Vec::len).max().unwrap_or_default();
    let measured = if most < scores.len() { " that were measured on them" } else { "" };
    html! {
        p {
            "Of " (text::thousands(images.len())) " images, " (text::thousands(by_all))
            " were recognised by all " (most) " classifiers" (measured) " and "
            (text::thousands(by_none)) " by none."
        }
        div.wide {
            table {
                caption { "The images that fewest classifiers recognised." }
                thead { tr {
                    th scope="col" { "image" } th scope="col" { "true class" }
                    th.number scope="col" { "right" } th scope="col" { "most frequent wrong answer" }
                } }
                tbody { @for answers in images.iter().take(HARDEST) {
                    @let answer = answers[0];
                    tr {
                        th scope="row" { code { (answer.id) } }
                        td { (first.classes[answer.label]) }
                        td.number { (right(answers)) " of " (answers.len()) }
                        td { (usual_mistake(answers, &first.classes)) }
                    }
                } }
            }
        }
    }
}

fn usual_mistake(answers: &[&Prediction], classes: &[String]) -> String {
    let mut counts = vec![0_usize; classes.len()];
    for answer in answers.iter().filter(|answer| answer.predicted != answer.label) {
        counts[answer.predicted] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let class = counts.iter().position(|count| *count == most && most > 0);
    class.map_or("none".to_owned(), |class| format!("{} ({most} times)", classes[class]))
}
