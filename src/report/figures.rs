//! The page's figures: images, training curves, confusion matrices, GAN losses and grids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::imaging::grid;
use crate::report::Gallery;
use crate::report::Study;
use crate::report::StudyTable;
use crate::report::TrainedGan;
use crate::report::chart::Chart;
use crate::report::chart::Line;
use crate::report::gallery;
use crate::report::pooled::Pooled;
use crate::report::text;
use crate::report::text::thousands;

/// Pixels between images of a row.
const GAP: usize = 2;

/// Returns the images that GANs were trained on beside those that they made (Figure 1).
pub(super) fn galleries(study: &Study<'_>) -> Markup {
    if study.galleries.is_empty() {
        return nothing();
    }
    html! {
        div.pair { @for gallery in &study.galleries { (show(gallery)) } }
        p.note { "The first images of each class, not chosen by hand." }
    }
}

fn show(gallery: &Gallery) -> Markup {
    html! {
        figure {
            figcaption { strong { (gallery.title) } ": " (thousands(gallery.images)) " from " code { (gallery.task) } }
            @for row in &gallery.rows {
                @let width = 100 * row.examples.len() / gallery::EXAMPLES;
                div.strip style={ "--width:" (width) "%" } {
                    span.small { @if row.class != gallery::UNLABELLED { "class " } (row.class) " (" (thousands(row.images)) ")" }
                    @let alt = format!("{} {}, class {}", row.examples.len(), gallery.title, row.class);
                    (png(&grid::png(&grid::tile(&row.examples, row.examples.len().max(1), GAP)), &alt))
                }
            }
        }
    }
}

/// Returns a PNG file inside the page.
fn png(bytes: &[u8], alt: &str) -> Markup {
    html! { img src={ "data:image/png;base64," (STANDARD.encode(bytes)) } alt=(alt); }
}

/// Returns accuracy and loss by epoch of each cell (Figures 2 and 3).
pub(super) fn curves(study: &Study<'_>, table: &StudyTable) -> Markup {
    let mut cells = Pooled::all(study, table);
    cells.retain(|cell| !cell.histories.is_empty());
    if cells.is_empty() {
        return nothing();
    }
    html! {
        p.legend { (key(0, false, "training images")) (key(1, true, "validation images")) }
        div.charts { @for cell in &cells {
            figure {
                figcaption { strong { (cell.name) } @if cell.runs > 1 { ", mean of " (cell.runs) " runs" } }
                div.two {
                    (curve(cell, "accuracy", Some((0.0, 1.0))))
                    (curve(cell, "loss", None))
                }
            }
        } }
    }
}

fn curve(cell: &Pooled<'_>, quantity: &str, bounds: Option<(f64, f64)>) -> Markup {
    let line = |name: &str, column: &str, color: usize| Line {
        name: name.to_owned(),
        points: cell.mean(column),
        color,
        dashed: color > 0,
    };
    let chart = Chart {
        about: format!("{quantity} by epoch of {}", cell.name),
        x: "epoch".to_owned(),
        y: quantity.to_owned(),
        bounds,
        lines: vec![
            line("training images", quantity, 0),
            line("validation images", &format!("validation_{quantity}"), 1),
        ],
    };
    drawn(&chart)
}

fn drawn(chart: &Chart) -> Markup {
    let Some(svg) = chart.to_svg() else { return nothing() };
    html! { div.plot { span.small { (chart.y) } (PreEscaped(svg)) } }
}

fn key(color: usize, dashed: bool, name: &str) -> Markup {
    let class = format!("line c{color}{}", if dashed { " dashed" } else { "" });
    html! {
        span.key {
            svg viewBox="0 0 28 8" aria-hidden="true" { path class=(class) d="M1 4L27 4" {} }
            (name)
        }
    }
}

/// Returns the confusion matrix of each cell, summed over its runs (Figures 4 and 5).
pub(super) fn confusions(study: &Study<'_>, table: &StudyTable) -> Markup {
    let cells = Pooled::all(study, table);
    if cells.is_empty() {
        return nothing();
    }
    html! {
        p { "Rows are true classes, columns predicted ones; entries count images over all runs of a \
             cell, and the shade is the share of the row." }
        div.charts { @for cell in &cells { (confusion(cell)) } }
    }
}

fn confusion(cell: &Pooled<'_>) -> Markup {
    html! {
        figure.narrow {
            table.confusion {
                caption { strong { (cell.name) } @if !cell.leaks.is_empty() { sup.leak { (text::marks(&cell.leaks)) } }
                    @if cell.runs > 1 { ", " (cell.runs) " runs" } }
                thead { tr {
                    th scope="col" { span.small { "true \\ predicted" } }
                    @for (index, class) in cell.classes.iter().enumerate() {
                        th.number scope="col" { abbr title=(class) { (index) } }
                    }
                } }
                tbody { @for (label, row) in cell.confusion.iter().enumerate() {
                    @let sum = row.iter().sum::<usize>().max(1) as f64;
                    tr {
                        th scope="row" { (label) @if cell.classes[label] != label.to_string() { " " span.small.inline { (cell.classes[label]) } } }
                        @for (column, count) in row.iter().enumerate() {
                            @let share = *count as f64 / sum;
                            td.number.right[label == column].strong[share > 0.55] style={ "--share:" (format!("{:.0}%", 100.0 * share)) } { (count) }
                        }
                    }
                } }
            }
        }
    }
}

/// Returns losses and sample grids of each GAN.
pub(super) fn gans(study: &Study<'_>) -> Markup {
    html! { @for gan in &study.gans { (trained(gan)) } }
}

fn trained(gan: &TrainedGan) -> Markup {
    let losses = ["critic_loss", "generator_loss"];
    let chart = |about: &str, columns: &[&str]| {
        let lines = columns.iter().enumerate();
        let lines = lines.map(|(color, column)| gan_line(gan, column, color)).collect();
        let about = format!("{about} by epoch of {}", gan.task);
        let y = columns.join(" and ").replace('_', " ");
        drawn(&Chart { about, x: "epoch".to_owned(), y, bounds: None, lines })
    };
    html! {
        figure {
            figcaption { strong { (gan.task) } ", " (thousands(gan.history.rows.len())) " epochs" }
            p.legend { (key(0, false, "critic")) (key(1, true, "generator")) }
            div.two {
                (chart("losses", &losses))
                (chart("estimated Wasserstein distance", &["wasserstein"]))
            }
            @for (name, grid) in &gan.grids {
                @let epoch = name.trim_end_matches(".png").replace('-', " ");
                div.strip.tall {
                    span.small { "samples, " (epoch) }
                    (png(grid, &format!("samples of {} at {epoch}", gan.task)))
                }
            }
        }
    }
}

fn gan_line(gan: &TrainedGan, column: &str, color: usize) -> Line {
    let epochs = gan.history.column("epoch").unwrap_or_default();
    let numbers = gan.history.column(column).unwrap_or_default();
    let points = epochs.into_iter().zip(numbers).collect();
    Line { name: column.replace('_', " "), points, color, dashed: color > 0 }
}

fn nothing() -> Markup {
    PreEscaped(String::new())
}
