//! Kinds that look at generated images through networks: what they measure, keep and label.

use std::path::Path;

use ablate::artifact::Agreement;
use ablate::artifact::Artifact;
use ablate::artifact::Classifier;
use ablate::artifact::ImageSet;
use ablate::artifact::Quality;
use ablate::artifact::Table;
use ablate::artifact::Tree;
use ablate::measure::accuracy::most_likely;
use ablate::ml;
use ablate::stage::StageKind;
use ablate::stage::Trees;
use ablate::stages::STAGES;
use serde_json::Value;
use serde_json::json;
use tch::CModule;
use tch::Kind;
use tch::Tensor;

use crate::classifier;
use crate::lab;
use crate::lab::Watcher;

/// A run of a kind in a folder of its own.
struct Trial {
    folder: tempfile::TempDir,
    trees: Trees,
}

impl Trial {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), trees: Trees::new() }
    }

    fn with<A: Artifact>(mut self, port: &str, artifact: &A) -> Self {
        let trees = self.trees.entry(port.to_owned()).or_default();
        let folder = self.folder.path().join(format!("{port}-{}", trees.len()));
        artifact.write(&folder).unwrap();
        trees.push(Tree::of_folder(&folder).unwrap());
        self
    }

    fn run(&self, kind: &str, params: &Value, source: Option<&Path>) -> Left {
        let kind: &StageKind = STAGES.iter().find(|known| known.name == kind).unwrap();
        let params = kind.resolve(params).unwrap();
        let (watcher, folder) = (Watcher::default(), tempfile::tempdir().unwrap());
        let mut cx = lab::context(&watcher, None);
        cx.sources.extend(source.map(|path| ("network".to_owned(), path.to_owned())));
        let error = (kind.run)(&cx, &params, &self.trees, folder.path()).err();
        Left { folder, error: error.map(|error| error.to_string()) }
    }
}

/// What a run left.
struct Left {
    folder: tempfile::TempDir,
    error: Option<String>,
}

impl Left {
    fn read<A: Artifact>(&self, port: &str) -> A {
        assert_eq!(self.error, None);
        A::read(&Tree::of_folder(&self.folder.path().join(port)).unwrap()).unwrap()
    }
}

fn trained(epochs: usize) -> Classifier {
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    ml::train_classifier(&cx, &classifier::settings(epochs), &lab::images(20, 16), None).unwrap()
}

fn renamed(images: &ImageSet, name: &str) -> ImageSet {
    let mut images = images.clone();
    for (index, sample) in images.samples.iter_mut().enumerate() {
        sample.id = format!("{name}/{index}");
    }
    images
}

#[test]
fn a_classifier_and_its_weights_measure_the_same() {
    let (classifier, all) = (trained(2), lab::images(30, 16));
    let real = all.pick(&(0..16).collect::<Vec<_>>());
    let fake = renamed(&all.pick(&(16..30).collect::<Vec<_>>()), "gan");
    let trial = || Trial::new().with("real", &real).with("fake", &fake);
    let by_classifier =
        trial().with("classifier", &classifier).run("evaluate-images", &json!({}), None);
    let file = by_classifier.folder.path().join("network.safetensors");
    ablate::files::write(&file, &classifier.weights).unwrap();
    let (mean, deviation) = (classifier.mean, classifier.deviation);
    let weights = json!({"network": classifier.network, "file": "network", "mean": mean, "deviation": deviation});
    let params = json!({"features": {"weights": weights}});
    let by_weights = trial().run("evaluate-images", &params, Some(&file));
    let (one, other): (Quality, Quality) =
        (by_classifier.read("quality"), by_weights.read("quality"));
    assert_eq!(one.features, "the study's resnet18");
    assert_eq!(other.features, "resnet18 of network");
    assert_eq!((&one.all, &one.classes), (&other.all, &other.classes));
    assert_eq!(one.classes.len(), 2);
    assert!(one.all.whole.fidelity.kid.is_some() && one.all.whole.fidelity.coverage.is_some());
}

#[test]
fn a_torchscript_program_measures_by_what_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mean.pt");
    // Features: the mean of each channel.
    let mut closure =
        |inputs: &[Tensor]| vec![inputs[0].mean_dim(&[2_i64, 3][..], false, Kind::Float)];
    let example = Tensor::zeros([2, 3, 16, 16], (Kind::Float, tch::Device::Cpu));
    CModule::create_by_tracing("Mean", "forward", &[example], &mut closure)
        .unwrap()
        .save(&file)
        .unwrap();
    let images = lab::images(24, 16);
    let params = json!({"features": {"script": {"file": "network", "mean": [0, 0, 0], "deviation": [1, 1, 1]}}, "neighbours": 3});
    let trial = Trial::new().with("real", &images).with("fake", &renamed(&images, "gan"));
    let quality: Quality = trial.run("evaluate-images", &params, Some(&file)).read("quality");
    assert_eq!(quality.features, "network");
    let found = quality.all.whole.fidelity;
    assert!(found.fid.unwrap() < 1e-9 && found.precision == Some(1.0), "{found:?}");
    assert_eq!(quality.nearest[5].distance, 0.0);

    ablate::files::write(&file, b"no program").unwrap();
    let error = trial.run("evaluate-images", &params, Some(&file)).error.unwrap();
    assert!(error.contains("is no TorchScript program"), "{error}");
}

#[test]
fn several_classifiers_label_by_the_mean_of_their_probabilities() {
    let (one, other) = (trained(1), trained(3));
    let images = renamed(&lab::images(12, 16), "gan");
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let [first, second] = [&one, &other].map(|found| ml::classify(&cx, found, &images).unwrap());
    let mean = |(a, b): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| f64::midpoint(*a, *b)).collect()
    };
    let wanted: Vec<Vec<f64>> = first.iter().zip(&second).map(mean).collect();
    let trial = Trial::new()
        .with("images", &images)
        .with("classifier", &one)
        .with("classifier", &other)
        .with("reference", &lab::images(10, 16));
    let left = trial.run("label", &json!({}), None);
    let table: Table = left.read("decisions");
    for (row, wanted) in table.rows.iter().zip(&wanted) {
        let class = most_likely(wanted);
        assert_eq!(row[1], images.classes[class]);
        let confidence: f64 = row[2].parse().unwrap();
        assert!((confidence - wanted[class]).abs() < 1e-9);
    }
    let agreement: Agreement = left.read("agreement");
    let pairs: Vec<_> =
        agreement.pairs.iter().map(|pair| (&*pair.one, &*pair.other, pair.images)).collect();
    assert_eq!(
        pairs,
        [("classifier", "neighbours", 12), ("classifier", "own", 12), ("neighbours", "own", 12)]
    );
    // The drawn images are easy: their neighbours are of their own class.
    assert_eq!(agreement.pairs[2].kappa, Some(1.0));
}

#[test]
fn a_filter_keeps_what_classifiers_are_sure_of_and_what_differs() {
    let (classifier, images) = (trained(3), renamed(&lab::images(16, 16), "gan"));
    let trial = Trial::new()
        .with("images", &images)
        .with("classifier", &classifier)
        .with("reference", &lab::images(9, 16));
    let params = json!({
        "by": [{"by": "confidence", "keep": 6, "per_class": true}, {"by": "realism", "keep": {"share": 0.75}}, "diversity"],
        "keep": 4, "near_copies": {"drop": false}
    });
    let left = trial.run("filter", &params, None);
    let (kept, table): (ImageSet, Table) = (left.read("images"), left.read("decisions"));
    assert_eq!(kept.len(), 4);
    assert_eq!(table.columns[..4], ["id", "confidence", "realism", "diversity"]);
    let reasons = |reason: &str| table.rows.iter().filter(|row| row[6] == reason).count();
    assert_eq!(
        [
            reasons("lower confidence"),
            reasons("lower realism"),
            reasons("lower diversity"),
            reasons("best")
        ],
        [4, 3, 5, 4]
    );
    // All have a confidence, and it is the classifier's for the label.
    let watcher = Watcher::default();
    let cx = lab::context(&watcher, None);
    let answers = ml::classify(&cx, &classifier, &images).unwrap();
    for (index, row) in table.rows.iter().enumerate() {
        let confidence: f64 = row[1].parse().unwrap();
        assert_eq!(confidence, answers[index][images.samples[index].label.unwrap()]);
    }
    let diverse =
        json!({"by": "realism", "keep": 3, "diverse": true, "near_copies": {"drop": false}});
    let kept: ImageSet = trial.run("filter", &diverse, None).read("images");
    // Two heaps of images: a choice that is to differ has some of both.
    let labels = kept.labels().unwrap();
    assert!(labels.contains(&0) && labels.contains(&1), "{labels:?}");
}
