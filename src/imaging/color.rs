//! Brightness, contrast, saturation and hue as torchvision's `ColorJitter` changes a Pillow image.
//!
//! The first three blend the image with a degenerate one: black, its mean grey, its grey self. The sums are
//! single-precision and cut off, not rounded, as in Pillow's `Image.blend`.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

use crate::imaging::hue;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;
use crate::wide::Work;
use crate::wide::wide;

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
        Property::Brightness => wide(FromLevel { pixels: &mut image.pixels, from: 0.0, factor }),
        Property::Contrast => {
            let from = f32::from(mean_grey(image));
            wide(FromLevel { pixels: &mut image.pixels, from, factor });
        }
        Property::Saturation => wide(FromGrey { pixels: &mut image.pixels, factor }),
    }
}

/// Blends an image with the levels of another of its size: that one at 0, itself at 1.
pub(in crate::imaging) fn blend_from(image: &mut Rgb, from: &[u8], factor: f64) {
    wide(FromImage { pixels: &mut image.pixels, from, factor: factor as f32 });
}

/// Levels that are read and written between two jumps of a loop.
const STRIDE: usize = 64;

/// Blends all levels with one.
struct FromLevel<'a> {
    pixels: &'a mut [u8],
    from: f32,
    factor: f32,
}

impl Work for FromLevel<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pixels, from, factor } = self;
        let (strides, rest) = pixels.as_chunks_mut::<STRIDE>();
        for stride in strides {
            for level in stride {
                *level = blend(from, *level, factor);
            }
        }
        for level in rest {
            *level = blend(from, *level, factor);
        }
    }
}

/// Blends the levels of an image with those of another of its size.
struct FromImage<'a> {
    pixels: &'a mut [u8],
    from: &'a [u8],
    factor: f32,
}

impl Work for FromImage<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (level, from) in self.pixels.iter_mut().zip(self.from) {
            *level = blend(f32::from(*from), *level, self.factor);
        }
    }
}

/// Blends each pixel with its grey.
struct FromGrey<'a> {
    pixels: &'a mut [u8],
    factor: f32,
}

impl Work for FromGrey<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pixels, factor } = self;
        let (strides, rest) = pixels.as_chunks_mut::<CHANNELS>().0.as_chunks_mut::<STRIDE>();
        for stride in strides {
            // Two loops, not one: each fills its registers, and the greys stay in the nearest memory.
            let mut greys = [0; STRIDE];
            greys.iter_mut().zip(stride.iter()).for_each(|(to, pixel)| *to = grey(*pixel));
            for (from, pixel) in greys.into_iter().zip(stride) {
                for level in pixel {
                    *level = blend(f32::from(from), *level, factor);
                }
            }
        }
        for pixel in rest {
            let from = f32::from(grey(*pixel));
            for level in pixel {
                *level = blend(from, *level, factor);
            }
        }
    }
}

/// Sums up the greys of all pixels.
struct GreySum<'a> {
    pixels: &'a [u8],
}

impl Work for GreySum<'_> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        let (strides, rest) = self.pixels.as_chunks::<CHANNELS>().0.as_chunks::<STRIDE>();
        let sum = |pixels: &[[u8; CHANNELS]]| {
            pixels.iter().map(|pixel| u32::from(grey(*pixel))).sum::<u32>()
        };
        strides.iter().map(|stride| u64::from(sum(stride))).sum::<u64>() + u64::from(sum(rest))
    }
}

/// Returns a pixel's luma (ITU-R 601-2) in Pillow's fixed point.
#[inline(always)]
pub(in crate::imaging) fn grey(pixel: [u8; CHANNELS]) -> u8 {
    let [red, green, blue] = pixel.map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}

fn mean_grey(image: &Rgb) -> u8 {
    let count = (image.pixels.len() / CHANNELS).max(1) as f64;
    let sum = wide(GreySum { pixels: &image.pixels });
    (sum as f64 / count + 0.5) as u8
}

/// Returns a level between two, cut off; beyond the second where the factor is above 1.
#[inline(always)]
fn blend(from: f32, to: u8, factor: f32) -> u8 {
    // Beyond 2^23 the last bits of a number are its whole part. A cast to `u8` takes longer, because
    // it also has an answer for what is no number.
    const WHOLE: f32 = 8_388_608.0;
    let sum = from + factor * (f32::from(to) - from);
    (sum.clamp(0.0, 255.0).floor() + WHOLE).to_bits() as u8
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
