//! Options of a classifier's training: each does what it says, and a training that was stopped ends bit for bit where
//! one ends that never was.

use ablate::artifact::Artifact;
use ablate::artifact::Classifier;
use ablate::artifact::Head;
use ablate::artifact::ImageSet;
use ablate::artifact::Network;
use ablate::artifact::Stem;
use ablate::artifact::Tree;
use ablate::artifact::Variant;
use ablate::augment::Online;
use ablate::ml;
use ablate::ml::ClassWeights;
use ablate::ml::ClassifierSettings;
use ablate::ml::Decay;
use ablate::ml::Draw;
use ablate::ml::Freeze;
use ablate::ml::LossSettings;
use ablate::ml::Metric;
use ablate::ml::Optimiser;
use ablate::ml::WeightRule;
use ablate::stage::Course;
use ablate::stage::StageError;
use safetensors::SafeTensors;

use crate::classifier;
use crate::lab;
use crate::lab::Watcher;

/// Four epochs of three steps.
fn settings() -> ClassifierSettings {
    classifier::settings(4)
}

fn images() -> ImageSet {
    lab::images(20, 16)
}

fn train_on(
    watcher: &Watcher,
    folder: Option<&std::path::Path>,
    settings: &ClassifierSettings,
    images: &ImageSet,
) -> Result<Classifier, StageError> {
    let cx = lab::context(watcher, folder);
    ml::train_classifier(&cx, settings, images, Some(&lab::images(9, 16)))
}

fn train(settings: &ClassifierSettings) -> Classifier {
    train_on(&Watcher::default(), None, settings, &images()).unwrap()
}

#[track_caller]
fn assert_same(one: &Classifier, two: &Classifier) {
    assert_eq!(one.history.to_csv(), two.history.to_csv());
    assert!(one.weights == two.weights);
}

/// Stops a training after two epochs and goes on; returns what it came to, which is what it comes to at once.
#[track_caller]
fn resumed(settings: &ClassifierSettings) -> Classifier {
    let folder = tempfile::tempdir().unwrap();
    let at = Some(folder.path());
    let stopped = train_on(&Watcher::stopping_after(2), at, settings, &images());
    assert!(matches!(stopped, Err(StageError::Cancelled)));
    let watcher = Watcher::default();
    let resumed = train_on(&watcher, at, settings, &images()).unwrap();
    let of = settings.course.epochs();
    assert_eq!(watcher.notes()[0], format!("goes on after epoch 2 of {of}"));
    assert_same(&resumed, &train(settings));
    resumed
}

fn tensor(classifier: &Classifier, name: &str) -> Vec<u8> {
    let file = SafeTensors::deserialize(&classifier.weights).unwrap();
    file.tensor(name).unwrap().data().to_vec()
}

#[test]
fn each_loss_and_draw_trains_another_network_and_survives_a_stop() {
    let plain = train(&settings());
    let losses = [
        LossSettings { smoothing: 0.1, ..LossSettings::default() },
        LossSettings { focal: Some(2.0), ..LossSettings::default() },
        LossSettings {
            class_weights: Some(ClassWeights::Each(vec![1.0, 3.0])),
            ..LossSettings::default()
        },
    ];
    for loss in losses {
        let other = resumed(&ClassifierSettings { loss, ..settings() });
        assert!(other.weights != plain.weights);
    }
    let online = Some(Online::default());
    let other = resumed(&ClassifierSettings { draw: Draw::Balanced, online, ..settings() });
    assert!(other.weights != plain.weights);
}

#[test]
fn weights_of_even_classes_change_nothing() {
    let class_weights = Some(ClassWeights::Rule(WeightRule::Balanced));
    let loss = LossSettings { class_weights, ..LossSettings::default() };
    let [even, plain] = [loss, LossSettings::default()].map(|loss| {
        let found =
            train(&ClassifierSettings { loss, course: Course::single(1, 3e-4), ..settings() });
        found.history.column("loss").unwrap()[0]
    });
    assert!((even - plain).abs() < 1e-5, "{even}, {plain}");
}

#[test]
fn a_training_by_steps_is_cut_where_rounds_end_and_shows_what_passes_show() {
    // Passes of three steps, rounds of two.
    let course = Course::single(6, 3e-4).in_rounds(Some(2));
    let rounds = resumed(&ClassifierSettings { course, ..settings() });
    assert_eq!(rounds.history.column("step").unwrap(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    assert_eq!(rounds.round, Some(2));
    assert!(rounds.weights == train(&settings()).weights, "12 steps are four passes");
    let folder = tempfile::tempdir().unwrap();
    rounds.write(folder.path()).unwrap();
    let read = Classifier::read(&Tree::of_folder(folder.path()).unwrap()).unwrap();
    assert!(read.round == rounds.round && read.history == rounds.history);

    // The same number of steps on a set of another size.
    let course = Course::single(6, 3e-4).in_rounds(Some(2));
    let settings = ClassifierSettings { course, online: Some(Online::default()), ..settings() };
    let larger = train_on(&Watcher::default(), None, &settings, &lab::images(70, 16)).unwrap();
    assert_eq!(larger.history.column("step").unwrap().last(), Some(&12.0));
}

#[test]
fn a_longer_training_by_steps_goes_on_from_a_shorter_one() {
    let folder = tempfile::tempdir().unwrap();
    let by_steps = |rounds| {
        let course = Course::single(rounds, 3e-4).in_rounds(Some(2));
        ClassifierSettings { course, ..settings() }
    };
    train_on(&Watcher::default(), Some(folder.path()), &by_steps(2), &images()).unwrap();
    let watcher = Watcher::default();
    let longer = train_on(&watcher, Some(folder.path()), &by_steps(3), &images()).unwrap();
    assert_eq!(watcher.notes(), ["goes on after epoch 2 of 3"]);
    assert_same(&longer, &train(&by_steps(3)));
}

#[test]
fn step_sizes_of_a_decay_are_in_the_history_and_none_other_goes_on_from_it() {
    let decaying = |decay, epochs| {
        let course = Course::single(epochs, 0.01).looking_ahead(true);
        ClassifierSettings { course, decay: Some(decay), optimiser: Optimiser::Sgd, ..settings() }
    };
    let cosine = resumed(&ClassifierSettings { warm_up: 4, ..decaying(Decay::Cosine, 4) });
    let rates = cosine.history.column("learning_rate").unwrap();
    assert!((rates[0] - 0.0075).abs() < 1e-12, "{rates:?}"); // the third of four steps
    let last = 0.005 * (1.0 + (std::f64::consts::PI * 7.0 / 8.0).cos());
    assert!((rates[3] - last).abs() < 1e-12, "{rates:?}");

    let folder = tempfile::tempdir().unwrap();
    let at = Some(folder.path());
    resumed(&decaying(Decay::OneCycle, 4));
    train_on(&Watcher::default(), at, &decaying(Decay::OneCycle, 3), &images()).unwrap();
    let watcher = Watcher::default();
    train_on(&watcher, at, &decaying(Decay::OneCycle, 4), &images()).unwrap();
    assert_eq!(watcher.notes(), [""; 0]);
}

#[test]
fn a_warm_up_makes_the_first_steps_smaller_and_its_first_epochs_serve_longer_trainings() {
    let folder = tempfile::tempdir().unwrap();
    let warm = |epochs| ClassifierSettings {
        warm_up: 5,
        course: Course::single(epochs, 3e-4),
        ..settings()
    };
    let short = train_on(&Watcher::default(), Some(folder.path()), &warm(2), &images()).unwrap();
    assert_eq!(short.history.column("learning_rate").unwrap(), [3e-4 * 3.0 / 5.0, 3e-4]);
    let watcher = Watcher::default();
    let longer = train_on(&watcher, Some(folder.path()), &warm(4), &images()).unwrap();
    assert_eq!(watcher.notes(), ["goes on after epoch 2 of 4"]);
    assert_same(&longer, &train(&warm(4)));
}

#[test]
fn a_training_ends_where_it_no_longer_gets_better_also_after_a_stop() {
    // A step size of next to nothing: no epoch is better than the first but by the statistics of batches.
    let course = || Course::single(30, 1e-12);
    for keep_best in [true, false] {
        let patient = ClassifierSettings {
            course: course(),
            patience: Some(3),
            metric: Metric::Kappa,
            keep_best,
            ..settings()
        };
        let ended = resumed(&patient);
        let kappas = ended.history.column("validation_kappa").unwrap();
        let best = kappas.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let first = kappas.iter().position(|&kappa| kappa == best).unwrap();
        assert_eq!(kappas.len(), first + 1 + 3, "{kappas:?}");
        assert!(kappas.len() < 30);

        // From a checkpoint after the end nothing is trained on.
        let folder = tempfile::tempdir().unwrap();
        let at = Some(folder.path());
        let end = u64::try_from(kappas.len()).unwrap();
        let stopped = train_on(&Watcher::stopping_after(end), at, &patient, &images());
        assert!(matches!(stopped, Err(StageError::Cancelled)));
        let longer = ClassifierSettings { course: Course::single(40, 1e-12), ..patient };
        let watcher = Watcher::default();
        assert_same(&train_on(&watcher, at, &longer, &images()).unwrap(), &ended);
        assert_eq!(watcher.notes()[0], format!("goes on after epoch {end} of 40"));
    }
}

#[test]
fn the_best_epoch_by_loss_is_the_one_with_the_least() {
    for metric in [Metric::Loss, Metric::BalancedAccuracy, Metric::Auc] {
        let settings = ClassifierSettings { metric, keep_best: true, ..settings() };
        let kept = resumed(&settings);
        let (column, sign) = match metric {
            Metric::Loss => ("validation_loss", -1.0),
            Metric::Auc => ("validation_auc", 1.0),
            _ => ("validation_balanced_accuracy", 1.0),
        };
        let scores = kept.history.column(column).unwrap();
        let best = scores.iter().map(|score| score * sign).fold(f64::NEG_INFINITY, f64::max);
        let first = scores.iter().position(|score| score * sign == best).unwrap();
        let course = Course::single(first + 1, 3e-4);
        let shorter = train(&ClassifierSettings { course, keep_best: false, ..settings });
        assert!(kept.weights == shorter.weights, "{metric:?} {scores:?}");
    }
}

#[test]
fn an_average_is_measured_and_kept_and_trains_the_network_no_other_way() {
    let averaged = resumed(&ClassifierSettings { ema: Some(0.5), ..settings() });
    let plain = train(&settings());
    let column = |classifier: &Classifier, name: &str| classifier.history.column(name).unwrap();
    assert_eq!(column(&averaged, "loss"), column(&plain, "loss"));
    assert_ne!(column(&averaged, "validation_loss"), column(&plain, "validation_loss"));
    assert!(tensor(&averaged, "fc.weight") != tensor(&plain, "fc.weight"));
    let statistics = "layer1.0.bn1.running_mean";
    assert!(tensor(&averaged, statistics) == tensor(&plain, statistics));
    assert!(train(&ClassifierSettings { ema: Some(0.0), ..settings() }).weights == plain.weights);
    resumed(&ClassifierSettings { ema: Some(0.5), keep_best: true, ..settings() });
}

#[test]
fn frozen_layers_keep_their_weights_and_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("start.safetensors");
    let start = train(&ClassifierSettings { course: Course::single(1, 3e-4), ..settings() });
    ablate::files::write(&path, &start.weights).unwrap();
    let frozen = |freeze| ClassifierSettings {
        weights: Some(path.clone()),
        freeze: Some(freeze),
        weight_decay: 0.1,
        optimiser: Optimiser::Adamw,
        ..settings()
    };
    let parts = resumed(&frozen(Freeze::Parts(2)));
    let (names, first) = (["conv1", "bn1", "layer1"].map(str::to_owned), ["conv1".to_owned()]);
    assert_same(&parts, &train(&frozen(Freeze::Names(names.to_vec()))));
    let conv1_alone = train(&frozen(Freeze::Names(first.to_vec())));
    for (name, stays, stays_alone) in [
        ("conv1.weight", true, true),
        ("bn1.weight", true, false),
        ("bn1.running_var", true, false),
        ("layer1.1.bn2.num_batches_tracked", true, false),
        ("layer2.0.conv1.weight", false, false),
        ("fc.bias", false, false),
    ] {
        assert_eq!(tensor(&parts, name) == tensor(&start, name), stays, "{name}");
        assert_eq!(tensor(&conv1_alone, name) == tensor(&start, name), stays_alone, "{name}");
    }

    let refused = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let settings = frozen(Freeze::Names(names));
        train_on(&Watcher::default(), None, &settings, &images()).unwrap_err().to_string()
    };
    assert_eq!(refused(&["layer"]), "`freeze`: the network has no layer `layer` that is trained");
    let all = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"];
    assert_eq!(refused(&all), "`freeze` leaves nothing to train");
    let network = Network::Densenet121;
    for parts in 1..=5 {
        let dense = ClassifierSettings {
            network,
            weights: None,
            course: Course::single(0, 3e-4),
            ..frozen(Freeze::Parts(parts))
        };
        let images = lab::images(2, 32);
        let cx_watcher = Watcher::default();
        let cx = lab::context(&cx_watcher, None);
        ml::train_classifier(&cx, &dense, &images, None).unwrap();
    }
}

/// Trains a network that departs from torchvision's, and reads it from its files.
fn departing(variant: Variant, epochs: usize) -> Classifier {
    let course = Course::single(epochs, 3e-4);
    let settings = ClassifierSettings { variant, course, ..settings() };
    let trained = train(&settings);
    resumed(&ClassifierSettings { course: Course::single(4, 3e-4), ..settings });
    let folder = tempfile::tempdir().unwrap();
    trained.write(folder.path()).unwrap();
    let read = Classifier::read(&Tree::of_folder(folder.path()).unwrap()).unwrap();
    assert!(read.weights == trained.weights && read.variant == variant);
    read
}

fn answers(classifier: &Classifier, images: &ImageSet) -> Vec<Vec<f64>> {
    let watcher = Watcher::default();
    ml::classify(&lab::context(&watcher, None), classifier, images).unwrap()
}

#[test]
fn a_stem_for_small_images_learns_and_is_read_again() {
    let read = departing(Variant { stem: Stem::Cifar, ..Variant::default() }, 8);
    let file = SafeTensors::deserialize(&read.weights).unwrap();
    assert_eq!(file.tensor("conv1.weight").unwrap().shape(), [64, 3, 3, 3]);
    let rows = answers(&read, &lab::images(6, 16));
    assert!(rows.iter().enumerate().all(|(index, row)| row[index % 2] > 0.5), "{rows:?}");
    let wide =
        ClassifierSettings { network: Network::Densenet121, variant: read.variant, ..settings() };
    let error = train_on(&Watcher::default(), None, &wide, &images()).unwrap_err().to_string();
    assert_eq!(error, "densenet121 has no stem of its own for small images");
}

#[test]
fn ordered_classes_are_learnt_and_answered_with_probabilities() {
    let read = departing(Variant { head: Head::Coral, ..Variant::default() }, 20);
    let file = SafeTensors::deserialize(&read.weights).unwrap();
    assert_eq!(file.tensor("fc.weight").unwrap().shape(), [1, 512]);
    assert_eq!(file.tensor("fc.bias").unwrap().shape(), [1]);
    let rows = answers(&read, &lab::images(6, 16));
    for (index, row) in rows.iter().enumerate() {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(row[index % 2] > 0.5, "{rows:?}");
    }
    assert_eq!(read.history.column("validation_accuracy").unwrap().last(), Some(&1.0));
}

#[test]
fn a_grey_network_answers_colours_and_their_luma_alike() {
    let read = departing(Variant { greyscale: true, ..Variant::default() }, 8);
    let mut green = ImageSet::empty(16, 16, read.classes.clone());
    let mut grey = green.clone();
    for sample in images().samples.into_iter().take(2) {
        green.push(sample.clone(), &[1_u8, 255, 44].repeat(256));
        grey.push(sample, &[155_u8; 3].repeat(256));
    }
    let (greens, greys) = (answers(&read, &green), answers(&read, &grey));
    for (green, grey) in greens.iter().flatten().zip(greys.iter().flatten()) {
        assert!((green - grey).abs() < 1e-4, "{green}, {grey}");
    }
    let coloured = train(&ClassifierSettings { course: Course::single(8, 3e-4), ..settings() });
    let [one, other] = [&green, &grey].map(|images| answers(&coloured, images)[0][0]);
    assert!((one - other).abs() > 1e-3, "{one}, {other}");
}
