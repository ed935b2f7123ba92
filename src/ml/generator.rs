//! The generator of Cheng and Ye (2021), after DCGAN (Radford et al. 2015): a vector becomes an image.
//!
//! | layer | at 64 x 64 | followed by |
//! | --- | --- | --- |
//! | fully connected | 100 -> 1024 x 4 x 4 | batch normalisation, ReLU |
//! | fractionally strided, 5 x 5 | 512 x 8 x 8 | batch normalisation, ReLU |
//! | fractionally strided, 5 x 5 | 256 x 16 x 16 | batch normalisation, ReLU |
//! | fractionally strided, 5 x 5 | 128 x 32 x 32 | batch normalisation, ReLU |
//! | fractionally strided, 5 x 5 | 3 x 64 x 64 | tanh |
//!
//! Other sizes have more or fewer layers, each halving the channels; in the place of the 5 x 5 there may be another
//! way to double. A generator that is told the class has a vector of each, as long as the latent one, which enters
//! behind it (Mirza and Osindero 2014). Knows nothing of training.

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::CHANNELS;
use crate::artifact::GanShape;
use crate::ml::doubling::Doubling;
use crate::ml::layers::BatchNorm;
use crate::ml::layers::Embedding;
use crate::ml::layers::Linear;
use crate::ml::layers::Mode;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// Pixels from top to bottom, and from left to right, of the first map.
pub(in crate::ml) const FIRST_SIDE: usize = 4;
/// All weights of a DCGAN: normal with deviation 0.02 (Radford et al. 2015).
pub(in crate::ml) const WEIGHT: Initial = Initial::Normal { mean: 0.0, deviation: 0.02 };
/// Vectors of classes that enter beside latent ones (PyTorch's).
const CLASS: Initial = Initial::Normal { mean: 0.0, deviation: 1.0 };
/// Scales of batch normalisation, as the authors of DCGAN and WGAN draw them.
pub(in crate::ml) const SCALE: Initial = Initial::Normal { mean: 1.0, deviation: 0.02 };

/// Maps latent vectors to images.
#[derive(Debug)]
pub(in crate::ml) struct Generator {
    width: i64,
    classes: Option<Embedding>,
    project: Linear,
    norms: Vec<BatchNorm>,
    doublings: Vec<Doubling>,
}

/// Returns how often a side of 4 doubles to the size, or what is wrong with the shape.
pub(in crate::ml) fn doublings(shape: &GanShape) -> Result<usize, StageError> {
    let ratio = shape.size / FIRST_SIDE;
    let fits = shape.size.is_multiple_of(FIRST_SIDE) && ratio.is_power_of_two() && ratio > 1;
    if !fits {
        let problem = format!("a GAN cannot make images of {0} x {0} pixels", shape.size);
        return Err(StageError::data(problem).help("load images of size 8, 16, 32, 64, 128 or 256"));
    }
    let count = ratio.ilog2() as usize;
    let narrowest = 1 << (count - 1);
    if shape.generator_width == 0 || !shape.generator_width.is_multiple_of(narrowest) {
        let problem = format!(
            "a generator {} channels wide cannot halve them {} times",
            shape.generator_width,
            count - 1
        );
        return Err(StageError::data(problem)
            .help(format!("choose a multiple of {narrowest} for the generator's width")));
    }
    if shape.critic_width == 0 || shape.latent == 0 {
        return Err(StageError::data("a GAN needs a critic width and a latent size of 1 or more"));
    }
    Ok(count)
}

impl Generator {
    /// Makes the network.
    pub(in crate::ml) fn new(mut scope: Scope<'_>, shape: &GanShape) -> Result<Self, StageError> {
        let count = doublings(shape)?;
        let width = shape.generator_width as i64;
        let latent = shape.latent as i64;
        let classes = (shape.conditions > 0)
            .then(|| Embedding::new(scope.at("classes"), (shape.conditions, latent), CLASS))
            .transpose()?;
        let inputs = if classes.is_some() { 2 * latent } else { latent };
        let outputs = width * (FIRST_SIDE * FIRST_SIDE) as i64;
        let zero = Some(Initial::Constant(0.0));
        let project = Linear::new(scope.at("project"), (inputs, outputs), WEIGHT, zero)?;
        let mut norms = vec![BatchNorm::new(scope.at("norms.0"), width, SCALE)?];
        let mut doublings = Vec::new();
        for index in 0..count {
            let from = width >> index;
            let last = index + 1 == count;
            let to = if last { CHANNELS as i64 } else { from / 2 };
            let scope_of_layer = scope.at(format!("doublings.{index}"));
            doublings.push(Doubling::new(scope_of_layer, (from, to), shape.upsampling, WEIGHT)?);
            if !last {
                norms.push(BatchNorm::new(scope.at(format!("norms.{}", index + 1)), to, SCALE)?);
            }
        }
        Ok(Self { width, classes, project, norms, doublings })
    }

    /// Maps `[batch, latent]`, and classes `[batch]` where it is told them, to images `[batch, 3, size, size]` from
    /// -1 to 1.
    pub(in crate::ml) fn forward(
        &self,
        z: &Tensor,
        classes: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        let side = FIRST_SIDE as i64;
        let told = self.classes.as_ref().zip(classes);
        let told = told.map(|(vectors, classes)| vectors.forward(classes)).transpose()?;
        let input = match told {
            Some(vectors) => Tensor::f_cat(&[z, &vectors.f_to_kind(z.kind())?], 1)?,
            None => z.shallow_clone(),
        };
        let mut x = self.project.forward(&input)?.f_view([-1, self.width, side, side])?;
        for (norm, doubling) in self.norms.iter().zip(&self.doublings) {
            x = doubling.forward(&norm.forward(&x, mode)?.f_relu_()?)?; // half as deep, twice as wide
        }
        x.f_to_kind(Kind::Float)?.f_tanh()
    }
}
