//! `MixUp` and `CutMix`: the images of a batch mixed with each other, and their labels in the same shares.
//!
//! `MixUp` (Zhang et al. 2018) adds two images up: `s x + (1 - s) x'`. `CutMix` (Yun et al. 2019) puts a
//! rectangle of one into the other, of the share `1 - s` of the area; where its middle lies near the rim,
//! less of it fits, and the share is that of what fits. The share is drawn from Beta(alpha, alpha), one
//! for each batch, as both papers' code does.

use tch::Tensor;

use crate::ml::Mixing;
use crate::ml::batch;
use crate::seed::Seed;
use crate::seed::Stream;
use crate::stage::StageError;

/// A batch whose images are mixed.
#[derive(Debug)]
pub(in crate::ml) struct Mixed {
    /// `[batch, 3, height, width]`.
    pub(in crate::ml) images: Tensor,
    /// For each image the number of the one that it is mixed with, within the batch.
    pub(in crate::ml) partners: Vec<usize>,
    /// Share of the image itself, 0 to 1.
    pub(in crate::ml) share: f64,
}

/// Mixes a batch `[batch, 3, height, width]` as its seed draws it. Where there are both, either is as
/// likely.
pub(in crate::ml) fn mix(
    images: &Tensor,
    mixing: &Mixing,
    seed: Seed,
) -> Result<Mixed, StageError> {
    let stream = &mut seed.stream();
    let mut partners: Vec<usize> = (0..images.size()[0] as usize).collect();
    stream.shuffle(&mut partners);
    let others = images.f_index_select(0, &batch::indices_on(&partners, images.device())?)?;
    let is_cut = match (mixing.mixup, mixing.cutmix) {
        (Some(_), Some(_)) => stream.chance(0.5),
        (_, cutmix) => cutmix.is_some(),
    };
    let alpha = if is_cut { mixing.cutmix } else { mixing.mixup };
    let share = alpha.map_or(1.0, |alpha| stream.beta(alpha, alpha));
    if !is_cut {
        return Ok(Mixed { images: others.f_lerp(images, share)?, partners, share });
    }
    let (height, width) = (images.size()[2], images.size()[3]);
    let [top, bottom] = cut(height, share, stream);
    let [left, right] = cut(width, share, stream);
    let images = images.f_detach_copy()?;
    let within =
        |tensor: &Tensor| tensor.f_narrow(2, top, bottom - top)?.f_narrow(3, left, right - left);
    within(&images)?.f_copy_(&within(&others)?)?;
    let area = ((bottom - top) * (right - left)) as f64;
    Ok(Mixed { images, partners, share: 1.0 - area / (height * width) as f64 })
}

/// Returns where a cut begins and ends on a side of a length.
fn cut(length: i64, share: f64, stream: &mut Stream) -> [i64; 2] {
    let half = (length as f64 * (1.0 - share).sqrt()) as i64 / 2;
    let middle = stream.below(length as usize) as i64;
    [(middle - half).max(0), (middle + half).min(length)]
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use tch::Kind;
    use tch::Tensor;

    use super::Mixing;
    use super::Seed;
    use super::mix;

    /// Images of which each has its own number in every place.
    fn images(count: i64) -> Tensor {
        let numbers = Tensor::arange(count, (Kind::Float, Device::Cpu));
        numbers.view([count, 1, 1, 1]).expand([count, 3, 6, 8], false).copy()
    }

    fn level(images: &Tensor, at: [i64; 4]) -> f64 {
        images.double_value(&at)
    }

    #[test]
    fn images_added_up_have_the_levels_of_their_shares() {
        let mixing = Mixing { mixup: Some(0.4), cutmix: None };
        for seed in 0..20 {
            let mixed = mix(&images(5), &mixing, Seed(seed)).unwrap();
            assert!((0.0..=1.0).contains(&mixed.share));
            for (own, partner) in mixed.partners.iter().enumerate() {
                let sum = mixed.share * own as f64 + (1.0 - mixed.share) * *partner as f64;
                assert!((level(&mixed.images, [own as i64, 1, 2, 3]) - sum).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_cut_covers_the_share_that_is_told() {
        let mixing = Mixing { mixup: None, cutmix: Some(1.0) };
        let mut cut_images = 0;
        for seed in 0..30 {
            let mixed = mix(&images(4), &mixing, Seed(seed)).unwrap();
            for (own, partner) in mixed.partners.iter().enumerate().filter(|(a, b)| a != *b) {
                let mut foreign = 0.0;
                for (row, column) in (0..6).flat_map(|row| (0..8).map(move |column| (row, column)))
                {
                    let found = level(&mixed.images, [own as i64, 0, row, column]);
                    assert!(found == own as f64 || found == *partner as f64);
                    foreign += f64::from(u8::from(found != own as f64));
                }
                assert!((mixed.share - (1.0 - foreign / 48.0)).abs() < 1e-9);
                cut_images += usize::from(foreign > 0.0 && foreign < 48.0);
            }
        }
        assert!(cut_images > 30, "{cut_images}");
    }

    #[test]
    fn where_there_are_both_either_is_drawn() {
        let mixing = Mixing { mixup: Some(1.0), cutmix: Some(1.0) };
        let is_whole = |seed| {
            let mixed = mix(&images(2), &mixing, Seed(seed)).unwrap();
            let first = level(&mixed.images, [0, 0, 0, 0]);
            first.fract() == 0.0
        };
        let cuts = (0..100).filter(|seed| is_whole(*seed)).count();
        // A batch of two has itself as its partners half of the time, and is whole then in any case.
        assert!((55..95).contains(&cuts), "{cuts}");
    }
}
