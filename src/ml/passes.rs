//! Passes over training images: which images, in which batches, each epoch trains on.
//!
//! An epoch is one pass, or a round of so many steps: then pass follows on pass, and rounds end wherever they end.
//! What is shown depends on the seed and the numbers of pass and batch alone. Knows labels; does not know pixels.

use crate::ml;
use crate::ml::Draw;
use crate::ml::batch;
use crate::seed::Seed;

/// The passes over a set.
#[derive(Debug)]
pub(in crate::ml) struct Passes {
    /// Images of each class that has any.
    classes: Vec<Vec<usize>>,
    count: usize,
    batch_size: usize,
    draw: Draw,
    /// Steps in an epoch; absent where it is a pass.
    round: Option<usize>,
    seed: Seed,
}

/// Consecutive batches of one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ml) struct Portion {
    /// Number of the pass, from 0.
    pub(in crate::ml) pass: usize,
    /// Number of the first batch within the pass.
    pub(in crate::ml) first: usize,
    /// Optimiser steps before the first batch, of the whole training.
    pub(in crate::ml) steps: usize,
    /// Indices of images.
    pub(in crate::ml) batches: Vec<Vec<usize>>,
}

impl Passes {
    /// Returns the passes over images with these labels.
    pub(in crate::ml) fn new(
        labels: &[usize],
        batch_size: usize,
        draw: Draw,
        round: Option<usize>,
        seed: Seed,
    ) -> Self {
        let mut classes = vec![Vec::new(); labels.iter().max().map_or(0, |last| last + 1)];
        labels.iter().enumerate().for_each(|(index, &label)| classes[label].push(index));
        classes.retain(|images| !images.is_empty());
        Self { classes, count: labels.len(), batch_size, draw, round, seed }
    }

    /// Returns the optimiser steps in a pass.
    fn steps_in_a_pass(&self) -> usize {
        ml::steps_in_a_pass(self.count, self.batch_size)
    }

    /// Returns the optimiser steps in an epoch.
    pub(in crate::ml) fn steps(&self) -> usize {
        self.round.unwrap_or_else(|| self.steps_in_a_pass())
    }

    /// Returns what an epoch trains on, in order.
    pub(in crate::ml) fn epoch(&self, epoch: usize) -> Vec<Portion> {
        let (in_a_pass, steps) = (self.steps_in_a_pass(), self.steps());
        let (mut at, end) = (epoch * steps, (epoch + 1) * steps);
        let mut portions = Vec::new();
        while at < end && in_a_pass > 0 {
            let (pass, first) = (at / in_a_pass, at % in_a_pass);
            let count = (in_a_pass - first).min(end - at);
            let batches = self.pass(pass).drain(first..first + count).collect();
            portions.push(Portion { pass, first, steps: at, batches });
            at += count;
        }
        portions
    }

    /// Returns all batches of a pass.
    fn pass(&self, pass: usize) -> Vec<Vec<usize>> {
        let seed = self.seed.number(pass as u64);
        match self.draw {
            Draw::Once => batch::batches(self.count, self.batch_size, seed),
            Draw::Balanced => {
                let stream = &mut seed.stream();
                let mut draw = || {
                    let images = &self.classes[stream.below(self.classes.len())];
                    images[stream.below(images.len())]
                };
                let order: Vec<usize> = (0..self.count).map(|_| draw()).collect();
                batch::parted(&order, self.batch_size)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Draw;
    use super::Passes;
    use super::Portion;
    use super::Seed;
    use crate::ml::batch;

    fn passes(labels: &[usize], draw: Draw, round: Option<usize>) -> Passes {
        Passes::new(labels, 8, draw, round, Seed(3))
    }

    #[test]
    fn an_epoch_without_rounds_is_a_pass() {
        let passes = passes(&[0; 25], Draw::Once, None);
        let batches = batch::batches(25, 8, Seed(3).number(4));
        assert_eq!(passes.steps(), 3); // the 25th image alone is left out
        assert_eq!(passes.epoch(4), [Portion { pass: 4, first: 0, steps: 12, batches }]);
    }

    proptest! {
        #[test]
        fn rounds_of_any_length_show_what_passes_show(count in 2_usize..60, round in 1_usize..20) {
            let labels = vec![0; count];
            let (whole, parts) =
                (passes(&labels, Draw::Once, None), passes(&labels, Draw::Once, Some(round)));
            let shown = |passes: &Passes, epochs: usize| {
                let portions = (0..epochs).flat_map(|epoch| passes.epoch(epoch));
                portions.flat_map(|portion| portion.batches).collect::<Vec<_>>()
            };
            let rounds = shown(&parts, 5);
            prop_assert_eq!(rounds.len(), 5 * round);
            let passes_needed = rounds.len().div_ceil(whole.steps());
            prop_assert_eq!(&rounds[..], &shown(&whole, passes_needed)[..rounds.len()]);
        }

        #[test]
        fn portions_follow_on_each_other(count in 2_usize..60, round in 1_usize..20) {
            let passes = passes(&vec![0; count], Draw::Once, Some(round));
            let mut steps = 0;
            for portion in (0..5).flat_map(|epoch| passes.epoch(epoch)) {
                prop_assert_eq!(portion.steps, steps);
                let in_a_pass = passes.steps_in_a_pass();
                prop_assert_eq!((portion.pass, portion.first), (steps / in_a_pass, steps % in_a_pass));
                steps += portion.batches.len();
            }
        }
    }

    #[test]
    fn balanced_draws_show_classes_alike_and_images_of_a_class_alike() {
        let mut labels = vec![0; 900];
        labels.extend([2; 100]);
        let passes = passes(&labels, Draw::Balanced, None);
        let drawn: Vec<usize> = (0..20)
            .flat_map(|epoch| passes.epoch(epoch))
            .flat_map(|p| p.batches)
            .flatten()
            .collect();
        assert_eq!(drawn.len(), 20_000);
        let rare = drawn.iter().filter(|&&index| labels[index] == 2).count();
        assert!((rare as f64 - 10_000.0).abs() < 4.0 * 71.0, "{rare}"); // deviation 71
        let mut counts = vec![0_usize; 1000];
        for &index in &drawn {
            counts[index] += 1;
        }
        // 100 draws of each image of the rare class are expected, with a deviation of 10.
        assert!(counts[900..].iter().all(|count| (50..160).contains(count)), "{counts:?}");
        assert_ne!(passes.epoch(0), passes.epoch(1));
        assert_eq!(passes.epoch(1), self::passes(&labels, Draw::Balanced, None).epoch(1));
    }
}
