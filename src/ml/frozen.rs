//! Layers that keep their starting weights.
//!
//! Knows names of layers; does not know what they compute.

use crate::ml::Freeze;
use crate::ml::network::Model;
use crate::ml::parameters::Parameters;
use crate::stage::StageError;

/// Takes the layers that keep their starting weights out of training.
pub(in crate::ml) fn freeze(
    freeze: &Freeze,
    model: &Model,
    parameters: &mut Parameters,
) -> Result<(), StageError> {
    let names: Vec<&str> = match freeze {
        Freeze::Parts(count) => model.parts().into_iter().take(*count).flatten().copied().collect(),
        Freeze::Names(names) => names.iter().map(String::as_str).collect(),
    };
    for name in names {
        if !parameters.freeze(name) {
            let known: Vec<&str> = model.parts().into_iter().flatten().copied().collect();
            let problem = format!("`freeze`: the network has no layer `{name}` that is trained");
            let help = format!("its parts are {}", known.join(", "));
            return Err(StageError::data(problem).help(help));
        }
    }
    if parameters.trainable().is_empty() {
        return Err(StageError::data("`freeze` leaves nothing to train"));
    }
    Ok(())
}
