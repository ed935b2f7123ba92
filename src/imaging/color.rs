//! Brightness, contrast, saturation and hue as torchvision's `ColorJitter` changes a Pillow image.
//!
//! The first three blend the image with a degenerate one: black, its mean grey, its grey self. The sums are
//! single-precision and cut off, not rounded, as in Pillow's `Image.blend`.

use crate::imaging::hue;
use crate::imaging::levels;
use crate::imaging::levels::levels;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;

/// What of the colours changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Nearer to black below 1, further from it above.
    Brightness,
    /// Nearer to the mean grey below 1, further from it above.
    Contrast,
    /// Nearer to each pixel's grey below 1, further from it above.
    Saturation,
    /// Turned by a share of the whole circle.
    Hue,
}

impl Property {
    /// Every property, in the order in which torchvision numbers them.
    pub const ALL: [Self; 4] = [Self::Brightness, Self::Contrast, Self::Saturation, Self::Hue];
}

/// Changes one property: the hue by a share of -0.5 to 0.5, which 0 keeps, each other by a factor of 0
/// or more, which 1 keeps.
pub fn adjust(image: &mut Rgb, property: Property, number: f64) {
    let factor = number as f32;
    match property {
        Property::Hue => hue::turn(image, number),
        Property::Brightness => levels::map(image, &levels(|level| blend(0, level, factor))),
        Property::Contrast => {
            let mean = mean_grey(image);
            levels::map(image, &levels(|level| blend(mean, level, factor)));
        }
        Property::Saturation => {
            for pixel in image.pixels.as_chunks_mut::<CHANNELS>().0 {
                let grey = grey(*pixel);
                *pixel = pixel.map(|level| blend(grey, level, factor));
            }
        }
    }
}

/// Returns a pixel's luma (ITU-R 601-2) in Pillow's fixed point.
fn grey(pixel: [u8; CHANNELS]) -> u8 {
    let [red, green, blue] = pixel.map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}

fn mean_grey(image: &Rgb) -> u8 {
    let pixels = image.pixels.as_chunks::<CHANNELS>().0;
    let count = pixels.len().max(1) as f64;
    let sum: u64 = pixels.iter().map(|pixel| u64::from(grey(*pixel))).sum();
    (sum as f64 / count + 0.5) as u8
}

/// Returns a level between two, cut off; beyond the second where the factor is above 1.
pub(in crate::imaging) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    // A cast to `u8` cuts off the fraction and clips to 0-255.
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Property;
    use super::Rgb;
    use super::adjust;

    #[derive(Deserialize)]
    struct Golden {
        height: usize,
        width: usize,
        pixels: Vec<u8>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        property: String,
        factor: f64,
        pixels: Vec<u8>,
    }

    #[test]
    fn every_byte_is_pillows() {
        // Made by tests/golden/color.py.
        let golden = include_str!("../../tests/golden/color.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        assert!(golden.cases.len() >= 15);
        for case in golden.cases {
            let mut image = Rgb::new(golden.height, golden.width, golden.pixels.clone());
            let property = Property::ALL
                .into_iter()
                .find(|property| format!("{property:?}").to_lowercase() == case.property)
                .unwrap();
            adjust(&mut image, property, case.factor);
            assert_eq!(image.pixels, case.pixels, "{} {}", case.property, case.factor);
        }
    }
}
