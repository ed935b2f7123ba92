//! Memorisation: whether generated images lie nearer to the training images than other real images do.

use serde::Deserialize;
use serde::Serialize;

use crate::measure::auc::Ranking;
use crate::measure::auc::Scored;

/// What the nearest training images of generated and of held-out real images say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memorisation {
    /// Median distance of a generated image to its nearest training image.
    pub generated: f64,
    /// Median distance of a held-out real image to its nearest training image.
    pub held_out: f64,
    /// Chance that a generated image lies nearer to its training image than a held-out one to its own, ties
    /// half (Meehan et al., 2020, without their cells): 0.5 where both are as new, 1 where all are copies.
    pub nearer: f64,
    /// Share of the generated images that lie nearer than every held-out one: candidates for copies.
    pub suspects: f64,
}

/// Compares distances to the nearest training image: one for each generated and for each held-out image.
/// Absent where either list is empty.
pub fn memorisation(generated: &[f64], held_out: &[f64]) -> Option<Memorisation> {
    let side = |distances: &[f64], from: usize, positive: bool| -> Vec<Scored> {
        let scored = distances.iter().enumerate();
        scored.map(|(at, apart)| Scored { image: from + at, score: -apart, positive }).collect()
    };
    let both = side(generated, 0, true).into_iter().chain(side(held_out, generated.len(), false));
    let nearer = Ranking::of(both).area(&vec![1; generated.len() + held_out.len()])?;
    let least = held_out.iter().copied().fold(f64::INFINITY, f64::min);
    let suspects = generated.iter().filter(|apart| **apart < least).count();
    Some(Memorisation {
        generated: median(generated),
        held_out: median(held_out),
        nearer,
        suspects: suspects as f64 / generated.len() as f64,
    })
}

/// Returns the middle number, the mean of both middle ones of an even count; there is at least one.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::prelude::prop_assert;
    use proptest::prelude::proptest;

    use super::memorisation;

    #[test]
    fn copies_are_nearer_than_any_other_image() {
        let found = memorisation(&[0.0, 0.1, 5.0, 7.0], &[4.0, 6.0, 8.0]).unwrap();
        assert_eq!((found.generated, found.held_out), (2.55, 6.0));
        assert_eq!((found.suspects, found.nearer), (0.5, (3.0 + 3.0 + 2.0 + 1.0) / 12.0));
        assert_eq!(memorisation(&[], &[1.0]), None);
        assert_eq!(memorisation(&[1.0], &[]), None);
    }

    proptest! {
        #[test]
        fn sides_are_told_apart_symmetrically_and_without_a_scale(
            a in prop::collection::vec(0.0..9.0_f64, 1..20), b in prop::collection::vec(0.0..9.0_f64, 1..20),
        ) {
            let (there, back) = (memorisation(&a, &b).unwrap(), memorisation(&b, &a).unwrap());
            prop_assert!((there.nearer + back.nearer - 1.0).abs() < 1e-12);
            let scaled = |numbers: &[f64]| numbers.iter().rev().map(|one| 4.0 * one).collect::<Vec<_>>();
            let other = memorisation(&scaled(&a), &scaled(&b)).unwrap();
            prop_assert!((other.nearer, other.suspects) == (there.nearer, there.suspects));
            prop_assert!((other.generated - 4.0 * there.generated).abs() < 1e-9);
        }
    }
}
