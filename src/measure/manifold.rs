//! Precision, recall, density and coverage: whether generated images are like real ones, and whether every
//! real one has its like.

use crate::measure::pairs;
use crate::measure::pairs::Points;

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
/// where a side has `k` rows or fewer, or rows have no numbers.
pub fn manifold(real: &[Vec<f64>], fake: &[Vec<f64>], k: usize) -> Option<Manifold> {
    if k == 0 || real.len() <= k || fake.len() <= k || real[0].is_empty() {
        return None;
    }
    let middle = pairs::centre(real);
    let (reals, fakes) = (Points::of(real, &middle), Points::of(fake, &middle));
    let (real_reach, fake_reach) = (reals.reach(k), fakes.reach(k));
    let met: Vec<(Vec<usize>, Vec<usize>)> = reals.each(
        &fakes,
        [&real_reach, &fake_reach],
        |(covers, reaches): &mut (Vec<usize>, Vec<usize>), pair| {
            if pair.is_within(real_reach[pair.row]) {
                covers.push(pair.row);
            }
            if pair.is_within(fake_reach[pair.other]) {
                reaches.push(pair.row);
            }
        },
    );
    let (mut covered, mut recalled) = (vec![false; real.len()], vec![false; real.len()]);
    for (covers, reaches) in &met {
        for &number in covers {
            covered[number] = true;
        }
        for &number in reaches {
            recalled[number] = true;
        }
    }
    let share =
        |marks: &[bool]| marks.iter().filter(|mark| **mark).count() as f64 / marks.len() as f64;
    let inside: usize = met.iter().map(|(covers, _)| covers.len()).sum();
    Some(Manifold {
        precision: share(&met.iter().map(|(covers, _)| !covers.is_empty()).collect::<Vec<_>>()),
        recall: share(&recalled),
        density: inside as f64 / (k * fake.len()) as f64,
        coverage: share(&covered),
    })
}

/// Returns for each generated row the number of real ones within whose reach it lies, divided by `k`: their mean
/// is the density. Absent where there are `k` real rows or fewer.
pub fn densities(real: &[Vec<f64>], fake: &[Vec<f64>], k: usize) -> Option<Vec<f64>> {
    if k == 0 || real.len() <= k || real[0].is_empty() {
        return None;
    }
    let middle = pairs::centre(real);
    let (reals, fakes) = (Points::of(real, &middle), Points::of(fake, &middle));
    let reach = reals.reach(k);
    let none = vec![0.0; fake.len()];
    let within = reals.each(&fakes, [&reach, &none], |within: &mut usize, pair| {
        *within += usize::from(pair.is_within(reach[pair.row]));
    });
    Some(within.into_iter().map(|within| within as f64 / k as f64).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop_assert;
    use proptest::prelude::prop_assert_eq;
    use proptest::prelude::proptest;

    use super::Manifold;
    use super::densities;
    use super::manifold;
    use crate::measure::noise::rows;

    #[test]
    fn the_mean_of_the_rows_densities_is_the_density() {
        let (real, fake) = (rows(30, 3, 0.0, 1), rows(20, 3, 0.5, 2));
        let each = densities(&real, &fake, 5).unwrap();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        assert!((mean - manifold(&real, &fake, 5).unwrap().density).abs() < 1e-12);
        assert_eq!(densities(&real[..5], &fake, 5), None);
    }

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
