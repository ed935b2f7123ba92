//! What training a GAN and using it have in common: its networks, latent vectors, classes, images as bytes.

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::GanShape;
use crate::artifact::ImageSet;
use crate::ml::LatentDistribution;
use crate::ml::batch;
use crate::ml::critic::Critic;
use crate::ml::generator::Generator;
use crate::ml::parameters::Parameters;
use crate::seed::Seed;
use crate::stage::StageError;

/// Pixels 0-1 become -1 to 1: what `tanh` can give.
pub(in crate::ml) const HALF: [f64; 3] = [0.5; 3];

/// Makes a generator; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn generator(
    shape: &GanShape,
    seed: Option<Seed>,
) -> Result<(Generator, Parameters), StageError> {
    let mut parameters = Parameters::new(seed.map(|seed| seed.named("generator")));
    Ok((Generator::new(parameters.root(), shape)?, parameters))
}

/// Makes a critic; without a seed its tensors are zero, to be loaded.
pub(in crate::ml) fn critic(
    shape: &GanShape,
    seed: Option<Seed>,
) -> Result<(Critic, Parameters), StageError> {
    let mut parameters = Parameters::new(seed.map(|seed| seed.named("critic")));
    Ok((Critic::new(parameters.root(), shape)?, parameters))
}

/// Draws latent vectors `[count, length]`.
pub(in crate::ml) fn latent(
    seed: Seed,
    (count, length): (usize, usize),
    distribution: LatentDistribution,
    device: Device,
) -> Result<Tensor, StageError> {
    let mut stream = seed.stream();
    let draw = || match distribution {
        LatentDistribution::Normal => stream.normal() as f32,
        LatentDistribution::Uniform => stream.range(-1.0, 1.0) as f32,
    };
    let numbers: Vec<f32> = std::iter::repeat_with(draw).take(count * length).collect();
    let vectors = Tensor::f_from_slice(&numbers)?.f_view([count as i64, length as i64])?;
    Ok(vectors.f_to_device(device)?)
}

/// Returns the class of each image where networks of a shape are told it, else nothing.
pub(in crate::ml) fn labels(shape: &GanShape, set: &ImageSet) -> Result<Vec<usize>, StageError> {
    if shape.conditions == 0 {
        return Ok(Vec::new());
    }
    if shape.conditions != set.classes.len() {
        let (told, named) = (shape.conditions, set.classes.len());
        let problem = format!("images of {named} classes for a GAN that is told {told}");
        return Err(StageError::data(problem));
    }
    set.labels().map_err(|id| {
        StageError::data(format!("a conditional GAN needs classes, but image `{id}` has no label"))
            .help("put a `label` stage before it, or train the GAN without `conditional`")
    })
}

/// Returns classes as networks are told them; nothing for none.
pub(in crate::ml) fn told(classes: &[usize], device: Device) -> Result<Option<Tensor>, StageError> {
    (!classes.is_empty()).then(|| batch::indices_on(classes, device)).transpose()
}

/// Returns images `[n, 3, size, size]` from -1 to 1 as bytes `[n, size, size, 3]`, rounded.
pub(in crate::ml) fn to_bytes(images: &Tensor) -> Result<Vec<u8>, StageError> {
    let scaled = images.f_permute([0, 2, 3, 1])?.f_add_scalar(1.0)?.f_mul_scalar(127.5)?;
    let bytes = scaled.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?;
    let bytes = bytes.f_contiguous()?.f_view([-1])?.f_to_device(Device::Cpu)?;
    Ok(Vec::<u8>::try_from(bytes)?)
}
