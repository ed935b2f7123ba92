//! Training and using networks, with libtorch where the feature `torch` is on.
//!
//! Everything that names `tch` lives here. Without the feature, `without_torch.rs` has the same
//! functions and answers each with [`StageError::WithoutTorch`](crate::stage::StageError).
//! Knows tensors and epochs; does not know manifests, kinds or the cache.

mod settings;

#[cfg(feature = "torch")]
mod answers;
#[cfg(feature = "torch")]
mod average;
#[cfg(feature = "torch")]
mod batch;
#[cfg(feature = "torch")]
mod checkpoint;
#[cfg(feature = "torch")]
mod classifier;
#[cfg(feature = "torch")]
mod critic;
#[cfg(feature = "torch")]
mod densenet;
#[cfg(feature = "torch")]
mod device;
#[cfg(feature = "torch")]
mod diff_augment;
#[cfg(feature = "torch")]
mod doubling;
#[cfg(feature = "torch")]
mod failure;
#[cfg(feature = "torch")]
mod frozen;
#[cfg(feature = "torch")]
mod gan;
#[cfg(feature = "torch")]
mod generator;
#[cfg(all(feature = "torch", test))]
mod golden;
#[cfg(feature = "torch")]
mod health;
#[cfg(feature = "torch")]
mod last_layer;
#[cfg(feature = "torch")]
mod layers;
#[cfg(feature = "torch")]
mod libtorch;
#[cfg(feature = "torch")]
mod loss;
#[cfg(feature = "torch")]
mod memory;
#[cfg(feature = "torch")]
mod mixing;
#[cfg(feature = "torch")]
mod named;
#[cfg(feature = "torch")]
mod network;
#[cfg(feature = "torch")]
mod optimiser;
#[cfg(feature = "torch")]
mod pace;
#[cfg(feature = "torch")]
mod parameters;
#[cfg(feature = "torch")]
mod passes;
#[cfg(feature = "torch")]
mod penalty;
#[cfg(feature = "torch")]
mod precision;
#[cfg(feature = "torch")]
mod resnet;
#[cfg(feature = "torch")]
mod sampling;
#[cfg(feature = "torch")]
mod selection;
#[cfg(feature = "torch")]
mod showing;
#[cfg(feature = "torch")]
mod side;
#[cfg(feature = "torch")]
mod spectral;
#[cfg(feature = "torch")]
mod step_size;
#[cfg(feature = "torch")]
mod tally;
#[cfg(feature = "torch")]
mod training;
#[cfg(feature = "torch")]
mod weights;
#[cfg(feature = "torch")]
mod wgan;

#[cfg(not(feature = "torch"))]
mod without_torch;

pub use settings::ClassWeights;
pub use settings::ClassifierSettings;
pub use settings::CriticLimit;
pub use settings::Decay;
pub use settings::DiffAugment;
pub use settings::Draw;
pub use settings::Exactness;
pub use settings::Features;
pub use settings::Freeze;
pub use settings::LatentDistribution;
pub use settings::LossSettings;
pub use settings::Metric;
pub use settings::Mixing;
pub use settings::NamedNetwork;
pub use settings::NetworkFile;
pub use settings::Optimiser;
pub use settings::Precision;
pub use settings::Sampling;
pub use settings::WarmUp;
pub use settings::WeightRule;
pub use settings::WganSettings;
pub use settings::steps_in_a_pass;

#[cfg(feature = "torch")]
pub use answers::classify;
#[cfg(feature = "torch")]
pub use answers::features;
#[cfg(feature = "torch")]
pub use answers::logits;
#[cfg(feature = "torch")]
pub use classifier::train_classifier;
#[cfg(feature = "torch")]
pub use device::cuda_devices;
#[cfg(feature = "torch")]
pub use named::named_features;
#[cfg(feature = "torch")]
pub use sampling::critic_scores;
#[cfg(feature = "torch")]
pub use sampling::generate;
#[cfg(feature = "torch")]
pub use wgan::train_wgan;

#[cfg(not(feature = "torch"))]
pub use without_torch::classify;
#[cfg(not(feature = "torch"))]
pub use without_torch::critic_scores;
#[cfg(not(feature = "torch"))]
pub use without_torch::cuda_devices;
#[cfg(not(feature = "torch"))]
pub use without_torch::features;
#[cfg(not(feature = "torch"))]
pub use without_torch::generate;
#[cfg(not(feature = "torch"))]
pub use without_torch::logits;
#[cfg(not(feature = "torch"))]
pub use without_torch::named_features;
#[cfg(not(feature = "torch"))]
pub use without_torch::train_classifier;
#[cfg(not(feature = "torch"))]
pub use without_torch::train_wgan;
