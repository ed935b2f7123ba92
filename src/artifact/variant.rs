//! How a classifier departs from torchvision's network of its name.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::digest::is_default;

/// The departures; by default there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Variant {
    /// How the network begins.
    #[serde(skip_serializing_if = "is_default")]
    pub stem: Stem,
    /// How the network ends.
    #[serde(skip_serializing_if = "is_default")]
    pub head: Head,
    /// Whether it sees the luma of images on all three channels, in the place of their colours.
    #[serde(skip_serializing_if = "is_default")]
    pub greyscale: bool,
}

/// How a network begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// torchvision's: a 7 x 7 convolution of stride 2 and a pooling, which divide height and width by 4.
    #[default]
    Imagenet,
    /// A 3 x 3 convolution of stride 1 and no pooling (He et al. 2015, section 4.2), for images of 64 pixels or
    /// less: 16 times the work. `torchvision` loads its weights after the same change to its network.
    Cifar,
}

/// How a network ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// A logit for each class.
    #[default]
    Softmax,
    /// A logit for each threshold between classes that are ordered, with weights that all share (Cao et al. 2020).
    Coral,
}
