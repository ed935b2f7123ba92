//! Layers that all networks share, with the names and first numbers that PyTorch gives them.
//!
//! tch has layers of its own, but draws batch normalisation's scale from 0-1 where it should be 1
//! (Ioffe and Szegedy 2015), and convolutions from another distribution than torchvision.
//!
//! Weights may have 16 bits: what enters a layer is rounded as its weights are. Normalisation takes either and
//! computes in single precision.

use std::cell::Cell;
use std::rc::Rc;

use tch::TchError;
use tch::Tensor;

use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// Whether a network is being trained or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ml) enum Mode {
    /// Batch normalisation uses the batch's statistics and remembers them.
    Train,
    /// Batch normalisation uses the statistics that it remembers.
    Use,
}

/// A layer with a weight.
pub(in crate::ml) trait Weighted {
    /// Returns the weight.
    fn weight(&self) -> &Tensor;

    /// Returns the layer with another weight in the place of its own.
    fn with(&self, weight: Tensor) -> Self;
}

/// A square convolution without bias.
#[derive(Debug)]
pub(in crate::ml) struct Conv {
    weight: Tensor,
    stride: i64,
    padding: i64,
}

impl Conv {
    /// Makes the layer: `[outputs, inputs, kernel, kernel]`.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        (inputs, outputs): (i64, i64),
        (kernel, stride, padding): (i64, i64, i64),
        initial: Initial,
    ) -> Result<Self, StageError> {
        let shape = [outputs, inputs, kernel, kernel];
        Ok(Self { weight: scope.trainable("weight", &shape, initial)?, stride, padding })
    }

    /// Convolves `[batch, inputs, height, width]`.
    pub(in crate::ml) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        let x = x.f_to_kind(self.weight.kind())?;
        x.f_conv2d(&self.weight, None::<&Tensor>, stride, padding, [1, 1], 1)
    }
}

/// Batch normalisation over height, width and batch, epsilon 1e-5, momentum 0.1.
#[derive(Debug)]
pub(in crate::ml) struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    batches: Rc<Cell<i64>>,
}

impl BatchNorm {
    /// Makes the layer; its scale starts as told, its shift at 0.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        channels: i64,
        scale: Initial,
    ) -> Result<Self, StageError> {
        Ok(Self {
            weight: scope.trainable("weight", &[channels], scale)?,
            bias: scope.trainable("bias", &[channels], Initial::Constant(0.0))?,
            running_mean: scope.buffer("running_mean", &[channels], Initial::Constant(0.0))?,
            running_var: scope.buffer("running_var", &[channels], Initial::Constant(1.0))?,
            batches: scope.counter("num_batches_tracked"),
        })
    }

    /// Normalises `[batch, channels, height, width]`. A layer that is not trained is used as it is.
    pub(in crate::ml) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let train = mode == Mode::Train && self.weight.requires_grad();
        if train {
            self.batches.set(self.batches.get() + 1);
        }
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let (mean, variance) = (Some(&self.running_mean), Some(&self.running_var));
        x.f_batch_norm(weight, bias, mean, variance, train, 0.1, 1e-5, true)
    }
}

/// Layer normalisation over channels, height and width with one scale and shift a channel.
#[derive(Debug)]
pub(in crate::ml) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Makes the layer; scale 1, shift 0.
    pub(in crate::ml) fn new(mut scope: Scope<'_>, channels: i64) -> Result<Self, StageError> {
        Ok(Self {
            weight: scope.trainable("weight", &[channels], Initial::Constant(1.0))?,
            bias: scope.trainable("bias", &[channels], Initial::Constant(0.0))?,
        })
    }

    /// Normalises each image of `[batch, channels, height, width]`.
    pub(in crate::ml) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let [weight, bias] = [&self.weight, &self.bias].map(|tensor| tensor.f_to_kind(x.kind()));
        x.f_group_norm(1, Some(weight?), Some(bias?), 1e-5, true)
    }
}

/// A fully connected layer.
#[derive(Debug)]
pub(in crate::ml) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Makes the layer: `[outputs, inputs]`, and a bias where it has first numbers.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        (inputs, outputs): (i64, i64),
        weight: Initial,
        bias: Option<Initial>,
    ) -> Result<Self, StageError> {
        let weight = scope.trainable("weight", &[outputs, inputs], weight)?;
        let bias = bias.map(|bias| scope.trainable("bias", &[outputs], bias)).transpose()?;
        Ok(Self { weight, bias })
    }

    /// Maps `[batch, inputs]` to `[batch, outputs]`.
    pub(in crate::ml) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let kind = self.weight.kind();
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(kind)).transpose()?;
        x.f_to_kind(kind)?.f_linear(&self.weight, bias)
    }
}

/// A vector for each class.
#[derive(Debug)]
pub(in crate::ml) struct Embedding {
    weight: Tensor,
}

impl Embedding {
    /// Makes the layer: `[classes, length]`.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        (classes, length): (usize, i64),
        initial: Initial,
    ) -> Result<Self, StageError> {
        Ok(Self { weight: scope.trainable("weight", &[classes as i64, length], initial)? })
    }

    /// Maps classes `[batch]` to vectors `[batch, length]`.
    pub(in crate::ml) fn forward(&self, classes: &Tensor) -> Result<Tensor, TchError> {
        self.weight.f_index_select(0, classes)
    }
}

impl Weighted for Conv {
    fn weight(&self) -> &Tensor {
        &self.weight
    }

    fn with(&self, weight: Tensor) -> Self {
        Self { weight, ..*self }
    }
}

impl Weighted for Linear {
    fn weight(&self) -> &Tensor {
        &self.weight
    }

    fn with(&self, weight: Tensor) -> Self {
        Self { weight, bias: self.bias.as_ref().map(Tensor::shallow_clone) }
    }
}

impl Weighted for Embedding {
    fn weight(&self) -> &Tensor {
        &self.weight
    }

    fn with(&self, weight: Tensor) -> Self {
        Self { weight }
    }
}
