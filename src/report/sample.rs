//! A made-up study for tests: toy kinds with real artifact types, three arms, two networks, three
//! seeds, one cell that has not run and one that leaks.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::artifact::Classifier;
use crate::artifact::Gan;
use crate::artifact::History;
use crate::artifact::ImageSet;
use crate::artifact::Partition;
use crate::artifact::Prediction;
use crate::artifact::Scores;
use crate::digest::Digest;
use crate::imaging::grid;
use crate::imaging::rgb::Rgb;
use crate::plan::Axis;
use crate::plan::AxisValue;
use crate::plan::InputRef;
use crate::plan::Plan;
use crate::plan::Task;
use crate::plan::TaskId;
use crate::report::Cell;
use crate::report::Copies;
use crate::report::Gallery;
use crate::report::GalleryRow;
use crate::report::Generated;
use crate::report::Study;
use crate::report::TrainedGan;
use crate::report::TrainingPart;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::Lineage;
use crate::stage::PortName;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::StageKind;
use crate::stage::ports;

/// The toy kinds.
pub(super) static KINDS: &[StageKind] = &[
    StageKind::of::<Photograph>(),
    StageKind::of::<Imitate>(),
    StageKind::of::<Draw>(),
    StageKind::of::<Learn>(),
    StageKind::of::<Judge>(),
];

/// How a copy is made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// Upside down.
    Flipped,
}

/// One part of a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    /// Passes over the images.
    #[schemars(range(min = 1, max = 10_000))]
    epochs: usize,
}

/// Params of all toys.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// Images that enter | leave.
    #[schemars(range(min = 1))]
    count: usize,
    /// Step of the optimiser, above 0 and at most 1.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    rate: f64,
    /// Archive to read.
    file: Option<String>,
    /// How copies are made.
    style: Style,
    /// One after the other.
    schedule: Vec<Phase>,
}

impl Default for Params {
    fn default() -> Self {
        let (count, rate, style) = (100, 1e-4, Style::Plain);
        Self { count, rate, file: None, style, schedule: vec![Phase { epochs: 40 }] }
    }
}

impl Params {
    fn epochs(&self) -> usize {
        self.schedule.iter().map(|phase| phase.epochs).sum()
    }
}

ports! {
    /// Nothing enters.
    inputs Nothing {}
}
ports! {
    /// Images enter.
    inputs Images {
        /// Images to imitate.
        images: ImageSet = Fit,
    }
}
ports! {
    /// A GAN enters.
    inputs Painter {
        /// The GAN that draws.
        gan: Gan = Pass,
    }
}
ports! {
    /// Image sets enter.
    inputs Lessons {
        /// Images to learn from.
        images: Vec<ImageSet> = Fit,
        /// Images that choose the epoch.
        validation: Option<ImageSet> = Select,
    }
}
ports! {
    /// A classifier and images enter.
    inputs Exam {
        /// The classifier.
        model: Classifier = Pass,
        /// Labelled images.
        images: ImageSet = Measure,
    }
}
ports! {
    /// Images leave.
    outputs Photographs {
        /// The images.
        images: ImageSet = Lineage::Inputs,
        /// Images for measuring.
        test: ImageSet = Lineage::Only(Partition::Test),
    }
}
ports! {
    /// A GAN leaves.
    outputs Painted {
        /// The GAN.
        gan: Gan = Lineage::Inputs,
    }
}
ports! {
    /// A classifier leaves.
    outputs Learned {
        /// The classifier.
        model: Classifier = Lineage::Inputs,
    }
}
ports! {
    /// Scores leave.
    outputs Judged {
        /// The scores.
        scores: Scores = Lineage::Inputs,
    }
}

macro_rules! toy {
    ($name:ident, $kind:literal, $about:literal, $inputs:ident, $outputs:ident $(, $more:item)*) => {
        struct $name;

        impl Stage for $name {
            const KIND: &'static str = $kind;
            const VERSION: u32 = 1;
            const ABOUT: &'static str = $about;
            const RUNNER: Runner = Runner::Inline;
            type Params = Params;
            type Inputs = $inputs;
            type Outputs = $outputs;

            $($more)*

            fn run(_: &Context<'_>, _: &Params, _: $inputs) -> Result<$outputs, StageError> {
                Err(StageError::data("a toy makes nothing"))
            }
        }
    };
}

toy!(Photograph, "photograph", "Takes photographs.", Nothing, Photographs);
toy!(Imitate, "imitate", "Learns to draw.", Images, Painted);
toy!(Draw, "draw", "Draws images.", Painter, Photographs);
toy!(
    Learn,
    "learn",
    "Learns to tell classes apart.",
    Lessons,
    Learned,
    const COURSE: &'static [&'static str] = &["rate", "schedule"];,
    fn course(params: &Params) -> Option<Course> {
        Some(Course::single(params.epochs(), params.rate))
    },
    fn steps(params: &Params, images: usize) -> Option<usize> {
        Some(params.epochs() * images.div_ceil(10))
    }
);
toy!(Judge, "judge", "Measures a classifier.", Exam, Judged);

const ARMS: [&str; 3] = ["none", "classic", "classic+gan"];
const NETWORKS: [&str; 2] = ["resnet101", "densenet121"];
const CLASSES: [&str; 5] = ["no disease", "mild", "moderate", "severe", "proliferative"];
/// Test images by class, as in the public test set.
const SUPPORT: [usize; 5] = [174, 46, 92, 68, 20];

/// Returns the plan of the made-up study.
pub(super) fn plan() -> Plan {
    let axis = |name: &str, values: &[&str]| {
        let value = |value: &&str| AxisValue { name: (*value).into(), value: json!(value) };
        Axis { name: name.into(), values: values.iter().map(value).collect() }
    };
    let axes = vec![axis("arm", &ARMS), axis("network", &NETWORKS), axis("seed", &["1", "2", "3"])];
    let mut plan = Plan { name: "made-up".into(), axes, tasks: Vec::new(), overrides: Vec::new() };
    let photos = push(&mut plan, "photos", 0, &[], &[]);
    let gan = push(&mut plan, "painter", 1, &[], &[("images", photos, "images")]);
    let fakes = push(&mut plan, "fakes", 2, &[], &[("gan", gan, "gan")]);
    for arm in ARMS {
        for network in NETWORKS {
            for seed in ["1", "2", "3"] {
                let cell = [("arm", arm), ("network", network), ("seed", seed)];
                let mut lessons = vec![("images", photos, "images")];
                lessons.extend((arm == "classic+gan").then_some(("images", fakes, "images")));
                let fit = push(&mut plan, "fit", 3, &cell, &lessons);
                let exam = [("model", fit, "model"), ("images", photos, "test")];
                push(&mut plan, "score", 4, &cell, &exam);
            }
        }
    }
    plan
}

fn push(
    plan: &mut Plan,
    stage: &str,
    kind: usize,
    cell: &[(&str, &str)],
    inputs: &[(&str, TaskId, &'static str)],
) -> TaskId {
    let id = TaskId(plan.tasks.len());
    let mut ports: BTreeMap<String, Vec<InputRef>> = BTreeMap::new();
    for (port, task, from) in inputs {
        ports
            .entry((*port).into())
            .or_default()
            .push(InputRef { task: *task, port: PortName::new(from) });
    }
    let kind = &KINDS[kind];
    let params = kind.resolve(&json!({})).expect("toys have defaults");
    let train = BTreeSet::from([Partition::Train]);
    let partition = |port: &crate::stage::Port| (port.name.to_string(), train.clone());
    plan.tasks.push(Task {
        id,
        stage: stage.into(),
        cell: cell.iter().map(|(axis, value)| ((*axis).into(), (*value).into())).collect(),
        kind,
        ports: (kind.ports)(&json!({})).into(),
        params: params.into(),
        inputs: ports.into_iter().collect(),
        seed: 1,
        resources: Resources::default(),
        retries: 0,
        sources: BTreeMap::new(),
        counts: std::sync::Arc::new(
            [("images".into(), Counts::of(Partition::Train, 1080))].into_iter().collect(),
        ),
        partitions: kind.outputs.iter().map(partition).collect(),
        leaks: Vec::new(),
        recipe: Some(Digest::of_bytes(stage.as_bytes())),
    });
    id
}

/// Returns the made-up results of the made-up plan.
pub(super) fn study(plan: &Plan) -> Study<'_> {
    let scored = plan.tasks.iter().filter(|task| task.stage == "score");
    let cells = scored.map(cell).collect();
    let gan = TrainedGan {
        task: "painter".into(),
        history: history(&["epoch", "critic_loss", "generator_loss", "wasserstein"], 60, 0.4),
        grids: BTreeMap::from([
            ("epoch-0001.png".into(), grid::png(&grid::tile(&eyes(16, 90), 8, 2))),
            ("epoch-0060.png".into(), grid::png(&grid::tile(&eyes(16, 150), 8, 2))),
        ]),
    };
    let digests = plan
        .tasks
        .iter()
        .map(|task| {
            let digest = Digest::of_bytes(task.to_string().as_bytes());
            (task.id, BTreeMap::from([(task.ports.outputs[0].name.to_string(), digest)]))
        })
        .collect();
    let galleries = vec![
        gallery("real images", "photos", 1080, 200),
        gallery("images of the GAN", "fakes", 443, 150),
    ];
    let copies = vec![Copies { task: "parts".into(), pairs: 2 }];
    let generated = Generated::default();
    Study { plan, cells, copies, gans: vec![gan], galleries, generated, digests }
}

fn gallery(title: &str, task: &str, images: usize, level: u8) -> Gallery {
    let row = |class: &&str| GalleryRow {
        class: (*class).into(),
        images: images / 5,
        examples: eyes(8, level),
    };
    let rows = CLASSES.iter().map(row).collect();
    Gallery { title: title.into(), task: task.into(), images, rows }
}

/// Returns bright discs on black ground.
fn eyes(count: usize, level: u8) -> Vec<Rgb> {
    let eye = |number: usize| {
        let mut image = Rgb::black(64, 64);
        for (index, pixel) in image.pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = ((index % 64) as f64 - 31.5, (index / 64) as f64 - 31.5);
            if x.hypot(y) < 30.0 {
                let disc = (x - 12.0).hypot(y - number as f64) < 6.0;
                let light = if disc { 1.25 } else { 1.0 - x.hypot(y) / 70.0 };
                let red = (f64::from(level) * light).min(255.0) as u8;
                pixel.copy_from_slice(&[red, red / 2, red / 5]);
            }
        }
        image
    };
    (0..count).map(eye).collect()
}

fn history(columns: &[&str], epochs: usize, end: f64) -> History {
    let mut history = History::new(columns);
    for epoch in 1..=epochs {
        let done = epoch as f64 / epochs as f64;
        let number = |column: usize| match columns[column] {
            "epoch" => epoch as f64,
            "accuracy" => 0.3 + 0.69 * done.sqrt(),
            "validation_accuracy" => 0.3 + (end - 0.3) * done.sqrt() + 0.02 * (9.0 * done).sin(),
            "validation_loss" => 1.5 - done * (1.9 - done) * end,
            _ => (1.6 - column as f64 * 0.1) * (1.0 - done).powi(2) + 0.05,
        };
        history.push((0..columns.len()).map(number).collect());
    }
    history
}

fn cell(task: &Task) -> Cell {
    let arm = ARMS.iter().position(|arm| task.cell["arm"] == *arm).expect("an arm");
    let dense = task.cell["network"] == NETWORKS[1];
    let seed: u64 = task.cell["seed"].parse().expect("seeds are numbers");
    let skill = [0.20, 0.24, 0.55][arm] + if dense { 0.05 } else { 0.0 };
    let ran = !(dense && arm == 2);
    let columns = ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"];
    let sizes: &[(&str, usize)] =
        [&[("photos", 1080)][..], &[("classic", 4320)], &[("classic", 4320), ("fakes", 1329)]][arm];
    let part = |(task, images): &(&str, usize)| TrainingPart {
        task: (*task).into(),
        images: Some(*images),
    };
    let leaks = (dense && arm == 1).then(|| "to show what leakage does".to_owned());
    Cell {
        stage: task.stage.clone(),
        task: task.to_string(),
        at: task.cell.clone(),
        recipe: Some(Digest::of_bytes(task.to_string().as_bytes())),
        scores: ran.then(|| scores(skill, seed + 10 * arm as u64 + 100 * u64::from(dense))),
        history: ran.then(|| history(&columns, 40, 0.4 + skill / 2.0)),
        training: sizes.iter().map(part).collect(),
        steps: ran.then(|| 40 * sizes.iter().map(|(_, images)| images).sum::<usize>().div_ceil(64)),
        measured: BTreeSet::from([Partition::Test]),
        gans: (arm == 2).then(|| "painter".to_owned()).into_iter().collect(),
        leaks: leaks.into_iter().collect(),
    }
}

/// Returns answers that are right with about the given skill beyond guessing.
fn scores(skill: f64, seed: u64) -> Scores {
    let mut stream = Seed(seed).stream();
    let labels: Vec<usize> =
        SUPPORT.iter().enumerate().flat_map(|(class, &n)| std::iter::repeat_n(class, n)).collect();
    let mut predictions = Vec::new();
    for (index, &label) in labels.iter().enumerate() {
        let known = stream.chance(skill);
        let guess = labels[stream.below(labels.len())];
        let predicted = if known { label } else { guess };
        let mut probabilities = vec![0.1; CLASSES.len()];
        probabilities[predicted] = 0.6;
        let (id, group) = (format!("test/{index}"), None);
        predictions.push(Prediction { id, group, label, predicted, probabilities });
    }
    let classes = CLASSES.map(str::to_owned).to_vec();
    Scores::without_intervals(classes, predictions).expect("there are classes and answers")
}
