//! Image sets as tensors: batches of them in any order, normalised on the device.

use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::artifact::CHANNELS;
use crate::artifact::ImageSet;
use crate::seed::Seed;
use crate::stage::StageError;

/// Images of a set, kept as bytes on a device.
#[derive(Debug)]
pub(in crate::ml) struct Images {
    bytes: Tensor,
    scale: Tensor,
    shift: Tensor,
    /// Number of images.
    pub(in crate::ml) count: usize,
    /// Whether batches hold the luma of images on all three channels.
    pub(in crate::ml) grey: bool,
}

/// Shares of red, green and blue in luma (ITU-R BT.601).
const LUMA: [f32; CHANNELS] = [0.299, 0.587, 0.114];

impl Images {
    /// Copies a set to a device; `(x / 255 - mean) / deviation` is what batches will hold.
    pub(in crate::ml) fn new(
        set: &ImageSet,
        mean: [f64; CHANNELS],
        deviation: [f64; CHANNELS],
        device: Device,
    ) -> Result<Self, StageError> {
        let shape = [set.len(), set.height, set.width, CHANNELS].map(|side| side as i64);
        let mut pixels = Vec::with_capacity(set.len() * set.bytes_per_image());
        (0..set.len()).for_each(|index| pixels.extend_from_slice(set.image(index)));
        let bytes = Tensor::f_from_data_size(&pixels, &shape, Kind::Uint8)?;
        let channel = |number: fn(f64, f64) -> f64| {
            let numbers: Vec<f32> =
                mean.iter().zip(&deviation).map(|(&m, &d)| number(m, d) as f32).collect();
            Tensor::f_from_slice(&numbers)?.f_to_device(device)
        };
        Ok(Self {
            bytes: bytes.f_to_device(device)?,
            scale: channel(|_, deviation| 1.0 / (255.0 * deviation))?,
            shift: channel(|mean, deviation| -mean / deviation)?,
            count: set.len(),
            grey: false,
        })
    }

    /// Returns a batch `[batch, 3, height, width]`, channels last in memory.
    pub(in crate::ml) fn batch(&self, indices: &[usize]) -> Result<Tensor, StageError> {
        let indices = indices_on(indices, self.bytes.device())?;
        self.normalised(&self.bytes.f_index_select(0, &indices)?)
    }

    /// Returns pixels that are not of the set, `[batch, height, width, 3]`, as a batch of it.
    pub(in crate::ml) fn foreign(&self, pixels: &[u8]) -> Result<Tensor, StageError> {
        let mut shape = self.bytes.size();
        shape[0] = pixels.len() as i64 / shape[1..].iter().product::<i64>();
        let bytes = Tensor::f_from_data_size(pixels, &shape, Kind::Uint8)?;
        self.normalised(&bytes.f_to_device(self.bytes.device())?)
    }

    fn normalised(&self, bytes: &Tensor) -> Result<Tensor, StageError> {
        let mut levels = bytes.f_to_kind(Kind::Float)?;
        if self.grey {
            let shares = Tensor::f_from_slice(&LUMA)?.f_to_device(levels.device())?;
            let luma = levels.f_matmul(&shares)?.f_unsqueeze(-1)?;
            levels = luma.f_expand_as(&levels)?;
        }
        let pixels = self.shift.f_addcmul(&levels, &self.scale)?;
        Ok(pixels.f_permute([0, 3, 1, 2])?)
    }

    /// Returns the batch of consecutive images.
    pub(in crate::ml) fn stretch(&self, start: usize, count: usize) -> Result<Tensor, StageError> {
        let indices: Vec<usize> = (start..start + count).collect();
        self.batch(&indices)
    }
}

/// Returns whole numbers as a tensor.
pub(in crate::ml) fn indices_on(numbers: &[usize], device: Device) -> Result<Tensor, StageError> {
    let numbers: Vec<i64> = numbers.iter().map(|&number| number as i64).collect();
    Ok(Tensor::f_from_slice(&numbers)?.f_to_device(device)?)
}

/// Returns the batches of an epoch: all indices in an order of their own. A last batch of one
/// image is left out, since batch normalisation can make nothing of a single image.
pub(in crate::ml) fn batches(count: usize, size: usize, seed: Seed) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    seed.stream().shuffle(&mut order);
    parted(&order, size)
}

/// Parts an order into batches, a last one of one image left out.
pub(in crate::ml) fn parted(order: &[usize], size: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = order.chunks(size.max(1)).map(<[usize]>::to_vec).collect();
    if size > 1 && batches.last().is_some_and(|last| last.len() == 1) {
        batches.pop();
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Device;
    use super::ImageSet;
    use super::Images;
    use super::Seed;
    use super::Tensor;
    use super::batches;
    use crate::artifact::Partition;
    use crate::artifact::Sample;

    /// Returns the normalised channels of one pixel.
    fn seen(pixel: [u8; 3], grey: bool) -> Vec<f32> {
        let mut set = ImageSet::empty(1, 1, vec!["well".to_owned()]);
        let (partition, origin) = (Partition::Train, "made".to_owned());
        let sample = Sample { id: "a".to_owned(), label: Some(0), partition, group: None, origin };
        set.push(sample, &pixel);
        let mut images = Images::new(&set, [0.5, 0.25, 0.0], [0.5, 1.0, 2.0], Device::Cpu).unwrap();
        images.grey = grey;
        Vec::try_from(images.batch(&[0]).unwrap().view([-1])).unwrap()
    }

    #[test]
    fn grey_images_are_their_luma_on_each_channel_before_it_is_normalised() {
        let luma = (0.299 * 200.0 + 0.587 * 100.0 + 0.114 * 50.0) / 255.0;
        let expected = [(luma - 0.5) / 0.5, luma - 0.25, luma / 2.0];
        for (found, expected) in seen([200, 100, 50], true).iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn an_image_without_colours_looks_the_same_in_grey() {
        let (grey, coloured) = (seen([77; 3], true), seen([77; 3], false));
        let close =
            Tensor::from_slice(&grey).allclose(&Tensor::from_slice(&coloured), 0.0, 1e-6, false);
        assert!(close, "{grey:?}, {coloured:?}");
    }

    proptest! {
        #[test]
        fn an_epoch_shows_every_image_once(count in 0_usize..200, size in 1_usize..40, seed: u64) {
            let batches = batches(count, size, Seed(seed));
            let mut seen: Vec<usize> = batches.concat();
            seen.sort_unstable();
            seen.dedup();
            let dropped = usize::from(size > 1 && count % size == 1);
            prop_assert_eq!(seen.len(), count - dropped);
            prop_assert!(batches.iter().all(|batch| batch.len() <= size && !batch.is_empty()));
            prop_assert!(size == 1 || batches.iter().all(|batch| batch.len() > 1));
        }
    }
}
