//! Sharpness as Pillow's `ImageEnhance.Sharpness` changes it.
//!
//! Blends the image with itself smoothed: the mean of each pixel, five times, and of the eight around
//! it. Its rim is not smoothed, and so stays.

use crate::imaging::color;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// Changes sharpness by a factor of 0 or more: smoothed below 1, sharper above.
pub fn adjust(image: &mut Rgb, factor: f64) {
    let smooth = smoothed(image);
    color::blend_from(image, &smooth, factor);
}

fn smoothed(image: &Rgb) -> Vec<u8> {
    let mut smooth = image.pixels.clone();
    if image.height < 3 || image.width < 3 {
        return smooth;
    }
    let stride = image.width * CHANNELS;
    let (around, middle) = (1.0 / 13.0_f32, 5.0 / 13.0_f32);
    for row in 1..image.height - 1 {
        let start = row * stride + CHANNELS;
        let end = (row + 1) * stride - CHANNELS;
        for (level, at) in smooth[start..end].iter_mut().zip(start..) {
            // In Pillow's order: from the lower row to the upper one, each row summed by itself.
            let sum = [(at + stride, around), (at, middle), (at - stride, around)].iter().fold(
                0.5,
                |sum, (centre, weight)| {
                    let [left, here, right] = [centre - CHANNELS, *centre, centre + CHANNELS]
                        .map(|place| f32::from(image.pixels[place]));
                    sum + (left * around + here * weight + right * around)
                },
            );
            *level = sum as u8;
        }
    }
    smooth
}
