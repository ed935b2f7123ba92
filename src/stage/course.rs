//! The course of a training: how many epochs at which step size, and which states on the way are kept.
//!
//! Two trainings that differ in nothing but their courses go the same way for as long as those agree:
//! what the first one reached, the second goes on from. A course that looks at its end from the first step on
//! agrees with itself alone. Knows nothing of networks or files.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::digest::Digest;

/// How the names of checkpoints end that do not outlive their training.
const PASSING: &str = ".passing";

/// One stretch of a training schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Passes over the training images.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: usize,
    /// Step size of the optimiser.
    #[schemars(range(min = 1e-12, max = 10.0))]
    pub learning_rate: f64,
}

/// Which states of a training are kept on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// Epochs between two checkpoints, from the newest of which a stopped training goes on; 0 means
    /// none but at the ends of stretches.
    pub every: usize,
    /// Which of them stay when the training has ended.
    pub keep: Keep,
}

/// Which checkpoints stay when a training has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// None.
    None,
    /// Those at the end of each stretch of the schedule: a longer training, and one with another
    /// stretch after them, go on from there. None where the step size looks at the end.
    #[default]
    Ends,
    /// All.
    All,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: 10, keep: Keep::default() }
    }
}

/// The course of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Stretches, in order; neighbours differ in their step size.
    phases: Vec<Phase>,
    checkpoints: Checkpoints,
    /// Optimiser steps in an epoch, where it is no pass over the images.
    round: Option<usize>,
    looks_ahead: bool,
}

impl Course {
    /// Returns the course through some stretches.
    pub fn new(schedule: &[Phase], checkpoints: Checkpoints) -> Self {
        let mut phases: Vec<Phase> = Vec::new();
        for phase in schedule {
            match phases.last_mut() {
                Some(last) if last.learning_rate == phase.learning_rate => {
                    last.epochs += phase.epochs;
                }
                _ => phases.push(*phase),
            }
        }
        Self { phases, checkpoints, round: None, looks_ahead: false }
    }

    /// Returns a course of one stretch, with the checkpoints that are kept unless told otherwise.
    pub fn single(epochs: usize, learning_rate: f64) -> Self {
        Self::new(&[Phase { epochs, learning_rate }], Checkpoints::default())
    }

    /// Returns the course with so many optimiser steps in each epoch, in the place of a pass over the images.
    #[must_use]
    pub fn in_rounds(self, round: Option<usize>) -> Self {
        Self { round, ..self }
    }

    /// Returns the course as one of which every state hangs on where it ends.
    #[must_use]
    pub fn looking_ahead(self, looks_ahead: bool) -> Self {
        Self { looks_ahead, ..self }
    }

    /// Returns the optimiser steps in an epoch, where it is no pass over the images.
    pub fn round(&self) -> Option<usize> {
        self.round
    }

    /// Returns whether every state on the way hangs on where it ends, so that no other training can go on from it.
    pub fn looks_ahead(&self) -> bool {
        self.looks_ahead
    }

    /// Returns the number of epochs in all.
    pub fn epochs(&self) -> usize {
        self.phases.iter().map(|phase| phase.epochs).sum()
    }

    /// Returns the step size of each epoch.
    pub fn learning_rates(&self) -> impl Iterator<Item = f64> {
        self.phases.iter().flat_map(|phase| std::iter::repeat_n(phase.learning_rate, phase.epochs))
    }

    /// Returns the course up to an epoch, which is what decides the state after it: all of one that looks ahead.
    pub fn until(&self, epoch: usize) -> Vec<Phase> {
        let mut left = if self.looks_ahead { self.epochs() } else { epoch };
        let mut phases = Vec::new();
        for phase in &self.phases {
            let epochs = phase.epochs.min(left);
            left -= epochs;
            if epochs > 0 {
                phases.push(Phase { epochs, ..*phase });
            }
        }
        phases
    }

    /// Returns the number of epochs that two courses have in common, from the first on.
    pub fn in_common(&self, other: &Self) -> usize {
        let alike = (self.round, self.looks_ahead) == (other.round, other.looks_ahead);
        if !alike || self.looks_ahead && self.phases != other.phases {
            return 0;
        }
        let mut common = 0;
        for (one, two) in self.phases.iter().zip(&other.phases) {
            if one.learning_rate != two.learning_rate {
                break;
            }
            common += one.epochs.min(two.epochs);
            if one.epochs != two.epochs {
                break;
            }
        }
        common
    }

    /// Returns whether a checkpoint is due after so many epochs.
    pub fn is_due(&self, epochs: usize) -> bool {
        let Checkpoints { every, keep } = self.checkpoints;
        every > 0 && epochs.is_multiple_of(every)
            || keep != Keep::None && self.ends().contains(&epochs)
    }

    /// Returns whether the checkpoint after so many epochs stays when the training has ended.
    pub fn stays(&self, epochs: usize) -> bool {
        match self.checkpoints.keep {
            Keep::None => false,
            Keep::Ends => !self.looks_ahead && self.ends().contains(&epochs),
            Keep::All => true,
        }
    }

    fn ends(&self) -> BTreeSet<usize> {
        let sum = |sum: &mut usize, phase: &Phase| {
            *sum += phase.epochs;
            Some(*sum)
        };
        self.phases.iter().scan(0, sum).collect()
    }

    /// Returns the name of a checkpoint that stays: that of this course and of every other that is the
    /// same until then.
    pub fn lasting(&self, epochs: usize) -> String {
        let until = self.until(epochs);
        let way = match (self.round, self.looks_ahead) {
            (None, false) => Digest::of_value(&until),
            apart => Digest::of_value(&(until, apart)),
        };
        let way = way.to_string();
        format!("epoch-{epochs:06}-{}", &way[..16])
    }

    /// Returns the name of the checkpoint after so many epochs.
    pub fn checkpoint(&self, epochs: usize) -> String {
        let name = self.lasting(epochs);
        if self.stays(epochs) { name } else { name + PASSING }
    }

    /// Returns after how many epochs the checkpoint of a name was made, if this course leads there.
    pub fn epochs_behind(&self, name: &str) -> Option<usize> {
        let name = name.strip_suffix(PASSING).unwrap_or(name);
        let number = name.strip_prefix("epoch-")?.split('-').next()?;
        let epochs = number.parse().ok().filter(|&epochs| epochs <= self.epochs())?;
        (self.lasting(epochs) == name).then_some(epochs)
    }

    /// Returns whether a name is that of a checkpoint on this course that was not meant to stay.
    pub fn is_passing(&self, name: &str) -> bool {
        name.ends_with(PASSING) && self.epochs_behind(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Checkpoints;
    use super::Course;
    use super::Keep;
    use super::Phase;

    /// Courses with few step sizes, so that many begin alike.
    fn phases() -> impl Strategy<Value = Vec<Phase>> {
        let rate = proptest::sample::select(vec![0.1, 0.01]);
        let phase = (1_usize..5, rate);
        let phase = phase.prop_map(|(epochs, learning_rate)| Phase { epochs, learning_rate });
        proptest::collection::vec(phase, 1..5)
    }

    fn course(phases: &[Phase]) -> Course {
        Course::new(phases, Checkpoints::default())
    }

    proptest! {
        #[test]
        fn courses_share_the_checkpoints_up_to_the_first_epoch_that_differs(
            one in phases(),
            two in phases(),
        ) {
            let (one, two) = (course(&one), course(&two));
            let (ones, twos): (Vec<f64>, Vec<f64>) =
                (one.learning_rates().collect(), two.learning_rates().collect());
            let common = ones.iter().zip(&twos).take_while(|(one, two)| one == two).count();
            prop_assert_eq!(one.in_common(&two), common);
            for epochs in 1..=one.epochs() {
                let behind = two.epochs_behind(&one.checkpoint(epochs));
                prop_assert_eq!(behind, (epochs <= common).then_some(epochs));
            }
        }

        #[test]
        fn a_course_that_looks_ahead_shares_nothing_but_with_itself(
            one in phases(),
            two in phases(),
            ahead: bool,
        ) {
            let (one, two) = (course(&one).looking_ahead(true), course(&two).looking_ahead(ahead));
            let common = if one == two { one.epochs() } else { 0 };
            prop_assert_eq!((one.in_common(&two), two.in_common(&one)), (common, common));
            for epochs in 1..=one.epochs() {
                let behind = two.epochs_behind(&one.checkpoint(epochs));
                prop_assert_eq!(behind, (common > 0).then_some(epochs));
                prop_assert!(!one.stays(epochs));
            }
        }

        #[test]
        fn rounds_of_another_length_share_nothing(phases in phases(), other in 1_usize..9) {
            let (one, two) = (course(&phases).in_rounds(Some(9)), course(&phases));
            for two in [two.clone(), two.in_rounds(Some(other.min(8)))] {
                prop_assert_eq!((one.in_common(&two), two.in_common(&one)), (0, 0));
                prop_assert_eq!(two.epochs_behind(&one.checkpoint(1)), None);
            }
        }

        #[test]
        fn a_schedule_that_is_written_in_smaller_pieces_is_the_same_course(phases in phases()) {
            let single = |phase: &Phase| vec![Phase { epochs: 1, ..*phase }; phase.epochs];
            let pieces: Vec<Phase> = phases.iter().flat_map(single).collect();
            prop_assert_eq!(course(&pieces), course(&phases));
            let rates = pieces.iter().map(|piece| piece.learning_rate);
            prop_assert!(course(&phases).learning_rates().eq(rates));
        }
    }

    #[test]
    fn a_checkpoint_is_due_every_so_often_and_where_a_stretch_ends() {
        let phase = |epochs, learning_rate| Phase { epochs, learning_rate };
        let schedule = [phase(3, 0.1), phase(4, 0.01)];
        let due = |every, keep| {
            let course = Course::new(&schedule, Checkpoints { every, keep });
            let due: Vec<usize> = (1..=7).filter(|&epochs| course.is_due(epochs)).collect();
            let stay: Vec<usize> = (1..=7).filter(|&epochs| course.stays(epochs)).collect();
            (due, stay)
        };
        assert_eq!(due(2, Keep::Ends), (vec![2, 3, 4, 6, 7], vec![3, 7]));
        assert_eq!(due(0, Keep::Ends), (vec![3, 7], vec![3, 7]));
        assert_eq!(due(2, Keep::None), (vec![2, 4, 6], vec![]));
        assert_eq!(due(0, Keep::None), (vec![], vec![]));
        assert_eq!(due(3, Keep::All).0, [3, 6, 7]);
    }

    #[test]
    fn a_checkpoint_that_is_to_stay_is_not_taken_for_a_passing_one() {
        let whole = course(&[Phase { epochs: 3, learning_rate: 0.1 }]);
        let part = course(&[Phase { epochs: 2, learning_rate: 0.1 }]);
        let (stays, passes) = (part.checkpoint(2), whole.checkpoint(2));
        assert_eq!(passes, format!("{stays}.passing"));
        assert_eq!((whole.epochs_behind(&stays), part.epochs_behind(&passes)), (Some(2), Some(2)));
        assert!(part.is_passing(&passes) && !whole.is_passing(&stays));
    }

    #[test]
    fn what_is_no_checkpoint_is_none() {
        let course = course(&[Phase { epochs: 3, learning_rate: 0.1 }]);
        for name in ["epoch-000002", "epoch-2", ".scratch-1-0", "epoch-x-0011223344556677", ""] {
            assert_eq!(course.epochs_behind(name), None, "{name}");
        }
    }
}
