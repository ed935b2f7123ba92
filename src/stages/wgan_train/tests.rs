//! Tests of `wgan-train`'s params: defaults, contradictions, what is foreseen.

use serde_json::Value;
use serde_json::json;

use super::CriticLimit;
use super::CriticNorm;
use super::Params;
use super::WganTrain;
use super::of_classes;
use super::settings;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::ml::Optimiser;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageKind;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<WganTrain>();

fn resolved(value: &Value) -> Params {
    serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
}

fn problems(value: &Value) -> Vec<String> {
    let problems = KIND.resolve(value).unwrap_err();
    problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect()
}

#[test]
fn defaults_are_those_of_the_study() {
    let settings = settings(&resolved(&json!({})), (64, 64), 0).unwrap();
    assert_eq!(settings.course.epochs(), 1400);
    assert_eq!((settings.batch_size, settings.critic_steps), (8, 5));
    assert_eq!(settings.limit, CriticLimit::Clip(0.01));
    assert_eq!(settings.optimiser, Optimiser::Rmsprop);
    assert_eq!(settings.shape.critic_norm, CriticNorm::Batch);
    assert_eq!((settings.shape.latent, settings.shape.generator_width), (100, 1024));
}

#[test]
fn a_gradient_penalty_brings_its_own_defaults() {
    let params = resolved(&json!({"gradient_penalty": 10}));
    let settings = settings(&params, (64, 64), 0).unwrap();
    assert_eq!(settings.limit, CriticLimit::GradientPenalty(10.0));
    assert_eq!(settings.optimiser, Optimiser::Adam);
    assert_eq!(settings.betas, (0.0, 0.9));
    assert_eq!(settings.shape.critic_norm, CriticNorm::Layer);
}

#[test]
fn params_that_contradict_each_other_are_said() {
    let wrong = json!({"size": 48, "clip": 0.01, "gradient_penalty": 10, "betas": [0, 1]});
    insta::assert_snapshot!(problems(&wrong).join("\n"), @"
    size: found 48 pixels, expected 4 times a power of two, at least 8
    clip: `clip` and `gradient_penalty` exclude each other
    betas: both are expected to be at least 0 and less than 1
    ");
    let wrong = json!({"size": 64, "generator_width": 12, "betas": [0, 0.9]});
    insta::assert_snapshot!(problems(&wrong).join("\n"), @"
    generator_width: found 12, expected a multiple of 8 for 64 x 64 pixels
    betas: `betas` belong to Adam, but the optimiser is another
    ");
}

#[test]
fn a_size_that_no_generator_makes_is_foreseen() {
    let foreseen = |side| {
        let counts = Counts::of(Partition::Train, 9).sized(Some((side, side)));
        let mut known = Forecast::default();
        known.inputs.insert("images".into(), counts);
        (KIND.forecast)(&KIND.resolve(&json!({})).unwrap(), &known).map_err(|error| told(&error))
    };
    assert_eq!(foreseen(32), Ok(vec![]));
    insta::assert_snapshot!(foreseen(28).unwrap_err(), @"`size`: found 28 pixels, expected 4 times a power of two, at least 8; load the images with `size: 64`");
}

#[test]
fn images_of_another_size_are_refused_with_a_remedy() {
    let error = settings(&resolved(&json!({"size": 64})), (28, 28), 0).unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @"
    the images have 28 x 28 pixels, not 64 x 64
    give `load` the `size` of the GAN
    ");
    let error = settings(&resolved(&json!({})), (28, 28), 0).unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @"
    `size`: found 28 pixels, expected 4 times a power of two, at least 8
    load the images with `size: 64`
    ");
}

#[test]
fn spectral_normalisation_brings_its_own_defaults() {
    let params = resolved(&json!({"spectral_norm": true}));
    let settings = settings(&params, (64, 64), 0).unwrap();
    assert_eq!((settings.limit, settings.optimiser), (CriticLimit::SpectralNorm, Optimiser::Adam));
    assert!(settings.shape.spectral_norm);
    assert_eq!(settings.shape.critic_norm, CriticNorm::None);
}

#[test]
fn options_that_contradict_each_other_are_said() {
    let wrong = json!({
        "spectral_norm": true, "clip": 0.01, "critic_norm": "batch", "critic_warm_up": {"critic_steps": 5},
        "diff_augment": ["colour", "cutout", "colour"], "conditional": true, "classes": ["ill"],
        "stop_when": {"metric": "diversity", "no_higher_for": 9}
    });
    insta::assert_snapshot!(problems(&wrong).join("\n"), @"
    clip: `clip` and `spectral_norm` exclude each other
    critic_norm: normalisation scales anew what `spectral_norm` has bounded
    critic_warm_up: 5 `critic_steps` at first are no more than the usual 5
    diff_augment: a change is there twice
    conditional: one class alone is nothing to tell the networks
    stop_when.no_higher_for: found 9 epochs, but diversity is measured every 10 epochs
    ");
    let wrong = json!({
        "clip": 0.01, "gradient_penalty": 10, "spectral_norm": true, "classes": ["a", "b", "a"],
        "stop_when": {"metric": "loss"}
    });
    insta::assert_snapshot!(problems(&wrong).join("\n"), @"
    clip: `clip` and `gradient_penalty` and `spectral_norm` exclude each other
    classes: `a` is there twice
    stop_when.metric: found `loss`, expected one of `critic_loss`, `generator_loss`, `wasserstein`, `diversity`
    stop_when: nothing says when: none of `below`, `above`, `no_lower_for` and `no_higher_for` is there
    ");
    let wrong = json!({
        "ema": 1.0, "classes": [], "critic_warm_up": {"generator_steps": 0}, "upsampling": "nearest",
        "diff_augment": ["flip"]
    });
    insta::assert_snapshot!(problems(&wrong).join("\n"), @"
    classes: found 0 entries, expected at least 1
    critic_warm_up.generator_steps: found 0, expected a whole number of at least 1 and at most 1000000
    diff_augment.0: found `flip`, expected one of `colour`, `translation`, `cutout`
    ema: found 1, expected a number of at least 0 and at most 0.999999
    upsampling: found `nearest`, expected one of `transposed-5x5`, `transposed-4x4`, `resize`
    ");
}

#[test]
fn what_a_param_was_before_it_existed_stays_out_of_the_key() {
    let all = json!({
        "upsampling": "transposed-5x5", "critic_warm_up": null, "spectral_norm": false, "diff_augment": [],
        "ema": null, "conditional": false, "classes": null, "stop_when": null
    });
    assert_eq!(KIND.resolve(&all).unwrap(), KIND.resolve(&json!({})).unwrap());
    let warm = KIND.resolve(&json!({"critic_warm_up": {}})).unwrap();
    let expected = json!({"generator_steps": 25, "critic_steps": 100, "again_every": 0});
    assert_eq!(warm["critic_warm_up"], expected);
}

#[test]
fn images_are_chosen_by_the_names_of_their_classes() {
    let mut images = ImageSet::empty(1, 1, vec!["healthy".into(), "ill".into(), "dead".into()]);
    for (index, label) in [Some(0), Some(1), None, Some(1)].into_iter().enumerate() {
        let sample = Sample {
            id: format!("train/{index}"),
            label,
            partition: Partition::Train,
            group: None,
            origin: "file".to_owned(),
        };
        images.push(sample, &[index as u8; 3]);
    }
    let chosen = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let ids = |set: ImageSet| set.samples.into_iter().map(|sample| sample.id).collect();
        of_classes(&images, &names).map(ids).map_err(|error| told(&error))
    };
    assert_eq!(chosen(&["ill"]), Ok(vec!["train/1".to_owned(), "train/3".to_owned()]));
    assert_eq!(chosen(&["ill", "healthy"]).map(|ids| ids.len()), Ok(3));
    let all = [chosen(&["il"]).unwrap_err(), chosen(&["ill", "dead"]).unwrap_err()];
    insta::assert_snapshot!(all.join("\n"), @"
    `classes` name `il`, but the classes are `healthy`, `ill`, `dead`; name classes as `load` does; `ablate show` prints them
    none of the 4 images is of the class `dead`; leave it out of `classes`
    ");
}
