//! Distances between all rows of two lists, block by block, without any of them being kept.
//!
//! Approach: `|a - b|^2 = |a|^2 + |b|^2 - 2 a b` in single precision, as products of matrices, with a bound on how
//! wrong it may be. Whoever asks about a distance gets an answer from that bound where it settles the question,
//! and otherwise from the distance itself in double precision: the answers are those of the exact numbers.

use nalgebra::DMatrix;
use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::measure::matrices;

/// Rows that are handled at once by one thread.
const BLOCK: usize = 256;

/// Rows, made ready to be compared.
pub(super) struct Points<'a> {
    rows: &'a [Vec<f64>],
    /// The rows in single precision, less a common centre, one a row of the matrix.
    flat: DMatrix<f32>,
    /// The same, one a column.
    upright: DMatrix<f32>,
    /// Squared length of each.
    lengths: Vec<f32>,
}

/// The distances of one row to all of another list.
pub(super) struct Distances<'a> {
    /// The row.
    row: &'a [f64],
    others: &'a [Vec<f64>],
    /// Roughly the squared distance to each.
    pub(super) rough: Vec<f32>,
    /// How wrong any of these may be.
    pub(super) error: f32,
}

/// Returns the squared distance of two rows.
pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

impl<'a> Points<'a> {
    /// Prepares rows around a centre, which is the same for all that are compared.
    pub(super) fn of(rows: &'a [Vec<f64>], centre: &[f64]) -> Self {
        let less = |row: &'a Vec<f64>| row.iter().zip(centre).map(|(a, mean)| (a - mean) as f32);
        let flat = DMatrix::from_row_iterator(rows.len(), centre.len(), rows.iter().flat_map(less));
        let upright = flat.transpose();
        let lengths = upright.column_iter().map(|column| column.norm_squared()).collect();
        Self { rows, flat, upright, lengths }
    }

    /// Goes through all rows of another list, and through what they are apart from the rows of this one.
    pub(super) fn each<T: Send>(
        &self,
        queries: &Points<'_>,
        answer: impl Fn(usize, &Distances<'_>) -> T + Sync,
    ) -> Vec<T> {
        let starts: Vec<usize> = (0..queries.rows.len()).step_by(BLOCK).collect();
        let longest = self.lengths.iter().copied().fold(0.0, f32::max);
        let blocks: Vec<Vec<T>> = starts
            .into_par_iter()
            .map(|start| {
                let count = BLOCK.min(queries.rows.len() - start);
                let columns = queries.upright.columns(start, count);
                let mut products = DMatrix::zeros(self.rows.len(), count);
                products.gemm(1.0, &self.flat, &columns, 0.0);
                let of = |place: usize| {
                    let query = start + place;
                    let length = queries.lengths[query];
                    let column = products.column(place);
                    let rough = column.iter().zip(&self.lengths);
                    let rough = rough.map(|(product, other)| length + other - 2.0 * product);
                    let distances = Distances {
                        row: &queries.rows[query],
                        others: self.rows,
                        rough: rough.collect(),
                        error: self.error(length + longest),
                    };
                    answer(query, &distances)
                };
                (0..count).map(of).collect()
            })
            .collect();
        blocks.into_iter().flatten().collect()
    }

    /// Returns how wrong a rough distance may be where both squared lengths sum to this: `d` roundings of a sum of
    /// `d` products, whose sizes sum to no more than half of it, twice over; and those of the numbers themselves.
    fn error(&self, lengths: f32) -> f32 {
        (self.flat.ncols() as f32 + 16.0) * f32::EPSILON * lengths
    }
}

impl Distances<'_> {
    /// Returns the exact squared distance to one of the other list.
    pub(super) fn exact(&self, other: usize) -> f64 {
        squared(self.row, &self.others[other])
    }

    /// Returns whether one of the other list is nearer than a squared distance.
    pub(super) fn is_within(&self, other: usize, reach: f64) -> bool {
        let rough = f64::from(self.rough[other]);
        let error = f64::from(self.error);
        if rough + error < reach {
            true
        } else if rough - error >= reach {
            false
        } else {
            self.exact(other) < reach
        }
    }

    /// Returns the squared distance to the `k`-th nearest of the other list, one of which is left out where it is
    /// the row itself; there are more than `k`.
    pub(super) fn nearest(&self, k: usize, itself: Option<usize>) -> f64 {
        let mut least = vec![f32::INFINITY; k];
        for (other, &rough) in self.rough.iter().enumerate() {
            if rough < least[k - 1] && Some(other) != itself {
                let place = least.partition_point(|one| *one <= rough);
                least.insert(place, rough);
                least.pop();
            }
        }
        // The true one is at most one error above the rough one, and what is nearer at most one error above it.
        let bound = least[k - 1] + 2.0 * self.error;
        let is_far = |other: usize| self.rough[other] > bound;
        let near = (0..self.rough.len()).filter(|&other| !is_far(other) && Some(other) != itself);
        let mut exact: Vec<f64> = near.map(|other| self.exact(other)).collect();
        *exact.select_nth_unstable_by(k - 1, f64::total_cmp).1
    }
}

/// Returns a centre for rows of one width: their mean.
pub(super) fn centre(rows: &[Vec<f64>]) -> Vec<f64> {
    matrices::mean(&matrices::matrix(rows)).iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::Points;
    use super::centre;
    use super::squared;
    use crate::measure::noise::rows;

    proptest! {
        #[test]
        fn answers_are_those_of_the_exact_distances(
            count in 4_usize..40, width in 1_usize..20, shift in -1e6..1e6_f64, seed in 0_u64..1000,
        ) {
            // Far from the origin and with rows that come twice, where rough distances say least.
            let mut these = rows(count, width, shift, seed);
            these.extend_from_within(..2);
            let those = rows(9, width, shift + 0.5, seed + 1);
            let middle = centre(&these);
            let (points, queries) = (Points::of(&these, &middle), Points::of(&those, &middle));
            let reach = squared(&those[0], &these[1]);
            let found = points.each(&queries, |query, apart| {
                let within: Vec<bool> =
                    (0..these.len()).map(|other| apart.is_within(other, reach)).collect();
                (query, within, apart.nearest(3, None), apart.nearest(3, Some(1)))
            });
            for (query, within, nearest, without) in found {
                let exact: Vec<f64> = these.iter().map(|other| squared(&those[query], other)).collect();
                let wanted: Vec<bool> = exact.iter().map(|apart| *apart < reach).collect();
                prop_assert_eq!(within, wanted);
                let third = |mut apart: Vec<f64>| {
                    apart.sort_by(f64::total_cmp);
                    apart[2]
                };
                prop_assert_eq!(nearest, third(exact.clone()));
                let others = exact.iter().enumerate().filter(|(other, _)| *other != 1);
                prop_assert_eq!(without, third(others.map(|(_, apart)| *apart).collect()));
            }
        }
    }
}
