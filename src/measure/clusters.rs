//! Clusters: rows of numbers parted into groups that lie close together.

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

use crate::measure::distance::squared;
use crate::measure::farthest::farthest_first;

/// Rounds after which the clusters are taken as they are.
const ROUNDS: usize = 30;

/// Parts rows of one width into at most `count` clusters by k-means (Lloyd, 1982), and returns the cluster of each
/// row, 0 to `count - 1`. The centres begin at `first` and rows far from it and from each other, so that nothing
/// is drawn; of equally near centres the lowest counts. A cluster that loses all its rows keeps its centre and
/// stays empty.
pub fn clusters(rows: &[&[f32]], count: usize, first: usize) -> Vec<usize> {
    let apart = |a: usize, b: usize| squared(rows[a], rows[b]);
    let starts = farthest_first(rows.len(), first, count, apart);
    let mut centres: Vec<Vec<f32>> = starts.iter().map(|stop| rows[stop.row].to_vec()).collect();
    let mut of = vec![0; rows.len()];
    for _ in 0..ROUNDS {
        let found: Vec<usize> = rows.into_par_iter().map(|row| nearest(&centres, row)).collect();
        if found == of {
            break;
        }
        of = found;
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let members = rows.iter().zip(&of).filter(|(_, found)| **found == cluster);
            mean(members.map(|(row, _)| *row), centre);
        }
    }
    of
}

fn nearest(centres: &[Vec<f32>], row: &[f32]) -> usize {
    let apart = centres.iter().map(|centre| squared(centre, row)).enumerate();
    apart.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(centre, _)| centre)
}

/// Moves a centre to the mean of its rows, if there are any.
fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, centre: &mut [f32]) {
    let mut sums = vec![0.0; centre.len()];
    let mut count = 0.0;
    for row in rows {
        count += 1.0;
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    if count > 0.0 {
        centre.iter_mut().zip(sums).for_each(|(centre, sum)| *centre = (sum / count) as f32);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::clusters;

    fn rows(numbers: &[f32]) -> Vec<&[f32]> {
        numbers.iter().map(std::slice::from_ref).collect()
    }

    #[test]
    fn heaps_are_told_apart() {
        let numbers = [0.0, 9.0, 0.5, 9.5, 1.0, 30.0];
        assert_eq!(clusters(&rows(&numbers), 3, 0), [0, 2, 0, 2, 0, 1]);
        assert_eq!(clusters(&rows(&numbers), 1, 3), [0; 6]);
        assert_eq!(clusters(&rows(&numbers), 6, 0).iter().max(), Some(&5));
        assert_eq!(clusters(&[], 3, 0), [0; 0]);
    }

    proptest! {
        #[test]
        fn no_row_lies_nearer_to_another_cluster_s_mean(
            numbers in prop::collection::vec(-50.0..50.0_f32, 1..40), count in 1_usize..8,
        ) {
            let found = clusters(&rows(&numbers), count, 0);
            prop_assert_eq!(found.len(), numbers.len());
            prop_assert!(found.iter().all(|cluster| *cluster < count));
            let mean = |cluster: usize| {
                let members = numbers.iter().zip(&found).filter(|(_, of)| **of == cluster);
                let members: Vec<f64> = members.map(|(number, _)| f64::from(*number)).collect();
                (!members.is_empty()).then(|| members.iter().sum::<f64>() / members.len() as f64)
            };
            let means: Vec<Option<f64>> = (0..count).map(mean).collect();
            for (number, cluster) in numbers.iter().zip(&found) {
                let own = (f64::from(*number) - means[*cluster].unwrap()).abs();
                for other in means.iter().flatten() {
                    prop_assert!(own <= (f64::from(*number) - other).abs() + 1e-3);
                }
            }
        }
    }
}
