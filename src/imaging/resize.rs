//! Resizing as Pillow does it, bit for bit.
//!
//! Separable filters that widen when shrinking: coefficients in double precision, normalised, then
//! rounded to 22 fractional bits; first along rows, then along columns, or the other way about, each
//! pass rounded and clipped to bytes. The clip between the passes is what other libraries do
//! differently. What is equal is version 13 of Pillow; those before it always begin with the rows.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::imaging::resize::dots::Dots;
use crate::imaging::resize::dots::Plain;
use crate::imaging::resize::dots::Planes;
use crate::imaging::resize::dots::Weights;
use crate::imaging::rgb::CHANNELS;
use crate::imaging::rgb::Rgb;
use crate::wide::Work;
use crate::wide::wide;

mod dots;

const FRACTION_BITS: u32 = 22;

/// How pixels between pixels are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// The mean of the pixels below the new one.
    Box,
    /// A triangle, one pixel to each side.
    Bilinear,
    /// Catmull and Rom's cubic (a = -0.5), two pixels to each side.
    #[default]
    Bicubic,
    /// Lanczos' windowed sinc, three pixels to each side.
    Lanczos,
}

impl Filter {
    /// Returns how far the filter reaches to each side, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Returns the weight of a pixel at a signed distance.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Box => f64::from(u8::from(distance > -0.5 && distance <= 0.5)),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => cubic(x),
            Self::Lanczos if (-3.0..3.0).contains(&distance) => {
                sinc(distance) * sinc(distance / 3.0)
            }
            Self::Nearest | Self::Lanczos => 0.0,
        }
    }
}

/// Returns Keys' cubic kernel (1981) with a = -0.5 at a distance of 0 or more.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// Returns the image in another size: pixels from top to bottom, from left to right, 1 or more.
pub fn resize(image: &Rgb, height: usize, width: usize, filter: Filter) -> Rgb {
    assert!(height > 0 && width > 0, "an image of no pixels");
    if filter == Filter::Nearest {
        return nearest(image, height, width);
    }
    let is_wide = image.width != width;
    match (is_wide, image.height != height) {
        (false, false) => image.clone(),
        (true, false) => along_rows(image, width, filter),
        (false, true) => along_columns(image, height, filter),
        (true, true) if columns_first(image, height, width) => {
            along_rows(&along_columns(image, height, filter), width, filter)
        }
        (true, true) => along_columns(&along_rows(image, width, filter), height, filter),
    }
}

/// Since version 13 Pillow goes along columns first where the height loses more than twice the pixels
/// that the width does.
fn columns_first(image: &Rgb, height: usize, width: usize) -> bool {
    let lost = |old: usize, new: usize| old as i64 - new as i64;
    let (rows, columns) = (lost(image.height, height), lost(image.width, width));
    rows > 0 && rows > 2 * columns
}

/// The old pixels that one new pixel is made of.
struct Window {
    /// First old pixel.
    start: usize,
    /// Fixed-point weights of it and of those behind it.
    weights: Vec<i32>,
}

fn windows(old: usize, new: usize, filter: Filter) -> Vec<Window> {
    let scale = old as f64 / new as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    // Multiplying by the reciprocal, not dividing, is part of being equal to the last bit.
    let shrink = 1.0 / stretch;
    let window = |index: usize| {
        let centre = (index as f64 + 0.5) * scale;
        let start = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(old);
        let place = |at: usize| (at as f64 - centre + 0.5) * shrink;
        let raw: Vec<f64> = (start..end).map(|at| filter.weight(place(at))).collect();
        let sum: f64 = raw.iter().sum();
        let weights =
            raw.iter().map(|weight| fixed(if sum == 0.0 { *weight } else { weight / sum }));
        Window { start, weights: weights.collect() }
    };
    (0..new).map(window).collect()
}

/// Rounds half away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << FRACTION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

#[inline(always)]
fn clip(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (FRACTION_BITS - 1);

fn along_rows(image: &Rgb, width: usize, filter: Filter) -> Rgb {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return along_rows_by(simd, image, width, filter);
    }
    along_rows_by(Plain, image, width, filter)
}

fn along_rows_by<D: Dots>(dots: D, image: &Rgb, width: usize, filter: Filter) -> Rgb {
    let windows = windows(image.width, width, filter);
    let windows = windows.iter().map(|one| Weights::new(one.start, &one.weights)).collect();
    let mut pixels = vec![0; image.height * width * CHANNELS];
    wide(AlongRows { dots, image, windows, to: &mut pixels });
    Rgb::new(image.height, width, pixels)
}

struct AlongRows<'a, D> {
    dots: D,
    image: &'a Rgb,
    windows: Vec<Weights>,
    to: &'a mut [u8],
}

impl<D: Dots> Work for AlongRows<'_, D> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { dots, image, windows, to } = self;
        let mut planes = Planes::new(image.width);
        let rows = image.pixels.chunks_exact(image.width * CHANNELS);
        for (row, to) in rows.zip(to.chunks_exact_mut(windows.len() * CHANNELS)) {
            planes.take(row);
            for (window, to) in windows.iter().zip(to.as_chunks_mut::<CHANNELS>().0) {
                *to = dots.dots(&planes, window).map(|sum| clip(HALF + sum));
            }
        }
    }
}

fn along_columns(image: &Rgb, height: usize, filter: Filter) -> Rgb {
    let windows = windows(image.height, height, filter);
    let mut pixels = vec![0; height * image.width * CHANNELS];
    wide(AlongColumns { image, windows, to: &mut pixels });
    Rgb::new(height, image.width, pixels)
}

struct AlongColumns<'a> {
    image: &'a Rgb,
    windows: Vec<Window>,
    to: &'a mut [u8],
}

impl Work for AlongColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { image, windows, to } = self;
        let stride = image.width * CHANNELS;
        let mut sums = vec![0; stride];
        for (window, to) in windows.iter().zip(to.chunks_exact_mut(stride)) {
            sums.fill(HALF);
            let rows = image.pixels[window.start * stride..].chunks_exact(stride);
            for (weight, row) in window.weights.iter().zip(rows) {
                for (sum, level) in sums.iter_mut().zip(row) {
                    *sum += weight * i32::from(*level);
                }
            }
            to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = clip(*sum));
        }
    }
}

fn nearest(image: &Rgb, height: usize, width: usize) -> Rgb {
    let rows = nearest_places(image.height, height);
    let columns = nearest_places(image.width, width);
    let mut pixels = Vec::with_capacity(height * width * CHANNELS);
    for row in rows {
        for column in &columns {
            pixels.extend(image.at(row, *column));
        }
    }
    Rgb::new(height, width, pixels)
}

fn nearest_places(old: usize, new: usize) -> Vec<usize> {
    let step = old as f64 / new as f64;
    // Summed up step by step, as the reference does: a product would round otherwise.
    let places = std::iter::successors(Some(step * 0.5), |place| Some(place + step));
    places.take(new).map(|place| (place as usize).min(old - 1)).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Filter;
    use super::Plain;
    use super::Rgb;
    use super::along_rows;
    use super::along_rows_by;
    use super::resize;

    #[derive(Deserialize)]
    struct Case {
        filter: Filter,
        from: [usize; 2],
        to: [usize; 2],
        first: Vec<u8>,
        fnv: String,
    }

    /// Hard edges and noise; `tests/golden/resize.py` makes the same.
    fn noise(height: usize, width: usize) -> Rgb {
        let byte = |index: u32| {
            let mut h = index.wrapping_mul(2_654_435_761);
            h = (h ^ (h >> 15)).wrapping_mul(2_246_822_519);
            match (h ^ (h >> 13)) as u8 {
                0..50 => 0,
                201.. => 255,
                level => level,
            }
        };
        Rgb::new(height, width, (0..(height * width * 3) as u32).map(byte).collect())
    }

    fn fnv(bytes: &[u8]) -> String {
        let start = 0xcbf2_9ce4_8422_2325_u64;
        let hash = bytes
            .iter()
            .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }

    #[test]
    fn every_byte_is_pillows() {
        // Made by tests/golden/resize.py.
        let golden = include_str!("../../tests/golden/resize.json");
        let cases: Vec<Case> = serde_json::from_str(golden).unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let image = noise(case.from[0], case.from[1]);
            let resized = resize(&image, case.to[0], case.to[1], case.filter);
            let about = format!("{:?} {:?} -> {:?}", case.filter, case.from, case.to);
            assert_eq!(resized.pixels[..case.first.len()], case.first, "{about}");
            assert_eq!(fnv(&resized.pixels), case.fnv, "{about}");
        }
    }

    #[test]
    fn narrow_registers_come_to_the_same() {
        let image = noise(3, 301);
        for filter in [Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            for width in [1, 7, 64, 300, 302, 1000] {
                let plain = along_rows_by(Plain, &image, width, filter);
                assert_eq!(along_rows(&image, width, filter), plain, "{filter:?} {width}");
            }
        }
    }

    #[test]
    fn a_plain_image_stays_plain() {
        let grey = Rgb::new(5, 7, vec![93; 5 * 7 * 3]);
        for filter in [Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::Bicubic] {
            assert_eq!(resize(&grey, 3, 11, filter), Rgb::new(3, 11, vec![93; 3 * 11 * 3]));
        }
    }
}
