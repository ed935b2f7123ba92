//! Distances between all rows of two lists, tile by tile, without any of them being kept.
//!
//! Approach: `|a - b|^2 = |a|^2 + |b|^2 - 2 a b` in single precision, as products of matrices, between two bounds
//! on how wrong it may be. Where these settle a question about a distance they answer it, and otherwise the distance
//! itself in double precision does: the answers are those of the exact numbers.

use std::ops::Range;

use faer::Accum;
use faer::Mat;
use faer::Par;
use faer::linalg::matmul::matmul;
use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use crate::measure::nearest::Nearest;

/// Rows of either side whose distances are handled at once by one thread.
const TILE: usize = 512;
/// Pairs that are looked at together: mostly all of them are too far apart.
const PIECE: usize = 16;

/// Rows, made ready to be compared.
pub(super) struct Points<'a> {
    rows: &'a [Vec<f64>],
    tiles: Vec<Tile>,
}

/// Some rows in single precision, less a centre.
struct Tile {
    /// Their numbers.
    numbers: Range<usize>,
    /// One in a row of the matrix.
    flat: Mat<f32>,
    /// One in a column.
    upright: Mat<f32>,
    /// Squared length of each, less how wrong it may make a distance, and plus that.
    lengths: (Vec<f32>, Vec<f32>),
}

/// Two rows, whose squared distance is known to lie between two numbers; they say nothing where single precision is
/// too narrow for them.
pub(super) struct Pair<'a> {
    /// Number of the row of one list.
    pub(super) row: usize,
    /// Number of the row of the other list.
    pub(super) other: usize,
    /// The squared distance is not below this.
    pub(super) least: f32,
    /// Nor above this.
    pub(super) most: f32,
    lists: [&'a [Vec<f64>]; 2],
}

/// Returns the squared distance of two rows.
pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Returns whether a number is above a bound; none is above none.
pub(super) fn is_far(least: f32, bound: f32) -> bool {
    least > bound
}

impl Pair<'_> {
    /// Returns whether both are nearer than a squared distance.
    pub(super) fn is_within(&self, reach: f64) -> bool {
        if f64::from(self.least) >= reach {
            false
        } else if f64::from(self.most) < reach {
            true
        } else {
            squared(&self.lists[0][self.row], &self.lists[1][self.other]) < reach
        }
    }
}

impl Tile {
    fn of(first: usize, rows: &[Vec<f64>], centre: &[f64]) -> Self {
        let upright =
            Mat::from_fn(centre.len(), rows.len(), |at, row| (rows[row][at] - centre[at]) as f32);
        let lengths = upright.col_iter().map(|row| row.squared_norm_l2());
        let lengths = lengths.map(|length| bounds(length, centre.len() as f32)).unzip();
        let numbers = first..first + rows.len();
        Self { numbers, flat: upright.transpose().to_owned(), upright, lengths }
    }
}

impl<'a> Points<'a> {
    /// Prepares rows around a centre, which is the same for all that are compared.
    pub(super) fn of(rows: &'a [Vec<f64>], centre: &[f64]) -> Self {
        let tiles = rows.par_chunks(TILE).enumerate();
        let tiles = tiles.map(|(number, rows)| Tile::of(number * TILE, rows, centre)).collect();
        Self { rows, tiles }
    }

    /// Shows each row of another list together with the rows of this one that are near enough to matter; what is made of
    /// that is returned for each row of the other list. Squared distances up to which they matter are given for each row
    /// of this list and of the other; the larger one holds.
    pub(super) fn each<T: Default + Send>(
        &self,
        others: &Points<'_>,
        reach: [&[f64]; 2],
        see: impl Fn(&mut T, &Pair<'_>) + Sync,
    ) -> Vec<T> {
        let rounded_up = |reach: &[f64]| -> Vec<f32> {
            reach.iter().map(|reach| (*reach as f32).next_up()).collect()
        };
        let reach = reach.map(rounded_up);
        let of = |theirs: &Tile| {
            let mut answers: Vec<T> = Vec::new();
            answers.resize_with(theirs.numbers.len(), T::default);
            let mut products = Mat::zeros(TILE, TILE);
            for ours in &self.tiles {
                let reach = [&reach[0][ours.numbers.clone()], &reach[1][theirs.numbers.clone()]];
                let lists = [self.rows, others.rows];
                compare([ours, theirs], lists, reach, &mut products, |pair| {
                    see(&mut answers[pair.other - theirs.numbers.start], pair);
                });
            }
            answers
        };
        others.tiles.par_iter().flat_map_iter(of).collect()
    }

    /// Returns the squared distance of each row to its `k`-th nearest other one; there are more than `k`.
    pub(super) fn reach(&self, k: usize) -> Vec<f64> {
        // Most rows are out of the question once a few are known. What a tile says of another, that says of it too.
        let same: Vec<[&Tile; 2]> = self.tiles.iter().map(|tile| [tile, tile]).collect();
        let later = |number: usize| self.tiles[number + 1..].iter();
        let pairs = self.tiles.iter().enumerate();
        let pairs = pairs.flat_map(|(number, one)| later(number).map(move |other| [one, other]));
        let pairs: Vec<[&Tile; 2]> = pairs.collect();
        let unknown = self.rows.iter().map(|_| Nearest::of(k, f32::INFINITY)).collect();
        let found = self.nearest(&pairs, self.nearest(&same, unknown));
        found.par_iter().enumerate().map(|(row, near)| near.kth(row, self.rows)).collect()
    }

    /// Adds what some pairs of tiles say of the nearest of each row to what is known.
    fn nearest(&self, pairs: &[[&Tile; 2]], known: Vec<Nearest>) -> Vec<Nearest> {
        let share = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
        let found = pairs.par_chunks(share).map(|pairs| {
            let mut found: Vec<Nearest> = known.iter().map(Nearest::bounded).collect();
            let mut products = Mat::zeros(TILE, TILE);
            for tiles in pairs {
                self.meet(*tiles, &mut found, &mut products);
            }
            found
        });
        let merged = |mut one: Vec<Nearest>, other: Vec<Nearest>| {
            one.iter_mut().zip(other).for_each(|(one, other)| one.merge(other));
            one
        };
        found.reduce_with(merged).into_iter().fold(known, merged)
    }

    /// Takes note of what a pair of tiles says.
    fn meet(&self, tiles: [&Tile; 2], found: &mut [Nearest], products: &mut Mat<f32>) {
        let is_same = tiles[0].numbers == tiles[1].numbers;
        let bounds = tiles.map(|tile| {
            found[tile.numbers.clone()].iter().map(Nearest::bound).collect::<Vec<f32>>()
        });
        let lists = [self.rows; 2];
        compare(tiles, lists, [&bounds[0], &bounds[1]], products, |pair| {
            let Pair { row, other, least, most, .. } = *pair;
            if row != other {
                found[other].see(row, [least, most], other, self.rows);
                if !is_same {
                    found[row].see(other, [least, most], row, self.rows);
                }
            }
        });
    }
}

/// Shows those pairs of two tiles of which it is not clear at once that they are farther apart than the larger of both
/// reaches.
fn compare(
    [ours, theirs]: [&Tile; 2],
    lists: [&[Vec<f64>]; 2],
    reach: [&[f32]; 2],
    products: &mut Mat<f32>,
    mut see: impl FnMut(&Pair<'_>),
) {
    let (height, width) = (ours.numbers.len(), theirs.numbers.len());
    let all = products.as_mut().submatrix_mut(0, 0, height, width);
    matmul(all, Accum::Replace, &ours.flat, &theirs.upright, 1.0, Par::Seq);
    for at in 0..width {
        let (other, far) = (theirs.numbers.start + at, reach[1][at]);
        let (low, high) = (theirs.lengths.0[at], theirs.lengths.1[at]);
        let is_out = |least: f32, reach: f32| is_far(least, reach) & is_far(least, far);
        let pieces =
            products.col_as_slice(at)[..height].chunks(PIECE).zip(ours.lengths.0.chunks(PIECE));
        let pieces = pieces.zip(reach[0].chunks(PIECE)).zip((0..).step_by(PIECE));
        for (((products, lengths), reach), first) in pieces {
            let all = products.iter().zip(lengths).zip(reach);
            let all = all.map(|((product, least), reach)| (least + low - 2.0 * product, *reach));
            if all.clone().fold(true, |are_out, (least, reach)| are_out & is_out(least, reach)) {
                continue;
            }
            for ((least, reach), place) in all.zip(first..) {
                if !is_out(least, reach) {
                    let most = ours.lengths.1[place] + high - 2.0 * products[place - first];
                    see(&Pair { row: ours.numbers.start + place, other, least, most, lists });
                }
            }
        }
    }
}

/// Returns the squared length of a row of `d` numbers, less and plus how wrong it may make a distance: none where single
/// precision is too narrow.
fn bounds(length: f32, d: f32) -> (f32, f32) {
    if length > f32::MAX / 8.0 {
        return (f32::NAN, f32::NAN);
    }
    // A product of two rows is `d` roundings of a sum of `d` terms, whose sizes sum to no more than half of both
    // squared lengths, and counts twice; 16 are for the roundings of the numbers themselves. What is next to
    // nothing is rounded otherwise.
    let error = (d + 16.0) * (1.0 + d * f32::EPSILON) * (f32::EPSILON * length + f32::MIN_POSITIVE);
    (length - error, length + error)
}

/// Returns a centre for rows of one width: their mean.
pub(super) fn centre(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
    }
    sum.into_iter().map(|sum| sum / rows.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::prop_oneof;
    use proptest::prelude::proptest;

    use super::Points;
    use super::TILE;
    use super::centre;
    use super::squared;
    use crate::measure::noise::rows;

    proptest! {
        #[test]
        fn answers_are_those_of_the_exact_distances(
            count in prop_oneof![4_usize..40, TILE - 4..TILE + 4],
            width in 1_usize..20,
            shift in -1e6..1e6_f64,
            // Single precision is too narrow for some.
            scale in prop_oneof![Just(1.0), Just(1e-22), Just(1e-40), Just(1e13), Just(1e30)],
            seed in 0_u64..1000,
        ) {
            let scaled = |rows: Vec<Vec<f64>>| -> Vec<Vec<f64>> {
                rows.iter().map(|row| row.iter().map(|one| scale * one).collect()).collect()
            };
            // Far from the origin and with rows that come twice, where rough distances say least.
            let mut these = scaled(rows(count, width, shift, seed));
            these.extend_from_within(..2);
            let those = scaled(rows(9, width, shift + 0.5, seed + 1));
            let middle = centre(&these);
            let (points, others) = (Points::of(&these, &middle), Points::of(&those, &middle));
            let reach = squared(&those[0], &these[1]);
            let far = [vec![0.0; these.len()], vec![reach; those.len()]];
            let found = points.each(&others, [&far[0], &far[1]], |within: &mut Vec<usize>, pair| {
                if pair.is_within(reach) {
                    within.push(pair.row);
                }
            });
            for (other, within) in those.iter().zip(found) {
                let wanted = (0..these.len()).filter(|row| squared(&these[*row], other) < reach);
                prop_assert_eq!(within, wanted.collect::<Vec<_>>());
            }
            for (row, reach) in these.iter().zip(points.reach(3)) {
                let mut apart: Vec<f64> = these.iter().map(|other| squared(row, other)).collect();
                apart.sort_by(f64::total_cmp);
                // The first is the row itself.
                prop_assert_eq!(reach, apart[3]);
            }
        }
    }

    #[test]
    fn rows_that_are_alike_or_far_away_are_counted_on_any_number_of_threads() {
        // Two heaps, so far apart that single precision tells little within one, and many copies of one row.
        let mut these = rows(2 * TILE, 6, -1e6, 1);
        these.extend(rows(TILE + 40, 6, 1e6, 2));
        these.extend(vec![these[7].clone(); 300]);
        let points = Points::of(&these, &centre(&these));
        for k in [1, 5, 200] {
            let expected: Vec<f64> = these
                .iter()
                .map(|row| {
                    let mut apart: Vec<f64> =
                        these.iter().map(|other| squared(row, other)).collect();
                    apart.sort_by(f64::total_cmp);
                    apart[k]
                })
                .collect();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| points.reach(k)), expected, "{k} on {threads}");
            }
        }
    }
}
