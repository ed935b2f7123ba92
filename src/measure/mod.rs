//! Measures: numbers computed from answers, distances and counts.
//!
//! Pure functions over slices; knows no image, no file and no network.

pub mod accuracy;
mod answers;
pub mod assignment;
pub mod auc;
mod block;
pub mod calibration;
pub mod clusters;
pub mod components;
pub mod confusion;
pub mod distance;
pub mod farthest;
mod fidelity;
pub mod frechet;
#[cfg(test)]
mod golden;
mod intervals;
pub mod kid;
pub mod manifold;
mod matrices;
mod measures;
pub mod memorisation;
mod nearest;
pub mod neighbours;
#[cfg(test)]
mod noise;
pub mod paired;
mod pairs;
pub mod power;
pub mod referral;
pub mod resampling;
mod scalar;
pub mod structure;
pub mod student;
mod tile;

pub use answers::Answers;
pub use fidelity::Fidelity;
pub use intervals::Intervals;
pub use intervals::Unit;
pub use measures::ClassMeasures;
pub use measures::Measures;
pub use scalar::Measure;
