//! Training and using networks, with libtorch where the feature `torch` is on.
//!
//! Everything that names `tch` lives here. Without the feature, `without_torch.rs` has the same
//! functions and answers each with [`StageError::WithoutTorch`](crate::stage::StageError).
//! Knows tensors and epochs; does not know manifests, kinds or the cache.

mod settings;

#[cfg(not(feature = "torch"))]
mod without_torch;

pub use settings::ClassifierSettings;
pub use settings::CriticLimit;
pub use settings::Features;
pub use settings::LatentDistribution;
pub use settings::Optimiser;
pub use settings::Phase;
pub use settings::Sampling;
pub use settings::WganSettings;

#[cfg(not(feature = "torch"))]
pub use without_torch::classify;
#[cfg(not(feature = "torch"))]
pub use without_torch::critic_scores;
#[cfg(not(feature = "torch"))]
pub use without_torch::features;
#[cfg(not(feature = "torch"))]
pub use without_torch::generate;
#[cfg(not(feature = "torch"))]
pub use without_torch::train_classifier;
#[cfg(not(feature = "torch"))]
pub use without_torch::train_wgan;
