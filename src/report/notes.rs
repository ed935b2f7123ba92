//! What is to be said below a study's table: the majority's share, copies, steps, what noise hides.

use std::collections::BTreeSet;

use crate::artifact::Partition;
use crate::report::Baseline;
use crate::report::Comparison;
use crate::report::Copies;
use crate::report::Detectable;
use crate::report::SharedGan;
use crate::report::StudyTable;
use crate::report::TableRow;
use crate::report::text::thousands;

/// Sets of test images that have a sentence each.
const BASELINES: usize = 3;

/// Returns every sentence that stands below the table, but for its leaks.
pub(super) fn notes(table: &StudyTable) -> Vec<String> {
    let mut notes = baseline_sentences(&table.baselines);
    notes.extend(table.copies.iter().map(copies_sentence));
    notes.extend(partitions_sentence(table));
    notes.extend(steps_sentence(&table.rows));
    notes.extend(table.shared.iter().map(shared_sentence));
    notes.extend(noise_sentence(table));
    notes
}

/// Returns a warning where a classifier may know what it is measured on.
fn partitions_sentence(table: &StudyTable) -> Option<String> {
    let names: Vec<&str> = table.measured.iter().map(|partition| partition.name()).collect();
    table.measured.iter().any(|one| *one != Partition::Test).then(|| {
        format!(
            "Warning: `{}` measures {} images; how a classifier does on images that neither trained nor chose it is \
             told by test images alone",
            table.stage,
            names.join(", ")
        )
    })
}

/// Returns what no interval holds where runs share a GAN.
fn shared_sentence(shared: &SharedGan) -> String {
    format!(
        "Runs of {} share one `{}`: what another training of it would change is in no interval and no p; let that \
         stage span the axis of the runs too",
        shared.rows.join(", "),
        shared.gan
    )
}

/// Returns how many steps the optimiser went in each row, where rows differ: what follows longer training is
/// no effect of the images.
fn steps_sentence(rows: &[TableRow]) -> Option<String> {
    let known: Vec<(&TableRow, (usize, usize))> =
        rows.iter().filter_map(|row| Some((row, row.steps?))).collect();
    if known.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        return None;
    }
    let steps = |(row, (least, most)): &(&TableRow, (usize, usize))| {
        let to = if least == most { String::new() } else { format!(" to {}", thousands(*most)) };
        format!("{} {}{to}", row.name, thousands(*least))
    };
    let told = known.iter().map(steps).collect::<Vec<_>>().join(", ");
    Some(format!(
        "Warning: rows differ in the optimiser's steps ({told}); a difference may come of longer training alone"
    ))
}

/// Returns which differences this study cannot tell from noise, by the spread that resampling found.
fn noise_sentence(table: &StudyTable) -> Option<String> {
    let known: Vec<(&Comparison, Detectable)> =
        table.comparisons.iter().filter_map(|one| Some((one, one.detectable?))).collect();
    let range = |of: fn(&Detectable) -> f64| {
        let shown: Vec<f64> = known.iter().map(|(_, one)| of(one)).collect();
        let least = shown.iter().copied().fold(f64::INFINITY, f64::min);
        let most = shown.iter().copied().fold(0.0, f64::max);
        let [least, most] = [least, most].map(|one| table.measure.rough(one));
        if least == most { least } else { format!("{least} to {most}") }
    };
    let counts = |of: fn(&Detectable) -> usize| {
        let counts: BTreeSet<usize> = known.iter().map(|(_, one)| of(one)).collect();
        let (least, most) = (*counts.first()?, *counts.last()?);
        let to = if least == most { String::new() } else { format!(" to {}", thousands(most)) };
        Some((format!("{}{to}", thousands(least)), most))
    };
    let (images, _) = counts(|one| one.images)?;
    let (runs, most) = counts(|one| one.runs)?;
    let every_run = known.iter().all(|(one, noise)| noise.runs == one.seeds.len());
    let of = match table.pooled_axes.as_slice() {
        [axis] if every_run => axis.as_str(),
        _ => "run",
    };
    let many = if most == 1 { "" } else { "s" };
    let unit = match table.measure.unit() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let lone = if most == 1 { "; by how much runs differ cannot be seen in one" } else { "" };
    let part = match table.measured.iter().collect::<Vec<_>>().as_slice() {
        [Partition::Whole] | [_, _, ..] => String::new(),
        [one] => format!("{} ", one.name()),
        [] => "test ".to_owned(),
    };
    Some(format!(
        "With {images} {part}images and {runs} {of}{many} a difference under {}{unit} cannot be told from \
         noise, and one under {} is missed by more than one such study in five{lone}",
        range(|one| one.told),
        range(|one| one.found),
    ))
}

/// Returns how many test images there are: `400`, `319 or 320`, and of more numbers the range; nothing where
/// nothing has run.
pub(super) fn test_images(baselines: &[Baseline]) -> Option<String> {
    let counts: BTreeSet<usize> = baselines.iter().map(|baseline| baseline.n).collect();
    let (first, last) = (thousands(*counts.first()?), thousands(*counts.last()?));
    Some(match counts.len() {
        1 => first,
        2 => format!("{first} or {last}"),
        _ => format!("{first} to {last}"),
    })
}

/// Returns what always answering the most frequent class gives, a sentence for each set of test images; for
/// many sets, such as folds, the range.
pub(super) fn baseline_sentences(baselines: &[Baseline]) -> Vec<String> {
    let share = |baseline: &Baseline| 100.0 * baseline.correct as f64 / baseline.n.max(1) as f64;
    let always = "Always answering the most frequent class";
    let sentence =
        |one: &Baseline| format!("{always}: {:.2} % ({} of {})", share(one), one.correct, one.n);
    if baselines.len() <= BASELINES {
        return baselines.iter().map(sentence).collect();
    }
    let shares: Vec<f64> = baselines.iter().map(share).collect();
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let most = shares.iter().copied().fold(0.0, f64::max);
    vec![format!("{always}: {least:.2} to {most:.2} %, depending on the test images")]
}

/// Returns how many images of different parts are copies, as a sentence.
pub(super) fn copies_sentence(copies: &Copies) -> String {
    let (pairs, are) = (thousands(copies.pairs), if copies.pairs == 1 { "pair" } else { "pairs" });
    format!(
        "`{}` divides {pairs} {are} of images that are copies into different parts; its output `duplicates` lists them",
        copies.task
    )
}

#[cfg(test)]
mod tests {
    use super::baseline_sentences;
    use super::noise_sentence;
    use super::partitions_sentence;
    use super::shared_sentence;
    use super::steps_sentence;
    use super::test_images;
    use crate::artifact::Partition;
    use crate::report::Baseline;
    use crate::report::Layout;
    use crate::report::Measure;
    use crate::report::StudyTable;
    use crate::report::sample;

    #[test]
    fn many_sets_of_test_images_are_told_as_ranges() {
        let told = |sets: &[(usize, usize)]| {
            let of = |&(correct, n): &(usize, usize)| Baseline { correct, n };
            let sets: Vec<Baseline> = sets.iter().map(of).collect();
            [test_images(&sets).unwrap_or_default(), baseline_sentences(&sets).join("; ")]
                .join(": ")
        };
        let said = [
            told(&[]),
            told(&[(40, 100)]),
            told(&[(30, 319), (31, 320)]),
            told(&[(40, 100), (41, 100), (50, 101), (42, 103)]),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        : 
        100: Always answering the most frequent class: 40.00 % (40 of 100)
        319 or 320: Always answering the most frequent class: 9.40 % (30 of 319); Always answering the most frequent class: 9.69 % (31 of 320)
        100 to 103: Always answering the most frequent class: 40.00 to 49.50 %, depending on the test images
        ");
    }

    #[test]
    fn what_noise_hides_is_said_in_words() {
        let plan = sample::plan();
        let study = sample::study(&plan);
        let told = |measure: Measure, columns: &[&str]| {
            let columns = columns.iter().map(ToString::to_string).collect();
            let layout = Layout { columns, measure, ..Layout::default() };
            noise_sentence(&StudyTable::build(&study, &layout).unwrap()).unwrap()
        };
        insta::assert_snapshot!(told(Measure::Accuracy, &[]), @"With 400 test images and 3 seeds a difference under 5.1 to 6.4 percentage points cannot be told from noise, and one under 7.3 to 9.1 is missed by more than one such study in five");
        insta::assert_snapshot!(told(Measure::Kappa, &["network", "seed"]), @"With 400 test images and 1 run a difference under 0.13 to 0.15 cannot be told from noise, and one under 0.18 to 0.22 is missed by more than one such study in five; by how much runs differ cannot be seen in one");
    }

    #[test]
    fn what_is_no_test_image_is_told_and_what_runs_share() {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        assert_eq!(partitions_sentence(&table), None);
        insta::assert_snapshot!(shared_sentence(&table.shared[0]), @"Runs of classic+gan share one `painter`: what another training of it would change is in no interval and no p; let that stage span the axis of the runs too");
        study.cells.iter_mut().for_each(|cell| cell.measured = [Partition::Train].into());
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        insta::assert_snapshot!(partitions_sentence(&table).unwrap(), @"Warning: `score` measures train images; how a classifier does on images that neither trained nor chose it is told by test images alone");
        assert!(noise_sentence(&table).unwrap().starts_with("With 400 train images and 3 seeds"));
    }

    #[test]
    fn rows_that_were_trained_longer_are_told() {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        insta::assert_snapshot!(steps_sentence(&table.rows).unwrap(), @"Warning: rows differ in the optimiser's steps (none 680, classic 2,720, classic+gan 3,560); a difference may come of longer training alone");
        study.cells.iter_mut().for_each(|cell| cell.steps = Some(680));
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        assert_eq!(steps_sentence(&table.rows), None);
    }
}
