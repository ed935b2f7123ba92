//! `train-classifier`: trains a network to tell the classes of images apart.
//!
//! Cross-entropy; torchvision's architectures. Which images it may see is the graph's
//! business.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::Classifier;
use crate::artifact::ImageSet;
use crate::artifact::Network;
use crate::augment;
use crate::augment::Online;
use crate::ml;
use crate::ml::ClassifierSettings;
use crate::ml::Exactness;
use crate::ml::Mixing;
use crate::ml::Optimiser;
use crate::ml::Precision;
use crate::stage::Checkpoints;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Phase;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::SourceKind;
use crate::stage::SourceRef;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::untold::is_default;

/// Smallest side of images for a DenseNet, pixels. It is divided by four, rounded up, and halved three
/// times, rounded down.
const DENSENET_SIDE: usize = 29;

/// Trains a network to tell the classes of images apart.
pub struct TrainClassifier;

/// How a classifier is trained.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The architecture.
    #[serde(default = "default_network")]
    pub network: Network,
    /// Images in a batch.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 2, max = 65536))]
    pub batch_size: usize,
    /// Passes over the training images.
    #[serde(default = "default_epochs")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: usize,
    /// Step size of the optimiser.
    #[serde(default = "default_learning_rate")]
    #[schemars(range(min = 1e-12, max = 10.0))]
    pub learning_rate: f64,
    /// Stretches of training with step sizes of their own, in place of `epochs` and
    /// `learning_rate`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub schedule: Option<Vec<Phase>>,
    /// Rule that turns gradients into steps.
    #[serde(default = "default_optimiser", skip_serializing_if = "is_default_optimiser")]
    pub optimiser: Optimiser,
    /// Adam's decay rates of the first and second moment, 0 to 1.
    #[serde(default = "default_betas")]
    pub betas: [f64; 2],
    /// Share of its last step that SGD keeps, 0 to 1. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: Option<f64>,
    /// L2 penalty, added to the gradients; with `adamw`, the share of the weights that a step of size 1 takes
    /// away.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
    /// Draws each image anew each time it is shown, in the place of copies that enlarge the set: `true`
    /// for the passes of the published study, or passes of one's own.
    #[serde(default, deserialize_with = "Online::switch", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OnlineSaid")]
    pub online: Option<Online>,
    /// Alpha of `MixUp` (Zhang et al. 2018): images of a batch are added up in shares drawn from
    /// Beta(alpha, alpha), and their labels count by these shares; 0.2 is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub mixup: Option<f64>,
    /// Alpha of `CutMix` (Yun et al. 2019): a rectangle of each image comes from another of the batch;
    /// 1 is usual. With `mixup` as well, each batch draws which of both it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub cutmix: Option<f64>,
    /// How pixels, scaled to 0-1, are normalised.
    #[serde(default)]
    pub normalise: Normalise,
    /// Starting weights: a `.safetensors` file with torchvision's names. The last layer is left out
    /// where its shape differs. Absent: torchvision's random start.
    #[serde(default)]
    pub weights: Option<String>,
    /// The epoch whose weights are kept.
    #[serde(default)]
    pub keep: Keep,
    /// With how many bits convolutions and products compute.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
    /// Whether a GPU keeps to algorithms that give the same bits each time, which are slower; a CPU always does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deterministic: bool,
    /// Which states are kept on the way, for trainings that go on from there.
    #[serde(default)]
    pub checkpoints: Checkpoints,
}

/// What `online` may be.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "tells the schema and nothing else")]
enum OnlineSaid {
    /// Whether images are drawn anew, by the passes of the published study.
    Switch(bool),
    /// The passes.
    Passes(Online),
}

/// How pixels, scaled to 0-1, are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normalise {
    /// Means of red, green and blue that are subtracted.
    pub mean: [f64; 3],
    /// Deviations of red, green and blue by which the rest is divided.
    pub deviation: [f64; 3],
}

impl Default for Normalise {
    fn default() -> Self {
        Self { mean: [0.5; 3], deviation: [0.5; 3] }
    }
}

/// The epoch whose weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The last one.
    #[default]
    Last,
    /// The one with the best accuracy on the validation images.
    Best,
}

fn default_network() -> Network {
    Network::Resnet101
}

fn default_batch_size() -> usize {
    64
}

fn default_epochs() -> usize {
    40
}

fn default_learning_rate() -> f64 {
    1e-4
}

fn default_optimiser() -> Optimiser {
    Optimiser::Adam
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_default_optimiser(optimiser: &Optimiser) -> bool {
    *optimiser == default_optimiser()
}

fn default_betas() -> [f64; 2] {
    [0.9, 0.999]
}

ports! {
    /// What enters.
    inputs Inputs {
        /// Labelled images to learn from.
        images: Vec<ImageSet> = Fit,
        /// Labelled images on which each epoch is measured.
        validation: Option<ImageSet> = Select,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The trained network.
        classifier: Classifier = Lineage::Inputs,
    }
}

impl Stage for TrainClassifier {
    const KIND: &'static str = "train-classifier";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "Trains a network to tell the classes of images apart.";
    const RUNNER: Runner = Runner::Torch;
    const BESIDE_KEY: &'static [&'static str] = &["checkpoints"];
    const COURSE: &'static [&'static str] = &["epochs", "learning_rate", "schedule"];
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if params.schedule.is_some() {
            let said = [
                ("epochs", params.epochs != default_epochs()),
                ("learning_rate", params.learning_rate != default_learning_rate()),
            ];
            for (name, _) in said.into_iter().filter(|(_, said)| *said) {
                let problem = format!("`schedule` takes the place of `{name}`");
                problems.push(ParamProblem::at(name, problem).help("leave one of them out"));
            }
        }
        if params.betas.iter().any(|beta| !(0.0..1.0).contains(beta)) {
            let problem = "both are expected to be at least 0 and less than 1";
            problems.push(ParamProblem::at("betas", problem));
        }
        if params.momentum.is_some() && params.optimiser != Optimiser::Sgd {
            let problem = "`momentum` belongs to SGD";
            problems.push(ParamProblem::at("momentum", problem).help("write `optimiser: sgd`"));
        }
        let adams = [Optimiser::Adam, Optimiser::Adamw];
        if params.betas != default_betas() && !adams.contains(&params.optimiser) {
            let problem = "`betas` belong to Adam";
            problems.push(ParamProblem::at("betas", problem).help("write `optimiser: adam`"));
        }
        if params.normalise.deviation.iter().any(|deviation| *deviation <= 0.0) {
            let problem = "every `deviation` is expected to be more than 0";
            problems.push(ParamProblem::at("normalise", problem));
        }
        for mut problem in params.online.iter().flat_map(Online::problems) {
            problem.path.insert(0, "online".to_owned());
            problems.push(problem);
        }
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn course(params: &Params) -> Option<Course> {
        Some(course(params))
    }

    fn sources(params: &Params) -> Vec<SourceRef> {
        let source = |name: &String| SourceRef {
            name: name.clone(),
            kind: SourceKind::File,
            param: "weights".to_owned(),
            pin: None,
            md5: None,
            remote: None,
        };
        params.weights.iter().map(source).collect()
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        if known.inputs.get("images").map(Counts::total) == Some(0) {
            return Err(StageError::data("there is no image to train on"));
        }
        if let Some(size) = known.size("images") {
            check_size(params.network, size)?;
        }
        if params.keep == Keep::Best && !known.connected.contains("validation") {
            return Err(nothing_to_choose_by());
        }
        Ok(Vec::new())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let images = ImageSet::join(inputs.images).map_err(StageError::data)?;
        let validation = inputs.validation.as_ref();
        check_size(params.network, (images.height, images.width))?;
        check_images(&images, validation, params.keep)?;
        let passes = params.online.as_ref().map_or(&[][..], |online| &online.passes);
        augment::known(passes, &images.classes)?;
        let settings = settings(cx, params)?;
        Ok(Outputs { classifier: ml::train_classifier(cx, &settings, &images, validation)? })
    }
}

fn course(params: &Params) -> Course {
    let single = [Phase { epochs: params.epochs, learning_rate: params.learning_rate }];
    Course::new(params.schedule.as_deref().unwrap_or(&single), params.checkpoints)
}

/// Returns complete settings.
fn settings(cx: &Context<'_>, params: &Params) -> Result<ClassifierSettings, StageError> {
    let weights = match &params.weights {
        Some(name) => Some(cx.source(name)?.to_owned()),
        None => None,
    };
    let [first, second] = params.betas;
    Ok(ClassifierSettings {
        network: params.network,
        batch_size: params.batch_size,
        course: course(params),
        optimiser: params.optimiser,
        betas: (first, second),
        momentum: params.momentum.unwrap_or(0.0),
        weight_decay: params.weight_decay,
        online: params.online.clone(),
        mixing: Mixing { mixup: params.mixup, cutmix: params.cutmix },
        mean: params.normalise.mean,
        deviation: params.normalise.deviation,
        weights,
        keep_best: params.keep == Keep::Best,
        exactness: Exactness { precision: params.precision, deterministic: params.deterministic },
    })
}

/// Refuses images that are too small for a network. A ResNet takes any.
fn check_size(network: Network, (height, width): (usize, usize)) -> Result<(), StageError> {
    let smallest = match network {
        Network::Resnet18
        | Network::Resnet34
        | Network::Resnet50
        | Network::Resnet101
        | Network::Resnet152 => 1,
        Network::Densenet121
        | Network::Densenet161
        | Network::Densenet169
        | Network::Densenet201 => DENSENET_SIDE,
    };
    if height.min(width) >= smallest {
        return Ok(());
    }
    let problem = format!(
        "images are {width} x {height} pixels; {network} needs at least {smallest} x {smallest}"
    );
    let help = "set `size` of the `load` stage to 32 or more, or take a ResNet";
    Err(StageError::data(problem).help(help))
}

fn nothing_to_choose_by() -> StageError {
    StageError::data("`keep: best` chooses by validation images, but there are none")
        .help("connect the port `validation`, or write `keep: last`")
}

/// Refuses images that cannot teach every class, and validation images that do not go with them.
fn check_images(
    images: &ImageSet,
    validation: Option<&ImageSet>,
    keep: Keep,
) -> Result<(), StageError> {
    if images.is_empty() {
        return Err(StageError::data("there is no image to train on"));
    }
    let unlabelled = |id: &str| {
        StageError::data(format!("image `{id}` has no label"))
            .help("put a stage of kind `label` before this one")
    };
    images.labels().map_err(unlabelled)?;
    if let Some(class) = images.class_counts().iter().position(|count| *count == 0) {
        let name = &images.classes[class];
        let problem = format!("class `{name}` has no image among the {} to train on", images.len());
        let help = format!("add images of `{name}`, or stratify the split");
        return Err(StageError::data(problem).help(help));
    }
    let Some(validation) = validation else {
        return match keep {
            Keep::Best => Err(nothing_to_choose_by()),
            Keep::Last => Ok(()),
        };
    };
    validation.labels().map_err(unlabelled)?;
    let empty =
        |images: &ImageSet| ImageSet::empty(images.height, images.width, images.classes.clone());
    ImageSet::join(vec![empty(images), empty(validation)]).map_err(|problem| {
        StageError::data(format!("training and validation differ: {problem}"))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
