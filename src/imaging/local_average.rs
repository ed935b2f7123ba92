//! Ben Graham's local average subtraction: `4 * image - 4 * blurred + 128`, clipped to bytes.
//!
//! From his report on the winning entry to Kaggle's Diabetic Retinopathy Detection (2015). The numbers
//! are those of `OpenCV`'s `addWeighted(image, 4, GaussianBlur(image, (0, 0), deviation), -4, 128)`, bit
//! for bit: `OpenCV` blurs bytes with weights of eight fractional bits, each rounded with the error of
//! the one before it, along rows and then along columns.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

use crate::imaging::mirror::mirrored;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;
use crate::wide::Work;
use crate::wide::wide;

/// All weights together: 1 with eight fractional bits.
const ONE: i32 = 256;
/// How often the difference from the average is taken.
const GAIN: i32 = 4;
/// Level of what equals its surroundings.
const GROUND: u8 = 128;

/// Subtracts from each pixel the average round it, by a bell of the given deviation, pixels, above 0.
pub fn subtract(image: &mut Rgb, deviation: f64) {
    let blurred = blur(image, deviation);
    for (level, average) in image.pixels.iter_mut().zip(blurred) {
        let difference = i32::from(*level) - i32::from(average);
        *level = (GAIN * difference + i32::from(GROUND)).clamp(0, 255) as u8;
    }
}

/// Turns what lies outside a circle round the middle, `OpenCV`'s, to the level of what equals its
/// surroundings: the rim of the photograph differs from its ground most of all. The radius is a share
/// of half the shorter side, above 0.
pub fn mask(image: &mut Rgb, share: f64) {
    let radius = (share * (image.height.min(image.width) / 2) as f64).floor() as usize;
    let (middle, centre) = (image.height / 2, image.width / 2);
    for (row, line) in image.pixels.chunks_exact_mut(image.width * CHANNELS).enumerate() {
        let high = row.abs_diff(middle);
        for (column, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let far = column.abs_diff(centre);
            if high * high + far * far > radius * radius {
                pixel.fill(GROUND);
            }
        }
    }
}

/// Returns the weights of a bell: three deviations to each side, symmetric, 256 in all.
fn weights(deviation: f64) -> Vec<u16> {
    let count = (deviation * 6.0 + 1.0).round_ties_even() as usize | 1;
    let half = count / 2;
    let bell: Vec<f64> = (0..count)
        .map(|place| (-0.5 * ((place as f64 - half as f64) / deviation).powi(2)).exp())
        .collect();
    let sum: f64 = bell.iter().sum();
    let mut weights = vec![0; count];
    let (mut error, mut given) = (0.0, 0);
    for place in 0..half {
        let exact = bell[place] / sum * f64::from(ONE) + error;
        let weight = exact.round_ties_even();
        error = exact - weight;
        given += 2 * weight as i32;
        weights[place] = weight as u16;
        weights[count - 1 - place] = weight as u16;
    }
    weights[half] = (ONE - given) as u16;
    weights
}

/// A weight and where, seen from the pixel, it is taken.
type Tap = (isize, u16);

fn blur(image: &Rgb, deviation: f64) -> Vec<u8> {
    let weights = weights(deviation);
    let half = (weights.len() / 2) as isize;
    // Of a wide bell most weights at the ends are nothing.
    let taps = (-half..).zip(weights).filter(|(_, weight)| *weight > 0).collect();
    let mut to = vec![0; image.pixels.len()];
    wide(Blur { image, taps, to: &mut to });
    to
}

struct Blur<'a> {
    image: &'a Rgb,
    taps: Vec<Tap>,
    to: &'a mut [u8],
}

impl Work for Blur<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { image, taps, to } = self;
        let stride = image.width * CHANNELS;
        let reach = taps.last().map_or(0, |(place, _)| place.unsigned_abs());
        let mut row = vec![0_u8; stride + 2 * reach * CHANNELS];
        let mut along_rows = vec![0_u16; image.pixels.len()];
        let rows = image.pixels.chunks_exact(stride);
        for (from, sums) in rows.zip(along_rows.chunks_exact_mut(stride)) {
            for (place, pixel) in row.chunks_exact_mut(CHANNELS).enumerate() {
                let seen = mirrored(place as isize - reach as isize, image.width);
                pixel.copy_from_slice(&from[seen * CHANNELS..][..CHANNELS]);
            }
            for (place, weight) in &taps {
                let start = reach.wrapping_add_signed(*place) * CHANNELS;
                for (sum, level) in sums.iter_mut().zip(&row[start..]) {
                    *sum += weight * u16::from(*level); // 255 * 256 at most
                }
            }
        }
        let mut sums = vec![0_u32; stride];
        for (row, to) in to.chunks_exact_mut(stride).enumerate() {
            sums.fill(1 << 15);
            for (place, weight) in &taps {
                let seen = mirrored(row as isize + place, image.height);
                for (sum, level) in sums.iter_mut().zip(&along_rows[seen * stride..]) {
                    *sum += u32::from(*weight) * u32::from(*level);
                }
            }
            to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = (sum >> 16) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rgb;
    use super::mask;
    use super::subtract;
    use super::weights;

    #[test]
    fn weights_are_symmetric_and_one_in_all() {
        for deviation in [0.1, 0.8, 1.0, 7.3, 60.0, 1000.0] {
            let weights = weights(deviation);
            assert_eq!(weights.iter().map(|weight| u32::from(*weight)).sum::<u32>(), 256);
            assert!(weights.iter().eq(weights.iter().rev()), "{deviation}");
        }
        assert_eq!(weights(0.5), [0, 27, 202, 27, 0]);
    }

    #[test]
    fn a_plain_image_becomes_grey_and_the_mask_is_round() {
        let mut image = Rgb::new(4, 5, vec![201; 60]);
        subtract(&mut image, 9.0);
        assert_eq!(image.pixels, [128; 60]);
        let mut image = Rgb::new(5, 5, vec![3; 75]);
        mask(&mut image, 0.5);
        let reds: Vec<u8> = image.pixels.iter().step_by(3).copied().collect();
        let kept = |place: usize| [7, 11, 12, 13, 17].contains(&place);
        assert!(reds.iter().enumerate().all(|(place, red)| (*red == 3) == kept(place)), "{reds:?}");
    }
}
