//! ResNet (He et al. 2015) as torchvision builds it: same names, shapes and first numbers.
//!
//! | network | blocks | block |
//! | --- | --- | --- |
//! | 18 | 2, 2, 2, 2 | basic: 3 x 3, 3 x 3 |
//! | 34 | 3, 4, 6, 3 | basic |
//! | 50 | 3, 4, 6, 3 | bottleneck: 1 x 1, 3 x 3 (stride), 1 x 1 |
//! | 101 | 3, 4, 23, 3 | bottleneck |
//! | 152 | 3, 8, 36, 3 | bottleneck |
//!
//! Knows nothing of training.

use tch::TchError;
use tch::Tensor;

use crate::artifact::Head;
use crate::artifact::Stem;
use crate::ml::last_layer::LastLayer;
use crate::ml::layers::BatchNorm;
use crate::ml::layers::Conv;
use crate::ml::layers::Mode;
use crate::ml::parameters::Initial;
use crate::ml::parameters::Scope;
use crate::stage::StageError;

const ONE: Initial = Initial::Constant(1.0);

/// What tells the residual networks apart.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct Config {
    /// Blocks in each of the four layers.
    pub(in crate::ml) blocks: [usize; 4],
    /// Whether blocks are bottlenecks of three convolutions, which give four times the channels.
    pub(in crate::ml) bottleneck: bool,
}

/// A residual network.
#[derive(Debug)]
pub(in crate::ml) struct Resnet {
    stem: Stem,
    conv1: Conv,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    fc: LastLayer,
}

#[derive(Debug)]
struct Block {
    stages: Vec<(Conv, BatchNorm)>,
    downsample: Option<(Conv, BatchNorm)>,
}

impl Resnet {
    /// Makes the network.
    pub(in crate::ml) fn new(
        mut scope: Scope<'_>,
        config: Config,
        classes: i64,
        (stem, head): (Stem, Head),
    ) -> Result<Self, StageError> {
        let window = match stem {
            Stem::Imagenet => (7, 2, 3),
            Stem::Cifar => (3, 1, 1),
        };
        let conv1 = conv(scope.at("conv1"), (3, 64), window)?;
        let bn1 = BatchNorm::new(scope.at("bn1"), 64, ONE)?;
        let mut blocks = Vec::new();
        let mut inputs = 64;
        for (layer, count) in config.blocks.into_iter().enumerate() {
            let width = 64 << layer;
            for index in 0..count {
                let stride = if layer > 0 && index == 0 { 2 } else { 1 };
                let scope = scope.at(format!("layer{}.{index}", layer + 1));
                let outputs = if config.bottleneck { 4 * width } else { width };
                blocks.push(Block::new(scope, (inputs, width, outputs), stride)?);
                inputs = outputs;
            }
        }
        let bound = Initial::Uniform { bound: (inputs as f64).powf(-0.5) };
        let fc = LastLayer::new(&mut scope, "fc", (inputs, classes), head, (bound, bound))?;
        Ok(Self { stem, conv1, bn1, blocks, fc })
    }

    /// Maps images to pooled features: `[batch, 3, h, w]` to `[batch, 512]`, bottlenecks `2048`.
    pub(in crate::ml) fn features(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let x = self.conv1.forward(x)?; // [batch, 64, h/2, w/2]
        let mut x = self.bn1.forward(&x, mode)?.f_relu_()?;
        if self.stem == Stem::Imagenet {
            x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?; // [batch, 64, h/4, w/4]
        }
        for block in &self.blocks {
            x = block.forward(&x, mode)?;
        }
        x.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1) // [batch, 512 or 2048]
    }

    /// Maps features to logits.
    pub(in crate::ml) fn head(&self, features: &Tensor) -> Result<Tensor, TchError> {
        self.fc.forward(features)
    }
}

impl Block {
    fn new(
        mut scope: Scope<'_>,
        (inputs, width, outputs): (i64, i64, i64),
        stride: i64,
    ) -> Result<Self, StageError> {
        // (channels in, channels out, kernel, stride): a bottleneck strides in its 3 x 3.
        let plan = if outputs == width {
            vec![(inputs, width, 3, stride), (width, width, 3, 1)]
        } else {
            vec![(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        };
        let mut stages = Vec::new();
        for (index, (from, to, kernel, stride)) in plan.into_iter().enumerate() {
            let number = index + 1;
            let conv =
                conv(scope.at(format!("conv{number}")), (from, to), (kernel, stride, kernel / 2))?;
            stages.push((conv, BatchNorm::new(scope.at(format!("bn{number}")), to, ONE)?));
        }
        let downsample = if stride != 1 || inputs != outputs {
            let conv = conv(scope.at("downsample.0"), (inputs, outputs), (1, stride, 0))?;
            Some((conv, BatchNorm::new(scope.at("downsample.1"), outputs, ONE)?))
        } else {
            None
        };
        Ok(Self { stages, downsample })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut out = x.shallow_clone();
        for (index, (conv, norm)) in self.stages.iter().enumerate() {
            out = norm.forward(&conv.forward(&out)?, mode)?;
            if index + 1 < self.stages.len() {
                out = out.f_relu_()?;
            }
        }
        let shortcut = match &self.downsample {
            Some((conv, norm)) => norm.forward(&conv.forward(x)?, mode)?,
            None => x.shallow_clone(),
        };
        out.f_add_(&shortcut)?.f_relu_()
    }
}

/// torchvision draws a ResNet's convolutions normally, by the numbers that go out (He et al. 2015b).
fn conv(
    scope: Scope<'_>,
    (inputs, outputs): (i64, i64),
    (kernel, stride, padding): (i64, i64, i64),
) -> Result<Conv, StageError> {
    let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
    let initial = Initial::Normal { mean: 0.0, deviation };
    Conv::new(scope, (inputs, outputs), (kernel, stride, padding), initial)
}
