//! The worker's networks, for `tests/parity/live.py` to compare with PyTorch's.
//!
//! Each line of stdin is a job as JSON, each line of stdout its answer. What is large goes through
//! files: weights and given numbers as `.safetensors`, images as bytes, red, green and blue.

#![expect(clippy::unwrap_used, reason = "a comparison that cannot run may panic")]

mod gan;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use ablate::artifact::Classifier;
use ablate::artifact::History;
use ablate::artifact::ImageSet;
use ablate::artifact::Network;
use ablate::artifact::Partition;
use ablate::artifact::Sample;
use ablate::artifact::Variant;
use ablate::ml;
use ablate::ml::ClassifierSettings;
use ablate::seed::Seed;
use ablate::stage::Checkpoints;
use ablate::stage::Context;
use ablate::stage::Course;
use ablate::stage::Device;
use ablate::stage::Keep;
use ablate::stage::Phase;
use ablate::stage::Unwatched;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

const THREADS: usize = 2;

#[derive(Deserialize)]
#[serde(tag = "job", rename_all = "lowercase")]
enum Job {
    /// Writes a network's first weights, drawn or given, back out.
    Start { network: Network, classes: usize, weights: Option<PathBuf>, to: PathBuf },
    /// Tells logits in both modes.
    Answer { network: Network, weights: PathBuf, images: Pictures },
    /// Takes one step of Adam over all images; leaves a checkpoint in the folder.
    Step { network: Network, weights: PathBuf, images: Pictures, adam: Adam, folder: PathBuf },
    /// Trains a WGAN; writes its start, its end and all that was drawn on the way into the folder.
    Wgan(gan::Job),
}

#[derive(Deserialize)]
struct Adam {
    learning_rate: f64,
    betas: (f64, f64),
}

/// Images of classes that take turns.
#[derive(Deserialize)]
struct Pictures {
    path: PathBuf,
    side: usize,
    classes: usize,
    #[serde(default)]
    mean: [f64; 3],
    #[serde(default)]
    deviation: [f64; 3],
}

impl Pictures {
    fn set(&self) -> ImageSet {
        set(&std::fs::read(&self.path).unwrap(), self.side, self.classes)
    }
}

fn set(bytes: &[u8], side: usize, classes: usize) -> ImageSet {
    let names = (0..classes).map(|class| class.to_string()).collect();
    let mut set = ImageSet::empty(side, side, names);
    for (index, pixels) in bytes.chunks_exact(side * side * 3).enumerate() {
        let sample = Sample {
            id: index.to_string(),
            label: Some(index % classes),
            partition: Partition::Train,
            group: None,
            origin: "rendered".to_owned(),
        };
        set.push(sample, pixels);
    }
    set
}

/// A context with the seed of the tests beside the golden numbers.
fn context(checkpoints: Option<&Path>) -> Context<'static> {
    Context {
        seed: Seed(2021),
        device: Device::Cpu,
        threads: THREADS,
        sources: BTreeMap::new(),
        folder: PathBuf::new(),
        environment: None,
        guard: None,
        checkpoints: checkpoints.map(Path::to_owned),
        observer: &Unwatched,
    }
}

fn settings(network: Network, weights: Option<PathBuf>, epochs: usize) -> ClassifierSettings {
    let checkpoints = Checkpoints { every: 1, keep: Keep::All };
    let course = Course::new(&[Phase { epochs, learning_rate: 1e-4 }], checkpoints);
    ClassifierSettings { weights, ..ClassifierSettings::new(network, 1 << 16, course) }
}

fn start(network: Network, classes: usize, weights: Option<PathBuf>, to: &Path) -> Value {
    let blank = set(&[0; 2 * 32 * 32 * 3], 32, classes);
    let settings = settings(network, weights, 0);
    let fit = ml::train_classifier(&context(None), &settings, &blank, None).unwrap();
    ablate::files::write(to, &fit.weights).unwrap();
    Value::Null
}

fn answer(network: Network, weights: &Path, images: &Pictures) -> Value {
    let set = images.set();
    let classifier = Classifier {
        network,
        variant: Variant::default(),
        classes: set.classes.clone(),
        size: (set.height, set.width),
        mean: images.mean,
        deviation: images.deviation,
        round: None,
        weights: std::fs::read(weights).unwrap(),
        history: History::default(),
    };
    let logits = |training| ml::logits(&context(None), &classifier, &set, training).unwrap();
    json!({"eval": logits(false), "train": logits(true)})
}

fn step(
    network: Network,
    weights: PathBuf,
    images: &Pictures,
    adam: &Adam,
    folder: &Path,
) -> Value {
    let mut settings = settings(network, Some(weights), 1);
    let phase = Phase { epochs: 1, learning_rate: adam.learning_rate };
    settings.course = Course::new(&[phase], Checkpoints { every: 1, keep: Keep::All });
    settings.betas = adam.betas;
    settings.mean = images.mean;
    settings.deviation = images.deviation;
    let cx = context(Some(folder));
    let fit = ml::train_classifier(&cx, &settings, &images.set(), None).unwrap();
    // The order in which the epoch shows the images, by the names of the seeds in `src/ml/classifier.rs`.
    let mut order: Vec<usize> = (0..images.set().len()).collect();
    cx.seed.named("order").number(0).stream().shuffle(&mut order);
    json!({"loss": fit.history.column("loss").unwrap(), "order": order})
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line.unwrap()).unwrap() {
            Job::Start { network, classes, weights, to } => start(network, classes, weights, &to),
            Job::Answer { network, weights, images } => answer(network, &weights, &images),
            Job::Step { network, weights, images, adam, folder } => {
                step(network, weights, &images, &adam, &folder)
            }
            Job::Wgan(job) => gan::train(&job),
        };
        let mut out = std::io::stdout().lock();
        out.write_all((answer.to_string() + "\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}
