//! Spectral normalisation (Miyato et al. 2018): a layer's weight is divided by its largest singular value, as
//! PyTorch's `torch.nn.utils.parametrizations.spectral_norm` computes it.
//!
//! The singular vectors are found by power iteration, one round each time the network is trained on something
//! and none where it is used. They are buffers of the network, so a checkpoint has them.

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::ml::layers::Mode;
use crate::ml::layers::Weighted;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// Rounds before the first step (PyTorch's number).
const FIRST_ROUNDS: usize = 15;
/// Keeps lengths from zero (PyTorch's number).
const EPSILON: f64 = 1e-12;
const DRAWN: Initial = Initial::Normal { mean: 0.0, deviation: 1.0 };

/// A layer whose weight may be divided by its spectral norm.
#[derive(Debug)]
pub(in crate::ml) struct Limited<Layer> {
    layer: Layer,
    spectral: Option<Spectral>,
}

/// The singular vectors of a weight: `sigma = left . weight right`.
#[derive(Debug)]
struct Spectral {
    left: Tensor,
    right: Tensor,
}

impl<Layer: Weighted> Limited<Layer> {
    /// Makes it of a layer, whose scope is given; its weight is divided or not.
    pub(in crate::ml) fn new(
        layer: Layer,
        scope: Scope<'_>,
        is_limited: bool,
    ) -> Result<Self, StageError> {
        let spectral = is_limited.then(|| Spectral::new(scope, layer.weight())).transpose()?;
        Ok(Self { layer, spectral })
    }

    /// Returns the layer with the weight that is to be used. In training it looks for the norm a little more.
    pub(in crate::ml) fn layer(&self, mode: Mode) -> Result<Layer, TchError> {
        let weight = self.layer.weight();
        Ok(self.layer.with(match &self.spectral {
            Some(spectral) => spectral.normalised(weight, mode)?,
            None => weight.shallow_clone(),
        }))
    }
}

impl Spectral {
    /// Makes the vectors of a weight `[outputs, ...]` beside it: `weight_u` and `weight_v`.
    fn new(mut scope: Scope<'_>, weight: &Tensor) -> Result<Self, StageError> {
        let _guard = tch::no_grad_guard();
        let rows = weight.size()[0];
        let columns = weight.numel() as i64 / rows;
        let mut drawn = |name, length| {
            let mut vector = scope.buffer(name, &[length], DRAWN)?;
            let unit = unit(&vector)?;
            vector.f_copy_(&unit)?;
            Ok::<_, StageError>(vector)
        };
        let spectral = Self { left: drawn("weight_u", rows)?, right: drawn("weight_v", columns)? };
        let matrix = matrix(weight)?;
        for _ in 0..FIRST_ROUNDS {
            spectral.round(&matrix)?;
        }
        Ok(spectral)
    }

    /// Returns the weight divided by its spectral norm.
    fn normalised(&self, weight: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let matrix = matrix(weight)?;
        if mode == Mode::Train {
            let _guard = tch::no_grad_guard();
            self.round(&matrix)?;
        }
        // Copies: the next round changes the vectors, and this one's gradient needs them as they are.
        let (left, right) = (self.left.f_detach_copy()?, self.right.f_detach_copy()?);
        let sigma = left.f_dot(&matrix.f_mv(&right)?)?;
        weight.f_to_kind(Kind::Float)?.f_div(&sigma)?.f_to_kind(weight.kind())
    }

    /// Makes a round of power iteration, in place.
    fn round(&self, matrix: &Tensor) -> Result<(), TchError> {
        self.left.shallow_clone().f_copy_(&unit(&matrix.f_mv(&self.right)?)?)?;
        self.right.shallow_clone().f_copy_(&unit(&matrix.f_tr()?.f_mv(&self.left)?)?)
    }
}

/// Returns a weight as a matrix with a row for each output, in single precision.
fn matrix(weight: &Tensor) -> Result<Tensor, TchError> {
    weight.f_to_kind(Kind::Float)?.f_flatten(1, -1)
}

/// Returns a vector scaled to length 1.
fn unit(vector: &Tensor) -> Result<Tensor, TchError> {
    vector.f_div(&vector.f_norm()?.f_clamp_min(EPSILON)?)
}
