//! The report: one HTML page with every table and figure, readable without a network.
//!
//! Everything from outside goes through maud, which escapes it; nothing is loaded from elsewhere.

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::report::Study;
use crate::report::StudyTable;
use crate::report::figures;
use crate::report::generated;
use crate::report::notes::test_images;
use crate::report::overview;
use crate::report::provenance;
use crate::report::results;

/// Looks of the page.
const STYLE: &str = include_str!("style.css");

/// What the page says of its own making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imprint {
    /// Day on which the page was made, as it is to be read.
    pub date: String,
    /// Program and version.
    pub program: String,
    /// One sentence on the study; empty where nothing is said.
    pub about: String,
}

/// A heading, its place on the page, and what stands below it.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// Returns the whole page.
pub fn page(study: &Study<'_>, table: &StudyTable, imprint: &Imprint) -> String {
    let sections = sections(study, table);
    let name = &study.plan.name;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.over { "Report of a study" }
                    h1 { (name) }
                    @if !imprint.about.is_empty() { p.lead { (imprint.about) } }
                    (facts(study, table, imprint))
                    nav aria-label="Sections" {
                        @for section in &sections { a href={ "#" (section.id) } { (section.title) } }
                    }
                }
                main {
                    @for section in &sections {
                        section id=(section.id) { h2 { (section.title) } (section.body) }
                    }
                }
                footer { p { "Made by " (imprint.program) " on " (imprint.date) "." } }
            }
        }
    }
    .into_string()
}

fn sections(study: &Study<'_>, table: &StudyTable) -> Vec<Section> {
    let one = |id, title, body: Markup| Section { id, title, body };
    let all = vec![
        one("table", "Result", results::table(table)),
        one("differences", "Differences", results::differences(table)),
        one("measures", "Measures", overview::measures(study, table)),
        one("images", "Real beside synthetic", figures::galleries(study)),
        one("generated", "Generated images", generated::section(&study.generated)),
        one("curves", "Training curves", figures::curves(study, table)),
        one("confusion", "Confusion matrices", figures::confusions(study, table)),
        one("classes", "Classes", results::classes(study, table)),
        one("predictions", "Predictions", results::predictions(study, table)),
        one("gan", "GAN training", figures::gans(study)),
        one("sets", "Training sets", provenance::training_sets(study, table)),
        one("provenance", "Provenance", provenance::partitions(study)),
        one("tasks", "Tasks", provenance::tasks(study)),
    ];
    all.into_iter().filter(|section| !section.body.0.is_empty()).collect()
}

fn facts(study: &Study<'_>, table: &StudyTable, imprint: &Imprint) -> Markup {
    let run = study.cells.iter().filter(|cell| cell.scores.is_some()).count();
    html! {
        dl.facts {
            div { dt { "Date" } dd { (imprint.date) } }
            div { dt { "Classifiers measured" } dd { (run) " of " (study.cells.len()) } }
            @if let Some(images) = test_images(&table.baselines) { div { dt { "Test images" } dd { (images) } } }
            @for axis in &study.plan.axes {
                @let values: Vec<&str> = axis.values.iter().map(|one| one.name.as_str()).collect();
                div { dt { (axis.name) } dd { (values.join(", ")) } }
            }
            @if !study.plan.overrides.is_empty() {
                div { dt { "Set by hand" } dd { code { (study.plan.overrides.join(" ")) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Imprint;
    use super::page;
    use crate::report::Layout;
    use crate::report::Study;
    use crate::report::StudyTable;
    use crate::report::sample;

    fn rendered(change: impl Fn(&mut Study<'_>)) -> String {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        change(&mut study);
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        let imprint = Imprint {
            date: "21 November 2026".into(),
            program: "ablate 0.1.0".into(),
            about: "Do images made by a GAN help?".into(),
        };
        page(&study, &table, &imprint)
    }

    #[test]
    fn every_table_and_figure_is_there() {
        let html = rendered(|_| {});
        for id in [
            "table",
            "differences",
            "measures",
            "images",
            "curves",
            "confusion",
            "classes",
            "predictions",
            "gan",
            "sets",
            "provenance",
            "tasks",
        ] {
            assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
            assert!(html.contains(&format!("href=\"#{id}\"")), "{id}");
        }
        // Five measured cells with an accuracy and a loss curve each, and two charts of the GAN.
        assert_eq!(html.matches("<svg class=\"chart\"").count(), 5 * 2 + 2);
        assert_eq!(html.matches("class=\"confusion\"").count(), 5);
        assert!(html.contains("not run") && html.contains("to show what leakage does"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = rendered(|_| {});
        for word in ["http:", "https:", "<script", "<link", "@import", "url(", "src=\"/"] {
            assert!(!html.contains(word), "{word}");
        }
        let images = html.matches("<img ").count();
        assert_eq!(html.matches("src=\"data:image/png;base64,").count(), images);
        assert_eq!(html.matches(" alt=\"").count(), images);
        assert!(images > 0 && !html.contains("alt=\"\""));
    }

    #[test]
    fn hostile_names_stay_text() {
        let hostile = "<script>alert('x')</script>\"";
        let html = rendered(|study| {
            study.gans[0].task = hostile.into();
            study.galleries[0].task = hostile.into();
            study.galleries[0].rows[0].class = hostile.into();
            for cell in &mut study.cells {
                cell.training[0].task = hostile.into();
                cell.leaks = vec![hostile.into()];
                cell.at.insert("arm".into(), hostile.into());
                if let Some(scores) = &mut cell.scores {
                    scores.classes[0] = hostile.into();
                    scores.predictions[0].id = hostile.into();
                }
            }
        });
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_same_study_gives_the_same_page() {
        assert_eq!(rendered(|_| {}), rendered(|_| {}));
    }

    #[test]
    fn a_study_that_has_not_run_has_a_page_too() {
        let html = rendered(|study| {
            study.galleries.clear();
            study.gans.clear();
            study.digests.clear();
            study.cells.iter_mut().for_each(|cell| {
                cell.scores = None;
                cell.history = None;
            });
        });
        assert!(html.contains("not run") && !html.contains("id=\"curves\""));
    }
}
