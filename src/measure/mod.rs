//! Measures: numbers computed from answers, distances and counts.
//!
//! Pure functions over slices; knows no image, no file and no network.

mod measures;

pub use measures::Measures;
