//! DenseNet (Huang et al. 2016) as torchvision builds it: same names, shapes and first numbers.
//!
//! | network | growth | first channels | layers in the four blocks |
//! | --- | --- | --- | --- |
//! | 121 | 32 | 64 | 6, 12, 24, 16 |
//! | 161 | 48 | 96 | 6, 12, 36, 24 |
//! | 169 | 32 | 64 | 6, 12, 32, 32 |
//! | 201 | 32 | 64 | 6, 12, 48, 32 |
//!
//! The last pooling adapts, so any input of 29 pixels or more will do. Knows nothing of training.

use tch::TchError;
use tch::Tensor;

use crate::artifact::Head;
use crate::ml::last_layer::LastLayer;
use crate::ml::layers::BatchNorm;
use crate::ml::layers::Conv;
use crate::ml::layers::Mode;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

/// Channels inside a layer, as a multiple of the growth.
const BOTTLENECK: i64 = 4;
const ONE: Initial = Initial::Constant(1.0);

/// What tells the dense networks apart.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct Config {
    /// Channels that each layer adds.
    pub(in crate::ml) growth: i64,
    /// Channels of the first convolution.
    pub(in crate::ml) first: i64,
    /// Layers in each of the four blocks.
    pub(in crate::ml) layers: [usize; 4],
}

/// A densely connected network.
#[derive(Debug)]
pub(in crate::ml) struct Densenet {
    conv0: Conv,
    norm0: BatchNorm,
    blocks: Vec<(Vec<Layer>, Option<Transition>)>,
    norm5: BatchNorm,
    classifier: LastLayer,
}

#[derive(Debug)]
struct Layer {
    norm1: BatchNorm,
    conv1: Conv,
    norm2: BatchNorm,
    conv2: Conv,
}

#[derive(Debug)]
struct Transition {
    norm: BatchNorm,
    conv: Conv,
}

impl Densenet {
    /// Makes the network.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        config: Config,
        classes: i64,
        head: Head,
    ) -> Result<Self, StageError> {
        let mut features = scope.at("features");
        let conv0 = conv(features.at("conv0"), (3, config.first), (7, 2, 3))?;
        let norm0 = BatchNorm::new(features.at("norm0"), config.first, ONE)?;
        let mut channels = config.first;
        let mut blocks = Vec::new();
        for (index, count) in config.layers.into_iter().enumerate() {
            let number = index + 1;
            let mut block = features.at(format!("denseblock{number}"));
            let mut layers = Vec::new();
            for layer in 1..=count {
                let scope = block.at(format!("denselayer{layer}"));
                layers.push(Layer::new(scope, channels, config.growth)?);
                channels += config.growth;
            }
            let transition = if number < config.layers.len() {
                let scope = features.at(format!("transition{number}"));
                let transition = Transition::new(scope, channels)?;
                channels /= 2;
                Some(transition)
            } else {
                None
            };
            blocks.push((layers, transition));
        }
        let norm5 = BatchNorm::new(features.at("norm5"), channels, ONE)?;
        let bound = Initial::Uniform { bound: (channels as f64).powf(-0.5) };
        let first = (bound, Initial::Constant(0.0));
        let classifier =
            LastLayer::new(&mut scope, "classifier", (channels, classes), head, first)?;
        Ok(Self { conv0, norm0, blocks, norm5, classifier })
    }

    /// Maps images to pooled features: `[batch, 3, h, w]` to `[batch, 1024]` for DenseNet-121.
    pub(in crate::ml) fn features(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let x = self.conv0.forward(x)?; // [batch, first, h/2, w/2]
        let x = self.norm0.forward(&x, mode)?.f_relu_()?;
        let mut x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?; // h/4, w/4
        for (layers, transition) in &self.blocks {
            let mut maps = vec![x];
            for layer in layers {
                let next = layer.forward(&maps, mode)?; // [batch, growth, ..]
                maps.push(next);
            }
            x = Tensor::f_cat(&maps, 1)?;
            if let Some(transition) = transition {
                x = transition.forward(&x, mode)?; // half the channels, half the side
            }
        }
        let x = self.norm5.forward(&x, mode)?.f_relu_()?;
        x.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1)
    }

    /// Maps features to logits.
    pub(in crate::ml) fn head(&self, features: &Tensor) -> Result<Tensor, TchError> {
        self.classifier.forward(features)
    }
}

impl Layer {
    fn new(mut scope: Scope<'_>, inputs: i64, growth: i64) -> Result<Self, StageError> {
        let inner = BOTTLENECK * growth;
        Ok(Self {
            norm1: BatchNorm::new(scope.at("norm1"), inputs, ONE)?,
            conv1: conv(scope.at("conv1"), (inputs, inner), (1, 1, 0))?,
            norm2: BatchNorm::new(scope.at("norm2"), inner, ONE)?,
            conv2: conv(scope.at("conv2"), (inner, growth), (3, 1, 1))?,
        })
    }

    fn forward(&self, maps: &[Tensor], mode: Mode) -> Result<Tensor, TchError> {
        let x = Tensor::f_cat(maps, 1)?;
        let x = self.conv1.forward(&self.norm1.forward(&x, mode)?.f_relu_()?)?;
        self.conv2.forward(&self.norm2.forward(&x, mode)?.f_relu_()?)
    }
}

impl Transition {
    fn new(mut scope: Scope<'_>, channels: i64) -> Result<Self, StageError> {
        Ok(Self {
            norm: BatchNorm::new(scope.at("norm"), channels, ONE)?,
            conv: conv(scope.at("conv"), (channels, channels / 2), (1, 1, 0))?,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let x = self.conv.forward(&self.norm.forward(x, mode)?.f_relu_()?)?;
        x.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
    }
}

/// torchvision draws a DenseNet's convolutions normally, by the numbers that come in.
fn conv(
    scope: Scope<'_>,
    (inputs, outputs): (i64, i64),
    (kernel, stride, padding): (i64, i64, i64),
) -> Result<Conv, StageError> {
    let deviation = (2.0 / (inputs * kernel * kernel) as f64).sqrt();
    let initial = Initial::Normal { mean: 0.0, deviation };
    Conv::new(scope, (inputs, outputs), (kernel, stride, padding), initial)
}
