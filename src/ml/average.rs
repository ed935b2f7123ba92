//! A running average of a network's weights: `average = decay * average + (1 - decay) * weights` after each
//! step, from the first weights on (Polyak and Juditsky 1992, with weights that fade).
//!
//! Buffers, such as the statistics of batch normalisation, have no average: they stay those of the network.
//! Knows nothing of what the network does.

use tch::Tensor;

use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::ml::parameters::Parameters;
use crate::stage::StageError;

/// The average of all trainable tensors of a network.
#[derive(Debug)]
pub(in crate::ml) struct Average {
    decay: f64,
    /// Laid out like [`Parameters::flat`].
    flat: Tensor,
}

impl Average {
    /// Returns the average of a network that has its place and took no step; a decay of 0 is the network
    /// itself, one of 1 its start.
    pub(in crate::ml) fn new(decay: f64, parameters: &Parameters) -> Result<Self, StageError> {
        let _guard = tch::no_grad_guard();
        Ok(Self { decay, flat: parameters.flat().f_detach_copy()? })
    }

    /// Takes in the weights after a step.
    pub(in crate::ml) fn follow(&mut self, parameters: &Parameters) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        let _ = self.flat.f_lerp_(&parameters.flat(), 1.0 - self.decay)?;
        Ok(())
    }

    /// Puts the average into the network and keeps its weights meanwhile; the second time it is the other
    /// way round, bit for bit.
    pub(in crate::ml) fn exchange(
        &mut self,
        parameters: &mut Parameters,
    ) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        let weights = parameters.flat().f_detach_copy()?;
        parameters.flat().f_copy_(&self.flat)?;
        self.flat = weights;
        parameters.round()
    }

    /// Adds the average to a state.
    pub(in crate::ml) fn save(&self, name: &str, state: &mut State) {
        state.insert(name.to_owned(), self.flat.shallow_clone());
    }

    /// Goes back to a state that [`Average::save`] gave.
    pub(in crate::ml) fn restore(&mut self, name: &str, state: &State) -> Result<(), StageError> {
        self.flat.f_copy_(checkpoint::part(state, name)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::Average;
    use super::Parameters;
    use super::State;
    use super::Tensor;
    use crate::ml::parameters::Initial;
    use crate::ml::precision::Bits;

    fn network(bits: Bits) -> Parameters {
        let mut parameters = Parameters::new(None);
        let _ = parameters.root().trainable("x", &[1, 3], Initial::Constant(0.0)).unwrap();
        let _ = parameters.root().buffer("mean", &[1], Initial::Constant(0.0)).unwrap();
        parameters.set("mean", &Tensor::from_slice(&[7.0_f32])).unwrap();
        parameters.set("x", &Tensor::from_slice(&[1.0_f32, -2.0, 0.5]).view([1, 3])).unwrap();
        parameters.place(Device::Cpu, bits).unwrap();
        parameters
    }

    fn numbers(parameters: &Parameters, name: &str) -> Vec<f32> {
        Vec::try_from(parameters.named().unwrap()[name].view([-1])).unwrap()
    }

    fn walk(parameters: &mut Parameters, average: &mut Average, steps: &[[f32; 3]]) {
        for step in steps {
            parameters.set("x", &Tensor::from_slice(step).view([1, 3])).unwrap();
            parameters.round().unwrap();
            average.follow(parameters).unwrap();
        }
    }

    const STEPS: [[f32; 3]; 3] = [[0.9, -1.5, 0.25], [0.7, 3.0, -0.125], [0.1, 0.2, 4.0]];

    /// Reference: `torch.optim.swa_utils.AveragedModel` of PyTorch 2.11 with `get_ema_multi_avg_fn(0.9)`, updated
    /// once at the start and after each step.
    #[test]
    fn the_average_is_that_of_pytorch() {
        let mut parameters = network(Bits::ThirtyTwo);
        let mut average = Average::new(0.9, &parameters).unwrap();
        walk(&mut parameters, &mut average, &STEPS);
        average.exchange(&mut parameters).unwrap();
        let expected = [0.8749, -1.2895, 0.7735];
        for (found, expected) in numbers(&parameters, "x").iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn the_network_gets_its_own_weights_back_and_keeps_its_buffers() {
        for bits in [Bits::ThirtyTwo, Bits::Sixteen] {
            let mut parameters = network(bits);
            let mut average = Average::new(0.5, &parameters).unwrap();
            walk(&mut parameters, &mut average, &STEPS);
            let used = |parameters: &Parameters| {
                let used = parameters.trainable()[0].detach().to_kind(tch::Kind::Float);
                Vec::<f32>::try_from(used.view([-1])).unwrap()
            };
            let (before, seen) = (numbers(&parameters, "x"), used(&parameters));
            average.exchange(&mut parameters).unwrap();
            assert_ne!(numbers(&parameters, "x"), before);
            assert_ne!(used(&parameters), seen, "layers see the average");
            assert_eq!(numbers(&parameters, "mean"), [7.0]);
            average.exchange(&mut parameters).unwrap();
            assert_eq!((numbers(&parameters, "x"), used(&parameters)), (before, seen));
        }
    }

    #[test]
    fn a_restored_average_goes_on_as_one_that_never_stopped() {
        let mut parameters = network(Bits::ThirtyTwo);
        let mut whole = Average::new(0.9, &parameters).unwrap();
        walk(&mut parameters, &mut whole, &STEPS[..2]);
        let mut state = State::new();
        whole.save("average", &mut state);
        let state: State =
            state.into_iter().map(|(name, tensor)| (name, tensor.detach_copy())).collect();
        walk(&mut parameters, &mut whole, &STEPS[2..]);
        let mut other = network(Bits::ThirtyTwo);
        let mut resumed = Average::new(0.9, &other).unwrap();
        resumed.restore("average", &state).unwrap();
        walk(&mut other, &mut resumed, &STEPS[2..]);
        assert!(resumed.flat.equal(&whole.flat));
    }
}
