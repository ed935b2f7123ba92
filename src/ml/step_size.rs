//! The step size of each step: that of its epoch, by what warms up and fades it.
//!
//! Knows numbers of steps; does not know what is trained.

use std::f64::consts::PI;

use crate::ml::Decay;
use crate::stage::StageError;

/// Share of the steps in which one-cycle's step size rises (PyTorch's default).
const RISE: f64 = 0.3;
/// By what its step size is divided at the start (PyTorch's default).
const START: f64 = 25.0;
/// By what that is divided at the end (PyTorch's default).
const END: f64 = 1e4;

/// How the step size of an epoch becomes that of a step.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct StepSize {
    /// Steps in which it grows from nothing.
    warm_up: usize,
    decay: Option<Decay>,
    /// Steps in all.
    steps: usize,
}

impl StepSize {
    /// Returns what warms up and fades over so many steps in all.
    pub(in crate::ml) fn new(
        warm_up: usize,
        decay: Option<Decay>,
        steps: usize,
    ) -> Result<Self, StageError> {
        if warm_up > 0 && warm_up >= steps && decay.is_some_and(Decay::looks_ahead) {
            let problem =
                format!("`warm_up` takes {warm_up} steps, and the whole training {steps}");
            return Err(StageError::data(problem).help("make `warm_up` shorter"));
        }
        Ok(Self { warm_up, decay, steps })
    }

    /// Returns whether steps of one epoch may differ.
    pub(in crate::ml) fn varies(self) -> bool {
        self.warm_up > 0 || self.decay.is_some_and(Decay::looks_ahead)
    }

    /// Returns the size of a step, counted from 0, in an epoch of a step size.
    pub(in crate::ml) fn at(self, step: usize, base: f64) -> f64 {
        if step < self.warm_up {
            return base * (step + 1) as f64 / self.warm_up as f64;
        }
        let (done, all) =
            ((step - self.warm_up) as f64, (self.steps - self.warm_up.min(self.steps)) as f64);
        match self.decay {
            Some(Decay::Cosine) => bend(base, 0.0, done / all),
            Some(Decay::OneCycle) => {
                let (low, last) = (base / START, base / START / END);
                let (peak, end) = (RISE * all - 1.0, all - 1.0);
                if done <= peak {
                    bend(low, base, if peak > 0.0 { done / peak } else { 1.0 })
                } else {
                    bend(base, last, (done - peak) / (end - peak))
                }
            }
            Some(Decay::Step) | None => base,
        }
    }
}

/// Goes from one number to another along half a wave, for shares of the way from 0 to 1.
fn bend(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Decay;
    use super::StepSize;

    /// Step sizes of `torch.optim.lr_scheduler`; `tests/golden/losses.py` wrote them.
    #[derive(Deserialize)]
    struct Golden {
        schedules: Vec<Schedule>,
    }

    #[derive(Deserialize)]
    struct Schedule {
        decay: Option<Decay>,
        warm_up: usize,
        base: f64,
        rates: Vec<f64>,
    }

    #[test]
    fn step_sizes_are_those_of_pytorch() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/losses.json")).unwrap();
        let mut kinds = Vec::new();
        for Schedule { decay, warm_up, base, rates } in golden.schedules {
            let size = StepSize::new(warm_up, decay, rates.len()).unwrap();
            kinds.push((decay, warm_up > 0));
            for (step, expected) in rates.iter().enumerate() {
                let found = size.at(step, base);
                assert!(
                    (found - expected).abs() < 1e-12 * base,
                    "{decay:?} {warm_up} {step}: {found}, {expected}"
                );
            }
        }
        assert_eq!(kinds.len(), 6);
    }

    #[test]
    fn a_warm_up_without_end_is_refused_where_a_decay_follows_it() {
        let error = StepSize::new(10, Some(Decay::Cosine), 10).unwrap_err();
        assert_eq!(error.to_string(), "`warm_up` takes 10 steps, and the whole training 10");
        assert!(StepSize::new(10, None, 10).is_ok());
        let single = StepSize::new(0, Some(Decay::OneCycle), 1).unwrap();
        assert!(single.at(0, 0.1) > 0.0);
    }
}
