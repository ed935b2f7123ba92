//! Tests of `split`: laws of the drawn parts, and what is refused.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::seed::Seed;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::split::Params;
use crate::stages::split::Split;
use crate::stages::trial::Trial;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<Split>();

/// Returns images of these classes, named by their place.
pub(super) fn samples(labels: &[usize], group: impl Fn(usize) -> Option<String>) -> Vec<Sample> {
    let sample = |(index, label): (usize, &usize)| Sample {
        id: format!("whole/{index}"),
        label: Some(*label),
        partition: Partition::Whole,
        group: group(index),
        origin: "file".to_owned(),
    };
    labels.iter().enumerate().map(sample).collect()
}

/// Returns a set of such images, each of one pixel.
pub(super) fn set(samples: Vec<Sample>) -> ImageSet {
    let classes = (0..5).map(|class| class.to_string()).collect();
    let mut set = ImageSet::empty(1, 1, classes);
    for (index, sample) in samples.into_iter().enumerate() {
        set.push(sample, &[index as u8; 3]);
    }
    set
}

fn drawn(samples: &[Sample], sizes: [usize; 3], params: &Params, seed: u64) -> [Vec<usize>; 3] {
    let all: Vec<usize> = (0..samples.len()).collect();
    super::draw(samples, &all, sizes, params, Seed(seed))
}

/// Returns complete params.
pub(super) fn params(value: &Value) -> Params {
    serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn parts_are_disjoint_and_complete_and_groups_stay_whole(
        count in 3..120_usize, per_group in 1..4_usize, seed in any::<u64>(), stratify in any::<bool>(),
    ) {
        let labels: Vec<usize> = (0..count).map(|index| index * index % 5).collect();
        let samples = samples(&labels, |index| (per_group > 1).then(|| (index / per_group).to_string()));
        let fractions = json!({"train": 0.6, "validation": 0.1, "test": 0.3});
        let params = params(&json!({"fractions": fractions, "stratify": stratify}));
        let sizes = super::wanted(&params, count).unwrap();
        prop_assert_eq!(sizes.iter().sum::<usize>(), count);
        let parts = drawn(&samples, sizes, &params, seed);
        let mut all: Vec<usize> = parts.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
        if per_group == 1 {
            prop_assert_eq!([parts[0].len(), parts[1].len(), parts[2].len()], sizes);
        }
        let mut seen = BTreeSet::new();
        for part in &parts {
            let groups: BTreeSet<_> = part.iter().filter_map(|index| samples[*index].group.clone()).collect();
            prop_assert!(groups.is_disjoint(&seen));
            seen.extend(groups);
        }
    }

    #[test]
    fn strata_reach_every_part_in_proportion(seed in any::<u64>()) {
        let labels: Vec<usize> = (0..200).map(|index| usize::from(index % 10 == 0)).collect();
        let samples = samples(&labels, |_| None);
        let params = params(&json!({"counts": {"train": 100, "validation": 40, "test": 60}}));
        let parts = drawn(&samples, [100, 40, 60], &params, seed);
        let rare = |part: &Vec<usize>| part.iter().filter(|index| labels[**index] == 1).count();
        prop_assert_eq!(parts.iter().map(rare).collect::<Vec<_>>(), [10, 4, 6]);
    }
}

#[test]
fn groups_that_do_not_fit_come_within_a_group_of_the_wanted_counts() {
    let samples = samples(&[0; 60], |index| Some((index / 3).to_string()));
    let params = params(&json!({"counts": {"train": 31, "validation": 10, "test": 10}}));
    let parts = drawn(&samples, [31, 10, 10], &params, 5);
    for (part, wanted) in parts.iter().zip([31_isize, 10, 10]) {
        assert!((part.len() as isize - wanted).abs() < 3, "{} of {wanted}", part.len());
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let set = set(samples(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0], |_| None));
    let split = |seed, threads| {
        let params = json!({"fractions": {"train": 0.5, "validation": 0.2, "test": 0.3}});
        let inputs = vec![("images", vec![&set])];
        let parts = Trial { inputs, seed, threads, ..Trial::of(KIND, params) }.run().unwrap();
        parts.into_iter().map(|(port, part)| (port, part.samples)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(split(1, 1), split(1, 2));
    assert!((2..6).any(|seed| split(seed, 1) != split(1, 1)));
    assert_eq!(split(1, 1)["test"].len(), 3);
    assert!(split(1, 1)["test"].iter().all(|sample| sample.partition == Partition::Test));
}

#[test]
fn given_parts_are_taken_as_they_are() {
    let mut samples = samples(&[0, 1, 0, 1], |_| None);
    samples[1].partition = Partition::Test;
    for index in [0, 2] {
        samples[index].partition = Partition::Train;
    }
    let set = set(samples);
    let inputs = vec![("images", vec![&set])];
    let parts = Trial { inputs, ..Trial::of(KIND, json!({"use": "given"})) }.run().unwrap();
    assert_eq!(parts["train"].samples.len(), 2);
    assert_eq!(parts["test"].samples[0].id, "whole/1");
    assert_eq!(parts["test"].image(0), [1; 3]);
    assert!(parts["validation"].is_empty());
    let params = KIND.resolve(&json!({"use": "given"})).unwrap();
    assert!(!(KIND.draws)(&params));
}

fn forecast(value: &Value, partitions: &[(Partition, usize)]) -> String {
    let partitions = partitions.iter().copied().collect();
    let inputs = BTreeMap::from([("images".to_owned(), Counts { partitions, size: None })]);
    let known = Forecast { inputs, ..Forecast::default() };
    match (KIND.forecast)(&KIND.resolve(value).unwrap(), &known) {
        Ok(counts) => {
            let sizes = counts.iter().map(|(port, counts)| format!("{port} {}", counts.total()));
            sizes.collect::<Vec<_>>().join(", ")
        }
        Err(error) => told(&error),
    }
}

#[test]
fn sizes_and_impossible_wishes_are_known_before_the_run() {
    use Partition::Test;
    use Partition::Train;
    use Partition::Validation;
    use Partition::Whole;
    let paper = [(Train, 1080), (Validation, 120), (Test, 400)];
    let given = json!({"use": "given"});
    let said = [
        forecast(&given, &paper),
        forecast(&given, &[(Whole, 50)]),
        forecast(
            &json!({"fractions": {"train": 0.7, "validation": 0.1, "test": 0.2}}),
            &[(Whole, 10)],
        ),
        forecast(&json!({"fractions": {"train": 0.9, "test": 0.1}}), &[(Whole, 3)]),
        forecast(&json!({"counts": {"train": 40, "test": 20}}), &[(Whole, 50)]),
        forecast(&json!({"counts": {"train": 1080, "test": 400}}), &paper),
        forecast(&json!({"folds": {"count": 3, "fold": 0, "validation": 0.1}}), &paper),
        forecast(&json!({"folds": {"count": 3, "fold": 1}}), &paper),
        forecast(&json!({"folds": {"count": 9, "fold": 1}}), &[(Whole, 8)]),
        forecast(&json!({"folds": {"count": 3, "fold": 1, "validation": 0.1}}), &[(Whole, 4)]),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    train 1080, validation 120, test 400
    the source gives no image for the part `train`; divide the images by `fractions` or other `counts`
    train 7, validation 1, test 2
    no image is left for the part `test`; divide the images by `fractions` or other `counts`
    `counts` ask for 60 images; there are 50; ask for fewer images, or divide by `fractions`
    train 1080, validation 0, test 400
    train 906, validation 160, test 534
    train 1067, validation 0, test 533
    `folds` ask for 9 folds; there are 8 images; ask for fewer folds
    no image is left for the part `validation`; ask for another share of `validation`, or none
    ");
}

#[test]
fn impossible_wishes_fail_at_run_time_too() {
    let set = set(samples(&[0, 1], |_| None));
    let fail = |params: Value| {
        let inputs = vec![("images", vec![&set])];
        let error = Trial { inputs, ..Trial::of(KIND, params) }.run().unwrap_err();
        format!("{error} ({})", error.remedy().unwrap_or_default())
    };
    let said = [fail(json!({"use": "given"})), fail(json!({"counts": {"train": 2, "test": 1}}))];
    insta::assert_snapshot!(said.join("\n"), @"
    the source gives no image for the part `train` (divide the images by `fractions` or other `counts`)
    `counts` ask for 3 images; there are 2 (ask for fewer images, or divide by `fractions`)
    ");
}

#[test]
fn params_that_contradict_each_other_are_said() {
    let said = |value: Value| {
        let problems = KIND.resolve(&value).unwrap_err();
        problems.into_iter().map(|p| p.problem).collect::<Vec<_>>().join("; ")
    };
    let said = [
        said(json!({})),
        said(json!({"use": "given", "counts": {"train": 3}})),
        said(json!({"fractions": {"train": 0.7, "test": 0.2}})),
        said(json!({"counts": {"test": 5}})),
        said(json!({"use": "taken"})),
        said(json!({"folds": {"count": 5, "fold": 5}})),
        said(json!({"folds": {"count": 1, "fold": 0}})),
        said(json!({"folds": {"count": 2, "fold": 0, "validation": 0.5}, "others": "leave-out"})),
        said(json!({"leave_group_out": {"validation": 1}})),
        said(json!({"leave_group_out": {"group": 3}})),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    exactly one of `use`, `counts`, `fractions`, `folds`, `leave_group_out` and `csv` is expected
    exactly one of `use`, `counts`, `fractions`, `folds`, `leave_group_out` and `csv` is expected
    they sum to 0.900, not to 1
    `train` is 0; nothing could be fitted
    found `taken`, expected one of `given`
    found 5, expected 0 to 4 for 5 folds
    found 1, expected a whole number of at least 2 and at most 1000000
    0.5 of all images beside a test part of 1/2 leave none to train; `others` goes with `csv`, which is missing
    exactly one of `group` and `index` is expected; it leaves no image to train
    found `3`, expected a text
    ");
}

/// A set of noise in which every image of the second half is one of the first.
fn doubled(count: usize) -> ImageSet {
    let mut set = ImageSet::empty(8, 8, vec!["a".to_owned()]);
    for mut sample in samples(&vec![0; 2 * count], |_| None) {
        let index: usize = sample.id.trim_start_matches("whole/").parse().unwrap();
        let half = if index < count { Partition::Train } else { Partition::Test };
        sample.partition = half;
        let mut stream = Seed((index % count) as u64).stream();
        let pixels: Vec<u8> = (0..8 * 8 * 3).map(|_| stream.below(256) as u8).collect();
        set.push(sample, &pixels);
    }
    set
}

fn torn(set: &ImageSet, value: Value) -> Result<usize, StageError> {
    let inputs = vec![("images", vec![set])];
    let parts = Trial { inputs, ..Trial::of(KIND, value) }.run()?;
    let pixels = |part: &str| -> BTreeSet<Vec<u8>> {
        (0..parts[part].len()).map(|index| parts[part].image(index).to_vec()).collect()
    };
    Ok(pixels("train").intersection(&pixels("test")).count())
}

#[test]
fn copies_in_different_parts_are_refused_listed_or_kept_together() {
    let set = doubled(12);
    let halves = json!({"train": 0.5, "test": 0.5});
    let drawn = |what: &str| torn(&set, json!({"fractions": halves, "duplicates": what}));
    assert!(drawn("warn").unwrap() > 0 && drawn("ignore").unwrap() > 0);
    assert_eq!(drawn("group").unwrap(), 0);
    assert_eq!(torn(&set, json!({"use": "given"})).unwrap(), 12);
    let refused = torn(&set, json!({"use": "given", "duplicates": "error"})).unwrap_err();
    insta::assert_snapshot!(told(&refused), @"12 pairs of images in different parts are copies, 12 of the same pixels: `whole/0` (train) and `whole/12` (test), `whole/1` (train) and `whole/13` (test), `whole/2` (train) and `whole/14` (test), `whole/3` (train) and `whole/15` (test), `whole/4` (train) and `whole/16` (test), `whole/5` (train) and `whole/17` (test), `whole/6` (train) and `whole/18` (test), `whole/7` (train) and `whole/19` (test), `whole/8` (train) and `whole/20` (test), `whole/9` (train) and `whole/21` (test) and 2 more; draw parts with `duplicates: group`, or take one of each pair out of the source; `duplicates: warn` goes on all the same");
    let folds: Vec<BTreeSet<Vec<u8>>> = (0..4)
        .map(|fold| {
            let folds = json!({"count": 4, "fold": fold, "validation": 0.2});
            let inputs = vec![("images", vec![&set])];
            let params = json!({"folds": folds, "duplicates": "group"});
            let parts = Trial { inputs, ..Trial::of(KIND, params) }.run().unwrap();
            let pixels = |part: &str| -> BTreeSet<Vec<u8>> {
                (0..parts[part].len()).map(|index| parts[part].image(index).to_vec()).collect()
            };
            let [train, validation, test] = ["train", "validation", "test"].map(pixels);
            assert!(train.is_disjoint(&test) && train.is_disjoint(&validation));
            assert!(validation.is_disjoint(&test) && !validation.is_empty());
            test
        })
        .collect();
    assert_eq!(folds.iter().map(BTreeSet::len).collect::<Vec<_>>(), [3; 4]);
    assert_eq!(folds.into_iter().flatten().collect::<BTreeSet<_>>().len(), 12);
    let problems = [
        json!({"use": "given", "duplicates": "group"}),
        json!({"csv": "parts.csv", "duplicates": "group"}),
        json!({"fractions": halves, "duplicates": "group", "by_group": false}),
    ];
    for value in problems {
        assert_eq!(KIND.resolve(&value).unwrap_err()[0].path, ["duplicates"]);
    }
}

#[test]
fn every_torn_pair_has_a_row_of_its_own() {
    let set = doubled(3);
    let copies = super::duplicates::Copies::among(&set);
    let table = copies.across(&[vec![0, 1, 2], vec![4], vec![3, 5]]).table(&set.samples);
    insta::assert_snapshot!(table.rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n"), @"
    whole/0 train whole/3 test yes 0.000 no
    whole/1 train whole/4 validation yes 0.000 no
    whole/2 train whole/5 test yes 0.000 no
    ");
    assert!(copies.across(&[vec![0, 3], vec![], vec![1, 4]]).table(&set.samples).rows.is_empty());
}
