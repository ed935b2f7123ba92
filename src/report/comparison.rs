//! Comparisons: each row of a table against the first, on the same images and with the same seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::artifact::Prediction;
use crate::artifact::Scores;
use crate::measure::paired::holm;
use crate::measure::paired::mcnemar;
use crate::measure::resampling::bootstrap;
use crate::measure::student::Spread;
use crate::report::Cell;
use crate::report::Measure;
use crate::report::rounds::Answers;
use crate::report::rounds::rounds;
use crate::report::table::Grid;
use crate::report::table::at;
use crate::seed::Seed;

/// Draws of the bootstrap, as is common for intervals.
const RESAMPLES: usize = 2000;
/// Seed of the bootstrap: a table is the same each time that it is made.
const SEED: Seed = Seed(2000);

/// One row of a table against its first, in one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the row.
    pub row: String,
    /// Name of the first row.
    pub reference: String,
    /// Name of the column.
    pub column: String,
    /// Mean of the row's measure less the first row's, over the pairs.
    pub difference: Option<f64>,
    /// 95 % interval of the difference: for the accuracy by resampling images (whole groups of them
    /// where groups are known) and runs, folds together being one, else Student's over two runs or more.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p-value of the same resampling; only for the accuracy, and where the runs were measured on
    /// the same images.
    pub p: Option<f64>,
    /// The p-value corrected for all comparisons of the table (Holm).
    pub corrected_p: Option<f64>,
    /// What was resampled: `image` or `group`.
    pub resampled: &'static str,
    /// `McNemar`'s exact test of each pair.
    pub seeds: Vec<SeedTest>,
    /// Reasons, counted from 1, for which test images may have reached either side.
    pub leaks: Vec<usize>,
}

/// `McNemar`'s exact test of two classifiers on the same images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedTest {
    /// Axis -> value, for the axes over which the table pools.
    pub at: BTreeMap<String, String>,
    /// Images that only the first row's classifier got right.
    pub reference_only: usize,
    /// Images that only this row's classifier got right.
    pub row_only: usize,
    /// Exact two-sided p-value.
    pub p: f64,
}

/// A classifier of a row beside the first row's that differs from it in nothing but the row.
pub(super) struct Pair<'s> {
    /// Axis -> value, for the axes over which the table pools.
    pub(super) at: BTreeMap<String, String>,
    /// The first row's.
    pub(super) reference: &'s Scores,
    /// The row's.
    pub(super) row: &'s Scores,
}

/// Returns every row against the first, in each column where both have run.
pub(super) fn compare(
    grid: &Grid<'_>,
    measure: Measure,
    pooled: &[String],
    leaks: &[String],
) -> Vec<Comparison> {
    let mut found = Vec::new();
    for (row, cells) in grid.cells.iter().enumerate().skip(1) {
        for (column, cells) in cells.iter().enumerate() {
            let pairs = pairs(&grid.cells[0][column], cells, pooled);
            if !pairs.is_empty() {
                let mut comparison = one(&pairs, measure);
                comparison.row.clone_from(&grid.rows[row]);
                comparison.reference.clone_from(&grid.rows[0]);
                comparison.column.clone_from(&grid.columns[column]);
                let sides = || cells.iter().chain(&grid.cells[0][column]);
                comparison.leaks = leaking(sides, leaks);
                found.push(comparison);
            }
        }
    }
    correct(found.iter_mut().collect());
    found
}

/// Corrects the p-values of comparisons that are made together.
pub(super) fn correct(found: Vec<&mut Comparison>) {
    let tested: Vec<&mut Comparison> = found.into_iter().filter(|one| one.p.is_some()).collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|one| one.p).collect();
    for (one, corrected) in tested.into_iter().zip(holm(&p_values)) {
        one.corrected_p = Some(corrected);
    }
}

fn pairs<'s>(reference: &[&'s Cell], row: &[&'s Cell], pooled: &[String]) -> Vec<Pair<'s>> {
    let pair = |cell: &&'s Cell| {
        let place = at(cell, pooled);
        let twin = reference.iter().find(|other| at(other, pooled) == place)?;
        Pair::of(place, twin, cell)
    };
    row.iter().filter_map(pair).collect()
}

impl<'s> Pair<'s> {
    /// Returns two measured classifiers as a pair, unless their images differ.
    pub(super) fn of(
        at: BTreeMap<String, String>,
        reference: &'s Cell,
        row: &'s Cell,
    ) -> Option<Self> {
        let (reference, row) = (reference.scores.as_ref()?, row.scores.as_ref()?);
        let ids = |scores: &'s Scores| scores.predictions.iter().map(|answer| &answer.id);
        ids(reference).eq(ids(row)).then_some(Self { at, reference, row })
    }
}

/// Compares the two sides of some pairs; at least one. The names of rows and columns are left out.
pub(super) fn one(pairs: &[Pair<'_>], measure: Measure) -> Comparison {
    let differences: Vec<f64> = pairs
        .iter()
        .filter_map(|pair| {
            Some(measure.of(&pair.row.measures)? - measure.of(&pair.reference.measures)?)
        })
        .collect();
    let spread = Spread::of(&differences);
    let rounds = rounds(pairs);
    let clusters = match &rounds {
        Some(rounds) => groups(rounds[0].iter().map(|[_, row]| *row)),
        None => groups(pairs[0].row.predictions.iter()),
    };
    let resampled = if clusters.is_some() { "group" } else { "image" };
    let mut interval = spread.and_then(|spread| spread.interval);
    let mut p = None;
    if let Some(rounds) = rounds.filter(|_| measure == Measure::Accuracy) {
        let clusters = clusters.unwrap_or_else(|| (0..rounds[0].len()).collect());
        let rows: Vec<Vec<f64>> = rounds.iter().map(|round| gains(round)).collect();
        let found = bootstrap(&rows, &clusters, RESAMPLES, SEED);
        interval = Some(found.interval);
        p = Some(found.p);
    }
    Comparison {
        row: String::new(),
        reference: String::new(),
        column: String::new(),
        difference: spread.map(|spread| spread.mean),
        interval,
        p,
        corrected_p: None,
        resampled,
        seeds: pairs.iter().map(seed_test).collect(),
        leaks: Vec::new(),
    }
}

/// Returns the numbers, from 1, of the reasons that any of the cells gives.
fn leaking<'c, I: Iterator<Item = &'c &'c Cell>>(
    cells: impl Fn() -> I,
    leaks: &[String],
) -> Vec<usize> {
    let has = |reason: &String| cells().any(|cell| cell.leaks.contains(reason));
    (1..=leaks.len()).filter(|number| has(&leaks[number - 1])).collect()
}

/// Returns for each image whether the answer is right.
fn right(scores: &Scores) -> Vec<bool> {
    scores.predictions.iter().map(|answer| answer.label == answer.predicted).collect()
}

/// Returns for each image 1 where only the row got it right, -1 where only the reference did.
fn gains(answers: &[Answers<'_>]) -> Vec<f64> {
    let is_right = |answer: &Prediction| i8::from(answer.label == answer.predicted);
    let gain = |[reference, row]: &Answers<'_>| f64::from(is_right(row) - is_right(reference));
    answers.iter().map(gain).collect()
}

fn seed_test(pair: &Pair<'_>) -> SeedTest {
    let test = mcnemar(&right(pair.reference), &right(pair.row));
    let (reference_only, row_only) = (test.only_first, test.only_second);
    SeedTest { at: pair.at.clone(), reference_only, row_only, p: test.p }
}

/// Returns each image's group as a number from 0; nothing where an image's group is unknown.
fn groups<'a>(answers: impl Iterator<Item = &'a Prediction>) -> Option<Vec<usize>> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    answers
        .map(|answer| {
            let next = numbers.len();
            Some(*numbers.entry(answer.group.as_deref()?).or_insert(next))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::report::Layout;
    use crate::report::Measure;
    use crate::report::StudyTable;
    use crate::report::sample;

    #[test]
    fn a_gain_is_tested_seed_by_seed_and_overall() {
        let plan = sample::plan();
        let table = StudyTable::build(&sample::study(&plan), &Layout::default()).unwrap();
        assert_eq!(table.comparisons.len(), 3);
        let gain = table.comparisons.iter().find(|one| one.row == "classic+gan").unwrap();
        assert_eq!((gain.reference.as_str(), gain.column.as_str()), ("none", "resnet101"));
        let mean = |row: usize| table.rows[row].cells[0].mean.unwrap();
        let difference = gain.difference.unwrap();
        assert!((difference - (mean(2) - mean(0))).abs() < 1e-12);
        let (low, high) = gain.interval.unwrap();
        assert!(low < difference && difference < high);
        assert!(gain.corrected_p >= gain.p && gain.leaks.is_empty());
        assert_eq!(table.comparisons[1].leaks, [1]);
        let n = table.rows[0].cells[0].runs[0].n as f64;
        let first = &gain.seeds[0];
        let net = (first.row_only as f64 - first.reference_only as f64) / n;
        let run = |row: usize| table.rows[row].cells[0].runs[0].value.unwrap();
        assert!((net - (run(2) - run(0))).abs() < 1e-12);
    }

    #[test]
    fn other_measures_have_an_interval_over_runs_and_no_p_value() {
        let plan = sample::plan();
        let layout = Layout { measure: Measure::Kappa, ..Layout::default() };
        let table = StudyTable::build(&sample::study(&plan), &layout).unwrap();
        assert!(table.comparisons.iter().all(|one| one.p.is_none() && one.interval.is_some()));
    }

    #[test]
    fn folds_together_are_one_run_over_all_images() {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        let whole = StudyTable::build(&study, &Layout::default()).unwrap();
        // Each seed measures a third of the images: as if these were folds.
        for cell in &mut study.cells {
            let fold: usize = cell.at["seed"].parse().unwrap();
            let Some(scores) = &mut cell.scores else { continue };
            let mut index = 0;
            scores.predictions.retain(|_| {
                index += 1;
                index % 3 == fold % 3
            });
        }
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        for (folds, runs) in table.comparisons.iter().zip(&whole.comparisons) {
            let width =
                |one: &crate::report::Comparison| one.interval.unwrap().1 - one.interval.unwrap().0;
            assert!(folds.p.is_some());
            // One answer an image tells less than three, and far more than a third of the images would.
            assert!(
                width(folds) > width(runs) && width(folds) < 2.0 * width(runs),
                "{folds:?} {runs:?}"
            );
            let won: usize = folds.seeds.iter().map(|test| test.row_only).sum();
            assert!(won > 0);
        }
        // Folds that have run on both sides are compared though others have not.
        study.cells.retain(|cell| cell.at["seed"] != "2");
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        assert!(table.comparisons.iter().all(|one| one.p.is_some()));
    }

    #[test]
    fn runs_on_other_images_are_not_resampled_as_if_they_were_the_same() {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        for cell in &mut study.cells {
            let seed: usize = cell.at["seed"].parse().unwrap();
            let Some(scores) = &mut cell.scores else { continue };
            // Draws of one size that overlap.
            let count = scores.predictions.len() - 10;
            scores.predictions = scores.predictions.split_off(seed);
            scores.predictions.truncate(count);
        }
        let table = StudyTable::build(&study, &Layout::default()).unwrap();
        assert!(table.comparisons.iter().all(|one| one.p.is_none() && one.interval.is_some()));
    }
}
