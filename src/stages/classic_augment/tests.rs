//! Tests of `classic-augment`: ids, origins, independence of threads and order, counts.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::imaging::rgb::Rgb;
use crate::imaging::transform;
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
        transform::flip_vertically(&mut flipped);
        down += usize::from(image(40 + index) == flipped);
        let mut flipped = image(index);
        transform::flip_horizontally(&mut flipped);
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
    passes.3.flip: unknown name `flip`; known are `brightness`, `contrast`, `horizontal_flip`, `rotation`, `saturation`, `scale`, `translation`, `vertical_flip`
    ");
    let ranges = json!({"passes": [{"scale": [0.0, 1.0]}, {"brightness": [0.9, 0.7]}]});
    let problems = KIND.resolve(&ranges).unwrap_err();
    let said = problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
    passes.0.scale: the range begins at 0, expected at least 0.01
    passes.1.brightness: the range runs from 0.9 down to 0.7; the lower end comes first
    ");
}
