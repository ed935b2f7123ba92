//! Precision, recall, density and coverage: whether generated images are like real ones, and whether every
//! real one has its like.

use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;

/// What two sets of features say of each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manifold {
    /// Share of the generated rows that lie within the reach of some real one, 0 to 1 (Kynkaanniemi et al.,
    /// 2019).
    pub precision: f64,
    /// Share of the real rows that lie within the reach of some generated one, 0 to 1.
    pub recall: f64,
    /// Mean number of real rows within whose reach a generated one lies, divided by `k`; above 1 where
    /// generated rows crowd where real ones do (Naeem et al., 2020).
    pub density: f64,
    /// Share of the real rows within whose reach some generated one lies, 0 to 1.
    pub coverage: f64,
}

/// Compares generated features with real ones; 5 is usual for `k`. The reach of a row is the distance to its
/// `k`-th nearest other row of its own side, and what lies at that very distance is not within it. Absent
/// where a side has `k` rows or fewer.
pub fn manifold(real: &[Vec<f64>], fake: &[Vec<f64>], k: usize) -> Option<Manifold> {
    if k == 0 || real.len() <= k || fake.len() <= k {
        return None;
    }
    let (real_reach, fake_reach) = (reach(real, k), reach(fake, k));
    // For each generated row: within the reach of how many real ones, and which real ones it reaches.
    let met: Vec<(usize, Vec<usize>, Vec<usize>)> = (0..fake.len())
        .into_par_iter()
        .map(|index| {
            let (mut within, mut covers, mut reaches) = (0, Vec::new(), Vec::new());
            for (number, row) in real.iter().enumerate() {
                let apart = squared(row, &fake[index]);
                if apart < real_reach[number] {
                    within += 1;
                    covers.push(number);
                }
                if apart < fake_reach[index] {
                    reaches.push(number);
                }
            }
            (within, covers, reaches)
        })
        .collect();
    let (mut covered, mut recalled) = (vec![false; real.len()], vec![false; real.len()]);
    for (_, covers, reaches) in &met {
        for &number in covers {
            covered[number] = true;
        }
        for &number in reaches {
            recalled[number] = true;
        }
    }
    let share =
        |marks: &[bool]| marks.iter().filter(|mark| **mark).count() as f64 / marks.len() as f64;
    let inside: usize = met.iter().map(|(within, ..)| within).sum();
    Some(Manifold {
        precision: share(&met.iter().map(|(within, ..)| *within > 0).collect::<Vec<_>>()),
        recall: share(&recalled),
        density: inside as f64 / (k * fake.len()) as f64,
        coverage: share(&covered),
    })
}

/// Returns the squared distance of each row to its `k`-th nearest other row.
fn reach(rows: &[Vec<f64>], k: usize) -> Vec<f64> {
    let of = |index: usize| {
        let others = rows.iter().enumerate().filter(|(other, _)| *other != index);
        let mut apart: Vec<f64> = others.map(|(_, other)| squared(&rows[index], other)).collect();
        *apart.select_nth_unstable_by(k - 1, f64::total_cmp).1
    };
    (0..rows.len()).into_par_iter().map(of).collect()
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::Manifold;
    use super::manifold;
    use crate::measure::noise::rows;

    #[test]
    fn far_sides_share_nothing() {
        let found = manifold(&rows(30, 3, 0.0, 1), &rows(20, 3, 50.0, 2), 5).unwrap();
        let (precision, recall, density, coverage) = (0.0, 0.0, 0.0, 0.0);
        assert_eq!(found, Manifold { precision, recall, density, coverage });
        assert_eq!(manifold(&rows(5, 3, 0.0, 1), &rows(20, 3, 0.0, 2), 5), None);
    }

    #[test]
    fn one_repeated_image_is_precise_and_recalls_nothing() {
        let real = rows(60, 4, 0.0, 1);
        let collapsed = vec![real[7].clone(); 40];
        let found = manifold(&real, &collapsed, 5).unwrap();
        assert_eq!((found.precision, found.recall), (1.0, 0.0));
        assert!(found.coverage < 0.4, "{found:?}");
    }

    proptest! {
        #[test]
        fn neither_order_nor_scale_matters_and_precision_is_recall_from_the_other_side(
            seed in 0_u64..1000, centre in 0.0..2.0_f64,
        ) {
            let (real, fake) = (rows(25, 3, 0.0, seed), rows(20, 3, centre, seed + 1));
            let found = manifold(&real, &fake, 3).unwrap();
            let changed = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
                let rows = rows.iter().rev();
                rows.map(|row| row.iter().map(|number| 4.0 * number).collect()).collect()
            };
            prop_assert_eq!(manifold(&changed(&real), &changed(&fake), 3), Some(found));
            let back = manifold(&fake, &real, 3).unwrap();
            prop_assert_eq!((back.precision, back.recall), (found.recall, found.precision));
            for share in [found.precision, found.recall, found.coverage] {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }
}
