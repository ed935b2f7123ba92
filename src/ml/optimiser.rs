//! Adam, `AdamW`, SGD and RMSprop as PyTorch computes them, with a state that can be saved and restored.
//!
//! tch's own optimisers keep their state to themselves, so training could not go on where it
//! stopped. libtorch has the first three in one pass over memory; RMSprop works on flat memory in pieces
//! that fit a processor's cache.

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::ml;
use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::ml::libtorch;
use crate::ml::libtorch::Adam;
use crate::ml::parameters::Parameters;
use crate::stage::StageError;

/// Keeps denominators from zero (PyTorch's default for all rules).
const EPSILON: f64 = 1e-8;
/// Decay of RMSprop's mean of squares (PyTorch's default).
const ALPHA: f64 = 0.99;
/// Numbers handled at once on a CPU: four arrays of them fit into a core's second-level cache.
const PIECE: i64 = 1 << 15;

/// Which rule, and its numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct Rule {
    /// The rule.
    pub(in crate::ml) kind: ml::Optimiser,
    /// Adam's decays of the first and second moment.
    pub(in crate::ml) betas: (f64, f64),
    /// What SGD keeps of its last step.
    pub(in crate::ml) momentum: f64,
    /// L2 penalty that is added to the gradients; of `AdamW`, the share of the values that a step of size 1
    /// takes away.
    pub(in crate::ml) weight_decay: f64,
}

/// An optimiser of all trainable tensors of a network.
#[derive(Debug)]
pub(in crate::ml) struct Optimiser {
    rule: Rule,
    steps: i64,
    values: Moving,
    moments: Moments,
}

/// What a rule remembers of the steps before.
#[derive(Debug)]
enum Moments {
    /// Means of gradients and of their squares.
    Adam { first: Moving, second: Moving, decoupled: bool },
    /// Sum of gradients that fades, where there is momentum.
    Sgd { first: Option<Moving> },
    /// Mean of squared gradients.
    Rmsprop { second: Moving },
}

/// A flat buffer laid out like the values, and its stretches, one a trainable.
#[derive(Debug)]
struct Moving {
    flat: Tensor,
    pieces: Vec<Tensor>,
}

impl Moving {
    fn new(flat: Tensor, parameters: &Parameters) -> Result<Self, StageError> {
        let pieces = parameters.pieces(&flat)?;
        Ok(Self { flat, pieces })
    }
}

impl Optimiser {
    /// Makes the optimiser of a network that has its place.
    pub(in crate::ml) fn new(rule: Rule, parameters: &Parameters) -> Result<Self, StageError> {
        use ml::Optimiser::Adam;
        use ml::Optimiser::Adamw;
        use ml::Optimiser::Rmsprop;
        use ml::Optimiser::Sgd;
        let values = Moving::new(parameters.flat(), parameters)?;
        let zeros = || Moving::new(values.flat.f_zeros_like()?, parameters);
        let moments = match rule.kind {
            Adam | Adamw => {
                Moments::Adam { first: zeros()?, second: zeros()?, decoupled: rule.kind == Adamw }
            }
            Sgd => Moments::Sgd { first: (rule.momentum > 0.0).then(zeros).transpose()? },
            Rmsprop => Moments::Rmsprop { second: zeros()? },
        };
        Ok(Self { rule, steps: 0, values, moments })
    }

    /// Moves the values against their gradients, which are flat and in the order of the values.
    pub(in crate::ml) fn step(
        &mut self,
        gradients: &[Tensor],
        learning_rate: f64,
    ) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let Rule { betas, momentum, weight_decay, .. } = self.rule;
        let values = &self.values.pieces;
        match &self.moments {
            Moments::Adam { first, second, decoupled } => {
                let epsilon = EPSILON;
                let rule =
                    Adam { learning_rate, betas, weight_decay, epsilon, decoupled: *decoupled };
                let steps = (Kind::Float, self.values.flat.device());
                let steps = Tensor::f_full([0_i64; 0], self.steps as f64, steps)?;
                let moments = (&first.pieces[..], &second.pieces[..]);
                libtorch::adam(rule, values, gradients, moments, &steps)?;
            }
            Moments::Sgd { first } => {
                let momenta = first.as_ref().map_or(&[][..], |first| &first.pieces);
                let numbers = (learning_rate, momentum, weight_decay);
                libtorch::sgd(numbers, values, gradients, momenta, self.steps == 1)?;
            }
            Moments::Rmsprop { second } if second.flat.device() == Device::Cpu => {
                for ((value, square), gradient) in values.iter().zip(&second.pieces).zip(gradients)
                {
                    for start in (0..value.size()[0]).step_by(PIECE as usize) {
                        let count = PIECE.min(value.size()[0] - start);
                        let cut = |tensor: &Tensor| tensor.f_narrow(0, start, count);
                        self.rmsprop(cut(value)?, cut(square)?, &cut(gradient)?, learning_rate)?;
                    }
                }
            }
            Moments::Rmsprop { second } => {
                let gradient = self.joined(gradients)?;
                let (value, square) = (&self.values.flat, &second.flat);
                let (value, square) = (value.shallow_clone(), square.shallow_clone());
                self.rmsprop(value, square, &gradient, learning_rate)?;
            }
        }
        Ok(())
    }

    /// On a GPU starting an operation costs more than its work, so all tensors go at once.
    fn joined(&self, gradients: &[Tensor]) -> Result<Tensor, StageError> {
        let mut parts = Vec::with_capacity(gradients.len());
        let options = (Kind::Float, self.values.flat.device());
        for gradient in gradients {
            parts.push(gradient.shallow_clone());
            let gap = Parameters::gap(gradient.size()[0]);
            if gap > 0 {
                parts.push(Tensor::f_zeros([gap], options)?);
            }
        }
        Ok(Tensor::f_cat(&parts, 0)?)
    }

    /// `v = a v + (1 - a) g^2;  x -= lr g / (sqrt(v) + epsilon)`
    fn rmsprop(
        &self,
        mut value: Tensor,
        mut second: Tensor,
        gradient: &Tensor,
        learning_rate: f64,
    ) -> Result<(), StageError> {
        let penalised;
        let gradient = if self.rule.weight_decay == 0.0 {
            gradient
        } else {
            penalised = gradient.f_add(&value.f_mul_scalar(self.rule.weight_decay)?)?;
            &penalised
        };
        let square = gradient.f_mul(gradient)?;
        let _ = second.f_lerp_(&square, 1.0 - ALPHA)?;
        let mut scale = second.f_sqrt()?.f_add_scalar_(EPSILON)?;
        let _ = scale.f_mul_scalar_(-1.0 / learning_rate)?;
        let _ = value.f_addcdiv_(gradient, &scale)?;
        Ok(())
    }

    /// Adds all that decides the next steps to a state, under names that start with `prefix`.
    pub(in crate::ml) fn save(&self, prefix: &str, state: &mut State) -> Result<(), StageError> {
        state.insert(format!("{prefix}.steps"), Tensor::f_from_slice(&[self.steps])?);
        for (name, moving) in self.moments() {
            state.insert(format!("{prefix}.{name}"), moving.flat.shallow_clone());
        }
        Ok(())
    }

    /// Goes back to a state that [`Optimiser::save`] gave.
    pub(in crate::ml) fn restore(&mut self, prefix: &str, state: &State) -> Result<(), StageError> {
        self.steps = checkpoint::part(state, &format!("{prefix}.steps"))?.f_int64_value(&[0])?;
        for (name, moving) in self.moments() {
            let saved = checkpoint::part(state, &format!("{prefix}.{name}"))?;
            moving.flat.shallow_clone().f_copy_(saved)?;
        }
        Ok(())
    }

    /// Returns what is remembered, by the names under which it is saved.
    fn moments(&self) -> impl Iterator<Item = (&'static str, &Moving)> {
        let (first, second) = match &self.moments {
            Moments::Adam { first, second, .. } => (Some(first), Some(second)),
            Moments::Sgd { first } => (first.as_ref(), None),
            Moments::Rmsprop { second } => (None, Some(second)),
        };
        let first = first.map(|first| ("first", first));
        first.into_iter().chain(second.map(|second| ("second", second)))
    }
}

#[cfg(test)]
mod tests {
    use super::Device;
    use super::Optimiser;
    use super::Parameters;
    use super::Rule;
    use super::Tensor;
    use crate::ml;
    use crate::ml::parameters::Initial;
    use crate::ml::precision::Bits;

    const RULE: Rule =
        Rule { kind: ml::Optimiser::Adam, betas: (0.5, 0.9), momentum: 0.0, weight_decay: 0.0 };

    /// Takes three steps of size 0.01 from (1, -2, 0.5).
    fn walk(rule: Rule) -> Vec<f32> {
        let mut parameters = Parameters::new(None);
        let zero = Initial::Constant(0.0);
        let _handle = parameters.root().trainable("x", &[3], zero).unwrap();
        parameters.set("x", &Tensor::from_slice(&[1.0_f32, -2.0, 0.5])).unwrap();
        parameters.place(Device::Cpu, Bits::ThirtyTwo).unwrap();
        let mut optimiser = Optimiser::new(rule, &parameters).unwrap();
        for gradient in [[0.1_f32, -3.0, 0.0], [0.2, 1.0, 1e-4], [-0.3, 0.5, 2e-4]] {
            optimiser.step(&[Tensor::from_slice(&gradient)], 0.01).unwrap();
        }
        Vec::try_from(parameters.named().unwrap()["x"].shallow_clone()).unwrap()
    }

    fn assert_close(found: &[f32], expected: [f32; 3]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    /// Reference: `torch.optim` of PyTorch 2.11 in double precision.
    #[test]
    fn steps_are_those_of_pytorch() {
        let adam = Rule { weight_decay: 0.1, ..RULE };
        assert_close(&walk(adam), [0.979_706_8, -1.987_352_7, 0.470_092_7]);
        let adamw = Rule { kind: ml::Optimiser::Adamw, ..adam };
        assert_close(&walk(adamw), [0.981_150_5, -1.983_313_9, 0.478_699_4]);
        let sgd = Rule { kind: ml::Optimiser::Sgd, ..adam };
        assert_close(&walk(sgd), [0.997_007, -1.979_056, 0.498_498_5]);
        let heavy = Rule { momentum: 0.9, ..sgd };
        assert_close(&walk(heavy), [0.990_890_6, -1.931_593_6, 0.497_193_5]);
        let rmsprop = Rule { kind: ml::Optimiser::Rmsprop, ..RULE };
        assert_close(&walk(rmsprop), [0.890_818_3, -1.947_529_5, 0.310_607_67]);
    }
}
