//! `wgan-train`: trains a Wasserstein GAN on an image set.
//!
//! Generator and critic are those of the study (Arjovsky et al. 2017, with the layers of DCGAN);
//! a gradient penalty (Gulrajani et al. 2017) or spectral normalisation (Miyato et al. 2018) takes the place of
//! clipping where it is asked for. It may be told the classes, or be of one class alone.

mod params;

use crate::artifact::CriticNorm;
use crate::artifact::Gan;
use crate::artifact::GanShape;
use crate::artifact::ImageSet;
use crate::ml;
use crate::ml::CriticLimit;
use crate::ml::Exactness;
use crate::ml::WganSettings;
use crate::stage::Context;
use crate::stage::Counts;
use crate::stage::Course;
use crate::stage::Forecast;
use crate::stage::Lineage;
use crate::stage::ParamProblem;
use crate::stage::Resources;
use crate::stage::Runner;
use crate::stage::Stage;
use crate::stage::StageError;
use crate::stage::ports;
use crate::stages::wgan_train::params::check_shape;
use crate::stages::wgan_train::params::optimiser;

pub use params::Params;

/// Bound of the critic's numbers in the original WGAN.
const CLIP: f64 = 0.01;

/// Trains a Wasserstein GAN on an image set.
pub struct WganTrain;

ports! {
    /// What enters.
    inputs Inputs {
        /// Real images; labels are looked at with `conditional` and `classes` alone.
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
        params::check(params)
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
            settings(params, size, 0)?;
        }
        Ok(Vec::new())
    }

    fn run(cx: &Context<'_>, params: &Params, inputs: Inputs) -> Result<Outputs, StageError> {
        let images = ImageSet::join(inputs.images).map_err(StageError::data)?;
        if images.is_empty() {
            return Err(StageError::data("there is no image to train on"));
        }
        let images = match &params.classes {
            Some(classes) => of_classes(&images, classes)?,
            None => images,
        };
        let conditions = if params.conditional { images.classes.len() } else { 0 };
        let settings = settings(params, (images.height, images.width), conditions)?;
        let mut gan = ml::train_wgan(cx, &settings, &images)?;
        if params.classes.as_ref().is_some_and(|classes| classes.len() == 1) {
            gan.counts = images.class_counts();
        }
        Ok(Outputs { gan })
    }
}

/// Returns the images of some classes.
fn of_classes(images: &ImageSet, classes: &[String]) -> Result<ImageSet, StageError> {
    let counts = images.class_counts();
    for name in classes {
        let Some(class) = images.classes.iter().position(|class| class == name) else {
            let known: Vec<String> =
                images.classes.iter().map(|class| format!("`{class}`")).collect();
            let problem =
                format!("`classes` name `{name}`, but the classes are {}", known.join(", "));
            return Err(StageError::data(problem)
                .help("name classes as `load` does; `ablate show` prints them"));
        };
        if counts[class] == 0 {
            let problem = format!("none of the {} images is of the class `{name}`", images.len());
            return Err(StageError::data(problem).help("leave it out of `classes`"));
        }
    }
    let is_wanted = |index: &usize| {
        let label = images.samples[*index].label;
        label.is_some_and(|label| classes.contains(&images.classes[label]))
    };
    Ok(images.pick(&(0..images.len()).filter(is_wanted).collect::<Vec<_>>()))
}

/// Returns complete settings for images of a height and width, and the number of classes that networks are told.
fn settings(
    params: &Params,
    (height, width): (usize, usize),
    conditions: usize,
) -> Result<WganSettings, StageError> {
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
    let (limit, norm) = match params.gradient_penalty {
        Some(lambda) => (CriticLimit::GradientPenalty(lambda), CriticNorm::Layer),
        None if params.spectral_norm => (CriticLimit::SpectralNorm, CriticNorm::None),
        None => (CriticLimit::Clip(params.clip.unwrap_or(CLIP)), CriticNorm::Batch),
    };
    let [first, second] = params.betas.unwrap_or([0.0, 0.9]);
    Ok(WganSettings {
        shape: GanShape {
            size,
            latent: params.latent,
            generator_width: params.generator_width,
            critic_width: params.critic_width,
            critic_norm: params.critic_norm.unwrap_or(norm),
            spectral_norm: params.spectral_norm,
            upsampling: params.upsampling,
            conditions,
        },
        latent: params.latent_distribution,
        batch_size: params.batch_size,
        course: course(params),
        critic_steps: params.critic_steps,
        warm_up: params.critic_warm_up,
        limit,
        diff_augment: params.diff_augment.clone(),
        average: params.ema,
        optimiser: optimiser(params),
        betas: (first, second),
        grid_every: params.grid_every,
        stop_when: params.stop_when.clone(),
        exactness: Exactness { precision: params.precision, deterministic: params.deterministic },
    })
}

fn course(params: &Params) -> Course {
    Course::new(&params.schedule, params.checkpoints)
}

#[cfg(test)]
mod tests;
