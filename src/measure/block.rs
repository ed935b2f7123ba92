//! What the products of two tiles say of the distances of their rows.
//!
//! Approach: `|a' - b'|^2 = |a'|^2 + |b'|^2 - 2 a'b'` for rows as they were rounded, and by the triangle inequality no
//! distance is farther from that than both rows from what they were rounded to. Knows no exact distance, and rows by
//! their places in the tiles.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

use std::ops::BitOr;
use std::ptr;

use crate::measure::tile::Multiplier;
use crate::measure::tile::Tile;
use crate::measure::tile::up;
use crate::wide::Work;
use crate::wide::wide;

/// Pairs that are looked at together: mostly all of them are too far apart.
const PIECE: usize = 32;
/// Parts of a row in each of which the nearest is found.
const LANES: usize = 32;

/// The products of the rows of two tiles.
pub(super) struct Block<'a> {
    ours: &'a Tile,
    theirs: &'a Tile,
    /// Those of one of theirs after those of the one before.
    products: &'a mut [i32],
}

impl<'a> Block<'a> {
    /// Multiplies the rows of two tiles; there is room for a product of each two of as many rows as a tile may have.
    pub(super) fn of(
        [ours, theirs]: [&'a Tile; 2],
        multiplier: &Multiplier,
        room: &'a mut [i32],
    ) -> Self {
        let products = &mut room[..ours.len() * theirs.len()];
        ours.multiply(theirs, multiplier, products);
        Self { ours, theirs, products }
    }

    /// Returns a distance that those from one of their rows to its `k` nearest of ours do not exceed, itself not counted
    /// where both tiles are the same one.
    pub(super) fn kth(&self, at: usize, k: usize) -> f64 {
        let Self { ours, theirs, .. } = *self;
        if k > LANES {
            return f64::INFINITY;
        }
        let products = &self.products[at * ours.len()..][..ours.len()];
        let (length, step) = (theirs.lengths[1][at], 2.0 * theirs.steps[at]);
        let itself = ptr::eq(ours, theirs).then_some(at);
        let mut least = wide(Least { ours, products, length, step, itself });
        let kth = *least.select_nth_unstable_by(k - 1, f32::total_cmp).1;
        f64::from(kth).max(0.0).sqrt() + f64::from(theirs.errors[at]) + f64::from(ours.worst)
    }

    /// Shows those pairs of which it is not clear that they are farther apart than the larger of both reaches, by the places
    /// of ours and of theirs, with a distance that is not above theirs and one that is not below it: nought and infinity
    /// where nothing is known. Reaches are distances, not squared.
    pub(super) fn near(&self, reach: [&[f64]; 2], mut see: impl FnMut([usize; 2], [f64; 2])) {
        let Self { ours, theirs, .. } = *self;
        let reached = |reach: &f64, error: f32, worst: f32| {
            let reach = up(*reach) + error + worst;
            up(f64::from(reach * reach))
        };
        let reaches = reach[0].iter().zip(&ours.errors);
        let reaches: Vec<f32> =
            reaches.map(|(reach, error)| reached(reach, *error, theirs.worst)).collect();
        let mut near = Vec::new();
        for (at, products) in self.products.chunks_exact(ours.len()).enumerate() {
            let (low, high) = (theirs.lengths[0][at], theirs.lengths[1][at]);
            let step = 2.0 * theirs.steps[at];
            let far = reached(&reach[1][at], theirs.errors[at], ours.worst);
            near.clear();
            let near = &mut near;
            wide(Scan { ours, products, reaches: &reaches, low, step, far, near });
            for &mut place in near {
                let (product, size) = (products[place] - ours.excess[place], ours.steps[place]);
                let squared = |one: f32, other: f32| squared([one, other], product, size, step);
                let error = f64::from(ours.errors[place]) + f64::from(theirs.errors[at]);
                let least = f64::from(squared(ours.lengths[0][place], low)).max(0.0).sqrt();
                let most = f64::from(squared(ours.lengths[1][place], high)).sqrt();
                // The lesser and the greater of a number and none is the number.
                let (least, most) = ((least - error).max(0.0), (most + error).min(f64::INFINITY));
                see([place, at], [least, most]);
            }
        }
    }
}

/// Returns the squared distance of two rounded rows by their squared lengths, their product in steps, the size of a step of
/// the one and twice that of the other.
#[inline(always)]
fn squared([one, other]: [f32; 2], product: i32, size: f32, step: f32) -> f32 {
    one + other - product as f32 * size * step
}

/// Finds the least of some bounds on the squared distances of one row to ours: in each of many parts.
struct Least<'a> {
    ours: &'a Tile,
    products: &'a [i32],
    /// Of the one row, as `ours` has it.
    length: f32,
    /// Twice its step.
    step: f32,
    /// Where it is one of ours: that place does not count.
    itself: Option<usize>,
}

impl Work for Least<'_> {
    type Output = [f32; LANES];

    #[inline(always)]
    fn call(self) -> [f32; LANES] {
        let Self { ours, products, length, step, itself } = self;
        let apart = |product: &i32, excess: &i32, one: &f32, size: &f32| {
            squared([*one, length], product - excess, *size, step)
        };
        let mut least = [f32::INFINITY; LANES];
        let parts = products.chunks(LANES).zip(ours.excess.chunks(LANES));
        let parts = parts.zip(ours.lengths[1].chunks(LANES)).zip(ours.steps.chunks(LANES));
        for (((products, excess), lengths), steps) in parts {
            let lanes = products.iter().zip(excess).zip(lengths).zip(steps).zip(&mut least);
            for ((((product, excess), one), size), least) in lanes {
                let apart = apart(product, excess, one, size);
                *least = if apart < *least { apart } else { *least };
            }
        }
        if let Some(itself) = itself {
            let lane = itself % LANES;
            let others = (lane..products.len()).step_by(LANES).filter(|place| *place != itself);
            let apart = |at: usize| {
                apart(&products[at], &ours.excess[at], &ours.lengths[1][at], &ours.steps[at])
            };
            least[lane] = others.map(apart).fold(f32::INFINITY, f32::min);
        }
        least
    }
}

/// Finds those of our rows that may be within reach of another one.
struct Scan<'a> {
    ours: &'a Tile,
    products: &'a [i32],
    /// Squared reach of each of ours, with all errors.
    reaches: &'a [f32],
    /// Squared length of the other one, less what the distance may be off.
    low: f32,
    /// Twice its step.
    step: f32,
    /// Its squared reach, with all errors.
    far: f32,
    /// Where their places go.
    near: &'a mut Vec<usize>,
}

impl Work for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { ours, products, reaches, low, step, far, near } = self;
        let of = [low, step, far];
        let (products, rest) = products.as_chunks::<PIECE>();
        let (excess, rest_of_excess) = ours.excess.as_chunks::<PIECE>();
        let (lengths, rest_of_lengths) = ours.lengths[0].as_chunks::<PIECE>();
        let (steps, rest_of_steps) = ours.steps.as_chunks::<PIECE>();
        let (reaches, rest_of_reaches) = reaches.as_chunks::<PIECE>();
        let pieces = products.iter().zip(excess).zip(lengths).zip(steps).zip(reaches);
        for (at, ((((products, excess), lengths), steps), reaches)) in pieces.enumerate() {
            scan([products, excess], [lengths, steps, reaches], of, at * PIECE, near);
        }
        let rest_of = [rest_of_lengths, rest_of_steps, rest_of_reaches];
        scan([rest, rest_of_excess], rest_of, of, products.len() * PIECE, near);
    }
}

/// Does it for a piece of our rows, the first of which has a place.
#[inline(always)]
fn scan(
    [products, excess]: [&[i32]; 2],
    [lengths, steps, reaches]: [&[f32]; 3],
    [low, step, far]: [f32; 3],
    first: usize,
    near: &mut Vec<usize>,
) {
    // What is no number is not above nought either.
    let is_near = |margin: f32| 1 - u32::from(margin > 0.0);
    let (mut margins, mut count) = ([1.0; PIECE], 0);
    let lanes = margins.iter_mut().zip(products).zip(excess).zip(lengths).zip(steps).zip(reaches);
    for (((((margin, product), excess), length), size), reach) in lanes {
        let reach = if *reach > far { *reach } else { far };
        *margin = squared([*length, low], product - excess, *size, step) - reach;
        count += is_near(*margin);
    }
    // Mostly none is.
    if count == 0 {
        return;
    }
    let bits = margins.iter().zip(0..).map(|(margin, at)| is_near(*margin) << at);
    let mut found = bits.fold(0, BitOr::bitor);
    while found != 0 {
        near.push(first + found.trailing_zeros() as usize);
        found &= found - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::prop_oneof;
    use proptest::prelude::proptest;

    use super::Block;
    use crate::measure::noise::rows;
    use crate::measure::pairs::squared;
    use crate::measure::tile::Multiplier;
    use crate::measure::tile::Tile;

    proptest! {
        #[test]
        fn no_distance_is_outside_its_bounds(
            width in prop_oneof![1_usize..20, Just(1500)],
            scale in prop_oneof![Just(1.0), Just(1e-22), Just(1e-40), Just(1e13), Just(1e160)],
            uneven in prop_oneof![Just(1.0), Just(1e6)],
            k in 1_usize..9,
            seed in 0_u64..1000,
        ) {
            let (mut these, mut those) = (rows(70, width, 0.0, seed), rows(9, width, 0.5, seed + 1));
            for (at, row) in these.iter_mut().chain(&mut those).enumerate() {
                let size = [1.0, uneven, 0.0, 1.0 / uneven][at % 4] * scale;
                for one in row {
                    *one *= size;
                }
            }
            let (multiplier, centre) = (Multiplier::of_width(width), vec![0.0; width]);
            let (ours, theirs) =
                (Tile::of(0, &these, &centre, &multiplier), Tile::of(0, &those, &centre, &multiplier));
            let mut room = vec![0; 70 * 70];
            let block = Block::of([&ours, &theirs], &multiplier, &mut room);
            let (mut seen, everything) = (0, [&vec![f64::INFINITY; 70][..], &[0.0; 9]]);
            let mut wrong = Vec::new();
            block.near(everything, |[one, other], [least, most]| {
                seen += 1;
                let apart = squared(&these[one], &those[other]).sqrt();
                if !(least <= apart && apart <= most) {
                    wrong.push((one, other, least, apart, most));
                }
            });
            prop_assert_eq!((seen, wrong), (70 * 9, Vec::new()));
            let kth = |row: &Vec<f64>, skipped: Option<usize>| {
                let others = (0..70).filter(|at| Some(*at) != skipped);
                let mut apart: Vec<f64> = others.map(|at| squared(row, &these[at])).collect();
                apart.sort_by(f64::total_cmp);
                apart[k - 1].sqrt()
            };
            for (at, row) in those.iter().enumerate() {
                prop_assert!(block.kth(at, k) >= kth(row, None));
            }
            let block = Block::of([&ours, &ours], &multiplier, &mut room);
            for (at, row) in these.iter().enumerate() {
                prop_assert!(block.kth(at, k) >= kth(row, Some(at)));
            }
        }
    }
}
