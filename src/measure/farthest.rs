//! Farthest-first traversal: an order of rows in which each is as far as can be from those before it.

use rayon::iter::IndexedParallelIterator;
use rayon::iter::IntoParallelRefMutIterator;
use rayon::iter::ParallelIterator;

/// A row in its place of the order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Number of the row.
    pub row: usize,
    /// Its distance to the nearest row before it; absent for the first.
    pub distance: Option<f64>,
}

/// Returns `count` of `rows` rows, or all where they are fewer, from `first` on (Gonzalez, 1985): the distance
/// between any two of them is at least half of what any other choice of as many could reach. Of equally far
/// rows the lowest comes first; `distance(a, b)` has no side. Takes `rows * count` distances.
pub fn farthest_first(
    rows: usize,
    first: usize,
    count: usize,
    distance: impl Fn(usize, usize) -> f64 + Sync,
) -> Vec<Stop> {
    let mut order = Vec::with_capacity(count.min(rows));
    let mut apart = vec![f64::INFINITY; rows];
    let mut next = Stop { row: first, distance: None };
    while order.len() < count.min(rows) {
        order.push(next);
        apart.par_iter_mut().enumerate().for_each(|(row, apart)| {
            let near = if row == next.row { f64::NEG_INFINITY } else { distance(row, next.row) };
            *apart = apart.min(near);
        });
        let far = |best: usize, row: usize| if apart[row] > apart[best] { row } else { best };
        let row = (0..rows).reduce(far).unwrap_or_default();
        next = Stop { row, distance: Some(apart[row]) };
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::farthest_first;

    #[test]
    fn ends_come_before_what_lies_between() {
        let places = [0.0_f64, 1.0, 10.0, 5.5, 10.0];
        let found = farthest_first(5, 1, 9, |a, b| (places[a] - places[b]).abs());
        let rows: Vec<usize> = found.iter().map(|stop| stop.row).collect();
        assert_eq!(rows, [1, 2, 3, 0, 4]);
        let apart: Vec<Option<f64>> = found.iter().map(|stop| stop.distance).collect();
        assert_eq!(apart, [None, Some(9.0), Some(4.5), Some(1.0), Some(0.0)]);
        assert!(farthest_first(0, 0, 3, |_, _| 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn distances_fall_and_no_row_comes_twice(
            places in prop::collection::vec(0_u32..50, 1..30), count in 0_usize..40, first in 0_usize..30,
        ) {
            let first = first % places.len();
            let distance = |a: usize, b: usize| f64::from(places[a].abs_diff(places[b]));
            let found = farthest_first(places.len(), first, count, distance);
            prop_assert_eq!(found.len(), count.min(places.len()));
            let mut rows: Vec<usize> = found.iter().map(|stop| stop.row).collect();
            for (at, stop) in found.iter().enumerate().skip(1) {
                let before = found[..at].iter().map(|other| distance(stop.row, other.row));
                prop_assert_eq!(stop.distance, before.reduce(f64::min));
                prop_assert!(at == 1 || stop.distance <= found[at - 1].distance);
            }
            rows.sort_unstable();
            rows.dedup();
            prop_assert_eq!(rows.len(), found.len());
        }
    }
}
