//! Training beside PyTorch's: logits by a batch's own statistics, first weights, a step of Adam, a WGAN.
//!
//! The reference is `tests/golden/steps.json`, written by `tests/golden/steps.py`.

use std::collections::BTreeMap;

use ablate::artifact::Classifier;
use ablate::artifact::CriticNorm;
use ablate::artifact::GanShape;
use ablate::artifact::History;
use ablate::artifact::Network;
use ablate::artifact::Variant;
use ablate::ml;
use ablate::ml::WganSettings;
use ablate::stage::Checkpoints;
use ablate::stage::Course;
use ablate::stage::Phase;
use safetensors::Dtype;
use safetensors::SafeTensors;
use serde::Deserialize;

use crate::lab;
use crate::lab::Watcher;
use crate::parity;

#[derive(Deserialize)]
struct Golden {
    logits: Vec<Logits>,
    moments: Vec<Moments>,
    steps: Vec<Step>,
    wgan: Wgan,
}

#[derive(Deserialize)]
struct Logits {
    network: Network,
    /// Largest error of PyTorch's own logits in 32 bits.
    error: f64,
    #[serde(rename = "logits")]
    expected: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Moments {
    network: Network,
    /// Of each kind of layer: count, mean, deviation, fourth moment.
    moments: BTreeMap<String, (usize, f64, f64, f64)>,
}

#[derive(Deserialize)]
struct Step {
    network: Network,
    /// Name of a tensor, place in it, number there after the step.
    after: Vec<(String, usize, f64)>,
}

#[derive(Deserialize)]
struct Wgan {
    critic_loss: Vec<f64>,
    generator_loss: Vec<f64>,
    /// Every 20th number of each tensor.
    critic: BTreeMap<String, Vec<f64>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/steps.json")).unwrap()
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    let number = |four: &[u8]| f64::from(f32::from_le_bytes(four.try_into().unwrap()));
    bytes.chunks_exact(4).map(number).collect()
}

/// Returns count, mean, deviation and fourth moment.
fn moments(numbers: &[f64]) -> (usize, f64, f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let power = |k| numbers.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / count;
    let deviation = power(2).sqrt();
    (numbers.len(), mean, deviation, power(4) / deviation.powi(4))
}

#[test]
fn logits_by_the_statistics_of_a_batch_are_those_of_torchvision() {
    for Logits { network, error, expected: logits } in golden().logits {
        let images = parity::images(6, 64, 64);
        let classifier = Classifier {
            network,
            variant: Variant::default(),
            classes: images.classes.clone(),
            size: (64, 64),
            mean: parity::MEAN,
            deviation: parity::DEVIATION,
            round: None,
            weights: parity::formula(network),
            history: History::default(),
        };
        let watcher = Watcher::default();
        let cx = lab::context(&watcher, None);
        let found = ml::logits(&cx, &classifier, &images, true).unwrap();
        for (found, expected) in found.iter().flatten().zip(logits.iter().flatten()) {
            let bound = f64::max(1e-5, 3.0 * error);
            assert!((found - expected).abs() < bound, "{network}: {found}, {expected}");
        }
        let used = ml::logits(&cx, &classifier, &images, false).unwrap();
        assert!((used[0][0] - found[0][0]).abs() > 1e-3, "{network}: the mode makes no difference");
    }
}

#[test]
fn first_weights_of_each_kind_of_layer_have_the_moments_of_torchvision() {
    for Moments { network, moments: expected } in golden().moments {
        let classifier = parity::first_weights(network, 1000);
        let file = SafeTensors::deserialize(&classifier.weights).unwrap();
        let mut kinds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, view) in file.iter().filter(|(_, view)| view.dtype() == Dtype::F32) {
            let shape = view.shape();
            let all: usize = shape.iter().product();
            let (into, out) = match shape.len() {
                1 => (1, 1),
                _ => (all / shape[0], all / shape[1]),
            };
            let name: String = name.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            let numbers = floats(view.data());
            for (way, count) in [("in", into), ("out", out)] {
                let scaled = numbers.iter().map(|x| x * (count as f64).sqrt());
                kinds.entry(format!("{name} {} {way}", shape.len())).or_default().extend(scaled);
            }
        }
        assert!(kinds.keys().eq(expected.keys()), "{network}: {:?}", kinds.keys());
        for (kind, numbers) in kinds {
            let (count, mean, deviation, fourth) = moments(&numbers);
            let (_, expected_mean, expected_deviation, expected_fourth) = expected[&kind];
            assert_eq!(count, expected[&kind].0, "{network}, {kind}");
            if expected_deviation == 0.0 {
                assert_eq!((mean, deviation), (expected_mean, 0.0), "{network}, {kind}");
                continue;
            }
            // Five standard errors of a difference; tensors of other spreads in one kind widen the tails.
            let error = 5.0 * (2.0 * expected_fourth.max(1.0) / count as f64).sqrt();
            let off = (mean - expected_mean).abs() / expected_deviation;
            assert!(off < error, "{network}, {kind}: mean off by {off}, {error} allowed");
            let off = (deviation / expected_deviation - 1.0).abs();
            assert!(off < error, "{network}, {kind}: deviation off by {off}, {error} allowed");
            let off = (fourth / expected_fourth - 1.0).abs();
            assert!(off < 4.0 * error, "{network}, {kind}: fourth moment off by {off}");
        }
    }
}

#[test]
fn a_step_of_adam_gives_the_weights_that_pytorch_gets() {
    let folder = tempfile::tempdir().unwrap();
    for Step { network, after } in golden().steps {
        let path = folder.path().join(network.name());
        ablate::files::write(&path, &parity::formula(network)).unwrap();
        let mut settings = parity::settings(network, 1);
        settings.course =
            Course::new(&[Phase { epochs: 1, learning_rate: 1e-3 }], Checkpoints::default());
        settings.weight_decay = 0.0;
        settings.weights = Some(path);
        let watcher = Watcher::default();
        let cx = lab::context(&watcher, None);
        let fit = ml::train_classifier(&cx, &settings, &parity::images(6, 64, 64), None).unwrap();
        let file = SafeTensors::deserialize(&fit.weights).unwrap();
        assert!(after.len() > 100, "{network}: {} numbers", after.len());
        for (name, place, expected) in after {
            let found = floats(file.tensor(&name).unwrap().data())[place];
            assert!((found - expected).abs() < 1e-6, "{network}, {name}: {found}, {expected}");
        }
    }
}

#[test]
fn ten_iterations_of_a_clipped_wgan_are_those_of_pytorch() {
    let expected = golden().wgan;
    let shape = GanShape {
        size: 16,
        latent: 8,
        generator_width: 16,
        critic_width: 8,
        critic_norm: CriticNorm::Batch,
        ..GanShape::default()
    };
    let settings = WganSettings::new(shape, 8, Course::single(expected.critic_loss.len(), 5e-5));
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let gan = ml::train_wgan(&cx, &settings, &parity::images(40, 16, 16)).unwrap();
    let columns =
        [("critic_loss", &expected.critic_loss), ("generator_loss", &expected.generator_loss)];
    for (name, expected) in columns {
        let found = gan.history.column(name).unwrap();
        assert_eq!((found.len(), expected.len()), (10, 10));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{name}: {found}, {expected}");
        }
    }
    // A weight whose gradient is nought but rounding goes either way (docs/results/parity.md), so
    // single ones may be further off than they are on the average.
    let file = SafeTensors::deserialize(&gan.critic).unwrap();
    let mut squares = Vec::new();
    for (name, expected) in &expected.critic {
        let found = floats(file.tensor(name).unwrap().data());
        let found = found.iter().step_by(20);
        assert_eq!(found.len(), expected.len(), "{name}");
        let statistics = name.contains("running");
        for (found, expected) in found.zip(expected) {
            assert!(statistics || found.abs() <= 0.010_000_1, "{name}: {found}");
            assert!((found - expected).abs() < 1e-3, "{name}: {found}, {expected}");
            squares.push((found - expected).powi(2));
        }
    }
    let root = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!(root < 1e-4, "{root}");
}
