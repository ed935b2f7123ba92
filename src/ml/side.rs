//! One side of a GAN: a network with its tensors and its optimiser.

use tch::Device;
use tch::Tensor;

use crate::ml::WganSettings;
use crate::ml::checkpoint::State;
use crate::ml::optimiser::Optimiser;
use crate::ml::optimiser::Rule;
use crate::ml::parameters::Parameters;
use crate::ml::precision::Bits;
use crate::stage::StageError;

/// A network with its tensors and optimiser.
#[derive(Debug)]
pub(in crate::ml) struct Side<Net> {
    pub(in crate::ml) net: Net,
    pub(in crate::ml) parameters: Parameters,
    optimiser: Optimiser,
}

impl<Net> Side<Net> {
    pub(in crate::ml) fn new(
        (net, mut parameters): (Net, Parameters),
        settings: &WganSettings,
        (device, bits): (Device, Bits),
    ) -> Result<Self, StageError> {
        parameters.place(device, bits)?;
        let rule = Rule {
            kind: settings.optimiser,
            betas: settings.betas,
            momentum: 0.0,
            weight_decay: 0.0,
        };
        let optimiser = Optimiser::new(rule, &parameters)?;
        Ok(Self { net, parameters, optimiser })
    }

    /// Moves the network down the slope of a loss, to numbers within a bound where there is one.
    pub(in crate::ml) fn descend(
        &mut self,
        loss: &Tensor,
        learning_rate: f64,
        bound: Option<f64>,
    ) -> Result<(), StageError> {
        let gradients = self.parameters.gradients(loss)?;
        self.optimiser.step(&gradients, learning_rate)?;
        if let Some(bound) = bound {
            let _guard = tch::no_grad_guard();
            let _ = self.parameters.flat().f_clamp_(-bound, bound)?;
        }
        self.parameters.round()
    }

    /// Adds all that decides how it goes on to a state, under names that start with `name`.
    pub(in crate::ml) fn save(&self, name: &str, state: &mut State) -> Result<(), StageError> {
        self.parameters.save(name, state)?;
        self.optimiser.save(&format!("{name}_optimiser"), state)
    }

    /// Goes back to a state that [`Side::save`] gave.
    pub(in crate::ml) fn restore(&mut self, name: &str, state: &State) -> Result<(), StageError> {
        self.parameters.restore(name, state)?;
        self.optimiser.restore(&format!("{name}_optimiser"), state)
    }
}
