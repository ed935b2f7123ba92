//! Gaussian blur as torchvision's `gaussian_blur` makes it.
//!
//! The image goes on mirrored beyond its rim, without its outermost pixels a second time. torchvision
//! works on tensors here, in single precision and in an order of its own; these sums are in double
//! precision, so that a level that falls between two may be rounded to the other.

use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Blurs with a bell of the given deviation, pixels, above 0, on an odd number of pixels, the kernel,
/// of which less than half may lie beyond the image's shorter side.
pub fn blur(image: &mut Rgb, kernel: usize, deviation: f64) {
    let weights = bell(kernel, deviation);
    let levels: Vec<f64> = image.pixels.iter().copied().map(f64::from).collect();
    let blurred = smooth(&levels, [image.height, image.width, CHANNELS], &weights);
    for (level, blurred) in image.pixels.iter_mut().zip(blurred) {
        *level = blurred.round_ties_even() as u8;
    }
}

/// Returns the largest odd kernel that a side of this many pixels takes.
pub fn largest_kernel(side: usize) -> usize {
    2 * side.max(1) - 1
}

/// Returns the weights of a Gaussian on an odd number of pixels, 1 in all.
pub(in crate::imaging) fn bell(kernel: usize, deviation: f64) -> Vec<f64> {
    let half = (kernel / 2) as f64;
    let weight = |index: usize| (-0.5 * ((index as f64 - half) / deviation).powi(2)).exp();
    let weights: Vec<f64> = (0..kernel).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// Smooths `[height, width, channels]` along rows and along columns.
pub(in crate::imaging) fn smooth(
    values: &[f64],
    [height, width, channels]: [usize; 3],
    weights: &[f64],
) -> Vec<f64> {
    let half = weights.len() / 2;
    let mut wide = vec![0.0; values.len()];
    for row in 0..height {
        for column in 0..width {
            let to = (row * width + column) * channels;
            for (step, weight) in weights.iter().enumerate() {
                let from = (row * width + mirrored(column + step, half, width)) * channels;
                for channel in 0..channels {
                    wide[to + channel] += weight * values[from + channel];
                }
            }
        }
    }
    let mut high = vec![0.0; values.len()];
    let stride = width * channels;
    for (row, to) in high.chunks_exact_mut(stride.max(1)).enumerate() {
        for (step, weight) in weights.iter().enumerate() {
            let from = mirrored(row + step, half, height) * stride;
            for (sum, value) in to.iter_mut().zip(&wide[from..from + stride]) {
                *sum += weight * value;
            }
        }
    }
    high
}

/// Returns the place that lies at `shifted - half`, mirrored at both ends of a side.
fn mirrored(shifted: usize, half: usize, length: usize) -> usize {
    let place = shifted.abs_diff(half);
    if place < length { place } else { 2 * (length - 1) - place }
}
