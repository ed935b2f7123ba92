//! Using a trained GAN: images from its generator, scores from its critic.

use tch::Kind;

use crate::artifact::CHANNELS;
use crate::artifact::Gan;
use crate::artifact::ImageSet;
use crate::ml::Sampling;
use crate::ml::batch::Images;
use crate::ml::failure::guarded;
use crate::ml::gan;
use crate::ml::layers::Mode;
use crate::ml::libtorch::Inference;
use crate::ml::precision::Bits;
use crate::ml::weights;
use crate::stage::Context;
use crate::stage::StageError;
use crate::stage::Tick;

/// Images that the critic scores at once.
const BATCH: usize = 128;

/// Draws images from a generator: `[count, size, size, 3]`, 0-255.
///
/// Image `i` comes from a latent vector of its own, whatever the batches, and is of the class that is asked for.
pub fn generate(cx: &Context<'_>, gan: &Gan, sampling: &Sampling) -> Result<Vec<u8>, StageError> {
    let conditions = gan.shape.conditions;
    let classes = &sampling.classes;
    let wanted = if conditions > 0 { sampling.count } else { 0 };
    if classes.len() != wanted || classes.iter().any(|&class| class >= conditions) {
        let (count, told) = (sampling.count, classes.len());
        let problem =
            format!("{told} classes for {count} images of a GAN that is told {conditions}");
        return Err(StageError::data(problem));
    }
    guarded(cx, |device| {
        let (generator, mut parameters) = gan::generator(&gan.shape, None)?;
        let name = "generator.safetensors";
        weights::load(name, &weights::parse(name, &gan.generator)?, &mut parameters)?;
        parameters.place(device, Bits::ThirtyTwo)?;
        let _mode = Inference::new();
        let size = gan.shape.size;
        let mut pixels = Vec::with_capacity(sampling.count * size * size * CHANNELS);
        for start in (0..sampling.count).step_by(sampling.batch_size.max(1)) {
            cx.keep_going()?;
            let count = sampling.batch_size.max(1).min(sampling.count - start);
            let seed = cx.seed.named("latent");
            let vectors = (start..start + count)
                .map(|index| {
                    let seed = seed.number(index as u64);
                    gan::latent(seed, (1, gan.shape.latent), sampling.latent, device)
                })
                .collect::<Result<Vec<_>, _>>()?;
            let z = tch::Tensor::f_cat(&vectors, 0)?;
            let told = gan::told(classes.get(start..start + count).unwrap_or_default(), device)?;
            pixels.extend(gan::to_bytes(&generator.forward(&z, told.as_ref(), Mode::Use)?)?);
            tell(cx, start + count, sampling.count);
        }
        Ok(pixels)
    })
}

/// Returns the critic's score of each image: the higher, the more it looks like a real one, and where the GAN is
/// told classes, like one of the image's class.
pub fn critic_scores(cx: &Context<'_>, gan: &Gan, set: &ImageSet) -> Result<Vec<f64>, StageError> {
    let size = gan.shape.size;
    if (set.height, set.width) != (size, size) {
        let (height, width) = (set.height, set.width);
        let problem =
            format!("images of {width} x {height} pixels for a critic of {size} x {size}");
        return Err(StageError::data(problem));
    }
    let classes = gan::labels(&gan.shape, set)?;
    guarded(cx, |device| {
        let (critic, mut parameters) = gan::critic(&gan.shape, None)?;
        let name = "critic.safetensors";
        weights::load(name, &weights::parse(name, &gan.critic)?, &mut parameters)?;
        parameters.place(device, Bits::ThirtyTwo)?;
        let _mode = Inference::new();
        let images = Images::new(set, gan::HALF, gan::HALF, device)?;
        let mut scores = Vec::with_capacity(set.len());
        for start in (0..set.len()).step_by(BATCH) {
            cx.keep_going()?;
            let end = set.len().min(start + BATCH);
            let batch = images.stretch(start, end - start)?;
            let told = gan::told(classes.get(start..end).unwrap_or_default(), device)?;
            let found =
                critic.forward(&batch, told.as_ref(), Mode::Use)?.f_to_kind(Kind::Double)?;
            scores.extend(Vec::<f64>::try_from(found)?);
            tell(cx, scores.len(), set.len());
        }
        Ok(scores)
    })
}

fn tell(cx: &Context<'_>, done: usize, of: usize) {
    let unit = "images".to_owned();
    cx.observer.tick(&Tick { done: done as u64, of: of as u64, unit, ..Tick::default() });
}
