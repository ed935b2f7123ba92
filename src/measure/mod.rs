//! Measures: numbers computed from answers, distances and counts.
//!
//! Pure functions over slices; knows no image, no file and no network.

pub mod accuracy;
pub mod assignment;
pub mod auc;
pub mod confusion;
pub mod distance;
#[cfg(test)]
mod golden;
mod measures;
pub mod paired;
pub mod resampling;
pub mod student;

pub use measures::ClassMeasures;
pub use measures::Measures;
