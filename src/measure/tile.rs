//! Rows of numbers in a few whole steps each, which the processor multiplies as bytes.
//!
//! Knows how wrong that made each row. Knows no distance.

use std::ops::Range;

use rten_gemm::GemmExecutor;
use rten_gemm::GemmInputA;
use rten_gemm::GemmInputB;
use rten_gemm::GemmOptions;
use rten_gemm::PackedAMatrix;
use rten_gemm::PackedBMatrix;
use rten_tensor::NdTensor;
use rten_tensor::prelude::AsView;

use crate::wide::Work;
use crate::wide::wide;

/// Rows that are compared with as many others at once.
pub(super) const TILE: usize = 512;

/// What roundings may add to a number in single precision, as a share of it: there are fewer than sixteen.
const SLACK: f32 = 8.0 * f32::EPSILON;
/// What they may add to a squared distance where numbers are next to nothing.
const NOTHING: f32 = 1e-30;

/// What multiplies rows of bytes.
pub(super) struct Multiplier {
    gemm: GemmExecutor<u8, i8, i32>,
    /// Steps on either side of nought.
    steps: u8,
}

/// Some rows of a list.
pub(super) struct Tile {
    /// Their numbers in the list.
    pub(super) numbers: Range<usize>,
    /// One in a row, in steps above the lowest.
    flat: PackedAMatrix<u8>,
    /// One in a column, in steps.
    upright: PackedBMatrix<i8>,
    /// What `multiply` adds to the products of each.
    pub(super) excess: Vec<i32>,
    /// The size of a step of each.
    pub(super) steps: Vec<f32>,
    /// Squared length of each as rounded, less what a squared distance may be off, and plus that: no number where
    /// single precision is too narrow.
    pub(super) lengths: [Vec<f32>; 2],
    /// Not less than the distance of each from what it was rounded to.
    pub(super) errors: Vec<f32>,
    /// The greatest of these.
    pub(super) worst: f32,
}

impl Multiplier {
    /// Returns what multiplies rows of a width.
    pub(super) fn of_width(width: usize) -> Self {
        let gemm = GemmExecutor::default();
        // Processors without instructions of their own for it sum two products in 16 bits: 2 * 180 * 90 fit.
        let most = if gemm.may_saturate() { 90 } else { 127 };
        Self::of_steps(gemm, most, width)
    }

    fn of_steps(gemm: GemmExecutor<u8, i8, i32>, most: usize, width: usize) -> Self {
        // A sum of products of up to twice the steps with the steps fits into 32 bits.
        let fit = (((1 << 30) - 1) / width.max(1)).isqrt();
        Self { gemm, steps: fit.clamp(1, most) as u8 }
    }
}

impl Tile {
    /// Rounds rows around a centre; the number of the first is given.
    pub(super) fn of(
        first: usize,
        rows: &[Vec<f64>],
        centre: &[f64],
        multiplier: &Multiplier,
    ) -> Self {
        // Where rows have no numbers they get one, nought: a matrix has columns.
        let (height, width) = (rows.len(), centre.len().max(1));
        let (mut rounded, mut apart) = (Vec::with_capacity(height * width), vec![0.0; width]);
        let (mut excess, mut steps, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let mut lengths = [Vec::new(), Vec::new()];
        for row in rows {
            debug_assert_eq!(row.len(), centre.len());
            let most = f64::from(multiplier.steps);
            let rounding = Rounding { row, centre, most, apart: &mut apart };
            let Rounded { step, sum, length, error } = wide(rounding);
            rounded.extend(apart.iter().map(|steps| *steps as i8));
            excess.push(i32::from(multiplier.steps) * sum as i32);
            steps.push(step);
            let [low, high] = bounds(length as f32);
            lengths[0].push(low);
            lengths[1].push(high);
            // Where there is none it is as great as can be.
            errors.push(up(error.min(f64::INFINITY)));
        }
        let lifted = rounded.iter().map(|steps: &i8| multiplier.steps.wrapping_add_signed(*steps));
        let lifted = NdTensor::from_data([height, width], lifted.collect::<Vec<u8>>());
        let rounded = NdTensor::from_data([height, width], rounded);
        let flat = multiplier.gemm.prepack_a(lifted.view());
        let upright = multiplier.gemm.prepack_b(rounded.transposed());
        let worst = errors.iter().copied().fold(0.0, f32::max);
        let numbers = first..first + height;
        Self { numbers, flat, upright, excess, steps, lengths, errors, worst }
    }

    /// Returns how many rows there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Writes the product of each row of others, in steps above the lowest, with each of these, in steps: those of one
    /// other after those of the one before.
    pub(super) fn multiply(&self, others: &Self, multiplier: &Multiplier, products: &mut [i32]) {
        let theirs = GemmInputA::Packed(&others.flat);
        let ours = GemmInputB::Packed(&self.upright);
        let options = GemmOptions::default();
        multiplier.gemm.gemm(products, theirs, ours, options).expect("both have one width");
    }
}

/// Returns a number in single precision that is not less than another, nor is what a few roundings make of it.
pub(super) fn up(number: f64) -> f32 {
    ((number as f32) * (1.0 + SLACK)).next_up()
}

/// Returns a squared length less and plus half of what the squared distance of two such rows may be off.
fn bounds(length: f32) -> [f32; 2] {
    if length <= f32::MAX / 8.0 {
        let error = 2.0 * SLACK * length + NOTHING;
        [length - error, length + error]
    } else {
        [f32::NAN; 2]
    }
}

/// What became of a row.
struct Rounded {
    step: f32,
    /// Sum of its steps.
    sum: f64,
    /// Its squared length.
    length: f64,
    /// Its distance from what it was.
    error: f64,
}

/// Takes a centre from a row, and turns what is left into steps.
struct Rounding<'a> {
    row: &'a [f64],
    centre: &'a [f64],
    /// Steps on either side of nought.
    most: f64,
    apart: &'a mut [f64],
}

impl Work for Rounding<'_> {
    type Output = Rounded;

    #[inline(always)]
    fn call(self) -> Rounded {
        // Sums side by side, which the compiler turns into vector instructions.
        const LANES: usize = 8;
        let Self { row, centre, most, apart } = self;
        let mut greatest = [0.0_f64; LANES];
        let parts = apart.chunks_mut(LANES).zip(row.chunks(LANES)).zip(centre.chunks(LANES));
        for ((apart, row), centre) in parts {
            let lanes = apart.iter_mut().zip(row).zip(centre).zip(&mut greatest);
            for (((apart, row), centre), greatest) in lanes {
                *apart = row - centre;
                *greatest = if apart.abs() > *greatest { apart.abs() } else { *greatest };
            }
        }
        let step = (greatest.into_iter().fold(0.0, f64::max) / most) as f32;
        let size = f64::from(step);
        let times = if step > 0.0 { 1.0 / size } else { 0.0 };
        let (mut sums, mut squares, mut errors) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for apart in apart.chunks_mut(LANES) {
            let lanes = apart.iter_mut().zip(&mut sums).zip(&mut squares).zip(&mut errors);
            for (((apart, sum), squares), error) in lanes {
                let steps = (*apart * times).round_ties_even();
                // A step that was rounded down may leave more of them than there are.
                let steps = if steps > most { most } else { steps };
                let steps = if steps < -most { -most } else { steps };
                let rest = *apart - steps * size;
                *apart = steps;
                *sum += steps;
                *squares += steps * steps;
                *error += rest * rest;
            }
        }
        let all = |lanes: [f64; LANES]| lanes.into_iter().sum::<f64>();
        Rounded {
            step,
            sum: all(sums),
            length: size * size * all(squares),
            error: all(errors).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;
    use rten_gemm::GemmExecutor;

    use super::Multiplier;
    use super::Tile;
    use crate::measure::noise::rows;

    proptest! {
        #[test]
        fn products_of_any_number_of_steps_are_those_of_the_rounded_rows(
            steps in 1_usize..=127, width in 1_usize..70, seed in 0_u64..1000,
        ) {
            let steps = if GemmExecutor::<u8, i8, i32>::default().may_saturate() { steps.min(90) } else { steps };
            let multiplier = Multiplier::of_steps(GemmExecutor::default(), steps, width);
            let (these, centre) = (rows(7, width, 3.0, seed), vec![3.0; width]);
            let tile = Tile::of(0, &these, &centre, &multiplier);
            let mut products = vec![0; 49];
            tile.multiply(&tile, &multiplier, &mut products);
            for (at, product) in products.iter().enumerate() {
                let (one, other) = (at / 7, at % 7);
                let product = f64::from(*product - tile.excess[other]) * f64::from(tile.steps[one]) * f64::from(tile.steps[other]);
                let exact: f64 = these[one].iter().zip(&these[other]).map(|(a, b)| (a - 3.0) * (b - 3.0)).sum();
                // |ab - a'b'| <= |a - a'| |b| + |a'| |b - b'|
                let length = |row: usize| f64::from(tile.lengths[1][row]).sqrt() + f64::from(tile.errors[row]);
                let off = f64::from(tile.errors[one]) * length(other) + length(one) * f64::from(tile.errors[other]);
                prop_assert!((product - exact).abs() <= off * 1.000_001, "{product} {exact} {off}");
                // Half a step in every direction at most.
                let most = 0.5 * f64::from(tile.steps[one]) * (width as f64).sqrt();
                prop_assert!(f64::from(tile.errors[one]) <= most * 1.001);
            }
        }
    }

    #[test]
    fn sums_of_the_greatest_products_are_exact() {
        let multiplier = Multiplier::of_width(1000);
        let tile = Tile::of(0, &[vec![1.0; 1000], vec![-1.0; 1000]], &vec![0.0; 1000], &multiplier);
        let mut products = [0; 4];
        tile.multiply(&tile, &multiplier, &mut products);
        let most = 1000 * i32::from(multiplier.steps).pow(2);
        let products: Vec<i32> = (0..4).map(|at| products[at] - tile.excess[at % 2]).collect();
        assert_eq!(products, [most, -most, -most, most]);
    }

    #[test]
    fn sums_of_very_wide_rows_fit() {
        for width in [1, 66_000, 200_000, 1 << 18, 1 << 20, 1 << 22, 1 << 29] {
            let steps = Multiplier::of_width(width).steps as usize;
            assert!(2 * steps * steps * width < 1 << 31, "{width} {steps}");
        }
    }
}
