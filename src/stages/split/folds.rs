//! Folds of a cross-validation: all of one draw, one of them the test part.
//!
//! Nothing here depends on the order of the images, only on their ids, classes and groups.

use std::collections::BTreeMap;

use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stage::StageError;
use crate::stages::split::Folds;
use crate::stages::split::Params;
use crate::stages::split::draw::apportion;
use crate::stages::split::draw::draw;
use crate::stages::split::even;
use crate::stages::split::unit::Unit;
use crate::stages::split::unit::by_class;
use crate::stages::split::unit::units;

/// Returns how many training, validation and test images a fold has; by group they may be off by a group.
pub(super) fn sizes(folds: &Folds, images: usize) -> Result<[usize; 3], StageError> {
    let Folds { count, fold, .. } = *folds;
    if count > images {
        let problem = format!("`folds` ask for {count} folds; there are {images} images");
        return Err(StageError::data(problem).help("ask for fewer folds"));
    }
    let test = images / count + usize::from(fold < images % count);
    let validation = apportion(images, &[folds.validation, 1.0 - folds.validation])[0];
    let validation = validation.min(images - test);
    Ok([images - test - validation, validation, test])
}

/// Draws the indices of each part, in rising order, for the fold that the params name.
pub(super) fn parts(
    samples: &[Sample],
    params: &Params,
    folds: &Folds,
    seed: Seed,
) -> Result<[Vec<usize>; 3], StageError> {
    let order = by_id(samples);
    let units = units(samples, &order, params.by_group);
    if units.len() < folds.count {
        let (count, found) = (folds.count, units.len());
        let problem =
            format!("`folds` ask for {count} folds; the images belong to {found} groups only");
        return Err(StageError::data(problem).help("ask for fewer folds"));
    }
    let draws = seed.named("folds").number(folds.repeat);
    let fold_of = deal(samples, &units, folds.count, params.stratify, draws);
    let of_units = |is_wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
        let wanted = units.iter().zip(&fold_of).filter(|(_, fold)| is_wanted(**fold));
        wanted.flat_map(|(unit, _)| unit.iter().copied()).collect()
    };
    let mut test = of_units(&|fold| fold == folds.fold);
    test.sort_unstable();
    let is_rest = |index: &usize| test.binary_search(index).is_err();
    let rest: Vec<usize> = order.iter().copied().filter(is_rest).collect();
    let validation = sizes(folds, samples.len())?[1].min(rest.len());
    let wanted = [rest.len() - validation, validation, 0];
    let draws = draws.named("validation").number(folds.fold as u64);
    let [train, validation, _] = draw(samples, &rest, wanted, params, draws);
    Ok([train, validation, test])
}

/// Returns what makes folds poor: classes with fewer images, or groups of them, than folds.
pub(super) fn notes(
    samples: &[Sample],
    classes: &[String],
    by_group: bool,
    folds: &Folds,
) -> Vec<String> {
    let mut holding = vec![0_usize; classes.len()];
    let all: Vec<usize> = (0..samples.len()).collect();
    for unit in units(samples, &all, by_group) {
        let mut labels: Vec<usize> =
            unit.iter().filter_map(|index| samples[*index].label).collect();
        labels.sort_unstable();
        labels.dedup();
        for label in labels {
            holding[label] += 1;
        }
    }
    let thin = holding.iter().zip(classes).filter(|(count, _)| **count < folds.count);
    let noun = if by_group && samples.iter().any(|sample| sample.group.is_some()) {
        "groups"
    } else {
        "images"
    };
    let said = |(count, class): (&usize, &String)| {
        let folds = folds.count;
        format!(
            "class `{class}` has {count} {noun} for {folds} folds, so that some test parts lack it"
        )
    };
    thin.map(said).collect()
}

/// Returns the fold of each unit. Single images are dealt out like cards, class by class, so that no two
/// folds differ by more than one in any class, nor in all; groups are placed as evenly as they let themselves.
fn deal(
    samples: &[Sample],
    units: &[Unit],
    count: usize,
    stratify: bool,
    seed: Seed,
) -> Vec<usize> {
    let class = |index: usize| samples[index].label.filter(|_| stratify);
    if units.iter().any(|unit| unit.len() > 1) {
        let groups = by_class(samples, units, stratify);
        let shares = vec![1.0 / count as f64; count];
        return even::place(&groups, &shares, count, &mut seed.stream());
    }
    let mut strata: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (unit, members) in units.iter().enumerate() {
        strata.entry(class(members[0])).or_default().push(unit);
    }
    let mut folds = vec![0; units.len()];
    let mut next = 0;
    for (stratum, mut members) in strata.into_values().enumerate() {
        seed.number(stratum as u64).stream().shuffle(&mut members);
        for unit in members {
            folds[unit] = next % count;
            next += 1;
        }
    }
    folds
}

/// Returns the indices of all images in the order of their ids.
fn by_id(samples: &[Sample]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by(|a, b| samples[*a].id.cmp(&samples[*b].id));
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;
    use serde_json::json;

    use super::notes;
    use super::parts;
    use super::sizes;
    use crate::artifact::Sample;
    use crate::seed::Seed;
    use crate::stages::split::Params;
    use crate::stages::split::tests::params;
    use crate::stages::split::tests::samples;
    use crate::stages::trial::told;

    fn study(fold: usize, count: usize, repeat: u64, validation: f64, stratify: bool) -> Params {
        let folds =
            json!({"count": count, "fold": fold, "repeat": repeat, "validation": validation});
        params(&json!({"folds": folds, "stratify": stratify}))
    }

    fn drawn(samples: &[Sample], params: &Params, seed: u64) -> [Vec<usize>; 3] {
        parts(samples, params, &params.folds.unwrap(), Seed(seed)).unwrap()
    }

    fn tests_of(samples: &[Sample], count: usize, repeat: u64, seed: u64) -> Vec<Vec<usize>> {
        let test = |fold| drawn(samples, &study(fold, count, repeat, 0.0, true), seed)[2].clone();
        (0..count).map(test).collect()
    }

    proptest! {
        #[test]
        fn every_image_is_tested_once_and_groups_stay_whole(
            labels in proptest::collection::vec(0_usize..4, 10..90),
            per_group in 1..4_usize, count in 2..5_usize, seed in any::<u64>(), stratify in any::<bool>(),
        ) {
            let group = |index: usize| (per_group > 1 && !index.is_multiple_of(7)).then(|| (index / per_group).to_string());
            let samples = samples(&labels, group);
            let mut tested = Vec::new();
            let mut found = Vec::new();
            for fold in 0..count {
                let params = study(fold, count, 0, 0.1, stratify);
                let parts = drawn(&samples, &params, seed);
                prop_assert_eq!(&parts, &drawn(&samples, &params, seed));
                let mut all = parts.concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
                let mut seen = BTreeSet::new();
                for part in &parts {
                    let groups: BTreeSet<_> = part.iter().filter_map(|index| samples[*index].group.clone()).collect();
                    prop_assert!(groups.is_disjoint(&seen));
                    seen.extend(groups);
                    prop_assert!(part.is_sorted());
                }
                found.push(parts[2].len());
                if per_group == 1 {
                    let wanted = sizes(&params.folds.unwrap(), labels.len()).unwrap();
                    prop_assert_eq!(parts.each_ref().map(Vec::len), wanted);
                } else if !stratify {
                    let wanted = labels.len() as f64 / count as f64;
                    prop_assert!((parts[2].len() as f64 - wanted).abs() <= per_group as f64);
                }
                tested.extend(parts[2].clone());
            }
            tested.sort_unstable();
            prop_assert_eq!(tested, (0..labels.len()).collect::<Vec<_>>());
            let range = found.iter().max().unwrap() - found.iter().min().unwrap();
            prop_assert!(range <= if stratify { 3 * per_group } else { per_group }, "{:?}", found);
        }

        #[test]
        fn no_two_folds_differ_by_more_than_one_image_of_any_class(
            labels in proptest::collection::vec(0_usize..5, 12..120), count in 2..7_usize, seed in any::<u64>(),
        ) {
            let tests = tests_of(&samples(&labels, |_| None), count, 0, seed);
            for class in 0..5 {
                let of_class = |test: &Vec<usize>| test.iter().filter(|index| labels[**index] == class).count();
                let counts: Vec<usize> = tests.iter().map(of_class).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn the_order_of_the_images_decides_nothing(
            labels in proptest::collection::vec(0_usize..4, 20..60), per_group in 1..4_usize, seed in any::<u64>(),
        ) {
            let group = |index: usize| (per_group > 1).then(|| (index / per_group).to_string());
            let samples = samples(&labels, group);
            let mut shuffled = samples.clone();
            Seed(seed).stream().shuffle(&mut shuffled);
            let ids = |samples: &[Sample]| {
                let parts = drawn(samples, &study(1, 3, 0, 0.2, true), seed);
                parts.map(|part| part.iter().map(|index| samples[*index].id.clone()).collect::<BTreeSet<_>>())
            };
            prop_assert_eq!(ids(&samples), ids(&shuffled));
        }
    }

    #[test]
    fn repeats_and_seeds_draw_anew_and_the_validation_part_is_one_of_its_fold() {
        let labels: Vec<usize> = (0..60).map(|index| index % 3).collect();
        for per_group in [1, 3] {
            let group = |index: usize| (per_group > 1).then(|| (index / per_group).to_string());
            let samples = samples(&labels, group);
            let mut draws: Vec<_> = (0..4).map(|repeat| tests_of(&samples, 5, repeat, 1)).collect();
            draws.extend((2..6).map(|seed| tests_of(&samples, 5, 0, seed)));
            let unique: BTreeSet<_> = draws.iter().flatten().collect();
            assert_eq!(unique.len(), 40, "each test part is another one");
        }
    }

    #[test]
    fn too_many_folds_are_refused_and_thin_classes_told() {
        let refused = |samples: &[Sample], fold: usize, count: usize| {
            let params = study(fold, count, 0, 0.0, true);
            told(&parts(samples, &params, &params.folds.unwrap(), Seed(1)).unwrap_err())
        };
        let grouped = samples(&[0, 0, 0, 0, 1, 1, 1, 1], |index| Some((index / 2).to_string()));
        let folds = study(0, 3, 0, 0.0, true).folds.unwrap();
        let classes = ["well", "ill"].map(str::to_owned);
        let alone = samples(&[0, 0, 0, 0, 1, 1], |_| None);
        let said = [
            refused(&grouped, 0, 5),
            notes(&grouped, &classes, true, &folds).join("; "),
            notes(&alone, &classes, true, &folds).join("; "),
            format!("{:?}", notes(&grouped, &classes, false, &folds)),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        `folds` ask for 5 folds; the images belong to 4 groups only; ask for fewer folds
        class `well` has 2 groups for 3 folds, so that some test parts lack it; class `ill` has 2 groups for 3 folds, so that some test parts lack it
        class `ill` has 2 images for 3 folds, so that some test parts lack it
        []
        ");
    }
}
