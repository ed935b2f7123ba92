//! Any of the classifier networks, by its name in [`Network`].

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::Network;
use crate::ml::densenet;
use crate::ml::densenet::Densenet;
use crate::ml::layers::Mode;
use crate::ml::parameters::Scope;
use crate::ml::resnet;
use crate::ml::resnet::Resnet;
use crate::stage::StageError;

/// A classifier network.
#[derive(Debug)]
pub(in crate::ml) enum Model {
    /// A residual network.
    Resnet(Resnet),
    /// A densely connected network.
    Densenet(Densenet),
}

impl Model {
    /// Makes a network.
    pub(in crate::ml) fn new(
        scope: Scope<'_>,
        network: Network,
        classes: usize,
    ) -> Result<Self, StageError> {
        let resnet = |blocks, bottleneck| resnet::Config { blocks, bottleneck };
        let densenet = |growth, first, layers| densenet::Config { growth, first, layers };
        let classes = classes as i64;
        let residual = |scope, config| Resnet::new(scope, config, classes).map(Self::Resnet);
        let dense = |scope, config| Densenet::new(scope, config, classes).map(Self::Densenet);
        match network {
            Network::Resnet18 => residual(scope, resnet([2, 2, 2, 2], false)),
            Network::Resnet34 => residual(scope, resnet([3, 4, 6, 3], false)),
            Network::Resnet50 => residual(scope, resnet([3, 4, 6, 3], true)),
            Network::Resnet101 => residual(scope, resnet([3, 4, 23, 3], true)),
            Network::Resnet152 => residual(scope, resnet([3, 8, 36, 3], true)),
            Network::Densenet121 => dense(scope, densenet(32, 64, [6, 12, 24, 16])),
            Network::Densenet161 => dense(scope, densenet(48, 96, [6, 12, 36, 24])),
            Network::Densenet169 => dense(scope, densenet(32, 64, [6, 12, 32, 32])),
            Network::Densenet201 => dense(scope, densenet(32, 64, [6, 12, 48, 32])),
        }
    }

    /// Maps normalised images `[batch, 3, h, w]` to pooled features `[batch, width]`.
    pub(in crate::ml) fn features(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let features = match self {
            Self::Resnet(net) => net.features(x, mode),
            Self::Densenet(net) => net.features(x, mode),
        };
        features?.f_to_kind(Kind::Float)
    }

    /// Maps features to logits `[batch, classes]`.
    pub(in crate::ml) fn head(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let logits = match self {
            Self::Resnet(net) => net.head(features),
            Self::Densenet(net) => net.head(features),
        };
        logits?.f_to_kind(Kind::Float)
    }

    /// Maps normalised images to logits `[batch, classes]`.
    pub(in crate::ml) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        self.head(&self.features(x, mode)?)
    }

    /// Returns how the names of the last layer's tensors start.
    pub(in crate::ml) fn last_layer(&self) -> &'static str {
        match self {
            Self::Resnet(_) => "fc.",
            Self::Densenet(_) => "classifier.",
        }
    }
}
