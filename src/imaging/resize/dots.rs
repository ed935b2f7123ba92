//! Dot products of a row's levels with fixed-point weights, a sum for each channel.
//!
//! Weights have 23 bits, more than the processor multiplies sixteen at once of. So each is cut in two, and the sums
//! of both halves are put together: no bit is lost. Knows nothing of filters.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

use crate::imaging::rgb::CHANNELS;

/// Weights that stand side by side in a register.
const LANES: usize = 16;
/// Bits of the lower half of a weight.
const LOWER: i32 = 11;

/// A row of pixels, one plane for each channel, with levels of nothing behind its end.
pub(super) struct Planes([Vec<i16>; CHANNELS]);

impl Planes {
    /// Returns a row of black pixels.
    pub(super) fn new(width: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0; width + LANES]))
    }

    /// Takes in a row of as many pixels.
    #[inline(always)]
    pub(super) fn take(&mut self, row: &[u8]) {
        let [red, green, blue] = &mut self.0;
        let levels = red.iter_mut().zip(green).zip(blue);
        for (pixel, ((red, green), blue)) in row.as_chunks::<CHANNELS>().0.iter().zip(levels) {
            [*red, *green, *blue] = pixel.map(i16::from);
        }
    }
}

/// Weights of a stretch of pixels, in halves, with weights of nothing up to a whole register.
pub(super) struct Weights {
    start: usize,
    upper: Vec<[i16; LANES]>,
    lower: Vec<[i16; LANES]>,
}

impl Weights {
    /// Cuts the weights of the pixels from `start` on, of -2^26 to 2^26 each.
    pub(super) fn new(start: usize, weights: &[i32]) -> Self {
        let halves = |half: fn(i32) -> i32| {
            let mut halves = vec![[0; LANES]; weights.len().div_ceil(LANES)];
            let places = halves.as_flattened_mut().iter_mut();
            places.zip(weights).for_each(|(place, weight)| *place = half(*weight) as i16);
            halves
        };
        let upper = halves(|weight| weight >> LOWER);
        Self { start, upper, lower: halves(|weight| weight & ((1 << LOWER) - 1)) }
    }
}

/// A way to multiply.
pub(super) trait Dots: Copy {
    /// Returns the sum of levels times weights of each channel; it must fit into 32 bits.
    fn dots(self, planes: &Planes, weights: &Weights) -> [i32; CHANNELS];
}

/// With whatever the compiler makes of it.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Dots for Plain {
    #[inline(always)]
    fn dots(self, planes: &Planes, weights: &Weights) -> [i32; CHANNELS] {
        let dot = |levels: &[i16], weights: &[[i16; LANES]]| -> i32 {
            let pairs = levels.iter().zip(weights.as_flattened());
            pairs.map(|(level, weight)| i32::from(*level) * i32::from(*weight)).sum()
        };
        std::array::from_fn(|channel| {
            let levels = &planes.0[channel][weights.start..];
            (dot(levels, &weights.upper) << LOWER) + dot(levels, &weights.lower)
        })
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots for pulp::x86::V3 {
    #[inline(always)]
    fn dots(self, planes: &Planes, weights: &Weights) -> [i32; CHANNELS] {
        let nothing = self.splat_i32x8(0);
        let (mut upper, mut lower) = ([nothing; CHANNELS], [nothing; CHANNELS]);
        let count = weights.upper.len();
        let levels: [_; CHANNELS] = std::array::from_fn(|channel| {
            &planes.0[channel][weights.start..].as_chunks::<LANES>().0[..count]
        });
        for (at, halves) in weights.upper.iter().zip(&weights.lower).enumerate() {
            let halves = (pulp::cast(*halves.0), pulp::cast(*halves.1));
            for channel in 0..CHANNELS {
                let levels = pulp::cast(levels[channel][at]);
                let products = |half| self.multiply_wrapping_add_adjacent_i16x16(levels, half);
                upper[channel] = self.wrapping_add_i32x8(upper[channel], products(halves.0));
                lower[channel] = self.wrapping_add_i32x8(lower[channel], products(halves.1));
            }
        }
        std::array::from_fn(|channel| {
            let upper = self.shl_const_i32x8::<LOWER>(upper[channel]);
            let sums: [i32; 8] = pulp::cast(self.wrapping_add_i32x8(upper, lower[channel]));
            sums.iter().sum()
        })
    }
}
