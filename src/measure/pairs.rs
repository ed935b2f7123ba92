//! Distances between all rows of two lists, tile by tile, without any of them being kept.
//!
//! Approach: `|a - b|^2 = |a|^2 + |b|^2 - 2 a b` in single precision, as products of matrices, between two bounds
//! on how wrong it may be. Where these settle a question about a distance they answer it, and otherwise the distance
//! itself in double precision does: the answers are those of the exact numbers.

use std::ops::Range;

use nalgebra::DMatrix;
use nalgebra::DMatrixView;
use nalgebra::DVectorView;
use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

/// Rows of either side whose distances are handled at once by one thread.
const TILE: usize = 256;
/// Candidates for each of the nearest that are worth waiting with.
const MANY: usize = 64;
/// Pairs that are looked at together: mostly all of them are too far apart.
const PIECE: usize = 16;

/// Rows, made ready to be compared.
pub(super) struct Points<'a> {
    rows: &'a [Vec<f64>],
    /// The rows in single precision, less a common centre, one after the other.
    near: Vec<f32>,
    width: usize,
    /// The same by tiles, one row after the other in a row of the matrix.
    tiles: Vec<DMatrix<f32>>,
    /// Squared length of each, less and plus how wrong it may make a distance.
    lengths: Vec<[f32; 2]>,
}

/// Two rows, whose squared distance is known to lie between two numbers; they say nothing where single precision is
/// too narrow for them.
pub(super) struct Pair<'a> {
    /// Number of the row of one list.
    pub(super) row: usize,
    /// Number of the row of the other list.
    pub(super) other: usize,
    least: f32,
    most: f32,
    lists: [&'a [Vec<f64>]; 2],
}

/// Returns the squared distance of two rows.
pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
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

impl<'a> Points<'a> {
    /// Prepares rows around a centre, which is the same for all that are compared.
    pub(super) fn of(rows: &'a [Vec<f64>], centre: &[f64]) -> Self {
        let width = centre.len();
        let mut near = Vec::with_capacity(rows.len() * width);
        for row in rows {
            near.extend(row.iter().zip(centre).map(|(a, mean)| (a - mean) as f32));
        }
        let lengths = near
            .chunks_exact(width.max(1))
            .map(|row| bounds(DVectorView::from_slice(row, width).norm_squared(), width as f32));
        let lengths = lengths.collect();
        let tiles = near.chunks((TILE * width).max(1));
        let upright = |rows: &[f32]| DMatrix::from_column_slice(width, rows.len() / width, rows);
        let tiles = tiles.map(|rows| upright(rows).transpose()).collect();
        Self { rows, near, width, tiles, lengths }
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
        let of = |start: usize| {
            let mut answers: Vec<T> = Vec::new();
            answers.resize_with(others.from(start).len(), T::default);
            let mut products = DMatrix::zeros(TILE, TILE);
            for first in self.starts() {
                let reach = [&reach[0][self.from(first)], &reach[1][others.from(start)]];
                self.tile(others, [first, start], reach, &mut products, |pair| {
                    see(&mut answers[pair.other - start], pair);
                });
            }
            answers
        };
        let starts: Vec<usize> = others.starts().collect();
        starts.into_par_iter().flat_map_iter(of).collect()
    }

    /// Returns the squared distance of each row to its `k`-th nearest other one; there are more than `k`.
    pub(super) fn reach(&self, k: usize) -> Vec<f64> {
        // Most rows are out of the question once a few are known. What a tile says of another, that says of it too.
        let same: Vec<[usize; 2]> = self.starts().map(|one| [one, one]).collect();
        let unknown = vec![f32::INFINITY; self.rows.len()];
        let first = self.nearest(k, &same, &unknown);
        let bounds: Vec<f32> = first.iter().map(|nearest| nearest.bound).collect();
        let later = |one: usize| self.starts().filter(move |other| one < *other);
        let pairs = self.starts().flat_map(|one| later(one).map(move |other| [one, other]));
        let pairs: Vec<[usize; 2]> = pairs.collect();
        let share = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
        let found = pairs.par_chunks(share).map(|pairs| self.nearest(k, pairs, &bounds));
        let merged = found.reduce_with(merged).into_iter().fold(first, merged);
        let exact = |(row, nearest): (usize, Nearest)| nearest.exact(row, self.rows)[k - 1].0;
        merged.into_par_iter().enumerate().map(exact).collect()
    }

    /// Returns what some pairs of tiles say of the nearest of each row, of which a bound is known.
    fn nearest(&self, k: usize, pairs: &[[usize; 2]], bounds: &[f32]) -> Vec<Nearest> {
        let mut found: Vec<Nearest> = bounds.iter().map(|bound| Nearest::of(k, *bound)).collect();
        let mut products = DMatrix::zeros(TILE, TILE);
        for tiles in pairs {
            let is_same = tiles[0] == tiles[1];
            let bounds = tiles.map(|start| {
                found[self.from(start)].iter().map(|nearest| nearest.bound).collect::<Vec<f32>>()
            });
            self.tile(self, *tiles, [&bounds[0], &bounds[1]], &mut products, |pair| {
                if pair.row != pair.other {
                    found[pair.other].see(pair.row, pair, [pair.other, k], self.rows);
                    if !is_same {
                        found[pair.row].see(pair.other, pair, [pair.row, k], self.rows);
                    }
                }
            });
        }
        found
    }

    /// Returns where the tiles begin.
    fn starts(&self) -> impl Iterator<Item = usize> {
        (0..self.rows.len()).step_by(TILE)
    }

    /// Returns the rows of the tile that begins with one.
    fn from(&self, start: usize) -> Range<usize> {
        start..self.rows.len().min(start + TILE)
    }

    /// Shows those pairs of a tile of this list and one of another of which it is not clear at once that they are
    /// farther apart than the larger of both reaches.
    fn tile(
        &self,
        others: &Points<'_>,
        [first, start]: [usize; 2],
        reach: [&[f32]; 2],
        products: &mut DMatrix<f32>,
        mut see: impl FnMut(&Pair<'_>),
    ) {
        let (height, width, d) = (reach[0].len(), reach[1].len(), self.width);
        let columns = DMatrixView::from_slice(&others.near[start * d..], d, width);
        let mut products = products.view_mut((0, 0), (height, width));
        products.gemm(1.0, &self.tiles[first / TILE], &columns, 0.0);
        let (lists, lengths) = ([self.rows, others.rows], &self.lengths[self.from(first)]);
        for (column, (other, far)) in products.column_iter().zip((start..).zip(reach[1])) {
            let [low, high] = others.lengths[other];
            let pieces = column.as_slice().chunks(PIECE).zip(lengths.chunks(PIECE));
            let pieces = pieces.zip(reach[0].chunks(PIECE)).zip((first..).step_by(PIECE));
            for (((products, lengths), reach), first) in pieces {
                let all = products.iter().zip(lengths).zip(reach);
                let count = all.map(|((product, [least, _]), reach)| {
                    u32::from(is_far(least + low - 2.0 * product, reach.max(*far)))
                });
                if count.sum::<u32>() as usize == products.len() {
                    continue;
                }
                for (((product, [least, most]), reach), row) in
                    products.iter().zip(lengths).zip(reach).zip(first..)
                {
                    let (least, most) = (least + low - 2.0 * product, most + high - 2.0 * product);
                    if !is_far(least, reach.max(*far)) {
                        see(&Pair { row, other, least, most, lists });
                    }
                }
            }
        }
    }
}

/// Returns whether a number is above a bound; none is above none.
fn is_far(least: f32, bound: f32) -> bool {
    least > bound
}

/// Returns the squared length of a row of `d` numbers, less and plus how wrong it may make a distance: none where single
/// precision is too narrow.
fn bounds(length: f32, d: f32) -> [f32; 2] {
    if length > f32::MAX / 8.0 {
        return [f32::NAN; 2];
    }
    // A product of two rows is `d` roundings of a sum of `d` terms, whose sizes sum to no more than half of both
    // squared lengths, and counts twice; 16 are for the roundings of the numbers themselves. What is next to
    // nothing is rounded otherwise.
    let error = (d + 16.0) * (1.0 + d * f32::EPSILON) * (f32::EPSILON * length + f32::MIN_POSITIVE);
    [length - error, length + error]
}

/// The rows that may be among the nearest of one.
struct Nearest {
    /// The `k` smallest numbers that squared distances are known not to exceed, in order.
    most: Vec<f32>,
    /// The last of these: whatever is farther is none of the nearest.
    bound: f32,
    /// Numbers of rows, and what their squared distances are not below.
    candidates: Vec<(usize, f32)>,
}

impl Nearest {
    fn of(k: usize, bound: f32) -> Self {
        Self { most: vec![bound; k], bound, candidates: Vec::new() }
    }

    /// Takes note of a row. Where very many may be among the nearest of the row `own`, as where rows are alike, their
    /// distances decide.
    fn see(&mut self, row: usize, pair: &Pair<'_>, [own, k]: [usize; 2], rows: &[Vec<f64>]) {
        if is_far(pair.least, self.bound) {
            return;
        }
        self.candidates.push((row, pair.least));
        self.narrow(pair.most);
        if self.candidates.len() > MANY * k {
            self.forget_far_ones();
            if self.candidates.len() > MANY * k / 2 {
                self.settle(k, self.exact(own, rows));
            }
        }
    }

    fn narrow(&mut self, most: f32) {
        if most < self.bound {
            let place = self.most.partition_point(|one| *one <= most);
            self.most.insert(place, most);
            self.most.pop();
            self.bound = self.most[self.most.len() - 1];
        }
    }

    fn forget_far_ones(&mut self) {
        let bound = self.bound;
        self.candidates.retain(|(_, least)| !is_far(*least, bound));
    }

    /// Returns the squared distance of each candidate and its number, the nearest first.
    fn exact(&self, own: usize, rows: &[Vec<f64>]) -> Vec<(f64, usize)> {
        let candidates = self.candidates.iter();
        let mut exact: Vec<(f64, usize)> =
            candidates.map(|(other, _)| (squared(&rows[own], &rows[*other]), *other)).collect();
        exact.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        exact
    }

    /// Keeps the `k` nearest candidates, of which there are more.
    fn settle(&mut self, k: usize, mut exact: Vec<(f64, usize)>) {
        exact.truncate(k);
        let most = exact.iter().map(|(apart, _)| (*apart as f32).next_up().min(self.bound));
        self.most = most.collect();
        self.bound = self.most[k - 1];
        let least = exact.into_iter().map(|(apart, row)| (row, (apart as f32).next_down()));
        self.candidates = least.collect();
    }

    fn merge(&mut self, other: Self) {
        other.most.into_iter().for_each(|most| self.narrow(most));
        self.candidates.extend(other.candidates);
        self.forget_far_ones();
    }
}

/// Returns what two shares of the work found together.
fn merged(mut one: Vec<Nearest>, other: Vec<Nearest>) -> Vec<Nearest> {
    one.iter_mut().zip(other).for_each(|(one, other)| one.merge(other));
    one
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
