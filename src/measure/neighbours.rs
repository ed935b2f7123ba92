//! The nearest of many rows, by Euclidean distance.

use crate::measure::distance::Neighbour;
use crate::measure::pairs;
use crate::measure::pairs::Points;

/// Returns for each row the `k` nearest of some references, or all of them if there are fewer, the nearest first and
/// the lower number of those with equal squared distances first. All rows are of one width; computed on all of rayon's threads.
pub fn neighbours(rows: &[Vec<f64>], references: &[Vec<f64>], k: usize) -> Vec<Vec<Neighbour>> {
    let k = k.min(references.len());
    if k == 0 {
        return vec![Vec::new(); rows.len()];
    }
    let middle = pairs::centre(references);
    let (rows, references) = (Points::of(rows, &middle), Points::of(references, &middle));
    let neighbour = |(squared, index): (f64, usize)| Neighbour { index, distance: squared.sqrt() };
    let found = references.nearest_to(&rows, k).into_iter();
    found.map(|near| near.into_iter().map(neighbour).collect()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Just;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::prop_oneof;
    use proptest::prelude::proptest;

    use super::neighbours;
    use crate::measure::distance::Neighbour;
    use crate::measure::noise::rows;
    use crate::measure::pairs::squared;
    use crate::measure::tile::TILE;

    /// The same by comparing each with each.
    fn naive(rows: &[Vec<f64>], references: &[Vec<f64>], k: usize) -> Vec<Vec<Neighbour>> {
        let of = |row: &Vec<f64>| {
            let all = references.iter().enumerate();
            let mut all: Vec<Neighbour> = all
                .map(|(index, other)| Neighbour { index, distance: squared(row, other) })
                .collect();
            all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
            for near in &mut all {
                near.distance = near.distance.sqrt();
            }
            all.truncate(k);
            all
        };
        rows.iter().map(of).collect()
    }

    proptest! {
        #[test]
        fn neighbours_are_the_first_of_all_sorted(
            count in prop_oneof![0_usize..40, TILE..TILE + 4],
            queries in prop_oneof![0_usize..9, TILE..TILE + 2],
            k in prop_oneof![0_usize..6, 30_usize..40, Just(usize::MAX)],
            width in 0_usize..12,
            scale in prop_oneof![Just(1.0), Just(1e-22), Just(1e30), Just(1e160)],
            // Whole numbers, some of which are equally far.
            grid in prop_oneof![Just(false), Just(true)],
            seed in 0_u64..1000,
        ) {
            let on_grid = |rows: Vec<Vec<f64>>| -> Vec<Vec<f64>> {
                let number = |one: f64| scale * if grid { one.round() } else { one };
                rows.into_iter().map(|row| row.into_iter().map(number).collect()).collect()
            };
            let references = on_grid(rows(count, width, 0.5, seed));
            let these = on_grid(rows(queries, width, 0.0, seed + 1));
            prop_assert_eq!(neighbours(&these, &references, k), naive(&these, &references, k));
        }
    }

    #[test]
    fn of_very_many_that_are_alike_the_first_are_nearest() {
        let mut references = rows(TILE, 4, 0.0, 1);
        references.extend(vec![vec![0.25; 4]; 3 * TILE]);
        let these = rows(5, 4, 0.25, 2);
        for k in [1, 3] {
            assert_eq!(neighbours(&these, &references, k), naive(&these, &references, k), "{k}");
        }
    }
}
