//! Comparisons: each row of a table against a baseline, on the same images and with the same seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::artifact::Prediction;
use crate::artifact::Scores;
use crate::artifact::answers;
use crate::artifact::groups;
use crate::measure::Answers;
use crate::measure::Unit;
use crate::measure::paired::holm;
use crate::measure::paired::mcnemar;
use crate::measure::power;
use crate::measure::resampling::RESAMPLES;
use crate::measure::resampling::bootstrap;
use crate::measure::student::Spread;
use crate::report::Cell;
use crate::report::Measure;
use crate::report::grid::Grid;
use crate::report::grid::at;
use crate::report::rounds::rounds;
use crate::seed::Seed;

/// Seed of the bootstrap: a table is the same each time that it is made.
const SEED: Seed = Seed(2000);

/// One row of a table against its baseline, in one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the row.
    pub row: String,
    /// Name of the row that it is compared with.
    pub reference: String,
    /// Name of the column.
    pub column: String,
    /// Mean of the row's measure less the baseline's, over the pairs.
    pub difference: Option<f64>,
    /// 95 % interval of the difference: by resampling images (whole groups of them where groups are known)
    /// and runs, folds together being one; Student's over two runs or more where these were measured on
    /// different images.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p-value of the same resampling; only where the runs were measured on the same images.
    pub p: Option<f64>,
    /// The p-value corrected for all comparisons of the table (Holm).
    pub corrected_p: Option<f64>,
    /// What was resampled: images or groups.
    pub resampled: Unit,
    /// What a study of this size can tell; absent where nothing was resampled.
    pub detectable: Option<Detectable>,
    /// `McNemar`'s exact test of each pair.
    pub seeds: Vec<SeedTest>,
    /// Reasons, counted from 1, for which test images may have reached either side.
    pub leaks: Vec<usize>,
}

/// What can be told from noise with so many images and runs, by the spread that resampling found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detectable {
    /// Images that each run was measured on; folds together are one run.
    pub images: usize,
    /// Runs of each side.
    pub runs: usize,
    /// The smallest difference whose 95 % interval leaves out 0.
    pub told: f64,
    /// The smallest true difference that four of five such studies would tell from noise.
    pub found: f64,
}

/// `McNemar`'s exact test of two classifiers on the same images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedTest {
    /// Axis -> value, for the axes over which the table pools.
    pub at: BTreeMap<String, String>,
    /// Images that only the baseline's classifier got right.
    pub reference_only: usize,
    /// Images that only this row's classifier got right.
    pub row_only: usize,
    /// Exact two-sided p-value.
    pub p: f64,
    /// The p-value corrected for all exact tests of the table (Holm).
    pub corrected_p: f64,
}

/// A classifier of a row beside the baseline's that differs from it in nothing but the row.
pub(super) struct Pair<'s> {
    /// Axis -> value, for the axes over which the table pools.
    pub(super) at: BTreeMap<String, String>,
    /// The baseline's.
    pub(super) reference: &'s Scores,
    /// The row's.
    pub(super) row: &'s Scores,
}

/// Returns every row against the one that `references` names for it, in each column where both have run.
pub(super) fn compare(
    grid: &Grid<'_>,
    references: &[usize],
    measure: Measure,
    pooled: &[String],
    leaks: &[String],
) -> Vec<Comparison> {
    let mut found = Vec::new();
    for (row, cells) in grid.cells.iter().enumerate().filter(|(row, _)| references[*row] != *row) {
        let reference = references[row];
        for (column, cells) in cells.iter().enumerate() {
            let pairs = pairs(&grid.cells[reference][column], cells, pooled);
            if !pairs.is_empty() {
                let mut comparison = one(&pairs, measure);
                comparison.row.clone_from(&grid.rows[row]);
                comparison.reference.clone_from(&grid.rows[reference]);
                comparison.column.clone_from(&grid.columns[column]);
                let sides = || cells.iter().chain(&grid.cells[reference][column]);
                comparison.leaks = leaking(sides, leaks);
                found.push(comparison);
            }
        }
    }
    correct(found.iter_mut().collect());
    found
}

/// Corrects the p-values of comparisons that are made together: those of resampling as one family, the exact
/// ones as another.
pub(super) fn correct(mut found: Vec<&mut Comparison>) {
    let exact: Vec<f64> = found.iter().flat_map(|one| &one.seeds).map(|test| test.p).collect();
    let tests = found.iter_mut().flat_map(|one| &mut one.seeds);
    for (test, corrected) in tests.zip(holm(&exact)) {
        test.corrected_p = corrected;
    }
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
            Some(pair.row.measures.get(measure)? - pair.reference.measures.get(measure)?)
        })
        .collect();
    let spread = Spread::of(&differences);
    let rounds = rounds(pairs);
    let clusters = match &rounds {
        Some(rounds) => groups(rounds[0].iter().map(|[_, row]| *row)),
        None => groups(pairs[0].row.predictions.iter()),
    };
    let resampled = if clusters.is_some() { Unit::Group } else { Unit::Image };
    let mut interval = spread.and_then(|spread| spread.interval);
    let (mut p, mut detectable) = (None, None);
    if let Some(rounds) = rounds {
        let (images, runs) = (rounds[0].len(), rounds.len());
        let clusters = clusters.unwrap_or_else(|| (0..images).collect());
        let sides: Vec<[Answers; 2]> = rounds.iter().map(|round| sides(pairs, round)).collect();
        let difference = |run: usize, times: &[usize]| {
            let [reference, row] = &sides[run];
            Some(measure.of(row, times)? - measure.of(reference, times)?)
        };
        let found = bootstrap(runs, &clusters, RESAMPLES, SEED, difference);
        interval = found.map(|found| found.interval);
        p = found.map(|found| found.p);
        detectable = found.map(|found| Detectable {
            images,
            runs,
            told: power::smallest_told(found.error),
            found: power::smallest_found(found.error),
        });
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
        detectable,
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

/// Returns both sides of a round, ready to be measured: the baseline's, the row's.
fn sides(pairs: &[Pair<'_>], round: &[[&Prediction; 2]]) -> [Answers; 2] {
    let Pair { reference, row, .. } = &pairs[0];
    let classes = [reference.classes.len(), row.classes.len()];
    [0, 1].map(|side| answers(classes[side], round.iter().map(|both| both[side])))
}

fn seed_test(pair: &Pair<'_>) -> SeedTest {
    let test = mcnemar(&right(pair.reference), &right(pair.row));
    let (reference_only, row_only) = (test.only_first, test.only_second);
    SeedTest { at: pair.at.clone(), reference_only, row_only, p: test.p, corrected_p: test.p }
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
    fn every_measure_is_tested_by_resampling() {
        let plan = sample::plan();
        for measure in Measure::ALL {
            let layout = Layout { measure, ..Layout::default() };
            let table = StudyTable::build(&sample::study(&plan), &layout).unwrap();
            for one in &table.comparisons {
                let (difference, (low, high)) = (one.difference.unwrap(), one.interval.unwrap());
                assert!(low <= difference && difference <= high, "{measure}");
                // Nearly so: the interval is one of percentiles, and these are normal ones.
                let told = one.detectable.unwrap().told;
                assert!(((high - low) / 2.0 - told).abs() < 0.3 * told, "{measure} {one:?}");
                assert!(one.seeds.iter().all(|test| test.corrected_p >= test.p));
            }
        }
    }

    #[test]
    fn any_row_can_be_the_baseline() {
        let plan = sample::plan();
        let study = sample::study(&plan);
        let layout = Layout { baseline: Some("classic".into()), ..Layout::default() };
        let table = StudyTable::build(&study, &layout).unwrap();
        let rows: Vec<[&str; 2]> =
            table.comparisons.iter().map(|one| [&*one.row, &*one.reference]).collect();
        assert_eq!(rows, [["none", "classic"], ["none", "classic"], ["classic+gan", "classic"]]);
        let other = StudyTable::build(&study, &Layout::default()).unwrap();
        let [turned, plain] = [&table, &other].map(|table| &table.comparisons[0]);
        assert!((turned.difference.unwrap() + plain.difference.unwrap()).abs() < 1e-12);
        assert_eq!(turned.seeds[0].row_only, plain.seeds[0].reference_only);
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
