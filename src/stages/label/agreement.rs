//! How far those who label agree: each with each other, on the images that both gave a class.

use crate::artifact::Agreement;
use crate::artifact::Pair;
use crate::measure::confusion::confusion;
use crate::measure::confusion::kappa;
use crate::measure::confusion::quadratic_kappa;

/// One way of labelling, and the class that it gives each image, if any.
pub(super) struct Rater {
    pub(super) name: &'static str,
    pub(super) classes: Vec<Option<usize>>,
}

/// Compares each with every other that comes after it.
pub(super) fn agreement(raters: &[Rater], classes: usize) -> Agreement {
    let firsts = raters.iter().enumerate();
    let pairs = firsts.flat_map(|(place, one)| {
        raters[place + 1..].iter().map(move |other| pair(one, other, classes))
    });
    Agreement { pairs: pairs.collect() }
}

fn pair(one: &Rater, other: &Rater, classes: usize) -> Pair {
    let both = one.classes.iter().zip(&other.classes).filter_map(|(a, b)| a.zip(*b));
    let (ours, theirs): (Vec<usize>, Vec<usize>) = both.unzip();
    let matrix = confusion(&ours, &theirs, &vec![1; ours.len()], classes);
    Pair {
        one: one.name.to_owned(),
        other: other.name.to_owned(),
        images: ours.len(),
        same: ours.iter().zip(&theirs).filter(|(a, b)| a == b).count(),
        kappa: kappa(&matrix),
        weighted_kappa: quadratic_kappa(&matrix),
    }
}

#[cfg(test)]
mod tests {
    use super::Rater;
    use super::agreement;

    #[test]
    fn only_images_that_both_labelled_count() {
        let rater = |name, classes: &[Option<usize>]| Rater { name, classes: classes.to_vec() };
        let raters = [
            rater("classifier", &[Some(0), Some(1), Some(1), Some(0)]),
            rater("neighbours", &[Some(0), Some(1), Some(0), Some(1)]),
            rater("csv", &[None, Some(1), None, None]),
        ];
        let found = agreement(&raters, 2).pairs;
        let facts: Vec<_> = found
            .iter()
            .map(|pair| {
                (pair.one.as_str(), pair.other.as_str(), pair.images, pair.same, pair.kappa)
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("classifier", "neighbours", 4, 2, Some(0.0)),
                ("classifier", "csv", 1, 1, None),
                ("neighbours", "csv", 1, 1, None),
            ]
        );
        assert!(agreement(&raters[..1], 2).pairs.is_empty());
    }
}
