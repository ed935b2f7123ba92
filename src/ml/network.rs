//! Any of the classifier networks, by its name in [`Network`].

use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::Network;
use crate::artifact::Stem;
use crate::artifact::Variant;
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
        variant: Variant,
        classes: usize,
    ) -> Result<Self, StageError> {
        let Variant { stem, head, .. } = variant;
        if stem == Stem::Cifar && !network.is_residual() {
            let problem = format!("{network} has no stem of its own for small images");
            return Err(StageError::data(problem).help("take a ResNet"));
        }
        let resnet = |blocks, bottleneck| resnet::Config { blocks, bottleneck };
        let densenet = |growth, first, layers| densenet::Config { growth, first, layers };
        let classes = classes as i64;
        let residual =
            |scope, config| Resnet::new(scope, config, classes, (stem, head)).map(Self::Resnet);
        let dense = |scope, config| Densenet::new(scope, config, classes, head).map(Self::Densenet);
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

    /// Maps features to logits `[batch, classes]`, one less with CORAL.
    pub(in crate::ml) fn head(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let logits = match self {
            Self::Resnet(net) => net.head(features),
            Self::Densenet(net) => net.head(features),
        };
        logits?.f_to_kind(Kind::Float)
    }

    /// Maps normalised images to logits.
    pub(in crate::ml) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        self.head(&self.features(x, mode)?)
    }

    /// Returns the names of the layers of each part: the stem, then the four groups of blocks.
    pub(in crate::ml) fn parts(&self) -> [&'static [&'static str]; 5] {
        match self {
            Self::Resnet(_) => {
                [&["conv1", "bn1"], &["layer1"], &["layer2"], &["layer3"], &["layer4"]]
            }
            Self::Densenet(_) => [
                &["features.conv0", "features.norm0"],
                &["features.denseblock1", "features.transition1"],
                &["features.denseblock2", "features.transition2"],
                &["features.denseblock3", "features.transition3"],
                &["features.denseblock4", "features.norm5"],
            ],
        }
    }

    /// Returns how the names of the last layer's tensors start.
    pub(in crate::ml) fn last_layer(&self) -> &'static str {
        match self {
            Self::Resnet(_) => "fc.",
            Self::Densenet(_) => "classifier.",
        }
    }
}
