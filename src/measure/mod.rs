//! Measures: numbers computed from answers, distances and counts.
//!
//! Pure functions over slices; knows no image, no file and no network.

pub mod accuracy;
mod answers;
pub mod assignment;
pub mod auc;
pub mod calibration;
pub mod confusion;
pub mod distance;
#[cfg(test)]
mod golden;
mod intervals;
mod measures;
pub mod paired;
pub mod power;
pub mod referral;
pub mod resampling;
mod scalar;
pub mod student;

pub use answers::Answers;
pub use intervals::Intervals;
pub use intervals::Unit;
pub use measures::ClassMeasures;
pub use measures::Measures;
pub use scalar::Measure;
