//! Gaussian noise: each level of each pixel with an addend of its own, rounded and clipped.
//!
//! `level + deviation * n`, where `n` is drawn from the standard normal distribution.

use crate::imaging::rgb::Rgb;
use crate::seed::Stream;

/// Adds noise of a deviation of 0 or more, levels of 255.
pub fn add(image: &mut Rgb, deviation: f64, stream: &mut Stream) {
    for level in &mut image.pixels {
        // A cast to `u8` clips to 0-255.
        *level = (f64::from(*level) + deviation * stream.normal()).round() as u8;
    }
}
