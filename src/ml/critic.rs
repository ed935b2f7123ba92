//! The critic of Cheng and Ye (2021), the generator's mirror: an image becomes one number.
//!
//! | layer | at 64 x 64 | followed by |
//! | --- | --- | --- |
//! | strided, 5 x 5 | 64 x 32 x 32 | leaky ReLU 0.2 |
//! | strided, 5 x 5 | 128 x 16 x 16 | normalisation, leaky ReLU |
//! | strided, 5 x 5 | 256 x 8 x 8 | normalisation, leaky ReLU |
//! | strided, 5 x 5 | 512 x 4 x 4 | normalisation, leaky ReLU |
//! | fully connected | 1 | nothing: a critic's score is no probability |
//!
//! The last layer has no bias, since a constant added to all scores changes no loss. A critic that is told the class
//! has a vector of each, as long as the last map, whose product with it is added to the score: the projection of
//! Miyato and Koyama (2018). Each weight may be divided by its spectral norm.

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::CHANNELS;
use crate::artifact::CriticNorm;
use crate::artifact::GanShape;
use crate::ml::generator::FIRST_SIDE;
use crate::ml::generator::SCALE;
use crate::ml::generator::WEIGHT;
use crate::ml::generator::doublings;
use crate::ml::layers::BatchNorm;
use crate::ml::layers::Conv;
use crate::ml::layers::Embedding;
use crate::ml::layers::LayerNorm;
use crate::ml::layers::Linear;
use crate::ml::layers::Mode;
use crate::ml::libtorch;
use crate::ml::parameters::Scope;
use crate::ml::spectral::Limited;
use crate::stage::StageError;

/// Slope of the leaky ReLU below zero.
const SLOPE: f64 = 0.2;

/// Scores images: the higher, the more real.
#[derive(Debug)]
pub(in crate::ml) struct Critic {
    layers: Vec<(Limited<Conv>, Norm)>,
    score: Limited<Linear>,
    classes: Option<Limited<Embedding>>,
}

#[derive(Debug)]
enum Norm {
    Batch(BatchNorm),
    Layer(LayerNorm),
    None,
}

impl Critic {
    /// Makes the network.
    pub(in crate::ml) fn new(mut scope: Scope<'_>, shape: &GanShape) -> Result<Self, StageError> {
        let is_limited = shape.spectral_norm;
        let mut layers = Vec::new();
        let mut from = CHANNELS as i64;
        for index in 0..doublings(shape)? {
            let to = (shape.critic_width << index) as i64;
            let name = format!("convs.{index}");
            let conv = Conv::new(scope.at(&name), (from, to), (5, 2, 2), WEIGHT)?;
            let conv = Limited::new(conv, scope.at(&name), is_limited)?;
            let scope = scope.at(format!("norms.{index}"));
            let norm = match shape.critic_norm {
                CriticNorm::Batch if index > 0 => Norm::Batch(BatchNorm::new(scope, to, SCALE)?),
                CriticNorm::Layer if index > 0 => Norm::Layer(LayerNorm::new(scope, to)?),
                _ => Norm::None,
            };
            layers.push((conv, norm));
            from = to;
        }
        let inputs = from * (FIRST_SIDE * FIRST_SIDE) as i64;
        let score = Linear::new(scope.at("score"), (inputs, 1), WEIGHT, None)?;
        let score = Limited::new(score, scope.at("score"), is_limited)?;
        let classes = if shape.conditions > 0 {
            let vectors = Embedding::new(scope.at("classes"), (shape.conditions, inputs), WEIGHT)?;
            Some(Limited::new(vectors, scope.at("classes"), is_limited)?)
        } else {
            None
        };
        Ok(Self { layers, score, classes })
    }

    /// Maps images `[batch, 3, size, size]` from -1 to 1, and classes `[batch]` where it is told them, to scores
    /// `[batch]`.
    pub(in crate::ml) fn forward(
        &self,
        images: &Tensor,
        classes: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        let mut x = images.shallow_clone();
        for (conv, norm) in &self.layers {
            x = conv.layer(mode)?.forward(&x)?; // twice as deep, half as wide
            x = match norm {
                Norm::Batch(norm) => norm.forward(&x, mode)?,
                Norm::Layer(norm) => norm.forward(&x)?,
                Norm::None => x,
            };
            x = libtorch::leaky_relu(x, SLOPE)?;
        }
        let x = x.f_flatten(1, -1)?;
        let score = self.score.layer(mode)?.forward(&x)?.f_view([-1])?.f_to_kind(Kind::Float)?;
        let Some((vectors, classes)) = self.classes.as_ref().zip(classes) else {
            return Ok(score);
        };
        let vectors = vectors.layer(mode)?.forward(classes)?.f_to_kind(Kind::Float)?;
        let product = x.f_to_kind(Kind::Float)?.f_mul(&vectors)?;
        score.f_add(&product.f_sum_dim_intlist([1].as_slice(), false, None)?)
    }
}
