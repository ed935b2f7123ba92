//! Which copies make the classes of an image set even.
//!
//! Depends on the seed and on the ids and classes of the images, not on their order.

use crate::artifact::ImageSet;
use crate::augment::Pass;
use crate::seed::Seed;
use crate::stage::StageError;
use crate::stages::classic_augment::Copy;

/// Returns the copies that each class lacks to the largest, class by class; classes without an image
/// stay empty.
pub(super) fn copies(
    seed: Seed,
    passes: &[Pass],
    originals: &ImageSet,
) -> Result<Vec<Copy>, StageError> {
    let labels = originals.labels().map_err(|id| {
        StageError::data(format!("image `{id}` has no label, so no class to balance"))
            .help("put a stage of kind `label` before this one")
    })?;
    let seed = seed.named("balance");
    let counts = originals.class_counts();
    let most = counts.iter().copied().max().unwrap_or_default();
    let mut copies = Vec::new();
    for (class, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let mut images: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] == class).collect();
        let id = |image: usize| &originals.samples[image].id;
        images.sort_by_cached_key(|&i| (seed.named(id(i)).stream().next_u64(), id(i).clone()));
        let takes = |pass: &usize| passes[*pass].takes(Some(class), &originals.classes);
        let by: Vec<usize> = (0..passes.len()).filter(takes).collect();
        if by.is_empty() && count < most {
            let name = &originals.classes[class];
            let problem = format!("class `{name}` has {count} of {most} images and no pass");
            return Err(StageError::data(problem).help("give a pass without `classes`"));
        }
        copies.extend((0..most - count).map(|number| {
            let (original, time) = (images[number % count], number / count);
            let mut order = by.clone();
            seed.named(id(original)).named("passes").stream().shuffle(&mut order);
            let (pass, round) = (order[time % order.len()], time / order.len());
            Copy { original, pass, round }
        }));
    }
    Ok(copies)
}
