//! The classifier networks beside torchvision's: names, first weights, answers, training steps.
//!
//! The reference is `tests/golden/networks.json`, written by `tests/golden/networks.py`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ablate::artifact::Classifier;
use ablate::artifact::History;
use ablate::artifact::ImageSet;
use ablate::artifact::Network;
use ablate::artifact::Partition;
use ablate::artifact::Sample;
use ablate::artifact::Variant;
use ablate::ml;
use ablate::ml::ClassifierSettings;
use ablate::stage::Course;
use safetensors::Dtype;
use safetensors::SafeTensors;
use safetensors::View;
use serde::Deserialize;

use crate::lab;
use crate::lab::Watcher;

pub(crate) const CLASSES: usize = 5;
pub(crate) const MEAN: [f64; 3] = [0.4, 0.5, 0.6];
pub(crate) const DEVIATION: [f64; 3] = [0.2, 0.25, 0.3];

#[derive(Deserialize)]
struct Golden {
    tensors: Vec<Tensors>,
    answers: Vec<Answers>,
    losses: Vec<Losses>,
}

#[derive(Deserialize)]
struct Tensors {
    network: Network,
    #[serde(rename = "tensors")]
    count: usize,
    parameters: usize,
    names: String,
    deviations: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Answers {
    network: Network,
    height: usize,
    width: usize,
    log_probabilities: Vec<Vec<f64>>,
}

/// Answers of a network that departs from torchvision's; `tests/golden/variants.py` wrote them.
#[derive(Deserialize)]
struct Departed {
    variant: Variant,
    #[serde(flatten)]
    answers: Answers,
}

#[derive(Deserialize)]
struct Losses {
    network: Network,
    losses: Vec<f64>,
}

/// One tensor of a file made by formula.
struct Made {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Made {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/networks.json")).unwrap()
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Numbers from -1 to 1: `SplitMix64` at the places after the name's hash.
pub(crate) fn draw(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let start = fnv(name);
    (1..=count as u64).map(move |place| {
        let mut x = start.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        (x >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

fn made(name: &str, shape: &[usize]) -> Made {
    if name.ends_with("num_batches_tracked") {
        return Made { dtype: Dtype::I64, shape: vec![], bytes: 3_i64.to_le_bytes().to_vec() };
    }
    let fan_in: usize = shape[1..].iter().product();
    let scale = (6.0 / fan_in as f64).sqrt() * 0.5;
    let last = name.rsplit('.').next().unwrap_or(name);
    let number = |x: f64| match (shape.len(), last) {
        (2.., _) => x * scale,
        (_, "running_var") => 1.0 + 0.5 * x,
        (_, "weight") => 1.0 + 0.2 * x,
        _ => 0.1 * x,
    };
    let numbers = draw(name, shape.iter().product()).map(|x| number(x) as f32);
    let bytes = numbers.flat_map(f32::to_le_bytes).collect();
    Made { dtype: Dtype::F32, shape: shape.to_vec(), bytes }
}

pub(crate) fn images(count: usize, height: usize, width: usize) -> ImageSet {
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    let mut set = ImageSet::empty(height, width, classes);
    let pixels: Vec<u8> = draw("images", count * height * width * 3)
        .map(|number| ((number + 1.0) * 128.0).floor() as u8)
        .collect();
    for (index, pixels) in pixels.chunks_exact(height * width * 3).enumerate() {
        let sample = Sample {
            id: index.to_string(),
            label: Some(index % CLASSES),
            partition: Partition::Train,
            group: None,
            origin: "rendered".to_owned(),
        };
        set.push(sample, pixels);
    }
    set
}

pub(crate) fn settings(network: Network, epochs: usize) -> ClassifierSettings {
    ClassifierSettings {
        betas: (0.8, 0.99),
        weight_decay: 0.01,
        mean: MEAN,
        deviation: DEVIATION,
        ..ClassifierSettings::new(network, 6, Course::single(epochs, 1e-5))
    }
}

fn untrained(network: Network) -> Classifier {
    first_weights(network, CLASSES)
}

/// Returns a network as it is before any step.
pub(crate) fn first_weights(network: Network, classes: usize) -> Classifier {
    departed(&settings(network, 0), classes)
}

fn departed(settings: &ClassifierSettings, classes: usize) -> Classifier {
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let mut set = images(2, 32, 32);
    set.classes = (0..classes).map(|class| class.to_string()).collect();
    ml::train_classifier(&cx, settings, &set, None).unwrap()
}

/// Returns the weights that the formula gives a network.
pub(crate) fn formula(network: Network) -> Vec<u8> {
    formula_of(&untrained(network))
}

fn formula_of(classifier: &Classifier) -> Vec<u8> {
    let file = SafeTensors::deserialize(&classifier.weights).unwrap();
    let tensors: BTreeMap<&str, Made> =
        file.iter().map(|(name, view)| (name, made(name, view.shape()))).collect();
    safetensors::serialize(&tensors, None).unwrap()
}

#[test]
fn all_networks_have_the_tensors_of_torchvision_drawn_as_widely() {
    for expected in golden().tensors {
        let classifier = untrained(expected.network);
        let file = SafeTensors::deserialize(&classifier.weights).unwrap();
        let mut lines: Vec<String> =
            file.iter().map(|(name, view)| format!("{name} {:?}\n", view.shape())).collect();
        lines.sort();
        assert_eq!(lines.len(), expected.count, "{}", expected.network);
        assert_eq!(format!("{:016x}", fnv(&lines.concat())), expected.names, "{lines:?}");
        let trained = file.iter().filter(|(name, _)| {
            !name.contains("running") && !name.ends_with("num_batches_tracked")
        });
        let parameters: usize = trained.map(|(_, v)| v.shape().iter().product::<usize>()).sum();
        assert_eq!(parameters, expected.parameters, "{}", expected.network);
        for (name, expected) in expected.deviations {
            let bytes = file.tensor(&name).unwrap().data();
            let squares = bytes
                .chunks_exact(4)
                .map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())).powi(2));
            let found = (squares.sum::<f64>() / (bytes.len() / 4) as f64).sqrt();
            assert!((found / expected - 1.0).abs() < 0.01, "{name}: {found}, {expected}");
        }
    }
}

fn assert_answers(expected: &Answers, variant: Variant) {
    let Answers { network, height, width, log_probabilities } = expected;
    let (network, height, width) = (*network, *height, *width);
    let settings = ClassifierSettings { variant, ..settings(network, 0) };
    let classifier = Classifier {
        network,
        variant,
        classes: (0..CLASSES).map(|class| class.to_string()).collect(),
        size: (height, width),
        mean: MEAN,
        deviation: DEVIATION,
        round: None,
        weights: formula_of(&departed(&settings, CLASSES)),
        history: History::default(),
    };
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let answers = ml::classify(&cx, &classifier, &images(2, height, width)).unwrap();
    for (found, expected) in answers.iter().flatten().zip(log_probabilities.iter().flatten()) {
        let found = found.ln().max(-1e3); // of a threshold that is out of order
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-5, "{network} {height} x {width}: {found}, {expected}");
    }
}

#[test]
fn networks_answer_as_torchvision_does() {
    for expected in golden().answers {
        assert_answers(&expected, Variant::default());
    }
}

#[test]
fn networks_that_depart_from_torchvision_answer_as_it_does_after_the_same_change() {
    let all: Vec<Departed> = serde_json::from_str(include_str!("../golden/variants.json")).unwrap();
    for Departed { variant, answers } in all {
        assert_answers(&answers, variant);
    }
}

#[test]
fn training_steps_are_those_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    for Losses { network, losses } in golden().losses {
        let path = folder.path().join(network.name());
        ablate::files::write(&path, &formula(network)).unwrap();
        let mut settings = settings(network, losses.len());
        settings.weights = Some(path);
        let watcher = Watcher::default();
        let cx = lab::context(&watcher, None);
        let fit = ml::train_classifier(&cx, &settings, &images(6, 64, 64), None).unwrap();
        for (found, expected) in fit.history.column("loss").unwrap().iter().zip(&losses) {
            // PyTorch's own 32-bit losses are 1e-4 away from these 64-bit ones after four steps.
            assert!((found - expected).abs() < 2e-3 * expected, "{network}: {found}, {expected}");
        }
    }
}
