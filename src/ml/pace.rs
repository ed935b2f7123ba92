//! Whose turn it is: after how many critic steps the generator makes one.
//!
//! Follows from the number of critic steps before, counted from the first on: nothing to remember.

use crate::ml::WarmUp;

/// Counts critic steps, and says when the generator's turn comes.
#[derive(Debug)]
pub(in crate::ml) struct Pace {
    usual: usize,
    warm_up: Option<WarmUp>,
    generator_steps: usize,
    /// Critic steps since the last generator step.
    critic_steps: usize,
}

impl Pace {
    /// Returns the pace after so many critic steps, with `usual` ones for each generator step.
    pub(in crate::ml) fn after(done: usize, usual: usize, warm_up: Option<WarmUp>) -> Self {
        let mut pace =
            Self { usual: usual.max(1), warm_up, generator_steps: 0, critic_steps: done };
        if pace.warm_up.is_none() {
            pace.generator_steps = done / pace.usual;
            pace.critic_steps = done % pace.usual;
        }
        while pace.critic_steps >= pace.wanted() {
            pace.critic_steps -= pace.wanted();
            pace.generator_steps += 1;
        }
        pace
    }

    /// Counts a critic step; returns whether the generator makes one after it.
    pub(in crate::ml) fn is_generators_turn(&mut self) -> bool {
        self.critic_steps += 1;
        let turn = self.critic_steps >= self.wanted();
        if turn {
            self.critic_steps = 0;
            self.generator_steps += 1;
        }
        turn
    }

    /// Returns how many critic steps come before the next generator step.
    fn wanted(&self) -> usize {
        let Some(WarmUp { generator_steps, critic_steps, again_every }) = self.warm_up else {
            return self.usual;
        };
        let again = again_every > 0 && self.generator_steps.is_multiple_of(again_every);
        let more = self.generator_steps < generator_steps || again;
        if more { critic_steps.max(1) } else { self.usual }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Pace;
    use super::WarmUp;

    fn turns(pace: &mut Pace, steps: usize) -> Vec<bool> {
        (0..steps).map(|_| pace.is_generators_turn()).collect()
    }

    /// Critic steps before each generator step of `WassersteinGAN/main.py` (Arjovsky et al. 2017), with its
    /// 25, 100 and 500 made 2, 4 and 5.
    #[test]
    fn the_pace_is_that_of_the_authors() {
        let warm_up = WarmUp { generator_steps: 2, critic_steps: 4, again_every: 5 };
        let mut pace = Pace::after(0, 3, Some(warm_up));
        let mut found = Vec::new();
        let mut count = 0;
        while found.len() < 11 {
            count += 1;
            if pace.is_generators_turn() {
                found.push(count);
                count = 0;
            }
        }
        assert_eq!(found, [4, 4, 3, 3, 3, 4, 3, 3, 3, 3, 4]);
    }

    proptest! {
        #[test]
        fn a_pace_that_begins_anywhere_is_the_one_that_began_at_the_start(
            usual in 0_usize..6,
            warm in proptest::option::of((1_usize..4, 1_usize..9, 0_usize..5)),
            before in 0_usize..60,
        ) {
            let warm_up = warm.map(|(generator_steps, critic_steps, again_every)| {
                WarmUp { generator_steps, critic_steps, again_every }
            });
            let mut whole = Pace::after(0, usual, warm_up);
            turns(&mut whole, before);
            let mut late = Pace::after(before, usual, warm_up);
            prop_assert_eq!(turns(&mut late, 60), turns(&mut whole, 60));
        }

        #[test]
        fn without_a_warm_up_every_so_many_steps_are_one(usual in 1_usize..9, before in 0_usize..50) {
            let expected: Vec<bool> =
                (before + 1..=before + 40).map(|step| step.is_multiple_of(usual)).collect();
            prop_assert_eq!(turns(&mut Pace::after(before, usual, None), 40), expected);
        }
    }
}
