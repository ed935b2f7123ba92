//! `wgan-train`: trains a Wasserstein GAN on an image set.
//!
//! Generator and critic are those of the study (Arjovsky et al. 2017, with the layers of DCGAN);
//! a gradient penalty takes the place of clipping where it is asked for (Gulrajani et al. 2017).

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::CriticNorm;
use crate::artifact::Gan;
use crate::artifact::GanShape;
use crate::artifact::ImageSet;
use crate::ml;
use crate::ml::CriticLimit;
use crate::ml::Exactness;
use crate::ml::LatentDistribution;
use crate::ml::Optimiser;
use crate::ml::Precision;
use crate::ml::WganSettings;
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
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::untold::is_default;

/// Bound of the critic's numbers in the original WGAN.
const CLIP: f64 = 0.01;

/// Side of the generator's first map, pixels; each layer doubles it.
const FIRST_SIDE: usize = 4;

/// Trains a Wasserstein GAN on an image set.
pub struct WganTrain;

/// How a WGAN is trained.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Side of the images, pixels: 8, 16, 32, 64, 128, ... Absent: that of the images.
    #[serde(default)]
    pub size: Option<usize>,
    /// Numbers in a latent vector.
    #[serde(default = "default_latent")]
    #[schemars(range(min = 1, max = 65536))]
    pub latent: usize,
    /// Distribution of latent vectors during training.
    #[serde(default = "default_latent_distribution")]
    pub latent_distribution: LatentDistribution,
    /// Channels of the generator's first, 4 x 4 map; each layer halves them.
    #[serde(default = "default_generator_width")]
    #[schemars(range(min = 1, max = 65536))]
    pub generator_width: usize,
    /// Channels of the critic's first layer; each layer doubles them.
    #[serde(default = "default_critic_width")]
    #[schemars(range(min = 1, max = 8192))]
    pub critic_width: usize,
    /// Normalisation inside the critic. Absent: `batch`, or `layer` with a gradient penalty.
    #[serde(default)]
    pub critic_norm: Option<CriticNorm>,
    /// Images in a batch.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 2, max = 65536))]
    pub batch_size: usize,
    /// Stretches of training, in order: passes over the images, and the step size meanwhile.
    #[serde(default = "default_schedule")]
    #[schemars(length(min = 1))]
    pub schedule: Vec<Phase>,
    /// Critic steps for each generator step.
    #[serde(default = "default_critic_steps")]
    #[schemars(range(min = 1, max = 1000))]
    pub critic_steps: usize,
    /// Bound to which the critic's numbers are clipped after each step. Absent: 0.01, or none with
    /// a gradient penalty.
    #[serde(default)]
    #[schemars(range(min = 1e-6, max = 100.0))]
    pub clip: Option<f64>,
    /// Weight of the gradient penalty, usually 10; takes the place of clipping. Absent: none.
    #[serde(default)]
    #[schemars(range(min = 1e-6, max = 1e6))]
    pub gradient_penalty: Option<f64>,
    /// Rule for both networks. Absent: `rmsprop`, or `adam` with a gradient penalty.
    #[serde(default)]
    pub optimiser: Option<Optimiser>,
    /// Adam's decay rates of the first and second moment, 0 to 1. Absent: 0 and 0.9.
    #[serde(default)]
    pub betas: Option<[f64; 2]>,
    /// Which states are kept on the way, for trainings that go on from there.
    #[serde(default)]
    pub checkpoints: Checkpoints,
    /// Epochs between two sample grids; 0 means one, at the end.
    #[serde(default = "default_grid_every")]
    pub grid_every: usize,
    /// With how many bits convolutions and products compute.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
    /// Whether a GPU keeps to algorithms that give the same bits each time, which are slower; a CPU always does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deterministic: bool,
}

fn default_latent() -> usize {
    100
}

fn default_latent_distribution() -> LatentDistribution {
    LatentDistribution::Uniform
}

fn default_generator_width() -> usize {
    1024
}

fn default_critic_width() -> usize {
    64
}

fn default_batch_size() -> usize {
    8
}

fn default_schedule() -> Vec<Phase> {
    let phase = |epochs, learning_rate| Phase { epochs, learning_rate };
    vec![phase(800, 1e-4), phase(600, 5e-5)]
}

fn default_critic_steps() -> usize {
    5
}

fn default_grid_every() -> usize {
    100
}

ports! {
    /// What enters.
    inputs Inputs {
        /// Real images; labels are not looked at.
        images: Vec<ImageSet> = Fit,
    }
}

ports! {
    /// What leaves.
    outputs Outputs {
        /// The trained generator and critic.
        gan: Gan = Lineage::Inputs,
    }
}

impl Stage for WganTrain {
    const KIND: &'static str = "wgan-train";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "Trains a Wasserstein GAN on an image set.";
    const RUNNER: Runner = Runner::Torch;
    const BESIDE_KEY: &'static [&'static str] = &["checkpoints"];
    const COURSE: &'static [&'static str] = &["schedule"];
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params) -> Vec<ParamProblem> {
        let mut problems = Vec::new();
        if let Some(Err((param, problem))) = params.size.map(|size| check_shape(params, size)) {
            problems.push(ParamProblem::at(param, problem));
        }
        if params.clip.is_some() && params.gradient_penalty.is_some() {
            let problem = "`clip` and `gradient_penalty` exclude each other";
            problems.push(ParamProblem::at("clip", problem).help("leave one of them out"));
        }
        let adams = [Optimiser::Adam, Optimiser::Adamw];
        if params.betas.is_some() && !adams.contains(&optimiser(params)) {
            let problem = "`betas` belong to Adam, but the optimiser is another";
            problems.push(ParamProblem::at("betas", problem).help("write `optimiser: adam`"));
        }
        if params.betas.is_some_and(|betas| betas.iter().any(|beta| !(0.0..1.0).contains(beta))) {
            let problem = "both are expected to be at least 0 and less than 1";
            problems.push(ParamProblem::at("betas", problem));
        }
        problems
    }

    fn resources(_: &Params) -> Resources {
        Resources::all_cores()
    }

    fn course(params: &Params) -> Option<Course> {
        Some(course(params))
    }

    fn forecast(
        params: &Params,
        known: &Forecast,
    ) -> Result<Vec<(&'static str, Counts)>, StageError> {
        if known.inputs.get("images").map(Counts::total) == Some(0) {
            return Err(StageError::data("there is no image to train on"));
        }
        if let Some(size) = known.size("images") {
            settings(params, size)?;
        }
        Ok(Vec::new())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let images = ImageSet::join(inputs.images).map_err(StageError::data)?;
        if images.is_empty() {
            return Err(StageError::data("there is no image to train on"));
        }
        let settings = settings(params, (images.height, images.width))?;
        Ok(Outputs { gan: ml::train_wgan(cx, &settings, &images)? })
    }
}

/// Returns complete settings for images of a height and width.
fn settings(params: &Params, (height, width): (usize, usize)) -> Result<WganSettings, StageError> {
    let size = params.size.unwrap_or(height);
    if (height, width) != (size, size) {
        let problem = format!("the images have {width} x {height} pixels, not {size} x {size}");
        return Err(StageError::data(problem).help("give `load` the `size` of the GAN"));
    }
    check_shape(params, size).map_err(|(param, problem)| {
        let help = match param {
            "size" => "load the images with `size: 64`",
            _ => "use a `generator_width` of a power of two, such as 256",
        };
        StageError::data(format!("`{param}`: {problem}")).help(help)
    })?;
    let default_norm = match params.gradient_penalty {
        Some(_) => CriticNorm::Layer,
        None => CriticNorm::Batch,
    };
    let [first, second] = params.betas.unwrap_or([0.0, 0.9]);
    Ok(WganSettings {
        shape: GanShape {
            size,
            latent: params.latent,
            generator_width: params.generator_width,
            critic_width: params.critic_width,
            critic_norm: params.critic_norm.unwrap_or(default_norm),
        },
        latent: params.latent_distribution,
        batch_size: params.batch_size,
        course: course(params),
        critic_steps: params.critic_steps,
        limit: match params.gradient_penalty {
            Some(lambda) => CriticLimit::GradientPenalty(lambda),
            None => CriticLimit::Clip(params.clip.unwrap_or(CLIP)),
        },
        optimiser: optimiser(params),
        betas: (first, second),
        grid_every: params.grid_every,
        exactness: Exactness { precision: params.precision, deterministic: params.deterministic },
    })
}

fn course(params: &Params) -> Course {
    Course::new(&params.schedule, params.checkpoints)
}

fn optimiser(params: &Params) -> Optimiser {
    params.optimiser.unwrap_or(match params.gradient_penalty {
        Some(_) => Optimiser::Adam,
        None => Optimiser::Rmsprop,
    })
}

/// Says which param does not go with images of a side, and why.
fn check_shape(params: &Params, size: usize) -> Result<(), (&'static str, String)> {
    let doublings = size / FIRST_SIDE;
    if !size.is_multiple_of(FIRST_SIDE) || !doublings.is_power_of_two() || doublings < 2 {
        let problem = format!("found {size} pixels, expected 4 times a power of two, at least 8");
        return Err(("size", problem));
    }
    // The last layer goes to three channels, so the layers before it halve one time less.
    let halvings = doublings / 2;
    if !params.generator_width.is_multiple_of(halvings) {
        let width = params.generator_width;
        let problem =
            format!("found {width}, expected a multiple of {halvings} for {size} x {size} pixels");
        return Err(("generator_width", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::CriticLimit;
    use super::CriticNorm;
    use super::Optimiser;
    use super::Params;
    use super::WganTrain;
    use super::settings;
    use crate::artifact::Partition;
    use crate::stage::Counts;
    use crate::stage::Forecast;
    use crate::stage::StageKind;
    use crate::stages::trial::told;

    const KIND: StageKind = StageKind::of::<WganTrain>();

    fn resolved(value: &Value) -> Params {
        serde_json::from_value(KIND.resolve(value).unwrap()).unwrap()
    }

    fn problems(value: &Value) -> Vec<String> {
        let problems = KIND.resolve(value).unwrap_err();
        problems.into_iter().map(|p| format!("{}: {}", p.path.join("."), p.problem)).collect()
    }

    #[test]
    fn defaults_are_those_of_the_study() {
        let settings = settings(&resolved(&json!({})), (64, 64)).unwrap();
        assert_eq!(settings.course.epochs(), 1400);
        assert_eq!((settings.batch_size, settings.critic_steps), (8, 5));
        assert_eq!(settings.limit, CriticLimit::Clip(0.01));
        assert_eq!(settings.optimiser, Optimiser::Rmsprop);
        assert_eq!(settings.shape.critic_norm, CriticNorm::Batch);
        assert_eq!((settings.shape.latent, settings.shape.generator_width), (100, 1024));
    }

    #[test]
    fn a_gradient_penalty_brings_its_own_defaults() {
        let params = resolved(&json!({"gradient_penalty": 10}));
        let settings = settings(&params, (64, 64)).unwrap();
        assert_eq!(settings.limit, CriticLimit::GradientPenalty(10.0));
        assert_eq!(settings.optimiser, Optimiser::Adam);
        assert_eq!(settings.betas, (0.0, 0.9));
        assert_eq!(settings.shape.critic_norm, CriticNorm::Layer);
    }

    #[test]
    fn params_that_contradict_each_other_are_said() {
        let wrong = json!({"size": 48, "clip": 0.01, "gradient_penalty": 10, "betas": [0, 1]});
        insta::assert_snapshot!(problems(&wrong).join("\n"), @"
        size: found 48 pixels, expected 4 times a power of two, at least 8
        clip: `clip` and `gradient_penalty` exclude each other
        betas: both are expected to be at least 0 and less than 1
        ");
        let wrong = json!({"size": 64, "generator_width": 12, "betas": [0, 0.9]});
        insta::assert_snapshot!(problems(&wrong).join("\n"), @"
        generator_width: found 12, expected a multiple of 8 for 64 x 64 pixels
        betas: `betas` belong to Adam, but the optimiser is another
        ");
    }

    #[test]
    fn a_size_that_no_generator_makes_is_foreseen() {
        let foreseen = |side| {
            let counts = Counts::of(Partition::Train, 9).sized(Some((side, side)));
            let mut known = Forecast::default();
            known.inputs.insert("images".into(), counts);
            (KIND.forecast)(&KIND.resolve(&json!({})).unwrap(), &known)
                .map_err(|error| told(&error))
        };
        assert_eq!(foreseen(32), Ok(vec![]));
        insta::assert_snapshot!(foreseen(28).unwrap_err(), @"`size`: found 28 pixels, expected 4 times a power of two, at least 8; load the images with `size: 64`");
    }

    #[test]
    fn images_of_another_size_are_refused_with_a_remedy() {
        let error = settings(&resolved(&json!({"size": 64})), (28, 28)).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @"
        the images have 28 x 28 pixels, not 64 x 64
        give `load` the `size` of the GAN
        ");
        let error = settings(&resolved(&json!({})), (28, 28)).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @"
        `size`: found 28 pixels, expected 4 times a power of two, at least 8
        load the images with `size: 64`
        ");
    }
}
