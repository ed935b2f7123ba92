//! Defaults and refusals of `train-classifier`.

use serde_json::json;

use super::ImageSet;
use super::Keep;
use super::Network;
use super::Params;
use super::TrainClassifier;
use super::check_images;
use super::check_size;
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

fn refusal(images: &ImageSet, validation: Option<&ImageSet>, keep: Keep) -> String {
    let error = check_images(images, validation, keep).unwrap_err();
    format!("{error}; {}", error.remedy().unwrap_or_default())
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
    insta::assert_snapshot!(refusal(&images(&[Some(0), None]), None, Keep::Last), @"image `train/1` has no label; put a stage of kind `label` before this one");
    insta::assert_snapshot!(refusal(&images(&[Some(0), Some(0)]), None, Keep::Last), @"class `ill` has no image among the 2 to train on; add images of `ill`, or stratify the split");
    let good = images(&[Some(0), Some(1)]);
    insta::assert_snapshot!(refusal(&good, None, Keep::Best), @"`keep: best` chooses by validation images, but there are none; connect the port `validation`, or write `keep: last`");
    let other = ImageSet::empty(2, 2, good.classes.clone());
    insta::assert_snapshot!(refusal(&good, Some(&other), Keep::Last), @"training and validation differ: images of 1 x 1 beside images of 2 x 2 pixels;");
    assert!(check_images(&good, Some(&good), Keep::Best).is_ok());
}
