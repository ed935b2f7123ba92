//! How a WGAN is trained, and what contradicts itself in it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::artifact::CriticNorm;
use crate::artifact::Upsampling;
use crate::digest::is_default;
use crate::ml::DiffAugment;
use crate::ml::LatentDistribution;
use crate::ml::Optimiser;
use crate::ml::Precision;
use crate::ml::WarmUp;
use crate::ml::WganSettings;
use crate::stage::Checkpoints;
use crate::stage::ParamProblem;
use crate::stage::Phase;
use crate::stage::StopWhen;

/// Side of the generator's first map, pixels; each layer doubles it.
const FIRST_SIDE: usize = 4;
const DIVERSITY_EVERY: usize = WganSettings::DIVERSITY_EVERY;

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
    /// How the generator's layers double height and width.
    #[serde(default, skip_serializing_if = "is_default")]
    pub upsampling: Upsampling,
    /// Normalisation inside the critic. Absent: `batch`, `layer` with a gradient penalty, or `none` with
    /// spectral normalisation.
    #[serde(default)]
    pub critic_norm: Option<CriticNorm>,
    /// Whether both networks are told the class, so that images of each can be drawn: the generator by a vector of
    /// each beside the latent one (Mirza and Osindero 2014), the critic by a projection (Miyato and Koyama 2018).
    #[serde(default, skip_serializing_if = "is_default")]
    pub conditional: bool,
    /// Names of the classes whose images it trains on; with one alone, its images are labelled with it. Absent: all
    /// images, whatever their label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub classes: Option<Vec<String>>,
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
    /// First generator steps before each of which the critic makes more steps, and how many; `{}` is 100 before
    /// each of the first 25. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic_warm_up: Option<WarmUp>,
    /// Bound to which the critic's numbers are clipped after each step. Absent: 0.01, or none with
    /// a gradient penalty or spectral normalisation.
    #[serde(default)]
    #[schemars(range(min = 1e-6, max = 100.0))]
    pub clip: Option<f64>,
    /// Weight of the gradient penalty, usually 10; takes the place of clipping. Absent: none.
    #[serde(default)]
    #[schemars(range(min = 1e-6, max = 1e6))]
    pub gradient_penalty: Option<f64>,
    /// Whether each layer of the critic is divided by its largest singular value, by one round of power iteration a
    /// pass (Miyato et al. 2018); takes the place of clipping.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spectral_norm: bool,
    /// Changes that are made to real and generated images before the critic sees them, in this order, with gradients
    /// (`DiffAugment`, Zhao et al. 2020); `[colour, translation, cutout]` for some hundred images. Absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff_augment: Vec<DiffAugment>,
    /// Decay, 0 to less than 1, of a running average of the generator's weights that grids, diversity and the
    /// trained GAN have in the place of the last ones: each generator step takes in `1 - ema` of them, so that 0.999
    /// averages over some 1,000 steps and wants many more. Absent: the last ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub ema: Option<f64>,
    /// Rule for both networks. Absent: `rmsprop`, or `adam` with a gradient penalty or spectral normalisation.
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
    /// Ends the training before its last epoch, by `critic_loss`, `generator_loss`, `wasserstein` or `diversity`.
    /// Absent: it goes to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<StopWhen>,
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

/// Returns what contradicts itself.
pub(super) fn check(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    if let Some(Err((param, problem))) = params.size.map(|size| check_shape(params, size)) {
        problems.push(ParamProblem::at(param, problem));
    }
    problems.extend(check_critic(params));
    problems.extend(check_classes(params));
    problems.extend(check_end(params));
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

/// Returns what does not go together in how the critic is kept in bounds and how often it steps.
fn check_critic(params: &Params) -> Vec<ParamProblem> {
    let mut problems = Vec::new();
    let limits = [
        ("clip", params.clip.is_some()),
        ("gradient_penalty", params.gradient_penalty.is_some()),
        ("spectral_norm", params.spectral_norm),
    ];
    let limits: Vec<&str> =
        limits.iter().filter(|(_, said)| *said).map(|(name, _)| *name).collect();
    if let [first, others @ ..] = &limits[..]
        && !others.is_empty()
    {
        let all = limits.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        let problem = format!("{all} exclude each other");
        problems.push(ParamProblem::at(first, problem).help("leave all but one of them out"));
    }
    if params.spectral_norm && params.critic_norm.is_some_and(|norm| norm != CriticNorm::None) {
        let problem = "normalisation scales anew what `spectral_norm` has bounded";
        problems.push(ParamProblem::at("critic_norm", problem).help("write `critic_norm: none`"));
    }
    if let Some(warm_up) = params.critic_warm_up.filter(|w| w.critic_steps <= params.critic_steps) {
        let (more, usual) = (warm_up.critic_steps, params.critic_steps);
        let problem = format!("{more} `critic_steps` at first are no more than the usual {usual}");
        problems.push(ParamProblem::at("critic_warm_up", problem).help("ask for more of them"));
    }
    let ways = &params.diff_augment;
    if (1..ways.len()).any(|index| ways[..index].contains(&ways[index])) {
        problems.push(ParamProblem::at("diff_augment", "a change is there twice"));
    }
    problems
}

/// Returns what does not go together in the classes.
fn check_classes(params: &Params) -> Vec<ParamProblem> {
    let Some(classes) = &params.classes else { return Vec::new() };
    let mut problems = Vec::new();
    let twice = (1..classes.len()).find(|&index| classes[..index].contains(&classes[index]));
    if let Some(index) = twice {
        let problem = format!("`{}` is there twice", classes[index]);
        problems.push(ParamProblem::at("classes", problem));
    }
    if params.conditional && classes.len() == 1 {
        let problem = "one class alone is nothing to tell the networks";
        problems.push(
            ParamProblem::at("conditional", problem)
                .help("leave it out: images of a GAN of one class are labelled with it"),
        );
    }
    problems
}

/// Returns what is wrong with the rule that ends the training.
fn check_end(params: &Params) -> Vec<ParamProblem> {
    let Some(rule) = &params.stop_when else { return Vec::new() };
    let mut problems = rule.problems(&WganSettings::METRICS);
    let waits = [("no_lower_for", rule.no_lower_for), ("no_higher_for", rule.no_higher_for)];
    for (name, wait) in waits {
        if let Some(wait) = wait.filter(|&wait| wait < DIVERSITY_EVERY)
            && rule.metric == "diversity"
        {
            let problem = format!(
                "found {wait} epochs, but diversity is measured every {DIVERSITY_EVERY} epochs"
            );
            let mut problem = ParamProblem::at("stop_when", problem);
            problem.path.push(name.to_owned());
            problems.push(problem.help(format!("write `{name}: {}`", 5 * DIVERSITY_EVERY)));
        }
    }
    problems
}

/// Returns the rule for both networks.
pub(super) fn optimiser(params: &Params) -> Optimiser {
    let is_clipped = params.gradient_penalty.is_none() && !params.spectral_norm;
    params.optimiser.unwrap_or(if is_clipped { Optimiser::Rmsprop } else { Optimiser::Adam })
}

/// Says which param does not go with images of a side, and why.
pub(super) fn check_shape(params: &Params, size: usize) -> Result<(), (&'static str, String)> {
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
