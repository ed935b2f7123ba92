//! Tests of `classic-augment`: ids, origins, independence of threads and order, counts.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::imaging::flip;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stages::classic_augment::ClassicAugment;
use crate::stages::trial::Trial;

const KIND: StageKind = StageKind::of::<ClassicAugment>();

fn set(count: usize, origin: &str) -> ImageSet {
    let mut stream = Seed(4).stream();
    let mut set = ImageSet::empty(4, 4, vec!["0".into(), "1".into()]);
    for index in 0..count {
        let sample = Sample {
            id: format!("train/{index}"),
            label: Some(index % 2),
            partition: Partition::Train,
            group: Some(format!("patient-{}", index / 2)),
            origin: origin.to_owned(),
        };
        let pixels: Vec<u8> = (0..48).map(|_| stream.below(256) as u8).collect();
        set.push(sample, &pixels);
    }
    set
}

fn augment(sets: &[&ImageSet], params: Value, threads: usize) -> Result<ImageSet, StageError> {
    let inputs = vec![("images", sets.to_vec())];
    let made = Trial { inputs, threads, ..Trial::of(KIND, params) }.run()?;
    Ok(made.into_values().next().unwrap())
}

fn all_motions() -> Value {
    json!({"passes": [{
        "vertical_flip": 0.5, "horizontal_flip": 0.5, "rotation": [-15, 15], "translation": 0.1,
        "scale": [0.9, 1.1], "brightness": [0.7, 1.3], "contrast": [0.7, 1.3], "saturation": [0.7, 1.3],
    }]})
}

#[test]
fn the_default_is_the_papers_three_passes() {
    let set = set(40, "file");
    let images = augment(&[&set], json!({}), 2).unwrap();
    assert_eq!(images.len(), 160);
    assert_eq!(images.samples[..40], set.samples);
    let ids = [40, 80, 120].map(|index| images.samples[index].id.as_str());
    assert_eq!(ids, ["train/0+vertical-flip", "train/0+horizontal-flip", "train/0+color"]);
    let image = |index| Rgb::new(4, 4, images.image(index).to_vec());
    let (mut down, mut across) = (0, 0);
    for index in 0..40 {
        let mut flipped = image(index);
        flip::flip_vertically(&mut flipped);
        down += usize::from(image(40 + index) == flipped);
        let mut flipped = image(index);
        flip::flip_horizontally(&mut flipped);
        across += usize::from(image(80 + index) == flipped);
        assert!(image(80 + index) == flipped || image(80 + index) == image(index));
        let light = |at| images.image(at).iter().map(|level| u64::from(*level)).sum::<u64>();
        assert!(light(120 + index) < light(index));
    }
    assert_eq!(down, 40);
    assert!((1..=10).contains(&across), "{across} of 40 at a probability of 0.1");
}

#[test]
fn copies_keep_what_is_known_of_their_originals() {
    let images = augment(&[&set(3, "rendered")], json!({}), 1).unwrap();
    let (original, copy) = (&images.samples[1], &images.samples[4]);
    assert_eq!((copy.label, copy.partition), (original.label, original.partition));
    assert_eq!((copy.group.as_ref(), copy.origin.as_str()), (original.group.as_ref(), "classic"));
    let twice = augment(&[&set(1, "gan")], json!({}), 1).unwrap();
    let twice = augment(&[&twice], json!({}), 1).unwrap();
    assert!(twice.samples[1..].iter().all(|sample| sample.origin == "gan+classic"));
}

#[test]
fn copies_and_original_are_a_group() {
    let mut loners = set(2, "file");
    loners.samples.iter_mut().for_each(|sample| sample.group = None);
    let images = augment(&[&loners], json!({}), 1).unwrap();
    let groups: Vec<_> = images.samples.iter().map(|sample| sample.group.as_deref()).collect();
    assert_eq!(groups, [Some("train/0"), Some("train/1")].repeat(4));
}

#[test]
fn ids_stay_unique_when_passes_repeat() {
    let flip = json!({"vertical_flip": 1.0});
    let once = augment(&[&set(2, "file")], json!({"passes": [flip, flip]}), 1).unwrap();
    let twice = augment(&[&once], json!({"passes": [flip]}), 1).unwrap();
    let mut ids: Vec<&str> = twice.samples.iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(
        ids[..6],
        [
            "train/0",
            "train/1",
            "train/0+vertical-flip",
            "train/1+vertical-flip",
            "train/0+vertical-flip-2",
            "train/1+vertical-flip-2",
        ]
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12);
}

#[test]
fn copies_depend_neither_on_threads_nor_on_the_order_of_images() {
    let set = set(30, "file");
    let copies = |set: &ImageSet, threads| {
        let images = augment(&[set], all_motions(), threads).unwrap();
        let rows = images.samples.iter().enumerate();
        rows.map(|(index, sample)| (sample.id.clone(), images.image(index).to_vec()))
            .collect::<BTreeMap<_, _>>()
    };
    let backwards = set.pick(&(0..30).rev().collect::<Vec<_>>());
    assert_eq!(copies(&set, 1), copies(&set, 4));
    assert_eq!(copies(&set, 1), copies(&backwards, 2));
    let few = copies(&set.pick(&[7]), 1);
    let all = copies(&set, 1);
    assert!(few.iter().all(|(id, pixels)| all[id] == *pixels));
}

#[test]
fn passes_draw_apart_from_each_other() {
    let fade = json!({"brightness": [0.2, 0.9]});
    let images = augment(&[&set(1, "file")], json!({"passes": [fade, fade]}), 1).unwrap();
    assert_ne!(images.image(1), images.image(2));
}

#[test]
fn originals_may_be_left_out() {
    let params = json!({"passes": [{"vertical_flip": 1.0}], "keep_originals": false});
    let images = augment(&[&set(2, "file"), &set(1, "gan")], params, 1).unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(images.samples[0].id, "train/0+vertical-flip");
}

#[test]
fn sets_that_do_not_fit_together_are_refused_in_words() {
    let other = ImageSet::empty(8, 8, vec!["0".into(), "1".into()]);
    let error = augment(&[&set(1, "file"), &other], json!({}), 1).unwrap_err();
    insta::assert_snapshot!(format!("{error} ({})", error.remedy().unwrap()), @"the input sets do not fit together: images of 4 x 4 beside images of 8 x 8 pixels (give `load` one `size`, and the sets the same classes)");
}

#[test]
fn the_forecast_counts_the_copies() {
    let counts = Counts::of(Partition::Train, 443);
    let known =
        Forecast { inputs: BTreeMap::from([("images".to_owned(), counts)]), ..Forecast::default() };
    let two = json!({"passes": [{"vertical_flip": 1.0}, {"brightness": [0.7, 0.9]}]});
    let params = KIND.resolve(&two).unwrap();
    let forecast = (KIND.forecast)(&params, &known).unwrap();
    assert_eq!(forecast, [("images", Counts::of(Partition::Train, 1329))]);
}

#[test]
fn only_certain_passes_do_without_a_seed() {
    let draws = |passes: Value| {
        let params = KIND.resolve(&json!({"passes": passes})).unwrap();
        (KIND.draws)(&params)
    };
    assert!(!draws(json!([{"vertical_flip": 1.0}, {"rotation": [90, 90]}])));
    assert!(draws(json!([{"horizontal_flip": 0.1}])));
    assert!(draws(json!([{"scale": [0.9, 1.0]}])));
    // The order of colour changes is drawn too.
    assert!(draws(json!([{"brightness": [0.5, 0.5], "contrast": [0.5, 0.5]}])));
}

#[test]
fn wrong_passes_are_said_with_their_place() {
    let wrong = json!({"passes": [
        {"scale": [0.0, 1.0]}, {"brightness": [0.9, 0.7]}, {"vertical_flip": 2}, {"flip": 1},
    ]});
    let problems = KIND.resolve(&wrong).unwrap_err();
    let said = problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
    passes.2.vertical_flip: found 2, expected a number of at least 0 and at most 1
    passes.3.flip: unknown name `flip`
    ");
    let ranges = json!({"passes": [{"scale": [0.0, 1.0]}, {"brightness": [0.9, 0.7]}]});
    let problems = KIND.resolve(&ranges).unwrap_err();
    let said = problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
    passes.0.scale: the range begins at 0, expected at least 0.01
    passes.1.brightness: the range runs from 0.9 down to 0.7; the lower end comes first
    ");
}

#[test]
fn a_pass_for_some_classes_leaves_the_others_alone() {
    let params = json!({"passes": [{"vertical_flip": 1.0, "classes": ["1"]}, {"gamma": [2, 2]}]});
    let images = augment(&[&set(4, "file")], params, 2).unwrap();
    let ids: Vec<&str> = images.samples[4..].iter().map(|sample| sample.id.as_str()).collect();
    let gamma = ["train/0+gamma", "train/1+gamma", "train/2+gamma", "train/3+gamma"];
    assert_eq!(ids, [&["train/1+vertical-flip", "train/3+vertical-flip"], &gamma[..]].concat());
    let wrong = json!({"passes": [{"vertical_flip": 1.0, "classes": ["2"]}]});
    let error = augment(&[&set(1, "file")], wrong, 1).unwrap_err();
    insta::assert_snapshot!(format!("{error} ({})", error.remedy().unwrap()), @"a pass is for the class `2`, but the classes are `0`, `1` (name classes as `load` does; `ablate show` prints them)");
}

/// Images of which every fourth is of class 1, the others of class 0.
fn uneven(count: usize) -> ImageSet {
    let mut set = set(count, "file");
    for (index, sample) in set.samples.iter_mut().enumerate() {
        sample.label = Some(usize::from(index % 4 == 3));
    }
    set
}

#[test]
fn balanced_classes_are_as_large_as_the_largest_and_use_each_pass_before_any_again() {
    let params = json!({"balance": true, "passes": [
        {"vertical_flip": 1.0}, {"rotation": [-9, 9]}, {"noise": [1, 9]}, {"blur": [1, 2], "classes": ["0"]},
    ]});
    let images = augment(&[&uneven(40)], params, 2).unwrap();
    assert_eq!(images.class_counts(), [30, 30]);
    let copies = &images.samples[40..];
    assert!(copies.iter().all(|copy| copy.label == Some(1)));
    for original in (0..10).map(|index| format!("train/{}+", 4 * index + 3)) {
        let ids = copies.iter().filter_map(|copy| copy.id.strip_prefix(&original));
        let ids: std::collections::BTreeSet<&str> = ids.collect();
        assert_eq!(ids.len(), 2, "{original}: {ids:?}");
        assert!(ids.is_subset(&["vertical-flip", "rotation", "noise"].into()), "{ids:?}");
    }
    let often = json!({"balance": true, "passes": [{"noise": [1, 9]}]});
    let images = augment(&[&uneven(8)], often, 1).unwrap();
    let made: Vec<&[u8]> = (8..12).map(|index| images.image(index)).collect();
    assert!((0..4).all(|one| (0..one).all(|other| made[one] != made[other])));
}

#[test]
fn balancing_depends_neither_on_threads_nor_on_the_order_of_images() {
    let mut params = all_motions();
    params["balance"] = true.into();
    let set = uneven(23);
    let copies = |set: &ImageSet, threads| {
        let images = augment(&[set], params.clone(), threads).unwrap();
        let rows = images.samples.iter().enumerate();
        rows.map(|(index, sample)| (sample.id.clone(), images.image(index).to_vec()))
            .collect::<BTreeMap<_, _>>()
    };
    let backwards = set.pick(&(0..23).rev().collect::<Vec<_>>());
    assert_eq!(copies(&set, 1), copies(&set, 4));
    assert_eq!(copies(&set, 1), copies(&backwards, 2));
}

#[test]
fn what_cannot_be_balanced_is_said() {
    let problems = |params: Value| KIND.resolve(&params).unwrap_err()[0].problem.clone();
    insta::assert_snapshot!(problems(json!({"balance": true, "passes": []})), @"without passes there are no copies to balance with");
    insta::assert_snapshot!(problems(json!({"balance": true, "keep_originals": false})), @"without originals there is nothing to fill up");
    let only = json!({"balance": true, "passes": [{"vertical_flip": 1.0, "classes": ["0"]}]});
    let error = augment(&[&uneven(8)], only, 1).unwrap_err();
    insta::assert_snapshot!(format!("{error} ({})", error.remedy().unwrap()), @"class `1` has 2 of 6 images and no pass (give a pass without `classes`)");
    let mut nameless = uneven(8);
    nameless.samples[2].label = None;
    let error = augment(&[&nameless], json!({"balance": true}), 1).unwrap_err();
    insta::assert_snapshot!(error, @"image `train/2` has no label, so no class to balance");
}

#[test]
fn a_sample_draws_as_many_passes_as_it_says_for_each_image() {
    let flips = json!([{"vertical_flip": 1.0}, {"horizontal_flip": 1.0}]);
    let params =
        json!({"passes": [{"sample": {"of": flips, "count": 2}}], "keep_originals": false});
    let set = set(60, "file");
    let images = augment(&[&set], params, 2).unwrap();
    assert_eq!(images.samples[0].id, "train/0+sample");
    let (mut same, mut turned) = (0, 0);
    for index in 0..60 {
        let mut image = Rgb::new(4, 4, set.image(index).to_vec());
        same += usize::from(images.image(index) == image.pixels);
        flip::flip_vertically(&mut image);
        flip::flip_horizontally(&mut image);
        turned += usize::from(images.image(index) == image.pixels);
    }
    assert_eq!(same + turned, 60);
    assert!((15..=45).contains(&same), "{same} of 60 drew the same flip twice");
}

#[test]
fn every_operation_changes_an_image_and_draws_apart_for_each() {
    let of = |name: &str, value: Value| json!({"passes": [{name: value}], "keep_originals": false});
    let operations = json!({
        "crop": {}, "elastic": {}, "gamma": [2, 3], "posterize": [1, 4], "solarize": [1, 128],
        "autocontrast": 1.0, "equalize": 1.0, "sharpness": [2, 9], "blur": [0.5, 2],
        "noise": [5, 50], "cutout": {"area": [0.3, 0.5]}, "shear": [10, 40], "hue": [0.2, 0.4],
    });
    let set = set(2, "file");
    let twins = set.pick(&[0, 0]);
    let mut twins = ImageSet::join(vec![twins]).unwrap();
    twins.samples[1].id = "train/twin".into();
    for (name, value) in operations.as_object().unwrap() {
        let images = augment(&[&twins], of(name, value.clone()), 1).unwrap();
        if name != "equalize" && name != "autocontrast" {
            assert_ne!(images.image(0), set.image(0), "{name}");
        }
        if !["posterize", "equalize", "autocontrast"].contains(&name.as_str()) {
            assert_ne!(images.image(0), images.image(1), "{name}");
        }
    }
}

#[test]
fn wrong_operations_are_said_with_their_place() {
    let wrong = json!({"passes": [
        {"hue": [-0.6, 0.0]}, {"posterize": [0, 8]}, {"solarize": [1.5, 3]}, {"resampling": "nearest"},
        {"crop": {"area": [0.5, 2.0]}}, {"sample": {"of": [{"blur": [2, 1]}, {"gamma": [1, 2], "classes": ["1"]}]}},
    ]});
    let problems = KIND.resolve(&wrong).unwrap_err();
    let said = problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
    passes.0.hue: the range begins at -0.6, expected at least -0.5
    passes.1.posterize: the range begins at 0, expected at least 1
    passes.2.solarize: found 1.5, expected whole numbers
    passes.3.resampling: there is no motion to resample for
    passes.4.crop.area: the range ends at 2, expected at most 1
    passes.5.sample.of.0.blur: the range runs from 2 down to 1; the lower end comes first
    passes.5.sample.of.1.classes: what is drawn from is the same for every class
    ");
}
