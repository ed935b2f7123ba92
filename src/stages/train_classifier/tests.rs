//! Defaults and refusals of `train-classifier`.

use serde_json::json;

use super::ImageSet;
use super::Params;
use super::TrainClassifier;
use super::check_images;
use super::check_size;
use crate::artifact::Network;
use crate::artifact::Partition;
use crate::artifact::Sample;
use crate::stage::Counts;
use crate::stage::Forecast;
use crate::stage::StageKind;
use crate::stages::trial::told;

const KIND: StageKind = StageKind::of::<TrainClassifier>();

fn images(labels: &[Option<usize>]) -> ImageSet {
    let mut images = ImageSet::empty(1, 1, vec!["healthy".into(), "ill".into()]);
    for (index, &label) in labels.iter().enumerate() {
        let sample = Sample {
            id: format!("train/{index}"),
            label,
            partition: Partition::Train,
            group: None,
            origin: "file".into(),
        };
        images.push(sample, &[0; 3]);
    }
    images
}

fn params(value: &serde_json::Value) -> Params {
    serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
}

fn refusal(images: &ImageSet, validation: Option<&ImageSet>, value: &serde_json::Value) -> String {
    let error = check_images(images, validation, &params(value)).unwrap_err();
    format!("{error}; {}", error.remedy().unwrap_or_default())
}

/// Returns every problem of params with its remedy.
fn problems(value: &serde_json::Value) -> String {
    let line = |p: crate::stage::ParamProblem| {
        let help = p.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}: {}{help}", p.path.join("."), p.problem)
    };
    KIND.resolve(value).unwrap_err().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn defaults_are_those_of_the_study() {
    let params: Params = serde_json::from_value(KIND.resolve(&json!({})).unwrap()).unwrap();
    assert_eq!((params.batch_size, params.epochs, params.learning_rate), (64, 40, 1e-4));
    assert_eq!(params.network, Network::Resnet101);
    assert!((KIND.sources)(&json!({})).is_empty());
    let named = KIND.resolve(&json!({"weights": "resnet18.safetensors"})).unwrap();
    assert_eq!((KIND.sources)(&named)[0].name, "resnet18.safetensors");
}

#[test]
fn params_that_contradict_each_other_are_said() {
    let wrong = json!({
        "schedule": [{"epochs": 3, "learning_rate": 0.1}], "epochs": 7,
        "betas": [0.9, 1], "normalise": {"deviation": [1, 0, 1]},
    });
    let problems = KIND.resolve(&wrong).unwrap_err();
    let lines: Vec<String> =
        problems.iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    epochs: `schedule` takes the place of `epochs`
    betas: both are expected to be at least 0 and less than 1
    normalise: every `deviation` is expected to be more than 0
    ");
}

#[test]
fn images_that_are_drawn_anew_or_mixed_are_part_of_the_key_where_they_are_asked_for() {
    let resolved = |value| KIND.resolve(&value);
    let plain = resolved(json!({})).unwrap();
    assert_eq!(
        resolved(json!({"online": false, "mixup": null, "cutmix": null})),
        Ok(plain.clone())
    );
    assert!(["online", "mixup", "cutmix"].iter().all(|name| plain.get(name).is_none()));
    let online = resolved(json!({"online": true})).unwrap();
    assert_eq!(online["online"]["passes"].as_array().unwrap().len(), 3);
    assert_eq!(resolved(json!({"online": online["online"]})), Ok(online));
    let wrong =
        json!({"online": {"passes": [{"rotation": [9, 3]}, {}]}, "mixup": 0, "cutmix": 200});
    let problems = resolved(wrong).unwrap_err();
    let lines: Vec<String> =
        problems.iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    cutmix: found 200, expected a number of at least 0.01 and at most 100
    mixup: found 0, expected a number of at least 0.01 and at most 100
    online.passes.0.rotation: the range runs from 9 down to 3; the lower end comes first
    ");
}

#[test]
fn what_must_fail_is_foreseen() {
    let foreseen = |value: &serde_json::Value, side| {
        let counts = Counts::of(Partition::Train, 9).sized(Some((side, side)));
        let mut known = Forecast::default();
        known.inputs.insert("images".into(), counts);
        (KIND.forecast)(&KIND.resolve(value).unwrap(), &known).map_err(|error| told(&error))
    };
    let dense = json!({"network": "densenet121"});
    insta::assert_snapshot!(foreseen(&dense, 28).unwrap_err(), @"images are 28 x 28 pixels; densenet121 needs at least 29 x 29; set `size` of the `load` stage to 32 or more, or take a ResNet");
    assert_eq!(foreseen(&dense, 29), Ok(vec![]));
    assert_eq!(foreseen(&json!({}), 1), Ok(vec![]));
    assert!(check_size(Network::Densenet201, (64, 28)).is_err());
    insta::assert_snapshot!(foreseen(&json!({"keep": "best"}), 8).unwrap_err(), @"`keep: best` chooses by validation images, but there are none; connect the port `validation`, or write `keep: last`");
}

#[test]
fn images_that_cannot_teach_are_refused_with_a_remedy() {
    insta::assert_snapshot!(refusal(&images(&[Some(0), None]), None, &json!({})), @"image `train/1` has no label; put a stage of kind `label` before this one");
    insta::assert_snapshot!(refusal(&images(&[Some(0), Some(0)]), None, &json!({})), @"class `ill` has no image among the 2 to train on; add images of `ill`, or stratify the split");
    let good = images(&[Some(0), Some(1)]);
    insta::assert_snapshot!(refusal(&good, None, &json!({"keep": "best"})), @"`keep: best` chooses by validation images, but there are none; connect the port `validation`, or write `keep: last`");
    let other = ImageSet::empty(2, 2, good.classes.clone());
    insta::assert_snapshot!(refusal(&good, Some(&other), &json!({})), @"training and validation differ: images of 1 x 1 beside images of 2 x 2 pixels;");
    let best = json!({"keep": "best", "metric": "auc"});
    assert!(check_images(&good, Some(&good), &params(&best)).is_ok());
    let well = images(&[Some(0), Some(0)]);
    insta::assert_snapshot!(refusal(&good, Some(&well), &best), @"the validation images are all of one class, for which `metric` is not defined; stratify the split, or take `metric: accuracy`");
    insta::assert_snapshot!(refusal(&good, None, &json!({"patience": 3})), @"`patience` goes by validation images, but there are none; connect the port `validation`, or leave `patience` out");
}

#[test]
fn options_that_contradict_each_other_are_said_with_a_remedy() {
    insta::assert_snapshot!(problems(&json!({"steps": 5000, "epochs": 3, "round": 300})), @"
    epochs: `steps` takes the place of `epochs`; leave one of them out
    steps: 5000 steps are not a whole number of rounds of 300; write `round: 250`
    ");
    insta::assert_snapshot!(problems(&json!({"round": 300, "decay": "step", "ema": 1})), @"
    round: `round` belongs to `steps`; write `steps`
    decay: `decay: step` needs `decay_every`; write `decay_every: 30`
    ema: found 1, expected a number below 1: the average would stay at the start; 0.999 is usual
    ");
    insta::assert_snapshot!(problems(&json!({
        "schedule": [{"epochs": 3, "learning_rate": 0.1}], "steps": 100, "decay": "cosine", "decay_every": 3,
    })), @"
    steps: `schedule` takes the place of `steps`; leave one of them out
    decay: `schedule` takes the place of `decay`; leave one of them out
    decay_every: `decay_every` belongs to `decay: step`; write `decay: step`
    ");
    insta::assert_snapshot!(problems(&json!({"decay": "one-cycle", "warm_up": 3, "decay_factor": 0.5})), @"
    warm_up: `decay: one-cycle` warms up by itself; leave one of them out
    decay_factor: `decay_factor` belongs to `decay: step`; write `decay: step`
    ");
    insta::assert_snapshot!(problems(&json!({"decay": "cosine", "warm_up": 200, "steps": 200})), @"warm_up: the warm-up is as long as the training; make it shorter");
    insta::assert_snapshot!(problems(&json!({
        "head": "coral", "label_smoothing": 1, "class_weights": [1, 0], "focal": 2,
    })), @"
    label_smoothing: found 1, expected a number below 1: nothing would be left of the labels; 0.1 is usual
    label_smoothing: `label_smoothing` belongs to `head: softmax`; leave one of them out
    class_weights: `class_weights` belongs to `head: softmax`; leave one of them out
    focal: `focal` belongs to `head: softmax`; leave one of them out
    class_weights: every weight is expected to be more than 0
    ");
    insta::assert_snapshot!(problems(&json!({"focal": 2, "label_smoothing": 0.1})), @"label_smoothing: the focal loss has no smoothed labels; leave one of them out");
    insta::assert_snapshot!(problems(&json!({"class_weights": "balanced", "draw": "balanced"})), @"class_weights: `draw: balanced` makes all classes count alike already; leave one of them out");
    insta::assert_snapshot!(problems(&json!({
        "network": "densenet121", "stem": "cifar", "freeze": 2, "metric": "kappa",
    })), @"
    stem: `stem: cifar` belongs to a ResNet, not to densenet121; take a ResNet
    freeze: layers that learnt nothing would stay as they were drawn; give starting `weights`
    metric: `metric` chooses nothing; write `keep: best`, or give a `patience`
    ");
    insta::assert_snapshot!(problems(&json!({
        "freeze": 6, "class_weights": "even", "decay": "cos", "metric": "acc", "patience": 0,
    })), @"
    class_weights: found `even`, expected one of `balanced`
    decay: found `cos`, expected one of `cosine`, `step`, `one-cycle`; did you mean `cosine`?
    freeze: found `6`, expected a whole number of at least 1 and at most 5 or a list
    metric: found `acc`, expected one of `accuracy`, `balanced_accuracy`, `kappa`, `loss`, `auc`; did you mean `accuracy`?
    patience: found 0, expected a whole number of at least 1 and at most 1000000
    ");
}

#[test]
fn options_are_part_of_the_key_where_they_are_asked_for_alone() {
    let plain = KIND.resolve(&json!({})).unwrap();
    let names = [
        "batch_size",
        "betas",
        "checkpoints",
        "epochs",
        "keep",
        "learning_rate",
        "network",
        "normalise",
        "schedule",
        "weight_decay",
        "weights",
    ];
    assert!(plain.as_object().unwrap().keys().eq(names));
    let said = json!({
        "label_smoothing": 0, "class_weights": null, "focal": null, "draw": "once", "warm_up": 0, "decay": null,
        "steps": null, "round": null, "metric": "accuracy", "patience": null, "ema": null, "freeze": null,
        "stem": "imagenet", "head": "softmax", "greyscale": false,
    });
    assert_eq!(KIND.resolve(&said), Ok(plain));
}

/// Step sizes of PyTorch's `StepLR` by epoch; `tests/golden/losses.py` wrote them.
#[derive(serde::Deserialize)]
struct Golden {
    step: Vec<f64>,
}

#[test]
fn a_step_size_that_is_cut_is_that_of_pytorch_and_one_course_with_its_stretches() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/golden/losses.json")).unwrap();
    let cut = json!({
        "epochs": 10, "learning_rate": 0.02, "decay": "step", "decay_every": 3, "decay_factor": 0.5,
    });
    let course = params(&cut).course();
    let rates: Vec<f64> = course.learning_rates().collect();
    assert_eq!(rates.len(), golden.step.len());
    for (found, expected) in rates.iter().zip(&golden.step) {
        assert!((found - expected).abs() < 1e-15, "{found}, {expected}");
    }
    let shorter = json!({
        "epochs": 8, "learning_rate": 0.02, "decay": "step", "decay_every": 3, "decay_factor": 0.5,
    });
    assert_eq!(course.in_common(&params(&shorter).course()), 8, "a cut looks at the past alone");
}

#[test]
fn a_decay_that_looks_at_the_end_shares_nothing() {
    let course =
        |decay: &str, epochs: usize| params(&json!({"epochs": epochs, "decay": decay})).course();
    for decay in ["cosine", "one-cycle"] {
        assert!(course(decay, 9).looks_ahead());
        assert_eq!(course(decay, 9).in_common(&course(decay, 10)), 0);
        assert_eq!(course(decay, 9).in_common(&course(decay, 9)), 9);
    }
    let warm = |epochs: usize| params(&json!({"epochs": epochs, "warm_up": 50})).course();
    assert_eq!(warm(9).in_common(&warm(10)), 9, "a warm-up looks at the past alone");
}

#[test]
fn steps_are_known_from_params_and_images() {
    let steps = |value, images| (KIND.steps)(&KIND.resolve(&value).unwrap(), images);
    assert_eq!(steps(json!({"epochs": 40}), 1080), Some(40 * 17));
    assert_eq!(steps(json!({"epochs": 2, "batch_size": 8}), 25), Some(6)); // the 25th alone is left out
    assert_eq!(steps(json!({"steps": 500}), 1080), Some(500));
    assert_eq!(params(&json!({"steps": 500, "round": 50})).course().epochs(), 10);
    assert_eq!(params(&json!({"steps": 500})).course().round(), Some(100));
}
