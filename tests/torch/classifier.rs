//! Classifiers: they learn, answer, survive their files, and start from given weights.

use ablate::artifact::Artifact;
use ablate::artifact::Classifier;
use ablate::artifact::Network;
use ablate::artifact::Tree;
use ablate::augment::Online;
use ablate::ml;
use ablate::ml::ClassifierSettings;
use ablate::ml::Mixing;
use ablate::stage::Course;
use ablate::stage::StageError;

use crate::lab;
use crate::lab::Watcher;

pub(crate) fn settings(epochs: usize) -> ClassifierSettings {
    ClassifierSettings::new(Network::Resnet18, 8, Course::single(epochs, 3e-4))
}

fn train(settings: &ClassifierSettings) -> Classifier {
    let watcher = Watcher::default();
    let (train, validation) = (lab::images(25, 16), lab::images(8, 16));
    let cx = lab::context(&watcher, None);
    ml::train_classifier(&cx, settings, &train, Some(&validation)).unwrap()
}

#[test]
fn a_network_learns_to_tell_discs_from_frames_and_its_files_answer_alike() {
    let classifier = train(&settings(8));
    let losses = classifier.history.column("loss").unwrap();
    assert!(losses[7] < 0.5 * losses[0], "{losses:?}");
    assert_eq!(classifier.history.column("validation_accuracy").unwrap()[7], 1.0);

    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let answers = ml::classify(&cx, &classifier, &lab::images(6, 16)).unwrap();
    for (index, answer) in answers.iter().enumerate() {
        assert!((answer.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(answer[index % 2] > 0.5, "{answer:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    classifier.write(folder.path()).unwrap();
    let read = Classifier::read(&Tree::of_folder(folder.path()).unwrap()).unwrap();
    assert_eq!(ml::classify(&cx, &read, &lab::images(6, 16)).unwrap(), answers);

    let features = ml::features(&cx, &read, &lab::images(3, 16)).unwrap();
    assert_eq!((features.width, features.values.len()), (512, 3 * 512));
}

#[test]
fn a_network_learns_from_images_that_are_drawn_anew_and_mixed() {
    let plain = settings(12);
    let learnt = |settings: &ClassifierSettings| {
        train(settings).history.column("validation_accuracy").unwrap().last().copied()
    };
    let online = Some(Online::default());
    assert_eq!(learnt(&ClassifierSettings { online, ..plain.clone() }), Some(1.0));
    let mixing = Mixing { mixup: Some(0.2), cutmix: None };
    assert_eq!(learnt(&ClassifierSettings { mixing, ..plain }), Some(1.0));
}

#[test]
fn the_same_seed_trains_the_same_weights() {
    assert!(train(&settings(1)).weights == train(&settings(1)).weights);
}

#[test]
fn starting_weights_are_used_and_a_last_layer_of_other_classes_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("start.safetensors");
    let start = train(&settings(3));
    ablate::files::write(&path, &start.weights).unwrap();
    let mut settings = settings(0);
    settings.weights = Some(path);
    assert!(train(&settings).weights == start.weights);

    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let mut three = lab::images(6, 16);
    three.classes.push("neither".to_owned());
    let other = ml::train_classifier(&cx, &settings, &three, None).unwrap();
    let conv1 = |classifier: &Classifier| {
        let file = safetensors::SafeTensors::deserialize(&classifier.weights).unwrap();
        (
            file.tensor("conv1.weight").unwrap().data().to_vec(),
            file.tensor("fc.bias").unwrap().shape().to_vec(),
        )
    };
    assert!(conv1(&other) == (conv1(&start).0, vec![3]));

    settings.network = Network::Resnet34;
    let wrong = ml::train_classifier(&cx, &settings, &three, None).unwrap_err().to_string();
    assert!(wrong.contains("has no tensor `layer1.2.bn1.bias`"), "{wrong}");
}

#[test]
fn a_densenet_takes_no_images_below_29_pixels_and_a_resnet_takes_any() {
    let cases = [
        (Network::Densenet121, 28, false),
        (Network::Densenet121, 29, true),
        (Network::Resnet18, 1, true),
    ];
    for (network, side, takes) in cases {
        let watcher = Watcher::default();
        let cx = lab::context(&watcher, None);
        let settings = ClassifierSettings { network, ..settings(0) };
        let images = lab::images(2, side);
        let classifier = ml::train_classifier(&cx, &settings, &images, None).unwrap();
        let answers = ml::classify(&cx, &classifier, &images);
        assert_eq!(answers.is_ok(), takes, "{network}, {side} pixels");
    }
}

#[test]
fn the_best_epoch_is_kept_where_asked_for() {
    let mut settings = settings(3);
    settings.keep_best = true;
    let kept = train(&settings);
    let accuracies = kept.history.column("validation_accuracy").unwrap();
    let best = accuracies.iter().copied().fold(0.0, f64::max);
    let first = accuracies.iter().position(|&accuracy| accuracy == best).unwrap();
    settings.course = self::settings(first + 1).course;
    assert!(kept.weights == train(&settings).weights);
}

#[test]
fn an_unlabelled_image_and_a_single_image_are_errors() {
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let mut set = lab::images(4, 16);
    set.samples[2].label = None;
    let error = ml::train_classifier(&cx, &settings(1), &set, None).unwrap_err();
    assert_eq!(error.to_string(), "image `train/2` has no label");
    let error = ml::train_classifier(&cx, &settings(1), &lab::images(1, 16), None).unwrap_err();
    assert!(matches!(error, StageError::Data { .. }), "{error}");
}

#[test]
fn damaged_weights_are_an_error() {
    let mut classifier = train(&settings(0));
    let watcher = Watcher::default();
    classifier.weights.truncate(1000);
    let cx = lab::context(&watcher, None);
    let error = ml::classify(&cx, &classifier, &lab::images(2, 16)).unwrap_err().to_string();
    assert!(error.starts_with("`weights.safetensors` is malformed: "), "{error}");
}
