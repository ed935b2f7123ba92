//! Tests of `evaluate-images`: what it tells apart, and what it refuses.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::EvaluateImages;
use super::hidden_by_spread;
use crate::artifact::Compared;
use crate::artifact::ImageSet;
use crate::artifact::Measured;
use crate::artifact::Partition;
use crate::artifact::Quality;
use crate::artifact::Yardstick;
use crate::measure::Fidelity;
use crate::seed::Seed;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageKind;
use crate::stages::trial::Trial;
use crate::stages::trial::problems;
use crate::stages::trial::sample;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<EvaluateImages>();
const SIDE: usize = 12;

/// Returns labelled images of noise around grey levels of their own, up to 60 above one that all share.
fn noise(name: &str, count: usize, level: usize, seed: u64) -> ImageSet {
    let mut images = ImageSet::empty(SIDE, SIDE, vec!["healthy".into(), "ill".into()]);
    let mut stream = Seed(seed).stream();
    for index in 0..count {
        let own = level + stream.below(60);
        let pixels: Vec<u8> =
            (0..SIDE * SIDE * 3).map(|_| (own + stream.below(20)) as u8).collect();
        images.push(sample(name, index, Some(index % 2)), &pixels);
    }
    images
}

fn measured(params: Value, inputs: Vec<(&str, Vec<&ImageSet>)>) -> Quality {
    let trial = Trial { inputs, ..Trial::of(KIND, params) };
    trial.read("quality").unwrap()
}

#[test]
fn images_that_are_far_from_real_ones_or_copies_of_them_are_told_apart() {
    let (real, unseen) = (noise("eye", 40, 100, 1), noise("other", 30, 100, 2));
    let inputs =
        |fake| vec![("real", vec![&real]), ("fake", vec![fake]), ("held_out", vec![&unseen])];
    let pixels = json!({"features": {"pixels": {"components": 8}}, "subsets": 5});
    let [new, light] = [100, 170].map(|level| noise("gan", 30, level, 3));
    let good = measured(pixels.clone(), inputs(&new));
    assert_eq!(good.features, "pixels along 8 components");
    let yardstick = good.all.yardstick.as_ref().unwrap();
    let kid = |quality: &Quality| quality.all.whole.fidelity.kid.unwrap();
    let held_out = yardstick.held_out.fidelity;
    assert!((kid(&good) - held_out.kid.unwrap()).abs() < 0.15, "{good:?}");
    assert_eq!((held_out.fake, &yardstick.generated), (30, &None));
    let memory = good.all.whole.memorisation.unwrap();
    assert!((0.2..0.8).contains(&memory.nearer), "{memory:?}");

    let far = measured(pixels.clone(), inputs(&light));
    assert!(kid(&far) > 1.0 && far.all.whole.fidelity.coverage == Some(0.0));

    let mut copies = real.pick(&(0..30).collect::<Vec<_>>());
    copies.samples.iter_mut().for_each(|sample| sample.id = format!("copy of {}", sample.id));
    let copied = measured(pixels, inputs(&copies));
    let memory = copied.all.whole.memorisation.unwrap();
    assert_eq!((memory.generated, memory.nearer, memory.suspects), (0.0, 1.0, 1.0));
    assert_eq!(copied.nearest[3].nearest_real, "eye/3");
    assert_eq!(copied.all.whole.fidelity.precision, Some(1.0));
}

#[test]
fn classes_are_measured_by_themselves_where_both_sides_have_them() {
    let real = noise("eye", 24, 100, 1);
    // Half of the images, those that are ill, are much lighter than they ought to be.
    let light = noise("gan", 12, 175, 4);
    let mut fake = noise("gan", 12, 100, 3);
    let ill: Vec<usize> = (0..12).filter(|index| index % 2 == 1).collect();
    fake = ImageSet::join(vec![fake.pick(&[0, 2, 4, 6, 8, 10]), light.pick(&ill)]).unwrap();
    let params = json!({"neighbours": 2, "subsets": 3});
    let found = measured(params.clone(), vec![("real", vec![&real]), ("fake", vec![&fake])]);
    let classes: BTreeMap<_, _> = found.classes.into_iter().collect();
    let (healthy, ill) = (classes["healthy"].whole.fidelity, classes["ill"].whole.fidelity);
    assert_eq!((healthy.real, healthy.fake, ill.fake), (12, 6, 6));
    assert!(ill.kid.unwrap() > 10.0 * healthy.kid.unwrap().abs(), "{healthy:?} {ill:?}");
    assert_eq!((ill.coverage, ill.precision), (Some(0.0), Some(0.0)));
    assert_eq!((found.all.whole.memorisation, found.all.yardstick), (None, None));

    let mut unlabelled = fake.clone();
    unlabelled.samples[0].label = None;
    let found = measured(params, vec![("real", vec![&real]), ("fake", vec![&unlabelled])]);
    assert!(found.classes.is_empty());
}

#[test]
fn held_out_images_are_held_against_as_many_generated_ones() {
    let (real, unseen) = (noise("eye", 24, 100, 1), noise("other", 10, 100, 2));
    let fake = noise("gan", 16, 100, 3);
    let mut inputs = vec![("real", vec![&real]), ("fake", vec![&fake])];
    inputs.push(("held_out", vec![&unseen]));
    let params = json!({"neighbours": 2, "subsets": 3});
    let found = measured(params.clone(), inputs.clone());
    let counts = |found: &Measured| {
        let yardstick = found.yardstick.as_ref().unwrap();
        let generated = yardstick.generated.as_ref().unwrap().fidelity.fake;
        (found.whole.fidelity.fake, yardstick.held_out.fidelity.fake, generated)
    };
    assert_eq!(counts(&found.all), (16, 10, 10));
    let classes: Vec<_> = found.classes.iter().map(|(_, found)| counts(found)).collect();
    assert_eq!(classes, [(8, 5, 5), (8, 5, 5)]);
    assert!(found.classes[1].1.whole.memorisation.is_some());

    // Classes of another order would be other images.
    let mut turned = unseen.clone();
    turned.classes.reverse();
    inputs[2].1 = vec![&turned];
    assert!(measured(params, inputs).classes.is_empty());
}

#[test]
fn real_images_that_do_not_differ_have_no_directions() {
    let real = noise("eye", 1, 100, 1).pick(&[0; 6]);
    let fake = noise("gan", 6, 100, 3);
    let trial = Trial {
        inputs: vec![("real", vec![&real]), ("fake", vec![&fake])],
        ..Trial::of(KIND, json!({}))
    };
    insta::assert_snapshot!(told(&trial.run().unwrap_err()), @"the real images do not differ, so no pixels of them do; connect two different images or more to `real`");
}

#[test]
fn images_that_resemble_each_other_are_told_from_those_that_differ() {
    let real = noise("eye", 10, 100, 1);
    let alike = real.pick(&[3; 6]);
    let found =
        measured(json!({"subsets": 1}), vec![("real", vec![&real]), ("fake", vec![&alike])]);
    assert!((found.all.whole.likeness.unwrap() - 1.0).abs() < 1e-9);
    assert!(found.all.whole.real_likeness.unwrap() < 0.5);
}

#[test]
fn images_of_other_sizes_are_refused() {
    let mut known = Forecast::default();
    let sized = |side| Counts::of(Partition::Train, 9).sized(Some((side, side)));
    known.inputs.extend([("real".to_owned(), sized(64)), ("fake".to_owned(), sized(32))]);
    let params = KIND.resolve(&json!({})).unwrap();
    insta::assert_snapshot!(told(&(KIND.forecast)(&params, &known).unwrap_err()), @"images of 32 x 32 pixels in `fake` beside real ones of 64 x 64; load and generate images of one size");
    let (real, empty) = (noise("eye", 4, 100, 1), noise("gan", 0, 100, 1));
    let trial = Trial {
        inputs: vec![("real", vec![&real]), ("fake", vec![&empty])],
        ..Trial::of(KIND, json!({}))
    };
    insta::assert_snapshot!(told(&trial.run().unwrap_err()), @"there is no image in `fake` to measure");
}

#[test]
fn features_come_from_one_place() {
    let problems = |value: Value| problems(&KIND, &value);
    let both = json!({"features": {"pixels": {}, "script": {"file": "net.pt"}}});
    insta::assert_snapshot!(problems(both), @"features: images are compared by one of `pixels`, `weights` and `script`");
    let params = KIND.resolve(&json!({"features": {"script": {"file": "net.pt"}}})).unwrap();
    let sources = (KIND.sources)(&params);
    assert_eq!(
        (sources[0].name.as_str(), sources[0].param.as_str()),
        ("net.pt", "features.script.file")
    );
}

#[test]
fn a_kernel_distance_that_its_spread_hides_is_told() {
    let of = |kid, deviation| Compared {
        fidelity: Fidelity { kid: Some(kid), kid_deviation: deviation, ..Fidelity::none(30, 20) },
        likeness: None,
        real_likeness: None,
        memorisation: None,
    };
    let beside = |whole, held_out| {
        let yardstick = Some(Yardstick { held_out, generated: None });
        hidden_by_spread(&Measured { whole, yardstick })
    };
    let alone = |whole| hidden_by_spread(&Measured { whole, yardstick: None });
    insta::assert_snapshot!(alone(of(0.5, Some(0.3))).unwrap(), @"the kernel distance of 0.500 is not farther from 0 than twice its spread over subsets, 0.300: so few images do not tell the difference");
    insta::assert_snapshot!(beside(of(150.0, Some(10.0)), of(-140.0, Some(175.0))).unwrap(), @"the kernel distance of 150.000 is not farther from -140.000 of held-out images than twice its spread over subsets, 175.000: so few images do not tell the difference");
    assert_eq!(alone(of(0.5, Some(0.2))), None);
    assert_eq!(beside(of(0.5, Some(0.2)), of(0.0, Some(0.1))), None);
    // Without a spread nothing is known of it.
    assert_eq!(alone(of(0.5, None)), None);
}
