//! Features by a network that the user names: weights of a known network, or a program of `torch.jit`.

use tch::CModule;
use tch::IValue;
use tch::Kind;
use tch::TchError;
use tch::Tensor;

use crate::artifact::ImageSet;
use crate::artifact::Variant;
use crate::ml::Features;
use crate::ml::NamedNetwork;
use crate::ml::NetworkFile;
use crate::ml::answers::in_batches;
use crate::ml::batch::Images;
use crate::ml::classifier;
use crate::ml::failure::guarded;
use crate::ml::layers::Mode;
use crate::ml::libtorch::Inference;
use crate::ml::precision::Bits;
use crate::ml::weights;
use crate::seed::Seed;
use crate::stage::Context;
use crate::stage::StageError;

/// Returns the feature vector that a named network has of each image: what the last layer of a known network
/// sees, or what a program answers, as one row an image; all of them numbers.
pub fn named_features(
    cx: &Context<'_>,
    named: &NamedNetwork,
    set: &ImageSet,
) -> Result<Features, StageError> {
    let found = guarded(cx, |device| {
        let _mode = Inference::new();
        let images = Images::new(set, named.mean, named.deviation, device)?;
        match &named.file {
            NetworkFile::Weights { network, path } => {
                // The last layer, of one class, is not asked.
                let (model, mut parameters) =
                    classifier::model(*network, Variant::default(), 1, Some(Seed(0)))?;
                weights::load_start(path, &mut parameters, model.last_layer())?;
                parameters.place(device, Bits::ThirtyTwo)?;
                collect(cx, &images, |batch| model.features(batch, Mode::Use))
            }
            NetworkFile::Script { path } => {
                let name = path.display();
                let mut module = CModule::load_on_device(path, device).map_err(|error| {
                    let error = StageError::from(error);
                    StageError::data(format!("`{name}` is no TorchScript program: {error}")).help(
                        "save it with `torch.jit.save(torch.jit.trace(network, images), FILE)`",
                    )
                })?;
                module.f_set_eval()?;
                collect(cx, &images, |batch| answer(&module, batch))
            }
        }
    })?;
    let help = "take weights whose training did not diverge, with the `mean` and `deviation` of its images";
    found.checked(set, help)
}

/// Gathers one row an image of `[batch, ...]`.
fn collect(
    cx: &Context<'_>,
    images: &Images,
    of: impl Fn(&Tensor) -> Result<Tensor, TchError>,
) -> Result<Features, StageError> {
    let mut found = Features { width: 0, values: Vec::new() };
    in_batches(cx, images, |batch| {
        let rows = of(batch)?.f_flatten(1, -1)?.f_to_kind(Kind::Float)?;
        found.width = rows.size()[1] as usize;
        found.values.extend(Vec::<f32>::try_from(rows.f_contiguous()?.f_view([-1])?)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns the tensor that a program answers with, the first where it answers with several.
fn answer(module: &CModule, batch: &Tensor) -> Result<Tensor, TchError> {
    let answer = module.forward_is(&[IValue::Tensor(batch.shallow_clone())])?;
    let first = match answer {
        IValue::Tuple(values) | IValue::GenericList(values) => values.into_iter().next(),
        other => Some(other),
    };
    let size = batch.size()[0];
    match first {
        Some(IValue::Tensor(tensor)) if tensor.dim() > 1 && tensor.size()[0] == size => Ok(tensor),
        Some(IValue::Tensor(tensor)) => {
            let found = tensor.size();
            Err(TchError::Torch(format!(
                "the program answers {size} images with the shape {found:?}"
            )))
        }
        _ => {
            Err(TchError::Torch("the program answers with something that is no tensor".to_owned()))
        }
    }
}
