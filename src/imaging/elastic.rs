//! Elastic distortion, after Simard et al. (2003).
//!
//! Two fields `u`, to the right and down, hold a number from -1 to 1 for each pixel. Smoothed by a
//! Gaussian `g` and made as wide as asked for, they say where a pixel's content comes from:
//! `p + amplitude * sqrt(3) * (g * u)(p) / sum(g^2)`, so that places stray by `amplitude` pixels, one
//! deviation, to each side. Content between pixels is that of the four around, rounded.

use crate::imaging::affine::blended;
use crate::imaging::blur;
use crate::imaging::rgb::Rgb;
use crate::seed::Stream;

/// Distorts by displacements with a deviation of `amplitude` pixels, which are alike within about
/// `smoothness` pixels, above 0; what comes from outside is black.
pub fn distort(image: &Rgb, amplitude: f64, smoothness: f64, stream: &mut Stream) -> Rgb {
    let kernel = 2 * (3.0 * smoothness).ceil() as usize + 1;
    let kernel = kernel.min(blur::largest_kernel(image.height.min(image.width)));
    let bell = blur::bell(kernel, smoothness);
    let energy: f64 = bell.iter().map(|weight| weight * weight).sum();
    let scale = amplitude * 3.0_f64.sqrt() / energy;
    let mut field = || {
        let raw = (0..image.height * image.width).map(|_| stream.range(-1.0, 1.0));
        let raw: Vec<f64> = raw.collect();
        blur::smooth(&raw, [image.height, image.width, 1], &bell)
    };
    let (right, down) = (field(), field());
    let places = right.iter().zip(&down).enumerate();
    let pixels = places.flat_map(|(index, (right, down))| {
        let (row, column) = (index / image.width, index % image.width);
        blended(image, column as f64 + scale * right, row as f64 + scale * down)
    });
    Rgb::new(image.height, image.width, pixels.collect())
}
