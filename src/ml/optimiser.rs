//! RMSprop and Adam as PyTorch computes them, with a state that can be saved and restored.
//!
//! tch's own optimisers keep their state to themselves, so training could not go on where it
//! stopped. Both work on flat memory in pieces that fit a processor's cache.

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::ml;
use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::ml::parameters::Parameters;
use crate::stage::StageError;

/// Keeps denominators from zero (PyTorch's default for both rules).
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
    /// L2 penalty that is added to the gradients.
    pub(in crate::ml) weight_decay: f64,
}

/// An optimiser of all trainable tensors of a network.
#[derive(Debug)]
pub(in crate::ml) struct Optimiser {
    rule: Rule,
    steps: i64,
    values: Tensor,
    /// Mean of gradients; Adam's alone.
    first: Option<Tensor>,
    /// Mean of squared gradients.
    second: Tensor,
    pieces: Vec<Piece>,
}

/// The same stretch of values and state.
#[derive(Debug)]
struct Piece {
    value: Tensor,
    first: Option<Tensor>,
    second: Tensor,
}

impl Optimiser {
    /// Makes the optimiser of a network that has its place.
    pub(in crate::ml) fn new(rule: Rule, parameters: &Parameters) -> Result<Self, StageError> {
        let values = parameters.flat();
        let second = values.f_zeros_like()?;
        let first = match rule.kind {
            ml::Optimiser::Adam => Some(values.f_zeros_like()?),
            ml::Optimiser::Rmsprop => None,
        };
        let firsts = first.as_ref().map(|first| parameters.pieces(first)).transpose()?;
        let mut pieces = Vec::new();
        let stretches = parameters.pieces(&values)?.into_iter().zip(parameters.pieces(&second)?);
        for (index, (value, second)) in stretches.enumerate() {
            let first = firsts.as_ref().map(|firsts| firsts[index].shallow_clone());
            pieces.push(Piece { value, first, second });
        }
        Ok(Self { rule, steps: 0, values, first, second, pieces })
    }

    /// Moves the values against their gradients, which are flat and in the order of the values.
    pub(in crate::ml) fn step(
        &mut self,
        gradients: &[Tensor],
        learning_rate: f64,
    ) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        if self.values.device() != Device::Cpu {
            return self.step_at_once(gradients, learning_rate);
        }
        for (piece, gradient) in self.pieces.iter().zip(gradients) {
            let length = piece.value.size()[0];
            let mut start = 0;
            while start < length {
                let count = PIECE.min(length - start);
                let cut = |tensor: &Tensor| tensor.f_narrow(0, start, count);
                let first = piece.first.as_ref().map(cut).transpose()?;
                let cut_piece =
                    Piece { value: cut(&piece.value)?, first, second: cut(&piece.second)? };
                self.apply(cut_piece, &cut(gradient)?, learning_rate)?;
                start += count;
            }
        }
        Ok(())
    }

    /// On a GPU starting an operation costs more than its work, so all tensors go at once.
    fn step_at_once(&self, gradients: &[Tensor], learning_rate: f64) -> Result<(), StageError> {
        let mut parts = Vec::with_capacity(gradients.len());
        let options = (Kind::Float, self.values.device());
        for gradient in gradients {
            parts.push(gradient.shallow_clone());
            let gap = Parameters::gap(gradient.size()[0]);
            if gap > 0 {
                parts.push(Tensor::f_zeros([gap], options)?);
            }
        }
        let gradient = Tensor::f_cat(&parts, 0)?;
        let whole = Piece {
            value: self.values.shallow_clone(),
            first: self.first.as_ref().map(Tensor::shallow_clone),
            second: self.second.shallow_clone(),
        };
        self.apply(whole, &gradient, learning_rate)
    }

    fn apply(&self, piece: Piece, gradient: &Tensor, learning_rate: f64) -> Result<(), StageError> {
        let Piece { mut value, first, mut second } = piece;
        let penalised;
        let gradient = if self.rule.weight_decay == 0.0 {
            gradient
        } else {
            penalised = gradient.f_add(&value.f_mul_scalar(self.rule.weight_decay)?)?;
            &penalised
        };
        let Some(mut first) = first else {
            // v = a v + (1 - a) g^2;  x -= lr g / (sqrt(v) + epsilon)
            let square = gradient.f_mul(gradient)?;
            let _ = second.f_lerp_(&square, 1.0 - ALPHA)?;
            let mut scale = second.f_sqrt()?.f_add_scalar_(EPSILON)?;
            let _ = scale.f_mul_scalar_(-1.0 / learning_rate)?;
            let _ = value.f_addcdiv_(gradient, &scale)?;
            return Ok(());
        };
        // m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
        // x -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)
        let (beta1, beta2) = self.rule.betas;
        let steps = self.steps as i32;
        let (correction1, correction2) = (1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps));
        let _ = first.f_lerp_(gradient, 1.0 - beta1)?;
        let square = gradient.f_mul(gradient)?;
        let _ = second.f_lerp_(&square, 1.0 - beta2)?;
        let mut scale = second.f_sqrt()?;
        let _ = scale.f_add_scalar_(EPSILON * correction2.sqrt())?;
        let _ = scale.f_mul_scalar_(-correction1 / (learning_rate * correction2.sqrt()))?;
        let _ = value.f_addcdiv_(&first, &scale)?;
        Ok(())
    }

    /// Adds all that decides the next steps to a state, under names that start with `prefix`.
    pub(in crate::ml) fn save(&self, prefix: &str, state: &mut State) -> Result<(), StageError> {
        state.insert(format!("{prefix}.steps"), Tensor::f_from_slice(&[self.steps])?);
        state.insert(format!("{prefix}.second"), self.second.shallow_clone());
        if let Some(first) = &self.first {
            state.insert(format!("{prefix}.first"), first.shallow_clone());
        }
        Ok(())
    }

    /// Goes back to a state that [`Optimiser::save`] gave.
    pub(in crate::ml) fn restore(&mut self, prefix: &str, state: &State) -> Result<(), StageError> {
        self.steps = checkpoint::part(state, &format!("{prefix}.steps"))?.f_int64_value(&[0])?;
        self.second.f_copy_(checkpoint::part(state, &format!("{prefix}.second"))?)?;
        if let Some(first) = &mut self.first {
            first.f_copy_(checkpoint::part(state, &format!("{prefix}.first"))?)?;
        }
        Ok(())
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

    /// Takes three steps of size 0.01 from (1, -2, 0.5).
    fn walk(rule: Rule) -> Vec<f32> {
        let mut parameters = Parameters::new(None);
        let zero = Initial::Constant(0.0);
        let _handle = parameters.root().trainable("x", &[3], zero).unwrap();
        parameters.set("x", &Tensor::from_slice(&[1.0_f32, -2.0, 0.5])).unwrap();
        parameters.place(Device::Cpu).unwrap();
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
        let adam = Rule { kind: ml::Optimiser::Adam, betas: (0.5, 0.9), weight_decay: 0.1 };
        assert_close(&walk(adam), [0.979_706_8, -1.987_352_7, 0.470_092_7]);
        let rmsprop = Rule { kind: ml::Optimiser::Rmsprop, weight_decay: 0.0, ..adam };
        assert_close(&walk(rmsprop), [0.890_818_3, -1.947_529_5, 0.310_607_67]);
    }
}
