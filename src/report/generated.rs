//! What became of generated images: how far they are from real ones, which were chosen and why, how far those who
//! labelled them agree.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::artifact::Agreement;
use crate::artifact::Artifact;
use crate::artifact::Compared;
use crate::artifact::Error;
use crate::artifact::Measured;
use crate::artifact::Pair;
use crate::artifact::Quality;
use crate::artifact::Table;
use crate::artifact::Yardstick;
use crate::plan::Plan;
use crate::report::study::Finder;
use crate::report::study::outputs_of;
use crate::report::text::thousands;

/// Column of a table that says why an image was kept or not.
const REASON: &str = "reason";
/// Column of a table that names the image.
const ID: &str = "id";

/// What is known of generated images, by the task that found it.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    /// Their distance from real ones.
    pub qualities: Vec<(String, Quality)>,
    /// Reason for which images were kept or not -> how many.
    pub fates: Vec<(String, BTreeMap<String, usize>)>,
    /// How far ways of labelling agree.
    pub agreements: Vec<(String, Agreement)>,
}

impl Generated {
    /// Reads what of it has been found out.
    pub(super) fn read(plan: &Plan, find: &Finder<'_>) -> Result<Self, Error> {
        let tables = all::<Table>(plan, find)?.into_iter();
        let fates = tables.filter_map(|(task, table)| Some((task, fates(&table)?))).collect();
        let mut agreements = all::<Agreement>(plan, find)?;
        agreements.retain(|(_, agreement)| !agreement.pairs.is_empty());
        Ok(Self { qualities: all(plan, find)?, fates, agreements })
    }
}

fn all<T: Artifact>(plan: &Plan, find: &Finder<'_>) -> Result<Vec<(String, T)>, Error> {
    let found = outputs_of(plan, T::TYPE).filter_map(|output| Some((output, find(output)?)));
    found
        .map(|(output, found)| Ok((plan.task(output.task).to_string(), T::read(&found.tree)?)))
        .collect()
}

/// Returns how many images met each fate; of those whose reason is another image, all are one.
fn fates(table: &Table) -> Option<BTreeMap<String, usize>> {
    let place = |name| table.columns.iter().position(|column| column == name);
    let (reason, id) = (place(REASON)?, place(ID)?);
    let ids: BTreeSet<&str> = table.rows.iter().map(|row| row[id].as_str()).collect();
    let mut counts = BTreeMap::new();
    for row in &table.rows {
        let told = match row[reason].rsplit_once(' ') {
            Some((what, other)) if ids.contains(other) => format!("{what} another"),
            _ => row[reason].clone(),
        };
        *counts.entry(told).or_insert(0) += 1;
    }
    Some(counts)
}

/// Returns all of it as a section; nothing where nothing is known.
pub(super) fn section(generated: &Generated) -> Markup {
    let Generated { qualities, fates, agreements } = generated;
    if qualities.is_empty() && fates.is_empty() && agreements.is_empty() {
        return PreEscaped(String::new());
    }
    html! {
        @for (task, quality) in qualities {
            h3 { "Distance from real images, by " code { (task) } }
            (distances(quality))
        }
        @if !fates.is_empty() {
            h3 { "What became of them" }
            div.wide { table {
                thead { tr { th scope="col" { "stage" } th scope="col" { "reason" } th.number scope="col" { "images" } } }
                tbody { @for (task, counts) in fates { @for (reason, images) in counts {
                    tr { th scope="row" { code { (task) } } td { (reason) } td.number { (thousands(*images)) } }
                } } }
            } }
        }
        @for (task, agreement) in agreements {
            h3 { "Agreement on labels, by " code { (task) } }
            (agreed(&agreement.pairs))
        }
    }
}

/// Returns the measures of all images and of each class, with what they are to be held against below each.
fn distances(quality: &Quality) -> Markup {
    let mut rows: Vec<(String, &Compared)> = Vec::new();
    let whole = std::iter::once(("all".to_owned(), &quality.all));
    let classes = quality.classes.iter().map(|(class, found)| (format!("class {class}"), found));
    for (name, Measured { whole, yardstick }) in whole.chain(classes) {
        rows.push((name.clone(), whole));
        let Some(Yardstick { held_out, generated }) = yardstick else { continue };
        let as_many = generated.iter().map(|one| (format!("{name}, as many generated"), one));
        rows.extend(as_many);
        rows.push((format!("{name}, held-out real"), held_out));
    }
    let known = |number: Option<f64>| number.map_or("n/a".to_owned(), |one| format!("{one:.3}"));
    let kid = |one: &Compared| {
        let spread = one.fidelity.kid_deviation.map(|spread| format!(" \u{b1} {spread:.3}"));
        known(one.fidelity.kid) + &spread.unwrap_or_default()
    };
    html! {
        p { "Features: " (quality.features) ". A row of held-out real images says what as many new real ones come to." }
        div.wide { table {
            thead { tr {
                th scope="col" { "images" }
                @for title in ["number", "KID", "FID", "precision", "recall", "density", "coverage", "likeness"] {
                    th.number scope="col" { (title) }
                }
                th.number scope="col" { "nearer than a held-out one" }
            } }
            tbody { @for (name, one) in &rows { tr {
                th scope="row" { (name) }
                td.number { (thousands(one.fidelity.fake)) }
                td.number { (kid(one)) }
                td.number { (known(one.fidelity.fid)) }
                td.number { (known(one.fidelity.precision)) }
                td.number { (known(one.fidelity.recall)) }
                td.number { (known(one.fidelity.density)) }
                td.number { (known(one.fidelity.coverage)) }
                td.number { (known(one.likeness)) }
                td.number { (known(one.memorisation.as_ref().map(|found| found.nearer))) }
            } } }
        } }
        @if quality.all.whole.fidelity.fid_is_biased {
            p.note { "The Frechet distance of so few images is mostly a matter of their number." }
        }
    }
}

fn agreed(pairs: &[Pair]) -> Markup {
    let known = |kappa: Option<f64>| kappa.map_or("n/a".to_owned(), |kappa| format!("{kappa:.2}"));
    html! {
        div.wide { table {
            thead { tr {
                th scope="col" { "one" } th scope="col" { "other" }
                @for title in ["images", "the same", "kappa", "weighted kappa"] {
                    th.number scope="col" { (title) }
                }
            } }
            tbody { @for pair in pairs { tr {
                th scope="row" { (pair.one) } td { (pair.other) }
                td.number { (thousands(pair.images)) }
                td.number { (thousands(pair.same)) }
                td.number { (known(pair.kappa)) }
                td.number { (known(pair.weighted_kappa)) }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::Generated;
    use super::fates;
    use super::section;
    use crate::artifact::Agreement;
    use crate::artifact::Compared;
    use crate::artifact::Measured;
    use crate::artifact::Pair;
    use crate::artifact::Quality;
    use crate::artifact::Table;
    use crate::artifact::Yardstick;
    use crate::measure::Fidelity;

    fn table() -> Table {
        let mut table = Table::new(&["id", "reason"]);
        for (id, reason) in [
            ("g/0", "best"),
            ("g/1", "near copy of g/0"),
            ("g/2", "near copy of g/1"),
            ("g/3", "lower critic"),
        ] {
            table.push(vec![id.to_owned(), reason.to_owned()]);
        }
        table
    }

    #[test]
    fn images_that_are_dropped_for_one_reason_are_counted_together() {
        let told: Vec<_> = fates(&table()).unwrap().into_iter().collect();
        let expected = [("best", 1), ("lower critic", 1), ("near copy of another", 2)];
        assert_eq!(told, expected.map(|(reason, images)| (reason.to_owned(), images)));
        assert_eq!(fates(&Table::new(&["one", "other"])), None);
    }

    #[test]
    fn the_section_has_each_measure_and_escapes_what_comes_from_outside() {
        assert_eq!(section(&Generated::default()).0, "");
        let of = |kid| Compared {
            fidelity: Fidelity {
                kid: Some(kid),
                kid_deviation: Some(0.125),
                ..Fidelity::none(30, 20)
            },
            likeness: None,
            real_likeness: None,
            memorisation: None,
        };
        let all = Measured {
            whole: of(0.75),
            yardstick: Some(Yardstick { held_out: of(0.0625), generated: None }),
        };
        let quality = Quality {
            features: "<script>".to_owned(),
            all,
            classes: vec![("ill".to_owned(), Measured { whole: of(0.5), yardstick: None })],
            nearest: Vec::new(),
        };
        let pair = Pair {
            one: "classifier".to_owned(),
            other: "own".to_owned(),
            images: 20,
            same: 15,
            kappa: Some(0.4),
            weighted_kappa: None,
        };
        let generated = Generated {
            qualities: vec![("quality".to_owned(), quality)],
            fates: vec![("kept".to_owned(), fates(&table()).unwrap())],
            agreements: vec![("named".to_owned(), Agreement { pairs: vec![pair] })],
        };
        let page = section(&generated).0;
        for expected in [
            "&lt;script&gt;",
            "0.750 \u{b1} 0.125",
            "all, held-out real",
            "0.062 \u{b1} 0.125",
            "class ill",
            "near copy of another</td><td class=\"number\">2",
            "classifier</th><td>own</td><td class=\"number\">20</td><td class=\"number\">15</td><td class=\"number\">0.40</td><td class=\"number\">n/a",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
    }
}
